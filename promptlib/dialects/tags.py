"""Dialects that are rows of tags: ``tags`` (SD 1.5, SDXL), ``booru`` (anime models) and ``midjourney``."""

from __future__ import annotations

import math
from collections.abc import Sequence

from promptlib.brief import Brief, Phrase
from promptlib.dialects.base import Dialect, Draft, Nearest
from promptlib.records import Prompt, Tag, Target
from promptlib.understanding.editing import groups


class Tags(Dialect):
    """Comma-separated captions, what there is before how it looks."""

    id = "tags"

    def render(self, tags: Sequence[Tag]) -> str:
        return ", ".join(tag.text for tag in tags)


class Booru(Tags):
    """Short tags, people counted first (``1girl``), quality words in front."""

    id = "booru"
    quality_at = "front"

    def draft(self, brief: Brief, target: Target, nearest: Nearest | None = None) -> Draft:
        rows = groups(brief.phrases)
        people = [tag for group in rows for phrase in group if (tag := _people(phrase))]
        rest = [self.tag([phrase]) for group in rows for phrase in group]
        return Draft([*people, *[tag for tag in rest if tag.text]])

    def words(self, group: Sequence[Phrase]) -> str:
        return " ".join(w.text.lower() for p in group for w in p.words if w.text and w.kind not in ("article", "and"))


def _people(phrase: Phrase) -> Tag | None:
    """``two girls`` are ``2girls`` to a model trained on booru tags."""
    head = phrase.head
    kind = {
        "girl": "girl",
        "girls": "girl",
        "woman": "girl",
        "women": "girl",
        "boy": "boy",
        "boys": "boy",
        "man": "boy",
        "men": "boy",
    }.get(head.text if head else "")
    if kind is None or head is None or phrase.slot != "subject":
        return None
    numbers = {"two": 2, "three": 3, "four": 4, "five": 5, "2": 2, "3": 3, "4": 4, "5": 5}
    count = next((numbers[word.text] for word in phrase.words if word.text in numbers), 1)
    return Tag(f"{count}{kind}{'s' if count > 1 else ''}", "subject", "house", head.source)


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
