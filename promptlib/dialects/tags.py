"""Dialects that are rows of tags: ``tags`` (SD 1.5, SDXL), ``booru`` (anime models) and ``midjourney``."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from promptlib import lexicon as lexicons
from promptlib.brief import Brief, Phrase
from promptlib.dialects.base import Dialect, Draft, Nearest, in_order
from promptlib.records import Prompt, Tag, Target
from promptlib.understanding.nouns import animate


class Tags(Dialect):
    """Comma-separated captions, what there is before how it looks."""

    id = "tags"

    def render(self, tags: Sequence[Tag]) -> str:
        return ", ".join(tag.text for tag in tags)


class Booru(Tags):
    """Short tags, people counted first (``1girl, solo``), quality words in front."""

    id = "booru"
    quality_at = "front"

    def draft(self, brief: Brief, target: Target, nearest: Nearest | None = None) -> Draft:
        phrases = [phrase for group in in_order(brief.phrases) for phrase in group]
        tags = [*_people(phrases), *[self.tag([phrase]) for phrase in phrases]]
        return Draft(list({tag.text: tag for tag in reversed(tags) if tag.text}.values())[::-1])

    def words(self, group: Sequence[Phrase]) -> str:
        words = [word for phrase in group for word in phrase.words if word.text and word.kind not in ("article", "and")]
        if _person(group[0]):
            # The count says it: what is left is what they look like.
            words = [word for word in words if word.kind != "number" and word.text.lower() not in _PEOPLE]
        while words and words[0].text in _LEADING and len(words) > 1:
            words = words[1:]
        text = " ".join(word.text if word.kind == "quote" else word.text.lower() for word in words)
        return re.sub(r"^(?:(?:wearing|an?|the) )+(?=\w)", "", text)


#: What a booru tag does without: red hat, not in red hat.
_LEADING = {"and", "with", "in", "at", "wearing", "of"}
_PEOPLE = {
    **dict.fromkeys(("girl", "girls", "woman", "women", "lady", "ladies"), "girl"),
    **dict.fromkeys(("boy", "boys", "man", "men", "gentleman", "gentlemen"), "boy"),
}
_NUMBERS = {"two": 2, "three": 3, "four": 4, "five": 5, "2": 2, "3": 3, "4": 4, "5": 5}


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
            counts[kind] = counts.get(kind, 0) + next(
                (_NUMBERS[word.text] for word in phrase.words if word.text in _NUMBERS), 1
            )
            sources[kind] = sources.get(kind, "") + (phrase.head.source if phrase.head else "")
    tags = [
        Tag(f"{count}{kind}{'s' if count > 1 else ''}", "subject", "house", sources[kind])
        for kind, count in sorted(counts.items(), reverse=True)
    ]
    living = sum(phrase.slot == "subject" and phrase.head is not None and animate(phrase.head) for phrase in phrases)
    return [*tags, Tag("solo", "subject", "house")] if sum(counts.values()) == living == 1 else tags


_LANDSCAPE = ((5, 4), (4, 3), (3, 2), (16, 9), (2, 1), (21, 9), (3, 1))
_RATIOS = ((1, 1), *_LANDSCAPE, *[(high, wide) for wide, high in _LANDSCAPE])


class Midjourney(Tags):
    """A line ready to paste, with its flags."""

    id = "midjourney"
    quality_at = "nowhere"

    def finish(self, text: str, prompt: Prompt) -> str:
        flags = [text]
        wide, high = min(_RATIOS, key=lambda ratio: abs(math.log(prompt.width / prompt.height * ratio[1] / ratio[0])))
        if wide != high:
            flags.append(f"--ar {wide}:{high}")
        if prompt.negative:
            flags.append(f"--no {prompt.negative}")
        if prompt.seed is not None:
            flags.append(f"--seed {prompt.seed}")
        return " ".join(flags)
