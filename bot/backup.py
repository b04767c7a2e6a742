"""Backups: everything an easel knows as one zip file, made while it runs, and brought back whole or not at all.

A backup holds a copy of the database made with SQLite's own online backup, `models.toml`, and, where they are wanted,
the pictures and the search index (which can be rebuilt), beside a manifest with the checksum of each. `easel.toml` is
left out: it may hold the token, and a backup goes to other places.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import sqlite3
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from bot.errors import EaselError
from bot.settings import Settings

FORMAT = 1
MANIFEST, DATABASE = "manifest.json", "easel.db"
#: What may be in a backup beside the database, in the order in which a restore puts it in place.
PARTS = ("images", "index", "models.toml")
BLOCK = 1 << 20


class BackupError(EaselError):
    """A backup cannot be made, or is no backup, or is damaged."""


@dataclass(frozen=True)
class Manifest:
    """What a backup holds: by name, the SHA-256 of each file; and the home it was made of, whose paths it holds."""

    created: str
    home: str
    files: dict[str, str]
    format: int = FORMAT


# --- who is using this home ---------------------------------------------------------------------------------------


def take_part(home: Path) -> int:
    """Note that this process uses a home, until the returned handle is closed. Nobody waits for anybody.

    Raises:
        BackupError: a backup is being restored there.
    """
    return _lock(home, fcntl.LOCK_SH, "A backup is being restored there; wait until that is done.")


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Have a home to oneself.

    Raises:
        BackupError: another process uses it.
    """
    handle = _lock(home, fcntl.LOCK_EX, "easel is running there; stop the bot and whatever else uses it, then restore.")
    try:
        yield
    finally:
        os.close(handle)


def _lock(home: Path, how: int, otherwise: str) -> int:
    # The system lets go of the lock when the process ends, however it ends, so the file may stay.
    handle = os.open(home / "easel.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise BackupError(f"{home} is in use: {otherwise}") from error
    return handle


# --- backup -------------------------------------------------------------------------------------------------------


def back_up(settings: Settings, target: Path, *, pictures: bool = False, index: bool = False) -> Path:
    """Write a backup to a file, or under a name that tells the time into a folder. Returns the file.

    Raises:
        BackupError: there is nothing to back up, the database is damaged, or the file cannot be written.
    """
    if not settings.database.exists():
        raise BackupError(f"There is no database at {settings.database} to back up; set EASEL_HOME to where it is.")
    now = datetime.now(UTC)
    if target.is_dir():
        target = target / f"easel-{now:%Y%m%d-%H%M%S-%f}.zip"
    unfinished = target.with_name(f".backup-{secrets.token_hex(4)}")
    try:
        unfinished.mkdir(parents=True)
        try:
            copy_database(settings.database, unfinished / DATABASE)
            wanted = [name for name, on in (("images", pictures), ("index", index), ("models.toml", True)) if on]
            archive = unfinished / target.name
            _pack(archive, unfinished / DATABASE, settings.home, wanted, now.isoformat())
            archive.replace(target)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        text = f"The backup cannot be written to {target} ({error.strerror or error}); make room there or choose"
        raise BackupError(f"{text} another place.") from error
    return target


def copy_database(source: Path, target: Path) -> None:
    """Copy a database as it is at this moment, while others write to it; the copy is checked and is one file."""
    try:
        original = sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True, timeout=30)
        with closing(original), closing(sqlite3.connect(target)) as copy:
            original.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
            _check(copy)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode in _NO_ROOM:
            raise OSError(None, "no room for a copy of the database") from error
        raise BackupError(
            f"The database {source} cannot be copied ({error}); see `easel doctor`, or restore an older backup."
        ) from error


#: SQLite's words for a full disk: SQLITE_FULL and the short writes of a limit or a quota.
_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE)


def _check(db: sqlite3.Connection) -> None:
    answer = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if answer != "ok":
        raise sqlite3.DatabaseError(str(answer))


def _pack(archive: Path, database: Path, home: Path, wanted: list[str], created: str) -> None:
    files: dict[str, str] = {}
    archive.touch(0o600)
    with archive.open("r+b") as raw:
        with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as pack:
            files[DATABASE] = _put(pack, database, DATABASE)
            for path in sorted(path for part in wanted for path in _files(home / part)):
                name = path.relative_to(home).as_posix()
                try:
                    files[name] = _put(pack, path, name)
                except FileNotFoundError:
                    continue  # deleted by its owner since
            manifest = Manifest(created, str(home), files)
            pack.writestr(MANIFEST, json.dumps(asdict(manifest), indent=1, ensure_ascii=False))
        raw.flush()
        os.fsync(raw.fileno())


def _files(path: Path) -> Iterator[Path]:
    """A file itself, or all finished files below a folder."""
    if path.is_file():
        yield path
    yield from (below for below in path.rglob("*") if below.is_file() and below.suffix != ".part")


def _put(pack: zipfile.ZipFile, path: Path, name: str) -> str:
    """Add a file; returns its checksum."""
    digest = hashlib.sha256()
    info = zipfile.ZipInfo.from_file(path, name)
    # Pictures are packed already.
    info.compress_type = zipfile.ZIP_STORED if path.suffix == ".png" else zipfile.ZIP_DEFLATED
    with path.open("rb") as source, pack.open(info, "w", force_zip64=True) as target:
        while block := source.read(BLOCK):
            digest.update(block)
            target.write(block)
    return digest.hexdigest()


# --- restore ------------------------------------------------------------------------------------------------------


def restore(settings: Settings, source: Path) -> Path:
    """Put a backup in place of what is there. Returns the folder in which that is kept.

    All is unpacked and checked before anything is touched. The database is exchanged last and in one step, so that
    there is one at every moment; whatever fails before that is undone.

    Raises:
        BackupError: the file is no backup or is damaged, easel is running, or there is no room.
    """
    home, stamp = settings.home, f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    settings.ensure_home()
    with alone(home):
        staged, aside = home / f"restoring-{stamp}", home / f"before-restore-{stamp}"
        try:
            staged.mkdir()
            try:
                manifest = _unpack(source, staged)
                _adopt(staged / DATABASE, Path(manifest.home), home)
                aside.mkdir()
                _exchange(home, staged, aside)
            finally:
                shutil.rmtree(staged, ignore_errors=True)
        except OSError as error:
            raise BackupError(
                f"{source} cannot be restored to {home} ({error.strerror or error}); make room there or allow "
                "writing, and try again. Nothing was changed."
            ) from error
    return aside


def read_manifest(source: Path) -> Manifest:
    """What a backup says of itself; raises `BackupError`."""
    try:
        with zipfile.ZipFile(source) as pack:
            manifest = Manifest(**json.loads(pack.read(MANIFEST)))
            names = set(pack.namelist()) - {MANIFEST}
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, NotImplementedError) as error:
        raise BackupError(f"{source} is no backup of easel, or a damaged one; choose another file.") from error
    if manifest.format != FORMAT:
        raise BackupError(f"{source} has format {manifest.format}, not {FORMAT}; restore it with the easel it is of.")
    if names != set(manifest.files) or DATABASE not in names or not all(map(_is_ours, names)):
        raise BackupError(f"{source} does not hold what its manifest tells; choose another backup.")
    return manifest


def _is_ours(name: str) -> bool:
    """Whether a backup may hold a file of that name: nothing may be written beside the home's own parts."""
    parts = PurePosixPath(name).parts
    plain = name == PurePosixPath(*parts).as_posix() and not {"..", "/"} & set(parts) and "\\" not in name
    return plain and (name == DATABASE or parts[0] in PARTS)


def _unpack(source: Path, folder: Path) -> Manifest:
    """Unpack a backup, checking every file."""
    manifest = read_manifest(source)
    try:
        with zipfile.ZipFile(source) as pack:
            for name, checksum in manifest.files.items():
                digest, target = hashlib.sha256(), folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with pack.open(name) as packed, target.open("wb") as file:
                    while block := packed.read(BLOCK):
                        digest.update(block)
                        file.write(block)
                    file.flush()
                    os.fsync(file.fileno())
                if digest.hexdigest() != checksum:
                    raise BackupError(f"{source} is damaged at {name}; choose another backup.")
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise BackupError(f"{source} is damaged ({error}); choose another backup.") from error
    return manifest


def _adopt(database: Path, before: Path, home: Path) -> None:
    """Check an unpacked database and let its pictures be found in the home they come to."""
    try:
        with closing(sqlite3.connect(database, isolation_level=None)) as db:
            _check(db)
            old, new = f"{before / 'images'}{os.sep}", f"{home / 'images'}{os.sep}"
            db.execute("PRAGMA journal_mode = DELETE")
            if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'pictures'").fetchone():
                sql = "UPDATE pictures SET path = ? || substr(path, ?) WHERE substr(path, 1, ?) = ?"
                db.execute(sql, [new, len(old) + 1, len(old), old])
    except sqlite3.OperationalError as error:
        raise OSError(None, str(error)) from error
    except sqlite3.DatabaseError as error:
        raise BackupError(f"The database in the backup is damaged ({error}); choose another backup.") from error


def _exchange(home: Path, staged: Path, aside: Path) -> None:
    """Put what is staged in place, and what was there aside."""
    moved: list[tuple[Path, Path]] = []

    def move(path: Path, to: Path) -> None:
        path.rename(to)
        moved.append((path, to))

    try:
        for part in PARTS:
            # An index fits one library only; pictures stay where a backup brings none.
            if (home / part).exists() and ((staged / part).exists() or part == "index"):
                move(home / part, aside / part)
            if (staged / part).exists():
                move(staged / part, home / part)
        _keep_database(home / DATABASE, aside / DATABASE)
        (staged / DATABASE).replace(home / DATABASE)
    except OSError:
        for path, to in reversed(moved):
            to.rename(path)
        raise


def _keep_database(database: Path, aside: Path) -> None:
    """Keep a copy of a database with what its write-ahead log holds; that log must not meet the next one."""
    if not database.exists():
        return
    try:
        with closing(sqlite3.connect(database)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            db.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.DatabaseError:
        pass  # it may be damaged: that is why one restores
    os.link(database, aside)
    for suffix in ("-wal", "-shm"):
        log = database.with_name(database.name + suffix)
        if log.exists():
            log.rename(aside.with_name(aside.name + suffix))
