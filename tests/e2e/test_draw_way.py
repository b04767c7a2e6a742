"""The whole way of `easel draw`, as people run it: a process of its own, the embedded model, files on a disk."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipeline.metadata import read_png

ROOT = Path(__file__).parents[2]
EASEL = Path(sys.executable).with_name("easel")
REQUEST = "帮我画一只红色的苹果"

painted = pytest.mark.skipif(
    not (ROOT / "data" / "doodle" / "model_index.json").exists(), reason="the embedded model is not trained yet"
)


def environ(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EASEL_")}
    return kept | {"EASEL_HOME": str(home)}


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([EASEL, *arguments], env=environ(home), capture_output=True, text=True, timeout=240)


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence on standard error of a command that failed."""
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    return line.removeprefix("Error: ")


def interrupted(home: Path, *arguments: str, after: str) -> tuple[int | None, str, str]:
    """Run a command, press Ctrl-C when a file of that name has appeared; exit code, output, errors."""
    # A shell starts what runs in the background deaf to Ctrl-C, and that is inherited; people's shells do not.
    with subprocess.Popen(
        [EASEL, *arguments],
        env=environ(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as process:
        deadline = time.monotonic() + 200
        while not list(home.rglob(after)) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err.strip()


@painted
def test_a_chinese_sentence_becomes_a_picture_again_and_again(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    done = run(home, "draw", REQUEST, "--seed", "5", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    answer: dict[str, Any] = json.loads(done.stdout)
    assert (answer["kind"], answer["model"], answer["request"]) == ("image", "doodle", REQUEST)
    assert "red apple" in answer["prompt"]
    path = Path(answer["images"][0]["path"])
    check_red(path)
    check_parameters(path, answer)
    # A series is interrupted at its second picture, which has the seed of the first one here.
    ended = interrupted(home, "draw", REQUEST, "--seed", "4", "--count", "10", after="2-2.png")
    assert ended == (1, "", "Aborted!")
    assert (path.parent / "2-2.png").read_bytes() == path.read_bytes() != (path.parent / "2-1.png").read_bytes()
    assert len(list(home.rglob("2-*"))) < 10
    db = sqlite3.connect(home / "easel.db")
    assert db.execute("SELECT status FROM jobs ORDER BY id").fetchall() == [("done",), ("cancelled",)]
    db.close()


def check_red(path: Path) -> None:
    """An apple on white is red on the whole."""
    with Image.open(path) as picture:
        assert (picture.format, picture.size) == ("PNG", (256, 256))
        red, green, blue = (band.resize((1, 1), Image.Resampling.BOX).tobytes()[0] for band in picture.split())
    assert red > green + 20
    assert red > blue + 20


def check_parameters(path: Path, answer: dict[str, Any]) -> None:
    """The PNG says how it was made, as A1111's pictures do."""
    parameters = read_png(path)
    assert (parameters.prompt, parameters.seed, parameters.width) == (answer["prompt"], 5, 256)
    with Image.open(path) as picture:
        text = picture.info["parameters"]
    assert text.startswith(f"{answer['prompt']}\nSteps: {answer['params']['steps']}, ")
    assert "Seed: 5, Size: 256x256, " in text


def test_requests_that_cannot_be_served(stocked: Path, tmp_path: Path) -> None:
    home = Path(shutil.copytree(stocked, tmp_path / "home"))
    assert "nothing to draw" in sentence(run(home, "draw", ""))
    assert "100,000 characters" in sentence(run(home, "draw", "x" * 100_000))
    assert "choose one of doodle, " in sentence(run(home, "draw", "a cat", "--model", "nope"))
    assert "it paints 256x256 only" in sentence(run(home, "draw", "a cat", "--size", "64x64"))


@pytest.mark.parametrize("place", ["/proc/easel", "{}/file", "{}/file/below"])
def test_a_home_that_cannot_be_written(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("kept")
    assert "set EASEL_HOME to another folder" in sentence(run(Path(place.format(tmp_path)), "draw", "a cat"))
    assert (tmp_path / "file").read_text() == "kept"


def test_a_database_that_is_none_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "easel.db").write_bytes(b"no database" * 999)
    assert f"The database {tmp_path / 'easel.db'} is damaged" in sentence(run(tmp_path, "draw", "a cat"))
    assert (tmp_path / "easel.db").read_bytes() == b"no database" * 999


def test_broken_settings(tmp_path: Path) -> None:
    (tmp_path / "easel.toml").write_text("model = doodle")
    assert "easel.toml cannot be read" in sentence(run(tmp_path, "draw", "a cat"))


def test_a_damaged_index_is_told_and_built_anew_and_nothing_is_lost(stocked: Path, tmp_path: Path) -> None:
    home = Path(shutil.copytree(stocked, tmp_path / "home"))
    run(home, "library", "add", "violet hippopotamus, risograph print")
    for path in (home / "index").rglob("*"):
        if path.is_file():
            path.write_bytes(b"damaged")
    done = run(home, "rewrite", "a violet hippopotamus", "--model", "sd15")
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert "rebuilt from the library" in done.stderr
    assert run(home, "library", "verify").returncode == 0
    assert "risograph" in run(home, "library", "search", "violet hippopotamus").stdout
