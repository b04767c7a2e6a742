"""Every noun of the vocabulary against every pattern that takes something off a message: none is cut or taken for talk.

Patterns are written with a few sentences in mind; here they meet all words. The nouns that name a format
(a banner, a wallpaper) may become one.
"""

from __future__ import annotations

import pytest

from promptlib import lexicon as lexicons
from promptlib.understanding import parameters, request, story, understand

FORMATS = {"format", "background"}
#: 画成堆的礼物: the frame 画成 is there to be taken off; a mere 图像 is what every request asks for.
FRAMES = {"成堆的礼物", "成堆的金币", "图像"}


@pytest.fixture(scope="module")
def chinese() -> list[str]:
    nouns = lexicons.load().chinese.items()
    return [w for w, entry in nouns if entry.kind == "noun" and entry.domain not in FORMATS and len(w) > 1]


@pytest.fixture(scope="module")
def english() -> list[str]:
    nouns = lexicons.load().english.items()
    return [w for w, entry in nouns if entry.kind == "noun" and entry.domain not in FORMATS and len(w) > 2]


def test_no_frame_or_reason_cuts_a_chinese_noun(chinese: list[str]) -> None:
    texts = [(noun, text) for noun in chinese for text in (f"一个{noun}", f"画{noun}和猫")]
    cut = [text for noun, text in texts if noun not in request.unframed(text) or request.is_reason(text)]
    assert not [text for text in cut if not any(noun in text for noun in FRAMES)]


def test_no_format_or_plain_wording_cuts_a_chinese_noun(chinese: list[str]) -> None:
    texts = [(noun, f"画{noun}和猫") for noun in chinese if request.simplified(noun) == noun]
    cut = [text for noun, text in texts if noun not in request.prepare(text).text]
    cut += [text for noun, text in texts if noun not in parameters.extract(text)[0]]
    assert not cut


def test_no_place_with_a_cat_is_talk(chinese: list[str]) -> None:
    assert not [noun for noun in chinese[::2] if understand(f"{noun}里的猫").kind != "image"]


def test_no_chinese_noun_is_a_story(chinese: list[str]) -> None:
    told = [noun for noun in chinese if len(story.without_story([noun, "水彩", "一只猫"], request.unframed)) < 3]
    assert len(told) <= 1, told  # 标签 is also a heading of a list


def test_no_english_noun_is_talk_or_a_story(english: list[str]) -> None:
    assert not [noun for noun in english[::2] if understand(f"two {noun} on a hill").kind != "image"]
    parts = [[f"a {noun}", "watercolor", "a cat"] for noun in english]
    told = [row[0] for row in parts if len(story.without_story(row, request.unframed)) < 3]
    assert len(told) <= 1, told  # a dream tells of what is in it
