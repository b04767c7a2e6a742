"""What the tests of the faces share: a home folder with a filled library, a tiny real model, and an assistant.

The library is filled once and copied, which takes a tenth of the time.
"""

from __future__ import annotations

import os

# Threads that spin while they wait slow each other down; torch reads these when it is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "2")

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hashing_embedder import HashingEmbedder

from bot.assistant import Assistant
from bot.messages import Incoming
from bot.settings import SETTINGS, Settings, load_settings

if TYPE_CHECKING:
    import numpy as np
    from botapi import BotApi
    from click.testing import Result
    from numpy.typing import NDArray

CHAT, USER = "telegram:70", "telegram:7"

#: A model of four thousand weights that paints noise; beside it one whose weights are not there.
MODELS = """
[tiny]
like = "sd15"
name = "Tiny"
source = {source!r}
width = 64
height = 64
multiple = 8
max_pixels = 8192
steps = 2

[gone]
like = "sd15"
name = "Gone"
source = "/nowhere/gone"
"""


@pytest.fixture(scope="session")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the seed library in it, its index saved, and what is embedded at first use embedded."""
    home = tmp_path_factory.mktemp("stocked")
    assistant = Assistant(load_settings({"EASEL_HOME": str(home)}))
    assistant.index.refresh(assistant.tables.library)
    # A word that the embedded model does not know, so that its vocabulary is embedded here and not in each test.
    assistant.tables.writer.write("a zeppelin", assistant.profile("doodle"))
    assistant.tables.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assistant.tables.db.close()
    return home


@pytest.fixture
def home(stocked: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stocked, tmp_path / "home"))


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the settings of whoever runs it, or writes into their home."""
    for setting in SETTINGS:
        monkeypatch.delenv(setting.variable, raising=False)
    monkeypatch.setenv("EASEL_HOME", str(tmp_path / "home"))


@pytest.fixture
def settings(home: Path) -> Settings:
    return load_settings({"EASEL_HOME": str(home), "EASEL_MODEL": "sd15", "EASEL_ADMINS": "1"})


@pytest.fixture
def assistant(settings: Settings) -> Iterator[Assistant]:
    """An assistant whose worker does not run."""
    assistant = Assistant(settings)
    yield assistant
    assistant.tables.db.close()


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import tiny_models  # torch

    return tiny_models.build("sd", tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def tiny(home: Path, tiny_folder: Path) -> str:
    """The id of a model in `home` that paints 64 pixels in two steps."""
    (home / "models.toml").write_text(MODELS.format(source=str(tiny_folder)))
    return "tiny"


@pytest.fixture
def small_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real but small embedder, for tests that are not about what is found."""
    monkeypatch.setattr("bot.assistant.get_embedder", lambda spec: HashingEmbedder())


@pytest.fixture(scope="session")
def model_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a running bot's home is copied from: the tiny models and a filled library."""
    from running_bot import make_home

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bot.assistant.get_embedder", lambda spec: HashingEmbedder())
        return make_home(tmp_path_factory.mktemp("running") / "home")


@pytest.fixture
def bot_home(model_home: Path, tmp_path: Path) -> Path:
    from running_bot import copy_home

    return copy_home(model_home, tmp_path / "home")


@pytest.fixture
def api() -> Iterator[BotApi]:
    """Telegram's server, as the tests know it."""
    from botapi import BotApi

    with BotApi() as server:
        yield server


@pytest.fixture
def incoming() -> Callable[..., Incoming]:
    """Messages with a new key each, from one person in one chat unless told otherwise."""
    count = 0

    def make(text: str, **fields: str) -> Incoming:
        nonlocal count
        count += 1
        values = {"key": f"telegram:{count}", "chat": CHAT, "user": USER, "message": "5", **fields}
        return Incoming(**values, text=text)

    return make


@pytest.fixture
def easel(home: Path) -> Callable[..., Result]:
    """Runs the command line in this process, on `home`."""
    from click.testing import CliRunner

    from bot.cli import main

    def run(*arguments: str, **options: object) -> Result:
        result = CliRunner().invoke(main, arguments, prog_name="easel", **options)  # type: ignore[arg-type]
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    """What a question to the database file answers, past all of our own code."""
    db = sqlite3.connect(path)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Two threads that share every small operation wait for each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def pictures() -> NDArray[np.uint8]:
    from doodle_shapes import shapes

    return shapes()
