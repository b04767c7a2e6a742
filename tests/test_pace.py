"""The pace of telling progress, and of trying again."""

from __future__ import annotations

from itertools import islice, pairwise

from bot.pace import Pace, waits


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
