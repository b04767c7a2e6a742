"""The gate lets in whom the assistant knows, and nobody when anything goes wrong."""

from __future__ import annotations

import sqlite3

import pytest

from bot.gate import Gate


def test_asks_about_user_and_chat() -> None:
    asked = []

    def may_use(user: str, chat: str) -> bool:
        asked.append((user, chat))
        return user == "telegram:1"

    gate = Gate(may_use)
    assert gate.admits("telegram:1", "telegram:-5") and not gate.admits("telegram:2", "telegram:2")
    assert asked == [("telegram:1", "telegram:-5"), ("telegram:2", "telegram:2")]


def test_nobody_in_particular_stays_outside() -> None:
    assert not Gate(lambda user, chat: True).admits("", "telegram:-5")


@pytest.mark.parametrize("error", [sqlite3.OperationalError("locked"), KeyError("x"), RuntimeError(), MemoryError()])
def test_fails_closed(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    def may_use(user: str, chat: str) -> bool:
        raise error

    assert not Gate(may_use).admits("telegram:1", "telegram:1")
    assert "telegram:1" in caplog.text


def test_something_else_than_yes_is_no() -> None:
    assert not Gate(lambda user, chat: "yes").admits("telegram:1", "")  # type: ignore[arg-type, return-value]
