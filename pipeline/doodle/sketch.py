"""What a caption says, before any denoising: read, drawn, and put together as the training set is.

A reader learns to find what is named, in which style and colours, and where. A drawer knows how every subject looks in
every style, and what is left is linear: both are fitted, not trained (`pipeline.doodle.drawings`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, silu

from pipeline.doodle.autoencoder import composed
from pipeline.doodle.backdrops import unhidden

#: How many things a caption may name. The code of the first is the last token, of the second the one before, and so on.
THINGS = 2
#: How many subjects, styles, dyes, and grounds (background colours and backdrops) a vocabulary may have.
SUBJECTS, STYLES, COLORS, GROUNDS = 1024, 8, 16, 32
#: Features of a subject in a style: more than there are drawings, so that each is told from all others.
FEATURES = 2048
#: How many scores tell one drawing from the others.
SCORES = 1400
#: How many of them, the first and largest, have their components kept once more: what rounding to `EIGHT_BITS` leaves
#: of them, times `FINER`, for a sixteenth of a number is as much as rounding takes.
FINE, FINER = 160, 16
#: The inverse temperature of what is read: half a cat and half a dog are no drawing, but noise. Measured: LOG.md.
SURE = 30.0
#: The grey that drawings stand on before they get their background: near to most, and so more of each drawing is
#: alike, and little depends on how well its outline and the hole in its background fit together.
GREY = 0.75
#: Numbers a patch that tell what a dye takes away, where it is, and where the background shows through.
MASKS = (64, 40, 56)
#: What is kept as float8 (e4m3: four bits of exponent, three of mantissa).
EIGHT_BITS = torch.float8_e4m3fn


class Reader(nn.Module):
    """What a caption says of a thing: subject, style, dye, facing and places; and on which ground."""

    def __init__(self, width: int, side: int) -> None:
        super().__init__()
        self.places = side // 2 + 1
        self.subject = nn.Linear(width, SUBJECTS)
        self.style = nn.Linear(width, STYLES)
        self.dye = nn.Linear(width, 1 + COLORS)
        self.background = nn.Linear(width, GROUNDS)
        self.mirrored = nn.Linear(width, 2)
        self.place = nn.Linear(width, 1 + self.places**2)

    def forward(self, codes: Tensor) -> tuple[Tensor, ...]:
        """``[n, width]`` to logits of subjects, styles, dyes, grounds, whether mirrored ``[n, 2]``, places ``[n, 26]``.

        The first dye is none; the first place is the whole picture, then come the top left corners of a half-size
        one, row by row.
        """
        heads = (self.subject, self.style, self.dye, self.background, self.mirrored, self.place)
        return tuple(head(codes) for head in heads)


class Drawer(nn.Module):
    """How a subject is drawn in a style, as the scores of a drawing.

    A hidden layer of random features (Rahimi and Recht 2007), and a linear one that is solved for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.subjects = nn.Linear(SUBJECTS, FEATURES, bias=False)
        self.styles = nn.Linear(STYLES, FEATURES, bias=False)
        self.scores = nn.Linear(FEATURES, SCORES)

    def features(self, subjects: Tensor, styles: Tensor) -> Tensor:
        """``[n, 2048]`` of shares of subjects ``[n, 1024]`` and of styles ``[n, 8]``, each summing up to 1."""
        return silu(self.subjects(subjects) + self.styles(styles))

    def forward(self, subjects: Tensor, styles: Tensor) -> Tensor:
        """The same shares to scores ``[n, 1400]``."""
        scores: Tensor = self.scores(self.features(subjects, styles))
        return scores


class Drawings(nn.Module):
    """Drawings from their scores, at full and half size, mirrored, and the palettes.

    All of it is linear and fitted: `pipeline.doodle.drawings`.
    """

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.shape = (channels, side, side)
        self.on_grey = nn.Linear(SCORES + FINE, channels * side * side)
        self.masks = nn.Linear(SCORES + FINE, sum(MASKS) * side * side)
        # A dye and a background fill a grey mask with each of three colours.
        self.layers = nn.ModuleList(
            nn.Conv2d(mask, number * channels, 1, bias=False) for mask, number in zip(MASKS, (1, 3, 3), strict=True)
        )
        self.halved = nn.Conv2d(channels, channels, 2, stride=2)
        self.mirrored = nn.Conv2d(channels, channels, 1)
        # What an empty patch shows: its body, and what each colour of a ground adds.
        self.clear = nn.Linear(3, channels)
        # From what shows through to the share of a patch that is clear.
        self.openness = nn.Conv2d(channels, 1, 1, bias=False)
        # A column a dye: 1, or 0 for the first, which is none; then its red, green and blue.
        self.dyes = nn.Linear(1 + COLORS, 4, bias=False)
        # A column a ground: the colour of every patch, and what its shades and marks add where nothing stands.
        self.backgrounds = nn.Linear(GROUNDS, 3 * side * side, bias=False)
        self.details = nn.Linear(GROUNDS, channels * side * side, bias=False)

    def forward(self, scores: Tensor) -> Tensor:
        """``[n, 1400]`` to layers ``[n, 8, channels, side, side]``."""
        channels, *sides = self.shape
        scores = torch.cat([scores, scores[:, :FINE] / FINER], dim=1)
        on_grey = self.on_grey(scores).view(-1, 1, channels, *sides)
        masks = self.masks(scores).view(-1, sum(MASKS), *sides).split(MASKS, dim=1)
        rest = [
            layer(mask).view(len(mask), -1, channels, *sides) for layer, mask in zip(self.layers, masks, strict=True)
        ]
        body = on_grey - GREY * rest[-1].sum(1, keepdim=True)
        return torch.cat([body, *rest], dim=1)


class Sketcher(nn.Module):
    """What a caption says a picture is made of, put together as the training set is (see `pipeline.doodle.latents`).

    A thing which was learned in one colour on one background is known in all on all, and one that was learned filling
    the picture is known at half its size in any place.
    """

    def __init__(self, width: int, channels: int, side: int) -> None:
        super().__init__()
        self.reader = Reader(width, side)
        self.drawer = Drawer()
        self.drawings = Drawings(channels, side)

    def forward(self, words: Tensor) -> Tensor:
        """``[b, tokens, width]`` to latents ``[b, channels, side, side]``."""
        return self.drawn(self.reader(codes_of(words).flatten(0, 1)))

    def drawn(self, read: tuple[Tensor, ...]) -> Tensor:
        """What a reader has read of things ``[b * 2, ...]``, put together: ``[b, channels, side, side]``."""
        subjects, styles, dyes, grounds, mirrored = ((SURE * part).softmax(1) for part in read[:-1])
        layers = self.drawings(self.drawer(subjects, styles))
        body = composed(layers[:, :5], self.drawings.dyes(dyes)[:, :, None, None])
        parts = self.facing(torch.cat([body[:, None], layers[:, 5:]], dim=1), mirrored[:, 1])
        parts, grounds = self.placed(parts, (SURE * read[-1]).sigmoid()), grounds[::THINGS]
        side = self.drawings.shape[-1]
        colors = self.drawings.backgrounds(grounds).view(-1, 3, side, side)
        details = self.drawings.details(grounds).view(-1, *self.drawings.shape)
        clear = self.drawings.openness(parts[:, 1:].sum(1))
        sketch: Tensor = composed(parts, colors) + unhidden(clear) * details
        return sketch

    def facing(self, parts: Tensor, mirrored: Tensor) -> Tensor:
        """Parts ``[n, 4, channels, side, side]``, the first of which is a body, mirrored by shares ``[n]``."""
        turned = _each(self.drawings.mirrored, parts.flip(-1))
        return parts + mirrored.view(-1, 1, 1, 1, 1) * (turned - parts)

    def placed(self, parts: Tensor, places: Tensor) -> Tensor:
        """Things in parts ``[b * 2, 4, channels, side, side]`` at ``places[b * 2, 1 + 25]``: ``[b, 4, ...]``.

        A part is the body, or what shows through it of one of three colours.
        """
        clear = torch.cat([self.drawings.clear.bias[None], self.drawings.clear.weight.T])[:, :, None, None]
        large = places[:, :1, None, None, None] * (parts - clear)
        small = _each(self.drawings.halved, parts) - clear
        # A convolution backwards stamps each half-size picture, by its own amounts, on every place.
        corners = places[:, 1:].reshape(1, -1, self.reader.places, self.reader.places)
        stamped = conv_transpose2d(corners, small.flatten(1, 2), groups=len(small)).view_as(large)
        return clear + (large + stamped).view(-1, THINGS, *parts.shape[1:]).sum(1)


def _each(layer: nn.Conv2d, parts: Tensor) -> Tensor:
    """A convolution of each part ``[n, 4, channels, h, w]``; only the first, which is no difference, gets its bias."""
    assert layer.bias is not None
    found = conv2d(parts.flatten(0, 1), layer.weight, stride=layer.stride)
    found = found.view(*parts.shape[:2], *found.shape[1:])
    return torch.cat([found[:, :1] + layer.bias[:, None, None], found[:, 1:]], dim=1)


def codes_of(words: Tensor) -> Tensor:
    """The codes ``[b, 2, width]`` of the things in a caption ``[b, tokens, width]``, the first first."""
    return words[:, -THINGS:].flip(1)
