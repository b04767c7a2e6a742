"""Leaving a broken service alone: after some failures in a row nobody asks it for a while, then one may try again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)


class CircuitBreaker:
    """Counts failures of one service; may be shared between threads.

    Args:
        name: what the log calls the service.
        limit: failures in a row after which it is left alone.
        pause: for how many seconds at first; doubled each time the one who tries again fails, up to `longest`.
    """

    def __init__(
        self,
        name: str,
        *,
        limit: int = 3,
        pause: float = 60.0,
        longest: float = 900.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._limit, self._first, self._longest, self._clock = name, limit, pause, longest, clock
        self._lock = threading.Lock()
        self._failures = 0
        self._pause = pause
        self._until: float | None = None  # when the pause ends; None while all is well

    def may_try(self) -> bool:
        """Whether to ask the service now. After a pause the first one who is told so tries for all."""
        with self._lock:
            if self._until is None:
                return True
            if self._clock() < self._until:
                return False
            self._until = self._clock() + self._pause
            return True

    def succeeded(self) -> None:
        with self._lock:
            paused, self._until = self._until is not None, None
            self._failures, self._pause = 0, self._first
        if paused:
            log.warning("%s answers again.", self._name)

    def failed(self, reason: str) -> None:
        """Count a failure; the one that begins a pause is logged, with its reason."""
        with self._lock:
            self._failures += 1
            if self._until is not None:  # the one who tried again failed as well
                self._pause = min(2 * self._pause, self._longest)
            elif self._failures < self._limit:
                return
            begins, pause = self._until is None, self._pause
            self._until = self._clock() + pause
        if begins:
            log.warning(
                "%s cannot be used: %s. Requests are understood without it; it is tried again in %.0f seconds.",
                self._name,
                reason,
                pause,
            )
