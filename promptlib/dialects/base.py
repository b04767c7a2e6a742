"""What every dialect has: how a brief's words become tags, and how tags become a line of text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from promptlib.brief import ATTRIBUTE_KINDS, Brief, Phrase
from promptlib.records import Hit, Prompt, Tag, Target
from promptlib.understanding.finding import groups

#: Finds the word of a list that is nearest in meaning, and how near it is (a cosine), or None for nothing near.
Nearest = Callable[[str, Sequence[str]], tuple[str, float] | None]
Note = tuple[str, dict[str, str]]

#: What is said first in a prompt: what there is, then how it looks.
_RANK = {
    "quality": 8,
    "subject": 1,
    "attribute": 1,
    "action": 1,
    "setting": 2,
    "text": 2,
    "style": 3,
    "medium": 3,
    "artist": 3,
    "light": 4,
    "color": 5,
    "camera": 6,
    "mood": 7,
}


@dataclass
class Draft:
    """The person's words as tags, with what there is to say about how they were understood."""

    tags: list[Tag]
    notes: list[Note] = field(default_factory=list)
    dropped: list[tuple[Tag, str]] = field(default_factory=list)


class Dialect(ABC):
    """One way in which models want to be spoken to."""

    id: str
    #: Whether words of the library may be added.
    enriched = True
    #: Where the authors' quality words stand: ``front``, ``end``, or nowhere.
    quality_at = "end"

    def draft(self, brief: Brief, target: Target, nearest: Nearest | None = None) -> Draft:
        """The brief's phrases as tags in prompt order."""
        return Draft([tag for group in in_order(brief.phrases) if (tag := self.tag(group)).text])

    def tag(self, group: Sequence[Phrase]) -> Tag:
        """One tag of a phrase and what goes on from it."""
        return Tag(self.words(group), group[0].slot, origin_of(group), source_of(group))

    def words(self, group: Sequence[Phrase]) -> str:
        return " ".join(text for phrase in group if (text := phrase.text))

    def adopted(self, tag: Tag, target: Target) -> Tag | None:
        """A tag of the library as this dialect says it, or None where it cannot."""
        return tag

    def learn(self, tags: Sequence[Tag], hits: Sequence[Hit], target: Target) -> list[tuple[Tag, Hit | None]]:
        """The tags, with easel's own defaults replaced by what hits show to be better; each with the hit it is from."""
        return [(tag, None) for tag in tags]

    def finish(self, text: str, prompt: Prompt) -> str:
        """A last touch on the whole positive prompt."""
        return text

    def leaves_out(self, thing: str) -> bool:
        """Whether a thing is kept out of the picture by not being named, without a negative prompt."""
        return False

    @abstractmethod
    def render(self, tags: Sequence[Tag]) -> str:
        """The positive prompt of the tags."""


def in_order(phrases: Sequence[Phrase]) -> list[list[Phrase]]:
    """The groups of phrases, what there is before how it looks."""
    return sorted(groups(phrases), key=lambda group: _RANK.get(group[0].slot, 2))


def origin_of(group: Iterable[Phrase]) -> str:
    return "translation" if any(word.source for phrase in group for word in phrase.words) else "words"


def source_of(group: Iterable[Phrase]) -> str:
    return "".join(phrase.source for phrase in group)


def attributes_of(phrase: Phrase) -> list[str]:
    return [word.text for word in phrase.words if word.kind in ATTRIBUTE_KINDS and word.text]
