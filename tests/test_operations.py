"""Running easel for real: its process, a Bot API server that fails, and what the log and the metrics say meanwhile."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from botapi import BotApi, Fault
from conftest import rows
from running_bot import RunningBot
from test_metrics import free_port, read

ROOT = Path(__file__).parents[1]
SECONDS = 120.0

pytestmark = [
    # PNDM, the tiny model's scheduler, hands a torch tensor to numpy in a way that numpy 2 will drop.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.timeout(300),
]


class Process:
    """`easel bot` with the tiny model, and everything it writes."""

    def __init__(self, api: BotApi, home: Path, *, log: Path | None = None, **environ: str) -> None:
        self.log = log or home.parent / "bot.log"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("EASEL_")}
        own = {"EASEL_HOME": str(home), "EASEL_TELEGRAM_TOKEN": api.token, "EASEL_TELEGRAM_API": api.url}
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bot.cli", "bot"],
                cwd=ROOT,
                env={**kept, **own, "EASEL_MODEL": "tiny", **environ},
                stdout=output,
                stderr=output,
            )

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(90)

    def words(self) -> str:
        return self.log.read_text()


@pytest.fixture
def api() -> Iterator[BotApi]:
    with BotApi() as server:
        yield server


FAULTS = (
    Fault.flood(1),
    Fault(502, "Bad Gateway"),
    Fault(400, "Bad Request: message is not modified"),
    Fault(403, "Forbidden: bot was blocked by the user"),
    Fault(cut="after"),
)


@pytest.mark.usefixtures("tiny")
def test_no_token_in_the_log_at_debug_level_whatever_fails(api: BotApi, home: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    secret = {"EASEL_LOG_LEVEL": "debug", "EASEL_LOG": "json", "EASEL_METRICS": address}
    api.misbehave("getMe", Fault(cut="before"))
    for fault in FAULTS:
        for method in ("sendMessage", "sendPhoto", "editMessageText", "sendChatAction"):
            api.misbehave(method, fault)
    for fault in (Fault(502, "Bad Gateway"), Fault(cut="before"), Fault(cut="after")):
        api.misbehave("getUpdates", fault)
    with Process(api, home, **secret) as bot:
        for user in range(1, 8):
            api.say(user, f"画一只猫{user}")
        api.wait_for(lambda: not {"sendPhoto", "sendMessage"} & {name for name, _ in api.faults}, SECONDS)
        figures = read(address)
        assert bot.end() == 0
    log = bot.words()
    assert api.token not in log
    assert api.token.partition(":")[2] not in log
    lines = [json.loads(line) for line in log.splitlines()]
    loggers = {line["logger"].partition(".")[0] for line in lines}
    assert {"telegram", "httpx", "httpcore", "bot"} <= loggers, "libraries are logged at debug level too"
    assert any("/bot***/" in line["message"] for line in lines), "their URLs are in it, without the token"
    assert figures["easel_retries_total", ""] >= 3
    assert {kind for name, kind in figures if name == "easel_network_errors_total"} >= {
        "BadRequest",
        "Forbidden",
        "NetworkError",
    }
    assert figures["easel_updates_total", "let in"] == 7


@pytest.mark.usefixtures("tiny")
def test_what_people_write_is_logged_at_debug_level_only(api: BotApi, home: Path) -> None:
    api.misbehave("sendMessage", Fault(400, "Bad Request: strange"))
    # Far more words than any model reads.
    wish = "a zebra, " + "very " * 300 + "striped"
    with Process(api, home, EASEL_LOG_LEVEL="info") as bot:
        api.say(1, "/raw on")
        api.say(1, wish)
        api.wait_for(lambda: api.last(1, "photo"), SECONDS)
        assert bot.end() == 0
    assert "zebra" not in bot.words() and "striped" not in bot.words()
    assert "INFO" in bot.words()


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("token", ["7000000001:AAE-wrong_token_of_another_bot_entirely", "no token at all\n", "x/../y"])
def test_a_wrong_token_is_told_and_not_shown(api: BotApi, home: Path, token: str) -> None:
    with Process(api, home, EASEL_TELEGRAM_TOKEN=token, EASEL_LOG_LEVEL="debug") as bot:
        assert bot.process.wait(60) == 1
    assert "check EASEL_TELEGRAM_TOKEN" in bot.words().splitlines()[-1]
    assert token.strip() not in bot.words()


SLOW = """
[slow]
like = "tiny"
steps = 100
source = {source!r}
width = 64
height = 64
multiple = 8
"""


def test_a_clean_stop_finishes_the_picture_being_painted(api: BotApi, home: Path, tiny: str, tiny_folder: Path) -> None:
    """Two wait; one is being painted when the bot is told to end. The next start paints and sends the other."""
    with (home / "models.toml").open("a") as file:
        file.write(SLOW.format(source=str(tiny_folder)))
    with Process(api, home, EASEL_MODEL="slow", EASEL_AMOUNT="none") as bot:
        api.say(1, "a red apple")
        api.say(2, "a blue cat")
        jobs = "SELECT status FROM jobs ORDER BY status DESC"
        api.wait_for(lambda: rows(home / "easel.db", jobs) == [("running",), ("queued",)], SECONDS)
        assert bot.end() == 0
    owners = "SELECT owner FROM jobs WHERE status = {!r}"
    ((first,),) = rows(home / "easel.db", owners.format("done"))
    ((second,),) = rows(home / "easel.db", owners.format("queued"))
    chats = [int(str(owner).rpartition(":")[2]) for owner in (first, second)]
    assert [len(api.messages(chat, "photo")) for chat in chats] == [1, 0]
    assert not (home / "easel.db-wal").exists(), "every connection was closed"
    change(home / "easel.db", "UPDATE jobs SET steps = 2 WHERE status = 'queued'")  # seen to be finished: be quick
    with RunningBot(api, home, EASEL_AMOUNT="none"):
        api.wait_for(lambda: api.last(chats[1], "photo"), SECONDS)
    assert [len(api.messages(chat, "photo")) for chat in chats] == [1, 1]
    assert "Traceback" not in bot.words()


def change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(sql)
