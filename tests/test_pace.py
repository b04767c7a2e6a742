"""The pace of telling progress, and of trying again."""

from __future__ import annotations

from itertools import islice, pairwise

import pytest
from telegram.error import RetryAfter

from bot.pace import Pace, Throttle, waits
from bot.telegram.calls import Limits


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_steps_are_told_ever_more_sparsely() -> None:
    clock = Clock()
    pace, told = Pace(1.5, clock), []
    for step in range(1, 61):
        clock.now += 10
        if pace.due(step):
            told.append(step)
    assert told == [1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 31, 39, 49]


def test_never_twice_within_the_interval() -> None:
    clock = Clock()
    pace, times = Pace(1.5, clock), []
    for step in range(1, 1001):
        clock.now += 0.1
        if pace.due(step):
            times.append(clock.now)
    assert times[0] >= 1.5 and min(b - a for a, b in pairwise(times)) >= 1.49
    assert len(times) < 25


def test_a_step_that_was_due_too_early_is_told_later() -> None:
    clock = Clock()
    pace = Pace(1.5, clock)
    assert not pace.due(1)
    clock.now = 2
    assert pace.due(2) and not pace.due(2)


def test_waits_double_up_to_a_limit_for_ever() -> None:
    assert list(islice(waits(), 8)) == [1, 2, 4, 8, 16, 32, 60, 60]
    assert next(islice(waits(), 5000, None)) == 60


def test_the_first_may_come_at_once() -> None:
    clock = Clock()
    pace = Pace(4.5, clock, at_once=True)
    assert pace.due(1) and not pace.due(2)


def calls(throttle: Throttle, clock: Clock, seconds: float, *chats: str) -> list[tuple[float, str]]:
    """When which chat was called, if each is called as often as it may be."""
    made = []
    while clock.now < seconds:
        made += [(clock.now, chat) for chat in chats if throttle.wait(chat, group=chat.startswith("-")) == 0]
        clock.now = round(clock.now + 0.01, 2)
    return made


def test_no_second_has_more_than_thirty_calls() -> None:
    clock = Clock()
    times = [at for at, _ in calls(Throttle(clock=clock), clock, 5, *map(str, range(50)))]
    assert len(times) >= 5 * 30
    assert all(late - early >= 0.999 for early, late in zip(times, times[30:], strict=False))


def test_no_minute_has_more_than_twenty_calls_to_a_group_and_others_do_not_wait() -> None:
    clock = Clock()
    throttle = Throttle(clock=clock)
    made = [chat for _, chat in calls(throttle, clock, 10, "-5", "7")]
    assert made.count("-5") == 20 and made.count("7") > 200
    assert 49 < throttle.wait("-5", group=True) <= 60
    clock.now = 60.01
    assert throttle.wait("-5", group=True) == 0


def test_what_waits_is_not_counted() -> None:
    clock = Clock()
    throttle = Throttle(second=1, clock=clock)
    assert throttle.wait("7") == 0
    assert [throttle.wait("7") for _ in range(5)] == [1.0] * 5
    clock.now = 1.0
    assert throttle.wait("7") == 0


def test_a_chat_that_was_told_to_wait_waits_alone() -> None:
    clock = Clock()
    throttle = Throttle(clock=clock)
    throttle.hold("7", 20)
    assert throttle.wait("7") == 20 and throttle.wait("8") == 0
    clock.now = 19.5
    assert throttle.wait("7") == 0.5
    clock.now = 20.0
    assert throttle.wait("7") == 0


async def test_whoever_waits_for_a_turn_is_let_go_when_it_is_time_to_stop() -> None:
    throttle, calls = Throttle(), []
    throttle.hold("1", 600)

    async def stop(seconds: float) -> bool:
        calls.append(seconds)
        return True

    async def call() -> bool:
        raise AssertionError("it had to wait")

    with pytest.raises(RetryAfter):
        await Limits(stop, throttle).process_request(call, (), {}, "sendMessage", {"chat_id": 1}, None)
    assert len(calls) == 1 and calls[0] > 500
