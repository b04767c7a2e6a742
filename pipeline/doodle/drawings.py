"""What the drawings of the training set have in common: the part of a sketch that needs no training.

Every drawing, all its layers at once, is nearly the mean drawing plus an amount of each of 1,400 others: their
principal components ("eigenpictures": Sirovich and Kirby 1987). They are found exactly, in seconds. A drawing is 1,400
numbers then, its scores, in place of thirty thousand. Which scores belong to a subject in a style is solved for, too:
so a sketcher knows its drawings by heart, but for the components that are left out.

Drawings that training does not show are imagined from those of the same subject in the other styles: in pixels where
a style has few colours (`pipeline.doodle.imagine`), else by ridge regression, also in seconds. They are known like any
then.

Half-size copies need no learning either: the latents of a halved picture are, but for details too fine to be kept, a
linear map of the latents of two by two patches.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import one_hot

from pipeline.doodle import backdrops
from pipeline.doodle.backdrops import GRID
from pipeline.doodle.latents import CHANNELS, LAYERS, Basis, LatentSet, details
from pipeline.doodle.sketch import (
    COLORS,
    EIGHT_BITS,
    FINE,
    FINER,
    GREY,
    GROUNDS,
    MASKS,
    SCORES,
    STYLES,
    SUBJECTS,
    Drawer,
    Sketcher,
)
from pipeline.doodle.vocabulary import Vocabulary

#: Layers that share a mask: what a dye takes away, the dye, what shows through.
_MASKED = ([1], [2, 3, 4], [5, 6, 7])
#: What a layer weighs: a dye is in two captions of five, its channels are a half, a background's a third off grey.
_WEIGHTS = torch.tensor([1, 0.4, *[0.15] * 3, *[0.1] * 3]).view(1, LAYERS, 1, 1, 1)


@torch.no_grad()
def fit(
    sketcher: Sketcher,
    latents: LatentSet,
    vocabulary: Vocabulary,
    imagined: Mapping[tuple[int, int], NDArray[np.uint8]] | None = None,
) -> None:
    """Fit drawer and drawings to what training shows and what was imagined; what is left, to a guess by regression.

    The scores of all drawings that were shown or imagined have mean 0 and a variance that sums up to 1, so that their
    squared error is the drawings' relative one, measured in pixels.
    """
    imagined = imagined or {}
    latents = latents.redrawn(imagined)
    n, s = latents.layers.shape[:2]
    shown = torch.tensor([(i, j) in imagined or not vocabulary.withholds(i, j) for i in range(n) for j in range(s)])
    # Whitened latents times their spread are pixels.
    spread = torch.from_numpy(latents.basis.spread())[:, None, None]
    pixels = latents.layers.flatten(0, 1).float() * spread
    pixels[:, 0] += GREY * pixels[:, _MASKED[-1]].sum(1)
    pixels *= _WEIGHTS.sqrt()
    # [n * s, 8, 8, layers * channels]
    patches = [pixels[:, layers].movedim((1, 2), (-2, -1)).flatten(-2) for layers in _MASKED]
    grey = [_components(patch[shown], number) for patch, number in zip(patches, MASKS, strict=True)]
    masks = [(patch @ axes).movedim(-1, 1) for patch, axes in zip(patches, grey, strict=True)]
    parts = torch.cat([pixels[:, 0], *masks], dim=1).view(n, s, -1, GRID, GRID)
    flat = _guessed(parts, shown.view(n, s)).reshape(n * s, -1)
    mean = flat[shown].mean(0)
    centred = flat - mean
    values, vectors = torch.linalg.eigh(centred[shown] @ centred[shown].T)
    values, vectors = values.flip(0)[:SCORES].clamp_min(0), vectors.flip(1)[:, :SCORES]
    axes = torch.zeros(SCORES, flat.shape[1])
    real = values > 1e-6 * values[0]
    axes[: len(values)][real] = (vectors.T @ centred[shown])[real] / values[real].sqrt()[:, None]
    scale = centred[shown].square().sum(1).mean().sqrt()

    body, empty = CHANNELS * GRID * GRID, latents.empty.float()
    unscale = (1 / spread).expand(-1, GRID, GRID).flatten()
    state = {
        "on_grey.weight": _eight_bits((axes[:, :body] * unscale * scale).T),
        "on_grey.bias": mean[:body] * unscale,
        "masks.weight": _eight_bits((axes[:, body:] * scale).T),
        "masks.bias": mean[body:],
        "clear.weight": empty[5:].T,
        "clear.bias": empty[0],
        "dyes.weight": _dyes(list(vocabulary.colors.values())),
        **_mirrored(latents.basis),
        "openness.weight": latents.basis.openness()[None, :, None, None],
        **_grounds(latents.basis, vocabulary),
        **_halving(latents.layers.flatten(0, 1)[shown], latents.small_layers.flatten(0, 1)[shown]),
    }
    for number, (components, layers) in enumerate(zip(grey, _MASKED, strict=True)):
        weight = 1 / (_WEIGHTS[0, layers].sqrt() * spread).flatten()
        state[f"layers.{number}.weight"] = (components * weight[:, None])[:, :, None, None]
    sketcher.drawings.load_state_dict(state)
    _solve(sketcher.drawer, (centred @ axes.T / scale).view(n, s, SCORES))


def _eight_bits(weight: Tensor) -> Tensor:
    """Columns ``[m, 1400]`` rounded to eight bits; after them what that took from the first, ``[m, 1400 + 160]``."""
    rounded = weight.to(EIGHT_BITS).float()
    left = (weight - rounded)[:, :FINE] * FINER
    return torch.cat([rounded, left.to(EIGHT_BITS).float()], dim=1)


def _solve(drawer: Drawer, scores: Tensor) -> None:
    """Least squares for the last layer of a drawer, given ``scores[n, s, 1400]``; the first is drawn at random."""
    chance = torch.Generator().manual_seed(0)
    for layer in (drawer.subjects, drawer.styles):
        layer.weight.copy_(torch.randn(layer.weight.shape, generator=chance).to(EIGHT_BITS))
    n, s = scores.shape[:2]
    subjects, styles = torch.cartesian_prod(torch.arange(n), torch.arange(s)).T
    features = drawer.features(one_hot(subjects, SUBJECTS).float(), one_hot(styles, STYLES).float())
    known = torch.cat([features, torch.ones(n * s, 1)], dim=1).double()
    square = known.T @ known
    ridge = 1e-6 * square.diagonal().mean() * torch.eye(len(square))
    found = torch.linalg.solve(square + ridge, known.T @ scores.flatten(0, 1).double()).float()
    drawer.scores.load_state_dict({"weight": found[:-1].T, "bias": found[-1]})


def _components(patches: Tensor, number: int) -> Tensor:
    """The first principal components ``[w, number]`` of patches ``[m, 8, 8, w]``, uncentred."""
    flat = patches.flatten(0, 2)
    _, vectors = torch.linalg.eigh(flat.T @ flat)
    first: Tensor = vectors.flip(1)[:, :number]
    return first


def _guessed(parts: Tensor, shown: Tensor) -> Tensor:
    """Drawings ``[n, s, c, h, w]``, those not ``shown[n, s]`` as they may look.

    The styles draw the same subjects in like poses. So for each style one linear map, the same for every patch, is
    fitted by ridge regression from that patch in the other styles (in the mean drawing, where one is withheld, too).
    """
    mean = parts[shown].mean(0)
    known = torch.where(shown[:, :, None, None, None], parts, mean)
    found = known.clone()
    for style in range(parts.shape[1]):
        here, others = shown[:, style], [other for other in range(parts.shape[1]) if other != style]
        # [n, h * w, (s - 1) * c + 1]
        inputs = known[:, others].flatten(1, 2).flatten(2).transpose(1, 2)
        inputs = torch.cat([inputs, torch.ones_like(inputs[..., :1])], dim=2)
        targets = parts[here, style].flatten(2).transpose(1, 2).flatten(0, 1)
        rows = inputs[here].flatten(0, 1)
        square = rows.T @ rows
        ridge = (1e-3 * square.diagonal().mean() + 1e-6) * torch.eye(len(square))
        guess = inputs[~here] @ torch.linalg.solve(square + ridge, rows.T @ targets)
        found[~here, style] = guess.transpose(1, 2).unflatten(2, parts.shape[3:])
    return found


def _dyes(colors: list[tuple[int, int, int]]) -> Tensor:
    """Columns ``[4, 17]``: whether it is a dye, and its colour, 0..1. The first is none."""
    palette = torch.zeros(4, 1 + COLORS)
    palette[0, 1 : 1 + len(colors)] = 1
    palette[1:, 1 : 1 + len(colors)] = torch.tensor(colors).T / 255
    return palette


def _grounds(basis: Basis, vocabulary: Vocabulary) -> dict[str, Tensor]:
    """Of each ground the colours of its patches, and what its shades and marks add to those."""
    colors, marks = torch.zeros(GROUNDS, 3, GRID, GRID), torch.zeros(GROUNDS, CHANNELS, GRID, GRID)
    for number, color in enumerate(vocabulary.backgrounds.values()):
        colors[number] = torch.tensor(color)[:, None, None] / 255
    for number, scene in enumerate(vocabulary.backdrops.values(), len(vocabulary.backgrounds)):
        colors[number] = torch.from_numpy(backdrops.patch_colors(scene))
        marks[number] = details(basis, scene)
    return {"backgrounds.weight": colors.flatten(1).T, "details.weight": marks.flatten(1).T}


def _mirrored(basis: Basis) -> dict[str, Tensor]:
    weight, offset = basis.mirror
    return {"mirrored.weight": weight[:, :, None, None], "mirrored.bias": offset}


def _halving(large: Tensor, small: Tensor) -> dict[str, Tensor]:
    """Least squares from two by two patches of drawings ``[m, 8, 64, 8, 8]`` to one of half-size ``[m, 8, 64, 4, 4]``.

    The bodies have an offset, the other layers are differences and have none; the map is the same.
    """
    square = torch.zeros(4 * CHANNELS + 1, 4 * CHANNELS + 1)
    product = torch.zeros(4 * CHANNELS + 1, CHANNELS)
    for whole, half in zip(large.float(), small.float(), strict=True):
        blocks = whole.unfold(2, 2, 2).unfold(3, 2, 2).permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(0, 2)
        offset = (torch.arange(len(blocks)) < len(blocks) // LAYERS).float()[:, None]
        known = torch.cat([blocks, offset], dim=1)
        square += known.T @ known
        product += known.T @ half.permute(0, 2, 3, 1).flatten(0, 2)
    ridge = 1e-6 * square.diagonal().mean() * torch.eye(len(square))
    found = torch.linalg.solve(square + ridge, product)
    weight = found[:-1].T.reshape(CHANNELS, CHANNELS, 2, 2)
    return {"halved.weight": weight, "halved.bias": found[-1]}
