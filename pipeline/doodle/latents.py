"""The training set as latents: every picture in every colour, ready to be put anywhere on any background.

The encoder is linear, so the latent of a picture on a background is the latent of the picture (premultiplied, on
black) plus, for each channel of the background colour, that amount of the latent of what shows through. Four small
arrays a picture replace millions of composited ones. And it sees each 32 px patch by itself, so a half-size copy that
stands on the patch grid is four by four numbers to be put in their place.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from pipeline.doodle.art import SIZE
from pipeline.doodle.autoencoder import PATCH, composed
from pipeline.doodle.recolor import main_region, nearest_color, recolor
from pipeline.doodle.scenes import Scene
from pipeline.doodle.vocabulary import Vocabulary

CHANNELS = 64
GRID = SIZE // PATCH
HALF = GRID // 2

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Basis:
    """Whitened principal components: ``components[64, 3 * 32 * 32]`` and the ``offset[64]`` of the mean patch."""

    components: Floats
    offset: Floats

    def project(self, patches: Floats) -> Floats:
        """``[..., 3072]`` patches in -1..1 to ``[..., 64]`` latents, without the offset."""
        # Torch's product keeps to the threads that it was given; NumPy's spins on all, in each of several processes.
        return (torch.from_numpy(patches) @ torch.from_numpy(self.components.T)).numpy()

    def spread(self) -> Floats:
        """How much of a patch each latent channel stands for: its standard deviation in pixels, ``[64]``."""
        spread: Floats = 1 / np.linalg.norm(self.components, axis=1)
        return spread

    def conv_weight(self) -> torch.Tensor:
        return torch.from_numpy(self.components.reshape(CHANNELS, 3, PATCH, PATCH).copy())


def patches_of(pictures: Floats) -> Floats:
    """``[n, side, side, 3]`` to ``[n, patches, 3072]``: row by row, each channel-first as a convolution sees it."""
    n, grid = len(pictures), pictures.shape[1] // PATCH
    cut = pictures.reshape(n, grid, PATCH, grid, PATCH, 3).transpose(0, 1, 3, 5, 2, 4)
    return np.ascontiguousarray(cut.reshape(n, grid * grid, 3 * PATCH * PATCH))


def halved(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture at half its size. Premultiplied, so that the colour of invisible pixels stays out of the edges."""
    side = rgba.shape[0] // 2
    small = Image.fromarray(rgba).convert("RGBa").resize((side, side), Image.Resampling.BOX).convert("RGBA")
    return np.asarray(small)


def picture(scene: Scene, art: NDArray[np.uint8], vocabulary: Vocabulary) -> NDArray[np.uint8]:
    """The pixels of a scene without its background, ``uint8[256, 256, 4]``."""
    colors = list(vocabulary.colors.values())
    canvas = np.zeros((SIZE, SIZE, 4), np.uint8)
    for thing in scene.things:
        drawn = np.array(art[thing.subject, scene.style])
        drawn = recolor(drawn, colors[thing.version - 1]) if thing.version else drawn
        if thing.at is None:
            return drawn
        top, left = thing.at[0] * PATCH, thing.at[1] * PATCH
        canvas[top : top + SIZE // 2, left : left + SIZE // 2] = halved(drawn)
    return canvas


def on_background(rgba: NDArray[np.uint8], background: Floats) -> Floats:
    """``[n, h, w, 4]`` pictures on ``[n, 3]`` colours (0..1), as floats in -1..1."""
    alpha = rgba[..., 3:].astype(np.float32) / np.float32(255)
    rgb = rgba[..., :3].astype(np.float32) / np.float32(255)
    mixed: Floats = (rgb * alpha + background[:, None, None, :] * (1 - alpha)) * np.float32(2) - np.float32(1)
    return mixed


def fit_basis(art: NDArray[np.uint8], vocabulary: Vocabulary, seed: int = 0) -> Basis:
    """Principal components of the art's patches on the vocabulary's backgrounds, some of it recoloured."""
    rng = np.random.default_rng(seed)
    backgrounds: Floats = np.array(list(vocabulary.backgrounds.values()), np.float32) / np.float32(255)
    colors = list(vocabulary.colors.values())
    pictures = art.reshape(-1, SIZE, SIZE, 4)
    total, count = np.zeros(3 * PATCH * PATCH, np.float64), 0
    square = np.zeros((3 * PATCH * PATCH, 3 * PATCH * PATCH), np.float64)
    for start in range(0, len(pictures), 64):
        batch = np.array(pictures[start : start + 64])
        for i in range(0, len(batch), 3):
            batch[i] = recolor(batch[i], colors[rng.integers(len(colors))])
        for i in range(0, len(batch), 5):
            small = halved(batch[i])
            batch[i] = 0
            batch[i, SIZE // 4 : 3 * SIZE // 4, SIZE // 4 : 3 * SIZE // 4] = small
        patches = patches_of(on_background(batch, backgrounds[rng.integers(len(backgrounds), size=len(batch))]))
        flat = patches.reshape(-1, patches.shape[-1])
        total += flat.sum(0)
        square += flat.T @ flat
        count += len(flat)
    mean = total / count
    covariance = torch.from_numpy((square / count - np.outer(mean, mean)).astype(np.float32))
    # Randomised (Halko et al. 2011): all 3072 exact ones would take half a minute, and 64 are needed.
    torch.manual_seed(seed)
    vectors, values, _ = torch.svd_lowrank(covariance, q=CHANNELS + 32, niter=6)
    scale = values[:CHANNELS].clamp_min(1e-8).sqrt()
    components = (vectors[:, :CHANNELS] / scale).T.contiguous().numpy()
    return Basis(components, (-components @ mean.astype(np.float32)).astype(np.float32))


@dataclass(frozen=True)
class LatentSet:
    """Latents of all pictures, in half precision.

    Shapes, for n subjects, s styles and 1 + c versions (as drawn, then one in each colour): ``body[n, s, 1 + c, 64,
    8, 8]``, ``through[n, s, 3, 64, 8, 8]`` for a background channel of 1, both again at half size (``small_body``,
    ``small_through``: 4, 4), the same of an empty patch (``empty[4, 64]``: body, then the three channels), and
    ``natural[n, s]`` the index of the colour word that fits the picture as drawn.
    """

    body: torch.Tensor
    through: torch.Tensor
    small_body: torch.Tensor
    small_through: torch.Tensor
    empty: torch.Tensor
    natural: torch.Tensor
    basis: Basis

    def compose(self, scenes: list[Scene], backgrounds: dict[str, tuple[int, int, int]]) -> torch.Tensor:
        """Latents ``float[b, 64, 8, 8]`` of the scenes."""
        return composed(self.layers(scenes), self.grounds(scenes, backgrounds))

    def layers(self, scenes: list[Scene]) -> torch.Tensor:
        """``float[b, 4, 64, 8, 8]``: the bodies on black, and what each background channel of 1 adds."""
        return torch.stack([self._layers(scene) for scene in scenes]).float()

    @staticmethod
    def grounds(scenes: list[Scene], backgrounds: dict[str, tuple[int, int, int]]) -> torch.Tensor:
        """Background colours ``float[b, 3]``, 0..1."""
        return torch.tensor([backgrounds[scene.background] for scene in scenes], dtype=torch.float32) / 255

    def _layers(self, scene: Scene) -> torch.Tensor:
        """``[4, 64, 8, 8]``: the body on black, and what a background channel of 1 adds."""
        first = scene.things[0]
        if first.at is None:
            body = self.body[first.subject, scene.style, first.version]
            return torch.cat([body[None], self.through[first.subject, scene.style]])
        layers = self.empty[:, :, None, None].repeat(1, 1, GRID, GRID)
        for thing in scene.things:
            assert thing.at is not None
            row, column = thing.at
            block = layers[:, :, row : row + HALF, column : column + HALF]
            block[0] = self.small_body[thing.subject, scene.style, thing.version]
            block[1:] = self.small_through[thing.subject, scene.style]
        return layers


def _grid(latents: Floats) -> torch.Tensor:
    """``[k, patches, 64]`` to ``half[k, 64, side, side]``."""
    side = round(latents.shape[1] ** 0.5)
    return torch.from_numpy(latents.astype(np.float16)).reshape(len(latents), side, side, CHANNELS).permute(0, 3, 1, 2)


def _encoded(versions: NDArray[np.uint8], basis: Basis) -> tuple[torch.Tensor, torch.Tensor]:
    """Body latents of all versions of one picture, and its see-through latents."""
    body = basis.project(patches_of(on_background(versions, np.zeros((len(versions), 3), np.float32)))) + basis.offset
    clear = np.zeros((3, *versions.shape[1:3], 3), np.float32)
    for channel in range(3):
        clear[channel, :, :, channel] = 2 * (1 - versions[0, ..., 3].astype(np.float32) / 255)
    return _grid(body), _grid(basis.project(patches_of(clear)))


def _latents_of(
    job: tuple[NDArray[np.uint8], list[tuple[int, int, int]], Basis],
) -> tuple[list[NDArray[np.float16]], Floats]:
    """Body and see-through latents of one picture in all its colours, at full and half size, and its main colour."""
    picture, colors, basis = job
    torch.set_num_threads(1)
    main = main_region(picture)
    versions = np.stack([picture, *(recolor(picture, color, main) for color in colors)])
    large = _encoded(versions, basis)
    small = _encoded(np.stack([halved(version) for version in versions]), basis)
    return [tensor.numpy() for tensor in (*large, *small)], main[1]


def build(
    art: NDArray[np.uint8],
    vocabulary: Vocabulary,
    folder: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> LatentSet:
    """Encode everything (minutes on two cores), or read it from ``folder/latents.pt`` when that fits."""
    cache = folder / "latents.pt"
    words = [[s.name for s in vocabulary.subjects], vocabulary.colors, list(vocabulary.styles)]
    fingerprint = json.dumps([words, [s.emoji for s in vocabulary.subjects], "half-size too, lines in colour"])
    if cache.exists():
        kept = torch.load(cache, weights_only=True)
        if kept.pop("fingerprint") == fingerprint:
            basis = Basis(kept.pop("components").numpy(), kept.pop("offset").numpy())
            return LatentSet(basis=basis, **kept)
    basis = fit_basis(art, vocabulary)
    n, s = art.shape[:2]
    colors, names = list(vocabulary.colors.values()), list(vocabulary.colors)
    shapes = {
        "body": (n, s, 1 + len(colors), CHANNELS, GRID, GRID),
        "through": (n, s, 3, CHANNELS, GRID, GRID),
        "small_body": (n, s, 1 + len(colors), CHANNELS, HALF, HALF),
        "small_through": (n, s, 3, CHANNELS, HALF, HALF),
    }
    tensors = {name: torch.empty(shape, dtype=torch.float16) for name, shape in shapes.items()}
    natural = torch.empty(n, s, dtype=torch.long)
    jobs = ((np.array(art[i, j]), colors, basis) for i in range(n) for j in range(s))
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for number, (found, color) in enumerate(pool.map(_latents_of, jobs, chunksize=8)):
            i, j = divmod(number, s)
            for name, values in zip(shapes, found, strict=True):
                tensors[name][i, j] = torch.from_numpy(values)
            natural[i, j] = names.index(nearest_color(color, vocabulary.colors))
            progress(number + 1, n * s)
    nothing = _encoded(np.zeros((1, PATCH, PATCH, 4), np.uint8), basis)
    tensors |= {"empty": torch.cat(nothing)[:, :, 0, 0], "natural": natural}
    extra = {"components": torch.from_numpy(basis.components), "offset": torch.from_numpy(basis.offset)}
    torch.save({**tensors, **extra, "fingerprint": fingerprint}, cache)
    return LatentSet(**tensors, basis=basis)
