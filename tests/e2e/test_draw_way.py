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


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("EASEL_")}
    return subprocess.run(
        [EASEL, *arguments],
        env=environ | {"EASEL_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=240,
    )


def draw(home: Path, *arguments: str) -> dict[str, Any]:
    done = run(home, "draw", *arguments, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence on standard error of a command that failed."""
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    return line.removeprefix("Error: ")


@pytest.fixture(scope="module")
def apple(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a stranger's first command prints, in a home that did not exist."""
    return draw(tmp_path_factory.mktemp("stranger") / "home", REQUEST, "--seed", "5")


@painted
def test_a_chinese_sentence_becomes_a_picture_of_a_red_apple(apple: dict[str, Any]) -> None:
    assert (apple["kind"], apple["model"], apple["request"]) == ("image", "doodle", REQUEST)
    assert "red apple" in apple["prompt"]
    assert (apple["params"]["width"], apple["params"]["height"]) == (256, 256)
    with Image.open(apple["images"][0]["path"]) as picture:
        assert (picture.format, picture.size) == ("PNG", (256, 256))
        red, green, blue = (sum(band.resize((1, 1)).tobytes()) for band in picture.convert("RGB").split())
    assert red > green + 20
    assert red > blue + 20


@painted
def test_the_picture_carries_its_parameters(apple: dict[str, Any]) -> None:
    path = Path(apple["images"][0]["path"])
    parameters = read_png(path)
    assert parameters.prompt == apple["prompt"]
    assert (parameters.seed, parameters.steps, parameters.width) == (5, apple["params"]["steps"], 256)
    with Image.open(path) as picture:
        text = picture.info["parameters"]
    assert text.startswith(f"{apple['prompt']}\nSteps: {apple['params']['steps']}, ")
    assert "Seed: 5, Size: 256x256, " in text


@painted
def test_the_same_seed_gives_the_same_bytes_also_within_a_series(apple: dict[str, Any], tmp_path: Path) -> None:
    series = draw(tmp_path, REQUEST, "--seed", "4", "--count", "2", "--out", str(tmp_path / "out"))
    fourth, fifth = (Path(image["path"]).read_bytes() for image in series["images"])
    assert fifth == Path(apple["images"][0]["path"]).read_bytes()
    assert fourth != fifth
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["1-1.png", "1-2.png"]


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


def test_an_interrupt_while_painting_cancels_the_job(home: Path, tiny: str) -> None:
    command = [EASEL, "draw", "a cat", "--model", tiny, "--steps", "40", "--count", "10", "--seed", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not (home / "images").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.strip()) == (1, "", "Aborted!")
    db = sqlite3.connect(home / "easel.db")
    assert db.execute("SELECT status FROM jobs").fetchall() == [("cancelled",)]
    db.close()
    assert list((home / "images").rglob("*.part")) == []
