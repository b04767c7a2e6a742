"""What the training shows: random scenes from the vocabulary, each with its caption.

A scene is one thing that fills the picture, or up to three half-size ones in the places that an arrangement names.
Knows nothing of pixels, latents or tensors.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from itertools import accumulate, product

from pipeline.doodle.vocabulary import Vocabulary

#: Where the two things of a pair stand: row and column, in 32 px patches, of a half-size picture's top left corner.
PAIR = ((2, 0), (2, 4))


@dataclass(frozen=True)
class Thing:
    """A subject in a version (0: as drawn, k: in the k-th colour), half-size at patch `at`, or filling the picture.

    As drawn it faces left, if it faces a side; mirrored, right.
    """

    subject: int
    version: int
    at: tuple[int, int] | None = None
    mirrored: bool = False


@dataclass(frozen=True)
class Scene:
    """Things in one style on one background, a colour or a scene, and the caption that says so."""

    things: tuple[Thing, ...]
    style: int
    background: str
    caption: str


class Scenes:
    """Draws random scenes.

    Args:
        natural: for every subject and style the index of the colour word that fits the picture as drawn.
        arranged: the share of scenes with half-size things.
        gaps: whether captions leave out a part now and then.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        natural: list[list[int]],
        rng: random.Random,
        arranged: float = 0.35,
        *,
        gaps: bool = True,
    ) -> None:
        self.vocabulary, self.natural, self.rng, self.arranged = vocabulary, natural, rng, arranged
        self.gaps = gaps
        self.colors, self.backgrounds = list(vocabulary.colors), list(vocabulary.backgrounds)
        self.backdrops = list(vocabulary.backdrops)
        pairs = product(range(len(vocabulary.subjects)), range(len(vocabulary.styles)))
        self.shown = [(i, j) for i, j in pairs if not vocabulary.withholds(i, j)]
        self._shares = list(accumulate(vocabulary.shares[j] for _, j in self.shown))

    def draw(self) -> Scene:
        subject, style = self.rng.choices(self.shown, cum_weights=self._shares)[0]
        if self.rng.random() >= self.arranged:
            return self._scene(style, [self._thing(subject, style)], "large" if self.rng.random() < 0.05 else "")
        if self.rng.random() < 0.5:
            other = self.rng.choice([i for i, j in self.shown if j == style and i != subject])
            pair = [self._thing(i, style, at) for i, at in zip((subject, other), PAIR, strict=True)]
            return self._scene(style, pair, "side by side" if self.rng.random() < 0.7 else "")
        name, places = self.rng.choice([(name, at) for name, at in self.vocabulary.arrangements.items() if at])
        first = self._thing(subject, style)
        things = [(Thing(subject, first[0].version, at), first[1]) for at in places]
        return self._scene(style, things, name)

    def _thing(self, subject: int, style: int, at: tuple[int, int] | None = None) -> tuple[Thing, str]:
        """A thing with the colour word its caption uses: two in five in another colour than drawn."""
        # Recoloured skin would teach what nobody asks for.
        plain = self.vocabulary.subjects[subject].group == "people-body"
        if not plain and self.rng.random() < 0.4:
            # A red apple is the apple as drawn.
            other = [color for color in self.colors if color != self._natural(subject, style)] or self.colors
            color = self.rng.choice(other)
            return Thing(subject, 1 + self.colors.index(color), at), color
        return Thing(subject, 0, at), self._natural(subject, style) if self.rng.random() < 0.3 else ""

    def _natural(self, subject: int, style: int) -> str:
        return self.colors[self.natural[subject][style]]

    def _scene(self, style: int, things: list[tuple[Thing, str]], arrangement: str) -> Scene:
        # A thing cannot be told from a background of its own colour. White things as drawn have shades, though, and
        # white is the background that people get who name none.
        taken = {color or self._natural(thing.subject, style) for thing, color in things}
        if all(color != "white" for _, color in things):
            taken.discard("white")
        fitting = [name for name in self.backgrounds if name not in taken]
        often = self.rng.random() < 0.15 and "white" in fitting
        background = "white" if often else self.rng.choice(fitting)
        if self.backdrops and self.rng.random() < 0.3:
            background = self.rng.choice(self.backdrops)
        # The things of an arrangement are one subject; those of a pair are two.
        named = things if len({thing.subject for thing, _ in things}) > 1 else things[:1]
        phrases = [f"{color} {self._name(thing.subject)}".strip() for thing, color in named]
        what, faces = " and ".join(phrases), self.vocabulary.subjects[named[0][0].subject].faces
        mirrored = False
        if faces and len(named) == 1 and self.vocabulary.facings and self.rng.random() < 0.5:
            facing = self.rng.choice(self.vocabulary.facings)
            what, mirrored = f"{what}, {facing}", facing.endswith("right")
        caption = self._caption(what, arrangement, self.vocabulary.styles[style], background)
        return Scene(tuple(replace(thing, mirrored=mirrored) for thing, _ in things), style, background, caption)

    def _name(self, subject: int) -> str:
        chosen = self.vocabulary.subjects[subject]
        return self.rng.choice(chosen.synonyms) if chosen.synonyms and self.rng.random() < 0.15 else chosen.name

    def _caption(self, what: str, arrangement: str, style: str, background: str) -> str:
        """`red fox, facing right, on the left, 3d render, white background`, with a part missing now and then.

        A tenth of the captions is empty, for classifier-free guidance (Ho and Salimans 2022).
        """
        if self._gap(0.1):
            return ""
        parts = [what, arrangement]
        if not self._gap(0.03):
            parts.append(style)
        if not self._gap(0.03):
            parts.append(f"{background} background")
        return ", ".join(part for part in parts if part)

    def _gap(self, share: float) -> bool:
        return self.gaps and self.rng.random() < share
