"""What a caption says, before any denoising: read, drawn, and put together as the training set is.

A reader learns to find what is named, in which style and colours, and where. A drawer knows how every subject looks in
every style, and what is left is linear: both are fitted, not trained (`pipeline.doodle.drawings`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv_transpose2d, silu

from pipeline.doodle.autoencoder import composed

#: How many things a caption may name. The code of the first is the last token, of the second the one before, and so on.
THINGS = 2
#: How many subjects, styles, dyes and backgrounds a vocabulary may have.
SUBJECTS, STYLES, COLORS = 1024, 8, 16
#: Features of a subject in a style: more than there are drawings, so that each is told from all others.
FEATURES = 2048
#: How many scores tell one drawing from the others.
SCORES = 1400
#: How many of them, the first and largest, have their components kept once more: what rounding to `EIGHT_BITS` leaves
#: of them, times `FINER`, for a sixteenth of a number is as much as rounding takes.
FINE, FINER = 160, 16
#: The inverse temperature of what is read. At 1, a cat that is one part in ten a dog would be drawn as neither.
SURE = 6.0
#: The grey that drawings stand on before they get their background: near to most, and so more of each drawing is
#: alike, and little depends on how well its outline and the hole in its background fit together.
GREY = 0.75
#: Numbers a patch that tell what a dye takes away, where it is, and where the background shows through.
MASKS = (64, 40, 56)
#: What is kept as float8 (e4m3: four bits of exponent, three of mantissa).
EIGHT_BITS = torch.float8_e4m3fn


class Reader(nn.Module):
    """What a caption says of a thing: subject, style, dye and places; and on which background."""

    def __init__(self, width: int, side: int) -> None:
        super().__init__()
        self.places = side // 2 + 1
        self.subject = nn.Linear(width, SUBJECTS)
        self.style = nn.Linear(width, STYLES)
        self.dye = nn.Linear(width, 1 + COLORS)
        self.background = nn.Linear(width, COLORS)
        self.place = nn.Linear(width, 1 + self.places**2)

    def forward(self, codes: Tensor) -> tuple[Tensor, ...]:
        """``[n, width]`` to logits of subjects, styles, dyes ``[n, 17]``, backgrounds ``[n, 16]``, places ``[n, 26]``.

        The first dye is none; the first place is the whole picture, then come the top left corners of a half-size
        one, row by row.
        """
        return self.subject(codes), self.style(codes), self.dye(codes), self.background(codes), self.place(codes)


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
    """Drawings from their scores, at full and half size, and the palettes.

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
        self.clear = nn.Linear(3, channels)
        # A column a dye: 1, or 0 for the first, which is none; then its red, green and blue.
        self.dyes = nn.Linear(1 + COLORS, 4, bias=False)
        self.backgrounds = nn.Linear(COLORS, 3, bias=False)

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
        read = self.reader(codes_of(words).flatten(0, 1))
        subjects, styles, dyes, backgrounds = ((SURE * part).softmax(1) for part in read[:-1])
        ground = self.drawings.backgrounds(backgrounds)[::THINGS]
        amounts = torch.cat([self.drawings.dyes(dyes), ground.repeat_interleave(THINGS, 0)], dim=1)
        things = composed(self.drawings(self.drawer(subjects, styles)), amounts[:, :, None, None])
        return self.placed(things, self.drawings.clear(ground), read[-1].sigmoid())

    def placed(self, things: Tensor, clear: Tensor, places: Tensor) -> Tensor:
        """Things ``[b * 2, channels, side, side]`` on clear patches ``[b, channels]``, at ``places[b * 2, 1 + 25]``."""
        ground = clear.repeat_interleave(THINGS, 0)[:, :, None, None]
        large = places[:, :1, None, None] * (things - ground)
        small = self.drawings.halved(things) - ground
        # A convolution backwards stamps each half-size picture, by its own amounts, on every place.
        corners = places[:, 1:].reshape(1, -1, self.reader.places, self.reader.places)
        stamped = conv_transpose2d(corners, small, groups=len(small)).view_as(large)
        sketch: Tensor = clear[:, :, None, None] + (large + stamped).view(-1, THINGS, *self.drawings.shape).sum(1)
        return sketch


def codes_of(words: Tensor) -> Tensor:
    """The codes ``[b, 2, width]`` of the things in a caption ``[b, tokens, width]``, the first first."""
    return words[:, -THINGS:].flip(1)
