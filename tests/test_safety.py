"""The detector of nudity: its real model on real pictures, and files that are none."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from pipeline import safety
from pipeline.errors import PictureUnreadable


@pytest.fixture(scope="module")
def detector() -> safety.Detector:
    found = safety.installed_detector()
    if found is None:
        pytest.skip('the detector is not installed: pip install "easel[safety]"')
    return found


def saved(folder: Path, image: Image.Image, name: str = "picture.png") -> Path:
    image.save(folder / name)
    return folder / name


@pytest.mark.parametrize("size", [(64, 64), (900, 300), (1, 1), (3, 700)])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "I;16"])
def test_every_kind_of_picture_can_be_looked_at(
    detector: safety.Detector, tmp_path: Path, mode: str, size: tuple[int, int]
) -> None:
    scores = detector.scores(saved(tmp_path, Image.new(mode, size)))
    assert set(scores) == set(safety.LABELS)
    assert all(0 <= score <= 1 for score in scores.values())
    assert detector.nudity(tmp_path / "picture.png") < 0.1


def test_forty_megapixels_can_be_looked_at(detector: safety.Detector, tmp_path: Path) -> None:
    assert detector.nudity(saved(tmp_path, Image.new("L", (8000, 5000)))) < 0.1


def test_an_apple_is_not_nude(detector: safety.Detector, tmp_path: Path) -> None:
    apple = Image.new("RGB", (256, 256), "white")
    ImageDraw.Draw(apple).ellipse((48, 56, 208, 216), fill=(200, 20, 30))
    assert detector.nudity(saved(tmp_path, apple)) < 0.35


def test_the_picture_lies_in_the_upper_left_corner_as_red_green_blue(tmp_path: Path) -> None:
    pixels = safety._pixels(saved(tmp_path, Image.new("RGB", (640, 320), (255, 128, 0))))
    assert pixels.shape == (1, 3, safety.SIDE, safety.SIDE)
    assert pixels[0, :, 10, 310].tolist() == pytest.approx([1, 128 / 255, 0])
    assert pixels[0, :, 200, 10].tolist() == [0, 0, 0]


def damaged(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.effect_noise((64, 64), 60).save(stream, "PNG")
    whole = stream.getvalue()
    return {
        "empty": b"",
        "text": b"no picture at all",
        "cut": whole[: len(whole) // 2],
        "scrambled": whole[:60] + bytes(reversed(whole[60:])),
        "header": whole[:8],
    }[kind]


@pytest.mark.parametrize("kind", ["empty", "text", "cut", "scrambled", "header"])
def test_what_is_no_picture_is_an_error_in_a_sentence(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "bad.png"
    path.write_bytes(damaged(kind))
    with pytest.raises(PictureUnreadable, match=r"bad\.png cannot be looked at"):
        safety._pixels(path)


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(PictureUnreadable):
        safety._pixels(saved(tmp_path, Image.new("1", (100, 100))))


def test_a_missing_detector_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert safety.model_file() is None
