"""When to tell progress (ever more sparsely), how fast to call, and when to try again."""

from __future__ import annotations

import itertools
import time
from collections import defaultdict, deque
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


class Throttle:
    """Keeps calls within what a chat network bears, each chat for itself and all together.

    Args:
        second: calls a second, all chats together; Telegram's own ceiling is 30.
        minute: calls a minute in a group.
        clock: tells monotonic seconds.
    """

    def __init__(self, second: int = 30, minute: int = 20, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._all: deque[float] = deque(maxlen=second)
        self._groups: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=minute))
        self._held: dict[str, float] = {}

    def wait(self, chat: str, *, group: bool = False) -> float:
        """Seconds until a call may go to a chat. With 0 it may go now, and is counted."""
        now = self._clock()
        times = [self._held.get(chat, 0.0) - now, _full(self._all, 1.0, now)]
        if group:
            times.append(_full(self._groups[chat], 60.0, now))
        if (longest := max(times)) > 0:
            return longest
        self._held.pop(chat, None)
        self._all.append(now)
        if group:
            self._groups[chat].append(now)
        return 0.0

    def hold(self, chat: str, seconds: float) -> None:
        """A chat was told to wait."""
        self._held[chat] = self._clock() + seconds


def _full(calls: deque[float], span: float, now: float) -> float:
    """Seconds until the oldest of the calls that fit into a span is out of it."""
    return calls[0] + span - now if len(calls) == calls.maxlen else 0.0


def waits(first: float = 1.0, most: float = 60.0) -> Iterator[float]:
    """Seconds to wait before each next try: doubling up to a limit, for ever."""
    return (min(first * 2**tries, most) for tries in itertools.chain(range(16), itertools.repeat(16)))
