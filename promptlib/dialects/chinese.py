"""The dialect ``chinese``: for models that read Chinese at least as well as English."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from promptlib import lexicon as lexicons
from promptlib.brief import Brief, Phrase, Word
from promptlib.dialects.base import Dialect, Draft, Nearest
from promptlib.records import Tag, Target
from promptlib.understanding.request import simplified

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
    "by": "旁",
}
_PREPOSITIONS = {
    "and": "和",
    "with": "带着",
    "of": "",
    "from": "从",
    "like": "像",
    "to": "到",
    "through": "透过",
    "toward": "朝着",
}


#: What a body does in a place is said before the place: 坐在沙发上.
_POSTURES = {
    "sitting": "坐",
    "standing": "站",
    "lying": "躺",
    "kneeling": "跪",
    "squatting": "蹲",
    "floating": "漂浮",
    "parked": "停",
    "sleeping": "睡",
    "swimming": "游",
    "leaning": "靠",
    "perched": "停",
}
#: Where a thing already says which side of it is meant, or has none.
_PLACED = tuple("边上里下中前后头旁间处")
_MEASURES = {"animal": "只", "plant": "朵", "building": "座", "vehicle": "辆", "landmark": "座"}
_NUMBERS = {
    "two": "两",
    "three": "三",
    "four": "四",
    "five": "五",
    "six": "六",
    "seven": "七",
    "eight": "八",
    "ten": "十",
}
#: Whoever says no to something does not want it in the prompt, not even with a no before it.
_DENIAL = re.compile("[不没无别]")
_MARKS = re.compile(r"[,。!?;:,!?;\n]+")
#: What goes on behind the words that were understood.
_TAIL = re.compile("风格|风|的?感觉|的?氛围|[上下里中内外前后旁边](?:面|边)?")


class Chinese(Dialect):
    """The person's own Chinese; English words by their Chinese name where the lexicon has one."""

    id = "chinese"
    quality_at = "nowhere"
    enriched = False

    def draft(self, brief: Brief, target: Target, nearest: Nearest | None = None) -> Draft:
        """Clause by clause as the person said it; put together from the phrases where that was changed since."""
        own = _own_words(brief) if brief.kind == "image" and brief.language == "zh" else None
        return Draft(own) if own else super().draft(brief, target, nearest)

    def words(self, group: Sequence[Phrase]) -> str:
        others = [p for p in group[1:] if p.words[0].kind == "relation" and p.words[0].text == "and"]
        details = _actions([p for p in group[1:] if p not in others])
        said = "、".join(details)
        thing = "".join([_located(group[0]), *[_written(p.words) for p in others]])
        return (said.removesuffix("的") + "的" if said else "") + thing

    def render(self, tags: Sequence[Tag]) -> str:
        return ",".join(re.sub(r"(?<=[^\x00-\x7f]) | (?=[^\x00-\x7f])", "", tag.text.strip()) for tag in tags)


def _own_words(brief: Brief) -> list[Tag] | None:
    """What was understood of each clause, from the first word of it to the last; None where it is not in the text."""
    parts = _MARKS.split(simplified(brief.text))
    spans: dict[int, list[int]] = {}
    slots: dict[int, str] = {}
    for phrase in brief.phrases:
        written = [word.source or word.text for word in phrase.words if word.source or word.kind in ("noun", "quote")]
        at = next((n for n, part in enumerate(parts) if all(_find(part, word) >= 0 for word in written)), None)
        if at is None or not written:
            return None
        slots.setdefault(at, phrase.slot)
        for word in written:
            start = _find(parts[at], word)
            spans.setdefault(at, []).extend((start, start + len(word)))
    tags: list[Tag] = []
    for at, ends in sorted(spans.items()):
        part, end = parts[at], max(ends)
        if tail := _TAIL.match(part, end):
            end = tail.end()
        text = part[min(ends) : end].strip(' "“”')
        if brief.avoid and _DENIAL.search(text):
            return None
        tags.append(Tag(text, slots[at], "words", text))
    return tags


def _find(part: str, word: str) -> int:
    return part.lower().find(word.lower())


def _actions(details: Sequence[Phrase]) -> list[str]:
    """What is done and where, in the order of Chinese: 坐在沙发上, 在森林里读书."""
    said: list[str] = []
    waiting = ""
    for phrase in details:
        lead = phrase.words[0]
        if lead.kind == "relation" and lead.text in _PLACE_WORDS:
            place = _located(phrase)
            if waiting in _POSTURES.values():
                said[-1] = waiting + place
            elif waiting:
                said[-1] = place + waiting
            else:
                said.append(place if not said else place.removeprefix("在"))
            waiting = ""
        else:
            waiting = _POSTURES.get(lead.text, "") if len(phrase.words) == 1 else ""
            waiting = waiting or (_located(phrase) if lead.kind == "relation" else _written(phrase.words))
            said.append(waiting)
    return said


def _located(phrase: Phrase) -> str:
    """on the moon -> 在月亮上: Chinese puts the place word behind."""
    lead, rest = phrase.words[0], phrase.words[1:]
    if lead.kind != "relation" or not rest:
        return _written(phrase.words)
    if lead.text in _PLACE_WORDS:
        thing = _written(rest)
        return f"在{thing}" if thing.endswith(_PLACED) else f"在{thing}{_PLACE_WORDS[lead.text]}"
    return (lead.source or _PREPOSITIONS.get(lead.text, f" {lead.text} ")) + _written(rest)


def _written(words: Sequence[Word]) -> str:
    spoken = [word for word in words if word.kind != "article"]
    return "".join(
        _name(word, next((w for w in spoken[n:] if w.kind == "noun"), None)) for n, word in enumerate(spoken)
    )


def _name(word: Word, thing: Word | None = None) -> str:
    if word.source or not word.text:
        return word.source
    if word.kind == "relation":
        return _PREPOSITIONS.get(word.text, "")
    if word.kind == "number" and word.text in _NUMBERS:
        return _NUMBERS[word.text] + _MEASURES.get(thing.domain if thing else "", "个")
    lexicon = lexicons.load()
    return _names().get(word.text.lower()) or _names().get(lexicon.lemma(word.text)) or f" {word.text} "


@cache
def _names() -> dict[str, str]:
    """The first Chinese word of each English one; of colours the one that ends in 色, as they do before a noun."""
    names: dict[str, str] = {}
    for chinese, entry in lexicons.load().chinese.items():
        english = entry.english.lower()
        if english and (english not in names or (entry.kind == "color" and chinese == names[english] + "色")):
            names[english] = chinese
    return names
