"""The words the embedded model knows, read from ``data/doodle/vocabulary.json``.

One file serves the training (captions, which art to fetch, which colours to paint) and the `doodle` dialect, so
that prompts are written in exactly the words that the captions were made of.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.doodle.backdrops import Backdrop
from pipeline.errors import DoodleError

#: What the shipped weights know, and what `easel doodle train` teaches.
PATH = Path(__file__).resolve().parents[2] / "data" / "doodle" / "vocabulary.json"


@dataclass(frozen=True)
class Subject:
    """A thing that can be painted: its caption name, English synonyms, emoji code point, emoji group.

    `faces` is the side that it looks or drives to in the art, ``left`` or ``right``, or empty.
    """

    name: str
    synonyms: tuple[str, ...]
    emoji: str
    group: str
    faces: str = ""


@dataclass(frozen=True)
class Vocabulary:
    """Subjects, styles, colours as 8-bit RGB for objects and for backgrounds, backdrops, arrangements, and facings.

    An arrangement names the places of half-size pictures: row and column of the top left corner in 32 px patches.
    One without places says how a picture is anyway (`large`, `side by side`). A backdrop is a background that is more
    than a colour. The last word of a facing is a side.

    Args:
        art: the package that draws each style.
        shares: how often training shows each style.
        withheld: one in so many combinations of subject and style is never shown in training; 0: none is.
    """

    subjects: tuple[Subject, ...]
    styles: tuple[str, ...]
    colors: dict[str, tuple[int, int, int]]
    backgrounds: dict[str, tuple[int, int, int]]
    arrangements: dict[str, tuple[tuple[int, int], ...]]
    art: dict[str, str]
    shares: tuple[float, ...]
    withheld: int = 0
    backdrops: dict[str, Backdrop] = field(default_factory=dict)
    facings: tuple[str, ...] = ()

    def grounds(self) -> list[str]:
        """What a thing may stand on: the background colours, then the backdrops."""
        return [*self.backgrounds, *self.backdrops]

    def withholds(self, subject: int, style: int) -> bool:
        """Whether a combination is kept from training, so that evaluation can ask for something new.

        Never the first one: the README's picture is of it, and the first that most people paint.
        """
        return bool(self.withheld and subject + style) and (7 * subject + 5 * style) % self.withheld == 0

    def fingerprint(self) -> str:
        """A short name for what has to be drawn: subjects, styles and colours."""
        drawn = [[subject.emoji for subject in self.subjects], self.art, self.colors]
        return hashlib.sha256(json.dumps(drawn).encode()).hexdigest()[:12]

    def words(self) -> list[str]:
        """Every word a caption can hold, for the tokenizer."""
        phrases = [*self.styles, *self.colors, *self.grounds(), *self.arrangements, *self.facings, "background", "and"]
        for subject in self.subjects:
            phrases += [subject.name, *subject.synonyms]
        return sorted({word for phrase in phrases for word in phrase.lower().split()})


def load_vocabulary(path: Path = PATH) -> Vocabulary:
    try:
        data: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DoodleError(
            f"The vocabulary {path} cannot be read ({error}); name a folder that holds a model."
        ) from error
    return Vocabulary(
        subjects=tuple(
            Subject(name, tuple(entry["en"]), entry["emoji"], entry["group"], entry.get("faces", ""))
            for name, entry in data["subjects"].items()
        ),
        styles=tuple(data["styles"]),
        colors={name: tuple(entry["rgb"]) for name, entry in data["colors"].items()},
        backgrounds={name: tuple(entry["rgb"]) for name, entry in data["backgrounds"].items()},
        arrangements={
            name: tuple((row, column) for row, column in entry["at"]) for name, entry in data["arrangements"].items()
        },
        art={name: entry["art"] for name, entry in data["styles"].items()},
        shares=tuple(entry.get("share", 1) for entry in data["styles"].values()),
        withheld=data.get("withheld", 0),
        backdrops={name: Backdrop.read(entry) for name, entry in data.get("scenes", {}).items()},
        facings=tuple(data.get("facings", {})),
    )
