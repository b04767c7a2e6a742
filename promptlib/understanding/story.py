"""What a person tells around a request: what happened, how they feel, whom it is for. It is not painted.

Only where the message asks for a picture besides; a story that is itself the picture (画出来) stays. Knows no grammar:
data/lexicon/patterns.tsv says what a story and a wish look like.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from promptlib import lexicon as lexicons

#: A wish that points back at what was told: that is the picture then.
_POINTS_BACK = re.compile(
    r"(?:这|那)(?:个|只|位|幅|种|一幕|一刻)?|(?:它|他|她)们?|\b(?:that|this|it|him|her|them|one)\b", re.IGNORECASE
)
#: Time words of a story that became the picture.
_TELLING = re.compile(
    r"^(?:从前|很久以前|小时候|昨天|昨晚|前几天|上周|去年|以前|有一天|那天)(?:我|我们)?(?:看到|看见|梦到|梦见|见到)?了?"
)


def from_wish(part: str) -> str:
    """A clause from where it comes to the wish: you're gonna laugh but I need a moose -> I need a moose."""
    lexicon = lexicons.load()
    for _, pattern in lexicon.patterns["wish_start"]:
        found = pattern.search(part)
        if found and found.start() and part[found.end() :].strip() and lexicon.match("talk", part[: found.start()]):
            return part[found.start() :]
    return part


def without_story(parts: list[str], unframed: Callable[[str], str]) -> list[str]:
    """The clauses that may be painted."""
    parts = [from_wish(part) for part in parts]
    if len(parts) < 2:
        return parts
    lexicon = lexicons.load()
    wish = next((at for at, part in enumerate(parts) if lexicon.match("wish", part)), None)
    told: set[int] = set()
    for at, part in enumerate(parts):
        if at == wish:
            continue
        if lexicon.match("story", part) and not lexicon.match("reason", part) and not _wishes(part):
            told.add(at)
    if wish is not None and told and not _says_more(unframed(parts[wish])):
        before = [_TELLING.sub("", part) for at, part in enumerate(parts) if at != wish]
        return [part for part in before if part]
    kept = [part for at, part in enumerate(parts) if at not in told]
    return kept or parts


def _wishes(part: str) -> bool:
    return lexicons.load().match("wish", part) is not None


def _says_more(wish: str) -> bool:
    """Whether a wish names something of its own."""
    return bool(re.sub(r"[\W_]|出来|下来|一下|画", "", _POINTS_BACK.sub("", wish)))
