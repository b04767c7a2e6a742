"""`easel draw` in this process, with a tiny real model."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from conftest import rows
from PIL import Image

from bot.drawing import Wishes, draw_once, progress_line
from bot.errors import EaselError
from pipeline.errors import PaintingFailed
from pipeline.metadata import read_png

Run = Callable[..., Result]


def test_one_object_with_all_that_the_contract_names(easel: Run, tiny: str, home: Path) -> None:
    done = easel("draw", "两个红苹果", "--model", tiny, "--seed", "7", "--json")
    assert done.exit_code == 0, done.stderr
    assert done.stderr == ""
    answer = json.loads(done.stdout)
    assert (answer["request"], answer["kind"], answer["model"]) == ("两个红苹果", "image", "tiny")
    assert answer["params"] == {"width": 64, "height": 64, "count": 1, "seed": 7, "steps": 2, "guidance": 7.5}
    assert set(answer["seconds"]) == {"understand", "retrieve", "compose", "paint", "total"}
    assert set(answer["tags"][0]) == {"text", "slot", "origin"}
    assert set(answer["sources"][0]) >= {"id", "score", "similarity", "text"}
    (image,) = answer["images"]
    assert image["seed"] == 7
    path = Path(image["path"])
    assert path.is_relative_to(home / "images")
    with Image.open(path) as picture:
        assert picture.size == (64, 64)
    parameters = read_png(path)
    assert (parameters.prompt, parameters.seed, parameters.model) == (answer["prompt"], 7, "tiny")


def test_what_the_command_line_says_wins_over_the_text(tiny: str) -> None:
    wishes = Wishes(model=tiny, seed=3, count=2, size=(64, 72), steps=1)
    drawn = draw_once("a cat, 4 pictures, seed 99", wishes)
    assert drawn.job is not None
    assert (drawn.job.seed, drawn.job.count, drawn.job.steps) == (3, 2, 1)
    assert [picture.seed for picture in drawn.pictures] == [3, 4]
    with Image.open(drawn.pictures[0].path) as picture:
        assert picture.size == (64, 72)


def test_the_same_seed_gives_the_same_picture_and_another_seed_another(tiny: str) -> None:
    def pixels(seed: int) -> bytes:
        drawn = draw_once("a cat", Wishes(model=tiny, seed=seed))
        return Image.open(drawn.pictures[0].path).tobytes()

    assert pixels(1) == pixels(1) != pixels(2)


def test_raw_paints_the_text_as_it_stands(tiny: str) -> None:
    drawn = draw_once("((cat)), 你好", Wishes(model=tiny, raw=True))
    assert drawn.job is not None
    assert drawn.job.prompt == "((cat)), 你好"


def test_text_for_people_shows_the_prompt_and_the_files(easel: Run, tiny: str) -> None:
    done = easel("draw", "a red apple", "--model", tiny, "--seed", "5")
    assert re.match(r"Prompt: red apple.*Seed: 5 · 64×64\n.*\.png\n$", done.stdout, re.DOTALL)


def test_talk_is_answered_without_painting(easel: Run, home: Path) -> None:
    done = easel("draw", "你好", "--json")
    answer = json.loads(done.stdout)
    assert (done.exit_code, answer["kind"], answer["images"]) == (0, "chat", [])
    assert answer["reply"].startswith("你好")
    assert easel("draw", "你好").stdout.startswith("你好")
    assert rows(home / "easel.db", "SELECT count(*) FROM jobs") == [(0,)]


def test_pictures_are_copied_where_they_are_wanted(easel: Run, tiny: str, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    (image,) = json.loads(easel("draw", "a cat", "--model", tiny, "--out", str(out), "--json").stdout)["images"]
    assert Path(image["path"]).parent == out
    assert Path(image["path"]).read_bytes().startswith(b"\x89PNG")


def test_a_folder_that_cannot_be_written_loses_no_picture(tiny: str, home: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EaselError, match="cannot be copied") as caught:
        draw_once("a cat", Wishes(model=tiny, out=str(tmp_path / "file" / "out")))
    kept = re.search(r"kept as (.*)\.$", str(caught.value))
    assert kept
    assert Path(kept[1]).exists()


def test_pictures_wanted_where_they_are_already_stay_there(tiny: str) -> None:
    first = draw_once("a cat", Wishes(model=tiny))
    folder = Path(first.pictures[0].path).parent
    second = draw_once("a cat", Wishes(model=tiny, out=str(folder)))
    assert Path(second.pictures[0].path).parent == folder
    assert Path(second.pictures[0].path).exists()


def test_what_cannot_be_painted_is_told_in_one_sentence_and_kept_in_the_queue(easel: Run, tiny: str) -> None:
    done = easel("draw", "a cat", "--model", "gone", "--json")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: Gone: ")
    assert done.stderr.count("\n") == 1
    (job,) = json.loads(easel("queue", "list", "--status", "failed", "--json").stdout)
    assert job["error"] in done.stderr
    with pytest.raises(PaintingFailed, match="multiples of 8"):
        draw_once("a cat", Wishes(model=tiny, size=(65, 65)))


def test_pictures_that_cannot_be_saved_are_told(easel: Run, tiny: str, home: Path) -> None:
    (home / "images").write_text("a file where the folder should be")
    done = easel("draw", "a cat", "--model", tiny)
    assert done.exit_code == 1
    assert re.fullmatch(r"Error: The picture cannot be saved in .*\n", done.stderr)


def test_progress_is_silent_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_line("en") as watch:
        watch.stage(1, "loading")
        watch.progress(1, 1, 20)
    assert capsys.readouterr() == ("", "")
