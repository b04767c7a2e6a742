"""The seed library in ``data/seed.jsonl``: every line is what it says it is, and there is enough of everything."""

from __future__ import annotations

import csv
import itertools
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from instant_clip_tokenizer import Tokenizer

from promptlib.records import SLOTS

ROOT = Path(__file__).resolve().parents[1]
DANBOORU = ROOT.parent / "shared" / "data" / "vocab" / "danbooru.csv"
FIELDS = {
    "text", "negative", "dialect", "family", "tags", "language", "source", "licence", "author", "use", "title_en",
    "title_zh", "prior",
}  # fmt: skip
#: What retrieval may lend to another picture, so that no thing gets painted that nobody asked for.
LENT = {"style", "light", "camera", "mood"}
CJK = re.compile(r"[\u4e00-\u9fff]")

SEED: list[dict[str, Any]] = [
    json.loads(line) for line in (ROOT / "data" / "seed.jsonl").read_text("utf-8").splitlines()
]


def of(*dialects: str) -> list[dict[str, Any]]:
    return [row for row in SEED if row["dialect"] in dialects]


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def test_every_line_has_the_same_fields_of_the_right_kind() -> None:
    for row in SEED:
        assert set(row) == FIELDS
        assert all(isinstance(row[name], str) for name in FIELDS - {"tags", "prior"})
        assert (row["source"], row["licence"], row["author"], row["family"]) == ("seed", "MIT", "easel", "")
        assert 3.6 <= row["prior"] <= 4.6


def test_there_is_enough_of_everything() -> None:
    counts = Counter(row["dialect"] for row in SEED)
    least = {"tags": 230, "sentence": 70, "booru": 25, "chinese": 20, "doodle": 15}
    assert set(counts) == set(least)
    assert all(counts[dialect] >= number for dialect, number in least.items()), counts
    assert len({row["use"] for row in SEED}) >= 40


def test_tags_stand_in_known_slots_and_name_a_subject() -> None:
    for row in SEED:
        assert all(set(tag) == {"text", "slot"} and tag["slot"] in SLOTS for tag in row["tags"]), row["text"]
        assert all(tag["text"] == tag["text"].strip() != "" for tag in row["tags"]), row["text"]
        assert "subject" in {tag["slot"] for tag in row["tags"]}, row["text"]


def test_a_prompt_of_tags_is_its_tags_joined() -> None:
    for row in of("tags", "booru", "doodle"):
        texts = [tag["text"] for tag in row["tags"]]
        assert row["text"].split(", ") == texts
        assert len(set(texts)) == len(texts), row["text"]


def test_tags_come_in_the_order_in_which_a_prompt_is_written() -> None:
    order = ["subject", "action", "setting", "style", "medium", "artist", "text", "light", "color", "camera", "mood",
             "quality"]  # fmt: skip
    for row in of("tags"):
        slots = ["subject" if tag["slot"] == "attribute" else tag["slot"] for tag in row["tags"]]
        assert slots == sorted(slots, key=order.index), row["text"]
        assert row["tags"][0]["slot"] == "subject", row["text"]


def test_a_sentence_holds_its_phrases() -> None:
    for row in of("sentence", "chinese"):
        for tag in row["tags"]:
            assert tag["text"].lower() in row["text"].lower(), (tag["text"], row["text"])


def test_a_sentence_is_one_to_three_sentences() -> None:
    for row in of("sentence"):
        assert 1 <= len(re.findall(r"[.!?](?=\s|$)", row["text"])) <= 3, row["text"]
    for row in of("chinese"):
        assert 1 <= row["text"].count("。") <= 3, row["text"]


def test_the_language_is_what_the_text_is_written_in() -> None:
    for row in SEED:
        assert (row["language"] == "zh") == (row["dialect"] == "chinese") == bool(CJK.search(row["text"])), row["text"]


def test_titles_stand_in_both_languages_and_once() -> None:
    for row in SEED:
        assert CJK.search(row["title_zh"]), row["title_zh"]
        assert row["title_en"].isascii() and 1 <= len(row["title_en"].split()) <= 12, row["title_en"]
    for name in ("title_en", "title_zh"):
        assert [title for title, n in Counter(row[name] for row in SEED).items() if n > 1] == []


def test_no_two_prompts_are_nearly_the_same() -> None:
    assert len({row["text"] for row in SEED}) == len(SEED)
    texts = [(words(row["text"]), row["title_en"]) for row in of("tags", "sentence", "booru")]
    near = [
        (a, b) for (one, a), (two, b) in itertools.combinations(texts, 2) if len(one & two) > 0.5 * len(one | two)
    ]  # fmt: skip
    assert near == []


def test_every_prompt_has_something_to_lend() -> None:
    for row in of("tags", "sentence", "booru", "chinese"):
        lent = [tag["text"] for tag in row["tags"] if tag["slot"] in LENT]
        assert 3 <= len(lent) <= 7, row["text"]


def test_what_is_lent_names_no_thing_of_another_prompt() -> None:
    """A light or a point of view that names a person, an animal or a dish would paint it into other pictures."""
    things = Counter(
        tag["text"].lower() for row in SEED for tag in row["tags"] if tag["slot"] in {"subject", "attribute", "setting"}
    )
    lent = {tag["text"].lower() for row in SEED for tag in row["tags"] if tag["slot"] in {"light", "camera", "mood"}}
    assert sorted(lent & set(things)) == []
    named = re.compile(
        r"\b(man|woman|girl|boy|child|people|cat|dog|bird(?!'s-eye)|horse|fish|tree|flower|leaf|house|car|boat|lantern|lamp|table|"
        r"street|mountain|sea|river|umbrella|paper|glass|stone|wall|hand|face)s?\b"
    )
    assert [text for text in sorted(lent) if named.search(text)] == []


def test_negatives_are_short_and_only_for_dialects_that_take_them() -> None:
    for row in of("sentence", "chinese", "doodle"):
        assert row["negative"] == ""
    for row in of("tags", "booru"):
        avoided = [word for word in row["negative"].split(", ") if word]
        assert len(avoided) <= 6, row["negative"]
        assert not set(avoided) & {tag["text"] for tag in row["tags"]}, row["text"]


def test_no_fashionable_noise() -> None:
    noise = re.compile(r"artstation|trending|award|masterpiece|best quality|\b[48]k\b|octane|unreal|hyper")
    for row in of("tags", "sentence", "chinese", "doodle"):
        assert not noise.search(row["text"].lower()), row["text"]


def test_prompts_of_tags_fit_into_clip() -> None:
    tokenizer = Tokenizer()
    for row in of("tags", "booru", "doodle"):
        assert len(tokenizer.encode(row["text"])) <= 75, row["text"]


def test_doodle_prompts_speak_as_its_captions_do() -> None:
    caption = re.compile(r"[a-z ]+, (3d render|flat vector), [a-z ]+ background")
    for row in of("doodle"):
        assert caption.fullmatch(row["text"]), row["text"]


def test_booru_tags_are_danbooru_tags() -> None:
    if not DANBOORU.exists():
        pytest.skip(f"{DANBOORU} is missing")
    with DANBOORU.open(encoding="utf-8", newline="") as file:
        known = {line[0].replace("_", " ") for line in csv.reader(file)} | {"masterpiece", "best quality"}
    used = {tag["text"] for row in of("booru") for tag in row["tags"]}
    assert sorted(used - known) == []
