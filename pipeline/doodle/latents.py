"""The training set as latents: every picture in every colour, ready to be put on any background.

The encoder is linear, so the latent of a picture on a background is the latent of the picture (premultiplied, on
black) plus, for each channel of the background colour, that amount of the latent of what shows through. Four small
arrays a picture replace millions of composited ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.doodle.art import SIZE
from pipeline.doodle.autoencoder import PATCH
from pipeline.doodle.recolor import main_region, nearest_color, recolor
from pipeline.doodle.vocabulary import Vocabulary

CHANNELS = 64
GRID = SIZE // PATCH

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Basis:
    """Whitened principal components: ``components[64, 3 * 32 * 32]`` and the ``offset[64]`` of the mean patch."""

    components: Floats
    offset: Floats

    def project(self, patches: Floats) -> Floats:
        """``[..., 3072]`` patches in -1..1 to ``[..., 64]`` latents, without the offset."""
        return patches @ self.components.T

    def conv_weight(self) -> torch.Tensor:
        return torch.from_numpy(self.components.reshape(CHANNELS, 3, PATCH, PATCH).copy())


def patches_of(pictures: Floats) -> Floats:
    """``[n, 256, 256, 3]`` to ``[n, 64, 3072]``: patches row by row, each channel-first as a convolution sees it."""
    n = len(pictures)
    cut = pictures.reshape(n, GRID, PATCH, GRID, PATCH, 3).transpose(0, 1, 3, 5, 2, 4)
    return np.ascontiguousarray(cut.reshape(n, GRID * GRID, 3 * PATCH * PATCH))


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
    8, 8]``, ``through[n, s, 3, 64, 8, 8]`` for a background channel of 1, ``natural[n, s]`` the index of the colour
    word that fits the picture as drawn.
    """

    body: torch.Tensor
    through: torch.Tensor
    natural: torch.Tensor
    basis: Basis

    def compose(
        self, subject: torch.Tensor, style: torch.Tensor, version: torch.Tensor, background: torch.Tensor
    ) -> torch.Tensor:
        """Latents ``float[b, 64, 8, 8]`` of pictures on backgrounds ``float[b, 3]`` (0..1)."""
        body = self.body[subject, style, version].float()
        through = self.through[subject, style].float()
        return body + torch.einsum("bc,bcdhw->bdhw", background.to(body), through)


def _latents_of(job: tuple[NDArray[np.uint8], list[tuple[int, int, int]], Basis]) -> tuple[Floats, Floats, Floats]:
    """Body and see-through latents of one picture in all its colours, and its main colour."""
    picture, colors, basis = job
    main = main_region(picture)
    versions = np.stack([picture, *(recolor(picture, color, main) for color in colors)])
    body = basis.project(patches_of(on_background(versions, np.zeros((len(versions), 3), np.float32)))) + basis.offset
    clear = np.zeros((3, SIZE, SIZE, 3), np.float32)
    for channel in range(3):
        clear[channel, :, :, channel] = 2 * (1 - picture[..., 3].astype(np.float32) / 255)
    through = basis.project(patches_of(clear))
    return body.astype(np.float16), through.astype(np.float16), main[1]


def build(
    art: NDArray[np.uint8],
    vocabulary: Vocabulary,
    folder: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> LatentSet:
    """Encode everything (minutes on two cores), or read it from ``folder/latents.pt`` when that fits."""
    cache = folder / "latents.pt"
    words = [[s.name for s in vocabulary.subjects], vocabulary.colors, list(vocabulary.styles)]
    fingerprint = json.dumps([words, [s.emoji for s in vocabulary.subjects]])
    if cache.exists():
        kept = torch.load(cache, weights_only=True)
        if kept.pop("fingerprint") == fingerprint:
            basis = Basis(kept.pop("components").numpy(), kept.pop("offset").numpy())
            return LatentSet(basis=basis, **kept)
    basis = fit_basis(art, vocabulary)
    n, s = art.shape[:2]
    colors = list(vocabulary.colors.values())
    body = torch.empty(n, s, 1 + len(colors), CHANNELS, GRID, GRID, dtype=torch.float16)
    through = torch.empty(n, s, 3, CHANNELS, GRID, GRID, dtype=torch.float16)
    natural = torch.empty(n, s, dtype=torch.long)
    jobs = ((np.array(art[i, j]), colors, basis) for i in range(n) for j in range(s))
    names = list(vocabulary.colors)
    with ProcessPoolExecutor() as pool:
        for number, (b, t, color) in enumerate(pool.map(_latents_of, jobs, chunksize=8)):
            i, j = divmod(number, s)
            body[i, j] = torch.from_numpy(b.reshape(len(b), GRID, GRID, CHANNELS)).permute(0, 3, 1, 2)
            through[i, j] = torch.from_numpy(t.reshape(3, GRID, GRID, CHANNELS)).permute(0, 3, 1, 2)
            natural[i, j] = names.index(nearest_color(color, vocabulary.colors))
            progress(number + 1, n * s)
    tensors = {"body": body, "through": through, "natural": natural}
    extra = {"components": torch.from_numpy(basis.components), "offset": torch.from_numpy(basis.offset)}
    torch.save({**tensors, **extra, "fingerprint": fingerprint}, cache)
    return LatentSet(body, through, natural, basis)
