"""What the faces remember, on a real database file."""

from __future__ import annotations

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlite_utils import Database

from bot.errors import EaselError
from bot.messages import ChatSettings, Incoming
from bot.store import Store, explain, open_database

DEFAULT = ChatSettings("doodle", amount="little")
HELLO = Incoming("telegram:1", "telegram:70", "telegram:7", "画一只猫 🐈", "zh", "5")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "easel.db"


@pytest.fixture
def store(path: Path) -> Store:
    return Store(open_database(path))


def test_a_message_is_stored_once_and_waits_until_it_is_answered(store: Store) -> None:
    assert store.accept(HELLO)
    assert not store.accept(replace(HELLO, text="something else"))
    assert store.waiting() == [HELLO]
    store.answered(HELLO.key)
    assert store.waiting() == []
    assert not store.accept(HELLO)


def test_waiting_messages_come_in_the_order_they_were_written_and_outlive_the_process(store: Store, path: Path) -> None:
    messages = [replace(HELLO, key=f"telegram:{number}") for number in (30, 4, 100)]
    for message in messages:
        store.accept(message)
    assert Store(open_database(path)).waiting() == messages


def test_ten_threads_with_the_same_message_store_it_once(store: Store, path: Path) -> None:
    with ThreadPoolExecutor(10) as pool:
        stored = list(pool.map(lambda _: Store(open_database(path)).accept(HELLO), range(10)))
    assert stored.count(True) == 1


def test_a_chat_keeps_what_it_chose_and_nothing_else(store: Store) -> None:
    assert store.chat("telegram:70", DEFAULT) == DEFAULT
    store.set_chat("telegram:70", model="sdxl")
    store.set_chat("telegram:70", raw=1, language="zh")
    assert store.chat("telegram:70", DEFAULT) == ChatSettings("sdxl", raw=True, amount="little", language="zh")
    assert store.chat("telegram:71", DEFAULT) == DEFAULT
    store.set_chat("telegram:70", model="")
    assert store.chat("telegram:70", DEFAULT).model == "doodle"


def test_the_brief_of_a_chat_is_the_one_of_its_last_request(store: Store) -> None:
    assert store.brief("telegram:70") is None
    store.set_chat("telegram:70", raw=1)
    assert store.brief("telegram:70") is None
    for text in ("猫", "狗"):
        store.set_chat("telegram:70", brief=json.dumps({"text": text}))
    assert store.brief("telegram:70") == {"text": "狗"}


def test_a_delivery_is_owed_until_it_is_delivered_and_knows_its_parts(store: Store) -> None:
    store.promise(3, HELLO, "zh")
    store.promise(2, replace(HELLO, key="telegram:2", chat="terminal:me"), "en")
    assert [row["job"] for row in store.owed("telegram")] == [3]
    store.mark_sent(3, "pictures", "17,18")
    store.mark_sent(3, "file 2.png", "19")
    store.mark_sent(3, "pictures", "20")
    row = store.delivery(3)
    assert row is not None
    assert row["sent"] == {"pictures": "20", "file 2.png": "19"}
    assert (row["chat"], row["message"], row["language"]) == (HELLO.chat, "5", "zh")
    store.delivered(3)
    assert store.owed("telegram") == []
    assert store.delivery(99) is None


def test_a_message_becomes_one_job(store: Store) -> None:
    assert store.promised(HELLO.key) is None
    store.promise(3, HELLO, "zh")
    assert store.promised(HELLO.key) == 3
    with pytest.raises(sqlite3.IntegrityError):
        store.promise(4, HELLO, "zh")


def test_counts_of_people_chats_messages_and_what_is_owed(store: Store) -> None:
    assert store.counts() == {"people": 0, "chats": 0, "messages": 0, "owed": 0}
    store.accept(HELLO)
    store.accept(replace(HELLO, key="telegram:2"))
    store.accept(replace(HELLO, key="telegram:3", user="telegram:8"))
    store.promise(1, HELLO, "zh")
    assert store.counts() == {"people": 2, "chats": 1, "messages": 3, "owed": 1}


def test_a_database_that_is_none_is_an_error_and_stays_as_it_is(path: Path) -> None:
    path.write_bytes(b"garbage" * 1000)
    with pytest.raises(EaselError, match=r"is damaged .* move it away"):
        open_database(path)
    assert path.read_bytes() == b"garbage" * 1000


def test_a_folder_in_place_of_the_database_is_an_error(path: Path) -> None:
    path.mkdir()
    with pytest.raises(EaselError, match=r"cannot be used .* allow writing"):
        open_database(path)


def test_a_database_that_is_only_in_use_is_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever insists does so on SQLite's own error; ours would be the last word."""
    db = open_database(path)
    db.execute("BEGIN IMMEDIATE")

    def impatient(db: Database) -> None:
        db.execute("PRAGMA busy_timeout = 0")

    monkeypatch.setattr("bot.store._use_wal", impatient)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        open_database(path)


def test_in_a_chat_with_another_name_nothing_has_its_old_number(store: Store) -> None:
    store.accept(HELLO)
    store.promise(1, HELLO, "zh")
    for part, message in {"status": "5", "pictures?": "4", "pictures": "6,7", "buttons?": "7"}.items():
        store.mark_sent(1, part, message)
    store.note(HELLO.key, "answer?", "3")
    store.move_chat(HELLO.chat, "telegram:-100500")
    kept = store.delivery(1)
    assert kept and (kept["chat"], kept["message"], kept["sent"]) == ("telegram:-100500", "0", {"pictures": "0,0"})
    assert store.noted(HELLO.key) == {} and store.waiting()[0].message == "0"


def test_no_message_shows_no_job(store: Store) -> None:
    store.promise(1, HELLO, "zh")
    store.mark_sent(1, "status", "")
    assert store.job_of(HELLO.chat, "") is None
    assert store.latest("telegram") == []


def test_nobody_is_told_to_move_a_database_away_that_is_only_in_use() -> None:
    assert "move it away" not in explain(sqlite3.OperationalError("database is locked"), "easel.db")
    assert "move it away" in explain(sqlite3.DatabaseError("database disk image is malformed"), "easel.db")


def test_many_processes_may_open_a_new_database_at_once(path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        counted = list(pool.map(lambda _: Store(open_database(path)).counts()["messages"], range(8)))
    assert counted == [0] * 8


def test_a_chat_takes_everything_along_to_its_new_name(store: Store) -> None:
    group, other, new = "telegram:-5", "telegram:-6", "telegram:-1005"
    for number, chat in enumerate((group, other), 1):
        message = replace(HELLO, key=f"telegram:{number}", chat=chat)
        store.accept(message)
        store.promise(number, message, "zh")
        store.set_chat(chat, model=f"model {number}", brief=json.dumps({"text": chat}))
    store.set_chat(new, model="chosen since")
    store.move_chat(group, new)
    store.move_chat(group, new)
    assert [(one.key, one.chat) for one in store.waiting()] == [("telegram:1", new), ("telegram:2", other)]
    assert [(row["job"], row["chat"]) for row in store.owed("telegram")] == [(1, new), (2, other)]
    assert (store.chat(new, DEFAULT).model, store.brief(new)) == ("model 1", {"text": group})
    assert store.chat(other, DEFAULT).model == "model 2"
    assert [store.knows(chat) for chat in (group, other, new)] == [False, True, True]
    assert store.brief(group) is None
