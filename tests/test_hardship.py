"""What a running bot does when the disk is full, the database is locked, the index is damaged, pictures cannot be
saved: it says so in a sentence, lives, and goes on when it can. The real process on real small disks."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botapi import BotApi
from conftest import MODELS, rows
from test_operations import Process

SECONDS = 90.0

pytestmark = pytest.mark.timeout(300)


class Mounts:
    """Small file systems of their own in memory, where this machine lets us."""

    def __init__(self) -> None:
        self.places: list[Path] = []

    def __call__(self, folder: Path, options: str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        how = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if subprocess.run(how, capture_output=True, check=False).returncode:
            pytest.skip("no file system can be mounted here")
        self.places.append(folder)
        return folder

    def remount(self, folder: Path, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)


@pytest.fixture(scope="module")
def mount() -> Iterator[Mounts]:
    mounts = Mounts()
    yield mounts
    for folder in reversed(mounts.places):
        subprocess.run(["umount", folder], check=True)


@pytest.fixture(scope="module")
def api() -> Iterator[BotApi]:
    with BotApi() as server:
        yield server


@pytest.fixture(scope="module")
def make_home(stocked: Path, tiny_folder: Path) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        home = Path(shutil.copytree(stocked, folder / "home"))
        (home / "models.toml").write_text(MODELS.format(source=str(tiny_folder)))
        return home

    return make


@pytest.fixture(scope="module")
def troubled(make_home: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose index is damaged."""
    home = make_home(tmp_path_factory.mktemp("troubled"))
    for path in (home / "index").rglob("*"):
        if path.is_file():
            path.write_bytes(b"damaged")
    return home


@pytest.fixture(scope="module")
def bot(api: BotApi, troubled: Path, mount: Mounts) -> Iterator[Process]:
    """One bot through most of this; its pictures lie on a disk of their own that cannot be written."""
    mount(troubled / "images", "ro,size=4k")
    with Process(api, troubled) as process:
        yield process
        assert process.end() == 0
    assert "Traceback" not in process.words()


def photos(api: BotApi, *chats: int) -> list[int]:
    return [len(api.messages(chat, "photo")) for chat in chats]


def told(api: BotApi, chat: int, words: str) -> str:
    """Wait until a chat was told this; returns the message."""
    found = api.wait_for(lambda: [m["text"] for m in api.messages(chat, "text") if words in m["text"]], SECONDS)
    return str(found[-1])


def test_a_damaged_index_and_pictures_that_cannot_be_saved(api: BotApi, bot: Process) -> None:
    api.say(1, "画一个红苹果")
    assert "\n" not in told(api, 1, "存不下来")
    assert "It is rebuilt from the library." in bot.words()
    assert "Read-only file system" in bot.words() and "make room there or allow writing" in bot.words()


def test_a_disk_that_fills_while_painting(api: BotApi, bot: Process, mount: Mounts, troubled: Path) -> None:
    images = troubled / "images"
    mount.remount(images, "rw")
    api.say(2, "a red apple", language_code="en")
    told(api, 2, "could not be saved")
    assert "No space left on device" in bot.words()
    assert list(images.rglob("*.part")) == []
    mount.remount(images, "size=8m")
    api.say(2, "a red apple")
    api.wait_for(lambda: photos(api, 2) == [1], SECONDS)


def test_a_locked_database(api: BotApi, bot: Process, troubled: Path) -> None:
    other = sqlite3.connect(troubled / "easel.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    api.say(3, "a blue cat")
    time.sleep(2)
    assert photos(api, 3) == [0]
    other.execute("ROLLBACK")
    other.close()
    api.wait_for(lambda: photos(api, 3) == [1], SECONDS)
    assert rows(troubled / "easel.db", "SELECT count(*) FROM inbox WHERE user = 'telegram:3'") == [(1,)]


def test_an_index_that_goes_away(api: BotApi, bot: Process, troubled: Path) -> None:
    shutil.rmtree(troubled / "index")
    api.say(4, "a blue cat")
    api.wait_for(lambda: photos(api, 4) == [1], SECONDS)


def test_a_full_disk(
    api: BotApi, bot: Process, mount: Mounts, make_home: Callable[[Path], Path], tmp_path: Path
) -> None:
    """Nobody is answered while nothing can be stored, and everybody once when there is room again."""
    assert bot.end() == 0
    home = make_home(mount(tmp_path / "small", "size=64m"))
    with Process(api, home, log=tmp_path / "bot.log") as full:
        api.say(11, "a red apple")
        api.wait_for(lambda: photos(api, 11) == [1], SECONDS)
        filler = fill(home.parent)
        for user in (11, 12, 13):
            api.say(user, "a blue cat")
        api.wait_for(lambda: "disk is full" in full.words(), SECONDS)
        time.sleep(2)
        assert full.process.poll() is None
        filler.unlink()
        api.wait_for(lambda: photos(api, 11, 12, 13) == [2, 1, 1], SECONDS)
        assert full.end() == 0
    assert "Traceback" not in full.words()
    assert photos(api, 11, 12, 13) == [2, 1, 1]


def fill(folder: Path) -> Path:
    """Take all the room there is."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return filler
