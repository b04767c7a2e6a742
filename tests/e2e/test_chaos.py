"""A small version of `make chaos`: kills and bad weather, with the real bot process."""

from __future__ import annotations

from pathlib import Path

import chaos
import pytest

pytestmark = pytest.mark.timeout(240)


def test_a_killed_bot_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    tally = chaos.killed(1, tmp_path, seed=3)
    assert tally.kept and tally.left_over == 0, tally.details


def test_bad_weather_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    tally = chaos.stormy(5, tmp_path, seed=3)
    assert tally.kept, tally.details
