"""Composing: the person's words first, a little of what scored well, sizes, budgets, and why."""

from __future__ import annotations

import pytest

from promptlib.brief import Brief
from promptlib.compose import compose, size_for
from promptlib.records import Hit, LibraryPrompt, Tag, Target
from promptlib.tokens import count
from promptlib.understanding import understand

SDXL = Target("sdxl", "tags", width=1024, height=1024, quality=("masterpiece",), negative_default=("blurry", "people"))


def hit(number: int, text: str, similarity: float = 0.6, score: float = 4.5, **slots: str) -> Hit:
    tags = tuple(Tag(value, slot, "words") for slot, value in slots.items())
    return Hit(LibraryPrompt(number, text, tags=tags, score=score), similarity, similarity)


GOOD = hit(12, "a cat on a roof", subject="cat", setting="on a roof", light="golden hour", style="pet photography")


def test_words_translation_authors_and_library_are_told_apart() -> None:
    prompt = compose(understand("画一只猫"), [GOOD], SDXL)
    assert {(tag.text, tag.origin) for tag in prompt.tags} == {
        ("cat", "translation"),
        ("masterpiece", "authors"),
        ("golden hour", "library:12"),
        ("pet photography", "library:12"),
    }
    assert prompt.tags[0].text == "cat" and prompt.tags[0].source == "一只猫"
    assert prompt.sources == (GOOD,)


def test_the_persons_words_are_cut_last_and_it_is_said() -> None:
    long = "a cat, " + ", ".join(f"a very small {color} balloon" for color in ("red", "blue", "green", "pink", "gray"))
    target = Target("sd", "tags", tokens=20, quality=("masterpiece", "best quality"))
    prompt = compose(understand(long), [GOOD], target)
    assert count(prompt.positive) <= 20
    assert prompt.positive.startswith("cat, very small red balloon")
    assert [tag.origin for tag, _ in prompt.dropped][:3] == ["library:12", "authors", "authors"]
    assert all(tag.origin == "words" for tag in prompt.tags)
    assert prompt.notes[0][0] == "dropped"


def test_avoid_goes_to_the_negative_once() -> None:
    assert compose(understand("a street, no people"), [], SDXL).negative == "people, blurry"


def test_a_model_without_negative_says_so() -> None:
    prompt = compose(understand("a street, no people"), [], Target("flux", "sentence", negative=False))
    assert prompt.negative == "people"
    assert prompt.notes == (("negative_unsupported", {"avoid": "people"}),)


def test_raw_is_left_alone() -> None:
    prompt = compose(understand("1girl, solo, (red dress:1.2)"), [GOOD], SDXL)
    assert (prompt.positive, prompt.negative) == ("1girl, solo, (red dress:1.2)", "")


@pytest.mark.parametrize("aspect", ["1:1", "16:9", "9:16", "3:2", "2:3", "4:3", "21:9", "3:1", "210:297"])
@pytest.mark.parametrize(("side", "multiple"), [(1024, 8), (512, 64), (128, 16)])
def test_an_aspect_is_kept_at_the_models_area(aspect: str, side: int, multiple: int) -> None:
    width, height = size_for(
        Brief("image", "", aspect=aspect), Target("m", "tags", width=side, height=side, multiple=multiple)
    )
    wide, high = map(int, aspect.split(":"))
    assert width % multiple == height % multiple == 0
    assert abs(width / height / (wide / high) - 1) < 0.13
    assert 0.6 < width * height / side**2 < 1.6


def test_pixels_are_served_as_asked_unless_far_too_many() -> None:
    assert size_for(Brief("image", "", width=1024, height=768), SDXL) == (1024, 768)
    small = Target("doodle", "tags", width=128, height=128)
    brief = Brief("image", "", width=4000, height=2000)
    width, height = size_for(brief, small)
    assert width * height <= 4.2 * 128 * 128 and width == 2 * height
    assert ("size", {"asked": "4000x2000", "used": f"{width}x{height}"}) in compose(brief, [], small).notes


def test_count_and_seed_reach_the_prompt() -> None:
    prompt = compose(understand("three versions of a koala, seed 5"), [], SDXL)
    assert (prompt.count, prompt.seed) == (3, 5)
    assert compose(understand("a koala"), [], SDXL).count == 1
