"""Measure the embedded model: paint a fixed set of prompts with fixed seeds, and look at the pictures.

Nothing that judges took part in the training: subject and style are what a classifier of the real art sees, colours
are measured in the painted pixels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from pipeline.doodle import latents
from pipeline.doodle.art import SIZE
from pipeline.doodle.autoencoder import PATCH
from pipeline.doodle.judge import Classifier, seen
from pipeline.doodle.recolor import main_region, nearest_color, recolor
from pipeline.doodle.scenes import PAIR, Scene, Thing
from pipeline.doodle.sketch import SURE
from pipeline.doodle.unet import SHARE
from pipeline.doodle.vocabulary import Vocabulary
from pipeline.profiles import BUILT_IN, load_profiles

Floats = NDArray[np.float32]
#: As people get them.
STEPS, GUIDANCE = (getattr(load_profiles(BUILT_IN)["doodle"], name) for name in ("steps", "guidance"))


@dataclass(frozen=True)
class Case:
    """One prompt with what its picture must show; `color` is empty where none is asked for."""

    subject: int
    style: int
    color: str
    background: str
    prompt: str
    seed: int
    #: Half-size things: their subjects, and where they stand, row and column in patches.
    things: tuple[tuple[int, tuple[int, int]], ...] = ()
    #: Which way the one thing shall face.
    facing: str = ""

    @property
    def name(self) -> str:
        """Of its picture's file."""
        return hashlib.sha256(f"{self.prompt} {self.seed} {STEPS} {GUIDANCE} {SHARE} {SURE}".encode()).hexdigest()[:16]


def cases(vocabulary: Vocabulary, natural: Callable[[int, int], str]) -> list[Case]:
    """Every subject in every style, every second time in a colour; all colours and backgrounds take their turn.

    `natural` gives the colour word of a picture as drawn: no thing is asked for on a background of its own colour.
    """
    found: list[Case] = []
    colors, backgrounds = list(vocabulary.colors), list(vocabulary.backgrounds)
    for i, subject in enumerate(vocabulary.subjects):
        for j, style in enumerate(vocabulary.styles):
            plain = (i + j) % 2 or subject.group == "people-body"
            color = "" if plain else colors[(i // 2 + 3 * j) % len(colors)]
            fitting = [name for name in backgrounds if name != (color or natural(i, j))]
            background = fitting[(2 * i + 5 * j) % len(fitting)]
            prompt = f"{color} {subject.name}, {style}, {background} background".strip()
            found.append(Case(i, j, color, background, prompt, seed=1000 + len(found)))
    return found


def arranged_cases(vocabulary: Vocabulary) -> list[Case]:
    """Every subject once at half size, on white; all arrangements, pairs, and styles take their turn."""
    found: list[Case] = []
    arrangements = {name: places for name, places in vocabulary.arrangements.items() if places}
    kinds = [*arrangements, "side by side"]
    number, styles = len(vocabulary.subjects), list(vocabulary.styles)
    for i, subject in enumerate(vocabulary.subjects):
        kind, style = kinds[i % len(kinds)], (i // len(kinds)) % len(styles)
        other = (7 * i + 3) % number
        if vocabulary.withholds(i, style) or (kind not in arrangements and vocabulary.withholds(other, style)):
            continue
        if kind in arrangements:
            things, what = [(i, place) for place in arrangements[kind]], subject.name
        else:
            things = list(zip((i, other), PAIR, strict=True))
            what = f"{subject.name} and {vocabulary.subjects[other].name}"
        prompt = f"{what}, {kind}, {styles[style]}, white background"
        found.append(Case(i, style, "", "white", prompt, 5000 + i, tuple(things)))
    return found


def facing_cases(vocabulary: Vocabulary) -> list[Case]:
    """Every subject that is drawn from the side, on white, facing each side; styles take their turn."""
    found: list[Case] = []
    for i, subject in enumerate(vocabulary.subjects):
        for k, facing in enumerate(vocabulary.facings if subject.faces else ()):
            style = (i + k) % len(vocabulary.styles)
            prompt = f"{subject.name}, {facing}, {vocabulary.styles[style]}, white background"
            if not vocabulary.withholds(i, style):
                found.append(Case(i, style, "", "white", prompt, 8000 + len(found), facing=facing))
    return found


def scene_cases(vocabulary: Vocabulary) -> list[Case]:
    """Every third subject, small before a backdrop as people get it; backdrops and styles take their turn."""
    found: list[Case] = []
    backdrops, styles = list(vocabulary.backdrops), list(vocabulary.styles)
    for i in range(0, len(vocabulary.subjects) if backdrops else 0, 3):
        style, backdrop = (i // 3) % len(styles), backdrops[(i // 3 + i // (3 * len(backdrops))) % len(backdrops)]
        if not vocabulary.withholds(i, style):
            prompt = f"{vocabulary.subjects[i].name}, small, {styles[style]}, {backdrop} background"
            found.append(Case(i, style, "", backdrop, prompt, 9000 + i, ((i, vocabulary.arrangements["small"][0]),)))
    return found


def paint(pipeline: Any, chosen: list[Case], kept: Path | None = None, batch: int = 16) -> Iterator[NDArray[np.uint8]]:
    """``uint8[256, 256, 3]`` for each case, through the plain diffusers call.

    Args:
        kept: a folder for the pictures; those that are there are not painted again.
    """
    for start in range(0, len(chosen), batch):
        part = chosen[start : start + batch]
        files = [kept / f"{case.name}.png" if kept else None for case in part]
        missing = [case for case, file in zip(part, files, strict=True) if not (file and file.exists())]
        fresh = iter(_paint(pipeline, missing) if missing else ())
        for file in files:
            if file and file.exists():
                yield np.asarray(Image.open(file))
                continue
            picture: NDArray[np.uint8] = next(fresh)
            if file:
                partial = file.with_suffix(".part")
                Image.fromarray(picture).save(partial, "PNG", compress_level=1)
                partial.replace(file)
            yield picture


def _paint(pipeline: Any, chosen: list[Case]) -> NDArray[np.uint8]:
    pictures = pipeline(
        [case.prompt for case in chosen],
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        generator=[torch.Generator().manual_seed(case.seed) for case in chosen],
        output_type="np",
    ).images
    painted: NDArray[np.uint8] = np.rint(pictures * 255).astype(np.uint8)
    return painted


def real(art: NDArray[np.uint8], vocabulary: Vocabulary, chosen: list[Case]) -> Iterator[NDArray[np.uint8]]:
    """What each case would look like at best: the art itself, ``uint8[256, 256, 3]``."""
    for case in chosen:
        named = case.things or ((case.subject, None),)
        things = tuple(Thing(subject, 0, at, case.facing.endswith("right")) for subject, at in named)
        picture = latents.picture(Scene(things, case.style, case.background, case.prompt), art, vocabulary)
        if case.color:
            main = main_region(picture)
            # In its own colour a thing is as drawn: training shows it so.
            if nearest_color(main[1], vocabulary.colors) != case.color:
                picture = recolor(picture, vocabulary.colors[case.color], main)
        ground = latents.behind(picture, case.background, vocabulary)
        yield np.rint((latents.on_background(picture[None], ground[None])[0] + 1) * 127.5).astype(np.uint8)


def evaluate(
    pictures: Iterable[NDArray[np.uint8]],
    judge: Classifier,
    vocabulary: Vocabulary,
    chosen: list[Case],
    art: NDArray[np.uint8],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, float]:
    """Shares of the cases that hold in their pictures.

    Of half-size things only ``arranged_1``: the share of them that show their subject where it should stand. Of things
    that shall face a side only `facing`: whether the picture is nearer to the art so than to the art mirrored. In a
    scene only `scene` and ``scene_1``: whether what is around is that scene's, and whether the judge, which has never
    seen a scene, knows the subject.
    Subject, style and background over all of them; `color` over those that ask for one; `withheld_1` and
    `withheld_5` over the combinations of subject and style that training never showed.
    """
    hits: dict[str, list[bool]] = {}

    def note(name: str, hit: bool) -> None:
        hits.setdefault(name, []).append(hit)

    for number, (case, picture) in enumerate(zip(chosen, pictures, strict=True), 1):
        progress(number, len(chosen))
        for subject, (row, column) in case.things:
            place = picture[row * PATCH : row * PATCH + SIZE // 2, column * PATCH : column * PATCH + SIZE // 2]
            shown = seen(judge, place)[0][0] == subject
            note("scene_1" if case.background in vocabulary.backdrops else "arranged_1", shown)
        if case.background in vocabulary.backdrops:
            note("scene", ground_around(picture, vocabulary) == case.background)
        if case.things:
            continue
        if case.facing:
            asked = next(real(art, vocabulary, [case]))
            note("facing", _apart(picture, asked) < _apart(picture, asked[:, ::-1]))
            continue
        subjects, style = seen(judge, picture)
        for prefix in ["subject", *(["withheld"] if vocabulary.withholds(case.subject, case.style) else [])]:
            note(f"{prefix}_1", subjects[0] == case.subject)
            note(f"{prefix}_5", case.subject in subjects)
        note("style", style == case.style)
        note("background", background_color(picture, vocabulary) == case.background)
        if case.color:
            note("color", object_color(picture, vocabulary) == case.color)
    return {name: round(float(np.mean(values)), 3) for name, values in sorted(hits.items())} | {"cases": len(chosen)}


def share_shown(
    pipeline: Any,
    judge: Classifier,
    chosen: list[Case],
    kept: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> float:
    """The share of the prompts whose pictures show their subject, in whatever style."""
    hits: list[bool] = []
    for case, picture in zip(chosen, paint(pipeline, chosen, kept), strict=True):
        hits.append(seen(judge, picture)[0][0] == case.subject)
        progress(len(hits), len(chosen))
    return round(float(np.mean(hits)), 3)


def background_color(picture: NDArray[np.uint8], vocabulary: Vocabulary) -> str:
    """The colour word of the outermost pixels."""
    return nearest_color(_border(picture), vocabulary.backgrounds)


def ground_around(picture: NDArray[np.uint8], vocabulary: Vocabulary) -> str:
    """The background colour or scene that the pixels at the top and at both sides are nearest to, in the median."""
    clear = np.zeros((SIZE, SIZE, 4), np.uint8)
    found = {}
    for name in vocabulary.grounds():
        ground = np.broadcast_to(latents.behind(clear, name, vocabulary), picture.shape)
        apart = np.abs(picture / np.float32(255) - ground).max(-1)
        found[name] = np.median(np.concatenate([apart[:6].ravel(), apart[:, :6].ravel(), apart[:, -6:].ravel()]))
    return min(found, key=lambda name: float(found[name]))


def _apart(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.square(one.astype(np.float32) - other).mean())


def object_color(picture: NDArray[np.uint8], vocabulary: Vocabulary) -> str:
    """The colour word of what stands before the background."""
    distance = np.abs(picture.astype(np.float32) / 255 - _border(picture)).max(-1)
    alpha = np.where(distance > 0.12, 255, 0).astype(np.uint8)
    return nearest_color(main_region(np.dstack([picture, alpha]))[1], vocabulary.colors)


def _border(picture: NDArray[np.uint8]) -> Floats:
    """The median colour of the outermost pixels, 0..1."""
    edge = np.concatenate([picture[:6].reshape(-1, 3), picture[-6:].reshape(-1, 3), picture[:, :6].reshape(-1, 3)])
    return np.asarray(np.median(edge, axis=0) / 255, np.float32)


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
