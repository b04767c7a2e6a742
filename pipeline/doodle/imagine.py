"""Imagine drawings that training does not show, in styles of few colours, from the same thing in another style.

The styles draw a thing in like poses. So one that is drawn in a few flat colours is what is left of a richer one when
only its main colours are kept; and one of a single colour is the outlines between those. No training is needed.
(What a style of many colours adds is not to be found so: `pipeline.doodle.drawings` guesses it.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from pipeline.doodle.vocabulary import Vocabulary

#: Styles of more colours than this are not imagined here.
FEW = 16
#: How many colours are kept of a drawing.
MAIN_COLORS = 4
#: How much colours must differ to have an outline between them, of 255; and how thick that is, in pixels.
CONTRAST, THICKNESS = 40, 7

Picture = NDArray[np.uint8]


def imagined(art: NDArray[np.uint8], vocabulary: Vocabulary) -> dict[tuple[int, int], Picture]:
    """Withheld pictures by subject and style, ``uint8[256, 256, 4]``.

    Each is made from the same subject in the style that is next richer in colours.
    """
    numbers = [_number_of_colors(art, style, vocabulary) for style in range(art.shape[1])]
    found: dict[tuple[int, int], Picture] = {}
    for subject in range(len(art)):
        for style, number in enumerate(numbers):
            richer = [
                (more, other)
                for other, more in enumerate(numbers)
                if more > number and not vocabulary.withholds(subject, other)
            ]
            if vocabulary.withholds(subject, style) and number <= FEW and richer:
                plain = in_main_colors(np.array(art[subject, min(richer)[1]]))
                found[subject, style] = _soft(outlines(plain) if number == 1 else plain)
    return found


def _number_of_colors(art: NDArray[np.uint8], style: int, vocabulary: Vocabulary) -> int:
    """How many colours cover 0.95 of a picture in a style, in the median of every eighth that is shown."""
    numbers = []
    for subject in range(0, len(art), 8):
        picture = art[subject, style]
        pixels = picture[picture[..., 3] > 250][:, :3] // 8
        if vocabulary.withholds(subject, style) or not len(pixels):
            continue
        counts = np.sort(np.unique(pixels, axis=0, return_counts=True)[1])[::-1]
        numbers.append(int(np.searchsorted(counts.cumsum(), 0.95 * counts.sum()) + 1))
    return int(np.median(numbers))


def in_main_colors(picture: Picture) -> Picture:
    """A drawing ``uint8[h, w, 4]`` in its main colours, by k-means, each pixel as most of its neighbours."""
    solid = picture[..., 3] > 127
    if not solid.any():
        return np.zeros_like(picture)
    pixels = Image.fromarray(picture[solid][None, :, :3])
    palette = pixels.quantize(MAIN_COLORS, Image.Quantize.MAXCOVERAGE, kmeans=10)
    labels = Image.fromarray(picture).convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE)
    numbered = np.where(solid, np.asarray(labels), 255).astype(np.uint8)
    smooth = np.asarray(Image.fromarray(numbered).filter(ImageFilter.ModeFilter(7)))
    colors = np.zeros((256, 4), np.uint8)
    found = np.array(palette.getpalette("RGB"), np.uint8).reshape(-1, 3)
    colors[: len(found), :3], colors[: len(found), 3], colors[255] = found, 255, 0
    kept: Picture = colors[smooth]
    return kept


def outlines(picture: Picture) -> Picture:
    """Black lines ``uint8[h, w, 4]`` where the colours of a drawing change."""
    here, most = picture.astype(np.int16), np.zeros(picture.shape[:2], np.int16)
    for step in ((0, 1), (1, 0), (1, 1), (1, -1)):
        most = np.maximum(most, np.abs(here - np.roll(here, step, (0, 1))).max(-1))
    lines = Image.fromarray(np.where(most > CONTRAST, 255, 0).astype(np.uint8))
    drawn = np.zeros_like(picture)
    drawn[..., 3] = np.asarray(lines.filter(ImageFilter.MaxFilter(THICKNESS)))
    return drawn


def _soft(picture: Picture) -> Picture:
    """With edges as smooth as those of the art."""
    return np.asarray(Image.fromarray(picture).convert("RGBa").filter(ImageFilter.GaussianBlur(0.7)).convert("RGBA"))
