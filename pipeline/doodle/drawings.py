"""What the drawings of the training set have in common: the part of a sketch that needs no training.

Every drawing, all its layers at once, is nearly the mean drawing plus an amount of each of 1,200 others: their
principal components ("eigenpictures": Sirovich and Kirby 1987). They are found exactly, in seconds. What is left to
learn is 1,200 numbers a drawing, its scores, in place of thirty thousand.

Drawings that training does not show are imagined from those of the same subject in the other styles: by ridge
regression, also in seconds. The scores of these are learned like any.

Half-size copies need no learning either: the latents of a halved picture are, but for details too fine to be kept, a
linear map of the latents of two by two patches.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pipeline.doodle.latents import CHANNELS, GRID, LAYERS, LatentSet
from pipeline.doodle.run import key_of
from pipeline.doodle.sketch import COLORS, EIGHT_BITS, GREY, MASKS, SCORES, Drawings
from pipeline.doodle.vocabulary import Vocabulary

#: Layers that share a mask: what a dye takes away, the dye, what shows through.
_MASKED = ([1], [2, 3, 4], [5, 6, 7])
#: What a layer weighs: a dye is in two captions of five, its channels are a half, a background's a third off grey.
_WEIGHTS = torch.tensor([1, 0.4, *[0.15] * 3, *[0.1] * 3]).view(1, LAYERS, 1, 1, 1)


@dataclass(frozen=True)
class Fitted:
    """The linear part of a sketcher, and ``scores[n, s, 1200]`` of every drawing.

    The scores of all drawings that were shown have mean 0 and a variance that sums up to 1, so that their squared
    error is the drawings' relative one, measured in pixels.
    """

    drawings: Drawings
    scores: Tensor


@torch.no_grad()
def fit(latents: LatentSet, vocabulary: Vocabulary) -> Fitted:
    """Fit all to the drawings that training shows; the others are imagined from the same subject in other styles."""
    n, s = latents.layers.shape[:2]
    shown = torch.tensor([not vocabulary.withholds(i, j) for i in range(n) for j in range(s)])
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
    flat = _imagined(parts, shown.view(n, s)).reshape(n * s, -1)
    mean = flat[shown].mean(0)
    centred = flat - mean
    values, vectors = torch.linalg.eigh(centred[shown] @ centred[shown].T)
    values, vectors = values.flip(0)[:SCORES].clamp_min(0), vectors.flip(1)[:, :SCORES]
    axes = torch.zeros(SCORES, flat.shape[1])
    real = values > 1e-6 * values[0]
    axes[: len(values)][real] = (vectors.T @ centred[shown])[real] / values[real].sqrt()[:, None]
    scale = centred[shown].square().sum(1).mean().sqrt()

    drawings, body, empty = Drawings(CHANNELS, GRID), CHANNELS * GRID * GRID, latents.empty.float()
    unscale = (1 / spread).expand(-1, GRID, GRID).flatten()
    state = {
        "on_grey.weight": (axes[:, :body] * unscale * scale).T,
        "on_grey.bias": mean[:body] * unscale,
        "masks.weight": (axes[:, body:] * scale).T,
        "masks.bias": mean[body:],
        "clear.weight": empty[5:].T,
        "clear.bias": empty[0],
        "dyes.weight": _palette([(0, 0, 0), *vocabulary.colors.values()], 1 + COLORS, marked=True),
        "backgrounds.weight": _palette(list(vocabulary.backgrounds.values()), COLORS),
        **_halving(latents.layers.flatten(0, 1)[shown], latents.small_layers.flatten(0, 1)[shown]),
    }
    for number, (components, layers) in enumerate(zip(grey, _MASKED, strict=True)):
        weight = 1 / (_WEIGHTS[0, layers].sqrt() * spread).flatten()
        state[f"layers.{number}.weight"] = (components * weight[:, None])[:, :, None, None]
    for name in EIGHT_BITS:
        state[name] = state[name].to(torch.float8_e4m3fn)
    drawings.load_state_dict(state)
    return Fitted(drawings.requires_grad_(False), (centred @ axes.T / scale).view(n, s, SCORES))


def kept(latents: LatentSet, vocabulary: Vocabulary, folder: Path) -> Fitted:
    """What `fit` found, once for all: a drawer that is trained in several sittings relies on the same components.

    Kept in ``folder/drawings.pt`` until something else is to be fitted.
    """
    file, key = folder / "drawings.pt", f"{key_of(vocabulary)} imagined, in eight bits {SCORES} {MASKS} {GREY}"
    if file.exists():
        state = torch.load(file, weights_only=True)
        if state.pop("key") == key:
            drawings, scores = Drawings(CHANNELS, GRID), state.pop("scores")
            drawings.load_state_dict(state)
            return Fitted(drawings.requires_grad_(False), scores)
    found = fit(latents, vocabulary)
    partial = file.with_suffix(".part")
    torch.save({**found.drawings.state_dict(), "scores": found.scores, "key": key}, partial)
    partial.replace(file)
    return found


def _components(patches: Tensor, number: int) -> Tensor:
    """The first principal components ``[w, number]`` of patches ``[m, 8, 8, w]``, uncentred."""
    flat = patches.flatten(0, 2)
    _, vectors = torch.linalg.eigh(flat.T @ flat)
    first: Tensor = vectors.flip(1)[:, :number]
    return first


def _imagined(parts: Tensor, shown: Tensor) -> Tensor:
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


def _palette(colors: list[tuple[int, int, int]], places: int, *, marked: bool = False) -> Tensor:
    """Colours of 8-bit RGB as columns ``[3, places]``, 0..1; marked, a first row says which of them is a dye."""
    palette = torch.zeros(3, places)
    palette[:, : len(colors)] = torch.tensor(colors).T / 255
    if not marked:
        return palette
    mark = torch.zeros(1, places)
    mark[0, 1 : len(colors)] = 1
    return torch.cat([mark, palette])


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
