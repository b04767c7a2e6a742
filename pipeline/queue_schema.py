"""The queue's tables, built up by numbered migrations."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

migrations = Migrations("pipeline.queue")


@migrations(name="001_jobs_and_pictures")
def _jobs_and_pictures(db: Database) -> None:
    # AUTOINCREMENT, because pictures are named by their job's id and must not be overwritten by a later one's.
    db.execute("""
        CREATE TABLE jobs (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            owner TEXT NOT NULL,
            model TEXT NOT NULL,
            prompt TEXT NOT NULL,
            negative TEXT NOT NULL,
            width INTEGER NOT NULL,
            height INTEGER NOT NULL,
            count INTEGER NOT NULL,
            seed INTEGER NOT NULL,
            steps INTEGER NOT NULL,
            guidance REAL NOT NULL,
            priority INTEGER NOT NULL,
            turn INTEGER NOT NULL,
            extra TEXT NOT NULL,
            status TEXT NOT NULL DEFAULT 'queued',
            stopping INTEGER NOT NULL DEFAULT 0,
            worker TEXT NOT NULL DEFAULT '',
            attempts INTEGER NOT NULL DEFAULT 0,
            error TEXT NOT NULL DEFAULT '',
            created TEXT NOT NULL,
            started TEXT NOT NULL DEFAULT '',
            finished TEXT NOT NULL DEFAULT ''
        )
    """)
    # For the next job, the turn being served, and the turns of one owner.
    db.execute("CREATE INDEX jobs_waiting ON jobs (status, priority DESC, turn, id)")
    db.execute("CREATE INDEX jobs_served ON jobs (priority, turn) WHERE started != ''")
    db.execute("CREATE INDEX jobs_by_owner ON jobs (owner, status)")
    db.execute("""
        CREATE TABLE pictures (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            job_id INTEGER NOT NULL REFERENCES jobs (id),
            position INTEGER NOT NULL,
            seed INTEGER NOT NULL,
            path TEXT NOT NULL,
            UNIQUE (job_id, position)
        )
    """)


@migrations(name="002_faults_speeds_and_days")
def _faults_speeds_and_days(db: Database) -> None:
    db.execute("ALTER TABLE jobs ADD COLUMN fault TEXT NOT NULL DEFAULT ''")
    # For what a person asked for within a day.
    db.execute("CREATE INDEX jobs_of_a_day ON jobs (owner, created)")
    db.execute("CREATE TABLE speeds (model TEXT PRIMARY KEY, seconds REAL NOT NULL, pictures INTEGER NOT NULL)")


@migrations(name="003_priority_within_turns")
def _priority_within_turns(db: Database) -> None:
    db.execute("DROP INDEX jobs_waiting")
    db.execute("DROP INDEX jobs_served")
    db.execute("CREATE INDEX jobs_waiting ON jobs (status, turn, priority DESC, id)")
    db.execute("CREATE INDEX jobs_served ON jobs (turn) WHERE started != ''")
