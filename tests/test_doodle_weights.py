"""The weights that ship: what is asked for can be seen in the pixels, whatever the seed."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pipeline.doodle import evaluate, steps
from pipeline.doodle.vocabulary import load_vocabulary

VOCABULARY = load_vocabulary()
NAMES = [subject.name for subject in VOCABULARY.subjects]


@pytest.fixture(scope="module")
def pipeline():
    return steps.load(None)


def case(name: str, style: str, color: str = "", background: str = "white", seed: int = 1) -> evaluate.Case:
    prompt = f"{color} {name}, {style}, {background} background".strip()
    return evaluate.Case(NAMES.index(name), list(VOCABULARY.styles).index(style), color, background, prompt, seed)


def test_colours_are_those_that_were_asked_for(pipeline):
    chosen = [
        case("apple", "3d render", "red", "white"),
        case("car", "flat vector", "blue", "yellow"),
        case("cat", "flat vector", "black", "pink"),
        case("teapot", "3d render", "green", "black"),
        case("rose", "line art", "purple", "white"),
        case("guitar", "3d render", "orange", "light blue"),
        case("house", "flat vector", "red", "green"),
        case("bird", "line art", "blue", "white"),
    ]
    pictures = list(evaluate.paint(pipeline, chosen))
    grounds = [evaluate.background_color(picture, VOCABULARY) for picture in pictures]
    colors = [evaluate.object_color(picture, VOCABULARY) for picture in pictures]
    assert sum(one == other.background for one, other in zip(grounds, chosen, strict=True)) >= 7
    assert sum(one == other.color for one, other in zip(colors, chosen, strict=True)) >= 6


def test_who_faces_right_is_the_one_who_faces_left_mirrored(pipeline):
    names = ["cat", "horse", "car", "airplane", "shark"]
    prompts = [f"{name}, facing {side}, flat vector, white background" for name in names for side in ("left", "right")]
    painted = evaluate.paint(pipeline, [evaluate.Case(0, 0, "", "white", prompt, 1) for prompt in prompts])
    pictures = [picture.astype(np.float32) for picture in painted]
    for name, left, right in zip(names, pictures[::2], pictures[1::2], strict=True):
        assert np.square(left[:, ::-1] - right).mean() < np.square(left - right).mean() / 4, name


def test_every_scene_is_around_what_stands_in_it(pipeline):
    chosen = [case("cupcake", "3d render", "", scene) for scene in VOCABULARY.backdrops]
    pictures = list(evaluate.paint(pipeline, chosen))
    assert [evaluate.ground_around(picture, VOCABULARY) for picture in pictures] == list(VOCABULARY.backdrops)


def test_the_caption_makes_the_picture_and_not_the_seed(pipeline):
    """Of twelve pictures, each is most like the one of the same caption with another seed."""
    things = [("dog", "3d render"), ("dog", "line art"), ("pizza", "flat vector"), ("castle", "3d render")]
    things += [("bicycle", "line art"), ("butterfly", "flat vector")]
    chosen = [case(*thing, seed=seed) for seed in (3, 4) for thing in things]
    small = np.stack(
        [
            np.asarray(Image.fromarray(picture).resize((32, 32), Image.Resampling.BOX), np.float32).ravel()
            for picture in evaluate.paint(pipeline, chosen)
        ]
    )
    apart = np.square(small[:, None] - small[None]).mean(-1) + np.diag([np.inf] * len(small))
    nearest = apart.argmin(1)
    assert [int(one) % len(things) for one in nearest] == [number % len(things) for number in range(len(small))]
