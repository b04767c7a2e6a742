"""Borrowing: what a library prompt may lend to a request, and what it keeps from one turn to the next."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from promptlib import lexicon as lexicons
from promptlib.borrowing import AMOUNTS, SIMILAR, SLOTS, borrow, lent_slots, sides_of
from promptlib.records import Hit, LibraryPrompt, Tag
from promptlib.understanding import understand

NOUNS = Path(__file__).parents[2] / "shared" / "eval" / "nouns.txt"


def hit(number: int, subject: str, similarity: float = 0.6, score: float = 4.5, **slots: str) -> Hit:
    tags = (Tag(subject, "subject", "words"), *[Tag(text, slot, "words") for slot, text in slots.items()])
    return Hit(LibraryPrompt(number, subject, tags=tags, score=score), similarity, similarity)


def lent(text: str, *hits: Hit, amount: str = "little", seed: int = 0) -> list[str]:
    return [tag.text for tag, _ in borrow(understand(text), hits, amount=amount, seed=seed)]


def test_a_look_is_borrowed_the_most_telling_first() -> None:
    cat = hit(1, "cat", mood="playful", camera="85mm lens", light="soft side light", style="pet photography")
    assert lent("a cat", cat) == ["pet photography", "soft side light", "85mm lens"]
    assert lent("a cat", cat, amount="none") == []


@pytest.mark.parametrize(
    ("slot", "tag"),
    [
        ("light", "lamp and candle glow"),
        ("light", "street lamp glow"),
        ("light", "soft window light"),
        ("style", "poster with a dog"),
        ("style", "8-bit pixel art sprite"),
        ("style", "classical Chinese portrait photography"),
        ("style", "watercolor illustration"),
        ("medium", "oil on canvas"),
        ("color", "red and gold"),
        ("camera", "fast shutter speed"),
        ("mood", "quiet dignity of a lion"),
    ],
)
def test_never_an_object_a_colour_or_another_way_of_painting(slot: str, tag: str) -> None:
    assert lent("a girl in a blue dress", hit(1, "girl", **{slot: tag})) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        ("an oil painting of a cat", {"style": "pet photography", "camera": "85mm lens"}),
        ("a watercolor of a cat", {"camera": "creamy bokeh"}),
        ("a cat at night", {"light": "golden hour"}),
        ("a cat at night", {"light": "bright natural daylight"}),
        ("a cat in the rain", {"light": "golden hour backlight"}),
        ("a cat in the kitchen", {"light": "dappled sunlight"}),
        ("a cat on the beach", {"light": "soft studio light"}),
        ("a cat at noon", {"light": "soft dawn light"}),
        ("a cat", {"light": "moonlight"}),
        ("a cat in winter", {"light": "warm light"}),
        ("a cat sleeping", {"mood": "lively"}),
        ("a sad cat", {"mood": "cheerful"}),
        ("a cat riding a bicycle", {"style": "pet photography"}),
        ("a cat, no bokeh", {"camera": "bokeh"}),
        ("a cat, not realistic", {"camera": "creamy bokeh"}),
        ("a cat, soft light", {"light": "rim light"}),
        ("a cat, close-up", {"camera": "85mm lens"}),
        ("a cat logo", {"light": "soft light"}),
        ("a bowl of ramen", {"style": "wildlife photography"}),
        ("a mountain lake", {"camera": "85mm lens"}),
    ],
)
def test_nothing_against_what_was_said_or_shown(text: str, slots: dict[str, str]) -> None:
    subject = text.removeprefix("a ").split(",")[0]
    assert lent(text, hit(5, subject, **slots)) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "subject", "slots"),
    [
        ("a mountain at night", "mountain", {"light": "soft moonlight"}),
        ("a cat at sunset", "cat", {"light": "golden hour"}),
        ("a bowl of ramen", "bowl of ramen", {"style": "food photography", "camera": "45-degree angle"}),
        ("a mountain lake", "lake", {"style": "landscape photography", "camera": "wide angle", "mood": "serene"}),
        ("a dragon", "dragon", {"style": "epic fantasy art"}),
        ("a fox logo", "fox logo", {"medium": "flat vector"}),
        ("an oil painting of a cat", "cat", {"light": "soft side light", "mood": "gentle"}),
        ("a zorblax", "zorblax", {"light": "soft studio light"}),
    ],
)
def test_what_fits_is_borrowed(text: str, subject: str, slots: dict[str, str]) -> None:
    assert lent(text, hit(5, subject, **slots)) == list(slots.values())  # type: ignore[arg-type]


def test_what_is_borrowed_does_not_contradict_itself() -> None:
    both = [hit(1, "cat", light="bright light"), hit(2, "cat", mood="eerie")]
    assert lent("a cat", *both) == ["bright light"]


@pytest.mark.parametrize(
    ("other", "slots"),
    [
        (hit(1, "kitten", similarity=0.2), {"light", "camera"}),
        (hit(1, "kitten", similarity=0.31), {"style", "medium", "light", "camera"}),
        (hit(1, "young cat with a hat", similarity=0.1), set()),
        (hit(1, "lion", similarity=0.32), {"light", "camera"}),
        (hit(1, "lion", similarity=0.46), set(SLOTS)),
        (hit(1, "teapot", similarity=0.3), set()),
        (hit(1, "teapot", similarity=0.5), set(SLOTS)),
        (hit(1, "cat logo"), set()),
        (hit(1, "cat", score=2.9), set()),
        (hit(1, "cat", score=0.0), set(SLOTS)),
    ],
)
def test_the_nearer_a_hit_the_more_it_lends(other: Hit, slots: set[str]) -> None:
    assert lent_slots(understand("a cat"), other) == slots


@pytest.mark.parametrize(("amount", "most"), [("little", 3), ("lot", 7)])
def test_how_much_is_borrowed_is_a_setting(amount: str, most: int) -> None:
    cats = [
        hit(1, "cat", style="pet photography", light="soft light", camera="85mm lens", mood="playful"),
        hit(2, "cat", style="fine art", light="rim light", camera="shallow depth of field", mood="charming"),
    ]
    assert len(lent("a cat", *cats, amount=amount)) == most
    assert len(lent("a cat", cats[0], amount=amount)) == min(most, 4)


def test_the_seed_settles_which_of_equals_is_taken() -> None:
    tags = tuple(Tag(text, "camera", "words") for text in ("85mm lens", "eye-level", "creamy bokeh", "medium shot"))
    cat = hit(1, "cat")
    cat = replace(cat, prompt=replace(cat.prompt, tags=(*cat.prompt.tags, *tags)))
    assert len({tuple(lent("a cat", cat, seed=seed)) for seed in range(20)}) > 1
    assert lent("a cat", cat, seed=3) == lent("a cat", cat, seed=3)


# --- from turn to turn --------------------------------------------------------------------------------------------

FIRST = hit(1, "cat", style="pet photography", light="golden hour", camera="85mm lens")
BETTER = hit(2, "cat", similarity=0.9, style="fine art", light="soft light", camera="eye-level")


def after(change: str, *hits: Hit) -> list[str]:
    first = understand("a cat")
    first = replace(first, lent=tuple(tag for tag, _ in borrow(first, [FIRST])))
    return [tag.text for tag, _ in borrow(understand(change, first), hits)]


def test_a_refinement_keeps_the_look() -> None:
    assert after("16:9", BETTER, FIRST) == ["pet photography", "golden hour", "85mm lens"]
    assert after("make it black", BETTER, FIRST) == ["pet photography", "golden hour", "85mm lens"]


def test_what_a_refinement_speaks_against_goes_and_nothing_comes() -> None:
    assert after("at night", BETTER, FIRST) == ["pet photography", "85mm lens"]
    assert after("as an oil painting", BETTER, FIRST) == ["golden hour"]


def test_a_new_picture_has_a_look_of_its_own() -> None:
    assert after("重新来,画一只狗", hit(3, "dog", light="soft light"), replace(FIRST, similarity=0.1)) == ["soft light"]


def test_a_look_goes_with_the_prompt_that_lent_it() -> None:
    assert after("16:9", BETTER) == ["fine art", "soft light", "eye-level"]


# --- the table ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table() -> dict[str, dict[str, str]]:
    groups = lexicons.load().groups
    return {slot: groups[f"lent_{slot}"] for slot in SLOTS}


@pytest.mark.skipif(not NOUNS.exists(), reason="the list of concrete nouns is not beside this checkout")
def test_no_word_that_may_be_lent_names_a_thing(table: dict[str, dict[str, str]]) -> None:
    nouns = set(NOUNS.read_text(encoding="utf-8").split())
    lendable = {word for words in table.values() for text in words for word in re.findall("[a-z]+", text)}
    assert not lendable & nouns


def test_domains_are_those_of_the_lexicon(table: dict[str, dict[str, str]]) -> None:
    known = {entry.domain for entry in lexicons.load().english.values()} | {"any"}
    assert {domain for words in table.values() for row in words.values() for domain in row.split()} <= known


def test_what_is_needed_can_be_said() -> None:
    groups = lexicons.load().groups
    sides = {f"{name.removeprefix('exclusive_')}:{side}" for name, row in groups.items() for side in row.values()}
    assert set(groups["needs"].values()) <= sides


def test_a_word_may_take_sides_in_several_matters() -> None:
    assert {("time", "night"), ("hour", "night"), ("brightness", "dark")} <= sides_of("a street at night")


def test_every_slot_has_its_measure() -> None:
    assert set(SIMILAR) == set(SLOTS)
    assert all(same <= alike <= other for same, alike, other in SIMILAR.values())
    assert AMOUNTS["none"] == (0, 0)
