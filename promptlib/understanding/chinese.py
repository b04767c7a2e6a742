"""Reading a Chinese clause: from words in a row to phrases in English order.

A shallow grammar, enough for what people ask pictures of: noun phrases, what somebody does, where, and 的 between
them. It never loses a word: what it cannot place stays where it was said. Knows no conversation and no framing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from promptlib import lexicon as lexicons
from promptlib.brief import ATTRIBUTE_KINDS, Phrase, Word
from promptlib.understanding.words import MODIFIER_SLOTS, participle

_NP_STARTS = {"number", "measure", "adverb", "noun", "quote", *ATTRIBUTE_KINDS}
_ANIMATE = {"animal", "person", "fantasy"}
#: A place word without a thing: what the caption says then.
_BARE_PLACES = {
    "on": "", "in": "", "under": "below", "around": "all around", "beside": "nearby", "outside": "outside",
    "in front of": "in the foreground", "behind": "in the background", "above": "above", "between": "in between",
    "across from": "opposite", "deep in": "", "on the left of": "on the left", "on the right of": "on the right",
    "at the top of": "at the top", "at the bottom of": "at the bottom", "at the edge of": "at the edge",
    "in the center of": "in the center", "at the foot of": "", "at the entrance of": "at the entrance",
}  # fmt: skip
#: Things that one is in front of when 下 is said (灯光下): light and time stand for themselves.
_STANDALONE = {*MODIFIER_SLOTS}


@dataclass
class Reading:
    """What a clause says: phrases to paint, and what not to."""

    phrases: list[Phrase] = field(default_factory=list)
    avoid: list[str] = field(default_factory=list)


def read(words: list[Word]) -> Reading:
    """The phrases of one clause."""
    return _Reader(words).run()


class _Reader:
    def __init__(self, words: list[Word]) -> None:
        self.words = words
        self.at = 0
        self.reading = Reading()
        self.ahead: list[Phrase] = []  # said before their noun: where it is, what it does
        self.possessor: tuple[Word, ...] = ()
        self.counted: tuple[Word, ...] = ()  # 一只…的兔子: the number stands before the clause that describes
        self.subject: int | None = None  # where in the phrases the clause's last noun phrase begins
        self.relation: Word | None = None  # how the next noun phrase goes on from the one before

    def run(self) -> Reading:
        while self.at < len(self.words):
            self._step()
        self._flush()
        return self.reading

    def _peek(self, offset: int = 0) -> Word:
        index = self.at + offset
        return self.words[index] if 0 <= index < len(self.words) else Word("", "end")

    def _step(self) -> None:
        word = self._peek()
        if word.kind == "negation":
            self._negation()
        elif word.kind == "label" or (word.kind == "verb" and self._peek(1).kind == "quote"):
            self._label(word)
        elif word.kind in MODIFIER_SLOTS:
            self._modifier([])
        elif word.kind in _NP_STARTS:
            self._noun_phrase()
        elif word.kind == "preposition":
            self._preposition(word)
        elif word.kind == "verb":
            self._verb()
        elif word.kind == "copula":
            self._copula(word)
        elif word.kind == "and":
            self.at += 1
            if self.subject is not None and self._peek().kind in _NP_STARTS and not self.ahead:
                self.relation = Word("and", "relation", "", word.source)
        elif word.kind == "place":
            self._bare_place(word)
        elif word.kind == "suffix":
            self._suffix(word)
        elif word.kind == "any":
            self.at += 1
        else:
            self.at += 1

    # Noun phrases

    def _gather(self) -> tuple[list[Word], bool]:
        """Number, attributes and nouns from here on; whether it ended with 的 after a noun."""
        words: list[Word] = []
        while True:
            word = self._peek()
            if word.kind == "number" and words and any(w.kind == "noun" for w in words):
                break
            if word.kind in ("noun", "quote", "number", "adverb") or word.kind in ATTRIBUTE_KINDS:
                if word.kind in ATTRIBUTE_KINDS and any(w.kind == "noun" for w in words) and not self._noun_follows():
                    break
                words.append(word)
            elif word.kind == "measure" and not any(w.kind == "noun" for w in words):
                words.append(word)
            elif word.kind in ("particle", "de") and words and words[-1].kind in ATTRIBUTE_KINDS:
                pass
            elif word.kind == "suffix" and words and self._suffixed(words, word):
                pass
            else:
                break
            self.at += 1
        return words, self._peek().kind == "de" and any(w.kind in ("noun", "quote") for w in words)

    def _noun_follows(self) -> bool:
        """Whether the attribute here describes a noun after it, not the one before (花瓣 白)."""
        offset = 0
        while self._peek(offset).kind in {*ATTRIBUTE_KINDS, "de", "adverb"}:
            offset += 1
        return self._peek(offset).kind == "noun" or self._peek(offset).kind in MODIFIER_SLOTS

    def _suffixed(self, words: list[Word], suffix: Word) -> bool:
        """商务 + 风: words that become a style, a tone, a background; the row then ends in that word."""
        if words[-1].kind not in {"noun", *ATTRIBUTE_KINDS}:
            return False
        if suffix.text == "background":
            words.append(Word("background", "noun", "background", suffix.source))
            return True
        return False

    def _noun_phrase(self) -> None:
        words, possessive = self._gather()
        things = [word for word in words if word.kind in ("noun", "quote")]
        if self._peek().kind == "suffix" and words:
            self._styled(words)
            return
        if not things:
            self._without_noun(words)
            return
        if self._peek().kind == "place" or (self._peek().kind == "particle" and self._peek(1).kind == "place"):
            self._place(words, None)
            return
        if possessive and self._peek(1).kind in _NP_STARTS:
            self.at += 1
            last = words[-1]
            if last.domain in _ANIMATE:
                words[-1] = replace(last, text=last.text + "'s", kind="adjective")
            self.possessor += tuple(words)
            return
        if possessive and self._peek(1).kind == "place":
            self.at += 1
            self._place(words, None)
            return
        self._add_subject(words)

    def _add_subject(self, words: list[Word]) -> None:
        phrase = Phrase(numbered([*self.counted, *self.possessor, *words]), "subject")
        self.counted, self.possessor = (), ()
        if self.relation is not None:
            phrase = replace(phrase, words=(self.relation, *phrase.words), joined=True)
            self.relation = None
        self.subject = len(self.reading.phrases)
        self.reading.phrases.append(phrase)
        actions = [replace(p, joined=True) for p in self.ahead if p.slot == "action"]
        places = [replace(p, joined=True) for p in self.ahead if p.slot != "action"]
        self.reading.phrases += actions + places
        self.ahead = []

    def _without_noun(self, words: list[Word]) -> None:
        """Attributes on their own: said of the noun before (眼睛 很 大), of a modifier after, or of nothing."""
        following = self._peek()
        if following.kind in MODIFIER_SLOTS and any(w.kind in ATTRIBUTE_KINDS for w in words):
            self._modifier(words)
        elif any(w.kind in ("number", "measure") for w in words) and following.kind in (
            "verb", "preposition", "de", "negation", "particle", "copula", *MODIFIER_SLOTS,
        ):  # fmt: skip
            self.counted = tuple(words)
        elif self.possessor:
            self._describe(self.possessor, words)
        elif self.subject is not None and not self.ahead and any(w.kind in ATTRIBUTE_KINDS for w in words):
            phrase = self.reading.phrases[self.subject]
            first = next(i for i, w in enumerate(phrase.words) if w.kind in ("noun", "quote"))
            merged = (*phrase.words[:first], *_visible(words), *phrase.words[first:])
            self.reading.phrases[self.subject] = replace(phrase, words=merged)
        elif any(w.text for w in words):
            self.reading.phrases.append(Phrase(tuple(words), "attribute"))

    def _describe(self, possessor: tuple[Word, ...], words: list[Word]) -> None:
        self.possessor = ()
        self._add_subject([*words, *possessor])

    # Style, light, camera, mood, time

    def _modifier(self, before: list[Word]) -> None:
        word = self._peek()
        self.at += 1
        named = word.kind
        suffix = ""
        while self._peek().kind == "suffix" or (self._peek().kind == "de" and self._peek(1).kind == "suffix"):
            suffix = self._peek().text if self._peek().kind == "suffix" else suffix
            self.at += 1
        while self._peek().kind in ("place", "particle") and self._peek(1).kind in ("de", "end", "noun", "verb", "number"):
            self.at += 1
        if named == "artist":
            word = replace(word, text=f"in the style of {word.text}")
        if suffix == "background":
            self.reading.phrases.append(Phrase((*_visible(before), word, Word("background", "noun", "background"))))
            return
        if self._peek().kind == "de":
            self.at += 1
        self.reading.phrases.append(Phrase((*_visible(before), word), MODIFIER_SLOTS[named]))

    def _styled(self, words: list[Word]) -> None:
        """商务 风, 蓝色 调: other words made into a style."""
        suffix = self._peek()
        while self._peek().kind in ("suffix", "de"):
            self.at += 1
        slot = {"tone": "color", "light": "light", "mood": "mood", "view": "camera", "lens": "camera"}.get(
            suffix.text, "style"
        )
        kind = {"color": "palette"}.get(slot, slot)
        if suffix.text == "background":
            self._add_subject([*words, Word("background", "noun", "background", suffix.source)])
            return
        said = numbered(words)
        self.reading.phrases.append(Phrase((*said, Word(suffix.text, kind, "", suffix.source)), slot))

    def _suffix(self, word: Word) -> None:
        """A style word without a style before it: kept as a plain noun (背景, 灯光)."""
        self.at += 1
        if word.text == "light":
            self.reading.phrases.append(Phrase((word,), "light"))
        elif word.text == "background":
            if self._peek().kind in ("copula", "particle", "preposition"):
                self.at += 1
            rest, _ = self._gather()
            if self._peek().kind in MODIFIER_SLOTS:
                rest.append(self._peek())
                self.at += 1
            if rest:
                self._place_rest(rest)
                noun = Word("background", "noun", "background", word.source)
                self.reading.phrases.append(Phrase((*numbered(rest), noun), "setting"))

    def _place_rest(self, rest: list[Word]) -> None:
        while self._peek().kind in ("place", "de") and rest:
            self.at += 1

    # Where

    def _place(self, words: list[Word], preposition: Word | None) -> None:
        """A thing and a place word: 月亮 上 -> on the moon; waits for what is there."""
        if self._peek().kind == "particle":
            self.at += 1
        place = self._peek()
        self.at += 1
        lead = Word(place.text, "relation", "", place.source)
        phrase = Phrase((lead, *numbered([*self.possessor, *words])), "setting")
        self.possessor = ()
        self._put_place(phrase)

    def _put_place(self, phrase: Phrase) -> None:
        relative = self._peek().kind == "de"
        if relative:
            self.at += 1
        if not relative and self.subject is not None and not self._verb_follows():
            self.reading.phrases.append(replace(phrase, joined=True))
        else:
            self.ahead.append(phrase)

    def _verb_follows(self) -> bool:
        offset = 0
        while self._peek(offset).kind in ("particle", "adverb", "adjective", "preposition"):
            offset += 1
        return self._peek(offset).kind in ("verb", "copula") or self._peek(offset).kind in _NP_STARTS

    def _preposition(self, word: Word) -> None:
        self.at += 1
        while self._peek().kind in ("particle",):
            self.at += 1
        if word.text in ("with", "in", "on") and self._peek().kind in MODIFIER_SLOTS:
            return
        if self._peek().kind not in _NP_STARTS:
            if self._peek().kind in MODIFIER_SLOTS and word.text == "like":
                return
            return
        words, possessive = self._gather()
        while possessive and self._peek(1).kind in _NP_STARTS:
            self.at += 1
            more, possessive = self._gather()
            words += more
        if self._peek().kind in MODIFIER_SLOTS and not any(w.kind in ("noun", "quote") for w in words):
            self._modifier(words)
            return
        if self._peek().kind == "suffix":
            self._styled(words)
            return
        if not words:
            return
        if word.source == "被" and self._passive(words):
            return
        if self._peek().kind == "place" and word.text in ("in", "from", "with"):
            self._place(words, word)
            return
        if self._peek().kind == "particle" and self._peek().source in ("一样", "似的", "般", "一般"):
            self.at += 1
        lead = Word(word.text, "relation", "", word.source)
        self._put_place(Phrase((lead, *numbered(words)), "setting"))

    def _passive(self, words: list[Word]) -> bool:
        """被 雪 覆盖: covered by snow."""
        verb = self._peek()
        if verb.kind != "verb":
            return False
        self.at += 1
        self._skip_particles()
        said = (Word(participle(verb.text), "verb", "", verb.source), Word("by", "relation"), *numbered(words))
        self._put_action(Phrase(said, "action"))
        return True

    def _bare_place(self, word: Word) -> None:
        self.at += 1
        text = _BARE_PLACES.get(word.text, word.text)
        self._skip_particles()
        if self._peek().kind == "copula":
            self.at += 1
        if text:
            self.ahead.append(Phrase((Word(text, "relation", "", word.source),), "setting"))

    # What somebody does

    def _verb(self) -> None:
        verb = self._peek()
        self.at += 1
        self._skip_particles()
        said: list[Word] = [verb]
        existential = bool(self.ahead) and self.subject is None and self._peek().kind in ("number", "measure")
        if existential and self.ahead[-1].slot == "setting":
            self.ahead.insert(0, Phrase((verb,), "action"))
            return
        if self._peek().kind in _NP_STARTS:
            said += self._objects()
        self._put_action(Phrase(tuple(said), "action"))

    def _objects(self) -> tuple[Word, ...]:
        """The noun phrase a verb governs, with everything 和 adds to it."""
        start = self.at
        words, possessive = self._gather()
        if not any(w.kind in ("noun", "quote") for w in words) and any(w.kind == "number" for w in words):
            if self._peek().kind not in ("verb", "preposition"):
                self.at = start + len(words)
            return tuple(_visible(words))
        bare = self.subject is None
        while possessive and not bare and self._peek(1).kind in _NP_STARTS:
            self.at += 1
            more, possessive = self._gather()
            if words[-1].domain in _ANIMATE:
                words[-1] = replace(words[-1], text=words[-1].text + "'s", kind="adjective")
            words += more
        row = numbered(words)
        if self._peek().kind == "and" and self._peek(1).kind in _NP_STARTS:
            save = self.at
            self.at += 1
            more_row = self._objects()
            if not more_row:
                self.at = save
                return row
            row = (*row, Word("and", "relation"), *more_row)
        if self._peek().kind == "place" and self._peek(1).kind != "end" or self._peek().kind == "place":
            self.at += 1
        return row

    def _put_action(self, phrase: Phrase) -> None:
        if self._peek().kind == "de":
            self.at += 1
            self.ahead.append(phrase)
            return
        if self.subject is None or (self.counted and not self._only_tail()):
            self.ahead.append(phrase)
            return
        places = [replace(place, joined=True) for place in self.ahead]
        self.reading.phrases += [replace(phrase, joined=True), *places]
        self.ahead = []

    def _only_tail(self) -> bool:
        return self.at >= len(self.words)

    def _skip_particles(self) -> None:
        while self._peek().kind == "particle":
            self.at += 1

    def _copula(self, word: Word) -> None:
        """是 and 有: something is there, something has something, something is so."""
        self.at += 1
        self._skip_particles()
        if self.subject is None or self.ahead:
            return
        if word.source == "是" or not self._noun_ahead():
            return
        self.relation = Word("with", "relation", "", word.source)

    def _noun_ahead(self) -> bool:
        return self._peek().kind in _NP_STARTS

    def _label(self, word: Word) -> None:
        """写着“…”: the text to be seen in the picture."""
        self.at += 1
        self._skip_particles()
        if self._peek().kind != "quote":
            if word.kind == "label":
                self.reading.phrases.append(Phrase((Word("text", "noun", "part", word.source),), "text"))
            return
        for place in self.ahead:
            self._add_place_thing(place)
        self.ahead = []
        quote = self._peek()
        self.at += 1
        joined = bool(self.reading.phrases)
        self.reading.phrases.append(Phrase((Word("with the text", "relation", "", word.source), quote), "text", joined))

    def _add_place_thing(self, place: Phrase) -> None:
        """海报上写着: the poster itself is what is to be seen."""
        things = tuple(word for word in place.words if word.kind != "relation")
        if things:
            self.reading.phrases.append(Phrase(things, "subject"))
            self.subject = len(self.reading.phrases) - 1

    # What is not wanted

    def _negation(self) -> None:
        self.at += 1
        while self._peek().kind in ("any", "particle", "adverb", "copula"):
            self.at += 1
        if self._peek().kind == "verb" and self._peek(1).kind in _NP_STARTS:
            self.at += 1
            self._skip_particles()
        while True:
            if self._peek().kind in MODIFIER_SLOTS or self._peek().kind in ("verb", "suffix"):
                self.reading.avoid.append(self._peek().text)
                self.at += 1
                while self._peek().kind == "suffix":
                    self.at += 1
            elif self._peek().kind in _NP_STARTS:
                words, _ = self._gather()
                text = " ".join(w.text for w in numbered(words) if w.text)
                if text:
                    self.reading.avoid.append(text)
            if self._peek().kind in ("and", "or") and self._peek(1).kind not in ("copula",):
                self.at += 1
                while self._peek().kind in ("negation", "any", "particle"):
                    self.at += 1
                continue
            break
        self._skip_particles()
        if self._peek().kind in ("de", "place"):
            self.at += 1

    # The end

    def _flush(self) -> None:
        """What waited for a noun that never came stands on its own."""
        if self.counted or self.possessor:
            words = [*self.counted, *self.possessor]
            if any(w.kind in ("noun", "quote") for w in words):
                self._add_subject(words)
        for index, phrase in enumerate(self.ahead):
            things = [word for word in phrase.words if word.text]
            if things:
                self.reading.phrases.append(replace(phrase, joined=index > 0 or self.subject is not None))


def _visible(words: list[Word]) -> list[Word]:
    """The words without bare measure words and the number one."""
    return [word for word in words if word.kind not in ("measure",) or word.text]


def numbered(words: list[Word] | tuple[Word, ...]) -> tuple[Word, ...]:
    """Number, measure and nouns in English: 三 只 猫 -> three cats, 一 束 花 -> a bunch of flowers."""
    lexicon = lexicons.load()
    row: list[Word] = []
    many = False
    for index, word in enumerate(words):
        if word.kind == "number":
            one = word.text in ("one", "1")
            many = not one and word.text not in ("half", "every")
            row.append(replace(word, text="") if one else word)
        elif word.kind == "measure":
            numbered_before = any(w.kind == "number" for w in words[:index])
            if word.text and numbered_before:
                text = lexicon.plural(word.text.removeprefix("a ")) if many else word.text
                row.append(replace(word, text=text))
                many = many or word.text in ("a group of", "a bunch of", "a pile of", "a row of", "a basket of")
            else:
                row.append(replace(word, text=""))
        else:
            row.append(word)
    if many:
        last = max((i for i, word in enumerate(row) if word.kind == "noun"), default=None)
        if last is not None and row[last].domain not in ("mass", "material", "nature_mass"):
            row[last] = replace(row[last], text=lexicon.plural(row[last].text))
    return tuple(row)
