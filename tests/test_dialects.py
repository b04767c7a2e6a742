"""The dialects: one brief, said in every model's way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from promptlib import lexicon as lexicons
from promptlib.brief import Brief, Phrase, Word
from promptlib.compose import compose
from promptlib.dialects import DIALECTS, DialectError, dialect
from promptlib.dialects.doodle_vocabulary import VocabularyError, read_vocabulary
from promptlib.records import Hit, LibraryPrompt, Prompt, Tag, Target
from promptlib.understanding import understand

VOCABULARY = {
    "subjects": {
        "apple": {"en": ["red delicious"], "zh": ["苹果"]},
        "cat": {"en": ["kitty"], "zh": ["猫"]},
        "otter": {"en": [], "zh": ["水獭"]},
        "hat": {"en": [], "zh": []},
    },
    "styles": {"3d render": {"en": ["3d"], "zh": []}, "flat vector": {"en": ["flat", "flat design"], "zh": ["扁平"]}},
    "colors": {"red": {"en": [], "zh": ["红色"]}, "yellow": {"en": [], "zh": []}},
    "backgrounds": {"white": {"en": [], "zh": []}, "blue": {"en": [], "zh": ["蓝色"]}},
    "arrangements": {},
}


@pytest.fixture
def doodle(tmp_path: Path) -> Target:
    path = tmp_path / "vocabulary.json"
    path.write_text(json.dumps(VOCABULARY), encoding="utf-8")
    return Target("doodle", "doodle", width=128, height=128, negative=False, vocabulary=str(path))


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


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("帮我画一只红色的苹果", "red apple, 3d render, white background"),
        ("kitty", "cat, 3d render, white background"),
        ("扁平风的猫,蓝色背景", "cat, flat vector, blue background"),
        ("a golden apple", "yellow apple, 3d render, white background"),
        ("apple, deep red", "red apple, 3d render, white background"),
        ("three cats", "cat, 3d render, white background"),
    ],
)
def test_doodle_speaks_its_own_vocabulary(doodle: Target, text: str, prompt: str) -> None:
    assert compose(understand(text), [], doodle).positive == prompt


@pytest.fixture
def shipped_doodle() -> Target:
    path = Path(__file__).parents[1] / "data" / "doodle" / "vocabulary.json"
    return Target("doodle", "doodle", width=256, height=256, negative=False, vocabulary=str(path))


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("a coloring page of a unicorn", "unicorn, line art, white background"),
        ("画一张恐龙的简笔画", "dinosaur, line art, white background"),
        ("给孩子画一张涂色画,要有一只大象", "elephant, line art, white background"),
        ("outline of a butterfly", "butterfly, line art, white background"),
        ("minimalist logo of a fox", "fox, flat vector, white background"),
        ("一把吉他,极简", "guitar, flat vector, white background"),
        ("a green dinosaur, flat style", "green dinosaur, flat vector, white background"),
        ("a flat tire", "wheel, 3d render, white background"),
        ("a sticker of a fox with bold outlines", "fox, 3d render, white background"),
        ("a black and white drawing of a cat", "cat, line art, white background"),
        ("黑白线稿,一朵玫瑰", "rose, line art, white background"),
        ("橙子", "orange, 3d render, white background"),
        ("an orange cat", "orange cat, 3d render, white background"),
        ("红灯笼", "red lantern, 3d render, white background"),
        ("a chocolate bar", "chocolate bar, 3d render, white background"),
        ("blue heart", "blue heart, 3d render, white background"),
        ("一个红心和一颗星星", "red heart and star, side by side, 3d render, white background"),
        ("一只小猫", "cat, 3d render, white background"),
        ("马戏团帐篷", "circus tent, 3d render, white background"),
        ("fork and knife", "fork and knife, 3d render, white background"),
        ("a pair of dolphins", "dolphin, two, 3d render, white background"),
        ("一对天鹅", "swan, two, 3d render, white background"),
        ("a pair of glasses", "glasses, 3d render, white background"),
        ("a pair of jeans", "jeans, 3d render, white background"),
        ("a cat on the left side", "cat, on the left, 3d render, white background"),
        ("狮子和老虎并排", "lion and tiger, side by side, 3d render, white background"),
        ("a hammock", "bed, 3d render, white background"),
        ("baseball bat", "baseball, 3d render, white background"),
        ("起重机", "tractor, 3d render, white background"),
        ("a painting of a sunset", "sunset, 3d render, white background"),
        ("a painting of an orange sunset", "orange sunset, 3d render, white background"),
        ("a sketch of a horse", "horse, line art, white background"),
        ("素描 一匹马", "horse, line art, white background"),
        ("two bees, colouring book style", "bee, two, line art, white background"),
        ("a cat in coloring book style", "cat, line art, white background"),
        ("a colouring book page of a cat", "cat, line art, white background"),
        ("a cat in the top left corner", "cat, on the left, 3d render, white background"),
        ("右下角有一只熊", "bear, on the right, 3d render, white background"),
        ("a man with his right hand up", "man, 3d render, white background"),
        ("三只小猪", "pig, three, 3d render, white background"),
        ("a black cat's face", "black cat face, 3d render, white background"),
        ("猫的脸", "cat face, 3d render, white background"),
        ("小狗,棕色的颜色", "brown dog, 3d render, white background"),
    ],
)
def test_the_larger_vocabulary_is_spoken_as_people_ask(shipped_doodle: Target, text: str, prompt: str) -> None:
    assert compose(understand(text), [], shipped_doodle).positive == prompt


@pytest.mark.parametrize(
    ("messages", "prompt"),
    [
        (("小狗,蓝色背景", "背景去掉"), "dog, 3d render, white background"),
        (("小狗", "颜色换成棕色"), "brown dog, 3d render, white background"),
        (("a rocket on the right", "a robot instead", "make it bigger"), "robot, large, 3d render, white background"),
        (
            ("a robot", "on the right", "make it bigger", "blue background"),
            "robot, large, 3d render, blue background",
        ),
        (("three cats", "put them on the left"), "cat, on the left, 3d render, white background"),
    ],
)
def test_what_was_said_last_is_painted(shipped_doodle: Target, messages: tuple[str, ...], prompt: str) -> None:
    brief = None
    for message in messages:
        brief = understand(message, brief)
    assert brief is not None
    written = compose(brief, [], shipped_doodle)
    assert written.positive == prompt
    assert not written.notes


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("five cats", ["five"]),
        ("四只兔子", ["four"]),
        ("two cats and a dog", ["two"]),
        ("两只猫", []),
        ("一匹马", []),
        ("一只黑猫和一只白猫", ["white cat"]),
    ],
)
def test_what_cannot_be_painted_beside_is_told(shipped_doodle: Target, text: str, lost: list[str]) -> None:
    assert [tag.text for tag, _ in compose(understand(text), [], shipped_doodle).dropped] == lost


@pytest.mark.parametrize(
    ("text", "prompt", "asked"),
    [
        ("画一只鬣狗", "dog, 3d render, white background", "鬣狗"),
        ("给我画一个图书馆", "books, 3d render, white background", "图书馆"),
        ("a red trombone", "red trumpet, 3d render, white background", "trombone"),
        ("a street with a dog", "cityscape and dog, side by side, 3d render, white background", "street"),
        ("halloween", "pumpkin, 3d render, white background", "halloween"),
        ("wings, line art", "eagle, line art, white background", "wings"),
        ("a cosy reading nook, no people", "sofa, 3d render, white background", "nook"),
        ("draw a bilberry", "blueberries, 3d render, white background", "bilberry"),
        ("a zorblax with a corgi", "dog, 3d render, white background", "corgi"),
    ],
)
def test_the_nearest_thing_is_painted_and_told(shipped_doodle: Target, text: str, prompt: str, asked: str) -> None:
    written = compose(understand(text), [], shipped_doodle)
    assert written.positive == prompt
    assert ("nearest", {"asked": asked, "used": written.tags[0].text.removeprefix("red ")}) in written.notes


@pytest.mark.parametrize(
    ("text", "things", "lost"),
    [
        ("小男孩在放风筝", ["boy", "kite"], []),
        ("a cat driving a tractor", ["cat", "tractor"], []),
        ("一只刺猬背着一个红苹果", ["hedgehog", "red apple"], []),
        ("a knight fighting a dragon on a bridge", ["man", "dragon"], ["on a bridge"]),
        ("一只猫和一只海象", ["cat", "seal"], []),
        ("a walrus with a top hat", ["seal", "top hat"], []),
        ("a girl holding a tambourine", ["girl", "drum"], []),
        ("a cat wearing a hat", ["cat", "hat"], []),
        ("穿旗袍的女人撑着油纸伞", ["woman", "umbrella"], ["wearing a cheongsam"]),
        ("red roses in a glass vase", ["red rose", "vase"], []),
        ("a kid building a sandcastle", ["boy", "castle"], []),
        ("老爷爷在公园里下象棋", ["old man", "chess pawn"], ["in park"]),
        ("a plumber", ["man", "wrench"], []),
        ("two plumbers", ["man"], []),
        ("a plumber, no wrench", ["man"], []),
        ("a cat and a dog sleeping together", ["cat", "dog"], []),
        ("a carpenter making a chair", ["man", "chair"], []),
        ("a barber shop", ["scissors"], []),
        ("oranges and lemons", ["orange", "lemon"], []),
        ("夕阳下的海边灯塔", ["tower", "sunset"], []),
        ("一只孔雀开屏", ["peacock"], ["spreading its tail"]),
        ("a car next to a carrot", ["car", "carrot"], []),
        ("一只猫和一只熊猫", ["cat", "panda"], []),
        ("一条鱼和一只鳄鱼", ["fish", "crocodile"], []),
        ("a house with garden", ["house with garden"], []),
        ("two fire engines", ["fire engine"], []),
        ("two cats on a sofa", ["cat"], ["on a sofa"]),
        ("a nursery with a white crib and a teddy bear", ["teddy bear"], ["with a white crib"]),
    ],
)
def test_a_second_thing_is_painted_beside_the_first(
    shipped_doodle: Target, text: str, things: list[str], lost: list[str]
) -> None:
    written = compose(understand(text), [], shipped_doodle)
    assert [tag.text for tag in written.tags if tag.slot == "subject"] == things
    assert [tag.text for tag, _ in written.dropped] == lost


def test_every_name_of_the_vocabulary_is_understood(shipped_doodle: Target) -> None:
    """But for a few that the language takes for a colour and a thing (red wine, 棕熊) or for something else."""
    known = json.loads(Path(shipped_doodle.vocabulary).read_text(encoding="utf-8"))["subjects"]
    asked = [(f"draw a {name}", subject) for subject, names in known.items() for name in (subject, *names["en"])]
    asked += [(f"画一个{name}", subject) for subject, names in known.items() for name in names["zh"]]
    wrong = [text for text, subject in asked if things_in(text, shipped_doodle) != [subject]]
    assert len(asked) > 1800
    assert len(wrong) < 25


def things_in(text: str, target: Target) -> list[str]:
    return [tag.text for tag in compose(understand(text), [], target).tags if tag.slot == "subject"]


@pytest.mark.parametrize(
    ("text", "thing"), [("来个绿色的狮子,印在杯子上", "green lion"), ("draw a sparkles for my blog", "sparkles")]
)
def test_what_a_picture_is_for_is_not_painted(shipped_doodle: Target, text: str, thing: str) -> None:
    assert things_in(text, shipped_doodle) == [thing]


def test_what_stands_for_a_thing_must_stand_for_all_of_it(shipped_doodle: Target) -> None:
    written = compose(understand("a bank zorblax"), [], shipped_doodle)
    assert written.notes[0][0] == "unknown_subject"


def test_almost_every_thing_and_place_of_the_lexicon_has_something_that_stands_for_it(shipped_doodle: Target) -> None:
    domains = {"animal", "food", "plant", "building", "clothes", "object", "person", "fantasy", "place", "vehicle"}
    nouns = [
        Word(word, "noun", entry.domain) for word, entry in lexicons.load().english.items() if entry.kind == "noun"
    ]
    things = [Brief("image", noun.text, phrases=(Phrase((noun,)),)) for noun in nouns if noun.domain in domains]
    assert len(things) > 4000
    notes = [compose(brief, [], shipped_doodle).notes for brief in things]
    assert sum(code == "unknown_subject" for found in notes for code, _ in found) < 0.04 * len(things)


def test_what_looks_like_a_thing_is_in_the_vocabulary(shipped_doodle: Target) -> None:
    vocabulary, groups = read_vocabulary(shipped_doodle.vocabulary), lexicons.load().groups
    assert not [kind for kind in groups["lookalikes"].values() if kind not in vocabulary.lists["subjects"]]
    assert not [word for word in groups["lookalikes"] if word in vocabulary.names["subjects"]], (
        "nobody would look there"
    )
    assert not [style for style in groups["style_lookalikes"].values() if style not in vocabulary.lists["styles"]]


def test_what_doodle_does_not_know_becomes_what_it_is_a_kind_of(doodle: Target) -> None:
    prompt = compose(understand("a beaver wearing a hat"), [], doodle)
    assert prompt.positive.startswith("otter, ")
    assert prompt.notes == (("nearest", {"asked": "beaver", "used": "otter"}),)
    assert prompt.tags[0].origin == "nearest"
    assert [(tag.text, why) for tag, why in prompt.dropped] == [("wearing a hat", "vocabulary")]


def near(word: str, words: Sequence[str]) -> tuple[str, float] | None:
    return {"quince": ("apple", 0.8), "nothofagus": ("hat", 0.43)}.get(word, ("hat", 0.1))


def test_doodle_asks_for_the_nearest_word_and_takes_it_only_if_it_is_near(doodle: Target) -> None:
    assert compose(understand("a quince"), [], doodle, nearest=near).positive.startswith("apple, ")
    assert compose(understand("a nothofagus"), [], doodle, nearest=near).notes[0][0] == "unknown_subject"
    unknown = compose(understand("a zorblax"), [], doodle, nearest=near)
    assert unknown.notes == (("unknown_subject", {"asked": "zorblax"}),)
    assert unknown.positive.startswith("zorblax, ")


def test_another_known_thing_is_painted_rather_than_nonsense(doodle: Target) -> None:
    prompt = compose(understand("a zorblax with an apple"), [], doodle)
    assert prompt.positive.startswith("apple, ")
    assert ("only_one_subject", {"asked": "zorblax", "used": "apple"}) in prompt.notes


def test_doodle_names_the_house_style_as_such(doodle: Target) -> None:
    origins = {tag.slot: tag.origin for tag in compose(understand("苹果"), [], doodle).tags}
    assert origins == {"subject": "translation", "style": "house", "setting": "house"}


def test_a_missing_vocabulary_is_one_sentence() -> None:
    with pytest.raises(VocabularyError, match=r"nowhere\.json cannot be read"):
        read_vocabulary("/nowhere.json")


def test_the_shipped_vocabulary_can_be_read() -> None:
    path = Path(__file__).parents[1] / "data" / "doodle" / "vocabulary.json"
    vocabulary = read_vocabulary(str(path))
    assert vocabulary.find("subjects", "苹果") == "apple"
    assert vocabulary.find("subjects", "apples") == "apple"
