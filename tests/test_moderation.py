"""What follows from a chat's choices, a job's words and a look at its pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from bot.errors import EaselError
from bot.moderation import Choices, Moderation
from bot.settings import Settings, load_settings
from bot.store import open_database
from pipeline.errors import PictureUnreadable
from pipeline.jobs import Job, Picture

JOB = Job(model="m", prompt="a red apple", width=8, height=8, seed=1, steps=1, guidance=1.0, id=3)


class Sure:
    """A detector that is always as sure, and counts its looks."""

    def __init__(self, certainty: float | Exception) -> None:
        self.certainty = certainty
        self.looks = 0

    def nudity(self, path: Path) -> float:
        self.looks += 1
        if isinstance(self.certainty, Exception):
            raise self.certainty
        return self.certainty


Make = Callable[..., Moderation]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"EASEL_HOME": str(tmp_path)})


@pytest.fixture
def make(tmp_path: Path, settings: Settings) -> Make:
    db = open_database(tmp_path / "easel.db")

    def moderation(detector: Sure | None, **changes: object) -> Moderation:
        return Moderation(db, replace(settings, **changes), lambda: detector)  # type: ignore[arg-type, return-value]

    return moderation


def pictures(folder: Path, count: int = 1) -> list[Picture]:
    for position in range(1, count + 1):
        Image.new("RGB", (8, 8)).save(folder / f"{position}.png")
    return [Picture(3, position, 1, str(folder / f"{position}.png")) for position in range(1, count + 1)]


@pytest.mark.parametrize(
    ("certainty", "choice", "treatment"),
    [
        (0.2, "block", "allow"),
        (0.49, "blur", "allow"),
        (0.5, "blur", "blur"),
        (0.9, "block", "block"),
        (1, "allow", "allow"),
    ],
)
def test_the_threshold_and_the_choice_decide(
    make: Make, tmp_path: Path, certainty: float, choice: str, treatment: str
) -> None:
    moderation = make(Sure(certainty), safety_nudity=choice)
    assert moderation.treatment(JOB, pictures(tmp_path)) == treatment


@pytest.mark.parametrize("error", [PictureUnreadable("damaged"), RuntimeError("onnx"), MemoryError()])
def test_what_cannot_be_looked_at_counts_as_nude(make: Make, tmp_path: Path, error: Exception) -> None:
    assert make(Sure(error)).treatment(JOB, pictures(tmp_path)) == "blur"
    child = replace(JOB, prompt="a child with a kite")
    assert make(Sure(error), safety_nudity="allow").treatment(child, pictures(tmp_path)) == "block"


@pytest.mark.parametrize("choice", ["allow", "blur", "block"])
def test_a_child_is_shown_only_where_nothing_is_found(make: Make, tmp_path: Path, choice: str) -> None:
    child = replace(JOB, extra={"request": "一个小女孩放风筝"})
    assert make(Sure(0.34), safety_nudity=choice).treatment(child, pictures(tmp_path)) == "allow"
    make(None).db.execute("DELETE FROM looks")
    assert make(Sure(0.36), safety_nudity=choice).treatment(child, pictures(tmp_path)) == "block"


def test_without_a_detector_the_setting_decides(make: Make, tmp_path: Path) -> None:
    for choice in ("allow", "blur", "block"):
        assert make(None, safety_unchecked=choice).treatment(JOB, pictures(tmp_path)) == choice


def test_the_strictest_of_words_and_pictures_holds(make: Make, tmp_path: Path) -> None:
    gory = replace(JOB, prompt="a beheaded knight")
    assert make(Sure(0.9), safety_nudity="allow").treatment(gory, pictures(tmp_path)) == "blur"
    assert make(Sure(0.9), safety_gore="allow", safety_nudity="block").treatment(gory, pictures(tmp_path)) == "block"
    minors = replace(JOB, prompt="nude child")
    assert make(Sure(0.0), safety_nudity="allow").treatment(minors, pictures(tmp_path)) == "block"


def test_one_of_several_suffices_and_each_is_looked_at_once(make: Make, tmp_path: Path) -> None:
    detector = Sure(0.9)
    moderation = make(detector)
    assert moderation.treatment(JOB, pictures(tmp_path, 3), "telegram:1") == "blur"
    moderation.choose("telegram:1", "nudity", "block")
    assert moderation.treatment(JOB, pictures(tmp_path, 3), "telegram:1") == "block"
    assert detector.looks == 3


def test_a_chat_chooses_for_itself(make: Make) -> None:
    moderation = make(None)
    moderation.choose("telegram:-5", "sexual", "allow")
    moderation.choose("telegram:-5", "threshold", "80")
    assert moderation.choices("telegram:-5") == Choices("allow", "blur", "blur", 0.8)
    assert moderation.choices() == Choices("block", "blur", "blur", 0.5)
    assert moderation.choices().blocked == {"sexual"} and not moderation.choices("telegram:-5").blocked
    moderation.move_chat("telegram:-5", "telegram:-6")
    assert moderation.choices("telegram:-6").sexual == "allow" and moderation.choices("telegram:-5").sexual == "block"


@pytest.mark.parametrize(
    ("matter", "choice"),
    [("minors", "allow"), ("violence", "allow"), ("sexual", "yes"), ("threshold", "0"), ("threshold", "101"),
     ("threshold", "٣"), ("threshold", "blur"), ("", ""), ("sexual", "")],
)  # fmt: skip
def test_what_cannot_be_chosen(make: Make, matter: str, choice: str) -> None:
    moderation = make(None)
    with pytest.raises(EaselError, match=r"sexual\|gore\|nudity"):
        moderation.choose("telegram:1", matter, choice)
    assert moderation.choices("telegram:1") == moderation.choices()


def test_no_choice_opens_what_is_never_painted() -> None:
    choices = Choices("allow", "allow", "allow", 1.0)
    assert choices.of("minors") == choices.of("violence") == "block" and choices.of("") == "allow"
