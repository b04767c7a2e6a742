"""The dialect ``chinese``: for models that read Chinese at least as well as English."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from promptlib import lexicon as lexicons
from promptlib.brief import Phrase, Word
from promptlib.dialects.base import Dialect
from promptlib.records import Tag


class Chinese(Dialect):
    """The person's own Chinese; English words by their Chinese name where the lexicon has one."""

    id = "chinese"
    quality_at = "nowhere"
    enriched = False

    def words(self, group: Sequence[Phrase]) -> str:
        row: list[str] = []
        for phrase in reversed(group[1:]):
            row.append(_written(phrase) + "的")
        row.append(_written(group[0]))
        return "".join(row)

    def render(self, tags: Sequence[Tag]) -> str:
        return ",".join(tag.text for tag in tags)


def _written(phrase: Phrase) -> str:
    return "".join(_name(word) for word in phrase.words if word.kind not in ("article",))


def _name(word: Word) -> str:
    if word.source or not word.text:
        return word.source
    lexicon = lexicons.load()
    return _names().get(word.text.lower()) or _names().get(lexicon.lemma(word.text)) or f" {word.text} "


@cache
def _names() -> dict[str, str]:
    names: dict[str, str] = {}
    for chinese, entry in lexicons.load().chinese.items():
        if entry.english:
            names.setdefault(entry.english.lower(), chinese)
    return names
