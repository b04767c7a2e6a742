"""Find the main colour of a picture and paint it in another, keeping light and shade.

Nobody drew a blue apple; the model can still learn what "blue" does to a thing when the main colour of the art is
changed and the caption says so.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

#: Rec. 709 weights of the channels in perceived brightness.
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
HUES = 12


def _hue(rgb: Floats) -> tuple[Floats, Floats]:
    """Hue in 0..1 and chroma in 0..1 of ``float[..., 3]`` colours."""
    top, bottom = rgb.max(-1), rgb.min(-1)
    chroma = top - bottom
    safe = np.where(chroma > 1e-6, chroma, 1)
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    sector = np.where(
        top == red,
        ((green - blue) / safe) % 6,
        np.where(top == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    return (sector / 6).astype(np.float32), chroma.astype(np.float32)


def main_region(rgba: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Where a picture shows its main colour (``float[h, w]``, 0..1), and that colour (``float[3]``, 0..1).

    The main colour is the commonest of twelve hues and of light and dark grey among the visible pixels. Near-black
    counts least: outlines are in every picture.
    """
    rgb = rgba[..., :3].astype(np.float32) / np.float32(255)
    alpha = rgba[..., 3].astype(np.float32) / 255
    hue, chroma = _hue(rgb)
    luma = rgb @ LUMA
    colourful = np.clip((chroma - 0.08) / 0.12, 0, 1) * alpha
    grey = (1 - np.clip((chroma - 0.08) / 0.12, 0, 1)) * alpha
    weights = [
        float((colourful * np.clip(2 - HUES * np.abs((hue - k / HUES + 0.5) % 1 - 0.5), 0, 1)).sum())
        for k in range(HUES)
    ]
    bands = [float((grey * (luma > 0.45)).sum()), 0.5 * float((grey * (luma <= 0.45)).sum())]
    best = int(np.argmax([*weights, *bands]))
    if best < HUES:
        distance = np.abs((hue - best / HUES + 0.5) % 1 - 0.5) * HUES
        region = colourful * np.clip(2.2 - distance, 0, 1)
    else:
        region = grey * ((luma > 0.45) if best == HUES else (luma <= 0.6))
    region = region.astype(np.float32)
    total = float(region.sum()) or 1.0
    color = (rgb * region[..., None]).sum((0, 1)) / total
    return region, color.astype(np.float32)


def dyed(rgba: NDArray[np.uint8], main: tuple[Floats, Floats] | None = None) -> tuple[Floats, Floats]:
    """What a picture is in any colour: ``undyed[h, w, 3] + dye[h, w, 1] * colour``, all in 0..1.

    `main` is what `main_region` gives for the picture.
    """
    region, color = main or main_region(rgba)
    rgb = rgba[..., :3].astype(np.float32) / 255
    # Added to both, so that black lines on nothing take the colour, too.
    ratio = (rgb @ LUMA + 0.05) / (float(color @ LUMA) + 0.05)
    # Below the main brightness fade towards black, above it towards white.
    dye = np.where(ratio <= 1, np.clip(ratio, 0.15, 1), np.clip(1 - 0.9 * (ratio - 1), 0, 1))
    white = np.where(ratio <= 1, 0, 1 - dye)
    undyed = rgb + (white[..., None] - rgb) * region[..., None]
    return undyed.astype(np.float32), (region * dye).astype(np.float32)[..., None]


def recolor(
    rgba: NDArray[np.uint8], target: tuple[int, int, int], main: tuple[Floats, Floats] | None = None
) -> NDArray[np.uint8]:
    """The picture with its main colour replaced by ``target`` (8-bit RGB); darker and lighter parts stay so.

    `main` is what `main_region` gives for the picture, for callers that paint it in many colours.
    """
    undyed, dye = dyed(rgba, main)
    mixed = undyed + dye * (np.array(target, np.float32) / 255)
    result = rgba.copy()
    result[..., :3] = np.clip(np.rint(mixed * 255), 0, 255).astype(np.uint8)
    return result


def nearest_color(rgb: Floats, palette: dict[str, tuple[int, int, int]]) -> str:
    """The palette's word for a colour, by distance in brightness, hue and chroma together."""

    def features(value: Floats) -> Floats:
        luma = float(value @ LUMA)
        return np.array([0.8 * luma, value[0] - luma, value[1] - luma, value[2] - luma], np.float32)

    here = features(rgb)
    return min(
        palette,
        key=lambda name: float(np.abs(features(np.array(palette[name], np.float32) / np.float32(255)) - here).sum()),
    )
