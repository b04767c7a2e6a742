"""Walking along the words of a Chinese clause: looking ahead, taking words, gathering noun phrases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from promptlib.brief import ATTRIBUTE_KINDS, Word
from promptlib.understanding.nouns import THINGS, animate, has_thing
from promptlib.understanding.words import MODIFIER_SLOTS

NP_STARTS = {"number", "measure", "adverb", "noun", "quote", *ATTRIBUTE_KINDS}
#: Modifiers that are things as well: 在 雨 中, 阳光 照 进来.
THINGLIKE = {"weather", "light", "time"}


def _separate(thing: Word) -> bool:
    """Whether an attribute after a thing says something of the thing, not of the next one."""
    return animate(thing) or thing.domain == "part"


class Cursor:
    """A place in a row of words."""

    def __init__(self, words: Sequence[Word]) -> None:
        self.words = words
        self.at = 0

    def _peek(self, offset: int = 0) -> Word:
        index = self.at + offset
        return self.words[index] if 0 <= index < len(self.words) else Word("", "end")

    def _kind(self, offset: int = 0) -> str:
        return self._peek(offset).kind

    def _take(self) -> Word:
        word = self._peek()
        self.at += 1
        return word

    def _skip(self, *kinds: str) -> None:
        while self._kind() in kinds:
            self.at += 1

    def _gather(self, *, embedded: bool = False) -> tuple[list[Word], bool]:
        """Number, attributes and nouns from here on; whether they own what follows (的).

        Embedded in a place or an action, light and weather are things too (雨 中), and a verb with 的 describes
        (飞舞 的 蝴蝶).
        """
        words: list[Word] = []
        while True:
            word, things = self._peek(), [w for w in words if w.kind in THINGS]
            describes = word.kind in ATTRIBUTE_KINDS or word.kind == "adverb"
            if describes and things and not (self._noun_follows() and not embedded and not _separate(things[-1])):
                break
            if word.kind in ("number", "measure") and things:
                break
            if describes or word.kind in THINGS or word.kind in ("number", "measure"):
                words.append(word)
            elif embedded and not things and word.kind in THINGLIKE:
                words.append(replace(word, kind="noun", domain="nature"))
            elif (
                embedded and not things and word.kind == "verb" and self._kind(1) == "de" and self._kind(2) in NP_STARTS
            ):
                words.append(replace(word, kind="adjective"))
            elif word.kind in ("particle", "de") and words and words[-1].kind in {*ATTRIBUTE_KINDS}:
                pass
            elif (
                word.kind == "suffix"
                and word.text == "background"
                and words
                and words[-1].kind not in ("number", "measure")
            ):
                words.append(Word("background", "noun", "background", word.source))
            else:
                break
            self.at += 1
        return words, self._kind() == "de" and has_thing(words)

    def _noun_follows(self) -> bool:
        """Whether the attribute here describes a noun after it, not the one before (花瓣 白)."""
        offset = 0
        while self._kind(offset) in {*ATTRIBUTE_KINDS, "de", "adverb"}:
            offset += 1
        return self._kind(offset) == "noun" or self._kind(offset) in MODIFIER_SLOTS
