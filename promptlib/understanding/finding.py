"""Finding things in a brief's phrases, and putting phrases where they belong. Each change returns a new brief.

A *group* is a phrase and the joined ones that go on from it. Knows nothing of what people ask for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from promptlib import lexicon as lexicons
from promptlib.brief import FORMAT_DOMAINS, Brief, Phrase, Word

PLACES = {"place", "nature", "building", "landmark"}


def groups(phrases: Sequence[Phrase]) -> list[list[Phrase]]:
    found: list[list[Phrase]] = []
    for phrase in phrases:
        if phrase.joined and found:
            found[-1].append(phrase)
        else:
            found.append([phrase])
    return found


def same(one: Word, other: Word) -> bool:
    """Whether two nouns name the same thing, be it one or many of it."""
    lexicon = lexicons.load()
    first, second = lexicon.lemma(one.text), lexicon.lemma(other.text)
    return first == second or (first.split()[-1:] == second.split()[-1:] and bool(first) and one.domain == other.domain)


def find(brief: Brief, word: Word) -> int | None:
    """The phrase that names a thing."""
    for index, phrase in enumerate(brief.phrases):
        if any(same(noun, word) for noun in phrase.nouns()):
            return index
    return None


def main_subject(brief: Brief) -> int | None:
    """The phrase of what the picture is about."""
    for formats in (False, True):
        for index, phrase in enumerate(brief.phrases):
            head = phrase.head
            if (
                phrase.slot == "subject"
                and head
                and head.kind == "noun"
                and (formats or head.domain not in FORMAT_DOMAINS)
            ):
                return index
    return None


def several_subjects(brief: Brief) -> bool:
    heads = [p.head for p in brief.phrases if p.slot == "subject" or p.words[0].kind == "and"]
    return sum(1 for head in heads if head is not None and head.domain not in FORMAT_DOMAINS) > 1


def head_position(words: Sequence[Word]) -> int | None:
    """Where the counted noun stands: the mug of a mug of coffee."""
    of = next((i for i, w in enumerate(words) if w.text == "of" and w.kind == "relation" and i), len(words))
    before = [i for i, w in enumerate(words[:of]) if w.kind == "noun" or (i == of - 1 and w.kind == "material")]
    before = before if of < len(words) else []
    nouns = before or [i for i, w in enumerate(words) if w.kind == "noun"]
    return nouns[-1] if nouns else None


def end_of_group(brief: Brief, start: int) -> int:
    end = start + 1
    while end < len(brief.phrases) and brief.phrases[end].joined:
        end += 1
    return end


def with_phrase(brief: Brief, index: int, phrase: Phrase) -> Brief:
    return replace(brief, phrases=(*brief.phrases[:index], phrase, *brief.phrases[index + 1 :]))


def insert(brief: Brief, index: int, phrases: Sequence[Phrase]) -> Brief:
    return replace(brief, phrases=(*brief.phrases[:index], *phrases, *brief.phrases[index:]))


def is_color_word(word: Word) -> bool:
    """颜色 itself: what has the colour is something else."""
    return lexicons.load().lemma(word.text) in ("color", "colour")


def is_place(phrase: Phrase) -> bool:
    head = phrase.head
    return phrase.slot == "setting" and phrase.words[0].kind == "relation" and bool(head and head.domain in PLACES)
