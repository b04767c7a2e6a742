"""Posting once, over a real wire to the tests' Bot API server, with every way in which an answer can be lost."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import AsyncIterator, Iterator

import pytest
from botapi import BotApi, Fault
from PIL import Image
from telegram.ext import ExtBot

from bot.posting import Notes, insist_once, post_once
from bot.telegram import TelegramWire
from bot.telegram.numbers import LEAST, Numbers
from bot.wire import File, Post, Unsent, Unsure


def picture(colour: str) -> File:
    stream = io.BytesIO()
    Image.new("RGB", (20, 10), colour).save(stream, "PNG")
    return File(f"{colour}.png", stream.getvalue(), 20, 10)


ROWS = [[("⭐1", "r:1:1")]]
POSTS = {
    "text": Post("telegram:1", "a text", ROWS),
    "photo": Post("telegram:1", "a photo", ROWS, files=[picture("red")]),
    "file": Post("telegram:1", "", files=[picture("red")], original=True),
    "album": Post("telegram:1", "an album", files=[picture("red"), picture("blue")]),
}


@pytest.fixture
def api() -> Iterator[BotApi]:
    with BotApi() as server:
        server.chat(1)
        server.say(1, "hello")
        yield server


@pytest.fixture
async def wire(api: BotApi) -> AsyncIterator[TelegramWire]:
    async with ExtBot(api.token, base_url=f"{api.url}/bot") as bot:
        yield TelegramWire(bot)


async def at_once(seconds: float) -> bool:
    return False


@pytest.mark.parametrize("post", POSTS.values(), ids=POSTS)
@pytest.mark.parametrize("cut", ["before", "upload", "after"])
async def test_a_cut_neither_loses_nor_doubles(api: BotApi, wire: TelegramWire, post: Post, cut: str) -> None:
    api.misbehave("*", Fault(cut=cut))
    kept: dict[str, str] = {}
    assert await insist_once(wire, post, "answer", Notes({}, kept.__setitem__), at_once)
    there = [str(message["message_id"]) for message in api.messages(1)]
    assert len(there) == max(1, len(post.files)) and kept["answer"] == ",".join(there)


@pytest.mark.parametrize("post", POSTS.values(), ids=POSTS)
async def test_what_stands_farther_on_than_anybody_could_know_is_taken_away(
    api: BotApi, wire: TelegramWire, post: Post
) -> None:
    """Strangers wrote, whom the bot does not see, so the first try is not found; the second tells how far to look."""
    for _ in range(30):
        api.number()
    api.misbehave("*", Fault(cut="after"))
    kept: dict[str, str] = {}
    assert await insist_once(wire, post, "answer", Notes({}, kept.__setitem__), at_once)
    there = [str(message["message_id"]) for message in api.messages(1)]
    assert len(there) == max(1, len(post.files)) and kept["answer"] == ",".join(there)


@pytest.mark.parametrize("post", POSTS.values(), ids=POSTS)
async def test_a_process_that_died_after_sending_leaves_enough_to_find_it(
    api: BotApi, wire: TelegramWire, post: Post
) -> None:
    mark = wire.mark(post)
    sent = await wire.send(post)
    async with ExtBot(api.token, base_url=f"{api.url}/bot") as bot:
        kept: dict[str, str] = {}
        await post_once(TelegramWire(bot), post, "answer", Notes({"answer?": mark}, kept.__setitem__))
    assert len(api.messages(1)) == len(sent) and kept == {"answer": ",".join(sent)}


async def test_what_is_known_to_be_something_else_is_left_alone(api: BotApi, wire: TelegramWire) -> None:
    mark = wire.mark(POSTS["text"])
    other = await wire.say("telegram:1", "something else")
    assert await wire.find(POSTS["text"], mark) == []
    assert [(str(m["message_id"]), m["text"]) for m in api.messages(1)] == [(other, "something else")]


async def test_a_refusal_is_no_reason_to_look(api: BotApi, wire: TelegramWire) -> None:
    api.misbehave("sendMessage", Fault.flood(1))
    kept: dict[str, str] = {}
    with pytest.raises(Unsent) as error:
        await post_once(wire, POSTS["text"], "answer", Notes({}, kept.__setitem__))
    assert not isinstance(error.value, Unsure) and kept == {"answer?": ""}


def test_numbers_are_counted_together_but_in_supergroups() -> None:
    numbers = Numbers()
    numbers.saw(1, 40)
    numbers.saw(-1_000_000_000_005, 7)
    numbers.posted(2, [41, 43])
    assert [numbers.mark(1), numbers.mark(-1_000_000_000_005), numbers.mark(1, 99)] == [43, 7, 99]
    assert numbers.candidates(2, 40, 41) == [42, *range(44, 50)]
    assert numbers.candidates(1, 500) == list(range(501, 501 + LEAST))


@pytest.mark.parametrize("post", POSTS.values(), ids=POSTS)
@pytest.mark.parametrize("cut", ["", "after"])
async def test_what_was_posted_and_could_not_be_noted_is_not_posted_again(
    api: BotApi, wire: TelegramWire, post: Post, cut: str
) -> None:
    """The disk fills just when a message is there: sent, or found after its answer was lost."""
    kept: dict[str, str] = {}
    failures = iter([True])

    def full(part: str, value: str) -> None:
        if part == "answer" and next(failures, False):
            raise sqlite3.OperationalError("database or disk is full")
        kept[part] = value

    api.misbehave("*", Fault(cut=cut))
    assert await insist_once(wire, post, "answer", Notes({}, full), at_once)
    there = [str(message["message_id"]) for message in api.messages(1)]
    assert len(there) == max(1, len(post.files)) and kept["answer"] == ",".join(there)
