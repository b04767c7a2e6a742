"""When to tell progress (ever more sparsely, never faster than a chat allows), and when to try again."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator


class Pace:
    """Says which steps are worth an edit: 1 2 3 4 5 6 8 10 13 16 20 25 …, with a pause between any two.

    Args:
        interval: seconds between two edits. Telegram bears about one message a second in a chat.
        at_once: whether the first may come now, because nothing was said just before.
        clock: tells monotonic seconds.
    """

    def __init__(
        self, interval: float = 1.5, clock: Callable[[], float] = time.monotonic, *, at_once: bool = False
    ) -> None:
        self._interval = interval
        self._clock = clock
        self._next = 1
        self._told = -interval if at_once else clock()

    def due(self, step: int) -> bool:
        """Whether to tell this step now; what is told counts as told."""
        now = self._clock()
        if step < self._next or now - self._told < self._interval:
            return False
        self._next = max(step + 1, (5 * step + 2) // 4)
        self._told = now
        return True


def waits(first: float = 1.0, most: float = 60.0) -> Iterator[float]:
    """Seconds to wait before each next try: doubling up to a limit, for ever."""
    return (min(first * 2**tries, most) for tries in itertools.chain(range(16), itertools.repeat(16)))
