"""The lexicon is data: every line can be read, and a wrong one says where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from promptlib import lexicon as lexicons
from promptlib.lexicon import LexiconError
from promptlib.records import SLOTS


@pytest.fixture(scope="module")
def lexicon() -> lexicons.Lexicon:
    return lexicons.load()


def test_it_is_large_and_every_slot_exists(lexicon: lexicons.Lexicon) -> None:
    assert len(lexicon.chinese) > 8000
    assert {entry.slot for entry in lexicon.chinese.values()} <= set(SLOTS)


@pytest.mark.parametrize(
    ("chinese", "english", "kind"),
    [
        ("猫", "cat", "noun"),
        ("向日葵", "sunflower", "noun"),
        ("钓鱼", "fishing", "verb"),
        ("水彩", "watercolor", "medium"),
        ("黄昏", "dusk", "time"),
        ("毛茸茸", "fluffy", "adjective"),
        ("莫奈", "Claude Monet", "artist"),
    ],
)
def test_it_says_what_a_caption_would(lexicon: lexicons.Lexicon, chinese: str, english: str, kind: str) -> None:
    entry = lexicon.chinese[chinese]
    assert (entry.english, entry.kind) == (english, kind)


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("cat", "cats"),
        ("puppy", "puppies"),
        ("fox", "foxes"),
        ("wolf", "wolves"),
        ("little child", "little children"),
        ("cup of", "cups of"),
        ("snowman", "snowmen"),
        ("sheep", "sheep"),
    ],
)
def test_plurals_and_back(lexicon: lexicons.Lexicon, one: str, many: str) -> None:
    assert lexicon.plural(one) == many
    assert one in (lexicon.lemma(many), one if " of" in one else "", *lexicon.singulars(many))


def test_english_words_are_found_in_the_plural_too(lexicon: lexicons.Lexicon) -> None:
    entry = lexicon.find_english("Sunflowers")
    assert entry is not None and entry.domain == "plant"
    assert lexicon.find_english("qwertz") is None


def test_every_hypernym_leads_somewhere_else(lexicon: lexicons.Lexicon) -> None:
    table = lexicon.groups["hypernyms"]
    assert all(word != kind for word, kind in table.items())


def test_every_degree_says_what_more_and_less_mean(lexicon: lexicons.Lexicon) -> None:
    assert all(degree.more and degree.less for degree in lexicon.degrees.values())


def test_a_long_form_does_not_swallow_words(lexicon: lexicons.Lexicon) -> None:
    assert not [form for form in lexicon.chinese if form.startswith("没有人")]


def test_adding_a_word_is_adding_a_line(tmp_path: Path) -> None:
    (tmp_path / "grammar.tsv").write_text("#: kind=measure english=no\n\t门\n", encoding="utf-8")
    (tmp_path / "things.tsv").write_text(
        "# comment\n#: kind=noun domain=object\ndoor | gate\t门 大门\n\n#: table=plurals\nox\toxen\n", encoding="utf-8"
    )
    lexicon = lexicons.load(tmp_path)
    assert lexicon.chinese["大门"].english == "door"
    assert lexicon.chinese["门"].kind == "measure" and lexicon.other_chinese["门"].english == "door"
    assert lexicon.english["gate"].domain == "object"
    assert lexicon.plural("ox") == "oxen"


def test_a_wrong_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.tsv").write_text("#: table=patterns name=chat\ngreeting\t(unclosed\n", encoding="utf-8")
    with pytest.raises(LexiconError, match=r"bad\.tsv, line 2"):
        lexicons.load(tmp_path)


def test_a_very_long_text_is_no_pattern(lexicon: lexicons.Lexicon) -> None:
    assert lexicon.match("chat", "hello") is not None
    assert lexicon.match("chat", "hello " * 100) is None
