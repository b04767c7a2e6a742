"""models.toml: what ships, what a user lays over it, and what is wrong in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ProfileError
from pipeline.profiles import BUILT_IN, Profile, load_profiles
from promptlib import tokens

SMALL = """
[tiny]
source = "weights"
family = "sd15"
dialect = "tags"
width = 64
height = 64
steps = 2
guidance = 7
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "models.toml"
    path.write_text(SMALL)
    return path


def own(tmp_path: Path, text: str) -> Path:
    (tmp_path / "home").mkdir(exist_ok=True)
    path = tmp_path / "home" / "models.toml"
    path.write_text(text)
    return path


def test_what_ships_is_valid_and_paints_its_own_size() -> None:
    profiles = load_profiles(BUILT_IN)
    assert list(profiles) == [
        *("doodle", "sd15", "sdxl", "animagine-xl-4", "illustrious-xl", "pony-v6", "sdxl-turbo"),
        *("flux-schnell", "flux-dev", "sd35-medium", "sd35-large"),
    ]
    for profile in profiles.values():
        assert profile.size_problem(profile.width, profile.height) == ""
        assert profile.licence
    assert profiles["doodle"].source == str(BUILT_IN.parent / "doodle")
    assert profiles["doodle"].vocabulary == str(BUILT_IN.parent / "doodle" / "vocabulary.json")
    assert profiles["sdxl"].source == "stabilityai/stable-diffusion-xl-base-1.0"


def test_anime_models_are_loaded_as_sdxl_is_and_have_words_of_their_own() -> None:
    profiles = load_profiles(BUILT_IN)
    base = profiles["sdxl"]
    for model in ("animagine-xl-4", "illustrious-xl", "pony-v6"):
        profile = profiles[model]
        assert (profile.dialect, profile.family, profile.config) == ("booru", "sdxl", base.source)
        assert (profile.width, profile.multiple, profile.max_pixels) == (base.width, base.multiple, base.max_pixels)
        assert profile.quality and profile.quality != base.quality
        # What the authors recommend leaves most of CLIP's 75 tokens to the person.
        assert tokens.count(", ".join(profile.quality)) < 35
    assert Path(profiles["pony-v6"].source).parent == Path("~/models").expanduser()
    assert profiles["pony-v6"].negative_default == ()
    assert (profiles["animagine-xl-4"].quality_at, profiles["pony-v6"].quality_at) == ("end", "")


def test_defaults_and_types(small: Path) -> None:
    profile = load_profiles(small)["tiny"]
    assert profile == Profile(
        *("tiny", "tiny", str(small.parent / "weights"), "sd15", "tags"), width=64, height=64, steps=2, guidance=7.0
    )
    assert isinstance(profile.guidance, float)


def test_a_second_file_changes_single_values(small: Path, tmp_path: Path) -> None:
    profile = load_profiles(small, own(tmp_path, '[tiny]\nsteps = 9\nquality = ["fine"]'))["tiny"]
    assert (profile.steps, profile.width, profile.quality) == (9, 64, ("fine",))
    assert profile.source == str(tmp_path / "weights"), "a path stays relative to the file that named it"


def test_a_finetune_is_like_its_base(tmp_path: Path) -> None:
    text = '[mine]\nlike = "sdxl"\nsource = "~/mine.safetensors"\ndialect = "booru"'
    profiles = load_profiles(BUILT_IN, own(tmp_path, text))
    mine, base = profiles["mine"], profiles["sdxl"]
    assert (mine.source, mine.config) == (str(Path("~/mine.safetensors").expanduser()), base.source)
    assert (mine.dialect, mine.steps, mine.max_pixels) == ("booru", base.steps, base.max_pixels)
    assert (mine.name, mine.variant, mine.licence) == ("mine", "", "")


def test_a_folder_beside_the_file_wins_over_a_repository(small: Path, tmp_path: Path) -> None:
    text = '[mine]\nlike = "tiny"\nsource = "weights/sdxl"'
    assert load_profiles(small, own(tmp_path, text))["mine"].source == "weights/sdxl"
    (tmp_path / "home" / "weights" / "sdxl").mkdir(parents=True)
    assert load_profiles(small, own(tmp_path, text))["mine"].source == str(tmp_path / "home" / "weights" / "sdxl")


def test_a_user_need_not_have_a_file(small: Path, tmp_path: Path) -> None:
    assert load_profiles(small, tmp_path / "absent.toml") == load_profiles(small)
    with pytest.raises(ProfileError, match="cannot be read"):
        load_profiles(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tiny]\nstep = 9", r"model 'tiny': there is no setting 'step'; the settings are name, source"),
        ("[tiny]\nsteps = '9'", r"steps must be a whole number, not '9'"),
        ("[tiny]\nsteps = true", r"steps must be a whole number, not True"),
        ("[tiny]\nsteps = 0", r"steps must be above 0"),
        ("[tiny]\nguidance = -1", r"guidance must be at least 0"),
        ("[tiny]\nguidance = nan", r"guidance must be at least 0"),
        ("[tiny]\nnegative = 'no'", r"negative must be true or false"),
        ("[tiny]\nquality = 'best'", r"quality must be a list of texts"),
        ("[tiny]\nquality = [1]", r"quality must be a list of texts"),
        ("[tiny]\ndialect = 'poem'", r"dialect must be one of tags, booru"),
        ("[tiny]\ndtype = 'int8'", r"dtype must be one of float16"),
        ("[tiny]\nwidth = 65", r"multiples of 8"),
        ("[other]\nsteps = 2", r"model 'other': 'source' is missing"),
        ("[other]\nlike = 'huge'", r"like = 'huge' names no model above it; choose one of tiny"),
        ("tiny = 3", r"write it as a table"),
        ("[tiny]\nsource = 'a.safetensors'", r"also needs like"),
        ("[tiny", r"is not valid TOML"),
    ],
)
def test_mistakes_are_one_sentence_with_file_and_model(small: Path, tmp_path: Path, text: str, message: str) -> None:
    path = own(tmp_path, text)
    with pytest.raises(ProfileError, match=message) as raised:
        load_profiles(small, path)
    assert str(raised.value).startswith(str(path))


@pytest.mark.parametrize("asked", [(1920, 1080), (100, 3000), (1, 1), (1024, 1024), (999, 777), (10**6, 10**6)])
def test_every_size_can_be_fitted(asked: tuple[int, int]) -> None:
    for profile in load_profiles(BUILT_IN).values():
        fitted = profile.fit_size(*asked)
        assert profile.size_problem(*fitted) == "", profile.id


def test_fitting_keeps_the_shape() -> None:
    profiles = load_profiles(BUILT_IN)
    assert profiles["flux-dev"].fit_size(1344, 768) == (1344, 768)
    width, height = profiles["sdxl"].fit_size(3840, 2160)
    assert width / height == pytest.approx(16 / 9, rel=0.07)
    assert profiles["doodle"].fit_size(1920, 1080) == (256, 256)
