"""The queue: turns, states, crashes. Every test uses a real database file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlite_utils import Database

from pipeline.errors import NoSuchJob, QueueError
from pipeline.jobs import Job, Picture
from pipeline.queue import MAX_ATTEMPTS, JobQueue, is_alive, this_process
from pipeline.queue_schema import migrations


def open_db(path: Path) -> Database:
    db = Database(path)
    db.enable_wal()
    db.execute("PRAGMA busy_timeout = 5000")
    return db


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "easel.db"


@pytest.fixture
def queue(path: Path) -> JobQueue:
    return JobQueue(open_db(path))


def job(owner: str = "ann", **more: object) -> Job:
    values: dict[str, object] = {"prompt": "red apple", "width": 16, "height": 8, "seed": 7, "steps": 3}
    return Job(**({"model": "colour", "guidance": 2.0, "owner": owner} | values | more))  # type: ignore[arg-type]


def claimed(queue: JobQueue) -> Job:
    found = queue.claim()
    assert found is not None
    return found


def test_a_job_comes_back_as_it_was_given(path: Path, queue: JobQueue) -> None:
    given = job(negative="蓝", count=4, priority=2, extra={"chat": [1, {"text": "苹果"}]})
    added = queue.add(given)
    assert (added.id, added.status, added.attempts) == (1, "queued", 0)
    assert added.created > "2026"
    stored = JobQueue(open_db(path)).get(added.id)
    assert stored == added
    assert (stored.negative, stored.extra, stored.seeds) == ("蓝", given.extra, (7, 8, 9, 10))


def test_a_job_runs_and_ends(queue: JobQueue) -> None:
    added = queue.add(job())
    running = claimed(queue)
    assert (running.id, running.status, running.attempts) == (added.id, "running", 1)
    assert queue.claim() is None
    picture = queue.add_picture(Picture(added.id, 1, 7, "/a.png"))
    done = queue.finish(added.id)
    assert (done.status, done.error) == ("done", "")
    assert done.seconds is not None
    assert 0 <= done.seconds < 5
    assert queue.pictures(added.id) == [picture]


def test_the_same_picture_again_replaces_the_first(queue: JobQueue) -> None:
    added = queue.add(job(count=2))
    for position, path in [(2, "/b"), (1, "/a"), (2, "/c")]:
        queue.add_picture(Picture(added.id, position, 7, path))
    assert [(picture.position, picture.path) for picture in queue.pictures(added.id)] == [(1, "/a"), (2, "/c")]


def test_time_comes_from_the_clock(path: Path) -> None:
    times = iter(["2026-12-31T23:59:50+00:00", "2026-12-31T23:59:55+00:00", "2027-01-01T00:00:05+00:00"])
    queue = JobQueue(open_db(path), clock=lambda: next(times))
    queue.add(job())
    claimed(queue)
    assert queue.finish(1).seconds == 10.0


def test_one_persons_fifty_jobs_delay_another_by_one(queue: JobQueue) -> None:
    for _ in range(50):
        queue.add(job("ann"))
    assert claimed(queue).owner == "ann"
    bob = queue.add(job("bob"))
    assert queue.position(bob.id) == 1, "only the running one is before it"
    assert [claimed(queue).owner for _ in range(3)] == ["bob", "ann", "ann"]


def test_people_take_turns_oldest_first(queue: JobQueue) -> None:
    for owner in ["ann", "ann", "ann", "bob", "eve", "bob"]:
        queue.add(job(owner))
    assert [claimed(queue).id for _ in range(6)] == [1, 4, 5, 2, 6, 3]


def test_cancelled_jobs_leave_no_handicap(queue: JobQueue) -> None:
    queue.add(job("bob"))
    claimed(queue)
    for _ in range(9):
        queue.cancel(queue.add(job("ann")).id)
    ann = queue.add(job("ann"))
    for _ in range(3):
        queue.add(job("eve"))
    assert claimed(queue).id == ann.id


def test_priority_goes_first_in_a_turn(queue: JobQueue) -> None:
    for owner in ("ann", "bob", "eve"):
        queue.add(job(owner))
    assert claimed(queue).owner == "ann"
    admin = queue.add(job("root", priority=1))
    assert [queue.position(number) for number in (admin.id, 2, 3)] == [1, 2, 3]
    assert [claimed(queue).owner for _ in range(3)] == ["root", "bob", "eve"]


def test_an_admins_fifty_jobs_delay_another_by_one(queue: JobQueue) -> None:
    for _ in range(50):
        queue.add(job("root", priority=1))
    queue.add(job("ann"))
    assert [claimed(queue).owner for _ in range(3)] == ["root", "ann", "root"]
    for _ in range(2):
        queue.add(job("bob"))
    assert [claimed(queue).owner for _ in range(4)] == ["bob", "root", "bob", "root"]


def test_positions_are_the_order_of_painting(queue: JobQueue) -> None:
    for owner in ["ann", "ann", "bob", "eve", "bob"]:
        queue.add(job(owner))
    queue.claim()
    waiting = queue.list(status="queued")
    assert [queue.position(waits.id) for waits in waiting] == [1, 2, 3, 4]
    assert queue.position(1) is None
    assert [claimed(queue).id for _ in range(4)] == [waits.id for waits in waiting]


def ticking(path: Path, *seconds: int) -> JobQueue:
    """A queue whose clock shows these seconds of one day, one after the other."""
    times = (f"2026-12-31T00:{second // 60:02}:{second % 60:02}.000000+00:00" for second in seconds)
    return JobQueue(open_db(path), clock=lambda: next(times))


def test_the_wait_is_known_once_a_picture_of_the_model_was_timed(path: Path) -> None:
    queue = ticking(path, 0, 0, 0, 10, 14, 14, 14, 90)
    painted, waits, waits_too = (queue.add(job(owner, count=2)) for owner in ("ann", "bob", "eve"))
    assert claimed(queue).id == painted.id
    unknown = queue.outlook()
    assert list(unknown) == [waits.id, waits_too.id]
    assert [(look.ahead, look.seconds) for look in unknown.values()] == [(1, None), (2, None)]
    queue.timed(painted, 5.0)
    # Two pictures are ten seconds; the running job began four seconds ago.
    looks = queue.outlook()
    assert [look.seconds for look in looks.values()] == pytest.approx([16.0, 26.0], abs=0.01)
    assert queue.outlook(waits_too.id) == {waits_too.id: looks[waits_too.id]}
    # A job that takes longer than expected does not make those behind it earlier.
    assert queue.outlook()[waits.id].seconds == pytest.approx(10.0, abs=0.01)


def test_the_wait_grows_with_size_and_steps_and_follows_the_machine(queue: JobQueue) -> None:
    queue.timed(job(), 1.0)
    first, second = queue.add(job()), queue.add(job("bob", width=32, steps=6))
    assert queue.outlook()[first.id].seconds == pytest.approx(1.0)
    assert queue.outlook()[second.id].seconds == pytest.approx(5.0)
    for _ in range(30):
        queue.timed(job(), 3.0)
    assert queue.outlook()[first.id].seconds == pytest.approx(3.0, rel=0.01)
    unknown = queue.add(job("eve", model="another"))
    assert queue.outlook()[unknown.id].seconds is None


def test_what_a_person_asked_for_leaves_out_what_came_to_nothing(queue: JobQueue) -> None:
    done, failed, cancelled, _ = (queue.add(job(count=count)) for count in (1, 2, 3, 4))
    claimed(queue)
    queue.finish(done.id)
    claimed(queue)
    queue.fail(failed.id, "No paint.")
    queue.cancel(cancelled.id)
    queue.add(job("bob", count=9))
    assert [count for _, count in queue.asked_since("ann", "")] == [1, 4]
    assert queue.asked_since("ann", queue.clock()) == []


def test_a_waiting_job_is_cancelled_at_once(queue: JobQueue) -> None:
    queue.add(job())
    cancelled = queue.cancel(1)
    assert (cancelled.status, cancelled.stopping) == ("cancelled", False)
    assert cancelled.finished
    assert queue.claim() is None


def test_a_running_job_is_asked_to_stop(queue: JobQueue) -> None:
    queue.add(job())
    claimed(queue)
    assert not queue.is_stopping(1)
    assert queue.cancel(1).status == "running"
    assert queue.is_stopping(1)
    assert queue.stopped(1).status == "cancelled"


def test_a_finished_job_cannot_be_cancelled_failed_or_retried(queue: JobQueue) -> None:
    queue.add(job())
    claimed(queue)
    done = queue.finish(1)
    assert queue.cancel(1) == done
    with pytest.raises(QueueError, match="Job 1 is done, no longer running"):
        queue.fail(1, "late")
    with pytest.raises(QueueError, match="only failed and cancelled"):
        queue.retry(1)


def test_a_failed_job_can_be_tried_again(queue: JobQueue) -> None:
    queue.add(job())
    claimed(queue)
    failed = queue.fail(1, "No paint.", "OutOfMemory")
    assert (failed.error, failed.fault) == ("No paint.", "OutOfMemory")
    again = queue.retry(1)
    assert (again.status, again.error, again.fault, again.attempts, again.finished) == ("queued", "", "", 0, "")
    assert claimed(queue).id == 1


def test_an_unknown_job_is_a_clear_error(queue: JobQueue) -> None:
    for ask in (queue.get, queue.cancel, queue.retry, queue.finish, queue.is_stopping):
        with pytest.raises(NoSuchJob, match="no job 99"):
            ask(99)
    assert queue.position(99) is None


def test_listing_and_counting(queue: JobQueue) -> None:
    for owner in ["ann", "bob", "ann"]:
        queue.add(job(owner))
    claimed(queue)
    assert [found.id for found in queue.list()] == [3, 2, 1]
    assert [found.id for found in queue.list(owner="ann", status="queued")] == [3]
    assert [found.id for found in queue.list(limit=1)] == [3]
    assert queue.counts() == {"queued": 2, "running": 1, "done": 0, "failed": 0, "cancelled": 0}
    assert queue.counts(owner="bob")["queued"] == 1
    with pytest.raises(QueueError, match="'sleeping'"):
        queue.list(status="sleeping")


def test_a_job_for_the_calling_thread_is_nobody_elses(queue: JobQueue) -> None:
    mine = queue.add(job(), claimed=True)
    assert (mine.status, mine.attempts) == ("running", 1)
    assert mine.started
    assert queue.claim() is None


def test_a_released_job_loses_no_attempt(queue: JobQueue) -> None:
    queue.add(job())
    claimed(queue)
    assert (queue.release(1).status, queue.get(1).attempts) == ("queued", 0)


def test_each_job_is_claimed_once_by_many_threads(path: Path, queue: JobQueue) -> None:
    for number in range(60):
        queue.add(job(f"person {number % 7}"))

    def drain(_: int) -> list[int]:
        mine = JobQueue(open_db(path))
        return [found.id for found in iter(mine.claim, None)]

    with ThreadPoolExecutor(4) as pool:
        taken = [number for numbers in pool.map(drain, range(4)) for number in numbers]
    assert sorted(taken) == list(range(1, 61))


#: Adds or claims a job in a process of its own, says so, and waits to be killed.
CHILD = """
import sys, time
from sqlite_utils import Database
from pipeline.queue import JobQueue
queue = JobQueue(Database(sys.argv[1]))
print(queue.claim().id, flush=True)
time.sleep(60)
"""


def claim_and_die(path: Path) -> int:
    """The number of a job that was running when its process was killed."""
    root = Path(__file__).parents[1]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, cwd=root, env=os.environ | {"PYTHONPATH": "."}
    )
    assert child.stdout is not None
    with child.stdout:
        number = int(child.stdout.readline())
    queue = JobQueue(open_db(path))
    assert queue.recover() == [], "its process is still alive"
    child.send_signal(signal.SIGKILL)
    child.wait()
    return number


def test_a_job_whose_process_was_killed_runs_again_twice(path: Path, queue: JobQueue) -> None:
    queue.add(job())
    for attempt in range(1, MAX_ATTEMPTS):
        number = claim_and_die(path)
        (recovered,) = queue.recover()
        assert (recovered.id, recovered.status, recovered.attempts) == (number, "queued", attempt)
    claim_and_die(path)
    (given_up,) = queue.recover()
    assert (given_up.status, given_up.fault) == ("failed", "PaintingDied")
    assert "died 3 times" in given_up.error
    assert queue.recover() == []


def test_a_job_cancelled_while_its_process_died_stays_cancelled(path: Path, queue: JobQueue) -> None:
    queue.add(job())
    claim_and_die(path)
    queue.cancel(1)
    assert [found.status for found in queue.recover()] == ["cancelled"]


def test_a_queue_that_recovers_takes_up_its_own_stray_jobs_only(path: Path, queue: JobQueue) -> None:
    other = JobQueue(open_db(path))
    queue.add(job())
    queue.add(job())
    claimed(queue)
    claimed(other)
    assert [found.id for found in queue.recover()] == [1]
    assert queue.get(2).status == "running"


def test_a_later_process_with_the_same_number_is_another() -> None:
    me = this_process()
    pid, _, created = me.partition("@")
    assert is_alive(me)
    assert not is_alive(f"{pid}@{float(created) - 3600}")


def test_two_queues_may_be_opened_at_once(path: Path) -> None:
    open_db(path)
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: JobQueue(open_db(path)).counts()["queued"], range(8)))
    assert opened == [0] * 8


def test_a_database_of_the_first_version_keeps_its_jobs(path: Path) -> None:
    db = open_db(path)
    migrations.apply(db, stop_before="002_faults_speeds_and_days")
    values = {"prompt": "red apple", "model": "colour", "owner": "ann", "negative": "", "width": 16, "height": 8}
    values |= {"count": 1, "seed": 7, "steps": 3, "guidance": 2.0, "priority": 0, "turn": 0, "extra": "{}"}
    db.table("jobs").insert(values | {"created": "2026-01-01T00:00:00+00:00"})
    queue = JobQueue(db)
    assert (queue.get(1).prompt, queue.get(1).fault) == ("red apple", "")
    assert queue.outlook()[1].ahead == 0


def test_ten_thousand_old_jobs_do_not_slow_the_queue(queue: JobQueue) -> None:
    with queue.db.atomic():
        for number in range(10_000):
            queue.add(job(f"person {number % 50}"))
        queue.db.execute("UPDATE jobs SET status = 'done', started = created")
    plan = "EXPLAIN QUERY PLAN SELECT id FROM jobs WHERE status = 'queued' ORDER BY turn, priority DESC, id LIMIT 1"
    steps = str(list(queue.db.query(plan)))
    assert "jobs_waiting" in steps
    assert "TEMP B-TREE" not in steps
    added = queue.add(job("bob"))
    assert claimed(queue).id == added.id
