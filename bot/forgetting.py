"""Everything that is stored about a person: handed out as one document, and deleted.

The tables below are all that hold something about people; a test holds them against the database. Pictures and
vectors on the disk go too. What stays: prompts that others rated, with a pseudonym for their owner, or one could
come back and rate one's own as somebody else; a prompt that others reported, without its owner and until an admin has
settled that; that somebody is blocked; which prompts admins removed; and, where pictures are limited, for a day how
many they asked for, under a pseudonym (`bot.limits`). Copies of the database (`easel backup`) are not reached. Knows
no chat library.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from bot.errors import EaselError
from promptlib import forgetting
from promptlib.cache import EmbeddingCache
from promptlib.index import VectorIndex
from promptlib.library import Library
from promptlib.ratings import NOBODY

log = logging.getLogger(__name__)

_JOBS = "SELECT id FROM jobs WHERE owner = :who"

#: What is a person's: a name in the document, the table, and which of its rows. Deleted in this order. A private
#: chat has its person's name. Without a name it is deleted only: who reported somebody is nothing to be told.
HELD = (
    ("", "looks", f"job IN ({_JOBS})"),
    ("", "reports", f"job IN ({_JOBS}) AND settled != ''"),
    ("reports", "reports", "who = :who"),
    ("deliveries", "deliveries", f"chat = :who OR job IN ({_JOBS})"),
    ("pictures", "pictures", f"job_id IN ({_JOBS})"),
    ("jobs", "jobs", "owner = :who"),
    ("requests", "inbox", "user = :who OR chat = :who"),
    ("conversations", "chats", "chat = :who"),
    ("safety", "safety", "chat = :who"),
    ("switched_off", "switched_off", "person = :who OR chat = :who"),
)
#: What the library takes care of itself.
LIBRARY = ("prompts", "ratings", "prompts_words", "embeddings")
#: Tables with nothing about people in them, and those that must outlive them.
OTHERS = (
    "library",
    "library_files",
    "speeds",
    "blocked",
    "removed_prompts",
    "spent",
    "_sqlite_migrations",
    "sqlite_sequence",
)
#: What of others' rows names a person: admins who decided something.
_DECIDED = (("reports", "by"), ("blocked", "by"), ("removed_prompts", "by"))

#: Seconds that a picture being painted has to stop.
PATIENCE = 30.0


@dataclass(frozen=True)
class Forgotten:
    """How much was deleted, by name; `kept` prompts stay because others rated them."""

    rows: dict[str, int]
    pictures: int
    kept: int

    @property
    def total(self) -> int:
        return sum(self.rows.values()) + self.pictures


def about(db: Database, library: Library, who: str) -> dict[str, Any]:
    """What is stored about a person, as plain data."""
    found: dict[str, Any] = {"person": who, "told": datetime.now(UTC).isoformat(timespec="seconds")}
    there = set(db.table_names())
    for name, table, rows in HELD:
        if name and table in there:
            found[name] = [_readable(row) for row in db.query(f"SELECT * FROM {table} WHERE {rows}", {"who": who})]
    return found | {name: [_readable(row) for row in rows] for name, rows in library.about(who).items()}


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its columns of JSON as what they hold."""
    return {name: _decoded(value) for name, value in row.items()}


def _decoded(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def people(db: Database) -> list[dict[str, Any]]:
    """Everybody who wrote, painted or rated, with how much of theirs there is."""
    sources = (("user", "inbox"), ("owner", "jobs"), ("owner", "prompts"), ("who", "ratings"))
    there = " UNION ".join(f"SELECT {column} AS user FROM {table}" for column, table in sources)
    sql = f"""SELECT user AS person, (SELECT count(*) FROM jobs WHERE owner = user) AS jobs,
        (SELECT count(*) FROM ratings WHERE who = user) AS ratings,
        (SELECT count(*) FROM prompts WHERE owner = user) AS prompts
        FROM ({there}) WHERE user != '' AND user NOT GLOB ? ORDER BY user"""
    return list(db.query(sql, [f"{NOBODY}*"]))


def document(found: dict[str, Any]) -> bytes:
    return json.dumps(found, ensure_ascii=False, indent=1).encode()


def forget(
    db: Database,
    library: Library,
    index: VectorIndex,
    who: str,
    *,
    stop: Callable[[], object],
    keep: Callable[[], object] = lambda: None,
    patience: float = PATIENCE,
) -> Forgotten:
    """Delete what is stored about a person. Twice is as good as once, so it can be repeated after a crash.

    Args:
        stop: cancels all of a person's jobs.
        keep: notes what must outlive the jobs; part of the transaction that deletes them.
        patience: seconds that their jobs have to stop.

    Raises:
        EaselError: a picture of theirs is still being painted.
    """
    deadline, cache, taken = time.monotonic() + patience, EmbeddingCache(db), None
    while taken is None:
        stop()
        _await_the_worker(db, who, deadline)
        taken = _take_out(db, library, cache, who, keep)
    gone, kept = taken
    # Embedded here, and not while the index is held.
    cache.passages(index.embedder, kept)
    index.purge(library)
    _empty_the_log(db)
    return gone


def _take_out(
    db: Database, library: Library, cache: EmbeddingCache, who: str, keep: Callable[[], object]
) -> tuple[Forgotten, tuple[str, ...]] | None:
    """Delete everything at once, and what of the prompts that stay is embedded; None if a job came in meanwhile."""
    # Nobody else writes from here on, so no job of theirs begins, and no picture is noted.
    db.execute("BEGIN IMMEDIATE")
    with db.conn:
        if _has_jobs(db, who):
            return None
        keep()
        cache.forget(forgetting.passages(db, who))
        taken = library.forget(who)
        pictures = _delete_pictures(db, who)
        rows = {"prompts": taken.prompts, "ratings": taken.ratings} | _delete_rows(db, who)
    return Forgotten(rows, pictures, len(taken.kept)), taken.kept


def _has_jobs(db: Database, who: str) -> bool:
    sql = "SELECT 1 FROM jobs WHERE owner = ? AND status IN ('queued', 'running')"
    return db.execute(sql, [who]).fetchone() is not None


def _await_the_worker(db: Database, who: str, deadline: float) -> None:
    while _has_jobs(db, who):
        if time.monotonic() > deadline:
            raise EaselError("A picture of this person is still being painted; try again when it is done.")
        time.sleep(0.1)


def _delete_pictures(db: Database, who: str) -> int:
    """Delete the files; the rows that name them go with the end of the transaction, so a crash leaves nothing over."""
    deleted = 0
    for (path,) in db.execute(f"SELECT path FROM pictures WHERE job_id IN ({_JOBS})", {"who": who}).fetchall():
        deleted += Path(path).exists()
        Path(path).unlink(missing_ok=True)
    return deleted


def _delete_rows(db: Database, who: str) -> dict[str, int]:
    there, deleted = set(db.table_names()), dict[str, int]()
    # What a group was about may be this person's words.
    groups = "SELECT chat FROM inbox WHERE user = :who UNION SELECT chat FROM deliveries WHERE job IN (" + _JOBS + ")"
    db.execute(f"UPDATE chats SET brief = '' WHERE chat IN ({groups})", {"who": who})
    # So that it can still be settled; numbers of messages tell nothing without the chat.
    kept = """prompt = (SELECT coalesce(nullif(prompt, ''), '-') FROM jobs WHERE jobs.id = reports.job),
        posted = coalesce((SELECT sent FROM deliveries WHERE deliveries.job = reports.job), '{}')"""
    db.execute(f"UPDATE reports SET {kept} WHERE job IN ({_JOBS}) AND settled = '' AND who != :who", {"who": who})
    for _, table, rows in HELD:
        if table in there:
            gone = db.execute(f"DELETE FROM {table} WHERE {rows}", {"who": who}).rowcount
            deleted[table] = deleted.get(table, 0) + gone
    for table, column in _DECIDED:
        if table in there:
            db.execute(f"UPDATE {table} SET {column} = '' WHERE {column} = ?", [who])
    return deleted


def _empty_the_log(db: Database) -> None:
    """The write-ahead log holds the pages as they were, until it is emptied."""
    busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if busy:
        log.warning("Somebody is reading: what was deleted leaves easel.db-wal with the next start.")
