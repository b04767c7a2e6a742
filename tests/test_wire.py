"""Trying again on a wire, and what Telegram takes as a photo."""

from __future__ import annotations

import asyncio

import pytest
from botapi import BotApi
from telegram.ext import ExtBot

from bot.telegram import TelegramWire
from bot.wire import File, Moved, Post, Refused, Unsent, insist, once


class Calls:
    """A call that fails in given ways before it works, and a pause that notes how long."""

    def __init__(self, *failures: Exception, patience: int = 99) -> None:
        self.failures = list(failures)
        self.patience = patience
        self.paused: list[float] = []

    async def __call__(self) -> str:
        if self.failures:
            raise self.failures.pop(0)
        return "done"

    async def pause(self, seconds: float) -> bool:
        self.paused.append(seconds)
        return len(self.paused) >= self.patience


async def test_insisting_waits_longer_each_time_or_as_long_as_it_is_told() -> None:
    calls = Calls(Unsent("no"), Unsent("no"), Unsent("no", 17), Unsent("no"))
    assert await insist(calls, calls.pause) == "done"
    assert calls.paused == [1, 2, 17, 8]


async def test_insisting_ends_when_it_is_time_to_stop_or_when_it_never_will_work() -> None:
    calls = Calls(*[Unsent("no")] * 5, patience=2)
    assert await insist(calls, calls.pause) is None
    for error in (Refused("blocked"), Moved("telegram:-9")):
        calls = Calls(error)
        with pytest.raises(type(error)):
            await insist(calls, calls.pause)
        assert calls.paused == []


async def test_what_is_nice_to_have_is_tried_once() -> None:
    assert await once(Calls()()) == "done"
    assert await once(Calls(Unsent("no"))()) is None


@pytest.mark.parametrize(
    ("size", "width", "height", "fits"),
    [(10 << 20, 5000, 5000, True), (1 + (10 << 20), 64, 64, False), (9, 9000, 1001, False), (9, 210, 10, False)],
)
def test_what_fits_a_photo(size: int, width: int, height: int, fits: bool) -> None:
    assert File("x.png", b"x" * size, width, height).fits_photo is fits


async def test_what_is_too_large_for_a_photo_goes_as_a_file() -> None:
    with BotApi() as api:
        api.chat(1)
        api.chats[2] = {"id": 2, "type": "group", "title": "old", "migrated_to": -1002}
        async with ExtBot(api.token, base_url=f"{api.url}/bot") as bot:
            wire, wide = TelegramWire(bot), File("wide.png", b"x", 210, 10)
            (one,) = await wire.send(Post("telegram:1", "a caption", [[("⭐1", "r:1:1")]], files=[wide]))
            assert len(await wire.send(Post("telegram:1", "two", files=[wide, wide]))) == 2
            with pytest.raises(Moved) as moved:
                await wire.say("telegram:2", "x")
            with pytest.raises(Refused):
                await wire.remove("telegram:1", "999")
    documents = api.messages(1, "document")
    assert [message.get("caption") for message in documents] == ["a caption", "two", None]
    assert documents[0]["message_id"] == int(one) and "reply_markup" in documents[0]
    assert moved.value.chat == "telegram:-1002"


async def test_a_connection_that_is_refused_is_worth_another_try() -> None:
    async with asyncio.timeout(20):
        bot = ExtBot("1:x", base_url="http://127.0.0.1:9/bot")
        await bot.request.initialize()
        with pytest.raises(Unsent):
            await TelegramWire(bot).say("telegram:1", "x")
        await bot.request.shutdown()
