"""A backend that can be computed by hand: every picture is one colour, which is its seed."""

from __future__ import annotations

from PIL import Image

from pipeline.backends.base import Backend, PaintRequest, Progress, Stage, Stopped
from pipeline.errors import Cancelled, OutOfMemory
from pipeline.profiles import Profile


def profile(model: str = "colour", **more: object) -> Profile:
    values: dict[str, object] = {
        "name": model.capitalize(),
        "source": "nowhere/colour",
        "family": "colour",
        "dialect": "tags",
        "width": 16,
        "height": 16,
        "steps": 3,
        "guidance": 2.0,
    }
    return Profile(id=model, **(values | more))  # type: ignore[arg-type]


class ColourBackend(Backend):
    """Paints, and notes every batch; runs out of memory above `memory` pictures at a time."""

    def __init__(self, profile: Profile, *, max_batch: int = 1, memory: int = 99) -> None:
        super().__init__(profile, max_batch=max_batch)
        self.memory = memory
        self.batches: list[tuple[int, ...]] = []
        self._loaded = False

    @property
    def loaded(self) -> bool:
        return self._loaded

    def load(self, stage: Stage) -> None:
        if not self._loaded:
            stage("loading")
            self._loaded = True

    def unload(self) -> None:
        self._loaded = False

    def paint_batch(self, request: PaintRequest, progress: Progress, stopped: Stopped) -> list[Image.Image]:
        if len(request.seeds) > self.memory:
            raise OutOfMemory("Too many colours; ask for fewer.")
        for step in range(1, request.steps + 1):
            progress(step, request.steps)
            if stopped():
                raise Cancelled("Stopped.")
        self.batches.append(request.seeds)
        return [Image.new("RGB", (request.width, request.height), (seed % 256, 0, 0)) for seed in request.seeds]
