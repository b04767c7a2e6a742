"""Simple scenes for things to stand in: a sky, a ground, small marks; drawn from a few numbers of the vocabulary.

A backdrop is made for the latents' grid of 32 px patches: bands end and buildings stand where patches do, so each
patch has one colour, from light to dark, and a mark lies within one. What a thing covers a part of shows that colour
alone; the shades and marks are where nothing stands.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from pipeline.doodle.autoencoder import PATCH

#: Patches in each direction.
GRID = 8
#: How much finer marks are drawn before they are made smaller.
FINER = 4

Rgb = tuple[int, int, int]
Floats = NDArray[np.float32]
Shares = TypeVar("Shares", Floats, Tensor)

#: What marks look like, in a unit square: ellipses by their boxes, polygons by their corners, lines by their ends and
#: width.
_SHAPES: dict[str, list[tuple[str, tuple[float, ...], float]]] = {
    "bubble": [("ring", (0.25, 0.25, 0.75, 0.75), 0.08)],
    "dash": [("box", (0.0, 0.4, 0.6, 0.6), 0)],
    "dot": [("ellipse", (0.38, 0.38, 0.62, 0.62), 0)],
    "drop": [("line", (0.6, 0.15, 0.4, 0.85), 0.1)],
    "leaf": [("polygon", (0.15, 0.8, 0.25, 0.4, 0.8, 0.2, 0.65, 0.7), 0)],
    "pebble": [("ellipse", (0.3, 0.42, 0.7, 0.62), 0)],
    "pine": [
        ("polygon", (0.5, 0.02, 0.78, 0.5, 0.22, 0.5), 0),
        ("polygon", (0.5, 0.25, 0.9, 0.86, 0.1, 0.86), 0),
        ("box", (0.43, 0.86, 0.57, 0.99), 0),
    ],
    "plank": [("line", (0.0, 0.98, 1.0, 0.98), 0.05), ("line", (0.5, 0.0, 0.5, 1.0), 0.05)],
    "puff": [("ellipse", box, 0) for box in ((0.06, 0.45, 0.5, 0.8), (0.28, 0.25, 0.74, 0.8), (0.5, 0.42, 0.96, 0.8))],
    "star": [("polygon", (0.5, 0.2, 0.57, 0.43, 0.8, 0.5, 0.57, 0.57, 0.5, 0.8, 0.43, 0.57, 0.2, 0.5, 0.43, 0.43), 0)],
    "tuft": [
        ("polygon", (0.3, 0.8, 0.2, 0.35, 0.45, 0.8), 0),
        ("polygon", (0.4, 0.8, 0.5, 0.2, 0.6, 0.8), 0),
        ("polygon", (0.55, 0.8, 0.8, 0.35, 0.7, 0.8), 0),
    ],
    "wave": [("line", (0.1, 0.55, 0.3, 0.42, 0.5, 0.55, 0.7, 0.42, 0.9, 0.55), 0.09)],
    "window": [("box", (x, y, x + 0.22, y + 0.25), 0) for x in (0.17, 0.6) for y in (0.15, 0.58)],
}


@dataclass(frozen=True)
class Marks:
    """Small shapes of a colour, in that share of the patches of some rows; windows only where buildings are."""

    shape: str
    rgb: Rgb
    first: int
    rows: int
    share: float


@dataclass(frozen=True)
class Backdrop:
    """A scene without its things.

    Args:
        bands: from top to bottom: how many patches high, the colour at the top and at the bottom.
        skyline: a colour, and how many patches high a building of it stands on the last band in each column.
    """

    bands: tuple[tuple[int, Rgb, Rgb], ...]
    skyline: tuple[Rgb, tuple[int, ...]] | None
    marks: tuple[Marks, ...]

    @classmethod
    def read(cls, entry: dict[str, Any]) -> Self:
        """From the vocabulary's entry."""
        skyline = entry.get("skyline")
        return cls(
            bands=tuple((rows, tuple(top), tuple(bottom)) for rows, top, bottom in entry["bands"]),
            skyline=(tuple(skyline["rgb"]), tuple(skyline["heights"])) if skyline else None,
            marks=tuple(Marks(**{**mark, "rgb": tuple(mark["rgb"])}) for mark in entry["marks"]),
        )


@cache
def patch_colors(backdrop: Backdrop) -> Floats:
    """The mean colour of every patch without marks, ``[3, 8, 8]``, 0..1."""
    cut = plain(backdrop).reshape(GRID, PATCH, GRID, PATCH, 3)
    colors: Floats = np.asarray(cut.mean((1, 3)), np.float32).transpose(2, 0, 1)
    return colors


@cache
def plain(backdrop: Backdrop) -> Floats:
    """The pixels without marks, ``[256, 256, 3]``, 0..1."""
    bands = []
    for rows, top, bottom in backdrop.bands:
        share = ((np.arange(rows * PATCH) + 0.5) / (rows * PATCH))[:, None]
        bands.append(np.array(top) * (1 - share) + np.array(bottom) * share)
    column = np.concatenate(bands) / 255
    pixels = np.repeat(column[:, None], GRID * PATCH, axis=1).astype(np.float32)
    for row, place in _buildings(backdrop):
        assert backdrop.skyline
        pixels[row * PATCH : (row + 1) * PATCH, place * PATCH : (place + 1) * PATCH] = (
            np.array(backdrop.skyline[0], np.float32) / 255
        )
    return pixels


@cache
def marked(backdrop: Backdrop) -> Floats:
    """The pixels with their marks, ``[256, 256, 3]``, 0..1. The same at every call."""
    pixels, chance = plain(backdrop).copy(), random.Random(0)
    buildings = set(_buildings(backdrop))
    for marks in backdrop.marks:
        for row in range(marks.first, marks.first + marks.rows):
            for column in range(GRID):
                fits = ((row, column) in buildings) == (marks.shape == "window")
                if chance.random() >= marks.share or not fits:
                    continue
                tile = pixels[row * PATCH : (row + 1) * PATCH, column * PATCH : (column + 1) * PATCH]
                share = _mark(marks.shape, chance)
                tile += share * (np.array(marks.rgb, np.float32) / 255 - tile)
    return pixels


def _buildings(backdrop: Backdrop) -> list[tuple[int, int]]:
    """Row and column of the patches that buildings fill."""
    if not backdrop.skyline:
        return []
    foot = GRID - backdrop.bands[-1][0]
    return [(foot - 1 - up, column) for column, height in enumerate(backdrop.skyline[1]) for up in range(height)]


def _mark(shape: str, chance: random.Random) -> Floats:
    """How much of each pixel of a patch a mark covers, ``[32, 32, 1]``, 0..1."""
    side = PATCH * FINER
    tile = Image.new("L", (side, side))
    pen = ImageDraw.Draw(tile)
    # What stands in rows is as large as its patch; all else differs a little.
    even = shape in ("dash", "plank", "window")
    size = 1.0 if even else chance.uniform(0.7, 1.0)
    left, top = (0.0 if even else chance.uniform(0, 1 - size) for _ in range(2))
    for kind, corners, width in _SHAPES[shape]:
        points = [side * ((left, top)[i % 2] + size * number) for i, number in enumerate(corners)]
        if kind == "line":
            pen.line(points, fill=255, width=max(1, round(width * side * size)), joint="curve")
        elif kind == "polygon":
            pen.polygon(points, fill=255)
        elif kind == "ring":
            pen.ellipse(points, outline=255, width=round(width * side * size))
        else:
            (pen.ellipse if kind == "ellipse" else pen.rectangle)(points, fill=255)
    covered: Floats = np.asarray(tile.resize((PATCH, PATCH), Image.Resampling.BOX), np.float32)[..., None]
    return covered / np.float32(255)


def unhidden(clear: Shares) -> Shares:
    """How much of a patch's shades and marks shows, given the share of it where nothing stands (arrays or tensors).

    All where nothing does, nothing where a fiftieth of the patch is covered.
    """
    return (clear * 50 - 49).clip(0, 1)
