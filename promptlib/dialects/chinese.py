"""The dialect ``chinese``: for models that read Chinese at least as well as English."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from promptlib import lexicon as lexicons
from promptlib.brief import Phrase, Word
from promptlib.dialects.base import Dialect
from promptlib.records import Tag

#: English relations as the words behind a Chinese place, and before a Chinese thing.
_PLACE_WORDS = {
    "on": "上",
    "in": "里",
    "under": "下",
    "beside": "旁",
    "behind": "后",
    "in front of": "前",
    "above": "上方",
    "at": "",
    "inside": "里",
    "outside": "外",
    "near": "附近",
    "between": "之间",
    "over": "上方",
}
_PREPOSITIONS = {
    "and": "和",
    "with": "带着",
    "of": "",
    "from": "从",
    "like": "像",
    "by": "被",
    "to": "到",
    "through": "透过",
    "toward": "朝着",
}


class Chinese(Dialect):
    """The person's own Chinese; English words by their Chinese name where the lexicon has one."""

    id = "chinese"
    quality_at = "nowhere"
    enriched = False

    def words(self, group: Sequence[Phrase]) -> str:
        others = [p for p in group[1:] if p.words[0].kind == "relation" and p.words[0].text == "and"]
        details = [p for p in group[1:] if p not in others]
        places = [_located(p) for p in details if p.words[0].kind == "relation"]
        actions = [_written(p.words) for p in details if p.words[0].kind != "relation"]
        said = "".join([*places, "、".join(actions)])
        return (said + "的" if said else "") + "".join([_located(group[0]), *[_written(p.words) for p in others]])

    def render(self, tags: Sequence[Tag]) -> str:
        return ",".join(tag.text for tag in tags)


def _located(phrase: Phrase) -> str:
    """on the moon -> 在月亮上: Chinese puts the place word behind."""
    lead, rest = phrase.words[0], phrase.words[1:]
    if lead.kind != "relation" or not rest:
        return _written(phrase.words)
    if lead.text in _PLACE_WORDS:
        thing = _written(rest)
        return f"在{thing}" if thing.endswith(tuple("边上里下中前后")) else f"在{thing}{_PLACE_WORDS[lead.text]}"
    return (lead.source or _PREPOSITIONS.get(lead.text, f" {lead.text} ")) + _written(rest)


def _written(words: Sequence[Word]) -> str:
    return "".join(_name(word) for word in words if word.kind != "article")


def _name(word: Word) -> str:
    if word.source or not word.text:
        return word.source
    if word.kind == "relation":
        return _PREPOSITIONS.get(word.text, "")
    lexicon = lexicons.load()
    return _names().get(word.text.lower()) or _names().get(lexicon.lemma(word.text)) or f" {word.text} "


@cache
def _names() -> dict[str, str]:
    names: dict[str, str] = {}
    for chinese, entry in lexicons.load().chinese.items():
        if entry.english:
            names.setdefault(entry.english.lower(), chinese)
    return names
