"""The dialects: one brief, said in every model's way."""

from __future__ import annotations

import pytest

from promptlib.compose import compose
from promptlib.dialects import DIALECTS, DialectError, dialect
from promptlib.records import Hit, LibraryPrompt, Prompt, Tag, Target
from promptlib.understanding import understand


def write(text: str, name: str, **options: object) -> Prompt:
    return compose(understand(text), [], Target("model", name, width=1024, height=1024, **options))  # type: ignore[arg-type]


def test_the_registry_names_its_dialects() -> None:
    assert {"tags", "booru", "sentence", "chinese", "midjourney", "doodle"} == set(DIALECTS)
    with pytest.raises(DialectError, match="no dialect 'klingon'"):
        dialect("klingon")


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        ("tags", "rabbit fishing on moon, watercolor"),
        ("sentence", "A watercolor of a rabbit fishing on the moon."),
        ("booru", "rabbit, fishing, on moon, watercolor"),
        ("chinese", "一只在月亮上钓鱼的兔子,水彩"),
        ("midjourney", "rabbit fishing on moon, watercolor --ar 16:9 --no star --seed 7"),
    ],
)
def test_one_request_in_every_dialect(name: str, prompt: str) -> None:
    written = write("画一只在月亮上钓鱼的兔子,水彩,不要星星,16:9,种子7", name)
    assert written.positive == prompt


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        (
            "two cats and an old clock on a wooden table, soft light",
            "Two cats and an old clock on a wooden table, with soft light.",
        ),
        ("an oil painting of a castle", "An oil painting of a castle."),
        ("戴帽子的小女孩在森林里", "A little girl wearing a hat in the forest."),
        ("一碗牛肉面", "A bowl of beef noodle soup."),
        ("a unicorn", "A unicorn."),
        ("长城的秋天", "The Great Wall in autumn."),
        ("雨夜的东京小巷", "A Tokyo alley on a rainy night."),
        ("grass and bamboo", "Grass and bamboo."),
        ("three kittens on a sofa, cozy", "Three kittens on a sofa, with a cozy mood."),
        ("a castle at sunset, wide shot, dramatic", "A wide shot of a castle at sunset, with a dramatic mood."),
        ("two girls on a bench, anime", "Two girls on a bench, in an anime style."),
        ("a samurai, 85mm lens, black and white", "A samurai, shot with an 85mm lens, in black and white."),
        ("一张写着“生日快乐”的贺卡", 'A greeting card with the text "生日快乐".'),
    ],
)
def test_a_sentence_flows_and_has_its_articles(text: str, prompt: str) -> None:
    assert write(text, "sentence").positive == prompt


def test_what_is_borrowed_is_said_with_its_small_words() -> None:
    tags = [("style", "pet photography"), ("light", "soft light"), ("camera", "85mm lens"), ("mood", "playful")]
    lender = LibraryPrompt(4, "cat", tags=(Tag("cat", "subject", "words"), *[Tag(t, s, "words") for s, t in tags]))
    written = compose(understand("a cat"), [Hit(lender, 0.9, 0.9)], Target("flux", "sentence"), amount="lot")
    assert written.positive == "Pet photography of a cat, with soft light and a playful mood, shot with an 85mm lens."


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("two girls in a garden", "2girls, garden"),
        ("a man with an umbrella", "1boy, solo, umbrella"),
        ("a little boy and a girl with a red hat", "1girl, 1boy, little boy, red hat"),
        ("a girl and a cat", "1girl, cat"),
        ("穿汉服的少年在桥上吹笛子", "1boy, solo, hanfu, playing the flute, on bridge"),
        ('a poster that says "Jazz Night"', 'poster says "Jazz Night"'),
        ("an oil painting of a sunflower", "sunflower, oil painting"),
    ],
)
def test_booru_counts_people_and_says_the_rest_briefly(text: str, prompt: str) -> None:
    assert write(text, "booru").positive == prompt


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("请帮我画两只小鸟站在樱花枝头,谢谢", "两只小鸟站在樱花枝头"),
        ("古风侠客,黑衣,持剑站在竹林中,大雨滂沱,16:9", "古风侠客,黑衣,持剑站在竹林中,大雨滂沱"),
        ("長城的秋天,沒有人", "长城的秋天"),
        ("动漫少女,站在樱花树下", "动漫少女,站在樱花树下"),
        ("画一只 golden retriever 穿着 spacesuit", "一只golden retriever穿着spacesuit"),
    ],
)
def test_chinese_keeps_the_persons_own_words(text: str, prompt: str) -> None:
    assert write(text, "chinese").positive == prompt


def test_chinese_says_anew_what_was_changed() -> None:
    changed = understand("换成白猫", understand("一只黑猫坐在屋顶上"))
    assert compose(changed, [], Target("kolors", "chinese")).positive.startswith("坐在屋顶上的")


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("a cat on a sofa", "在沙发上的猫"),
        ("two girls sitting on a bench, anime", "坐在长椅上的两个女孩,动漫风格"),
        ("a red bicycle leaning against a brick wall", "倚着砖墙的红色自行车"),
    ],
)
def test_english_is_said_in_chinese_where_the_lexicon_knows_it(text: str, prompt: str) -> None:
    assert write(text, "chinese").positive == prompt
