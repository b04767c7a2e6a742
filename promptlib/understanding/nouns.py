"""Numbers, measure words and owners around Chinese nouns, in English."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from promptlib import lexicon as lexicons
from promptlib.brief import Word

THINGS = {"noun", "quote"}
_ANIMATE = {"animal", "person", "fantasy"}
#: What an animate owner has with an 's; anything else of theirs is a plain compound.
_OWNED = {"part", "clothes", "object", "building", "vehicle", "animal", "person", "food", "place"}
#: Things of which there are not several.
_MASS = {"mass", "material"}
#: What is in these is not counted: two cups of coffee.
_CONTAINERS = ("cups of", "bowls of", "bottles of", "jars of", "buckets of", "slices of", "kinds of")
_MANY = {"a group of", "a bunch of", "a pile of", "a row of", "a basket of", "a pair of", "a stack of"}


def animate(word: Word) -> bool:
    return word.domain in _ANIMATE


def has_thing(words: Sequence[Word]) -> bool:
    return any(word.kind in THINGS for word in words)


def visible(words: Sequence[Word]) -> list[Word]:
    """The words without bare measure words."""
    return [word for word in words if word.kind != "measure" or word.text]


def owned(owner: Sequence[Word], thing: Sequence[Word]) -> list[Word]:
    """小女孩 的 帽子 -> little girl's hat; 咖啡店 的 招牌 -> cafe sign."""
    last, head = owner[-1], thing[-1] if thing else None
    if animate(last) and head is not None and head.domain in _OWNED and not last.text.endswith("'s"):
        return [*owner[:-1], replace(last, text=last.text + "'s", kind="adjective"), *thing]
    return [*owner, *thing]


def _paired(words: Sequence[Word]) -> bool:
    """一对情侣 is one couple."""
    return any(
        re.search(r"\b(?:couple|lovers|newlyweds|twins|bride and groom|mandarin ducks)\b", word.text) for word in words
    )


def numbered(words: Sequence[Word]) -> tuple[Word, ...]:
    """Number, measure and nouns: 三 只 猫 -> three cats, 两 杯 咖啡 -> two cups of coffee."""
    lexicon = lexicons.load()
    row: list[Word] = []
    many, counted = False, False
    for word in words:
        if word.kind == "number":
            one = word.text in ("one", "1")
            many, counted = not one and word.text not in ("half", "every"), True
            row.append(replace(word, text="") if one else word)
        elif word.kind == "measure":
            text = word.text if counted and not (word.text == "a pair of" and _paired(words)) else ""
            if many and text:
                text = lexicon.plural(text.removeprefix("a "))
            many = text in _MANY or (many and not text.startswith(_CONTAINERS))
            row.append(replace(word, text=text))
        elif word.source == "人" and not counted:
            row.append(replace(word, text="people"))
        else:
            row.append(word)
    last = max((i for i, word in enumerate(row) if word.kind == "noun"), default=None)
    if many and last is not None and row[last].domain not in _MASS:
        row[last] = replace(row[last], text=lexicon.plural(row[last].text))
    return tuple(row)
