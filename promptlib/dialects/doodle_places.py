"""Where the embedded model's things are, and which way they face: its scenes and facings, found in a request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import dropwhile, takewhile, zip_longest
from typing import NamedTuple

from promptlib import lexicon as lexicons
from promptlib.brief import NOUN_KINDS, Brief, Phrase, Word
from promptlib.dialects.doodle_vocabulary import Vocabulary

#: Words of a thing's own phrase that tell where it is: a seaside lighthouse, a castle at night.
_PLACES, _TIMES = ("place", "weather", "nature", "landmark"), ("time", "weather")
_KINDS = (*_TIMES, "adjective", "verb")
#: Where a verb's words end: jumping out of the water.
_LEADING_TO = re.compile(r".*ing (?:\w+ )?(?:in|into|of|on|through|over|under|across|by) (?:the )?")
#: English words that say of the noun after them where it is, and do not make another thing of it.
_DESCRIBING = re.compile(r"(?!city|bay)\w+(?:y|lit)|winter|autumn|seaside|arctic|underwater")
#: Things that are drawn with all that is around them.
_SCENIC = frozenset({"beach", "desert", "sunrise", "sunset", "night sky", "milky way", "cityscape"})
#: Who only is somewhere is to that side, and does not go there: sitting to the left.
_STILL = {"sitting", "standing", "lying", "sleeping", "resting", "placed", "positioned", "hanging"}


class Scene(NamedTuple):
    """A scene of the vocabulary: the number of the phrase that asks for it, and the word."""

    at: int
    word: Word
    name: str
    #: Whether another place stands for the one that was asked for.
    alike: bool


def scenes(brief: Brief, vocabulary: Vocabulary, painted: Iterable[str] = ()) -> list[Scene]:
    """The scenes that a request names: those first that are no stand-ins, then where things are, then when.

    Of what is painted itself, only things that need a place: waves the sea, but a sunset no second one.
    """
    scenic = _SCENIC.intersection(painted)
    unwanted = {vocabulary.find("scenes", thing) for thing in brief.avoid}
    found: list[tuple[tuple[bool, bool, bool], Scene]] = []
    for index, phrase in enumerate(brief.phrases):
        around = phrase.slot in ("setting", "light")
        for word, name, alike in _around(phrase, vocabulary) if around else _with_thing(phrase, vocabulary, scenic):
            if name not in unwanted:
                found.append(((alike, not around, word.kind in _TIMES), Scene(index, word, name, alike)))
    return [scene for _, scene in sorted(found, key=lambda one: one[0])]


def is_scene(phrase: Phrase, word: Word, vocabulary: Vocabulary) -> bool:
    """Whether a thing of a phrase is no thing but a place: the beach of a beach with a palm tree."""
    last = word.text.split()[-1] if word.domain in _PLACES else word.text
    return any(_scene_of(text, vocabulary) for text in (word.source, word.text, last)) and word == phrase.head


def is_surrounded(background: str, thing: str, vocabulary: Vocabulary) -> bool:
    """Whether a thing is small in its picture unless that was said: one that fills it leaves no scene to be seen."""
    scene = background.removesuffix(" background") in vocabulary.lists["scenes"]
    return scene and thing not in _SCENIC and "small" in vocabulary.lists["arrangements"]


def _around(phrase: Phrase, vocabulary: Vocabulary) -> Iterator[tuple[Word, str, bool]]:
    """Found in a phrase that says where or when: in all of it, or in its words from the last on."""
    said = list(dropwhile(lambda word: word.kind in ("relation", "article"), phrase.words))
    whole = " ".join(word.text for word in said if word.text)
    for text in (phrase.text, whole, phrase.source):
        if said and (found := _scene_of(text, vocabulary)):
            yield phrase.head or said[-1], *found
            return
    texts = [word.text for word in phrase.words]
    # A glass of water is a glass.
    end = texts.index("of") if "of" in texts else len(texts)
    times = [word for word in phrase.words[end:] if word.kind in _TIMES]
    yield from _in_words([*times, *phrase.words[:end]], vocabulary)


def _with_thing(phrase: Phrase, vocabulary: Vocabulary, scenic: frozenset[str]) -> Iterator[tuple[Word, str, bool]]:
    """Found in what is said of where a thing is: 海边灯塔, a castle at night; but a city bus may be anywhere."""
    words = list(takewhile(lambda word: word.text != "of", phrase.words))
    fitting = [
        word
        for word, following in zip_longest(words, words[1:])
        if (word.domain in _PLACES or word.kind in _KINDS or (word.kind in NOUN_KINDS and not word.domain))
        and (word.source or not following or following.kind not in NOUN_KINDS or _DESCRIBING.fullmatch(word.text))
        and not (scenic and (word.kind in NOUN_KINDS or vocabulary.find("subjects", word.text) in scenic))
    ]
    return _in_words(fitting, vocabulary)


def _in_words(words: Sequence[Word], vocabulary: Vocabulary) -> Iterator[tuple[Word, str, bool]]:
    for word in reversed(words):
        # A rainy street, a snowy mountain: what kind of place it is, else what it is like there.
        parts = reversed(word.text.split()) if word.domain in _PLACES else ()
        if word.kind == "verb" and (ends := _LEADING_TO.match(word.text)):
            parts = iter((word.text[ends.end() :],))
        found = (_scene_of(text, vocabulary) for text in (word.source, word.text, *parts))
        if scene := next(filter(None, found), None):
            yield word, *scene


def _scene_of(text: str, vocabulary: Vocabulary) -> tuple[str, bool] | None:
    """The scene that a text names, and whether it is only like it."""
    if name := vocabulary.find("scenes", text) if text else None:
        return name, False
    return (name, True) if (name := _alike(text, vocabulary)) else None


def _alike(text: str, vocabulary: Vocabulary) -> str | None:
    """The scene that is most like a place, unless that is a thing which can be painted."""
    lexicon = lexicons.load()
    table = lexicon.groups.get("scene_lookalikes", {})
    name = table.get(text.lower()) or table.get(lexicon.lemma(text))
    return name if name in vocabulary.lists["scenes"] and not vocabulary.find("subjects", text) else None


def facings(brief: Brief, vocabulary: Vocabulary) -> Iterator[tuple[int, str]]:
    """Which side something looks or goes to, with the number of the phrase that says so, the last said first."""
    for index, phrase in reversed(list(enumerate(brief.phrases))):
        before = brief.phrases[index - 1].words if index else ()
        goes = phrase.text.startswith("to ") and any(word.text.endswith("ing") for word in before)
        still = _STILL.intersection(word.text for word in (*before, *phrase.words))
        if still or not (goes or phrase.slot == "action"):
            continue
        if name := next(filter(None, (vocabulary.find("facings", text) for text in _said(phrase))), None):
            yield index, name


def _said(phrase: Phrase) -> Iterable[str]:
    yield phrase.text
    yield " ".join(word.text for word in phrase.words if word.kind != "article")
    yield from (word.text for word in phrase.words)
    yield f"facing {phrase.text.rpartition(' ')[2]}"  # driving left
