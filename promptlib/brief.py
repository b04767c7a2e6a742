"""The brief: a request understood, as plain data that any dialect can be written from.

A brief is a row of phrases in the order in which the person said them. A phrase is a few words that belong
together ("three yellow tulips", "sitting", "on a red sofa"), each word with its kind and with what the person wrote;
a *joined* phrase goes on from the one before it without a comma. Knows nothing of models, dialects or the library.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from promptlib.records import Tag

#: Kinds of words that stand for a thing; every other kind says something about one.
NOUN_KINDS = frozenset({"noun", "quote"})
#: Kinds of words that describe the noun after them.
ATTRIBUTE_KINDS = frozenset({"color", "adjective", "material"})
#: Nouns that name what kind of picture it is, or what it is for, not what it shows.
FORMAT_DOMAINS = frozenset({"format", "event", "part"})


@dataclass(frozen=True)
class Word:
    """One word (or fixed expression) of a phrase, in English.

    `kind` is the grammar it follows (noun, color, adjective, material, number, verb, relation, …), `domain` what
    sort of thing it is (animal, person, place, …), `source` what the person wrote where that was not English.
    """

    text: str
    kind: str = "noun"
    domain: str = ""
    source: str = ""


@dataclass(frozen=True)
class Phrase:
    """Words that belong together, in one slot of the prompt."""

    words: tuple[Word, ...]
    slot: str = "subject"
    joined: bool = False

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words if word.text)

    @property
    def source(self) -> str:
        return "".join(word.source for word in self.words)

    @property
    def head(self) -> Word | None:
        """The thing the phrase is about: its last noun."""
        return next((word for word in reversed(self.words) if word.kind in NOUN_KINDS), None)

    def nouns(self) -> list[Word]:
        return [word for word in self.words if word.kind in NOUN_KINDS]


@dataclass(frozen=True)
class Subject:
    """One thing to be painted, gathered from the phrases that speak of it."""

    noun: Word
    attributes: tuple[Word, ...] = ()
    number: str = ""
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Brief:
    """A request understood.

    Args:
        kind: ``image``, ``refine``, ``chat``, ``question`` or ``refused``. A refinement is the merged, complete brief.
        text: what the person wrote, to the letter.
        language: ``zh`` or ``en``, the language to answer in.
        phrases: what to paint.
        avoid: what not to paint, in English.
        removed: phrases taken out in this conversation, so that they can be brought back.
        aspect: ``w:h``, or empty; `width` and `height` only where the person gave pixels.
        raw: the positive prompt to the letter, where it must not be rewritten.
        intent: what a chat message or question is about.
        settings: further parameters found in a pasted prompt, such as steps.
        notes: codes and values for the faces to put into words.
        lent: what the library lent to the prompt of this brief, so that a refinement keeps the look.
        recent: words that refinements brought and that still stand, the last one last.
    """

    kind: str
    text: str
    language: str = "en"
    phrases: tuple[Phrase, ...] = ()
    avoid: tuple[str, ...] = ()
    removed: tuple[Phrase, ...] = ()
    aspect: str = ""
    width: int | None = None
    height: int | None = None
    count: int | None = None
    seed: int | None = None
    raw: str = ""
    intent: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    notes: tuple[tuple[str, dict[str, str]], ...] = ()
    lent: tuple[Tag, ...] = ()
    recent: tuple[str, ...] = ()

    def query(self) -> str:
        """What to look for in the library: the words without punctuation, as a sentence embeds best."""
        return self.raw or " ".join(phrase.text for phrase in self.phrases)

    def subjects(self) -> list[Subject]:
        """The things to be painted, the main one first."""
        found: list[Subject] = []
        for index, phrase in enumerate(self.phrases):
            noun = phrase.head
            if phrase.slot != "subject" or noun is None or noun.domain in FORMAT_DOMAINS:
                continue
            attributes = tuple(word for word in phrase.words if word.kind in ATTRIBUTE_KINDS)
            number = next((word.text for word in phrase.words if word.kind == "number"), "")
            found.append(Subject(noun, attributes, number, tuple(self._details(index))))
        return found

    def _details(self, index: int) -> Iterable[str]:
        for phrase in self.phrases[index + 1 :]:
            if not phrase.joined or phrase.slot == "subject":
                return
            yield phrase.text

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Brief:
        """The brief that `to_dict` was taken from, also after a round trip through JSON."""
        return cls(
            **{
                **data,
                "phrases": tuple(_phrase(item) for item in data["phrases"]),
                "removed": tuple(_phrase(item) for item in data["removed"]),
                "avoid": tuple(data["avoid"]),
                "notes": tuple((code, dict(values)) for code, values in data["notes"]),
                # Briefs that were stored before there was anything lent do without.
                "lent": tuple(Tag(**item) for item in data.get("lent", ())),
                "recent": tuple(data.get("recent", ())),
            }
        )


def _phrase(data: dict[str, Any]) -> Phrase:
    return Phrase(tuple(Word(**word) for word in data["words"]), data["slot"], data["joined"])


def first_alone(phrases: Iterable[Phrase]) -> tuple[Phrase, ...]:
    """The same phrases, the first of which has nothing to be joined to."""
    row = tuple(phrases)
    return (replace(row[0], joined=False), *row[1:]) if row else ()
