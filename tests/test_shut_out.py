"""Who is no longer let in: what they still waited for is neither painted nor sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botapi import BotApi
from running_bot import RunningBot

from bot.messages import Incoming

pytestmark = [
    # PNDM, the tiny model's scheduler, hands a torch tensor to numpy in a way that numpy 2 will drop.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.timeout(120),
    pytest.mark.usefixtures("small_embedder"),
]

GROUP, ADMIN = -100500, 9


def asked(assistant: Any, user: int, chat: int) -> int:
    """A request as a crash leaves it: a job that waits."""
    incoming = Incoming(f"telegram:{user}:{chat}", f"telegram:{chat}", f"telegram:{user}", "a red apple")
    assistant.accept(incoming)
    job = assistant.answer(incoming).job
    assert job is not None
    return int(job.id)


def test_who_left_the_allow_list_before_a_restart_is_painted_nothing(api: BotApi, bot_home: Path) -> None:
    jobs: dict[str, int] = {}

    def left_behind(assistant: Any) -> None:
        jobs["ended"] = asked(assistant, 4, 4)
        assistant.tables.queue.claim()
        assistant.tables.queue.fail(jobs["ended"], "No.")
        jobs["private"] = asked(assistant, 1, 1)
        jobs["group"] = asked(assistant, 1, GROUP)
        jobs["welcome"] = asked(assistant, 2, 2)
        jobs["in the group"] = asked(assistant, 2, GROUP)

    for chat in (1, 2, 4, GROUP):
        api.chat(chat, "supergroup" if chat < 0 else "private")
    running = RunningBot(api, bot_home, EASEL_ALLOW="2")
    running.change = left_behind
    with running as bot:
        store, queue = bot.assistant.tables.store, bot.assistant.tables.queue
        api.wait_for(lambda: not store.owed("telegram"))
        status = {name: queue.get(job).status for name, job in jobs.items()}
        assert status == {
            "ended": "failed",
            "private": "cancelled",
            "group": "cancelled",
            "welcome": "done",
            "in the group": "done",
        }
        assert not queue.pictures(jobs["private"])
        assert not api.messages(1) and not api.messages(4)
        assert len(api.messages(2, "photo")) == len(api.messages(GROUP, "photo")) == 1


def test_a_group_that_is_blocked_gets_nothing_more(api: BotApi, bot_home: Path) -> None:
    with RunningBot(api, bot_home, EASEL_MODEL="slow", EASEL_ADMINS=str(ADMIN)) as bot:
        queue = bot.assistant.tables.queue
        for user in (1, 2):
            api.say(user, f"@{api.me['username']} a cat", chat=GROUP, chat_type="supergroup")
        api.wait_for(lambda: len(queue.list(status="queued")) == 1 and len(queue.list(status="running")) == 1)
        api.wait_for(lambda: len(api.messages(GROUP)) == 2)
        api.say(ADMIN, f"/block {GROUP}")
        api.wait_for(lambda: queue.counts()["cancelled"] == 2)
        api.wait_for(lambda: not bot.assistant.tables.store.owed("telegram"))
        assert not api.messages(GROUP), "and what was said of waiting is taken away"


def test_what_was_painted_meanwhile_is_not_sent(api: BotApi, bot_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocked by another process, between the last look at the queue and the end of the picture."""
    with RunningBot(api, bot_home) as bot:
        finish = type(bot.assistant.tables.queue).finish

        def blocked_first(queue: Any, job_id: int) -> Any:
            queue.db.execute("INSERT INTO blocked VALUES ('telegram:1', 'cli', '2026-01-01')")
            return finish(queue, job_id)

        monkeypatch.setattr("pipeline.queue.JobQueue.finish", blocked_first)
        api.say(1, "a cat")
        api.wait_for(lambda: bot.assistant.tables.queue.counts()["done"] == 1)
        api.wait_for(lambda: not bot.assistant.tables.store.owed("telegram"))
        assert not api.messages(1)
