"""Describing and counting what is in a brief: a new colour, size or number takes the place of the old.

Knows nothing of what people ask for. Each operation returns a new brief or phrase.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from promptlib import lexicon as lexicons
from promptlib.brief import ATTRIBUTE_KINDS, FORMAT_DOMAINS, NOUN_KINDS, Brief, Phrase, Word
from promptlib.understanding.finding import PLACES, head_position, insert, main_subject, same, with_phrase
from promptlib.understanding.nouns import animate


def describe(brief: Brief, words: Sequence[Word]) -> Brief:
    """Attributes for the main subject."""
    at = main_subject(brief)
    if at is None:
        return insert(brief, len(brief.phrases), [Phrase(tuple(words), "attribute")])
    return with_phrase(brief, at, blend(brief.phrases[at], words))


def blend(phrase: Phrase, words: Sequence[Word]) -> Phrase:
    """The phrase with the number and attributes of the words; a new colour takes the place of the old."""
    lexicon = lexicons.load()
    attributes = [w for w in words if w.kind in ATTRIBUTE_KINDS]
    numbers = [w for w in words if w.kind == "number" and w.text]
    opposites = {lexicon.groups.get("opposites", {}).get(w.text) for w in attributes} - {None}
    recolored = any(w.kind == "color" for w in attributes)
    kept = [
        w
        for w in phrase.words
        if not (recolored and w.kind == "color")
        and not (numbers and w.kind in ("number", "article"))
        and not (w.kind in ATTRIBUTE_KINDS and lexicon.groups.get("opposites", {}).get(w.text) in opposites)
        and w.text not in {a.text for a in attributes}
    ]
    again = {w.text.rpartition(" ")[2] for w in attributes}
    kept = [_without_opposite(w, opposites, again) if w.kind == "noun" else w for w in kept]
    kept = [_without_color(w) if recolored and w.kind == "noun" else w for w in kept]
    kept = [w for i, w in enumerate(kept) if not (w.kind == "and" and (i == 0 or kept[i - 1].kind == "and"))]
    heads = [w for w in words if w.kind == "noun"]
    first = next((i for i, w in enumerate(kept) if w.kind in NOUN_KINDS), len(kept))
    if heads:
        kept = [heads[-1] if _narrows(heads[-1], w) else w for w in kept]
    last = head_position(kept)
    if numbers and last is not None and (not heads or same(kept[last], heads[-1])):
        singular = lexicon.lemma(kept[last].text)
        many = numbers[0].text not in ("one", "1")
        kept[last] = replace(kept[last], text=lexicon.plural(singular) if many else singular)
    relation = next((i + 1 for i, w in enumerate(kept[:first]) if w.kind in ("relation", "and")), 0)
    described = kept[relation:first]
    if not recolored:
        cut = next((i for i, w in enumerate(described) if w.kind == "color"), len(described))
    else:
        cut = len(described)
    row = [*kept[:relation], *numbers, *described[:cut], *attributes, *described[cut:], *kept[first:]]
    return replace(phrase, words=tuple(row))


def _narrows(new: Word, old: Word) -> bool:
    """``golden hair`` for ``hair``: the same thing said more exactly."""
    return old.kind == "noun" and new.text.endswith(" " + old.text)


def _without_color(noun: Word) -> Word:
    """``black cat`` in another colour: the cat alone. A goldfish or a blue jay stays what it is."""
    lexicon = lexicons.load()
    first, _, rest = noun.text.partition(" ")
    color, thing = lexicon.english.get(first), lexicon.find_english(rest) if rest else None
    if color and color.kind == "color" and thing and thing.kind == "noun":
        return replace(noun, text=rest, source="")
    return noun


def _without_opposite(noun: Word, opposites: set[str | None], again: set[str]) -> Word:
    """``old man`` made young, ``short hair`` made long: the noun alone."""
    first, _, rest = noun.text.partition(" ")
    if rest and (first in again or lexicons.load().groups.get("opposites", {}).get(first) in opposites - {None}):
        return replace(noun, text=rest, source="")
    return noun


def set_number(brief: Brief, count: int, written: str) -> Brief:
    """So many of the main subject."""
    at = _counted_subject(brief)
    if at is None:
        return brief
    lexicon = lexicons.load()
    phrase = brief.phrases[at]
    words = [w for w in phrase.words if w.kind not in ("number", "article", "measure")]
    last = head_position(words)
    assert last is not None  # a subject has a noun
    text = lexicon.lemma(words[last].text)
    first, _, rest = text.partition(" ")
    if rest and (said := lexicon.english.get(first)) and said.kind == "number":
        text = lexicon.lemma(rest)  # 两个人 is one word, two people
    words[last] = replace(words[last], text=lexicon.plural(text) if count > 1 else text)
    lead = 1 if words[0].kind in ("relation", "and") else 0
    names = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    text = names[count] if count < len(names) else str(count)
    words.insert(lead, Word(text, "number", "", written if not written.isascii() else ""))
    return with_phrase(brief, at, replace(phrase, words=tuple(words)))


def _counted_subject(brief: Brief) -> int | None:
    """What a bare number counts: the main subject, but rather a thing in a landscape than the landscape."""
    things = [
        index
        for index, phrase in enumerate(brief.phrases)
        if phrase.slot == "subject"
        and (head := phrase.head)
        and head.kind == "noun"
        and head.domain not in FORMAT_DOMAINS
    ]
    countable = [i for i in things if (head := brief.phrases[i].head) and head.domain not in PLACES]
    return next(iter(countable), main_subject(brief))


def colors_folded(brief: Brief) -> Brief:
    """Colours that stand alone go to their noun before another one comes."""
    loose = [p for p in brief.phrases if p.slot == "color" and len(p.words) == 1 and p.words[0].kind == "color"]
    at = main_subject(brief)
    if not loose or at is None:
        return brief
    brief = with_phrase(brief, at, blend(brief.phrases[at], loose[0].words))
    return replace(brief, phrases=tuple(p for p in brief.phrases if p not in loose))


def give_part(brief: Brief, quality: Word, part: Word) -> Brief:
    """A part of the main subject that was not named before: with long hair."""
    at = main_subject(brief)
    owner = brief.phrases[at].head if at is not None else None
    if at is None or owner is None or part.domain != "part" or not animate(owner):
        return insert(brief, len(brief.phrases), [Phrase((quality, part), "attribute")])
    kept = tuple(
        replace(w, text=re.sub(rf"\b[\w-]+-{re.escape(part.text)}ed\b ?", "", w.text)) for w in brief.phrases[at].words
    )
    brief = with_phrase(brief, at, replace(brief.phrases[at], words=tuple(w for w in kept if w.text or w.source)))
    had = at + 1 < len(brief.phrases) and brief.phrases[at + 1].words[0].text == "with" and brief.phrases[at + 1].joined
    lead = Word("and", "and") if had else Word("with", "relation")
    return insert(brief, at + 1 + had, [Phrase((lead, quality, part), "action", True)])
