"""Reading a Chinese clause: from words in a row to phrases in English order.

A shallow grammar, enough for what people ask pictures of: noun phrases, what somebody does, where, and 的 between
them. It never loses a word: what it cannot place stays where it was said. Knows no conversation and no framing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile

from promptlib import lexicon as lexicons
from promptlib.brief import ATTRIBUTE_KINDS, Phrase, Word
from promptlib.understanding.builder import PhraseBuilder
from promptlib.understanding.cursor import NP_STARTS, THINGLIKE
from promptlib.understanding.nouns import has_thing, numbered, owned, visible
from promptlib.understanding.words import MODIFIER_SLOTS, participle

#: A place word without a thing: what the caption says then.
_BARE_PLACES = {
    "on": "",
    "in": "",
    "deep in": "",
    "at the foot of": "",
    "under": "below",
    "around": "all around",
    "beside": "nearby",
    "in front of": "in the foreground",
    "behind": "in the background",
    "between": "in between",
    "across from": "opposite",
}
#: What somebody does where the sentence names the place first: 沙发上 坐着 猫.
_POSTURES = (
    "sitting",
    "lying",
    "standing",
    "squatting",
    "hanging",
    "flying",
    "placed",
    "parked",
    "growing",
    "floating",
    "arranged",
    "reflected",
    "swimming",
    "walking",
    "running",
    "burning",
    "blooming",
)
#: What is done in a vehicle: 坐火车, 开跑车.
_IN_VEHICLES = {"sitting": "riding", "opening": "driving"}
#: Verbs for what easel itself does.
_PAINTING = {"画", "绘", "绘制", "画出", "画成", "描绘", "表现", "来画"}


@dataclass
class Reading:
    """What a clause says: phrases to paint, and what not to."""

    phrases: list[Phrase] = field(default_factory=list)
    avoid: list[str] = field(default_factory=list)


def read(words: Sequence[Word]) -> Reading:
    """The phrases of one clause."""
    return _Reader(words).run()


class _Reader(PhraseBuilder):
    def run(self) -> Reading:
        steps = {
            "negation": self._negation,
            "label": self._label,
            "preposition": self._preposition,
            "verb": self._verb,
            "copula": self._copula,
            "and": self._and,
            "place": self._bare_place,
            "suffix": self._suffix,
            "object_marker": self._object_marker,
        }
        while self.at < len(self.words):
            kind = self._kind()
            if self._paints():
                self.at += 1
            elif kind in MODIFIER_SLOTS:
                self._modifier([])
            elif kind in NP_STARTS:
                self._noun_phrase()
            elif kind in steps:
                steps[kind]()
            else:
                self.at += 1
        self._flush()
        return Reading(self.phrases, self.avoid)

    def _paints(self) -> bool:
        """用莫奈的笔触画…: easel's own verb, not a thing or an action of the picture."""
        if (
            self._peek().source not in _PAINTING
            or self.subject is not None
            or self._kind(-1) in ("de", "number", "measure")
        ):
            return False
        return self._kind(1) in NP_STARTS or self._kind(1) in ("preposition", "verb")

    # Noun phrases

    def _described_part(self) -> bool:
        """眼睛 很 大 的 猫头鹰: owl with very big eyes."""
        end = self.at
        while end < len(self.words) and self.words[end].kind in {*ATTRIBUTE_KINDS, "adverb", "particle"}:
            end += 1
        last = len(self.phrases) - 1
        if end == self.at or self.subject != last or [w.kind for w in self.words[end : end + 1]] != ["de"]:
            return False
        head = self.phrases[last].head
        if head is None or head.domain != "part":
            return False
        said = [word for word in self.words[self.at : end] if word.kind != "particle"]
        owner = self.phrases.pop()
        self.subject, self.relative, self.at = None, True, end + 1
        self.ahead.append(Phrase((Word("with", "relation"), *said, *owner.words), "action"))
        return True

    def _noun_phrase(self) -> None:
        if self._described_part():
            return
        words, owns = self._gather()
        if self._kind() == "suffix" and words:
            self._styled(words)
        elif not has_thing(words):
            self._without_noun(words)
        elif self._kind() == "place":
            self._place(words)
        elif owns and self._kind(1) in NP_STARTS:
            self.at += 1
            self.possessor = owned(self.possessor, words) if self.possessor else words
        elif owns and self._kind(1) == "place":
            self.at += 1
            self._place(words)
        else:
            self._add_subject(words)

    # Where

    def _preposition(self) -> None:
        start, word = self.at, self._take()
        self._skip("particle")
        if self._kind() == "verb" and (word.source == "正在" or (word.source == "在" and self._kind(1) in NP_STARTS)):
            return
        if word.source in ("在", "正在") and self._deed():
            return
        described = self._kind() == "verb" and self._kind(1) == "de" and self._kind(2) in NP_STARTS
        before_its_noun = word.source == "在" and self.subject is None and not self._place_follows()
        lasting = self._kind() == "adjective" and self._peek().text.endswith("ing")
        if (described or lasting) and before_its_noun:
            return  # 一只 在 睡觉 的 猫; not 在 燃烧 的 森林 里
        thing = self._kind() == "weather" or (
            self._kind() in THINGLIKE and (self._kind(1) == "place" or word.text in ("through", "from", "toward"))
        )
        if self._kind() not in NP_STARTS and not described and not thing:
            return  # 正在 before a verb, 用 before a medium
        words, owns = self._gather(embedded=True)
        while owns and self._kind(1) in NP_STARTS and not before_its_noun:
            self.at += 1
            more, owns = self._gather(embedded=True)
            words = owned(words, more)
        if self._kind() in MODIFIER_SLOTS and not has_thing(words):
            self._modifier(words)
        elif self._kind() == "suffix":
            self._styled(words)
        elif word.text == "than" and words:
            self._compared(words)
        elif not has_thing(words):
            self._without_noun(words)
        elif not (word.source == "被" and self._passive(words)):
            place = self._take() if self._kind() == "place" else None
            lead = place if place and word.text in ("in", "from", "with", "to") else word
            self._skip("place")
            if self._peek().source in ("一样", "似的", "般", "一般", "那样"):
                self.at += 1
            self._put_place(Phrase((Word(lead.text, "relation", "", word.source), *numbered(words)), "setting"), start)

    def _place_follows(self) -> bool:
        """Whether a place word closes what 在 opened, before anything but the parts of a noun phrase."""
        row = takewhile(lambda w: w.kind in {*NP_STARTS, *THINGLIKE, "de", "verb", "place"}, self.words[self.at :])
        return any(word.kind == "place" for word in row)

    def _deed(self) -> bool:
        """在 烤羊肉串: grilling lamb skewers, where deed and thing are written as one and no place follows."""
        thing = self._peek()
        doing = lexicons.load().groups["deeds"].get(thing.source[:1])
        if doing is None or thing.domain not in ("food", "mass") or self._kind(1) not in ("end", "and", "particle"):
            return False
        self.at += 1
        self._put_action(
            Phrase((Word(doing, "verb", "", thing.source[:1]), replace(thing, source=thing.source[1:])), "action")
        )
        return True

    def _compared(self, words: Sequence[Word]) -> None:
        """比 人 高: taller than people."""
        self._skip("particle", "adverb")
        quality = self._take() if self._kind() in ATTRIBUTE_KINDS else Word("more", "adverb")
        row = (
            Word("more" if quality.kind != "adverb" else "", "adverb"),
            quality,
            Word("than", "relation"),
            *numbered(words),
        )
        self._put_place(Phrase(row, "action"), -2)

    def _passive(self, words: Sequence[Word]) -> bool:
        """被 雪 覆盖: covered by snow."""
        if self._kind() != "verb":
            return False
        verb = self._take()
        self._skip("particle")
        said = (replace(verb, text=participle(verb.text)), Word("by", "relation"), *numbered(words))
        self._put_action(Phrase(said, "action"))
        return True

    def _bare_place(self) -> None:
        word = self._take()
        text = _BARE_PLACES.get(word.text, word.text.removesuffix(" of"))
        self._skip("particle")
        if text:
            self.ahead.append(Phrase((Word(text, "relation", "", word.source),), "setting"))

    # What somebody does

    def _object_marker(self) -> None:
        self.at += 1
        self.object, _ = self._gather(embedded=True)
        if self._kind() == "negation":  # 把 鸟 去掉
            self.at += 1
            self.avoid.append(" ".join(w.text for w in numbered(self.object) if w.text))
            self.object = []

    def _verb(self) -> None:
        if self._kind(1) == "quote":
            self._label()
            return
        verb = self._take()
        lasting = verb.source.endswith("着") or self._peek().source == "着"
        self._skip("particle")
        counted = self._kind() in ("number", "measure")
        posture = verb.text.startswith(_POSTURES) and lasting and self._kind() in NP_STARTS
        if self.ahead and self.subject is None and not self.relative and not self.counted and (counted or posture):
            self.ahead.insert(0, Phrase((verb,), "action"))  # 沙发上 坐着 一只猫
            return
        first, _, rest = verb.text.partition(" ")
        if self.object:
            said = (replace(verb, text=first), *numbered(self.object), Word(rest, "relation"))
            self.object = []
        else:
            said = (verb,)
        if (
            self._kind() in NP_STARTS
            or (self._kind() in THINGLIKE and self._kind() != "time")
            or (self._kind() == "verb" and self._kind(1) == "de" and self._kind(2) in NP_STARTS and not self._anew())
        ):
            said = (*said, *self._objects())
        else:
            self.verb_end = self.at
        if verb.text in _IN_VEHICLES and any(w.domain == "vehicle" for w in said):
            said = (replace(verb, text=_IN_VEHICLES[verb.text]), *said[1:])
        self._put_action(Phrase(said, "action"))

    def _objects(self) -> tuple[Word, ...]:
        """The noun phrase a verb governs, with everything 和 adds to it."""
        start = self.at
        words, owns = self._gather(embedded=True)
        if not has_thing(words):
            if self._kind() in ("verb", "preposition") and any(w.kind == "number" for w in words):
                self.at = start
                self.counted = words
                self.at += len(words)
                return ()
            return tuple(visible(words))
        while owns and self.subject is not None and not self._anew() and self._kind(1) in NP_STARTS:
            self.at += 1
            more, owns = self._gather(embedded=True)
            words = owned(words, more)
        row = numbered(words)
        if self._kind() == "and" and self._kind(1) in NP_STARTS:
            self.at += 1
            row = (*row, Word("and", "relation"), *self._objects())
        self._skip("place")
        return row

    def _copula(self) -> None:
        """是 and 有: something is there, something has something, something is so."""
        word = self._take()
        self._skip("particle")
        if not word.text or self._kind() not in {*NP_STARTS, *THINGLIKE}:
            return
        if self.subject is not None and not self.ahead:
            self.relation = Word(word.text, "relation", "", word.source)
        elif not self.ahead or self.counted:
            start = self.at
            row = self._objects()
            if self._kind() == "de" and row:
                self._put_action(Phrase((Word(word.text, "relation", "", word.source), *row), "action"))
            else:
                self.at = start

    def _and(self) -> None:
        word = self._take()
        described = self._kind() in ("verb", "preposition", "copula") and any(
            w.kind == "de" for w in self.words[self.at :]
        )
        if self.subject is None or not (self._kind() in NP_STARTS or described):
            return
        if described:
            self.subject = None
        if word.source != "、":
            self.relation = Word("and", "relation", "", word.source)

    def _label(self) -> None:
        """写着“…”: the text to be seen in the picture; 海报上: the poster itself is to be seen."""
        word = self._take()
        self._skip("particle")
        if self._kind() != "quote":
            return
        for place in self.ahead:
            if has_thing(place.words):
                self.phrases.append(Phrase(tuple(w for w in place.words if w.kind != "relation"), "subject"))
        self.ahead = []
        lead = Word("with the text", "relation", "", word.source)
        self.phrases.append(Phrase((lead, self._take()), "text", bool(self.phrases)))

    # What is not wanted

    def _negation(self) -> None:
        plain = self._take().source == "不"
        self._skip("any", "particle", "adverb", "copula", "object_marker")
        if self._kind() == "verb" and self._kind(1) in NP_STARTS:
            self.at += 1
            self._skip("particle")
        if plain and self._kind() in ATTRIBUTE_KINDS:  # 不 笑 的 小丑: a clown that does not smile
            self.avoid.append(self._take().text)
            self._skip("de")
            return
        while self._unwanted() and self._kind() in ("and", "or"):
            self._skip("and", "or", "negation", "any", "particle", "copula")
        self._skip("particle")
        self._skip("de", "place")

    def _unwanted(self) -> bool:
        if self._kind() == "label":  # 不要题字
            self.at += 1
            self.avoid.append("text")
            return True
        if self._kind() in MODIFIER_SLOTS or self._kind() in ("verb", "suffix"):
            self.avoid.append(self._take().text)
            self._skip("suffix")
            return True
        words, _ = self._gather()
        text = " ".join(w.text for w in numbered(words) if w.text)
        if text:
            self.avoid.append(text)
        return bool(text)

    def _flush(self) -> None:
        """What waited for a noun that never came stands on its own."""
        if has_thing([*self.counted, *self.possessor]):
            self._add_subject([])
        if self.subject is not None and self.subject < len(self.phrases):
            self._release()
        for index, phrase in enumerate(self.ahead):
            self.phrases.append(replace(phrase, joined=index > 0))
