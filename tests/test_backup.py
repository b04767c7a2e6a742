"""Backups made beside a writer, brought back whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from conftest import rows

from bot import backup
from bot.backup import BackupError, back_up, restore, take_part
from bot.settings import Settings, load_settings
from bot.store import open_database

Run = Callable[..., Result]
ROOT = Path(__file__).parents[1]


@pytest.fixture
def kept(home: Path, tmp_path: Path) -> Iterator[Settings]:
    """A home with a picture, a job and a model of one's own in it, no other process using it."""
    settings = load_settings({"EASEL_HOME": str(home)})
    picture = home / "images" / "2026-01" / "1-1.png"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"a picture")
    (home / "models.toml").write_text("# mine")
    (home / "easel.toml").write_text('telegram_token = "7000000001:secret_of_the_bot_of_this_test"')
    db = sqlite3.connect(settings.database)
    with db:
        db.execute(
            "INSERT INTO jobs (id, owner, model, prompt, negative, width, height, count, seed, steps, guidance, "
            "priority, turn, extra, created) VALUES (1, 'x', 'doodle', 'a cat', '', 1, 1, 1, 1, 1, 1, 0, 1, '{}', '')"
        )
        db.execute("INSERT INTO pictures (job_id, position, seed, path) VALUES (1, 1, 1, ?)", [str(picture)])
    db.close()
    yield settings


def state(settings: Settings) -> dict[str, Any]:
    """Everything a restore may change: the rows and the files."""
    files = {path: path.read_bytes() for path in settings.home.rglob("*") if path.is_file()}
    plain = {str(path.relative_to(settings.home)): data for path, data in files.items() if "easel." not in path.name}
    return {"files": plain, "jobs": jobs(settings), "prompts": count(settings)}


def jobs(settings: Settings) -> list[tuple[object, ...]]:
    return rows(settings.database, "SELECT id, prompt FROM jobs ORDER BY id")


def count(settings: Settings) -> object:
    return rows(settings.database, "SELECT count(*) FROM prompts")[0][0]


def spoil(settings: Settings) -> None:
    """What a restore has to bring back."""
    db = sqlite3.connect(settings.database)
    with db:
        db.execute("DELETE FROM pictures")
        db.execute("DELETE FROM jobs")
        db.execute("DELETE FROM prompts")
    db.close()
    (settings.home / "models.toml").write_text("# spoilt")
    shutil.rmtree(settings.images)


def test_back_and_forth(kept: Settings, tmp_path: Path, easel: Run) -> None:
    before = state(kept)
    done = easel("backup", str(tmp_path), "--pictures", "--index", "--json")
    told = json.loads(done.stdout)
    path = Path(told["path"])
    assert path.parent == tmp_path and told["bytes"] == path.stat().st_size
    spoil(kept)
    spoilt = state(kept)
    done = easel("restore", str(path), "--json")
    assert done.exit_code == 0, done.output
    aside = Path(json.loads(done.stdout)["kept"])
    after = state(kept)
    shutil.rmtree(aside)
    assert state(kept) == before
    assert spoilt["jobs"] == []
    assert {name for name in after["files"] if name.startswith(aside.name)} >= {f"{aside.name}/models.toml"}
    done = easel("doctor", "--offline")
    assert done.exit_code == 0, done.output
    assert easel("library", "search", "a cat").exit_code == 0


def test_what_was_there_is_kept_aside(kept: Settings, tmp_path: Path) -> None:
    path = back_up(kept, tmp_path / "b.zip")
    db = sqlite3.connect(kept.database)
    db.execute("PRAGMA journal_mode = WAL")
    with db:
        db.execute("UPDATE jobs SET prompt = 'a newer cat'")
    aside = restore(kept, path)
    db.close()
    assert jobs(kept) == [(1, "a cat")]
    assert rows(aside / "easel.db", "SELECT prompt FROM jobs") == [("a newer cat",)]
    assert (kept.images / "2026-01" / "1-1.png").read_bytes() == b"a picture", "a backup without pictures leaves them"
    assert not kept.index.exists() and (aside / "index" / "current").exists(), "an index fits one library only"


def test_a_backup_is_one_private_file_without_the_token(kept: Settings, tmp_path: Path) -> None:
    path = back_up(kept, tmp_path / "new" / "folder" / "b.zip")
    assert list(path.parent.iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with zipfile.ZipFile(path) as pack:
        manifest = json.loads(pack.read("manifest.json"))
        assert set(pack.namelist()) == {"manifest.json", "easel.db", "models.toml"}
        assert manifest["files"]["easel.db"] == hashlib.sha256(pack.read("easel.db")).hexdigest()
        assert all(b"secret_of_the_bot" not in pack.read(name) for name in pack.namelist())
    with pytest.raises(BackupError, match="no database"):
        back_up(load_settings({"EASEL_HOME": str(tmp_path / "empty")}), tmp_path)


def test_a_backup_beside_a_writer_is_one_moment_of_it(kept: Settings, tmp_path: Path) -> None:
    stop, failed = threading.Event(), []

    def write() -> None:
        db = open_database(kept.database)
        try:
            while not stop.is_set():
                with db.atomic():
                    # Always two rows together: a copy with an odd number would be no moment.
                    for who in ("a", "b"):
                        db.execute("INSERT INTO chats (chat) VALUES (? || hex(randomblob(8)))", [who])
        except sqlite3.Error as error:
            failed.append(error)
        db.close()

    writer = threading.Thread(target=write)
    writer.start()
    paths = [back_up(kept, tmp_path / f"{number}.zip") for number in range(5)]
    stop.set()
    writer.join()
    assert failed == []
    counts = []
    for path in paths:
        zipfile.ZipFile(path).extract("easel.db", tmp_path / path.stem)
        counts.append(
            rows(tmp_path / path.stem / "easel.db", "SELECT total(chat LIKE 'a%'), total(chat LIKE 'b%') FROM chats")[0]
        )
    assert all(a == b for a, b in counts)
    assert counts[-1][0] > counts[0][0]


def test_pictures_are_found_in_the_home_they_come_to(kept: Settings, tmp_path: Path) -> None:
    path = back_up(kept, tmp_path / "b.zip", pictures=True)
    other = load_settings({"EASEL_HOME": str(tmp_path / "o't%her")})
    restore(other, path)
    ((picture,),) = rows(other.database, "SELECT path FROM pictures")
    assert Path(str(picture)) == other.images / "2026-01" / "1-1.png"
    assert Path(str(picture)).read_bytes() == b"a picture"


def test_no_restore_while_easel_runs(kept: Settings, tmp_path: Path, easel: Run) -> None:
    path = back_up(kept, tmp_path / "b.zip")
    before = state(kept)
    handle = take_part(kept.home)
    another = take_part(kept.home)
    done = easel("restore", str(path))
    assert done.exit_code == 1 and "stop the bot" in done.stderr and done.stderr.count("\n") == 1
    assert state(kept) == before
    os.close(handle)
    os.close(another)
    with backup.alone(kept.home), pytest.raises(BackupError, match="being restored"):
        take_part(kept.home)
    restore(kept, path)


USER = """
import sys, time
from bot.assistant import Assistant
from bot.settings import load_settings
assistant = Assistant(load_settings())
print("ready", flush=True)
time.sleep(60)
"""


def test_a_process_that_uses_a_home_keeps_it_until_it_is_killed(kept: Settings, tmp_path: Path) -> None:
    path = back_up(kept, tmp_path / "b.zip")
    with subprocess.Popen([sys.executable, "-c", USER], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        with pytest.raises(BackupError, match="stop the bot"):
            restore(kept, path)
        process.send_signal(signal.SIGKILL)
    restore(kept, path)


# --- bad backups --------------------------------------------------------------------------------------------------


def repack(path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    with zipfile.ZipFile(path) as pack:
        files = {name: pack.read(name) for name in pack.namelist()}
    change(files)
    bad = path.with_name("bad.zip")
    with zipfile.ZipFile(bad, "w") as pack:
        for name, data in files.items():
            pack.writestr(name, data)
    return bad


def forge(name: str, data: bytes) -> Callable[[dict[str, bytes]], None]:
    """Add a file with a checksum that fits."""

    def change(files: dict[str, bytes]) -> None:
        manifest = json.loads(files["manifest.json"])
        manifest["files"][name] = hashlib.sha256(data).hexdigest()
        files |= {name: data, "manifest.json": json.dumps(manifest).encode()}

    return change


def edit(**values: object) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        files["manifest.json"] = json.dumps(json.loads(files["manifest.json"]) | values).encode()

    return change


BAD = {
    "changed": lambda files: files.update({"models.toml": b"# evil"}),
    "a file more": lambda files: files.update({"images/x.png": b""}),
    "a file less": lambda files: files.pop("models.toml"),
    "no manifest": lambda files: files.pop("manifest.json"),
    "outside": forge("../evil", b"x"),
    "absolute": forge("/tmp/evil", b"x"),
    "hidden outside": forge("images/../../evil", b"x"),
    "settings": forge("easel.toml", b"telegram_api = 'http://evil'"),
    "no database": forge("easel.db", b"damaged " * 1000),
    "a later format": edit(format=2),
    "strange": edit(colour="red"),
}


@pytest.mark.parametrize("how", BAD)
def test_a_bad_backup_changes_nothing(kept: Settings, tmp_path: Path, how: str) -> None:
    bad = repack(back_up(kept, tmp_path / "b.zip"), BAD[how])
    before = state(kept)
    with pytest.raises(BackupError, match=r"backup|restore it with"):
        restore(kept, bad)
    assert state(kept) == before
    assert not list(tmp_path.parent.rglob("evil"))


@pytest.mark.parametrize("position", [0.1, 0.5, 0.9])
def test_a_flipped_byte_anywhere_is_found(kept: Settings, tmp_path: Path, position: float) -> None:
    path = back_up(kept, tmp_path / "b.zip")
    data = bytearray(path.read_bytes())
    data[int(len(data) * position)] ^= 1
    path.write_bytes(data)
    before = state(kept)
    with pytest.raises(BackupError, match=r"damaged|manifest"):
        restore(kept, path)
    assert state(kept) == before


def test_a_file_that_is_no_backup(tmp_path: Path, easel: Run, kept: Settings) -> None:
    (tmp_path / "x.zip").write_text("no zip")
    done = easel("restore", str(tmp_path / "x.zip"))
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert "is no backup" in done.stderr


def test_a_damaged_database_is_not_backed_up_as_if_it_were_sound(kept: Settings, tmp_path: Path) -> None:
    with kept.database.open("r+b") as file:
        file.seek(4096 * 5)
        file.write(b"\x55" * 4096 * 20)
    with pytest.raises(BackupError, match="easel doctor"):
        back_up(kept, tmp_path / "b.zip")
    assert not (tmp_path / "b.zip").exists() and not list(tmp_path.glob(".backup-*"))


def test_a_restore_over_a_damaged_database(kept: Settings, tmp_path: Path) -> None:
    path = back_up(kept, tmp_path / "b.zip")
    kept.database.write_bytes(b"damaged " * 1000)
    kept.database.with_name("easel.db-wal").write_bytes(b"a log of another database")
    aside = restore(kept, path)
    assert jobs(kept) == [(1, "a cat")]
    assert (aside / "easel.db").read_bytes().startswith(b"damaged")
    assert not kept.database.with_name("easel.db-wal").exists()


# --- when it breaks halfway ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", range(1, 8))
def test_a_restore_that_fails_at_any_step_is_undone(
    kept: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    path = back_up(kept, tmp_path / "b.zip", pictures=True, index=True)
    before, real, done = state(kept), Path.rename, []

    def failing(self: Path, target: Path) -> Path:
        done.append(self)
        if len(done) == step:
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    if step <= 6:
        with pytest.raises(BackupError, match="make room there"):
            restore(kept, path)
    else:
        restore(kept, path)  # three parts, two moves each
        return
    for left in kept.home.glob("before-restore-*"):
        left.rmdir()
    assert state(kept) == before


KILLED = """
import os, sys, pathlib
from bot import backup
from bot.settings import load_settings
steps, real, replace = int(sys.argv[2]), pathlib.Path.rename, pathlib.Path.replace
done = []
def counted(real):
    def call(self, target):
        done.append(self)
        if len(done) == steps:
            os.kill(os.getpid(), 9)
        return real(self, target)
    return call
pathlib.Path.rename, pathlib.Path.replace = counted(real), counted(replace)
backup.restore(load_settings(), pathlib.Path(sys.argv[1]))
"""


@pytest.mark.parametrize("step", [1, 2, 5, 7])
def test_a_restore_killed_halfway_leaves_a_database_and_can_be_repeated(
    kept: Settings, tmp_path: Path, step: int, easel: Run
) -> None:
    path = back_up(kept, tmp_path / "b.zip", pictures=True, index=True)
    before = jobs(kept)
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), str(step)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert jobs(kept) == before
    restore(kept, path)
    for left in kept.home.glob("restoring-*"):
        os.utime(left, (1, 1))
    assert (done := easel("doctor", "--offline", "--fix")).exit_code == 0, done.output
    assert (kept.images / "2026-01" / "1-1.png").read_bytes() == b"a picture"
    assert not list(kept.home.glob("restoring-*"))
