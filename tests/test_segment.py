"""Cutting Chinese into words, and what each is in its place."""

from __future__ import annotations

import pytest

from promptlib.understanding import dictionary
from promptlib.understanding.segment import segment


def read(text: str) -> list[str]:
    return [word.text for word in segment(text) if word.text]


def kinds(text: str) -> dict[str, str]:
    return {word.source: word.kind for word in segment(text)}


def test_a_bowl_is_a_thing_unless_it_measures() -> None:
    assert read("蓝色的碗") == ["blue", "bowl"]
    assert read("桌上的碗")[-1] == "bowl"
    assert read("两碗面")[1] == "a bowl of"


def test_a_shape_is_a_thing_unless_it_describes() -> None:
    assert kinds("一个红色三角形")["三角形"] == "noun"
    assert kinds("三角形的屋顶")["三角形"] == "adjective"
    assert read("桌上有一个圆形")[-1] == "circle"


def test_a_verb_between_measure_and_noun_says_what_sort_it_is() -> None:
    assert kinds("两名游泳选手")["游泳"] == "adjective"
    assert kinds("一个游泳选手喜欢的泳池")["游泳"] == "verb"


def test_a_person_with_the_plural_suffix_is_several() -> None:
    assert read("学生们") == ["students"]


def test_a_way_through_at_the_end_is_what_somebody_does() -> None:
    assert kinds("从两朵云之间穿过")["穿过"] == "verb"
    assert kinds("穿过森林的河")["穿过"] == "preposition"


def test_what_only_looks_like_a_word_is_cut_apart() -> None:
    assert "里拉" not in kinds("从帽子里拉出一只兔子")


def test_a_dictionary_word_with_a_measure_word_in_it_stays_whole() -> None:
    assert read("恐怖片") == ["horror movie"]


@pytest.mark.parametrize(
    ("chinese", "english", "kind"),
    [
        ("时候", "time", "noun"),
        ("得克萨斯州", "Texas", "noun"),
        ("增加", "increasing", "verb"),
        ("稀薄", "thin", "adjective"),
        ("距离", "distance", "noun"),
    ],
)
def test_the_dictionary_gives_the_sense_that_prompts_use(chinese: str, english: str, kind: str) -> None:
    word = dictionary.translate(chinese)
    assert (word.text, word.kind) == (english, kind)


def test_the_dictionary_keeps_what_it_does_not_know() -> None:
    assert dictionary.senses("猫")[0] == "cat"
    assert dictionary.senses("鿿") == []
    assert dictionary.translate("鿿").text == "鿿"


def test_a_foreign_name_is_one_and_spelled_as_its_owner_does() -> None:
    assert read("穿西装的丹尼‧德维托")[-1] == "Danny DeVito"
    assert read("文森特‧梵高")[0] == "Vincent van Gogh"
    assert read("托莱‧库苏")[0] == "Tuolai Kusu"


def test_what_was_done_to_a_thing_describes_it() -> None:
    assert read("被摧毁的宇宙飞船") == ["destroyed", "spaceship"]
    assert read("被藤蔓覆盖的房子")[0] == "by"
