"""One thread that owns the model and paints what is in the queue, job after job.

Callbacks come from that thread: an asyncio front passes them on with `call_soon_threadsafe`. Several workers, in
one process or many, may share a queue. Knows nothing of chats.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from pipeline.backends import make_backend
from pipeline.backends.base import Backend
from pipeline.jobs import Job
from pipeline.painter import Painter, Watch
from pipeline.profiles import Profile
from pipeline.queue import JobQueue

log = logging.getLogger(__name__)

#: Most seconds between two tries to use a queue that cannot be used.
LONGEST_WAIT = 30.0


def _ignore(*_: Any) -> None:
    pass


class Worker:
    """Paints queued jobs until it is stopped.

    Args:
        open_db: opens the database anew; called in the worker's thread, which a connection belongs to.
        profiles: the models by id.
        images_dir: where pictures go, see `Painter`.
        on_stage: told a job's id and ``loading`` or ``downloading``.
        on_progress: told a job's id, the steps done and the steps in all.
        on_finished, on_failed, on_cancelled: told the job when it has ended so.
        make: builds the backend of a profile.
        poll: seconds after which it looks for jobs that other processes added; `wake` makes it look at once.
    """

    def __init__(
        self,
        open_db: Callable[[], Database],
        profiles: Mapping[str, Profile],
        images_dir: Path,
        *,
        on_stage: Callable[[int, str], None] = _ignore,
        on_progress: Callable[[int, int, int], None] = _ignore,
        on_finished: Callable[[Job], None] = _ignore,
        on_failed: Callable[[Job], None] = _ignore,
        on_cancelled: Callable[[Job], None] = _ignore,
        make: Callable[[Profile], Backend] = make_backend,
        poll: float = 1.0,
    ) -> None:
        self._open_db = open_db
        self._painter = Painter(profiles, images_dir, make=make)
        self._ended = {"done": on_finished, "failed": on_failed, "cancelled": on_cancelled}
        self._poll = poll
        self._wake = threading.Event()
        self._pause = threading.Event()
        self._abort = threading.Event()
        self._watch = Watch(
            progress=lambda *told: self._tell(on_progress, *told),
            stage=lambda *told: self._tell(on_stage, *told),
            pause=self._pause.is_set,
            abort=self._abort.is_set,
        )
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; jobs left behind by a process that died are taken up first."""
        self._pause.clear()
        self._abort.clear()
        self._thread = threading.Thread(target=self._run, name="easel-worker", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look for new jobs now. Any thread may call this."""
        self._wake.set()

    def stop(self, deadline: float = 30.0) -> bool:
        """Finish the picture being painted, put the rest of its job back into the queue, and end.

        After `deadline` seconds the picture is given up at its next step. Returns whether the thread has ended;
        where it has not (it may be loading), its job is taken up again at the next start.
        """
        if self._thread is None:
            return True
        self._pause.set()
        self._wake.set()
        self._thread.join(deadline)
        self._abort.set()
        # One step of a large model on a slow machine; nothing but the end of the process stops a longer one.
        self._thread.join(5.0)
        return not self._thread.is_alive()

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def stopping(self) -> bool:
        return self._pause.is_set()

    def _run(self) -> None:
        queue: JobQueue | None = None
        settled, failures = False, 0
        while not self._pause.is_set():
            self._wake.clear()
            wait = self._poll
            try:
                queue = queue or JobQueue(self._open_db())
                if not settled:
                    for job in queue.recover():
                        self._report(job)
                    settled = True
                claimed = queue.claim()
                failures = 0
                if claimed is not None:
                    self._report(self._painter.paint(queue, claimed, self._watch))
                    continue
            except Exception as error:
                # The database, then: locked, full, gone. The job's row stays, and is recovered when it is back.
                wait = min(LONGEST_WAIT, self._poll * 2 ** min(failures, 16))
                settled, failures = False, failures + 1
                foreseen = queue is None or isinstance(error, sqlite3.Error)
                words = "The worker cannot use its queue (%s); it tries again in %g s"
                log.warning(words, error, wait, exc_info=None if foreseen else error)
            self._wake.wait(wait)

    def _report(self, job: Job) -> None:
        if job.status in self._ended:
            self._tell(self._ended[job.status], job)

    def _tell(self, callback: Callable[..., None], *told: Any) -> None:
        """A front that fails must not take the worker with it."""
        try:
            callback(*told)
        except Exception:
            log.exception("A callback of the worker failed")
