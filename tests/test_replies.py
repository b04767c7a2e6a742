"""What is said about a picture, within what a chat can carry."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.replies import CAPTION, MESSAGE, caption, notes, outcome, shorten, talk, why
from pipeline.jobs import Job
from promptlib.brief import Brief

TAGS = [
    {"text": "red apple", "slot": "subject", "origin": "translation", "source": "红苹果"},
    {"text": "cat", "slot": "subject", "origin": "translation", "source": ""},
    {"text": "soft light", "slot": "light", "origin": "library:12", "source": ""},
    {"text": "old", "slot": "mood", "origin": "library:13", "source": ""},
    {"text": "detailed", "slot": "quality", "origin": "authors", "source": ""},
    {"text": "flat", "slot": "style", "origin": "house", "source": ""},
    {"text": "beaver", "slot": "subject", "origin": "nearest", "source": "otter"},
    {"text": "green", "slot": "color", "origin": "words", "source": "green"},
]


def job(prompt: str = "red apple", **fields: object) -> Job:
    extra = fields.pop("extra", {})
    return Job("sdxl", prompt, 1024, 768, 7, 30, 5.0, extra=extra, **fields)  # type: ignore[arg-type]


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@given(st.text(), st.integers(1, 30))
def test_shortened_text_fits_and_is_its_beginning(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert units(short) <= limit
    assert short == text if units(text) <= limit else text.startswith(short[:-1]) and short.endswith("…")


def test_a_caption_names_prompt_model_seed_and_size() -> None:
    text = caption(job(negative="blurry"), "en")
    assert text == "red apple\nNegative: blurry\n\nModel: sdxl · Seed: 7 · 1024×768"
    assert "种子: 7" in caption(job(), "zh")
    assert "反向" not in caption(job(), "zh")


def test_a_long_prompt_is_cut_and_what_matters_stays() -> None:
    extra = {"notes": [["dropped", {"tags": "🐈" * 900, "budget": "75"}]]}
    text = caption(job("苹果🍎" * 2000, negative="x" * 2000, extra=extra), "zh")
    assert units(text) <= CAPTION
    assert "种子: 7" in text
    assert text.startswith("苹果🍎")


def test_notes_are_put_into_words_and_codes_for_programs_are_left_out() -> None:
    codes = [["nearest", {"asked": "otter", "used": "beaver"}], ["internal", {"x": "y"}]]
    assert notes(codes, "en") == ["This model knows no “otter”; painted the nearest: beaver."]
    assert "otter" in caption(job(extra={"notes": codes}), "en")


def test_why_tells_where_every_tag_came_from() -> None:
    extra = {
        "request": "画{红苹果}",
        "tags": TAGS,
        "sources": [{"id": 12, "score": 4.25}],
        "negatives": [{"text": "blurry", "slot": "negative", "origin": "authors", "source": ""}],
        "dropped": [
            {"text": "blue", "reason": "budget"},
            {"text": "rim light", "reason": "off"},
            {"text": "glow", "reason": "off"},
        ],
        "notes": [["size", {"asked": "9x9", "used": "8x8"}]],
    }
    lines = why(job(extra=extra), "en").splitlines()
    assert lines == [
        "You wrote: 画{红苹果}",
        "· red apple — translated from “红苹果”",
        "· cat — your words",
        "· soft light — library prompt #12, scored 4.2",
        "· old — library prompt #13, scored 0.0",
        "· detailed — recommended by the model's authors",
        "· flat — easel's default",
        "· beaver — the nearest thing this model can paint",
        "· green — your words",
        "· not blurry — recommended by the model's authors",
        "Left out, as the model takes no more: blue",
        "Switched off: rim light, glow",
        "Size 9x9 became 8x8.",
    ]


def test_why_without_tags_and_why_with_far_too_many() -> None:
    assert "as it stands" in why(job(extra={"request": "x"}), "en")
    assert "原话" in why(job(), "zh")
    assert units(why(job(extra={"request": "猫" * 9000, "tags": TAGS * 900}), "zh")) <= MESSAGE


@pytest.mark.parametrize(
    ("brief", "answer"),
    [
        (Brief("chat", "hi", intent="greeting"), "Hello"),
        (Brief("chat", "?", intent="never heard of"), "could not tell"),
        (Brief("question", "which models?", intent="about_models"), "doodle, sdxl"),
        (Brief("refused", "x"), "won't paint"),
    ],
)
def test_what_is_no_request_is_answered(brief: Brief, answer: str) -> None:
    assert answer in talk(brief, "en", {"doodle": None, "sdxl": None})  # type: ignore[dict-item]


def test_the_outcome_of_a_job_without_pictures() -> None:
    assert outcome(job(error="No {memory}."), "en") == "That did not work: No {memory}."
    assert outcome(job(), "zh").startswith("抱歉")


def test_a_caption_tells_what_the_model_does_not_know() -> None:
    extra = {"dropped": [{"text": "in Paris", "reason": "vocabulary"}, {"text": "vivid", "reason": "budget"}]}
    assert caption(job(extra=extra), "en").endswith("as this model cannot paint it here: in Paris")
    assert caption(job(extra=extra), "zh").endswith("没画进去:in Paris")
