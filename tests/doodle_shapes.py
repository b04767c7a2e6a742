"""Art for the tests of the embedded model's making: three drawn shapes in two styles, and their vocabulary."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from pipeline.doodle.backdrops import Backdrop, Marks
from pipeline.doodle.vocabulary import Subject, Vocabulary

SMALL = Vocabulary(
    subjects=(
        Subject("ball", ("sphere",), "26bd", "activities"),
        Subject("box", (), "1f4e6", "objects"),
        Subject("boy", (), "1f466", "people-body", "left"),
    ),
    styles=("flat vector", "3d render"),
    colors={"red": (214, 38, 42), "blue": (40, 104, 214), "white": (246, 246, 246)},
    backgrounds={"white": (255, 255, 255), "black": (16, 16, 18), "red": (206, 44, 46)},
    arrangements={"large": (), "small": ((2, 2),), "two": ((2, 0), (2, 4))},
    art={"flat vector": "@iconify-json/fluent-emoji-flat", "3d render": "@lobehub/fluent-emoji-3d"},
    shares=(1, 1),
    backdrops={
        "meadow": Backdrop(
            ((5, (120, 190, 240), (120, 190, 240)), (3, (90, 170, 70), (90, 170, 70))),
            ((90, 100, 120), (0, 0, 1, 0, 0, 0, 0, 3)),
            (Marks("puff", (255, 255, 255), 0, 3, 0.6), Marks("window", (240, 230, 160), 0, 5, 1)),
        )
    },
    facings=("facing left", "facing right"),
)


def drawn(shape: str, color: tuple[int, int, int]) -> np.ndarray:
    picture = Image.new("RGBA", (256, 256))
    pen = ImageDraw.Draw(picture)
    if shape == "triangle":
        pen.polygon([(60, 40), (216, 216), (40, 216)], fill=(*color, 255))
    else:
        (pen.ellipse if shape == "ellipse" else pen.rectangle)((40, 40, 216, 216), fill=(*color, 255))
    return np.asarray(picture)


def outlined(picture: np.ndarray) -> np.ndarray:
    """The second style: only the rim of a shape."""
    hollow = picture.copy()
    inside = np.asarray(Image.fromarray(picture).getchannel("A").filter(ImageFilter.MinFilter(41)))
    hollow[inside > 0] = 0
    return hollow


def shapes() -> np.ndarray:
    """``uint8[3, 2, 256, 256, 4]``."""
    rows = [("ellipse", (30, 160, 60)), ("rectangle", (120, 80, 40)), ("triangle", (250, 200, 40))]
    return np.stack([np.stack([drawn(*row), outlined(drawn(*row))]) for row in rows])
