"""Reports of pictures: noted once, and what admins do about them. Knows no chat library.

A prompt that an admin removed everywhere is gone from the library and its index, its pictures are deleted, what waits
of it is cancelled, and it is painted no more, by whomever.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlite_utils import Database, Migrations

from bot.errors import TooManyReports
from pipeline.jobs import Job
from pipeline.queue import JobQueue
from promptlib.library import Library
from promptlib.migrations import bring_up

#: Reports of one person that admins are told of within a day.
MOST = 20

#: What an admin can do about a report.
SETTLEMENTS = REMOVED, DISMISSED, BLOCKED = "removed", "dismissed", "blocked"

migrations = Migrations("bot.reports")


@migrations()
def m001_reports(db: Database) -> None:
    db.execute("""
        CREATE TABLE reports (
            id INTEGER PRIMARY KEY,
            job INTEGER NOT NULL,
            chat TEXT NOT NULL,
            who TEXT NOT NULL,
            key TEXT NOT NULL,
            created TEXT NOT NULL,
            settled TEXT NOT NULL DEFAULT '',
            by TEXT NOT NULL DEFAULT '',
            UNIQUE (job, who)
        )""")
    db.execute("CREATE INDEX reports_who ON reports (who, created)")
    db.execute("CREATE TABLE removed_prompts (prompt TEXT PRIMARY KEY, by TEXT NOT NULL, created TEXT NOT NULL)")


@migrations()
def m002_told(db: Database) -> None:
    db.execute("ALTER TABLE reports ADD COLUMN told TEXT NOT NULL DEFAULT '{}'")


@migrations()
def m003_numbers_are_used_once(db: Database) -> None:
    """An admin's button names a report by its number, which must never become another report's."""
    schema = db.table("reports").schema.replace("id INTEGER PRIMARY KEY", "id INTEGER PRIMARY KEY AUTOINCREMENT")
    db.execute(re.sub(r'^CREATE TABLE "?reports"?', "CREATE TABLE numbered", schema))
    db.execute("INSERT INTO numbered SELECT * FROM reports")
    db.execute("DROP TABLE reports")
    db.execute("ALTER TABLE numbered RENAME TO reports")
    db.execute("CREATE INDEX IF NOT EXISTS reports_who ON reports (who, created)")


@migrations()
def m004_of_whom_is_forgotten(db: Database) -> None:
    db.execute("ALTER TABLE reports ADD COLUMN prompt TEXT NOT NULL DEFAULT ''")
    db.execute("ALTER TABLE reports ADD COLUMN posted TEXT NOT NULL DEFAULT '{}'")


@dataclass(frozen=True)
class Report:
    """A person's report of a job's pictures; `settled` is empty or what an admin did, `told` who was told of it.

    The `prompt`, and which messages show its pictures, are kept here when its owner was forgotten, and the job with
    them, before an admin settled the report.
    """

    id: int
    job: int
    chat: str
    who: str
    key: str
    created: str
    settled: str = ""
    by: str = ""
    told: dict[str, str] = field(default_factory=dict)
    prompt: str = ""
    posted: dict[str, str] = field(default_factory=dict)


class Reports:
    """The tables `reports` and `removed_prompts` of a database that is passed in."""

    def __init__(self, db: Database) -> None:
        self.db = db
        bring_up(db, migrations)

    def add(self, job: int, chat: str, who: str, key: str) -> bool:
        """Note a report; False when the same person reported the same job before.

        Args:
            key: of the message that reports; the same one again is the same report.

        Raises:
            TooManyReports: for one day.
        """
        since = (datetime.now(UTC) - timedelta(days=1)).isoformat()
        with self.db.atomic():
            row = [job, chat, who, key, datetime.now(UTC).isoformat()]
            sql = "INSERT OR IGNORE INTO reports (job, chat, who, key, created) VALUES (?, ?, ?, ?, ?)"
            self.db.execute(sql, row)
            count = self.db.execute("SELECT count(*) FROM reports WHERE who = ? AND created > ?", [who, since])
            if count.fetchone()[0] > MOST:
                raise TooManyReports(f"One may report {MOST} pictures a day; write to an admin.")
        return self._where("job = ? AND who = ?", job, who)[0].key == key

    def get(self, report_id: int) -> Report | None:
        return next(iter(self._where("id = ?", report_id)), None)

    def open(self) -> list[Report]:
        """What no admin has settled, oldest first."""
        return self._where("settled = ''")

    def settle(self, report_id: int, what: str, by: str) -> bool:
        """Note what an admin did; False if one did something before."""
        sql = "UPDATE reports SET settled = ?, by = ?, prompt = '', posted = '{}' WHERE id = ? AND settled = ''"
        return self.db.execute(sql, [what, by, report_id]).rowcount == 1

    def _where(self, where: str, *values: object) -> list[Report]:
        rows = self.db.query(f"SELECT * FROM reports WHERE {where} ORDER BY id", values)
        return [Report(**row | {name: json.loads(row[name]) for name in ("told", "posted")}) for row in rows]

    def posted(self, front: str, limit: int = 100) -> list[tuple[str, str]]:
        """Chats of admins and the messages that told them of the latest reports."""
        rows = self.db.query("SELECT told FROM reports ORDER BY id DESC LIMIT ?", [limit])
        told = (part for row in rows for part in json.loads(row["told"]).items())
        return [(f"{front}:{admin}", message) for admin, message in told if message and not admin.endswith("?")]

    def note(self, report_id: int, part: str, value: str) -> None:
        """Keep what became of telling an admin."""
        sql = "UPDATE reports SET told = json_set(told, '$.' || json_quote(?), ?) WHERE id = ?"
        self.db.execute(sql, [part, value, report_id])

    def ban(self, prompt: str, by: str) -> None:
        """A prompt is painted no more."""
        row = [_folded(prompt), by, datetime.now(UTC).isoformat()]
        self.db.execute("INSERT OR IGNORE INTO removed_prompts VALUES (?, ?, ?)", row)

    def is_banned(self, prompt: str) -> bool:
        found = self.db.execute("SELECT 1 FROM removed_prompts WHERE prompt = ?", [_folded(prompt)])
        return found.fetchone() is not None


def _folded(prompt: str) -> str:
    """A prompt as it is compared: case and spacing do not matter."""
    return " ".join(prompt.split()).casefold()


def remove_everywhere(reports: Reports, library: Library, queue: JobQueue, text: str, by: str) -> list[Job]:
    """Take a prompt out of everything; the jobs it was painted in, whose messages are to go as well."""
    reports.ban(text, by)
    for prompt in library.with_text(text, _folded):
        library.remove(prompt)
    jobs = queue.with_prompt(text, _folded)
    for one in jobs:
        if not one.over:
            queue.cancel(one.id)
        for picture in queue.pictures(one.id):
            Path(picture.path).unlink(missing_ok=True)
    return jobs
