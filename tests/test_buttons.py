"""Buttons: what they carry and that nothing forged gets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import buttons
from bot.buttons import Press, decode, encode, under_picture

LARGEST = 10**18 - 1


@pytest.mark.parametrize("action", [buttons.AGAIN, buttons.FILE, buttons.WHY, buttons.DELETE])
def test_actions_survive_the_way_out_and_back(action: str) -> None:
    for job in (1, 12345, LARGEST):
        assert decode(encode(Press(action, job))) == Press(action, job)


def test_ratings_and_models_too() -> None:
    assert encode(Press(buttons.RATE, 123, 5)) == "r:123:5"
    assert decode("r:123:5") == Press(buttons.RATE, 123, 5)
    assert decode(encode(Press(buttons.MODEL, model="flux-dev:x"))) == Press(buttons.MODEL, model="flux-dev:x")


@pytest.mark.parametrize(
    "press",
    [
        Press(buttons.SWITCH, LARGEST, 0),
        Press(buttons.SWITCH, 7, 39),
        Press(buttons.SWITCHED, 7),
        Press(buttons.NEVER, 7),
        Press(buttons.PROMOTE, LARGEST),
        Press(buttons.FORGET),
        Press(buttons.REPORT, LARGEST),
        Press(buttons.SETTLE, LARGEST, 3),
    ],
)
def test_what_is_under_an_answer_to_why_survives_too(press: Press) -> None:
    assert decode(encode(press)) == press
    assert len(encode(press).encode()) <= buttons.MAX_DATA


@pytest.mark.parametrize(
    "data",
    [
        "o:1",
        "o:1:-1",
        "o:1:100",
        "o:1:01",
        "o:0:1",
        "g:1:1",
        "n:",
        "p:x",
        "forget:1",
        "FORGET",
        "s:1",
        "s:1:0",
        "s:1:4",
        "z:1:1",
        "z:0",
    ],
)
def test_forged_switches_are_nothing(data: str) -> None:
    assert decode(data) is None


def test_switches_are_shown_as_they_stand() -> None:
    tags = [(f"tag {number}", number != 1) for number in range(50)]
    rows = buttons.under_why(7, "en", [("x" * 90, True), *tags], changed=True)
    shown = [button for row in rows for button in row]
    assert shown[0] == (f"✅ {'x' * 30}", "o:7:0")
    assert ("⬜ tag 1", "o:7:2") in shown
    assert [data for _, data in shown[-2:]] == ["g:7", "n:7"]
    assert len(shown) == buttons.SWITCHES + 2 and all(len(row) <= 2 for row in rows)
    assert buttons.under_why(7, "en", [], changed=False) == []


@pytest.mark.parametrize(
    "data",
    ["", "r", "r:1", "r:1:0", "r:1:6", "r:0:5", "r:-1:5", "r:1:5:5", "r:1:5\n", "a:", "a:x", "a:١", "a:01", "x:1", "m:",
     "a:" + "9" * 19, "r:1:5 ", "d:1;DROP TABLE jobs"],
)  # fmt: skip
def test_what_easel_never_made_is_nothing(data: str) -> None:
    assert decode(data) is None


@given(st.text(max_size=70))
def test_whatever_is_decoded_is_sound(data: str) -> None:
    press = decode(data)
    if press is not None and press.action != buttons.MODEL:
        assert 0 < press.job < 2**63 and press.value in range(6) and encode(press) == data


def test_buttons_fit_and_show_ones_own_rating() -> None:
    for language, rating in (("zh", 0), ("en", 4)):
        rows = under_picture(LARGEST, language, rating)
        assert all(0 < len(data.encode()) <= buttons.MAX_DATA and decode(data) for row in rows for _, data in row)
        assert [label for label, _ in rows[0] if "✓" in label] == ([f"⭐{rating} ✓"] if rating else [])
    assert len([button for row in rows for button in row]) == 10


def test_models_too_long_for_a_button_are_left_out() -> None:
    rows = buttons.models(["sdxl", "m" * 63, "模" * 21], "sdxl")
    assert [label for row in rows for label, _ in row] == ["sdxl ✓"]
    assert buttons.models(["m" * 62], "")[0][0][1] == "m:" + "m" * 62
