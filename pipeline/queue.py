"""The queue: jobs and their pictures in SQLite, so that nothing accepted is lost to a crash.

People take turns: each new job gets a turn no earlier than the turn being served and after its owner's other
waiting jobs, and the earliest turn goes first, within a turn the higher priority. So one person's fifty jobs delay
another by one, an admin's too. Any number of processes may add and look; each job is claimed by one. Knows nothing of
models or of how pictures are made.
"""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

import psutil
from sqlite_utils import Database

from pipeline.errors import NoSuchJob, PaintingDied, QueueError
from pipeline.jobs import STATUSES, Job, Outlook, Picture
from pipeline.queue_schema import migrations

#: A job whose process died while painting it is begun this often in all.
MAX_ATTEMPTS = 3

# Written here because inside the class `list` is a method.
Rows: TypeAlias = list[dict[str, Any]]
Jobs: TypeAlias = list[Job]
Pictures: TypeAlias = list[Picture]
Asked: TypeAlias = list[tuple[str, int]]

_COLUMNS = ("model", "prompt", "width", "height", "seed", "steps", "guidance", "negative", "count", "owner", "priority")

#: The turn of a new job: see the module's docstring.
_TURN = """
    SELECT max(
        coalesce((SELECT max(turn) FROM jobs WHERE started != ''), 0),
        coalesce((SELECT max(turn) + 1 FROM jobs
                  WHERE owner = :owner AND status IN ('queued', 'running')), 0))
"""
_ORDER = "turn, priority DESC, id"

#: Every waiting job with what is painted before it and the seconds until it is done itself. One worker is assumed:
#: several share the memory bandwidth or have a machine each, which nobody here can tell.
_OUTLOOK = f"""
    SELECT id, ahead, iif(unknown, NULL, seconds) AS seconds FROM (
        SELECT id, status, row_number() OVER line - 1 AS ahead,
            sum(seconds) OVER line AS seconds, sum(seconds IS NULL) OVER line AS unknown
        FROM (
            SELECT jobs.id, status, priority, turn, max(0, count * steps * width * height / 1e6 * speeds.seconds
                - iif(status = 'running', 86400 * (julianday(:now) - julianday(started)), 0)) AS seconds
            FROM jobs LEFT JOIN speeds USING (model) WHERE status IN ('queued', 'running'))
        WINDOW line AS (ORDER BY status = 'queued', {_ORDER}))
    WHERE status = 'queued' AND (:id IS NULL OR id = :id) ORDER BY ahead
"""


def utc_now() -> str:
    return datetime.now(UTC).isoformat()


class JobQueue:
    """Jobs and pictures in a database that is passed in.

    Args:
        db: belongs to the calling thread; whoever opened it has set WAL and a busy timeout.
        clock: tells the time, in UTC as ISO 8601.
    """

    def __init__(self, db: Database, *, clock: Callable[[], str] = utc_now) -> None:
        self.db = db
        self.clock = clock
        #: Who claims: this process, and this object in it.
        self.worker = f"{this_process()}#{secrets.token_hex(4)}"
        # Two processes may start at once: the second waits here, and finds nothing left to apply.
        db.execute("BEGIN IMMEDIATE")
        with db.conn:
            migrations.apply(db)

    def add(self, job: Job, *, claimed: bool = False) -> Job:
        """Store a new job. `claimed` hands it to this process at once, for painting in the calling thread."""
        now = self.clock()
        values = {name: getattr(job, name) for name in _COLUMNS} | {"extra": json.dumps(job.extra), "created": now}
        if claimed:
            values |= {"status": "running", "worker": self.worker, "started": now, "attempts": 1}
        names = ", ".join(f":{name}" for name in values)
        rows = self._write(
            f"INSERT INTO jobs ({', '.join(values)}, turn) VALUES ({names}, ({_TURN})) RETURNING *", values
        )
        return _job(rows[0])

    def get(self, job_id: int) -> Job:
        rows = list(self.db.query("SELECT * FROM jobs WHERE id = ?", [job_id]))
        if not rows:
            raise NoSuchJob(f"There is no job {job_id}; `easel queue list` shows the jobs there are.")
        return _job(rows[0])

    def claim(self) -> Job | None:
        """The next job, now running and this process's; None when nobody waits."""
        rows = self._write(
            "UPDATE jobs SET status = 'running', worker = :worker, started = :now, finished = '', "
            "attempts = attempts + 1 WHERE id = "
            f"(SELECT id FROM jobs WHERE status = 'queued' ORDER BY {_ORDER} LIMIT 1) RETURNING *",
            {"worker": self.worker, "now": self.clock()},
        )
        return _job(rows[0]) if rows else None

    def add_picture(self, picture: Picture) -> Picture:
        """Note a picture that has been saved. The same position again replaces the first."""
        rows = self._write(
            "INSERT INTO pictures (job_id, position, seed, path) VALUES (:job_id, :position, :seed, :path) "
            "ON CONFLICT (job_id, position) DO UPDATE SET seed = excluded.seed, path = excluded.path RETURNING *",
            dataclasses.asdict(picture),
        )
        return Picture(**rows[0])

    def finish(self, job_id: int) -> Job:
        """A running job has all its pictures."""
        return self._end(job_id, "done")

    def fail(self, job_id: int, reason: str, fault: str = "") -> Job:
        """A running job cannot be painted; the reason is one sentence for its owner, the fault the error's kind."""
        return self._end(job_id, "failed", reason, fault)

    def stopped(self, job_id: int) -> Job:
        """A running job was stopped because it was cancelled."""
        return self._end(job_id, "cancelled")

    def _end(self, job_id: int, status: str, error: str = "", fault: str = "") -> Job:
        change = "status = :status, error = :error, fault = :fault, finished = :now, stopping = 0"
        return self._change(job_id, "running", change, {"status": status, "error": error, "fault": fault})

    def release(self, job_id: int) -> Job:
        """Put a running job back, unfinished through no fault of its own: the worker is shutting down."""
        return self._change(job_id, "running", "status = 'queued', attempts = attempts - 1, started = ''")

    def cancel(self, job_id: int) -> Job:
        """Cancel a waiting job at once; ask the worker to stop a running one; leave a finished one alone."""
        self._write(
            "UPDATE jobs SET stopping = (status = 'running'), finished = iif(status = 'queued', :now, finished), "
            "status = iif(status = 'queued', 'cancelled', status) "
            "WHERE id = :id AND status IN ('queued', 'running') RETURNING id",
            {"id": job_id, "now": self.clock()},
        )
        return self.get(job_id)

    def is_stopping(self, job_id: int) -> bool:
        """Whether somebody asked for a running job to be stopped. Asked at every step, so it reads one number."""
        row = self.db.conn.execute("SELECT stopping FROM jobs WHERE id = ?", [job_id]).fetchone()
        return bool(row[0]) if row else self.get(job_id).stopping

    def retry(self, job_id: int) -> Job:
        """Queue a failed or cancelled job again, with its attempts counted anew."""
        job = self.get(job_id)
        if job.status not in ("failed", "cancelled"):
            raise QueueError(f"Job {job_id} is {job.status}; only failed and cancelled jobs can be tried again.")
        return self._change(
            job_id,
            job.status,
            "status = 'queued', attempts = 0, stopping = 0, error = '', fault = '', started = '', finished = '', "
            f"turn = ({_TURN})",
            {"owner": job.owner},
        )

    def recover(self) -> Jobs:
        """Deal with jobs nobody paints any more: queue them again, or end those begun too often or cancelled since.

        These are the jobs of processes that died, and this object's own: whoever calls this is not painting. Call it
        at start-up. Returns the jobs as they are now.
        """
        running = list(self.db.query("SELECT id, worker, attempts, stopping FROM jobs WHERE status = 'running'"))
        recovered = []
        for row in running:
            if row["worker"] != self.worker and is_alive(row["worker"]):
                continue
            if row["stopping"]:
                recovered.append(self.stopped(row["id"]))
            elif row["attempts"] >= MAX_ATTEMPTS:
                reason = f"Painting died {MAX_ATTEMPTS} times at this job; try a smaller picture or another model."
                recovered.append(self.fail(row["id"], reason, PaintingDied.__name__))
            else:
                recovered.append(self._change(row["id"], "running", "status = 'queued', started = ''"))
        return recovered

    def list(self, *, owner: str | None = None, status: str | None = None, limit: int = 100) -> Jobs:
        """Waiting jobs in the order they will be painted, others newest first."""
        if status is not None and status not in STATUSES:
            raise QueueError(f"There is no status {status!r}; choose one of {', '.join(STATUSES)}.")
        rows = self.db.query(
            "SELECT * FROM jobs WHERE (:owner IS NULL OR owner = :owner) AND (:status IS NULL OR status = :status) "
            f"ORDER BY {_ORDER if status == 'queued' else 'id DESC'} LIMIT :limit",
            {"owner": owner, "status": status, "limit": limit},
        )
        return [_job(row) for row in rows]

    def position(self, job_id: int) -> int | None:
        """How many jobs are painted before this one, running ones included; None when it does not wait."""
        rows = self.db.query(
            "SELECT (SELECT count(*) FROM jobs WHERE status = 'running') + (SELECT count(*) FROM jobs AS other WHERE "
            "other.status = 'queued' AND (other.turn, -other.priority, other.id) < (job.turn, -job.priority, job.id)) "
            "AS before FROM jobs AS job WHERE job.id = ? AND job.status = 'queued'",
            [job_id],
        )
        return next((row["before"] for row in rows), None)

    def outlook(self, job_id: int | None = None) -> dict[int, Outlook]:
        """What waiting jobs have before them, in the order of painting; one job's alone if it is named."""
        rows = self.db.query(_OUTLOOK, {"now": self.clock(), "id": job_id})
        return {row["id"]: Outlook(row["ahead"], row["seconds"]) for row in rows}

    def timed(self, job: Job, seconds: float) -> None:
        """A picture of a job took this long. A model's speed follows the last five or so."""
        self._write(
            "INSERT INTO speeds (model, seconds, pictures) VALUES (:model, :seconds, 1) ON CONFLICT (model) DO UPDATE "
            "SET seconds = seconds + (excluded.seconds - seconds) * max(0.2, 1.0 / (pictures + 1)), "
            "pictures = pictures + 1 RETURNING model",
            {"model": job.model, "seconds": seconds / job.work},
        )

    def asked_since(self, owner: str, since: str) -> Asked:
        """When a person asked for how many pictures, oldest first; failed and cancelled jobs do not count."""
        return self.db.conn.execute(
            "SELECT created, count FROM jobs WHERE owner = ? AND created > ? AND status NOT IN ('failed', 'cancelled') "
            "ORDER BY created",
            [owner, since],
        ).fetchall()

    def counts(self, *, owner: str | None = None) -> dict[str, int]:
        """How many jobs there are of each status."""
        rows = self.db.query(
            "SELECT status, count(*) AS n FROM jobs WHERE :owner IS NULL OR owner = :owner GROUP BY status",
            {"owner": owner},
        )
        return dict.fromkeys(STATUSES, 0) | {row["status"]: row["n"] for row in rows}

    def with_prompt(self, prompt: str, folded: Callable[[str], str] = str) -> Jobs:
        """Every job that paints this, oldest first.

        Args:
            folded: a prompt as it is compared; as it stands, unless told otherwise.
        """
        rows, wanted = self.db.query("SELECT * FROM jobs ORDER BY id"), folded(prompt)
        return [_job(row) for row in rows if folded(row["prompt"]) == wanted]

    def pictures(self, job_id: int) -> Pictures:
        rows = self.db.query("SELECT * FROM pictures WHERE job_id = ? ORDER BY position", [job_id])
        return [Picture(**row) for row in rows]

    def _change(self, job_id: int, was: str, change: str, values: dict[str, Any] | None = None) -> Job:
        """Change a job that has this status."""
        rows = self._write(
            f"UPDATE jobs SET {change} WHERE id = :id AND status = :was RETURNING *",
            {"id": job_id, "was": was, "now": self.clock()} | (values or {}),
        )
        if not rows:
            raise QueueError(f"Job {job_id} is {self.get(job_id).status}, no longer {was}; nothing was changed.")
        return _job(rows[0])

    def _write(self, sql: str, values: dict[str, Any]) -> Rows:
        """One statement, one transaction: nothing of another process comes between."""
        return list(self.db.query(sql, values))


def _job(row: dict[str, Any]) -> Job:
    row = row | {"extra": json.loads(row["extra"]), "stopping": bool(row["stopping"])}
    return Job(**{field.name: row[field.name] for field in dataclasses.fields(Job)})


def this_process() -> str:
    """Names this process so that no later one, not even with the same number, is taken for it."""
    return f"{os.getpid()}@{psutil.Process().create_time():.2f}"


def is_alive(worker: str) -> bool:
    """Whether the process of that name still runs on this machine."""
    pid, _, created = worker.partition("#")[0].partition("@")
    try:
        # The start is derived from the machine's uptime, so it wavers a little when the clock is set.
        return bool(abs(psutil.Process(int(pid)).create_time() - float(created)) < 2)
    except psutil.NoSuchProcess:
        return False
