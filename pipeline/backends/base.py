"""What runs a model: the one abstract class, and the request it paints.

The base class checks the request, cuts it into batches, and counts the steps of all batches as one way. An adapter
loads a model and paints one batch. Knows nothing of queues, files or chats. A backend belongs to one thread:
pipelines keep state while they paint.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PIL.Image import Image

from pipeline.errors import Cancelled, InvalidRequest, OutOfMemory
from pipeline.profiles import Profile

#: Called with the steps done and the steps in all.
Progress = Callable[[int, int], None]
#: Asked between steps whether to stop.
Stopped = Callable[[], bool]
#: Told what happens before painting can begin: ``loading`` or ``downloading``.
Stage = Callable[[str], None]

#: torch's generators take seeds up to here; A1111 and ComfyUI show them as 32-bit numbers.
MAX_SEED = 2**32 - 1


@dataclass(frozen=True)
class PaintRequest:
    """One prompt to paint, once for each seed."""

    prompt: str
    width: int
    height: int
    seeds: tuple[int, ...]
    steps: int
    guidance: float
    negative: str = ""


class Backend(ABC):
    """One model, ready to paint.

    Args:
        profile: which model, and how it wants to be used.
        max_batch: pictures painted side by side. One at a time is the default: the same seed then gives the same
            picture whatever it is asked together with, a cancel loses least, and a CPU is no slower by it.
    """

    def __init__(self, profile: Profile, *, max_batch: int = 1) -> None:
        self.profile = profile
        self.max_batch = max_batch

    @property
    def id(self) -> str:
        return self.profile.id

    @property
    def sampler(self) -> str:
        """What the picture was sampled with, for its metadata; empty where that is not known."""
        return self.profile.scheduler

    @property
    @abstractmethod
    def loaded(self) -> bool:
        """Whether the weights are in memory."""

    @abstractmethod
    def load(self, stage: Stage) -> None:
        """Bring the weights into memory, from the network if need be. Does nothing when they are there."""

    @abstractmethod
    def unload(self) -> None:
        """Give the memory back."""

    @abstractmethod
    def paint_batch(self, request: PaintRequest, progress: Progress, stopped: Stopped) -> list[Image]:
        """Paint all seeds of a request side by side; raises `Cancelled` when stopped."""

    def paint(
        self,
        request: PaintRequest,
        progress: Progress = lambda step, total: None,
        stopped: Stopped = lambda: False,
        stage: Stage = lambda name: None,
    ) -> Iterator[Image]:
        """The pictures in the order of their seeds, each as soon as its batch is done.

        A batch that does not fit into memory is halved, down to single pictures.
        """
        self.check(request)
        self.load(stage)
        left = request.seeds
        while left:
            if stopped():
                raise Cancelled("The painting was cancelled.")
            batch = dataclasses.replace(request, seeds=left[: self.max_batch])
            try:
                images = self.paint_batch(batch, self._overall(progress, request, left), stopped)
            except OutOfMemory:
                if len(batch.seeds) == 1:
                    raise
                self.max_batch = len(batch.seeds) // 2
                continue
            yield from images
            left = left[self.max_batch :]

    def _overall(self, progress: Progress, request: PaintRequest, left: tuple[int, ...]) -> Progress:
        """Progress of one batch as progress of the whole request."""
        done = -(-(len(request.seeds) - len(left)) // self.max_batch)
        batches = done + -(-len(left) // self.max_batch)
        return lambda step, total: progress(done * total + step, batches * total)

    def check(self, request: PaintRequest) -> None:
        """Raises `InvalidRequest` for what this model cannot paint."""
        problem = self.profile.size_problem(request.width, request.height)
        if problem:
            size = f"{request.width}x{request.height}"
            raise InvalidRequest(f"{self.profile.name} cannot paint {size}: {problem}; ask for another size.")
        if not request.prompt.strip():
            raise InvalidRequest("The prompt is empty; say what to paint.")
        if request.steps < 1:
            raise InvalidRequest(f"{request.steps} steps paint nothing; ask for at least 1.")
        if not request.guidance >= 0:
            raise InvalidRequest(f"A guidance of {request.guidance} means nothing; ask for 0 or more.")
        if not request.seeds:
            raise InvalidRequest("No picture was asked for; ask for at least 1.")
        for seed in request.seeds:
            if not 0 <= seed <= MAX_SEED:
                raise InvalidRequest(f"The seed {seed} is out of range; choose one from 0 to {MAX_SEED}.")
