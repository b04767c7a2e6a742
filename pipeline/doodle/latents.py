"""The training set as latents: every picture in layers, ready to be put anywhere in any colour on any background.

The encoder is linear, so the latent of a picture on a background is the latent of the picture (premultiplied, on
black) plus, for each channel of the background colour, that amount of the latent of what shows through. With dyes it
is the same: what a dye takes away, then an amount of dye of each channel (see `pipeline.doodle.recolor.dyed`). Eight
small arrays a picture replace millions of composited ones. A backdrop is one more array, added where nothing stands;
and a mirrored picture is a linear map of the latents of each patch, in the opposite order. And the encoder sees each
32 px patch by itself, so a half-size copy that stands on the patch grid is four by four numbers to be put in their
place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, cached_property
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from pipeline.doodle import backdrops
from pipeline.doodle.art import SIZE
from pipeline.doodle.autoencoder import PATCH, composed
from pipeline.doodle.backdrops import GRID, Backdrop, unhidden
from pipeline.doodle.recolor import dyed, main_region, nearest_color, recolor
from pipeline.doodle.scenes import Scene, Thing
from pipeline.doodle.vocabulary import Vocabulary

CHANNELS = 64
HALF = GRID // 2
#: The body as drawn, what a dye takes away, what 1 of red, green and blue dye adds, and what the background's adds.
LAYERS = 1 + 1 + 3 + 3

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
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
        """``[64, 3, 32, 32]``, from pixels to latents."""
        return torch.from_numpy(self.components.reshape(CHANNELS, 3, PATCH, PATCH).copy())

    def openness(self) -> torch.Tensor:
        """``[64]``: how much each channel of what shows through, its three colours added up, tells of its share."""
        # Twice the share that is clear is what pixels of -1..1 change by.
        return torch.from_numpy(self.components.mean(1) * self.spread() ** 2 / 2)

    @cached_property
    def mirror(self) -> tuple[torch.Tensor, torch.Tensor]:
        """A linear map of latents to those of the mirrored patch: weight ``[64, 64]`` and offset ``[64]``.

        Details that no channel stands for are lost; of a mirrored picture that is less than a thousandth.
        """
        weight, offset = self.conv_weight(), torch.from_numpy(self.offset)
        turned = weight.flip(-1).flatten(1) @ (weight.flatten(1) * torch.from_numpy(self.spread()).square()[:, None]).T
        return turned, offset - turned @ offset

    def patches(self) -> dict[str, torch.Tensor]:
        """The encoder's pseudo-inverse as a transposed convolution: weight ``[64, 3, 32, 32]`` and bias ``[3]``."""
        # Rows are orthogonal, so it is the transpose by their squared lengths. A bias is one number a channel, so of
        # the mean patch only its mean colour is put back.
        weight = self.conv_weight() * torch.from_numpy(self.spread()).square()[:, None, None, None]
        mean_color = -(torch.from_numpy(self.offset)[:, None, None, None] * weight).sum(0).mean((1, 2))
        return {"weight": weight, "bias": mean_color}


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
        drawn = drawn[:, ::-1] if thing.mirrored else drawn
        if thing.at is None:
            return drawn
        top, left = thing.at[0] * PATCH, thing.at[1] * PATCH
        canvas[top : top + SIZE // 2, left : left + SIZE // 2] = halved(drawn)
    return canvas


def behind(rgba: NDArray[np.uint8], ground: str, vocabulary: Vocabulary) -> Floats:
    """The pixels of what a picture ``[256, 256, 4]`` stands on, ``[256, 256, 3]`` or, of one colour, ``[1, 1, 3]``."""
    if ground in vocabulary.backgrounds:
        return np.array(vocabulary.backgrounds[ground], np.float32)[None, None] / np.float32(255)
    scene = vocabulary.backdrops[ground]
    covered = rgba[..., 3].reshape(GRID, PATCH, GRID, PATCH).mean((1, 3), dtype=np.float32) / 255
    shown = unhidden(1 - covered).repeat(PATCH, 0).repeat(PATCH, 1)[..., None]
    plain = backdrops.plain(scene)
    pixels: Floats = plain + shown * (backdrops.marked(scene) - plain)
    return pixels


def on_background(rgba: NDArray[np.uint8], background: Floats) -> Floats:
    """Pictures ``[n, h, w, 4]`` on colours ``[n, 3]`` or pixels ``[n, h, w, 3]`` (0..1), as floats in -1..1."""
    alpha = rgba[..., 3:].astype(np.float32) / np.float32(255)
    rgb = rgba[..., :3].astype(np.float32) / np.float32(255)
    background = background[:, None, None, :] if background.ndim == 2 else background
    mixed: Floats = (rgb * alpha + background * (1 - alpha)) * np.float32(2) - np.float32(1)
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

    Shapes, for n subjects and s styles: the eight ``layers[n, s, 8, 64, 8, 8]``, again at half size
    (``small_layers[n, s, 8, 64, 4, 4]``) and of an empty patch (``empty[8, 64]``), and ``natural[n, s]`` the index of
    the colour word that fits the picture as drawn.
    """

    layers: torch.Tensor
    small_layers: torch.Tensor
    empty: torch.Tensor
    natural: torch.Tensor
    basis: Basis

    def compose(self, scenes: list[Scene], vocabulary: Vocabulary) -> torch.Tensor:
        """Latents ``float[b, 64, 8, 8]`` of the scenes."""
        layers = self.layers_of(scenes)
        clean = composed(layers, self.amounts_of(scenes, vocabulary))
        clear = torch.einsum("c,bkchw->bhw", self.basis.openness(), layers[:, 5:])
        for latent, share, scene in zip(clean, unhidden(clear), scenes, strict=True):
            if scene.background in vocabulary.backdrops:
                latent += share * details(self.basis, vocabulary.backdrops[scene.background])
        return clean

    def redrawn(self, pictures: Mapping[tuple[int, int], NDArray[np.uint8]]) -> LatentSet:
        """The same, but for these pictures ``uint8[256, 256, 4]`` by subject and style."""
        layers, small = self.layers.clone(), self.small_layers.clone()
        for place, picture in pictures.items():
            large, half, _ = _latents_of((picture, self.basis))
            layers[place], small[place] = torch.from_numpy(large), torch.from_numpy(half)
        return replace(self, layers=layers, small_layers=small)

    def layers_of(self, scenes: list[Scene]) -> torch.Tensor:
        """``float[b, 8, 64, 8, 8]``."""
        return torch.stack([self._layers(scene) for scene in scenes]).float()

    @staticmethod
    def amounts_of(scenes: list[Scene], vocabulary: Vocabulary) -> torch.Tensor:
        """``float[b, 7, 8, 8]``: 1 where a dye is and its colour, else 0; the background's colour. All 0..1."""
        amounts = torch.zeros(len(scenes), LAYERS - 1, GRID, GRID)
        colors = torch.tensor(list(vocabulary.colors.values()), dtype=torch.float32) / 255
        for amount, scene in zip(amounts, scenes, strict=True):
            if scene.background in vocabulary.backdrops:
                amount[4:] = torch.from_numpy(backdrops.patch_colors(vocabulary.backdrops[scene.background]))
            else:
                amount[4:] = torch.tensor(vocabulary.backgrounds[scene.background])[:, None, None] / 255
            for thing in scene.things:
                if thing.version:
                    row, column = thing.at or (0, 0)
                    side = HALF if thing.at else GRID
                    block = amount[:4, row : row + side, column : column + side]
                    block[0], block[1:] = 1, colors[thing.version - 1][:, None, None]
        return amounts

    def _layers(self, scene: Scene) -> torch.Tensor:
        """``[8, 64, 8, 8]``."""
        first = scene.things[0]
        if first.at is None:
            return self._facing(self.layers[first.subject, scene.style], first)
        layers = self.empty[:, :, None, None].repeat(1, 1, GRID, GRID)
        for thing in scene.things:
            assert thing.at is not None
            row, column = thing.at
            small = self._facing(self.small_layers[thing.subject, scene.style], thing)
            layers[:, :, row : row + HALF, column : column + HALF] = small
        return layers

    def _facing(self, layers: torch.Tensor, thing: Thing) -> torch.Tensor:
        """Layers ``[8, 64, h, w]`` as they are, or mirrored."""
        if not thing.mirrored:
            return layers
        weight, offset = self.basis.mirror
        turned = torch.einsum("dc,kchw->kdhw", weight, layers.flip(-1).float())
        turned[0] += offset[:, None, None]
        return turned.to(layers.dtype)


@cache
def details(basis: Basis, backdrop: Backdrop) -> torch.Tensor:
    """What the shades and marks of a scene add to the latents of its patches' colours, ``float[64, 8, 8]``."""
    colors = backdrops.patch_colors(backdrop).transpose(1, 2, 0).repeat(PATCH, 0).repeat(PATCH, 1)
    apart = basis.project(patches_of(2 * (backdrops.marked(backdrop) - colors)[None]))
    return torch.from_numpy(apart).reshape(GRID, GRID, CHANNELS).permute(2, 0, 1)


def _encoded(layers: Floats, basis: Basis) -> NDArray[np.float16]:
    """Latents ``[8, 64, side, side]`` of the layers in pixels ``[8, h, w, 3]``, 0..1."""
    pixels = 2 * layers
    pixels[0] -= 1
    latents = basis.project(patches_of(pixels))
    latents[0] += basis.offset
    side = layers.shape[1] // PATCH
    return latents.reshape(len(layers), side, side, CHANNELS).transpose(0, 3, 1, 2).astype(np.float16)


def _layers_of(picture: NDArray[np.uint8], main: tuple[Floats, Floats]) -> Floats:
    """The layers of one picture in pixels ``[8, h, w, 3]``, 0..1."""
    alpha = picture[..., 3:].astype(np.float32) / np.float32(255)
    drawn = picture[..., :3].astype(np.float32) / np.float32(255)
    undyed, dye = dyed(picture, main)
    layers = np.zeros((LAYERS, *drawn.shape), np.float32)
    layers[0], layers[1] = drawn * alpha, (undyed - drawn) * alpha
    for channel in range(3):
        layers[2 + channel, ..., channel] = (dye * alpha)[..., 0]
        layers[5 + channel, ..., channel] = 1 - alpha[..., 0]
    return layers


def _latents_of(job: tuple[NDArray[np.uint8], Basis]) -> tuple[NDArray[np.float16], NDArray[np.float16], Floats]:
    """The layers of one picture as latents, at full and half size, and its main colour."""
    picture, basis = job
    main = main_region(picture)
    layers = _layers_of(picture, main)
    halves = layers.reshape(LAYERS, SIZE // 2, 2, SIZE // 2, 2, 3).mean((2, 4))
    return _encoded(layers, basis), _encoded(halves, basis), main[1]


def build(
    art: NDArray[np.uint8],
    vocabulary: Vocabulary,
    folder: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> LatentSet:
    """Encode everything (minutes on two cores), or read it from ``folder/latents.pt`` when that fits."""
    cache = folder / "latents.pt"
    words = [[s.name for s in vocabulary.subjects], vocabulary.colors, list(vocabulary.styles)]
    drawn = [[s.emoji for s in vocabulary.subjects], [s.faces == "right" for s in vocabulary.subjects]]
    fingerprint = json.dumps([words, drawn, "eight layers"])
    if cache.exists():
        kept = torch.load(cache, weights_only=True)
        if kept.pop("fingerprint") == fingerprint:
            basis = Basis(kept.pop("components").numpy(), kept.pop("offset").numpy())
            return LatentSet(basis=basis, **kept)
    basis = fit_basis(art, vocabulary)
    n, s = art.shape[:2]
    names = list(vocabulary.colors)
    layers = torch.empty(n, s, LAYERS, CHANNELS, GRID, GRID, dtype=torch.float16)
    small = torch.empty(n, s, LAYERS, CHANNELS, HALF, HALF, dtype=torch.float16)
    natural = torch.empty(n, s, dtype=torch.long)
    jobs = ((np.array(art[i, j]), basis) for i in range(n) for j in range(s))
    # A thread each: two of them on two cores would wait for each other.
    workers = ProcessPoolExecutor(mp_context=get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,))
    with workers as pool:
        for number, (large, half, color) in enumerate(pool.map(_latents_of, jobs, chunksize=8)):
            i, j = divmod(number, s)
            layers[i, j], small[i, j] = torch.from_numpy(large), torch.from_numpy(half)
            natural[i, j] = names.index(nearest_color(color, vocabulary.colors))
            progress(number + 1, n * s)
    clear = np.zeros((PATCH, PATCH, 4), np.uint8)
    nothing = torch.from_numpy(_encoded(_layers_of(clear, main_region(clear)), basis))[:, :, 0, 0]
    tensors = {"layers": layers, "small_layers": small, "empty": nothing, "natural": natural}
    extra = {"components": torch.from_numpy(basis.components), "offset": torch.from_numpy(basis.offset)}
    torch.save({**tensors, **extra, "fingerprint": fingerprint}, cache)
    return LatentSet(**tensors, basis=basis)
