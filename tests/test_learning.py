"""The embedded model learns what the person left open from what scored well: never what they said."""

import pytest

from bot.writer import target_of
from pipeline.profiles import BUILT_IN, load_profiles
from promptlib.compose import compose
from promptlib.records import Hit, LibraryPrompt, Tag
from promptlib.understanding import understand

TARGET = target_of(load_profiles(BUILT_IN)["doodle"])


def hit(subject: str, *, style: str = "flat vector", ground: str = "pink", score: float = 3.22) -> Hit:
    tags = (
        Tag(subject, "subject", "words"),
        Tag(style, "style", "words"),
        Tag(f"{ground} background", "setting", "words"),
    )
    text = ", ".join(tag.text for tag in tags)
    return Hit(LibraryPrompt(7, text, dialect="doodle", tags=tags, score=score), 0.6, 0.6)


@pytest.mark.parametrize(
    ("text", "found", "expected"),
    [
        ("画一只蝴蝶", [hit("blue butterfly")], "butterfly, flat vector, pink background"),
        ("a butterfly, 3d render", [hit("butterfly")], "butterfly, 3d render, pink background"),
        ("a butterfly on a green background", [hit("butterfly")], "butterfly, flat vector, green background"),
        ("a butterfly", [hit("dog")], "butterfly, 3d render, white background"),
        ("a butterfly", [hit("butterfly", score=3.0)], "butterfly, 3d render, white background"),
        ("a pink butterfly", [hit("butterfly")], "pink butterfly, flat vector, white background"),
        ("a butterfly", [hit("dog"), hit("butterfly", ground="gray")], "butterfly, flat vector, gray background"),
    ],
)
def test_what_is_left_open_is_learned(text: str, found: list[Hit], expected: str) -> None:
    assert compose(understand(text), found, TARGET).positive == expected


def test_the_lender_is_named() -> None:
    prompt = compose(understand("a butterfly"), [hit("butterfly")], TARGET)
    assert [tag.origin for tag in prompt.tags] == ["words", "library:7", "library:7"]
    assert [source.prompt.id for source in prompt.sources] == [7]
