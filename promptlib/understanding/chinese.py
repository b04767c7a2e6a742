"""Reading a Chinese clause: from words in a row to phrases in English order.

A shallow grammar, enough for what people ask pictures of: noun phrases, what somebody does, where, and 的 between
them. It never loses a word: what it cannot place stays where it was said. Knows no conversation and no framing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile

from promptlib.brief import ATTRIBUTE_KINDS, Phrase, Word
from promptlib.understanding.cursor import NP_STARTS, THINGLIKE, Cursor
from promptlib.understanding.nouns import THINGS, animate, has_thing, numbered, owned, visible
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
#: How words become a style, a tone, a light: 商务 风, 蓝色 调.
_SUFFIX_SLOTS = {"tone": "color", "light": "light", "mood": "mood", "view": "camera", "lens": "camera"}
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
#: How somebody has what is named before them.
_WORN = {"clothes": "in", "part": "with"}
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


class _Reader(Cursor):
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

    # Style, light, camera, mood, time

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

    # Where

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

    def _preposition(self) -> None:
        start, word = self.at, self._take()
        self._skip("particle")
        if word.source == "正在" and self._kind() == "verb":
            return
        described = self._kind() == "verb" and self._kind(1) == "de" and self._kind(2) in NP_STARTS
        thing = self._kind() == "weather" or (
            self._kind() in THINGLIKE and (self._kind(1) == "place" or word.text in ("through", "from", "toward"))
        )
        if self._kind() not in NP_STARTS and not described and not thing:
            return  # 正在 before a verb, 用 before a medium
        words, owns = self._gather(embedded=True)
        while owns and self._kind(1) in NP_STARTS:
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
        if verb.text == "sitting" and any(w.domain == "vehicle" for w in said):
            said = (replace(verb, text="riding"), *said[1:])
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
        self.at += 1
        self._skip("any", "particle", "adverb", "copula")
        if self._kind() == "verb" and self._kind(1) in NP_STARTS:
            self.at += 1
            self._skip("particle")
        while self._unwanted() and self._kind() in ("and", "or"):
            self._skip("and", "or", "negation", "any", "particle", "copula")
        self._skip("particle")
        self._skip("de", "place")

    def _unwanted(self) -> bool:
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
