"""What people are told while they wait, and what they can cancel: the real bot against the tests' Bot API server."""

from __future__ import annotations

import sqlite3
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botapi import BotApi, Fault
from running_bot import RunningBot

from bot import progress
from bot.messages import Incoming

pytestmark = [
    # PNDM, the tiny model's scheduler, hands a torch tensor to numpy in a way that numpy 2 will drop.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.timeout(120),
    pytest.mark.usefixtures("small_embedder"),
]

GROUP = -100500


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No long pauses."""
    monkeypatch.setattr(progress, "PLACES_SECONDS", 0.1)


@pytest.fixture
def bot(api: BotApi, bot_home: Path) -> Iterator[RunningBot]:
    with RunningBot(api, bot_home, EASEL_MODEL="slow", EASEL_ADMINS="9") as running:
        yield running


def text(api: BotApi, chat: int, part: str) -> dict[str, Any]:
    return api.wait_for(lambda: next((m for m in api.messages(chat, "text") if part in m["text"]), None))


def running(bot: RunningBot, job: int) -> None:
    queue = bot.assistant.tables.queue
    bot.api.wait_for(lambda: job in [found.id for found in queue.list(status="running")])


def pressed(api: BotApi, user: int, message: dict[str, Any], button: str) -> str:
    query = api.press(user, message, button)
    return str(api.wait_for(lambda: api.answers.get(query)).get("text", ""))


def cancelled(bot: RunningBot, *jobs: int) -> None:
    bot.api.wait_for(lambda: all(bot.assistant.job(job).status == "cancelled" for job in jobs))


def test_the_place_in_the_queue_is_told_and_told_again(api: BotApi, bot: RunningBot) -> None:
    api.say(1, "a cat")
    running(bot, 1)
    api.say(2, "a cat")
    second = text(api, 2, "1 before yours")
    api.say(3, "一只猫")
    third = text(api, 3, "前面还有 2 个")
    assert pressed(api, 1, text(api, 1, "Painting"), "✖") == "正在停下…"
    nearer = text(api, 3, "前面还有 1 个")
    assert nearer["message_id"] == third["message_id"]
    assert "✖" in str(nearer["reply_markup"])
    for user, status in ((3, nearer), (2, second)):
        pressed(api, user, status, "✖")
    cancelled(bot, 1, 2, 3)
    api.wait_for(lambda: not any(api.messages(user) for user in (1, 2, 3)))


def test_the_time_to_wait_is_told_once_it_is_known(api: BotApi, bot: RunningBot) -> None:
    api.say(1, "a cat")
    running(bot, 1)
    bot.assistant.tables.queue.timed(bot.assistant.job(1), 300.0)
    api.say(2, "a cat")
    assert "ready in about 10 min" in text(api, 2, "1 before yours")["text"]
    for user in (1, 2):
        api.say(user, "/cancel")
    cancelled(bot, 1, 2)


def test_people_cancel_their_own_and_nobody_elses(api: BotApi, bot: RunningBot) -> None:
    for user in (1, 2):
        api.say(user, f"@{api.me['username']} a cat", chat=GROUP, chat_type="supergroup")
        running(bot, 1)
    status = text(api, GROUP, "1 before yours")
    assert "只有" in pressed(api, 1, status, "✖")
    assert bot.assistant.job(2).status == "queued"
    assert pressed(api, 9, status, "✖") == "正在停下…"
    cancelled(bot, 2)
    assert pressed(api, 1, text(api, GROUP, "Painting"), "✖") == "正在停下…"
    cancelled(bot, 1)
    assert not api.messages(GROUP, "photo")


def test_what_was_asked_for_in_a_group_is_cancelled_in_private(api: BotApi, bot: RunningBot) -> None:
    api.say(1, f"@{api.me['username']} a cat", chat=GROUP, chat_type="supergroup")
    running(bot, 1)
    for user in (1, 2):
        api.say(user, "/status")
    shown, others = text(api, 1, "#1"), text(api, 2, "没有在等的任务")
    for data in ("c:1", "c:77"):
        query = api.press_data(2, others, data)
        assert "不在了" in str(api.wait_for(lambda query=query: api.answers.get(query))["text"])  # type: ignore[misc]
    assert bot.assistant.job(1).status == "running"
    assert pressed(api, 1, shown, "c:1") == "正在停下…"
    cancelled(bot, 1)


def test_status_lists_what_one_waits_for_and_cancels_it(api: BotApi, bot: RunningBot) -> None:
    api.say(1, "/status")
    assert "没有上限" in text(api, 1, "没有在等的任务")["text"]
    api.say(1, "a red cat")
    running(bot, 1)
    api.say(1, "a blue dog")
    text(api, 1, "1 before yours")
    api.say(1, "/status", language_code="en")
    shown = text(api, 1, "#1 is being painted: a red cat")
    assert "#2 has 1 before it" in shown["text"]
    assert "2 pictures within 24 hours" in shown["text"]
    assert pressed(api, 1, shown, "c:2") and pressed(api, 1, shown, "c:1")
    cancelled(bot, 1, 2)
    assert pressed(api, 1, shown, "c:1") == "没有在等的任务。"


def test_loading_is_told_and_progress_follows(api: BotApi, bot_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LOADING_SECONDS", 0.0)
    monkeypatch.setattr(progress, "PROGRESS_SECONDS", 0.3)
    with RunningBot(api, bot_home, EASEL_MODEL="slow") as bot:
        api.say(1, "画一只猫")
        text(api, 1, "/901")
        api.say(1, "/cancel")
        cancelled(bot, 1)
    told = [call.values["text"] for call in api.calls_of("editMessageText")]
    assert told[0] == "正在装载模型…" or "/901" in told[0], "where it is loaded before the status is there"
    assert all("/901" in words for words in told[1:])


def test_what_goes_wrong_is_said_in_ones_own_language(api: BotApi, bot_home: Path) -> None:
    with RunningBot(api, bot_home, EASEL_MODEL="broken", EASEL_PICTURES_PER_DAY="1") as bot:
        api.say(1, "画一只猫")
        said = text(api, 1, "没画成")["text"]
        assert "/model" in said and "no-such-folder" not in said
        assert "nothing at" in bot.assistant.job(1).error, "who runs it can read more"
        # It came to nothing, so the one picture is still there to be had.
        api.say(1, "/model tiny")
        text(api, 1, "tiny")
        api.say(1, "画一只猫")
        api.wait_for(lambda: api.messages(1, "photo"))
        api.say(1, "画一只狗")
        text(api, 1, "1 张已经用完了,24 小时后")
        api.say(1, "draw a dog")
        text(api, 1, "there is room for this again in 24 h")


def test_a_job_that_died_too_often_is_told_to_its_owner(api: BotApi, bot_home: Path) -> None:
    api.chat(1)
    before = RunningBot(api, bot_home)

    def left_behind(assistant: Any) -> None:
        """As after the third kill: the process that painted the job is gone, and that was its last try."""
        message = Incoming("telegram:1", "telegram:1", "telegram:1", "画一只猫")
        assistant.accept(message)
        assistant.answer(message)
        assistant.tables.db.execute("UPDATE jobs SET attempts = 3, worker = '1@5.0#x', status = 'running'")

    before.change = left_behind
    with before as bot:
        assert "崩溃了三次" in text(api, 1, "没画成")["text"]
        assert bot.assistant.quota("telegram:1").pictures == 0


def test_a_database_that_cannot_be_used_for_a_moment_costs_nobody_an_answer(
    api: BotApi, bot_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the database does not let happen at once happens once, a second later, without a word too many."""
    running = RunningBot(api, bot_home)

    def fails_once(call: Callable[..., Any]) -> Callable[..., Any]:
        failures = iter([True])

        def failing(*given: Any, **named: Any) -> Any:
            if next(failures, False):
                raise sqlite3.OperationalError("database is locked")
            return call(*given, **named)

        return failing

    def locked(assistant: Any) -> None:
        for name in ("answer", "answered", "job", "note", "noted", "delivery", "mark_sent", "outlook", "rate"):
            setattr(assistant, name, fails_once(getattr(assistant, name)))

    running.change = locked
    with running as bot:
        api.say(1, "hello")
        api.say(2, "a cat")
        api.wait_for(lambda: api.messages(2, "photo"))
        api.wait_for(lambda: len(api.messages(1)) == 1)
        assert "5" in pressed(api, 2, api.messages(2, "photo")[0], "⭐5")
        tables = bot.assistant.tables
        api.wait_for(lambda: not tables.store.waiting() and not tables.store.owed("telegram"))
        assert bot.assistant.stats()["ratings"] == 1
    assert [len(api.messages(chat)) for chat in (1, 2)] == [1, 1]
    assert caplog.text.count("database is locked") >= 4 and "Traceback" not in caplog.text


def test_a_status_is_taken_away_whatever_is_cut(api: BotApi, bot: RunningBot) -> None:
    api.misbehave("sendMessage", Fault(cut="after"))
    api.misbehave("deleteMessage", Fault(cut="before"))
    api.misbehave("editMessageText", Fault(cut="after"))
    api.say(1, "a cat")
    running(bot, 1)
    text(api, 1, "Painting")
    bot.assistant.cancel("telegram:1")
    cancelled(bot, 1)
    api.wait_for(lambda: not bot.assistant.tables.store.owed("telegram"))
    assert not api.messages(1)


def test_a_status_and_an_answer_that_may_both_have_been_posted_keep_their_places(api: BotApi, bot: RunningBot) -> None:
    """Whatever is looked for later must not be taken for a status of which nobody heard."""
    api.misbehave("sendMessage", Fault(cut="after"), times=2)
    cat, hello = api.say(1, "a cat"), api.say(1, "hello")
    running(bot, 1)
    api.wait_for(lambda: len(api.messages(1)) == 2 and not bot.assistant.tables.store.waiting())
    under = {m["reply_to_message"]["message_id"]: m["text"] for m in api.messages(1)}
    status = api.wait_for(lambda: bot.assistant.delivery(1).sent.get("status"))
    assert set(under) == {cat["message_id"], hello["message_id"]}
    assert [m["text"] for m in api.messages(1) if m["message_id"] == int(status)] == [under[cat["message_id"]]]
    bot.assistant.cancel("telegram:1")
    api.wait_for(lambda: not bot.assistant.tables.store.owed("telegram"))
    assert [m["reply_to_message"]["message_id"] for m in api.messages(1)] == [hello["message_id"]]


def test_a_status_that_may_have_been_posted_before_a_crash_is_found_again(api: BotApi, bot_home: Path) -> None:
    """As a crash leaves it: the job waits, its status stands in the chat, and only the mark before it was stored."""
    hello = api.say(1, "hello")
    query = urllib.parse.urlencode({"chat_id": 1, "text": "You are next"})
    urllib.request.urlopen(f"{api.url}/bot{api.token}/sendMessage?{query}").close()
    stray = api.messages(1)[0]["message_id"]

    def crashed(assistant: Any) -> None:
        answer = assistant.answer(Incoming("telegram:0", "telegram:1", "telegram:1", "a cat", message="0"))
        assistant.mark_sent(answer.job.id, "status?", str(hello["message_id"]))

    bot = RunningBot(api, bot_home, EASEL_MODEL="slow")
    bot.change = crashed
    with bot:
        running(bot, 1)
        api.wait_for(lambda: bot.assistant.delivery(1).sent.get("status") == str(stray))
        api.wait_for(lambda: bot.assistant.delivery(1).sent["status?"] == "")
        bot.assistant.cancel("telegram:1")
        api.wait_for(lambda: not bot.assistant.tables.store.owed("telegram"))
        api.wait_for(lambda: not bot.assistant.tables.store.waiting())
    assert [m["reply_to_message"]["message_id"] for m in api.messages(1)] == [hello["message_id"]]


def test_an_answer_that_may_have_been_posted_before_a_crash_comes_before_all_else(api: BotApi, bot_home: Path) -> None:
    """A failure is owed in the same chat; it must not be written over the answer."""
    hello, cat = api.say(1, "hello"), api.say(1, "a cat")
    with RunningBot(api, bot_home, EASEL_MODEL="broken") as bot:
        api.wait_for(lambda: len(api.messages(1)) == 2 and not bot.assistant.tables.store.owed("telegram"))
        tables = bot.assistant.tables
        before = [(m["message_id"], m["text"], m["reply_to_message"]["message_id"]) for m in api.messages(1)]
        key = next(iter(tables.db.query("SELECT key FROM inbox ORDER BY rowid")))["key"]
    assert [under for *_, under in before] == [hello["message_id"], cat["message_id"]]
    tables.db.execute("UPDATE inbox SET answered = '', sent = ? WHERE key = ?", ['{"answer?": "2"}', key])
    tables.db.execute("UPDATE deliveries SET done = '', sent = '{}'")
    query = urllib.parse.urlencode({"chat_id": 1, "message_id": before[1][0]})
    urllib.request.urlopen(f"{api.url}/bot{api.token}/deleteMessage?{query}").close()
    api.misbehave("sendMessage", Fault(cut="after"))
    with RunningBot(api, bot_home, EASEL_MODEL="broken") as bot:
        api.wait_for(lambda: not bot.assistant.tables.store.owed("telegram") and not bot.assistant.waiting())
    assert [(m["text"], m["reply_to_message"]["message_id"]) for m in api.messages(1)] == [one[1:] for one in before]


def test_a_status_that_was_not_posted_before_a_crash_stops_no_later_start(api: BotApi, bot_home: Path) -> None:
    def crashed(assistant: Any) -> None:
        answer = assistant.answer(Incoming("telegram:0", "telegram:1", "telegram:1", "a cat", message="0"))
        assistant.mark_sent(answer.job.id, "status?", "3")

    first, second = RunningBot(api, bot_home), RunningBot(api, bot_home)
    first.change = crashed
    api.say(1, "hello")
    with first as bot:
        api.wait_for(lambda: bot.assistant.delivery(1).sent.get("status?") == "")
    with second as bot:
        api.wait_for(lambda: not bot.assistant.tables.store.owed("telegram"))
    assert len(api.messages(1, "photo")) == 1


def test_an_album_and_a_picture_that_may_both_have_been_posted_come_once(api: BotApi, bot_home: Path) -> None:
    """As two crashes leave them: neither is known to be there, and the picture is looked for where the album is."""
    first, second = RunningBot(api, bot_home), RunningBot(api, bot_home)

    def forgetful(assistant: Any) -> None:
        mark_sent = assistant.mark_sent
        assistant.mark_sent = lambda job, part, message: part == "pictures" or mark_sent(job, part, message)
        assistant.delivered = lambda job: None

    def reversed_(assistant: Any) -> None:
        undelivered = assistant.undelivered
        assistant.undelivered = lambda front: undelivered(front)[::-1]

    first.change, second.change = forgetful, reversed_
    with first as bot:
        api.say(1, "画两张猫的图")
        api.wait_for(lambda: len(api.messages(1, "photo")) == 2)
        api.say(1, "a dog")
        api.wait_for(lambda: len(api.messages(1, "photo")) == 3)
        api.wait_for(lambda: "buttons" in bot.assistant.delivery(1).sent)
        mark = bot.assistant.delivery(1).sent["pictures?"]
        bot.assistant.tables.store.mark_sent(2, "pictures?", mark)
    before = [(m["message_id"], m.get("caption", "")) for m in api.messages(1, "photo")]
    sent = len(api.calls_of("sendPhoto", "sendMediaGroup"))
    with second as bot:
        api.wait_for(lambda: not bot.assistant.tables.store.owed("telegram"))
    assert [(m["message_id"], m.get("caption", "")) for m in api.messages(1, "photo")] == before
    assert len(api.calls_of("sendPhoto", "sendMediaGroup")) == sent
