"""Paints one job: the right model into memory, picture after picture onto the disk, the outcome into the queue.

The worker's thread and `easel draw` both go through here. Knows nothing of threads or chats.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL.Image import Image

from pipeline.backends import make_backend
from pipeline.backends.base import Backend, PaintRequest
from pipeline.errors import Cancelled, ModelMissing, OutOfMemory, PaintingFailed, PipelineError, SaveFailed
from pipeline.jobs import Job, Picture
from pipeline.metadata import Parameters, write_png
from pipeline.profiles import Profile
from pipeline.queue import JobQueue

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Watch:
    """Who follows a painting, and may stop it.

    Args:
        progress: told the job's id, the steps done and the steps in all.
        stage: told the job's id and ``loading`` or ``downloading``.
        pause: asked between pictures whether to put the rest of the job back into the queue.
        abort: asked between steps whether to put it back at once.
    """

    progress: Callable[[int, int, int], None] = lambda job_id, step, total: None
    stage: Callable[[int, str], None] = lambda job_id, name: None
    pause: Callable[[], bool] = lambda: False
    abort: Callable[[], bool] = lambda: False


class Painter:
    """Keeps one model in memory and paints jobs with it. Belongs to one thread.

    Args:
        profiles: the models by id.
        images_dir: pictures go to ``<images_dir>/<year>-<month>/<job>-<position>.png``.
        make: builds the backend of a profile.
    """

    def __init__(
        self, profiles: Mapping[str, Profile], images_dir: Path, *, make: Callable[[Profile], Backend] = make_backend
    ) -> None:
        self.profiles = profiles
        self.images_dir = images_dir
        self._make = make
        self._backend: Backend | None = None

    def paint(self, queue: JobQueue, job: Job, watch: Watch | None = None) -> Job:
        """Paint a job that this queue has claimed; returns it done, failed, cancelled, or queued again."""
        watch = watch or Watch()
        try:
            return self._paint(queue, job, watch)
        except Cancelled:
            return queue.stopped(job.id) if queue.is_stopping(job.id) else queue.release(job.id)
        except KeyboardInterrupt:
            queue.stopped(job.id)
            raise
        except sqlite3.OperationalError:
            raise  # the database and not the picture: the job stays running, and is taken up again
        except PipelineError as error:
            log.warning("Job %s failed: %s", job.id, error)
            return queue.fail(job.id, str(error), type(error).__name__)
        except MemoryError:
            log.exception("Job %s ran out of memory beside the model", job.id)
            reason = f"Memory ran out while {job.model} painted; ask for a smaller or fewer pictures."
            return queue.fail(job.id, reason, OutOfMemory.__name__)
        except Exception as error:
            log.exception("Job %s failed in an unforeseen way", job.id)
            reason = f"Painting broke in an unforeseen way ({type(error).__name__}); see the log."
            return queue.fail(job.id, reason, PaintingFailed.__name__)

    def _paint(self, queue: JobQueue, job: Job, watch: Watch) -> Job:
        backend = self._backend_for(job.model)
        # A job taken up again keeps what it has: every picture depends on its own seed alone.
        saved = {picture.position for picture in queue.pictures(job.id) if Path(picture.path).exists()}
        missing = [(position, seed) for position, seed in enumerate(job.seeds, 1) if position not in saved]
        if missing:
            request = _request(job, tuple(seed for _, seed in missing))
            # Loaded before the clock starts: what is noted is how long painting takes.
            backend.check(request)
            backend.load(lambda name: watch.stage(job.id, name))
            begun = time.perf_counter()
            images = backend.paint(
                request,
                progress=lambda step, total: watch.progress(job.id, step, total),
                stopped=lambda: watch.abort() or queue.is_stopping(job.id),
            )
            for (position, seed), image in zip(missing, images, strict=True):
                self._save(queue, backend, job, Picture(job.id, position, seed, str(self._path(job, position))), image)
                if watch.pause() and position != missing[-1][0]:
                    return queue.release(job.id)
            queue.timed(job, (time.perf_counter() - begun) / len(missing))
        return queue.finish(job.id)

    def _backend_for(self, model: str) -> Backend:
        if model not in self.profiles:
            raise ModelMissing(f"There is no model {model!r}; choose one of {', '.join(self.profiles)}.")
        if self._backend is None or self._backend.id != model:
            if self._backend is not None:
                self._backend.unload()
            self._backend = self._make(self.profiles[model])
        return self._backend

    def _path(self, job: Job, position: int) -> Path:
        return self.images_dir / job.created[:7] / f"{job.id}-{position}.png"

    def _save(self, queue: JobQueue, backend: Backend, job: Job, picture: Picture, image: Image) -> None:
        parameters = Parameters(
            prompt=job.prompt,
            negative=job.negative if backend.profile.negative else "",
            steps=job.steps,
            guidance=job.guidance,
            seed=picture.seed,
            width=image.width,
            height=image.height,
            model=job.model,
            sampler=backend.sampler,
            version="easel",
        )
        save_png(image, Path(picture.path), parameters)
        queue.add_picture(picture)


def _request(job: Job, seeds: tuple[int, ...]) -> PaintRequest:
    return PaintRequest(
        prompt=job.prompt,
        negative=job.negative,
        width=job.width,
        height=job.height,
        seeds=seeds,
        steps=job.steps,
        guidance=job.guidance,
    )


def save_png(image: Image, path: Path, parameters: Parameters) -> None:
    """Write a picture whole or not at all."""
    unfinished = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with unfinished.open("wb") as file:
                write_png(image, file, parameters)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SaveFailed(
            f"The picture cannot be saved in {path.parent} ({error.strerror or error}); make room there or allow "
            "writing, and try again."
        ) from error
