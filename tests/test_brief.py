"""Briefs are plain data: they survive JSON, and their phrases tell what the picture is about."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from promptlib.brief import Brief, Phrase, Word, first_alone
from promptlib.records import Tag
from promptlib.understanding import understand

CAT = Phrase((Word("two", "number", "", "两"), Word("black", "color"), Word("cats", "noun", "animal", "猫")))
SITTING = Phrase((Word("sitting", "verb"),), "action", joined=True)
SOFA = Phrase((Word("on", "relation"), Word("sofa", "noun", "object")), "setting", joined=True)


def test_a_brief_survives_json() -> None:
    brief = Brief(
        "image",
        "两只黑猫",
        "zh",
        (CAT, SITTING),
        avoid=("people",),
        removed=(SOFA,),
        aspect="16:9",
        count=2,
        seed=7,
        settings={"steps": "20"},
        notes=(("flag_ignored", {"flag": "--chaos"}),),
        lent=(Tag("soft light", "light", "library:12"),),
    )
    assert Brief.from_dict(json.loads(json.dumps(brief.to_dict()))) == brief


def test_a_brief_stored_before_anything_was_lent_can_be_read() -> None:
    stored = Brief("image", "a cat").to_dict()
    del stored["lent"]
    assert Brief.from_dict(stored) == Brief("image", "a cat")


@settings(deadline=None)
@given(st.text(max_size=40))
def test_whatever_is_written_gives_a_brief_that_survives_json(text: str) -> None:
    brief = understand(text)
    assert brief.text == text
    assert Brief.from_dict(json.loads(json.dumps(brief.to_dict()))) == brief


def test_a_subject_gathers_what_is_said_of_it() -> None:
    subject = Brief("image", "", phrases=(CAT, SITTING, SOFA)).subjects()[0]
    assert subject.noun.text == "cats"
    assert subject.number == "two"
    assert [word.text for word in subject.attributes] == ["black"]
    assert subject.details == ("sitting", "on sofa")


def test_what_a_picture_is_for_is_not_its_subject() -> None:
    poster = Phrase((Word("poster", "noun", "format"),))
    assert [subject.noun.text for subject in Brief("image", "", phrases=(poster, CAT)).subjects()] == ["cats"]


def test_the_query_has_no_punctuation() -> None:
    assert Brief("image", "", phrases=(CAT, SITTING)).query() == "two black cats sitting"
    assert Brief("image", "", raw="1girl, solo").query() == "1girl, solo"


def test_a_phrase_knows_its_words_its_source_and_its_head() -> None:
    assert CAT.text == "two black cats"
    assert CAT.source == "两猫"
    assert CAT.head is not None and CAT.head.text == "cats"
    assert SITTING.head is None


def test_the_first_phrase_joins_nothing() -> None:
    assert [phrase.joined for phrase in first_alone([SITTING, SOFA])] == [False, True]
    assert first_alone([]) == ()
