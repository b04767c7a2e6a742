"""The dialect ``booru``: the tags of picture boards, for anime models (Illustrious, Pony, Animagine).

With a real tag list (the target's `vocabulary`) the words are said as the list says them, through its aliases. What
the person said and the list does not know stands last, in their words; what easel would add and the list does not know
is left out. Without a list the built-in vocabulary serves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from promptlib import lexicon as lexicons
from promptlib.brief import ATTRIBUTE_KINDS, Brief, Phrase, Word
from promptlib.dialects.base import Draft, Nearest, in_order, origin_of, source_of
from promptlib.dialects.taglist import TagList, load
from promptlib.dialects.tags import Tags
from promptlib.records import Tag, Target
from promptlib.understanding import parameters
from promptlib.understanding.nouns import animate

#: What a booru tag does without: red hat, not in red hat.
_LEADING = {"and", "with", "in", "at", "wearing", "of"}
_PEOPLE = {
    **dict.fromkeys(("girl", "girls", "woman", "women", "lady", "ladies"), "girl"),
    **dict.fromkeys(("boy", "boys", "man", "men", "gentleman", "gentlemen"), "boy"),
}
#: The board counts to five.
_MOST = 5
#: Words of the longest tag that is looked for inside a phrase.
_LONGEST = 5
#: Words that need no tag of their own once the words around them have one.
_SMALL = frozenset(
    {"a", "an", "the", "and", "with", "wearing", "in", "on", "at", "of", "by", "to", "from", "his", "her"}
)
_SMALL_KINDS = frozenset({"article", "and", "skipped"})


class Booru(Tags):
    """Short tags, people counted first (``1girl, solo``), quality words in front."""

    id = "booru"
    quality_at = "front"

    def draft(self, brief: Brief, target: Target, nearest: Nearest | None = None) -> Draft:
        phrases = [phrase for group in in_order(brief.phrases) for phrase in group]
        tags = _people(phrases)
        others: list[Tag] = []
        for phrase in phrases:
            plain = [replace(self.tag([phrase]), text=text) for text in self._texts(phrase)]
            if target.vocabulary:
                found, unknown = _listed(phrase, plain, load(target.vocabulary))
                tags += found
                others += unknown
            else:
                tags += plain
        return Draft(list({tag.text: tag for tag in reversed([*tags, *others]) if tag.text}.values())[::-1])

    def adopted(self, tag: Tag, target: Target) -> Tag | None:
        if not target.vocabulary:
            return tag
        name = load(target.vocabulary).find(tag.text)
        return replace(tag, text=name) if name else None

    def words(self, group: Sequence[Phrase]) -> str:
        return ", ".join(self._texts(group[0]))

    def _texts(self, phrase: Phrase) -> list[str]:
        """A phrase as one tag, or as several where the boards have one for each attribute: long hair, blue hair."""
        words = [word for word in phrase.words if word.text and word.kind not in ("article", "and")]
        if _person(phrase):
            # The count says it: what is left is what they look like.
            words = [word for word in words if word.kind != "number" and word.text.lower() not in _PEOPLE]
        while words and words[0].text in _LEADING and len(words) > 1:
            words = words[1:]
        looks = [word for word in words if word.kind in ATTRIBUTE_KINDS]
        if len(looks) > 1 and words[-1].domain == "part" and len(words) == len(looks) + 1:
            return [_text([look, words[-1]]) for look in looks]
        return [text] if (text := _text(words)) else []


def _text(words: Sequence[Word]) -> str:
    text = " ".join(word.text if word.kind == "quote" else word.text.lower() for word in words)
    return re.sub(r"^(?:(?:wearing|an?|the) )+(?=\w)", "", text)


def _person(phrase: Phrase) -> str:
    """``girl`` or ``boy`` for a phrase that names such a person, by what the person is a kind of."""
    head, above = phrase.head, lexicons.load().groups.get("hypernyms", {})
    if head is None or phrase.slot != "subject":
        return ""
    step, seen = head.text.lower(), set[str]()
    while step and step not in seen:
        if kind := _PEOPLE.get(step) or (_PEOPLE.get(step.split()[-1]) if head.domain == "person" else None):
            return kind
        seen.add(step)
        step = above.get(step, "")
    return ""


def _people(phrases: Sequence[Phrase]) -> list[Tag]:
    """``two girls`` are ``2girls`` to a model trained on booru tags, and somebody alone is ``solo``."""
    counts: dict[str, int] = {}
    sources: dict[str, str] = {}
    for phrase in phrases:
        if kind := _person(phrase):
            said = (parameters.number(word.text) for word in phrase.words if word.kind == "number")
            counts[kind] = counts.get(kind, 0) + max(1, next(said, 1))
            sources[kind] = sources.get(kind, "") + (phrase.head.source if phrase.head else "")
    tags = [
        Tag(f"{count if count <= _MOST else f'{_MOST + 1}+'}{kind}{'s' if count > 1 else ''}", "subject", "house", said)
        for (kind, count), said in zip(sorted(counts.items(), reverse=True), _in_order(sources), strict=True)
    ]
    living = sum(phrase.slot == "subject" and phrase.head is not None and animate(phrase.head) for phrase in phrases)
    return [*tags, Tag("solo", "subject", "house")] if sum(counts.values()) == living == 1 else tags


def _in_order(sources: dict[str, str]) -> Iterator[str]:
    return (sources[kind] for kind in sorted(sources, reverse=True))


# --- with a tag list ------------------------------------------------------------------------------------------


def _listed(phrase: Phrase, plain: Sequence[Tag], known: TagList) -> tuple[list[Tag], list[Tag]]:
    """A phrase as tags of the list, and what of it stays in the person's words."""
    # What our lexicon does not know may be somebody's name.
    words, lexicon = [word for word in phrase.words if word.kind == "noun"], lexicons.load()
    named = phrase.slot == "artist" or any(lexicon.find_english(word.text) is None for word in words)
    found: list[str] = []
    unknown: list[Tag] = []
    for tag in plain:
        if any(word.kind == "quote" for word in phrase.words):
            unknown.append(tag)
            continue
        names, whole = _cover(tag.text, phrase, known, named)
        found += names
        unknown += [] if whole else [tag]
    origin, source = origin_of([phrase]), source_of([phrase])
    return [Tag(name, phrase.slot, origin, source) for name in dict.fromkeys(found)], unknown


def _cover(text: str, phrase: Phrase, known: TagList, named: bool) -> tuple[list[str], bool]:
    """The tags that say a text, and whether they say all of it."""
    text = re.sub(r"\b(?:an?|the) (?=\w)", "", text)
    if name := known.find(text, named=named):
        return [name], _says(name, text)
    words = text.split()
    looks = {word.text.lower() for word in phrase.words if word.kind in ATTRIBUTE_KINDS}
    noun = " ".join(word for word in words if word not in looks)
    if len(words) > 1 and noun and all(word in looks for word in words[: len(words) - len(noun.split())]):
        pairs = [known.find(f"{look} {noun}", named=named) for look in words if look in looks]
        if pairs and all(pair and _says(pair, f"{look} {noun}") for pair, look in zip(pairs, words, strict=False)):
            return pairs, True
    small = _SMALL | {word.text.lower() for word in phrase.words if word.kind in _SMALL_KINDS}
    names: list[str] = []
    whole, at = True, 0
    while at < len(words):
        spans = (
            (n, known.find(" ".join(words[at : at + n]), named=named)) for n in range(min(5, len(words) - at), 0, -1)
        )
        length, name = next(((n, name) for n, name in spans if name), (1, ""))
        if name and not (length == 1 and words[at] in small):
            names.append(name)
            whole = whole and _says(name, " ".join(words[at : at + length]))
        else:
            whole = whole and words[at] in small
        at += length
    # A colour or a manner says nothing without its thing, nor one half of a compound: the person's words say both.
    joints = sum(word.kind == "verb" for word in phrase.words) + sum(word in small for word in words[1:])
    return [name for name in names if name not in looks], whole and not looks and len(names) <= 1 + joints


def _says(name: str, text: str) -> bool:
    """Whether a tag says all of a text; an alias may have lost something on the way (red apple -> apple)."""
    lemma = lexicons.load().lemma
    said, asked = ({lemma(word) for word in re.findall(r"\w+", part.lower())} for part in (name, text))
    return not said < asked
