"""The gate lets in whom the settings' lists name and nobody has shut out, and nobody when anything goes wrong."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result

from bot.gate import Blocked, Gate
from bot.settings import Settings, load_settings
from bot.store import open_database

STRANGER, GUEST, ADMIN, GROUP = "telegram:9", "telegram:7", "telegram:1", "telegram:-100"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    environ = {"EASEL_HOME": str(tmp_path), "EASEL_ADMINS": "1", "EASEL_ALLOW": "7,-100"}
    return load_settings(environ)


@pytest.fixture
def blocked(tmp_path: Path) -> Blocked:
    return Blocked(open_database(tmp_path / "easel.db"))


def fails(error: Exception) -> Callable[[str, str], bool]:
    def is_blocked(user: str, place: str) -> bool:
        raise error

    return is_blocked


def test_the_lists_and_the_blocked_decide(settings: Settings, blocked: Blocked) -> None:
    gate = Gate(settings, blocked.any_of)
    assert gate.admits(GUEST, "") and gate.admits(STRANGER, GROUP) and gate.admits(ADMIN, "")
    assert not gate.admits(STRANGER, "") and not gate.admits("telegram:77", "") and not gate.admits("telegram:100", "")
    assert blocked.block(GUEST, ADMIN) and not blocked.block(GUEST, ADMIN)
    assert not gate.admits(GUEST, "") and not gate.admits(GUEST, GROUP)
    assert blocked.unblock(GUEST) and not blocked.unblock(GUEST)
    assert gate.admits(GUEST, "")


def test_a_blocked_group_is_closed_to_all_but_admins(settings: Settings, blocked: Blocked) -> None:
    blocked.block(GROUP, ADMIN)
    gate = Gate(settings, blocked.any_of)
    assert not gate.admits(STRANGER, GROUP) and not gate.admits(GUEST, GROUP)
    assert gate.admits(ADMIN, GROUP) and gate.admits(GUEST, "")


def test_without_a_list_everybody_comes_in(settings: Settings, blocked: Blocked) -> None:
    gate = Gate(replace(settings, allow=frozenset()), blocked.any_of)
    assert gate.admits(STRANGER, "")
    blocked.block(STRANGER, ADMIN)
    assert not gate.admits(STRANGER, "")


def test_an_anonymous_admin_comes_in_only_where_the_list_names_their_group(settings: Settings) -> None:
    """Anybody may have any number of groups, and so of names, and of days' pictures."""
    for allow, comes_in in (("-100", True), ("7", False), ("", False)):
        gate = Gate(replace(settings, allow=frozenset(filter(None, [allow]))), lambda user, place: False)
        assert gate.admits(GROUP, GROUP) is comes_in, allow


def test_admins_cannot_be_shut_out(settings: Settings, blocked: Blocked) -> None:
    blocked.block(ADMIN, STRANGER)
    assert Gate(settings, blocked.any_of).admits(ADMIN, "")


def test_nobody_in_particular_stays_outside(settings: Settings, blocked: Blocked) -> None:
    gate = Gate(replace(settings, allow=frozenset()), blocked.any_of)
    assert not gate.admits("", GROUP) and not gate.admits("", "")


@pytest.mark.parametrize("error", [sqlite3.DatabaseError("malformed"), KeyError("x"), RuntimeError(), MemoryError()])
def test_fails_closed(settings: Settings, error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    assert not Gate(settings, fails(error)).admits(GUEST, "")
    assert GUEST in caplog.text


def test_a_busy_database_is_asked_again_later(settings: Settings) -> None:
    gate = Gate(settings, fails(sqlite3.OperationalError("database is locked")))
    with pytest.raises(sqlite3.OperationalError):
        gate.admits(GUEST, "")
    assert not gate.admits(STRANGER, ""), "strangers need no database"
    assert gate.admits(ADMIN, ""), "nor do admins"


def test_something_else_than_no_is_yes_blocked(settings: Settings) -> None:
    assert not Gate(settings, lambda user, place: None).admits(GUEST, "")  # type: ignore[arg-type, return-value]


def test_who_is_blocked_is_told_in_order_and_moves_with_a_group(blocked: Blocked) -> None:
    blocked.block(GROUP, ADMIN)
    blocked.block(GUEST, "cli")
    assert {(row.who, row.by) for row in blocked.list()} == {(GROUP, ADMIN), (GUEST, "cli")}
    blocked.move(GROUP, "telegram:-100200")
    assert blocked.any_of("telegram:-100200") and not blocked.any_of(GROUP)


def test_the_command_line_shuts_out_and_lets_in(easel: Callable[..., Result], home: Path) -> None:
    assert "telegram:7 is shut out; 0 job(s)" in easel("people", "block", "7").stdout
    assert "was already" in easel("people", "block", "telegram:7").stdout
    assert "telegram:7  by cli" in easel("people", "blocked").stdout
    assert json.loads(easel("people", "blocked", "--json").stdout)[0]["who"] == "telegram:7"
    assert "may come in" in easel("people", "unblock", "7").stdout
    assert "was not" in easel("people", "unblock", "7").stdout
    assert easel("people", "blocked").stdout == "Nobody is shut out.\n"


def test_an_admin_is_not_shut_out(easel: Callable[..., Result], home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_ADMINS", "7")
    refused = easel("people", "block", "7")
    assert refused.exit_code == 1 and "Admins cannot be shut out" in refused.stderr
