"""Putting what a Chinese clause says into phrases: subjects and what describes them, styles, places, actions.

The reader of a clause (chinese.py) decides what comes next; this keeps what is said before its noun until that comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

from promptlib.brief import ATTRIBUTE_KINDS, Phrase, Word
from promptlib.understanding.cursor import NP_STARTS, THINGLIKE, Cursor
from promptlib.understanding.nouns import THINGS, animate, has_thing, numbered, owned, visible
from promptlib.understanding.words import MODIFIER_SLOTS

#: How words become a style, a tone, a light: 商务 风, 蓝色 调.
_SUFFIX_SLOTS = {"tone": "color", "light": "light", "mood": "mood", "view": "camera", "lens": "camera"}
#: How somebody has what is named before them.
_WORN = {"clothes": "in", "part": "with"}


class PhraseBuilder(Cursor):
    """The phrases of a clause so far, and what still waits for its noun."""

    def __init__(self, words: Sequence[Word]) -> None:
        super().__init__(words)
        self.phrases: list[Phrase] = []
        self.avoid: list[str] = []
        self.ahead: list[Phrase] = []  # said before their noun: where it is, what it does
        self.relative = False  # whether 的 ties what is ahead to the next noun
        self.possessor: list[Word] = []
        self.counted: list[Word] = []  # 一只…的兔子: the number stands before the clause that describes
        self.subject: int | None = None  # where in the phrases the clause's last noun phrase stands
        self.relation: Word | None = None  # how the next noun phrase goes on from the one before
        self.verb_end = -1  # where a verb without object ended: the place after it belongs to it
        self.object: list[Word] = []  # what 把 put before its verb

    def _add_subject(self, words: Sequence[Word]) -> None:
        self._wear(words)
        row = owned(self.possessor, list(words)) if self.possessor else list(words)
        phrase = Phrase(numbered([*self.counted, *row]), "subject")
        self.counted, self.possessor = [], []
        if self.relation is not None:
            phrase = replace(phrase, words=(self.relation, *phrase.words), joined=True)
            self.relation = None
        self.subject = len(self.phrases)
        self.phrases.append(phrase)
        if self.relative or not (self._kind() == "and" and self._kind(1) in NP_STARTS):
            self._release()

    def _wear(self, words: Sequence[Word]) -> None:
        """红 帽子 的 男孩, 蓝 眼睛 的 猫: what stands before its owner is worn or had by it."""
        thing = self.possessor[-1] if self.possessor else None
        if thing is None or thing.domain not in _WORN or not (words and animate(words[-1])):
            return
        lead = next((i for i, w in enumerate(self.possessor) if w.kind not in ("number", "measure")), 0)
        self.counted = self.counted or list(self.possessor[:lead])
        relation = Word(_WORN[thing.domain], "relation")
        self.ahead.append(Phrase((relation, *numbered(self.possessor[lead:])), "action"))
        self.possessor, self.relative = [], True

    def _release(self) -> None:
        """What waited for its noun goes on from it: what it does before where it is."""
        places = list(takewhile(lambda p: p.slot != "action", self.ahead))
        self.phrases += [replace(p, joined=True) for p in [*self.ahead[len(places) :], *places]]
        self.ahead, self.relative = [], False

    def _without_noun(self, words: list[Word]) -> None:
        """Attributes on their own: said of the noun before (眼睛 很 大), of a modifier after, or of nothing."""
        attributes = any(w.kind in ATTRIBUTE_KINDS for w in words)
        if attributes and self._kind() in MODIFIER_SLOTS:
            self._modifier(words)
        elif any(w.kind in ("number", "measure") for w in words) and self._kind() not in ("end", "and"):
            self.counted = words
        elif self.possessor:
            thing, self.possessor = self.possessor, []
            self._add_subject([*words, *thing])
        elif attributes and self.subject is not None and has_thing(self.phrases[self.subject].words):
            phrase = self.phrases[self.subject]
            first = next(i for i, w in enumerate(phrase.words) if w.kind in THINGS)
            merged = (*phrase.words[:first], *visible(words), *phrase.words[first:])
            self.phrases[self.subject] = replace(phrase, words=merged)
        elif any(w.text for w in words):
            self.phrases.append(Phrase(tuple(words), "attribute"))

    def _modifier(self, before: Sequence[Word]) -> None:
        if self._kind() in THINGLIKE and self._kind(1) == "place" and self._kind() != "time":
            word = self._take()
            self._place([*before, replace(word, kind="noun", domain="nature")])
            return
        word, suffix = self._take(), ""
        while self._kind() == "suffix" or (self._kind() == "de" and self._kind(1) == "suffix"):
            suffix = self._peek().text or suffix
            self.at += 1
        if suffix == "background":
            background = Word("background", "noun", "background", "背景")
            self.phrases.append(Phrase((*visible(before), word, background), "setting"))
            return
        self._skip("place", "de")
        text = f"in the style of {word.text}" if word.kind == "artist" else word.text
        self.phrases.append(Phrase((*visible(before), replace(word, text=text)), MODIFIER_SLOTS[word.kind]))
        if word.kind in ("light", "weather") and self._kind() in ("verb", "preposition"):
            self.subject = len(self.phrases) - 1

    def _styled(self, words: list[Word]) -> None:
        """Other words made into a style: 商务 风, 蓝色 调."""
        suffix = self._peek()
        self._skip("suffix", "de")
        slot = _SUFFIX_SLOTS.get(suffix.text, "style")
        kind = "palette" if slot == "color" else slot
        self.phrases.append(Phrase((*numbered(words), Word(suffix.text, kind, "", suffix.source)), slot))

    def _suffix(self) -> None:
        """背景 是 花园, and a style word that nothing stands before."""
        word = self._take()
        if word.text == "light":
            self.phrases.append(Phrase((word,), "light"))
        if word.text != "background":
            return
        self._skip("copula", "particle", "preposition")
        rest, _ = self._gather(embedded=True)
        if self._kind() in MODIFIER_SLOTS:
            rest.append(self._take())
        if rest:
            self._skip("place", "de")
            background = Word("background", "noun", "background", word.source)
            self.phrases.append(Phrase((*numbered(rest), background), "setting"))

    def _place(self, words: Sequence[Word]) -> None:
        """A thing and a place word: 月亮 上 -> on the moon."""
        place = self._take()
        row = owned(self.possessor, list(words)) if self.possessor else list(words)
        self.possessor = []
        if row[-1].domain == "part" and len(row) == 1 and self._kind() == "verb":
            return  # 手里 拿着: that hands hold and heads wear needs no saying
        self._put_place(Phrase((Word(place.text, "relation", "", place.source), *numbered(row)), "setting"), self.at)

    def _put_place(self, phrase: Phrase, start: int) -> None:
        if self._kind() == "de":
            self.at += 1
            self.relative = True
            self.ahead.append(phrase)
        elif self.subject is not None and not self.counted and (start == self.verb_end or not self._goes_on()):
            self.phrases.append(replace(phrase, joined=True))
        else:
            self.ahead.append(phrase)

    def _goes_on(self) -> bool:
        """Whether something is said to be, or be done, at the place just named."""
        offset = 0
        while self._kind(offset) in ("particle", "adverb", "preposition"):
            offset += 1
        return self._kind(offset) in {"verb", "copula", *NP_STARTS}

    def _put_action(self, phrase: Phrase) -> None:
        following = self._kind(1)
        if self._kind() == "de" and following not in MODIFIER_SLOTS and following != "end":
            self.at += 1
            made = phrase.text in ("making", "made of")
            own_subject = self.subject is not None and self.subject == len(self.phrases) - 1 and not self._anew()
            if (own_subject or (made and self.phrases)) and not self.relative:
                owner = self.phrases.pop()  # 樱花 飘落 的 街道: the clause has a subject of its own
                if made:
                    phrase = replace(phrase, words=(replace(phrase.words[0], text="made of"), *owner.words))
                else:
                    phrase = replace(phrase, words=(Word("with", "relation"), *owner.words, *phrase.words))
                self.subject = None
            self.relative = True
            self.ahead.append(phrase)
        elif self.subject is None or self.counted:
            self.ahead.append(phrase)
        else:
            self._skip("de")
            self.phrases.append(replace(phrase, joined=True))
            self._release()

    def _anew(self) -> bool:
        """Whether what is said now describes a noun still to come (…和 一个 穿 绿裙子 的 女孩)."""
        return self.relation is not None or bool(self.counted)
