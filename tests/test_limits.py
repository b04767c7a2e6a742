"""Limits per person: what counts, what is given back, what is said. Over a real queue and the real assistant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from conftest import USER

from bot import limits, replies
from bot.assistant import Assistant
from bot.errors import EaselError, LimitReached, NotYours
from bot.messages import Answer, Incoming
from bot.texts import language_of, span
from pipeline.errors import PipelineError
from pipeline.jobs import Job
from promptlib.errors import PromptlibError

Make = Callable[..., Incoming]
OTHER, ADMIN = "telegram:8", "telegram:1"


def limited(assistant: Assistant, **most: int) -> Assistant:
    assistant.settings = replace(assistant.settings, **most)  # type: ignore[arg-type]
    return assistant


def ask(assistant: Assistant, message: Incoming) -> Answer:
    assistant.accept(message)
    return assistant.answer(message)


def job_of(assistant: Assistant, message: Incoming) -> Job:
    job = ask(assistant, message).job
    assert job is not None
    return job


def test_a_day_has_so_many_pictures_and_says_when_there_are_more(assistant: Assistant, incoming: Make) -> None:
    limited(assistant, pictures_per_day=3)
    queue = assistant.tables.queue
    begun = datetime(2026, 12, 31, 20, tzinfo=UTC)
    queue.clock = lambda: begun.isoformat()
    ask(assistant, incoming("a cat"))
    ask(assistant, incoming("画两张猫的图"))
    queue.clock = lambda: (begun + timedelta(hours=5)).isoformat()
    with pytest.raises(LimitReached, match=r"3 pictures for 24 hours.* in 19 h"):
        ask(assistant, incoming("a dog"))
    with pytest.raises(LimitReached, match=r"3 张已经用完.*19 小时后"):
        ask(assistant, incoming("一只狗"))
    # Over midnight and the year's end, to the second.
    queue.clock = lambda: (begun + timedelta(hours=23, minutes=59, seconds=59)).isoformat()
    assert assistant.quota(USER).left == 0
    queue.clock = lambda: (begun + timedelta(hours=24)).isoformat()
    assert job_of(assistant, incoming("a dog")).count == 1


def test_what_is_refused_leaves_nothing_behind_and_may_be_asked_again(assistant: Assistant, incoming: Make) -> None:
    limited(assistant, pictures_per_day=1)
    first = job_of(assistant, incoming("a cat"))
    refused = incoming("a dog")
    with pytest.raises(LimitReached):
        ask(assistant, refused)
    assert assistant.waiting() == [refused], "it is owed an answer"
    assert [job.id for job in assistant.tables.queue.list()] == [first.id]
    assistant.cancel(USER)
    assert job_of(assistant, refused).id == first.id + 1


@pytest.mark.parametrize("end", ["fail", "cancel", "died"])
def test_what_came_to_nothing_is_given_back(assistant: Assistant, incoming: Make, end: str) -> None:
    limited(assistant, pictures_per_day=2)
    queue = assistant.tables.queue
    job = job_of(assistant, incoming("画两张猫的图"))
    assert assistant.quota(USER).left == 0
    queue.claim()
    if end == "fail":
        queue.fail(job.id, "No paint.")
    elif end == "cancel":
        queue.cancel(job.id)
        queue.stopped(job.id)
    else:
        queue.db.execute("UPDATE jobs SET attempts = 3")
        assert [given_up.fault for given_up in queue.recover()] == ["PaintingDied"]
    assert assistant.quota(USER).left == 2
    assert job_of(assistant, incoming("画两张狗的图")).count == 2


def test_too_few_left_and_too_many_at_once_are_told_apart(assistant: Assistant, incoming: Make) -> None:
    limited(assistant, pictures_per_day=3)
    with pytest.raises(LimitReached, match="5 at a time are too many"):
        ask(assistant, incoming("5 pictures of a cat"))
    ask(assistant, incoming("a cat"))
    with pytest.raises(LimitReached, match="2 are left, not 3"):
        ask(assistant, incoming("3 pictures of a cat"))
    assert job_of(assistant, incoming("2 pictures of a cat")).count == 2


def test_only_so_many_may_wait(assistant: Assistant, incoming: Make) -> None:
    limited(assistant, jobs_waiting=2)
    jobs = [job_of(assistant, incoming(words)) for words in ("a cat", "a dog")]
    with pytest.raises(LimitReached, match="2 个任务在排队"):
        ask(assistant, incoming("一只鸟"))
    assert job_of(assistant, incoming("a bird", user=OTHER)).owner == OTHER
    assert assistant.tables.queue.claim() == assistant.job(jobs[0].id)
    ask(assistant, incoming("a bird"))


def test_another_picture_by_button_counts_as_well(assistant: Assistant, incoming: Make) -> None:
    limited(assistant, pictures_per_day=1)
    job = job_of(assistant, incoming("a cat"))
    with pytest.raises(LimitReached):
        assistant.again(job.id, incoming("a:1"))
    # Whoever presses asks, not whoever asked first.
    assert assistant.again(job.id, incoming("a:1", user=OTHER)).job


def test_the_same_message_again_is_no_second_request(assistant: Assistant, incoming: Make) -> None:
    limited(assistant, pictures_per_day=1)
    message = incoming("a cat")
    assert job_of(assistant, message) == job_of(assistant, message)


def test_admins_have_no_limits(assistant: Assistant, incoming: Make) -> None:
    limited(assistant, pictures_per_day=1, jobs_waiting=1)
    for _ in range(3):
        ask(assistant, incoming("a cat", user=ADMIN))
    assert "no limit" in limits.told(assistant.quota(ADMIN), "en")


def test_what_one_has_used_is_told(assistant: Assistant, incoming: Make) -> None:
    limited(assistant, pictures_per_day=2)
    assert limits.told(assistant.quota(USER), "zh") == "24 小时内用了 0/2 张。"
    ask(assistant, incoming("2 pictures of a cat"))
    assert limits.told(assistant.quota(USER), "en").startswith("2 of 2 pictures used within 24 hours.\n2 more in 24 h")


def test_one_job_is_cancelled_by_its_owner_or_an_admin(assistant: Assistant, incoming: Make) -> None:
    jobs = [job_of(assistant, incoming(words)) for words in ("a cat", "a dog", "a bird")]
    with pytest.raises(NotYours):
        assistant.cancel_job(jobs[0].id, OTHER)
    assert assistant.cancel_job(jobs[0].id, USER).status == "cancelled"
    assert assistant.tables.queue.claim() == assistant.job(jobs[1].id)
    assert assistant.cancel_job(jobs[1].id, ADMIN).stopping
    assert assistant.job(jobs[2].id).status == "queued"


def kinds(base: type[Exception]) -> Iterator[type[Exception]]:
    for kind in base.__subclasses__():
        yield kind
        yield from kinds(kind)


@pytest.mark.parametrize("tree", [EaselError, PipelineError, PromptlibError])
def test_every_deliberate_error_is_said_in_chinese_and_tells_no_paths(tree: type[Exception]) -> None:
    for kind in kinds(tree):
        said = replies.explain(kind("The folder /secret is gone."), "zh")
        assert language_of(said) == "zh" and "/secret" not in said, kind


def test_what_is_said_in_ones_language_already_stays() -> None:
    assert replies.explain(LimitReached("满了。"), "zh") == "满了。"
    assert replies.explain(LimitReached("Full."), "en") == "Full."
    assert replies.explain(NotYours("Job 1 belongs to somebody else."), "en").startswith("Only the person")


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (0, "5 s", "5 秒"),
        (11, "15 s", "15 秒"),
        (56, "1 min", "1 分钟"),
        (61, "2 min", "2 分钟"),
        (3301, "1 h", "1 小时"),
        (86400, "24 h", "24 小时"),
    ],
)
def test_spans_of_time_are_never_too_short(seconds: float, english: str, chinese: str) -> None:
    assert (span(seconds, "en"), span(seconds, "zh")) == (english, chinese)


def test_being_forgotten_buys_no_pictures(assistant: Assistant, incoming: Make) -> None:
    limited(assistant, pictures_per_day=3)
    queue, begun = assistant.tables.queue, datetime(2026, 12, 31, 20, tzinfo=UTC)
    queue.clock = lambda: begun.isoformat()
    for text in ("a cat", "a dog"):
        ask(assistant, incoming(text))
        job = queue.claim()
        assert job is not None
        queue.finish(job.id)
    ask(assistant, incoming("a bird"))
    assistant.forget_person(USER)
    assistant.forget_person(USER)
    assert (assistant.quota(USER).pictures, assistant.quota(OTHER).pictures) == (2, 0), "the bird was given back"
    kept = assistant.tables.db.execute("SELECT * FROM spent").fetchall()
    assert [row[1:] for row in kept] == [(begun.isoformat(), 1)] * 2 and USER not in str(kept)
    queue.clock = lambda: (begun + timedelta(hours=24)).isoformat()
    assert assistant.quota(USER).pictures == 0
    ask(assistant, incoming("a cat", user=OTHER))
    assert assistant.tables.db.execute("SELECT count(*) FROM spent").fetchone() == (0,)


def test_where_nothing_is_limited_nothing_is_kept(assistant: Assistant, incoming: Make) -> None:
    limited(assistant, pictures_per_day=0)
    ask(assistant, incoming("a cat"))
    assert assistant.tables.queue.claim()
    assistant.tables.queue.finish(1)
    assistant.forget_person(USER)
    assert assistant.tables.db.execute("SELECT count(*) FROM spent").fetchone() == (0,)
