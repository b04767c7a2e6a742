"""Looking at painted pictures for nudity, with a small detector on the CPU. Knows nothing of words, chats or choices.

The detector is the model file of the `nudenet` package, run here by onnxruntime; the package's own code is not
imported, so neither is OpenCV. Both come with ``pip install "easel[safety]"``. It was trained on photographs: of
drawings it misses more, it tells no ages, and it sees no gore.
"""

from __future__ import annotations

import importlib.util
import logging
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, UnidentifiedImageError

from pipeline.errors import PictureUnreadable

if TYPE_CHECKING:
    import numpy as np

log = logging.getLogger(__name__)

SIDE = 320
#: What the model's outputs stand for, in its order.
LABELS = (
    "female_genitalia_covered", "face_female", "buttocks_exposed", "female_breast_exposed",
    "female_genitalia_exposed", "male_breast_exposed", "anus_exposed", "feet_exposed", "belly_covered",
    "feet_covered", "armpits_covered", "armpits_exposed", "face_male", "belly_exposed", "male_genitalia_exposed",
    "anus_covered", "female_breast_covered", "buttocks_covered",
)  # fmt: skip
NUDE = (
    "female_breast_exposed",
    "female_genitalia_exposed",
    "male_genitalia_exposed",
    "anus_exposed",
    "buttocks_exposed",
)


class Detector:
    """Finds what `LABELS` name.

    Args:
        model: path of the ONNX file.
    """

    def __init__(self, model: Path) -> None:
        import onnxruntime  # an optional part of the installation

        options = onnxruntime.SessionOptions()
        # Painting needs the cores more.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session: Any = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._input: str = self._session.get_inputs()[0].name

    def scores(self, path: Path) -> dict[str, float]:
        """How sure the detector is of each label anywhere in a picture, from 0 to 1.

        Raises:
            PictureUnreadable: the file is no picture, is damaged, or is far too large.
        """
        output: np.ndarray[Any, Any] = self._session.run(None, {self._input: _pixels(path)})[0]
        return dict(zip(LABELS, output[0, 4:].max(axis=1).tolist(), strict=True))

    def nudity(self, path: Path) -> float:
        """How sure the detector is that a picture shows nudity, from 0 to 1."""
        scores = self.scores(path)
        return max(scores[label] for label in NUDE)


def _pixels(path: Path) -> np.ndarray[Any, Any]:
    """The picture in the upper left corner of a black square, as the model was trained."""
    import numpy as np

    try:
        with Image.open(path) as image:
            image.draft("RGB", (2 * SIDE, 2 * SIDE))
            square = Image.new("RGB", (SIDE, SIDE))
            shrunk = image.convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PictureUnreadable(f"{path.name} cannot be looked at ({error}); paint it again.") from error
    scale = SIDE / max(shrunk.size)
    size = tuple(max(1, round(side * scale)) for side in shrunk.size)
    square.paste(shrunk.resize((size[0], size[1]), Image.Resampling.BILINEAR), (0, 0))
    return (np.asarray(square, np.float32) / 255).transpose(2, 0, 1)[None]


def model_file() -> Path | None:
    """The detector's model, if it is installed with what runs it."""
    found = importlib.util.find_spec("nudenet")
    if found is None or not found.submodule_search_locations or importlib.util.find_spec("onnxruntime") is None:
        return None
    path = Path(next(iter(found.submodule_search_locations))) / "320n.onnx"
    return path if path.exists() else None


@cache
def installed_detector() -> Detector | None:
    """The detector, loaded once; None where it is not installed."""
    path = model_file()
    return Detector(path) if path else None
