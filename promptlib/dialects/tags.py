"""Dialects that are plain rows of tags: ``tags`` (SD 1.5, SDXL) and ``midjourney``."""

from __future__ import annotations

import math
from collections.abc import Sequence

from promptlib.dialects.base import Dialect
from promptlib.records import Prompt, Tag


class Tags(Dialect):
    """Comma-separated captions, what there is before how it looks."""

    id = "tags"

    def render(self, tags: Sequence[Tag]) -> str:
        return ", ".join(tag.text for tag in tags)


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
