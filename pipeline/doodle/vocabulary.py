"""The words the embedded model knows, read from ``data/doodle/vocabulary.json``.

One file serves the training (captions, which art to fetch, which colours to paint) and the `doodle` dialect, so
that prompts are written in exactly the words that the captions were made of.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATH = Path(__file__).resolve().parents[2] / "data" / "doodle" / "vocabulary.json"


@dataclass(frozen=True)
class Subject:
    """A thing that can be painted: its caption name, English synonyms, emoji code point, emoji group."""

    name: str
    synonyms: tuple[str, ...]
    emoji: str
    group: str


@dataclass(frozen=True)
class Vocabulary:
    """Subjects, styles, and colours as 8-bit RGB for objects and for backgrounds."""

    subjects: tuple[Subject, ...]
    styles: tuple[str, ...]
    colors: dict[str, tuple[int, int, int]]
    backgrounds: dict[str, tuple[int, int, int]]

    def words(self) -> list[str]:
        """Every word a caption can hold, for the tokenizer."""
        phrases = [*self.styles, *self.colors, *self.backgrounds, "background"]
        for subject in self.subjects:
            phrases += [subject.name, *subject.synonyms]
        return sorted({word for phrase in phrases for word in phrase.lower().split()})


def load_vocabulary(path: Path = PATH) -> Vocabulary:
    data: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return Vocabulary(
        subjects=tuple(
            Subject(name, tuple(entry["en"]), entry["emoji"], entry["group"])
            for name, entry in data["subjects"].items()
        ),
        styles=tuple(data["styles"]),
        colors={name: tuple(entry["rgb"]) for name, entry in data["colors"].items()},
        backgrounds={name: tuple(entry["rgb"]) for name, entry in data["backgrounds"].items()},
    )
