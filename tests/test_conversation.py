"""A conversation: what each message changes, keeps, brings back, or starts afresh."""

from __future__ import annotations

import time

import pytest

from promptlib.brief import Brief
from promptlib.understanding import understand


def talk(*messages: str) -> Brief:
    brief: Brief | None = None
    for message in messages:
        answer = understand(message, brief)
        if answer.kind in ("image", "refine"):
            brief = answer
    assert brief is not None
    return brief


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        (("一个苹果", "再红一点"), "apple deep red"),
        (("一个苹果", "再红一点", "再红一点"), "apple very deep red intense red"),
        (("一个苹果", "鲜艳点"), "apple bright vivid colors"),
        (("a green apple", "redder"), "red apple deep red"),
        (("画一只白狗", "换成黑猫"), "black cat"),
        (("a castle at noon", "at night instead"), "castle at night"),
        (("a fox in the snow", "make it two foxes playing"), "two foxes playing in the snow"),
        (("a cat", "two of them"), "two cats"),
        (("一只猫", "改成三只"), "three cats"),
        (("a cat on a sofa", "make it black"), "black cat on a sofa"),
        (("a castle", "closer"), "castle close-up"),
        (("a castle, close-up", "zoom out"), "castle wide shot"),
        (("a fox, watercolor", "as an oil painting"), "fox oil painting"),
        (("画一朵玫瑰", "花瓣再白一点"), "rose white petals"),
        (("画一朵玫瑰", "放在玻璃瓶里"), "rose in glass bottle"),
        (("画一朵玫瑰", "背景不要太亮"), "rose dark background"),
        (("a fox in the snow", "black and white"), "fox in the snow black and white"),
        (("一只狐狸", "黑白"), "fox black and white"),
        (("a fox, oil painting", "as a watercolor", "actually oil was better"), "fox oil painting"),
        (("一个村庄,月亮", "月亮别画了"), "village"),
        (("a village with a moon", "hold off on the moon"), "village"),
        (("一栋别墅", "要有泳池"), "villa swimming pool"),
        (("一只黑猫", "改成满月夜"), "black cat full moon night"),
        (("a fox", "move it to the left"), "fox on the left"),
        (("a fox", "a small red bird on the right"), "fox small red bird on the right"),
        (("一只狐狸", "右上角加个月亮"), "fox moon in the top right corner"),
        (("男士头像", "戴上眼镜", "换成女士"), "woman wearing glasses headshot"),
        (("a man in a blue suit", "change the suit to red"), "man in a red suit"),
        (("a wolf in a forest", "replace the wolf with a fox"), "fox in a forest"),
        (("a lake", "make the sky purple"), "lake purple sky"),
        (("a cat", "give it a hat"), "cat wearing hat"),
        (("a dog sitting on a bench", "lying"), "dog on a bench lying"),
        (("a ship at sea", "put it in a desert"), "ship in a desert"),
        (("画一只猫", "背景换成花园"), "cat garden background"),
        (("two cats", "make it three"), "three cats"),
        (("三只小羊", "多画一只", "少两只"), "two lambs"),
        (("一座城堡", "高一点", "更高", "再高一点"), "extremely tall castle"),
        (("a boat on a lake", "would it look better in blue?"), "blue boat on a lake"),
        (("a boat", "can we have a lighthouse too?"), "boat lighthouse"),
        (("一只猫", "蓝色会不会更好看"), "blue cat"),
        (("海边的女孩", "不太好看,换成红裙子"), "seaside girl wearing red dress"),
        (("一个女孩穿着白裙子", "女孩的裙子改成红色"), "girl wearing red dress"),
        (("一只绿眼睛的猫", "这猫的眼睛不够绿"), "cat with deep green eyes"),
        (("a red house", "too red, make it blue"), "blue house"),
        (("a man with a hat", "the hat looks bad, take it off"), "man"),
        (("山顶上的寺庙", "下雪了", "算了,不要雪,改成红叶"), "temple on mountain top maple leaves"),
        (("a girl in a park", "make her smile"), "smiling girl in a park"),
        (("蛋糕", "换成巧克力的"), "chocolate cake"),
        (("a cat and a dog", "just the cat", "bring the dog back"), "cat a dog"),
        (("雨夜的街道", "不要下雨"), "night street"),
        (("森林", "秋天", "早上"), "forest autumn morning"),
        (("小狗", "颜色换成棕色"), "brown puppy"),
        (("a cat with a hat", "change the color of the hat to red"), "cat with a red hat"),
        (("小狗和猫", "猫的颜色改成黑色"), "puppy and black cat"),
        (("小狗,蓝色背景", "背景去掉"), "puppy"),
        (("logo for a bakery", "use a bear"), "logo for a bakery bear"),
        (("a cat with a hat", "can you remove the hat", "would you put it in the snow"), "cat in the snow"),
    ],
)
def test_a_message_changes_what_it_names(messages: tuple[str, ...], said: str) -> None:
    assert talk(*messages).query() == said


def test_the_merged_brief_is_a_refinement_in_the_language_of_the_message() -> None:
    brief = understand("make it blue", understand("画一辆车"))
    assert (brief.kind, brief.language, brief.text) == ("refine", "en", "make it blue")


def test_the_text_in_a_picture_is_changed_and_removed() -> None:
    poster = talk("一张海报,写着“夏日”", "文字改成“冬日”")
    assert "冬日" in poster.query() and "夏日" not in poster.query()
    assert "冬日" not in understand("不要字", poster).query()


def test_three_more_of_a_picture_are_three_pictures() -> None:
    assert talk("a lighthouse", "three more like that").count == 3


def test_removing_and_bringing_back() -> None:
    without = talk("a bowl with bananas and apples", "no bananas")
    assert "bananas" not in without.query() and without.avoid == ("bananas",)
    restored = understand("actually keep the bananas", without)
    assert "bananas" in restored.query() and restored.avoid == ()


def test_no_people_takes_everybody_out() -> None:
    brief = talk("海边日落,一对情侣", "不要人")
    assert "couple" not in brief.query() and brief.avoid == ("people",)


def test_one_message_may_remove_and_add() -> None:
    brief = talk("a fox in the snow", "no snow, autumn leaves")
    assert brief.avoid == ("snow",)
    assert "autumn leaves" in brief.query() and "snow" not in brief.query()


def test_format_alone_changes_only_the_format() -> None:
    before = understand("a lighthouse")
    after = understand("make it 16:9", before)
    assert (after.kind, after.aspect, after.phrases) == ("refine", "16:9", before.phrases)
    assert understand("seed 7", after).aspect == "16:9"


def test_again_forgets_only_the_seed() -> None:
    before = understand("a lighthouse, seed 7")
    after = understand("再来一张", before)
    assert (after.kind, after.seed, after.phrases) == ("refine", None, before.phrases)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("forget it, draw a sailboat", "sailboat"),
        ("now draw a cat instead", "cat"),
        ("算了,画一条鱼吧", "fish"),
        ("现在画一只狗", "dog"),
        ("a sailboat", "sailboat"),
        ("重新画一张雪山", "snow mountain"),
    ],
)
def test_a_new_picture_starts_afresh(message: str, said: str) -> None:
    brief = understand(message, understand("a bicycle, oil painting, 16:9"))
    assert (brief.kind, brief.query(), brief.aspect) == ("image", said, "")


@pytest.mark.parametrize("message", ["谢谢", "thanks!", "what models do you have?", "hey are you using SDXL?"])
def test_talk_changes_nothing(message: str) -> None:
    assert understand(message, understand("a bicycle")).kind in ("chat", "question")


def test_a_refinement_without_a_picture_before_is_a_request_or_talk() -> None:
    assert understand("16:9").kind == "chat"
    assert understand("oil painting of a cat").kind == "image"


@pytest.mark.parametrize(
    ("first", "then", "subject"),
    [
        ("a black cat", "make it white", "white cat"),
        ("two black cats", "make them white", "two white cats"),
        ("orange cat", "make it grey", "grey cat"),
        ("a blue jay", "make it red", "red blue jay"),
    ],
)
def test_a_new_colour_takes_the_place_of_the_one_in_the_name(first: str, then: str, subject: str) -> None:
    assert understand(then, understand(first)).phrases[0].text == subject


@pytest.mark.parametrize(
    ("first", "then", "subject", "avoid"),
    [
        ("a green butterfly", "a cat without a hat", "cat", "hat"),
        ("一只狗", "没有戴帽子的猫", "cat", "wearing a hat"),
        ("three kittens", "a house with blue door but no windows", "house", "windows"),
    ],
)
def test_a_new_picture_may_say_what_it_is_without(first: str, then: str, subject: str, avoid: str) -> None:
    brief = understand(then, understand(first))
    assert (brief.kind, brief.phrases[0].text, brief.avoid) == ("image", subject, (avoid,))


def test_refining_without_end_stays_bounded() -> None:
    brief = understand("a cat")
    for round_ in range(3):
        brief = understand("add " + ", ".join(f"thing{round_}x{n}" for n in range(150)), brief)
    assert brief.phrases[0].nouns()[0].text == "cat"
    assert len(brief.phrases) == 200


@pytest.mark.parametrize("gap", [" ", "\n", "\t"])
def test_a_long_gap_is_a_gap(gap: str) -> None:
    """Without care it takes minutes: patterns skip white space from each of its places."""
    began, text = time.monotonic(), f"a red{gap * 3900}apple"
    brief = understand(text)
    assert time.monotonic() - began < 10
    assert brief.phrases == understand("a red apple" if gap != "\n" else "a red\napple").phrases
    assert brief.text == text


@pytest.mark.parametrize("again", ["画", "不", "一点", "再", "红", "draw ", "more ", "a ", "and ", "change to "])
@pytest.mark.parametrize("previous", [None, understand("a cat")], ids=["new", "refined"])
def test_the_same_word_four_thousand_times_is_read_soon(again: str, previous: Brief | None) -> None:
    """Of the patterns for short phrases, some took minutes."""
    began = time.process_time()
    understand((again * 4096)[:4096], previous)
    assert time.process_time() - began < 10
