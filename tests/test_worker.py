"""The worker's thread and the painter it shares with `easel draw`, on a real queue and real files."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from colour_backend import ColourBackend, profile
from PIL import Image
from sqlite_utils import Database

from pipeline.backends.base import Backend, PaintRequest, Progress, Stopped
from pipeline.errors import OutOfMemory
from pipeline.jobs import Job, Picture
from pipeline.metadata import read_png
from pipeline.painter import Painter, Watch
from pipeline.profiles import Profile
from pipeline.queue import JobQueue
from pipeline.worker import Worker

PROFILES = {"colour": profile(), "shade": profile("shade", negative=False)}


def open_db(path: Path) -> Database:
    db = Database(path)
    db.enable_wal()
    db.execute("PRAGMA busy_timeout = 5000")
    return db


@pytest.fixture
def queue(tmp_path: Path) -> JobQueue:
    return JobQueue(open_db(tmp_path / "easel.db"))


def job(model: str = "colour", **more: object) -> Job:
    values: dict[str, object] = {"prompt": "red", "negative": "blue", "width": 16, "height": 16, "seed": 7, "steps": 3}
    return Job(**({"model": model, "guidance": 2.0, "count": 2} | values | more))  # type: ignore[arg-type]


class Gate(ColourBackend):
    """Waits at every step until it is let on, so that a test decides what happens when."""

    def __init__(self, profile: Profile) -> None:
        super().__init__(profile)
        self.reached = threading.Semaphore(0)
        self.allowed = threading.Semaphore(0)

    def paint_batch(self, request: PaintRequest, progress: Progress, stopped: Stopped) -> list[Image.Image]:
        def step(done: int, total: int) -> None:
            self.reached.release()
            assert self.allowed.acquire(timeout=20)
            progress(done, total)

        return super().paint_batch(request, step, stopped)


class Broken(ColourBackend):
    """Fails in a way nobody thought of, for one prompt."""

    def paint_batch(self, request: PaintRequest, progress: Progress, stopped: Stopped) -> list[Image.Image]:
        if request.prompt == "crash":
            raise ZeroDivisionError("a secret detail")
        if request.prompt == "huge":
            raise OutOfMemory("Colour ran out of memory; ask for less.")
        if request.prompt == "vast":
            raise MemoryError
        return super().paint_batch(request, progress, stopped)


class Run:
    """A worker with its events, waited for and never slept for."""

    def __init__(self, home: Path, make: Callable[[Profile], Backend] = ColourBackend, **more: Any) -> None:
        self.events: list[tuple[str, Any]] = []
        self.changed = threading.Condition()

        def note(name: str) -> Callable[..., None]:
            def callback(*told: Any) -> None:
                with self.changed:
                    self.events.append((name, told[0] if len(told) == 1 else told))
                    self.changed.notify_all()

            return callback

        options: dict[str, Any] = {
            f"on_{name}": note(name) for name in ("stage", "progress", "finished", "failed", "cancelled")
        }
        options |= {"make": make, "poll": 60.0} | more
        self.worker = Worker(lambda: open_db(home / "easel.db"), PROFILES, home / "images", **options)

    def wait(self, name: str, count: int = 1) -> Any:
        """What was told with the `count`-th event of this name."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.told(name)) >= count, timeout=20), self.events
            return self.told(name)[count - 1]

    def told(self, name: str) -> list[Any]:
        return [told for event, told in self.events if event == name]


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    started: list[Run] = []

    def start(**more: Any) -> Run:
        started.append(Run(tmp_path, **more))
        started[-1].worker.start()
        return started[-1]

    yield start
    for run in started:
        run.worker.stop(deadline=0)


def test_a_job_becomes_files_with_their_parameters(tmp_path: Path, queue: JobQueue) -> None:
    added = queue.add(job(), claimed=True)
    done = Painter(PROFILES, tmp_path / "images", make=ColourBackend).paint(queue, added)
    assert (done.status, done.id) == ("done", added.id)
    pictures = queue.pictures(added.id)
    assert [picture.seed for picture in pictures] == [7, 8]
    folder = tmp_path / "images" / added.created[:7]
    assert [picture.path for picture in pictures] == [str(folder / "1-1.png"), str(folder / "1-2.png")]
    assert sorted(path.name for path in folder.iterdir()) == ["1-1.png", "1-2.png"]
    with Image.open(pictures[1].path) as image:
        assert image.getpixel((0, 0)) == (8, 0, 0)
    written = read_png(Path(pictures[1].path))
    assert (written.prompt, written.negative, written.seed, written.steps) == ("red", "blue", 8, 3)
    assert (written.guidance, written.width, written.height) == (2.0, 16, 16)
    assert (written.model, written.version) == ("colour", "easel")


def test_a_negative_prompt_the_model_does_not_take_is_not_claimed(tmp_path: Path, queue: JobQueue) -> None:
    added = queue.add(job("shade"), claimed=True)
    Painter(PROFILES, tmp_path, make=ColourBackend).paint(queue, added)
    assert read_png(Path(queue.pictures(added.id)[0].path)).negative == ""


def test_the_calling_thread_sees_progress(tmp_path: Path, queue: JobQueue) -> None:
    told: list[tuple[object, ...]] = []
    watch = Watch(progress=lambda *now: told.append(now), stage=lambda *now: told.append(now))
    Painter(PROFILES, tmp_path, make=ColourBackend).paint(queue, queue.add(job(), claimed=True), watch)
    assert told == [(1, "loading"), *((1, step, 6) for step in range(1, 7))]


def test_control_c_cancels_the_job(tmp_path: Path, queue: JobQueue) -> None:
    def interrupt(*_: int) -> None:
        raise KeyboardInterrupt

    painter = Painter(PROFILES, tmp_path, make=ColourBackend)
    with pytest.raises(KeyboardInterrupt):
        painter.paint(queue, queue.add(job(), claimed=True), Watch(progress=interrupt))
    assert queue.get(1).status == "cancelled"


def test_a_job_taken_up_again_paints_only_what_is_missing(tmp_path: Path, queue: JobQueue) -> None:
    added = queue.add(job(count=3), claimed=True)
    kept = tmp_path / "kept.png"
    kept.write_bytes(b"painted before")
    queue.add_picture(Picture(added.id, 1, 7, str(kept)))
    queue.add_picture(Picture(added.id, 2, 8, str(tmp_path / "lost.png")))
    backend = ColourBackend(PROFILES["colour"])
    Painter(PROFILES, tmp_path, make=lambda _: backend).paint(queue, added)
    assert backend.batches == [(8,), (9,)]
    assert queue.pictures(added.id)[0].path == str(kept)
    assert queue.get(added.id).status == "done"


def test_one_model_is_kept_and_swapped(tmp_path: Path, queue: JobQueue) -> None:
    made: list[ColourBackend] = []

    def make(profile: Profile) -> Backend:
        made.append(ColourBackend(profile))
        return made[-1]

    painter = Painter(PROFILES, tmp_path, make=make)
    for model in ("colour", "colour", "shade"):
        painter.paint(queue, queue.add(job(model), claimed=True))
    assert [(backend.id, backend.loaded) for backend in made] == [("colour", False), ("shade", True)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model": "nosuch"}, "There is no model 'nosuch'; choose one of colour, shade."),
        ({"width": 20}, "multiples of 8"),
        ({"prompt": "huge"}, "ran out of memory; ask for less"),
        ({"prompt": "crash"}, "unforeseen way (ZeroDivisionError)"),
    ],
)
def test_a_failing_job_has_a_reason(tmp_path: Path, queue: JobQueue, change: dict[str, object], reason: str) -> None:
    failed = Painter(PROFILES, tmp_path, make=Broken).paint(queue, queue.add(job(**change), claimed=True))  # type: ignore[arg-type]
    assert failed.status == "failed"
    assert reason in failed.error
    assert "secret" not in failed.error


def test_a_full_disk_is_a_clear_failure_and_leaves_nothing(
    tmp_path: Path, queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    failed = Painter(PROFILES, tmp_path / "images", make=ColourBackend).paint(queue, queue.add(job(), claimed=True))
    assert failed.status == "failed"
    assert "No space left on device" in failed.error
    assert [path for path in (tmp_path / "images").rglob("*") if path.is_file()] == []


def test_a_folder_that_cannot_be_made_is_a_clear_failure(tmp_path: Path, queue: JobQueue) -> None:
    (tmp_path / "images").write_text("in the way")
    failed = Painter(PROFILES, tmp_path / "images", make=ColourBackend).paint(queue, queue.add(job(), claimed=True))
    assert "cannot be saved" in failed.error


def test_the_worker_paints_what_waits_and_what_comes(runs: Callable[..., Run], queue: JobQueue) -> None:
    queue.add(job())
    run = runs()
    assert run.wait("finished").id == 1
    queue.add(job("shade"))
    run.worker.wake()
    assert run.wait("finished", 2).id == 2
    assert run.told("stage") == [(1, "loading"), (2, "loading")]
    assert run.told("progress")[:6] == [(1, step, 6) for step in range(1, 7)]


def test_the_worker_finds_what_another_process_added(runs: Callable[..., Run], queue: JobQueue) -> None:
    run = runs(poll=0.01)
    queue.add(job())
    assert run.wait("finished").status == "done"


def test_a_failing_job_and_a_failing_callback_leave_the_worker_alive(runs: Callable[..., Run], queue: JobQueue) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the front is gone")

    run = runs(make=Broken, on_progress=fail)
    for prompt in ("crash", "vast", "huge", "red"):
        queue.add(job(prompt=prompt))
        run.worker.wake()
    run.wait("failed", 3)
    assert [failed.fault for failed in run.told("failed")] == ["PaintingFailed", "OutOfMemory", "OutOfMemory"]
    assert run.wait("finished").id == 4


def test_a_running_job_is_cancelled_at_its_next_step(runs: Callable[..., Run], queue: JobQueue) -> None:
    gate = Gate(PROFILES["colour"])
    queue.add(job())
    run = runs(make=lambda _: gate)
    gate.allowed.release(4)
    for _ in range(5):
        assert gate.reached.acquire(timeout=20)
    queue.cancel(1)
    gate.allowed.release(9)
    assert run.wait("cancelled").status == "cancelled"
    assert len(run.told("progress")) == 5
    assert [picture.position for picture in queue.pictures(1)] == [1]


def test_stopping_finishes_the_picture_and_puts_the_rest_back(runs: Callable[..., Run], queue: JobQueue) -> None:
    gate = Gate(PROFILES["colour"])
    queue.add(job(count=3))
    queue.add(job())
    run = runs(make=lambda _: gate)
    assert gate.reached.acquire(timeout=20)
    stopping = threading.Thread(target=run.worker.stop)
    stopping.start()
    while not run.worker.stopping:
        time.sleep(0.001)
    gate.allowed.release(99)
    stopping.join()
    assert not run.worker.running
    assert [picture.seed for picture in queue.pictures(1)] == [7]
    assert (queue.get(1).status, queue.get(1).attempts) == ("queued", 0)
    assert queue.get(2).status == "queued"

    again = runs()
    assert [again.wait("finished", count).id for count in (1, 2)] == [1, 2]
    assert [picture.seed for picture in queue.pictures(1)] == [7, 8, 9]


def test_after_the_deadline_the_picture_is_given_up(runs: Callable[..., Run], queue: JobQueue) -> None:
    gate = Gate(PROFILES["colour"])
    queue.add(job())
    run = runs(make=lambda _: gate)
    assert gate.reached.acquire(timeout=20)
    threading.Timer(0.2, lambda: gate.allowed.release(2)).start()
    assert run.worker.stop(deadline=0.01)
    assert (queue.get(1).status, queue.pictures(1)) == ("queued", [])


def test_fifty_requests_of_one_delay_another_by_one(runs: Callable[..., Run], queue: JobQueue) -> None:
    fifty = [queue.add(job(owner="ann", count=1)).id for _ in range(50)]
    other = queue.add(job(owner="bob", count=1)).id
    run = runs()
    run.wait("finished", 51)
    assert [ended.id for ended in run.told("finished")] == [fifty[0], other, *fifty[1:]]


def test_one_who_comes_later_waits_for_the_picture_being_painted_only(
    runs: Callable[..., Run], queue: JobQueue
) -> None:
    gate = Gate(PROFILES["colour"])
    for _ in range(50):
        queue.add(job(owner="ann", count=1))
    run = runs(make=lambda _: gate)
    gate.allowed.release(3 * 9 + 1)
    for _ in range(3 * 9 + 1):
        assert gate.reached.acquire(timeout=20)
    other = queue.add(job(owner="bob", count=1)).id
    gate.allowed.release(3 * 51)
    run.wait("finished", 11)
    assert run.told("finished")[10].id == other


def test_a_stopped_worker_can_be_started_again(runs: Callable[..., Run], queue: JobQueue) -> None:
    run = runs()
    assert run.worker.stop()
    queue.add(job())
    run.worker.start()
    assert run.wait("finished").id == 1


def test_a_database_out_of_order_is_waited_for(
    runs: Callable[..., Run], queue: JobQueue, caplog: pytest.LogCaptureFixture
) -> None:
    queue.add(job(count=1))
    queue.db.execute(
        "CREATE TRIGGER broken BEFORE UPDATE ON jobs WHEN new.status IN ('done', 'failed') "
        "BEGIN SELECT raise(ABORT, 'disk I/O error'); END"
    )
    run = runs()
    while "cannot use its queue" not in caplog.text:
        time.sleep(0.001)
    assert queue.get(1).status == "running"
    queue.db.execute("DROP TRIGGER broken")
    run.worker.wake()
    assert run.wait("finished").attempts == 2


def test_a_database_that_cannot_be_opened_is_a_sentence_ever_more_seldom(
    tmp_path: Path, queue: JobQueue, caplog: pytest.LogCaptureFixture
) -> None:
    def locked() -> Database:
        if "0.08 s" in caplog.text:
            return open_db(tmp_path / "easel.db")
        raise sqlite3.OperationalError("database is locked")

    queue.add(job())
    finished = threading.Event()
    worker = Worker(locked, PROFILES, tmp_path, make=ColourBackend, poll=0.01, on_finished=lambda job: finished.set())
    worker.start()
    assert finished.wait(20) and worker.stop()
    said = [record for record in caplog.records if record.name == "pipeline.worker"]
    assert [record.args[1] for record in said if record.args] == [0.01, 0.02, 0.04, 0.08]
    assert not any(record.exc_info for record in said)


def test_a_database_out_of_order_while_painting_costs_no_job(
    runs: Callable[..., Run], queue: JobQueue, caplog: pytest.LogCaptureFixture
) -> None:
    queue.add(job())
    queue.db.execute("ALTER TABLE pictures RENAME TO away")
    run = runs()
    while "cannot use its queue" not in caplog.text:
        time.sleep(0.001)
    queue.db.execute("ALTER TABLE away RENAME TO pictures")
    run.worker.wake()
    assert run.wait("finished").attempts == 2 and not run.told("failed")
    assert "Traceback" not in caplog.text
