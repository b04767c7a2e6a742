"""What a person tells around a request: what happened, how they feel, whom it is for. It is not painted.

Only where the message asks for a picture besides; a story that is itself the picture (画出来) stays. Knows no grammar:
data/lexicon/patterns.tsv says what a story and a wish look like.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from promptlib import lexicon as lexicons
from promptlib.brief import Word
from promptlib.understanding.segment import segment

#: A wish that points back at what was told: that is the picture then.
_POINTS_BACK = re.compile(
    r"(?:这|那)(?:个|只|位|幅|种|一幕|一刻)?|(?:它|他|她)们?|\b(?:that|this|it|him|her|them|one)\b", re.IGNORECASE
)
_SEEN_DOMAINS = {"animal", "person", "vehicle", "plant", "fantasy", "building", "landmark", "nature", "place"}
_PAINTED_DOMAINS = {*_SEEN_DOMAINS, "food", "object", "clothes", "event", "mass"}
_FOR_WHOM = re.compile(r"(?:给|为|帮|替|送)(?:它|他|她)们?")
#: What somebody saw or dreamt is what they want to see.
_SEEN = re.compile(
    r"梦|看到|看见|见到|脑子里|脑海|眼前|想象|是只|是个|叫|\b(?:dream\w*|saw|seen|imagin\w+|is|was|are|were|has|had)\b",
    re.IGNORECASE,
)
#: What a wish that points back is made of: 能画出来吗.
_ASKING = re.compile(r"[\W_]|出来|下来|一下|一张|画|能不能|能|可以|帮我|给我|请|你|把|想|吗|成|吧")
_HAN = re.compile(r"[\u3400-\u9fff]")
_NOUN_PHRASE = re.compile(r"(?:an?|the|some|two|three|four|five|\d+|one)\s", re.IGNORECASE)
#: Particles of speech; a caption has none.
_SPOKEN = set("了 过 吧 呢 啊 呀 哦 嘛 吗 啦 哈 我 你 您 我的 我们 你的 大家 自己 他 她 的话 给我 帮我 请 什么".split())  # noqa: SIM905
#: Time words of a story that became the picture.
_TELLING = re.compile(
    r"^(?:我们?)?(?:从前|很久以前|小时候|昨天|昨晚|昨夜|前几天|上周|去年|以前|有一天|那天)(?:我们?)?(?:做了?个?梦)?(?:看到|看见|梦到|梦见|见到)?了?"
)


def from_wish(part: str) -> str:
    """A clause from where it comes to the wish: you're gonna laugh but I need a moose -> I need a moose."""
    start = _wish_starts(part)
    return part[start:] if start else part


def _wish_starts(part: str) -> int | None:
    """Where in a clause its wish begins; None where it has none."""
    lexicon = lexicons.load()
    for label, pattern in lexicon.patterns["wish_start"]:
        found = pattern.search(part)
        if found is None or not re.search(r"\w", part[found.end() :]):
            continue
        before = part[: found.start()]
        if not before or lexicon.match("talk", before) or (label == "sure" and not _NOUN_PHRASE.match(before)):
            return found.start()
    return None


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
        shown = [at for at, part in enumerate(parts) if at != wish and (at not in told or _SEEN.search(part))]
        before = [_TELLING.sub("", parts[at]) for at in shown or range(len(parts)) if at != wish]
        return [part for part in before if part]
    told |= _led_up(parts, told)
    kept = [part for at, part in enumerate(parts) if at not in told]
    return kept or parts


def _led_up(parts: list[str], told: set[int]) -> set[int]:
    """What was only said on the way to a wish that names everything: 考考你,画一只…; it might be hard but draw a …"""
    lexicon = lexicons.load()
    start = next((at for at, part in enumerate(parts) if at not in told and _wish_starts(part) == 0), 0)
    if _POINTS_BACK.search(_FOR_WHOM.sub("", parts[start])) or lexicon.match("adds_to", parts[start]):
        return set()
    return {
        at for at, part in enumerate(parts[:start]) if not lexicon.match("reason", part) and not _may_be_shown(part)
    }


def _may_be_shown(part: str) -> bool:
    """Whether a clause before the wish may belong to the picture: a noun phrase, a style, a light, a place."""
    if not _HAN.search(part):
        said = part.lower().split()
        kinds = [entry.kind if (entry := lexicons.load().english.get(word)) else "" for word in said]
        return bool(_NOUN_PHRASE.match(part)) or "skipped" not in kinds[: len(said)]
    words = segment(part)
    if lexicons.load().match("theme", part) or _shows_a_thing(words) or _denies(words):
        return True
    if words and words[0].kind in ("number", "measure"):
        return True
    return not any(
        (word.kind == "verb" and words[at + 1 : at + 2] and words[at + 1].kind != "de")
        or word.kind in ("preposition", "negation")
        or (word.kind == "particle" and word.source in _SPOKEN)
        or (word.kind == "verb" and at == len(words) - 1)
        for at, word in enumerate(words)
    )


def _shows_a_thing(words: list[Word]) -> bool:
    """Whether a clause is a sentence about something to be seen, not about who speaks."""
    return any(word.domain in _SEEN_DOMAINS for word in words) and not any(word.source in _SPOKEN for word in words)


def names_a_picture(part: str) -> bool:
    """Whether a clause says what to paint, whatever is told around it: 一种飘在天上的云, so show me a hammock."""
    found = lexicons.load().match("names_picture", part)
    if found is None:
        return False
    if _HAN.search(part):
        words = segment(part)
        return any(word.domain in _PAINTED_DOMAINS for word in (words[-1:] if found[0] == "ends" else words))
    known = (lexicons.load().find_english(word) for word in re.findall(r"[\w-]+", found[1]["thing"]))
    return any(entry is not None and entry.domain in _PAINTED_DOMAINS for entry in known)


def _denies(words: list[Word]) -> bool:
    """Whether a clause says what is to be left out: 不要 蓝色; not 不要 笑话 我."""
    return len(words) > 1 and words[0].kind == "negation" and words[-1].kind in ("noun", "color", "suffix")


def _wishes(part: str) -> bool:
    return lexicons.load().match("wish", part) is not None


def _says_more(wish: str) -> bool:
    """Whether a wish names something of its own."""
    return bool(_ASKING.sub("", _POINTS_BACK.sub("", wish)))
