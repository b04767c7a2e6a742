"""A stranger's updates of every kind that Telegram has, with the gate's database sound and broken: no reply to any."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botapi import BotApi
from hashing_embedder import HashingEmbedder
from running_bot import RunningBot, make_home
from telegram import Update

from bot.assistant import Assistant

pytestmark = [
    # PNDM, the tiny model's scheduler, hands a torch tensor to numpy in a way that numpy 2 will drop.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.timeout(120),
]

STRANGER, GUEST, GROUP, THEIRS = 66, 1, -100500, -100777
PERSON = {"id": STRANGER, "is_bot": False, "first_name": "S", "language_code": "en"}
USER_CHAT = {"id": STRANGER, "type": "private", "first_name": "S"}
GROUP_CHAT = {"id": THEIRS, "type": "supergroup", "title": "G"}
MEMBER = {"user": PERSON, "status": "member"}
CHANGE = {"chat": GROUP_CHAT, "from": PERSON, "date": 1, "old_chat_member": MEMBER, "new_chat_member": MEMBER}
ADDRESS = dict.fromkeys(["state", "city", "street_line1", "street_line2", "post_code"], "") | {"country_code": "DE"}
BOOST = {"boost_id": "1", "add_date": 1, "expiration_date": 2, "source": {"source": "premium", "user": PERSON}}
POLL = {"id": "1", "question": "?", "options": [], "total_voter_count": 0, "is_closed": False, "is_anonymous": False}


def message(chat: dict[str, Any], **content: Any) -> dict[str, Any]:
    return {"message_id": 5, "date": 1, "chat": chat, "from": PERSON, **content}


TEXT = message(USER_CHAT, text="a cat")
COMMAND = message(USER_CHAT, text="/start", entities=[{"type": "bot_command", "offset": 0, "length": 6}])
ANONYMOUS = {key: value for key, value in message(GROUP_CHAT, text="a cat").items() if key != "from"}
QUERY = {"id": "1", "from": PERSON, "chat_instance": "1"}
REACTION = {"chat": GROUP_CHAT, "message_id": 5, "date": 1}

#: Every kind of update; several contents where that matters.
UPDATES: dict[str, list[dict[str, Any]]] = {
    "message": [
        TEXT,
        COMMAND,
        message(USER_CHAT, sticker={"file_id": "x"}),
        message(USER_CHAT, photo=[{"file_id": "x", "file_unique_id": "x", "width": 8000, "height": 5000}]),
        message(GROUP_CHAT, text="@easel_test_bot a cat", entities=[{"type": "mention", "offset": 0, "length": 15}]),
        message(GROUP_CHAT, text="/help", sender_chat=GROUP_CHAT),
        message({**GROUP_CHAT, "id": GUEST}, text="/help"),
        message(USER_CHAT, text="/help", sender_chat={**GROUP_CHAT, "id": GROUP}),
        ANONYMOUS,
    ],
    "edited_message": [TEXT, COMMAND],
    "channel_post": [ANONYMOUS, message(GROUP_CHAT, text="/start")],
    "edited_channel_post": [ANONYMOUS],
    "business_message": [TEXT, COMMAND],
    "edited_business_message": [TEXT],
    "deleted_business_messages": [{"business_connection_id": "1", "chat": USER_CHAT, "message_ids": [5]}],
    "business_connection": [
        {"id": "1", "user": PERSON, "user_chat_id": STRANGER, "date": 1, "can_reply": True, "is_enabled": True}
    ],
    "callback_query": [
        *[{**QUERY, "data": data, "message": TEXT} for data in ("a:1", "r:1:5", "f:1", "z:1", "s:1:1", "m:tiny", "x")],
        {**QUERY, "data": "a:1", "message": message({**USER_CHAT, "id": GUEST}, text="a cat")},
        {**QUERY, "data": "a:1", "inline_message_id": "1"},
        {**QUERY, "data": "w:1", "message": TEXT, "from": {**PERSON, "id": GUEST}},
    ],
    "inline_query": [{"id": "1", "from": PERSON, "query": "cat", "offset": ""}],
    "chosen_inline_result": [{"result_id": "1", "from": PERSON, "query": "cat"}],
    "shipping_query": [{"id": "1", "from": PERSON, "invoice_payload": "x", "shipping_address": ADDRESS}],
    "pre_checkout_query": [{"id": "1", "from": PERSON, "currency": "XTR", "total_amount": 1, "invoice_payload": "x"}],
    "purchased_paid_media": [{"from": PERSON, "paid_media_payload": "x"}],
    "managed_bot": [{"user": PERSON, "bot": {"id": 77, "is_bot": True, "first_name": "B"}}],
    "guest_message": [TEXT, message(GROUP_CHAT, text="@easel_test_bot a cat")],
    "poll": [POLL],
    "poll_answer": [{"poll_id": "1", "user": PERSON, "option_ids": [0]}],
    "my_chat_member": [CHANGE],
    "chat_member": [CHANGE],
    "chat_join_request": [{"chat": GROUP_CHAT, "from": PERSON, "date": 1, "user_chat_id": STRANGER}],
    "chat_boost": [{"chat": GROUP_CHAT, "boost": BOOST}],
    "removed_chat_boost": [
        {"chat": GROUP_CHAT, "boost_id": "1", "remove_date": 1, "source": {"source": "premium", "user": PERSON}}
    ],
    "message_reaction": [
        {**REACTION, "user": PERSON, "old_reaction": [], "new_reaction": [{"type": "emoji", "emoji": "👍"}]},
        {**REACTION, "actor_chat": GROUP_CHAT, "old_reaction": [], "new_reaction": []},
    ],
    "message_reaction_count": [{**REACTION, "reactions": []}],
}


class AnyKind(BotApi):
    """A server that sends kinds of updates that nobody asked for, too."""

    def _getUpdates(self, values: dict[str, Any], files: Any) -> list[dict[str, Any]]:
        return super()._getUpdates({**values, "allowed_updates": []}, files)


@pytest.fixture
def api() -> Iterator[BotApi]:
    with AnyKind() as server:
        for chat in (STRANGER, GUEST):
            server.chat(chat)
        for group in (GROUP, THEIRS):
            server.chat(group, "supergroup")
        yield server


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bot.assistant.get_embedder", lambda spec: HashingEmbedder())
        return make_home(tmp_path_factory.mktemp("strangers") / "home")


def test_every_kind_is_tried() -> None:
    assert set(Update.ALL_TYPES) <= set(UPDATES)


def replies(api: BotApi) -> list[Any]:
    """All that was done besides what every start does."""
    return [call for call in api.calls if call.method not in ("getMe", "deleteWebhook", "setMyCommands")]


@pytest.mark.parametrize("error", [None, sqlite3.DatabaseError("malformed"), sqlite3.OperationalError("locked"),
                                   MemoryError()])  # fmt: skip
def test_no_update_of_a_stranger_is_replied_to(
    api: BotApi, home: Path, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    monkeypatch.setattr("bot.assistant.get_embedder", lambda spec: HashingEmbedder())

    def broken(user: str, place: str) -> bool:
        assert error is not None
        raise error

    def change(assistant: Assistant) -> None:
        if error is not None:
            assistant.is_blocked = broken  # type: ignore[method-assign]

    running = RunningBot(api, home, EASEL_ALLOW=f"{GUEST},{GROUP}", EASEL_ADMINS="9")
    running.change = change
    with running as bot:
        count = sum(len(contents) for contents in UPDATES.values())
        for kind, contents in UPDATES.items():
            for content in contents:
                api.push(kind, content)
        api.wait_for(lambda: not api.pending)
        time.sleep(0.2)
        tables = bot.assistant.tables
        assert not tables.store.waiting() and bot.assistant.stats()["messages"] == 0
        assert replies(api) == [] and count > 35


def test_a_guest_is_answered_once_the_database_can_be_asked(
    api: BotApi, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.assistant.get_embedder", lambda spec: HashingEmbedder())
    failures = iter([True, True])

    def change(assistant: Assistant) -> None:
        sound = assistant.is_blocked

        def is_blocked(user: str, place: str) -> bool:
            if next(failures, False):
                raise sqlite3.OperationalError("database is locked")
            return sound(user, place)

        assistant.is_blocked = is_blocked  # type: ignore[method-assign]

    running = RunningBot(api, home, EASEL_ALLOW=str(GUEST))
    running.change = change
    with running:
        api.say(GUEST, "/help")
        api.wait_for(lambda: api.messages(GUEST, "text"))
        assert next(failures, None) is None and len(replies(api)) == 1
