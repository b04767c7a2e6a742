"""Checks of what easel keeps: the database, the library's two indexes, jobs, deliveries, pictures, leftovers."""

from __future__ import annotations

import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_utils import Migrations

from bot.doctor import BROKEN, NOTE, WARNING, Finding, Patient
from bot.settings import Settings

if TYPE_CHECKING:
    from promptlib.library import Library

#: Bytes of a write-ahead log that a checkpoint should have emptied long ago.
LARGE_WAL = 64 << 20
#: Hours after which something that should have gone on has not.
LATE = timedelta(hours=1)
#: Seconds after which an unfinished file belongs to nobody any more.
OLD = 3600.0
#: What easel writes before it renames it, and leaves behind only when it is killed meanwhile.
UNFINISHED = ("index/building-*", "index/pointing-*", "images/*/*.part", "restoring-*", ".backup-*")
#: Paths that are named in one finding.
NAMED = 3


def check_database(patient: Patient) -> Iterator[Finding]:
    """The database is sound and of this version."""
    path = patient.settings.database
    if patient.db is None:
        yield Finding("database", NOTE, f"There is no database at {path} yet; easel makes it when it first starts.")
        return
    damage = [str(row[0]) for row in patient.rows("PRAGMA integrity_check(5)") if row[0] != "ok"]
    if damage:
        text = f"{path} is damaged ({'; '.join(damage)[:200]}); restore a backup with `easel restore`."
        yield Finding("database", BROKEN, text)
        return
    loose = patient.rows("PRAGMA foreign_key_check")
    if loose:
        tables = ", ".join(sorted({str(row[0]) for row in loose}))
        text = f"{len(loose)} rows of {tables} belong to rows that are gone; restore a backup with `easel restore`."
        yield Finding("database", BROKEN, text)
    pending = [f"{steps.name} {step.name}" for steps in migration_sets() for step in steps.pending(patient.db)]
    if pending:
        text = f"The database is of an older version; the next start brings it up ({', '.join(pending)})."
        yield Finding("database", NOTE, text)
    known = {(steps.name, step.name) for steps in migration_sets() for step in steps._migrations}
    later = [name for name in patient.rows("SELECT migration_set, name FROM _sqlite_migrations") if name not in known]
    if later:
        names = ", ".join(" ".join(map(str, name)) for name in later)
        yield Finding("database", WARNING, f"A later easel wrote the database ({names}); install that version again.")
    wal = path.with_name(f"{path.name}-wal")
    if wal.exists() and (size := wal.stat().st_size) > LARGE_WAL:
        text = f"The write-ahead log has grown to {size >> 20} MB; `easel doctor --fix` empties it."
        yield Finding("database", WARNING, text, lambda: _empty_wal(path))


def migration_sets() -> list[Migrations]:
    """All sets there are, whichever module they stand in."""
    import bot.assistant  # noqa: F401  (brings in every module that has tables)

    ours = [module for name, module in sys.modules.items() if name.startswith(("bot.", "pipeline.", "promptlib."))]
    sets = {id(value): value for module in ours for value in vars(module).values() if isinstance(value, Migrations)}
    return list(sets.values())


def _empty_wal(path: Path) -> str:
    with closing(sqlite3.connect(path, timeout=10)) as db:
        busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    return "It is still being read; stop the bot and try again." if busy else "The write-ahead log is empty."


def check_words(patient: Patient) -> Iterator[Finding]:
    """Full-text search is in step with the prompts."""
    from promptlib import upkeep

    library = _library(patient)
    wrong = upkeep.words_out_of_step(library) if library else []
    if wrong:
        text = f"Full-text search is out of step with {len(wrong)} prompts; `easel doctor --fix` refills it."
        yield Finding("words", BROKEN, text, lambda: _refill(patient.settings))


def _refill(settings: Settings) -> str:
    from bot.store import open_database
    from promptlib import upkeep
    from promptlib.library import Library

    with closing(open_database(settings.database)) as db:
        upkeep.refill_words(Library(db))
    return "Full-text search holds every prompt again."


def check_index(patient: Patient) -> Iterator[Finding]:
    """The search index is sound and follows the library."""
    from promptlib.embeddings import get_embedder
    from promptlib.index import VectorIndex

    library = _library(patient)
    if library is None:
        return
    if not (patient.settings.index / "current").exists():
        yield Finding("index", NOTE, "There is no index yet; the first search, or `easel library rebuild`, makes it.")
        return
    index = VectorIndex(patient.settings.index, get_embedder(patient.settings.embedder))
    for text in index.verify(library):
        yield Finding("index", BROKEN, text, lambda: _rebuild(patient.settings))


def _library(patient: Patient) -> Library | None:
    """None where there is none yet, or one of an older version, which only a start brings up."""
    from promptlib import migrations
    from promptlib.library import Library

    if patient.db is None or migrations.library.pending(patient.db) or migrations.embeddings.pending(patient.db):
        return None
    return Library(patient.db)


def _rebuild(settings: Settings) -> str:
    from bot.store import open_database
    from promptlib.embeddings import get_embedder
    from promptlib.index import VectorIndex
    from promptlib.library import Library

    with closing(open_database(settings.database)) as db:
        index = VectorIndex(settings.index, get_embedder(settings.embedder))
        index.rebuild(Library(db))
    return f"The index was built anew; it holds {len(index)} prompts."


def check_jobs(patient: Patient) -> Iterator[Finding]:
    """No job is stuck, and every outcome was delivered."""
    from pipeline.queue import is_alive

    dead = [row[0] for row in patient.rows("SELECT id, worker FROM jobs WHERE status = 'running'") if not _alive(row)]
    if dead:
        text = f"Jobs {_some(dead)} were being painted when easel died; its next start takes them up again."
        yield Finding("jobs", WARNING, text)
    long_ago = (datetime.now(UTC) - LATE).isoformat()
    waiting = patient.rows("SELECT id FROM jobs WHERE status = 'queued' AND created < ? ORDER BY id", long_ago)
    painting = any(is_alive(str(row[0])) for row in patient.rows("SELECT worker FROM jobs WHERE status = 'running'"))
    if waiting and not painting:
        text = f"Jobs {_some(waiting)} have waited for over an hour and nothing paints; start `easel bot`."
        yield Finding("jobs", WARNING, text)
    owed = patient.rows(
        "SELECT job FROM deliveries JOIN jobs ON jobs.id = job WHERE deliveries.done = '' "
        "AND finished != '' AND finished < ? ORDER BY job",
        long_ago,
    )
    if owed:
        text = f"The pictures of jobs {_some(owed)} were not delivered; `easel bot` does when it runs (see its log)."
        yield Finding("jobs", WARNING, text)
    unanswered = patient.rows("SELECT key FROM inbox WHERE answered = '' AND received < ?", long_ago)
    if unanswered:
        text = f"{len(unanswered)} messages wait for an answer for over an hour; start `easel bot` (see its log)."
        yield Finding("jobs", WARNING, text)


def _alive(row: tuple[object, ...]) -> bool:
    from pipeline.queue import is_alive

    return is_alive(str(row[1]))


def check_pictures(patient: Patient) -> Iterator[Finding]:
    """Every picture has its file, and every file its picture."""
    known = {Path(str(path)) for (path,) in patient.rows("SELECT path FROM pictures")}
    rows = "SELECT job_id, path FROM pictures JOIN jobs ON jobs.id = job_id ORDER BY job_id"
    lost = [job for job, path in patient.rows(rows) if not Path(str(path)).exists()]
    if lost:
        text = f"The files of {len(lost)} pictures are gone (jobs {_some(sorted(set(map(int, map(str, lost)))))}); "
        yield Finding("pictures", NOTE, f"{text}deleted by their owners, or else in a backup.")
    images = patient.settings.images
    orphans = [path for path in images.glob("*/*.png") if path not in known and _is_old(path)]
    if orphans:
        megabytes = sum(path.stat().st_size for path in orphans) / 2**20
        text = f"{len(orphans)} files in {images} belong to no job ({megabytes:.1f} MB); look, and delete them."
        yield Finding("pictures", NOTE, text)


def check_leftovers(patient: Patient) -> Iterator[Finding]:
    """Nothing unfinished lies about."""
    home = patient.settings.home
    left = sorted(path for pattern in UNFINISHED for path in home.glob(pattern) if _is_old(path))
    if left:
        names = ", ".join(str(path.relative_to(home)) for path in left[:NAMED])
        text = f"{len(left)} unfinished files were left behind ({names}); `easel doctor --fix` removes them."
        yield Finding("leftovers", NOTE, text, lambda: _remove(left))


def _is_old(path: Path) -> bool:
    return time.time() - path.stat().st_mtime > OLD


def _remove(paths: list[Path]) -> str:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return f"{len(paths)} unfinished files were removed."


def _some(items: list[tuple[object, ...]] | list[int] | list[object]) -> str:
    """The first few of many."""
    names = [str(item[0]) if isinstance(item, tuple) else str(item) for item in items]
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
