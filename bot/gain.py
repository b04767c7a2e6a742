"""What rewriting is worth: the same chatty requests painted as they are and rewritten, with the same seeds.

Half of them are Chinese, half English. The share of pictures that show what was asked for is judged by others.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pipeline.profiles import Profile

REQUESTS = 200


@dataclass(frozen=True)
class Request:
    """A chatty request for a subject of the embedded model's vocabulary, and what easel makes of it."""

    subject: int
    raw: str
    rewritten: str
    seed: int


def requests(profile: Profile, number: int = REQUESTS) -> list[Request]:
    """Templates and subjects take turns. The library is left out: only what rewriting does is measured."""
    from bot.writer import target_of
    from promptlib.compose import compose
    from promptlib.understanding import understand

    folder = Path(profile.vocabulary).parent
    subjects = json.loads(Path(profile.vocabulary).read_text("utf-8"))["subjects"]
    lines = [line.split("\t") for line in (folder / "chatty.tsv").read_text("utf-8").splitlines()]
    found: list[Request] = []
    for i in range(number):
        language, template = lines[i % len(lines)]
        subject = i * len(subjects) // number
        name = list(subjects)[subject]
        raw = template.format(subjects[name]["zh"][0] if language == "zh" else name)
        found.append(Request(subject, raw, compose(understand(raw), (), target_of(profile)).positive, seed=500 + i))
    return found
