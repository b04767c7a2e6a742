"""What the faces remember: messages received, what each chat has chosen, and what was delivered.

The rows are written before anything is acknowledged, so that a restart can go on where a crash stopped. Knows
nothing of any chat library.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database, Migrations

from bot.errors import EaselError
from bot.messages import ChatSettings, Incoming

migrations = Migrations("bot")


@migrations()
def m001_chats(db: Database) -> None:
    db.execute("""
        CREATE TABLE inbox (
            key TEXT PRIMARY KEY,
            chat TEXT NOT NULL,
            user TEXT NOT NULL,
            text TEXT NOT NULL,
            language TEXT NOT NULL,
            message TEXT NOT NULL,
            received TEXT NOT NULL,
            answered TEXT NOT NULL DEFAULT ''
        )""")
    db.execute("CREATE INDEX inbox_answered ON inbox (answered)")
    db.execute("""
        CREATE TABLE chats (
            chat TEXT PRIMARY KEY,
            model TEXT NOT NULL DEFAULT '',
            raw INTEGER NOT NULL DEFAULT 0,
            amount TEXT NOT NULL DEFAULT '',
            language TEXT NOT NULL DEFAULT '',
            brief TEXT NOT NULL DEFAULT ''
        )""")
    db.execute("""
        CREATE TABLE deliveries (
            job INTEGER PRIMARY KEY,
            key TEXT NOT NULL UNIQUE,
            chat TEXT NOT NULL,
            message TEXT NOT NULL,
            language TEXT NOT NULL,
            sent TEXT NOT NULL DEFAULT '{}',
            done TEXT NOT NULL DEFAULT ''
        )""")
    db.execute("CREATE INDEX deliveries_done ON deliveries (done)")


@migrations()
def m002_kinds_and_parts(db: Database) -> None:
    db.execute("ALTER TABLE inbox ADD COLUMN kind TEXT NOT NULL DEFAULT 'request'")
    db.execute("ALTER TABLE inbox ADD COLUMN sent TEXT NOT NULL DEFAULT '{}'")
    db.execute("UPDATE inbox SET kind = 'press' WHERE key LIKE '%:press:%'")


@migrations()
def m003_replies(db: Database) -> None:
    db.execute("ALTER TABLE inbox ADD COLUMN replied TEXT NOT NULL DEFAULT ''")


@migrations()
def m004_applied(db: Database) -> None:
    db.execute("ALTER TABLE inbox ADD COLUMN applied INTEGER NOT NULL DEFAULT 0")


def open_database(path: Path) -> Database:
    """Open the one database file for the calling thread, in WAL mode so that readers and a writer get along.

    Raises:
        EaselError: the file is no database, is damaged, or cannot be opened or written.
    """
    try:
        db = Database(sqlite3.connect(path, timeout=30, isolation_level=None))
        db.execute("PRAGMA busy_timeout = 30000")
        _use_wal(db)
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA foreign_keys = ON")
        # What is deleted, or written over, is gone from the file too: see `bot.forgetting`.
        db.execute("PRAGMA secure_delete = ON").fetchall()
        # Two processes may start at once: the second waits here, and finds nothing left to apply.
        db.execute("BEGIN IMMEDIATE")
        with db.conn:
            migrations.apply(db)
    except sqlite3.DatabaseError as error:
        if _passes(error):
            raise
        raise EaselError(explain(error, str(path))) from error
    return db


def _passes(error: sqlite3.DatabaseError) -> bool:
    """Whether waiting helps: the database is in use, or the disk is full. Whoever insists then insists."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL)


def _use_wal(db: Database, patience: float = 30.0) -> None:
    """Turn WAL on. SQLite does not wait by itself while another connection is doing the same to a new file."""
    deadline = time.monotonic() + patience
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def explain(error: sqlite3.DatabaseError, which: str = "") -> str:
    """What is wrong with the database, and what to do: other advice when it is damaged than when it is in use."""
    what = f"The database {which}".strip()
    if isinstance(error, sqlite3.OperationalError):
        return f"{what} cannot be used ({error}); make room on the disk, allow writing, or try again in a while."
    return f"{what} is damaged ({error}); move it away to start afresh, or restore a backup."


def now() -> str:
    return datetime.now(UTC).isoformat()


#: Sets one part in the JSON object `sent`.
def _unnumbered(sent: str) -> str:
    """Parts that were posted in a chat that is gone: no status can be taken away there, and nothing looked for."""
    parts = {part: value for part, value in json.loads(sent).items() if part != "status" and not part.endswith("?")}
    return json.dumps({part: ",".join("0" for _ in value.split(",")) if value else "" for part, value in parts.items()})


_SET_PART = "sent = json_set(sent, '$.' || json_quote(?), ?)"


class Store:
    """The tables `inbox`, `chats` and `deliveries` of a database that is passed in."""

    def __init__(self, db: Database) -> None:
        self.db = db

    # --- messages ---------------------------------------------------------------------------------------------

    def accept(self, incoming: Incoming) -> bool:
        """Store a message; False if it was stored before."""
        row = {**asdict(incoming), "received": now(), "answered": ""}
        sql = f"INSERT OR IGNORE INTO inbox ({', '.join(row)}) VALUES ({', '.join(':' + name for name in row)})"
        with closing(self.db.conn.cursor()) as cursor:
            return cursor.execute(sql, row).rowcount == 1

    def waiting(self) -> list[Incoming]:
        """Messages stored but not answered, oldest first."""
        rows = self.db.query(
            "SELECT key, chat, user, text, language, message, kind, replied FROM inbox WHERE answered = '' "
            "ORDER BY rowid"
        )
        return [Incoming(**row) for row in rows]

    def answered(self, key: str) -> None:
        self.db.execute("UPDATE inbox SET answered = ? WHERE key = ?", [now(), key])

    @contextmanager
    def applying(self, key: str) -> Iterator[bool]:
        """A transaction in which what a message asks for is done once; yields whether it is still to be done.

        A crash may come between doing it and noting the message as answered. What was never stored is done always.
        """
        with self.db.atomic():
            # First of all a write, so that nothing of another thread comes between.
            rows = list(self.db.query("UPDATE inbox SET applied = applied + 1 WHERE key = ? RETURNING applied", [key]))
            yield all(row["applied"] == 1 for row in rows)

    def note(self, key: str, part: str, value: str) -> None:
        """Keep what became of a part of the answer to a message."""
        self.db.execute(f"UPDATE inbox SET {_SET_PART} WHERE key = ?", [part, value, key])

    def noted(self, key: str) -> dict[str, str]:
        row = next(iter(self.db.query("SELECT sent FROM inbox WHERE key = ?", [key])), None)
        noted: dict[str, str] = json.loads(row["sent"]) if row else {}
        return noted

    # --- chats ------------------------------------------------------------------------------------------------

    def chat(self, chat: str, default: ChatSettings) -> ChatSettings:
        row = next(iter(self.db.query("SELECT * FROM chats WHERE chat = ?", [chat])), None)
        if row is None:
            return default
        return ChatSettings(
            model=row["model"] or default.model,
            raw=bool(row["raw"]),
            amount=row["amount"] or default.amount,
            language=row["language"] or "",
        )

    def set_chat(self, chat: str, **values: Any) -> None:
        columns = {"chat": chat, **values}
        names, marks = ", ".join(columns), ", ".join(f":{name}" for name in columns)
        changes = ", ".join(f"{name} = :{name}" for name in values)
        self.db.execute(
            f"INSERT INTO chats ({names}) VALUES ({marks}) ON CONFLICT (chat) DO UPDATE SET {changes}", columns
        )

    def brief(self, chat: str) -> dict[str, Any] | None:
        """The brief of the last request in a chat, for refinements."""
        row = next(iter(self.db.query("SELECT brief FROM chats WHERE chat = ?", [chat])), None)
        if row is None or not row["brief"]:
            return None
        brief: dict[str, Any] = json.loads(row["brief"])
        return brief

    # --- deliveries -------------------------------------------------------------------------------------------

    def promise(self, job_id: int, incoming: Incoming, language: str) -> None:
        """Note that the outcome of a job is owed to a chat."""
        self.db.execute(
            "INSERT INTO deliveries (job, key, chat, message, language) VALUES (?, ?, ?, ?, ?)",
            [job_id, incoming.key, incoming.chat, incoming.message, language],
        )

    def promised(self, key: str) -> int | None:
        """The job that a message has become, if it has become one."""
        row = next(iter(self.db.query("SELECT job FROM deliveries WHERE key = ?", [key])), None)
        return row["job"] if row else None

    def owed(self, front: str) -> list[dict[str, Any]]:
        """Deliveries of a front that are not complete, oldest first."""
        rows = self.db.query("SELECT * FROM deliveries WHERE done = '' AND chat LIKE ? ORDER BY job", [f"{front}:%"])
        return [{**row, "sent": json.loads(row["sent"])} for row in rows]

    def delivery(self, job_id: int) -> dict[str, Any] | None:
        row = next(iter(self.db.query("SELECT * FROM deliveries WHERE job = ?", [job_id])), None)
        return {**row, "sent": json.loads(row["sent"])} if row else None

    def job_of(self, chat: str, message: str) -> int | None:
        """The job that a message in a chat shows."""
        if not message:
            return None
        row = self.db.execute(
            "SELECT job FROM deliveries, json_each(sent) part WHERE chat = ? AND part.key NOT LIKE '%?' "
            "AND instr(',' || part.value || ',', ?)",
            [chat, f",{message},"],
        ).fetchone()
        return int(row[0]) if row else None

    def mark_sent(self, job_id: int, what: str, message: str) -> None:
        self.db.execute(f"UPDATE deliveries SET {_SET_PART} WHERE job = ?", [what, message, job_id])

    def delivered(self, job_id: int) -> None:
        self.db.execute("UPDATE deliveries SET done = ? WHERE job = ?", [now(), job_id])

    def latest(self, front: str, limit: int = 500) -> list[tuple[str, str]]:
        """Chats and messages that were posted lately, in answer to anything."""
        rows = self.db.query(
            "SELECT chat, sent FROM (SELECT chat, sent FROM deliveries WHERE sent != '{}' ORDER BY job DESC LIMIT :n) "
            "UNION ALL SELECT chat, sent FROM (SELECT chat, sent FROM inbox WHERE sent != '{}' ORDER BY rowid DESC "
            "LIMIT :n)",
            {"n": limit},
        )
        return [
            (row["chat"], message)
            for row in rows
            if row["chat"].startswith(f"{front}:")
            for part, messages in json.loads(row["sent"]).items()
            if not part.endswith("?")
            for message in messages.split(",")
            if message  # none, where what may have been posted was looked for and is not there
        ]

    def knows(self, chat: str) -> bool:
        """Whether anything came from a chat or goes there."""
        places = (f"SELECT 1 FROM {table} WHERE chat = :chat" for table in ("inbox", "chats", "deliveries"))
        return bool(list(self.db.query(" UNION ALL ".join(places) + " LIMIT 1", {"chat": chat})))

    def move_chat(self, old: str, new: str) -> None:
        """A chat has another name now, and numbers its messages anew: 0 stands for what has no number there."""
        with self.db.atomic():
            for table in ("inbox", "deliveries"):
                rows = self.db.execute(f"SELECT rowid, sent FROM {table} WHERE chat = ?", [old]).fetchall()
                for row, sent in rows:
                    self.db.execute(
                        f"UPDATE {table} SET chat = ?, message = '0', sent = ? WHERE rowid = ?",
                        [new, _unnumbered(sent), row],
                    )
            # What was chosen before the move wins over what the new name may have got since.
            self.db.execute("UPDATE OR REPLACE chats SET chat = ? WHERE chat = ?", [new, old])

    def counts(self) -> dict[str, int]:
        """How many people wrote, in how many chats, how many messages, and how many answers are owed."""
        row = next(
            iter(
                self.db.query(
                    "SELECT COUNT(DISTINCT user) AS people, COUNT(DISTINCT chat) AS chats, COUNT(*) AS messages, "
                    "(SELECT COUNT(*) FROM deliveries WHERE done = '') AS owed FROM inbox"
                )
            )
        )
        return {name: int(value) for name, value in row.items()}
