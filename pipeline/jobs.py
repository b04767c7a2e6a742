"""The words that travel through pipeline: a job to paint, and the pictures it became.

Plain frozen data, which no chat object may enter: a front keeps what it must know of a job in `extra`, as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

#: A job is queued, then running, then one of the others.
STATUSES = ("queued", "running", "done", "failed", "cancelled")


@dataclass(frozen=True)
class Job:
    """One prompt to paint.

    Args:
        model: the id of a profile.
        prompt, negative, width, height, steps, guidance: what is painted.
        count: how many pictures; they take the seeds ``seed``, ``seed + 1``, …, as A1111 does.
        seed: of the first picture.
        owner: whose job it is; people take turns.
        priority: higher goes first among those whose turn it is.
        extra: whatever the front wants back with the job; must be JSON.
        id: given by the queue.
        status: one of `STATUSES`.
        stopping: whether a running job is to be stopped.
        attempts: how often painting was begun.
        error: why it failed, one sentence.
        fault: the kind of that error, such as ``OutOfMemory``, for faces that speak another language.
        created, started, finished: UTC, ISO 8601; empty for what has not happened.
    """

    model: str
    prompt: str
    width: int
    height: int
    seed: int
    steps: int
    guidance: float
    negative: str = ""
    count: int = 1
    owner: str = ""
    priority: int = 0
    extra: dict[str, Any] = field(default_factory=dict)
    id: int = 0
    status: str = "queued"
    stopping: bool = False
    attempts: int = 0
    error: str = ""
    fault: str = ""
    created: str = ""
    started: str = ""
    finished: str = ""

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(range(self.seed, self.seed + self.count))

    @property
    def over(self) -> bool:
        """Whether it is neither waiting nor being painted."""
        return self.status not in ("queued", "running")

    @property
    def work(self) -> float:
        """How much one picture of it takes, in megapixels times steps."""
        return self.steps * self.width * self.height / 1e6

    @property
    def seconds(self) -> float | None:
        """How long the last attempt took, if it is over."""
        if not (self.started and self.finished):
            return None
        return (datetime.fromisoformat(self.finished) - datetime.fromisoformat(self.started)).total_seconds()


@dataclass(frozen=True)
class Outlook:
    """How long a job still waits.

    Args:
        ahead: jobs painted before it, running ones included.
        seconds: until all its pictures are there; None where no picture of a model before it was ever timed.
    """

    ahead: int
    seconds: float | None


@dataclass(frozen=True)
class Picture:
    """One painted picture: the `position`-th of its job, counted from 1."""

    job_id: int
    position: int
    seed: int
    path: str
    id: int = 0
