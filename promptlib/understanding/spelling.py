"""Slips of the pen in well-known visual words: portait -> portrait, dramtic -> dramatic.

Only a word that nobody knows is mended, and only to one that is very near. Known are the words of the lexicon,
of the models' own vocabulary and of the dictionary; names and rare words stay as they were typed.
"""

from __future__ import annotations

from functools import cache

from promptlib import lexicon as lexicons
from promptlib import tokens
from promptlib.understanding import dictionary

#: Shorter words have too many neighbours.
_SHORTEST = 5
#: From this length on two slips are allowed.
_LONG = 9
#: What English makes new words with.
_ENDINGS = ("er", "ers", "less", "like", "ness", "ish")


@cache
def mended(word: str) -> str:
    """The word that was meant."""
    if len(word) < _SHORTEST or not (word.isascii() and word.isalpha() and word.islower()):
        return word
    if word in _vocabulary() or lexicons.load().find_english(word) or tokens.count(word) == 1:
        return word
    if word in dictionary.english_words() or _built(word):
        return word
    allowed = 2 if len(word) >= _LONG else 1
    near = [
        (distance, sorted(other) != sorted(word), -len(other), other)  # swapped letters are the likeliest
        for other in _vocabulary()
        if other[0] == word[0] and abs(len(other) - len(word)) <= allowed
        if (distance := _distance(word, other)) <= allowed
    ]
    return min(near)[-1] if near else word


def _built(word: str) -> bool:
    """Whether a word is made of a known one: a roaster roasts."""
    stems = (word.removesuffix(ending) for ending in _ENDINGS if word.endswith(ending))
    return any(stem in _vocabulary() or stem + "e" in _vocabulary() for stem in stems)


@cache
def _vocabulary() -> frozenset[str]:
    return frozenset(
        part for form in lexicons.load().english for part in form.split() if len(part) >= _SHORTEST and part.isalpha()
    )


def _distance(one: str, other: str) -> int:
    """How many letters were left out, added, mistaken or swapped."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        last, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
