"""Judge the embedded model: paint a fixed set of prompts with fixed seeds, and measure the pictures.

Nothing that judges took part in the training: the subject and the style are those of the nearest real picture, pixel
by pixel at 32x32, on the background that was asked for; colours are measured in the painted pixels. Pixels are a
strict judge of pose and a blind one of everything else, so look at the sheet as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from pipeline.doodle.recolor import main_region, nearest_color
from pipeline.doodle.vocabulary import Vocabulary

Floats = NDArray[np.float32]
SMALL = 32
STEPS, GUIDANCE = 20, 2.5


@dataclass(frozen=True)
class Case:
    """One prompt with what its picture must show; `color` is empty where none is asked for."""

    subject: int
    style: int
    color: str
    background: str
    prompt: str
    seed: int


def cases(vocabulary: Vocabulary) -> list[Case]:
    """Every subject in every style as it comes, and every second one in a colour; all colours take their turn."""
    found: list[Case] = []
    colors, backgrounds = list(vocabulary.colors), list(vocabulary.backgrounds)
    for i, subject in enumerate(vocabulary.subjects):
        for j, style in enumerate(vocabulary.styles):
            wanted = [""] if (i + j) % 2 or subject.group == "people-body" else ["", colors[(i + 3 * j) % len(colors)]]
            for color in wanted:
                fitting = [name for name in backgrounds if name != color]
                background = fitting[(2 * i + 5 * j + len(color)) % len(fitting)]
                prompt = f"{color} {subject.name}, {style}, {background} background".strip()
                found.append(Case(i, j, color, background, prompt, seed=1000 + len(found)))
    return found


def paint(pipeline: Any, chosen: list[Case], batch: int = 16) -> Iterator[NDArray[np.uint8]]:
    """``uint8[256, 256, 3]`` for each case, through the plain diffusers call."""
    for start in range(0, len(chosen), batch):
        part = chosen[start : start + batch]
        generators = [torch.Generator().manual_seed(case.seed) for case in part]
        pictures = pipeline(
            [case.prompt for case in part],
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            generator=generators,
            output_type="np",
        ).images
        yield from np.rint(pictures * 255).astype(np.uint8)


def evaluate(
    pipeline: Any,
    art: NDArray[np.uint8],
    vocabulary: Vocabulary,
    chosen: list[Case],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, float]:
    """Shares of the cases that hold, over all of them (colour: over those that ask for one)."""
    small = np.stack([[_small(picture) for picture in row] for row in art])
    hits: dict[str, list[bool]] = {name: [] for name in ("subject_1", "subject_5", "style", "background", "color")}
    for number, (case, picture) in enumerate(zip(chosen, paint(pipeline, chosen), strict=True), 1):
        background: Floats = np.array(vocabulary.backgrounds[case.background], np.float32) / np.float32(255)
        # A recoloured picture is compared by light and dark alone.
        ranked = _nearest(picture, small, background, gray=bool(case.color))
        subjects = list(dict.fromkeys(index // art.shape[1] for index in ranked[:50]))
        hits["subject_1"].append(subjects[0] == case.subject)
        hits["subject_5"].append(case.subject in subjects[:5])
        hits["style"].append(ranked[0] % art.shape[1] == case.style)
        hits["background"].append(nearest_color(_border(picture), vocabulary.backgrounds) == case.background)
        if case.color:
            hits["color"].append(object_color(picture, vocabulary) == case.color)
        progress(number, len(chosen))
    return {name: round(float(np.mean(values)), 3) for name, values in hits.items() if values} | {"cases": len(chosen)}


def object_color(picture: NDArray[np.uint8], vocabulary: Vocabulary) -> str:
    """The colour word of what stands before the background."""
    distance = np.abs(picture.astype(np.float32) / 255 - _border(picture)).max(-1)
    alpha = np.where(distance > 0.12, 255, 0).astype(np.uint8)
    return nearest_color(main_region(np.dstack([picture, alpha]))[1], vocabulary.colors)


def _border(picture: NDArray[np.uint8]) -> Floats:
    """The median colour of the outermost pixels, 0..1."""
    edge = np.concatenate([picture[:6].reshape(-1, 3), picture[-6:].reshape(-1, 3), picture[:, :6].reshape(-1, 3)])
    return np.asarray(np.median(edge, axis=0) / 255, np.float32)


def _small(rgba: NDArray[np.uint8]) -> Floats:
    picture = Image.fromarray(np.asarray(rgba)).convert("RGBa").resize((SMALL, SMALL), Image.Resampling.BOX)
    return np.asarray(picture, np.float32) / np.float32(255)


def _nearest(picture: NDArray[np.uint8], small: Floats, background: Floats, *, gray: bool) -> list[int]:
    """Indices into the real pictures (subject times styles plus style), nearest first."""
    real = small.reshape(-1, SMALL, SMALL, 4)
    real = real[..., :3] + background * (1 - real[..., 3:])
    own = np.asarray(Image.fromarray(picture).resize((SMALL, SMALL), Image.Resampling.BOX), np.float32) / 255
    if gray:
        real, own = real.mean(-1, keepdims=True), own.mean(-1, keepdims=True)
    distances = ((real - own) ** 2).mean((1, 2, 3))
    return [int(index) for index in np.argsort(distances)]


def contact_sheet(pictures: list[NDArray[np.uint8]], labels: list[str], columns: int, side: int = 96) -> Image.Image:
    """Pictures in a grid, each with its label below."""
    from PIL import ImageDraw

    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * side, rows * (side + 14)), "white")
    pen = ImageDraw.Draw(sheet)
    for number, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        x, y = number % columns * side, number // columns * (side + 14)
        sheet.paste(Image.fromarray(picture).resize((side, side), Image.Resampling.LANCZOS), (x, y))
        pen.text((x + 2, y + side), label[: side // 6], fill="black")
    return sheet
