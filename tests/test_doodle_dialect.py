"""The dialect of the embedded model: requests said in its closed vocabulary, and what is told of the rest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from promptlib import lexicon as lexicons
from promptlib.brief import Brief, Phrase, Word
from promptlib.compose import compose
from promptlib.dialects.doodle_vocabulary import VocabularyError, read_vocabulary
from promptlib.records import Hit, LibraryPrompt, Tag, Target
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
        ("a street musician and a dog", "man and dog, side by side, 3d render, white background", "street musician"),
        ("halloween", "pumpkin, 3d render, white background", "halloween"),
        ("wings, line art", "eagle, line art, white background", "wings"),
        ("a cosy reading nook, no people", "sofa, small, 3d render, room background", "nook"),
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
        ("老爷爷在公园里下象棋", ["old man", "chess pawn"], []),
        ("a plumber", ["man", "wrench"], []),
        ("two plumbers", ["man"], []),
        ("a plumber, no wrench", ["man"], []),
        ("a cat and a dog sleeping together", ["cat", "dog"], []),
        ("a carpenter making a chair", ["man", "chair"], []),
        ("a barber shop", ["scissors"], []),
        ("oranges and lemons", ["orange", "lemon"], []),
        ("夕阳下的海边灯塔", ["tower"], ["seaside"]),
        ("a beach with a palm tree", ["palm tree"], []),
        ("a cat under a tree in the park", ["cat", "tree"], []),
        ("一只狗和一片沙漠", ["dog"], []),
        ("a cat, beach background", ["cat"], []),
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


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("a dog on the beach", "dog, small, 3d render, beach background"),
        ("一只在草地上奔跑的狗", "dog, small, 3d render, meadow background"),
        ("雪地里的狐狸,线稿", "fox, small, line art, snow background"),
        ("a castle at night", "castle, small, 3d render, night background"),
        ("夜晚的城堡", "castle, small, 3d render, night background"),
        ("a fish under the sea", "fish, small, 3d render, underwater background"),
        ("海底的章鱼", "octopus, small, 3d render, underwater background"),
        ("下雨天的小猫", "cat, small, 3d render, rain background"),
        ("夕阳下的海边灯塔", "tower, small, 3d render, sunset background"),
        ("an astronaut in outer space", "astronaut, small, 3d render, space background"),
        ("蓝天白云下的热气球", "hot air balloon, small, 3d render, sky background"),
        ("a robot walking down a city street", "robot, small, 3d render, city background"),
        ("卧室里的床", "bed, small, 3d render, room background"),
        ("a moonlit desert with a camel", "camel, small, 3d render, desert background"),
        ("a cat and a dog on the beach", "cat and dog, side by side, 3d render, beach background"),
        ("three ducks on a pond", "duck, three, 3d render, sea background"),
        ("背景是森林的小鹿", "deer, small, 3d render, forest background"),
        ("a snowy mountain", "mountain, small, 3d render, snow background"),
        ("sunset over the sea", "wave, small, 3d render, sunset background"),
        ("the sea", "wave, small, 3d render, sea background"),
        ("秋天", "maple leaf, small, 3d render, autumn background"),
        ("a painting of a sunset", "sunset, 3d render, white background"),
        ("a beach", "beach, 3d render, white background"),
        ("a huge cat on the beach", "cat, large, 3d render, beach background"),
        ("a cat on the beach, white background", "cat, 3d render, white background"),
        ("a city bus", "bus, 3d render, white background"),
        ("a city street", "cityscape, 3d render, white background"),
        ("a city at night", "cityscape, 3d render, night background"),
        ("a fire truck downtown", "fire engine, small, 3d render, city background"),
        ("雨后的蜗牛", "snail, small, 3d render, rain background"),
        ("北极的企鹅", "penguin, small, 3d render, snow background"),
        ("海豚跳出水面,向右", "dolphin, facing right, small, 3d render, sea background"),
        ("喝水的马", "horse, 3d render, white background"),
        ("飞机,机头朝左", "airplane, facing left, 3d render, white background"),
        ("屋顶上的猫,晚上", "cat, small, 3d render, night background"),
        ("画个绿色的龙,不要3D", "green dragon, flat vector, white background"),
        ("白底的草莓图标", "strawberry, flat vector, white background"),
        ("a field mouse", "mouse, 3d render, white background"),
        ("a rain boot, yellow", "yellow boot, 3d render, white background"),
        ("a tent under the stars", "tent, small, 3d render, night background"),
        ("an owl in the forest at night", "owl, small, 3d render, forest background"),
        ("想要一只猫坐在客厅的沙发上", "cat and sofa, side by side, 3d render, room background"),
        ("a cat in a park, not at night", "cat, small, 3d render, meadow background"),
        ("plane flying to the right in a blue sky", "airplane, facing right, small, 3d render, sky background"),
        ("red car driving left", "red car, facing left, 3d render, white background"),
        ("a glass of water", "droplet, 3d render, white background"),
        ("a snow leopard", "leopard, 3d render, white background"),
        ("a horse facing right", "horse, facing right, 3d render, white background"),
        ("一只面朝右的猫", "cat, facing right, 3d render, white background"),
        ("两匹向左奔跑的马", "horse, facing left, two, 3d render, white background"),
        ("a car driving to the left", "car, facing left, 3d render, white background"),
        ("a cat sitting to the left", "cat, on the left, 3d render, white background"),
        ("a red apple facing right", "red apple, 3d render, white background"),
        ("a cat looking left on the right, flat", "cat, facing left, on the right, flat vector, white background"),
        ("沙漠里的骆驼,朝右走", "camel, facing right, small, 3d render, desert background"),
    ],
)
def test_scenes_and_facings_are_said_as_training_said_them(shipped_doodle: Target, text: str, prompt: str) -> None:
    assert compose(understand(text), [], shipped_doodle).positive == prompt


def test_a_place_that_is_only_like_a_scene_is_told(shipped_doodle: Target) -> None:
    like = compose(understand("咖啡馆里的猫"), [], shipped_doodle)
    assert ("nearest", {"asked": "咖啡馆", "used": "room background"}) in like.notes
    assert not compose(understand("卧室里的猫"), [], shipped_doodle).notes
    told_once = compose(understand("a cosy reading nook"), [], shipped_doodle)
    assert [values["asked"] for _, values in told_once.notes] == ["nook"]
    plain = compose(understand("a dog on the beach"), [], shipped_doodle)
    assert not plain.notes
    assert [(tag.text, tag.origin) for tag in plain.tags if tag.slot == "setting"] == [("beach background", "words")]


def test_of_two_scenes_the_other_is_told(shipped_doodle: Target) -> None:
    written = compose(understand("an owl in the forest at night"), [], shipped_doodle)
    assert [tag.text for tag, _ in written.dropped] == ["at night"]


def test_who_wants_no_background_gets_none_from_the_library(shipped_doodle: Target) -> None:
    tags = (Tag("black cat", "subject", "words"), Tag("pink background", "setting", "words"))
    hit = Hit(LibraryPrompt(4, "black cat", dialect="doodle", tags=tags, score=4.5), 0.9, 0.9)
    for text, ground in (("a black cat", "pink background"), ("a black cat, no background", "white background")):
        assert compose(understand(text), [hit], shipped_doodle).positive.endswith(ground)


def test_who_has_no_side_faces_none_and_that_is_told(shipped_doodle: Target) -> None:
    assert [tag.text for tag, _ in compose(understand("an apple facing right"), [], shipped_doodle).dropped] == [
        "facing right"
    ]


def test_what_is_like_a_scene_is_no_name_of_one_or_of_a_thing(shipped_doodle: Target) -> None:
    vocabulary, table = read_vocabulary(shipped_doodle.vocabulary), lexicons.load().groups["scene_lookalikes"]
    assert set(table.values()) <= set(vocabulary.lists["scenes"])
    assert [place for place in table if vocabulary.find("scenes", place) or vocabulary.find("subjects", place)] == []


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
