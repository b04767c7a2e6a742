"""Thousands of strange updates to the running bot: it answers in sentences or not at all, and nothing is executed.

``make fuzz`` sends 10,000; the tests send a small share. EASEL_FUZZ says how many.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botapi import BotApi
from hashing_embedder import HashingEmbedder
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from running_bot import RunningBot, make_home
from updates import GROUPS, HOSTILE, ME, PEOPLE, payloads, updates, words

from bot import buttons
from promptlib.screening import screen

pytestmark = [
    # PNDM, the tiny model's scheduler, hands a torch tensor to numpy in a way that numpy 2 will drop.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    # A failing batch is shown whole.
    pytest.mark.filterwarnings("ignore:Generating overly large repr"),
    pytest.mark.timeout(7200),
]

NUMBER, BATCH = int(os.environ.get("EASEL_FUZZ", "200")), 25
#: What shell and interpreter would be told to do, seen by an audit hook.
EXECUTIONS = ("os.system", "os.exec", "os.posix_spawn", "os.startfile", "subprocess.Popen", "pty.spawn")
fuzzed = settings(
    deadline=None,
    database=None,
    derandomize=NUMBER < 1000,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[*HealthCheck],
)


STRANGER = "66"


class AnyKind(BotApi):
    """A server that sends kinds of updates that nobody asked for, too."""

    def _getUpdates(self, values: dict[str, Any], files: Any) -> list[dict[str, Any]]:
        return super()._getUpdates({**values, "allowed_updates": []}, files)


class Watched:
    """A running bot, what it logged, and what was executed."""

    def __init__(self, api: AnyKind, bot: RunningBot, records: list[logging.LogRecord]) -> None:
        self.api, self.bot, self.records = api, bot, records
        self.sent = 0

    def settle(self) -> None:
        tables, deadline = self.bot.assistant.tables, time.monotonic() + 120
        while time.monotonic() < deadline:
            if not self.api.pending and not tables.store.waiting() and not tables.store.owed("telegram"):
                return
            time.sleep(0.005)
        raise AssertionError(f"not settled: {tables.store.waiting()[:3]} {tables.store.owed('telegram')[:3]}")

    def check(self) -> None:
        assert not self.bot._done.done(), "the bot ended"
        # What cannot be read is logged by the reader, and left out.
        broken = [r for r in self.records if r.levelno >= logging.ERROR and r.name != "bot.telegram.reading"]
        assert not broken, [record.getMessage() for record in broken]
        said = [str(call.values.get("text", "")) + str(call.values.get("caption", "")) for call in self.api.calls]
        assert not [text for text in said if "Traceback" in text or 'File "/' in text]
        to_strangers = [call for call in self.api.calls if call.values.get("chat_id") == STRANGER]
        assert not to_strangers, to_strangers
        self.api.calls.clear()


EXECUTED: list[str] = []


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A bot that one person of the three may do everything with, one may use, and one may not."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    with pytest.MonkeyPatch.context() as patch, AnyKind(username=ME) as api:
        patch.setattr("bot.assistant.get_embedder", lambda spec: HashingEmbedder())
        # Telegram's pace, twenty a minute in a group, is tested elsewhere and would take hours here.
        patch.setattr("bot.pace.Throttle.wait", lambda self, chat, group: 0.0)
        for person in PEOPLE:
            api.chat(person)
        for group in GROUPS:
            api.chat(group, "supergroup")
        home = make_home(tmp_path_factory.mktemp("fuzz") / "home")
        with RunningBot(api, home, EASEL_ADMINS="2", EASEL_ALLOW="1,-100500") as bot:
            logging.getLogger().addHandler(handler)
            sys.addaudithook(lambda event, args: EXECUTED.append(f"{event} {args}") if event in EXECUTIONS else None)
            yield Watched(api, bot, records)
            logging.getLogger().removeHandler(handler)


@settings(fuzzed, max_examples=max(1, NUMBER // BATCH))
@given(batch=st.lists(updates, min_size=BATCH, max_size=BATCH))
def test_no_update_breaks_anything(watched: Watched, batch: list[dict[str, Any]]) -> None:
    for update in batch:
        [(kind, content)] = update.items()
        watched.api.push(kind, content)
    watched.sent += len(batch)
    watched.settle()
    watched.check()


def test_it_still_works_and_nothing_was_executed(watched: Watched) -> None:
    assert watched.sent >= NUMBER // BATCH * BATCH
    assert EXECUTED == [] and not Path("/tmp/easel-was-here").exists()
    assert watched.bot.assistant.stats()["jobs_done"], "requests were among them"
    watched.api.say(2, "/unblock 1")
    watched.api.say(1, "/help")
    watched.api.wait_for(lambda: any("/model" in m["text"] for m in watched.api.messages(1, "text")))


@settings(fuzzed, max_examples=NUMBER)
@given(data=payloads)
def test_no_payload_is_taken_for_another(data: str) -> None:
    press = buttons.decode(data)
    if press and press.action != buttons.MODEL:
        assert buttons.encode(press) == data and len(data) <= buttons.MAX_DATA
        assert 0 <= press.job < 10**18


@settings(fuzzed, max_examples=NUMBER)
@given(text=words)
def test_any_text_can_be_screened(text: str) -> None:
    began = time.perf_counter()
    verdict = screen(text)
    assert screen(text) == verdict
    assert time.perf_counter() - began < 5
    assert screen(f"{text}\n\nnude child").matter == "minors"


@pytest.mark.parametrize("text", [text for text in HOSTILE if "sexual" not in text])
def test_every_hostile_text_can_be_screened(text: str) -> None:
    assert screen(text).matter == ""
