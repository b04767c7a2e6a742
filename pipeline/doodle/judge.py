"""The judge: a small classifier of subjects and styles that learned from the real art alone.

It takes no part in training the embedded model. Its own accuracy on renderings that it was not trained on is the
ceiling of what it can find in paintings.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, cross_entropy, interpolate

from pipeline.doodle.recolor import dyed
from pipeline.doodle.vocabulary import Vocabulary

#: The side of what it looks at, in pixels. Shapes are seen at half of that, texture in full.
SIDE = 128
#: Batches of training between checkpoints.
SAVED_EVERY = 200


class Classifier(nn.Module):
    """``float[b, 3, 128, 128]`` in 0..1 to logits of subjects and of styles."""

    def __init__(self, subjects: int, styles: int) -> None:
        super().__init__()
        widths, textures = (3, 32, 64, 128, 256), (3, 16, 32, 64, 128)
        self.shapes = nn.Sequential(nn.AvgPool2d(2), *(_stage(before, after) for before, after in pairwise(widths)))
        self.flat = nn.Sequential(nn.AvgPool2d(2), nn.Flatten())
        self.subject = nn.Sequential(nn.Dropout(0.2), nn.Linear(4 * 256, subjects))
        self.textures = nn.ModuleList(_stage(before, after) for before, after in pairwise(textures))
        self.style = nn.Sequential(nn.Dropout(0.2), nn.Linear(4 * 256 + 2 * sum(textures[1:]), styles))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        # A style is in the shapes that a thing is drawn with, and in the texture everywhere, in soft shades that are
        # gone at half the size: the mean and the spread of what every stage sees.
        shapes = self.flat(self.shapes(pictures - 0.5))
        seen, cues = pictures - 0.5, [shapes]
        for stage in self.textures:
            seen = stage(seen)
            cues += [seen.mean((2, 3)), (seen.var((2, 3)) + 1e-5).sqrt()]
        return self.subject(shapes), self.style(torch.cat(cues, 1))


def _stage(before: int, after: int) -> nn.Module:
    """Two convolutions, the first of which halves the sides."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=2, padding=1),
        nn.BatchNorm2d(after),
        nn.ReLU(),
        nn.Conv2d(after, after, 3, padding=1),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    )


class Renderings:
    """Random real renderings: as drawn or dyed, on any background, moved, scaled, blurred and noisy."""

    def __init__(self, art: NDArray[np.uint8], vocabulary: Vocabulary, seed: int) -> None:
        self.layers = np.stack([[_layers(picture) for picture in row] for row in art])
        self.colors = torch.tensor(list(vocabulary.colors.values()), dtype=torch.float32) / 255
        self.backgrounds = torch.tensor(list(vocabulary.backgrounds.values()), dtype=torch.float32) / 255
        self.chance = torch.Generator().manual_seed(seed)

    def draw(self, size: int, *, held: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures ``float[b, 3, 128, 128]`` with the numbers of their subjects and styles."""
        (n, s), colors = self.layers.shape[:2], len(self.colors)
        subject = torch.randint(n, (size,), generator=self.chance)
        style = torch.randint(s, (size,), generator=self.chance)
        # One colour of every picture is kept for the test, another one from picture to picture.
        kept = (subject + style) % colors
        other = torch.randint(colors - 1, (size,), generator=self.chance) if colors > 1 else kept
        other = torch.where(other >= kept, other + 1, other) % colors
        drawn = (torch.rand(size, generator=self.chance) < 0.4) & (not held)
        layers = torch.from_numpy(self.layers[subject, style]).permute(0, 3, 1, 2) / 255
        dye = self.colors[kept if held else other]
        rgb = torch.where(
            drawn[:, None, None, None], layers[:, :3], layers[:, 3:6] + layers[:, 6:7] * dye[:, :, None, None]
        )
        background = self.backgrounds[torch.randint(len(self.backgrounds), (size,), generator=self.chance)]
        rgb = rgb + background[:, :, None, None] * (1 - layers[:, 7:])
        return self._disturbed(rgb), subject, style

    def _disturbed(self, pictures: Tensor) -> Tensor:
        """Zoomed and moved by up to a tenth, some blurred, all noisy: what a painting may do without being wrong."""
        side = SIDE + 2 * int(torch.randint(-6, 14, (), generator=self.chance))
        scaled = interpolate(pictures, size=(side, side), mode="bilinear", align_corners=False)
        rim = max(0, SIDE - side) // 2 + 8
        padded = nn.functional.pad(scaled, (rim, rim, rim, rim), mode="replicate")
        room = padded.shape[-1] - SIDE
        middle, reach = room // 2, min(8, room // 2)
        top, left = (middle + int(torch.randint(-reach, reach + 1, (), generator=self.chance)) for _ in range(2))
        cut = padded[:, :, top : top + SIDE, left : left + SIDE]
        if torch.rand((), generator=self.chance) < 0.4:
            cut = avg_pool2d(cut, 3, stride=1, padding=1, count_include_pad=False)
        noise = torch.randn(cut.shape, generator=self.chance)
        return cut + noise * 0.03 * torch.rand(len(cut), 1, 1, 1, generator=self.chance)


def _layers(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Premultiplied ``uint8[128, 128, 8]``: the picture as drawn, what a dye leaves of it, the dye, the alpha."""
    premultiplied = Image.fromarray(np.asarray(picture)).convert("RGBa").resize((SIDE, SIDE), Image.Resampling.BOX)
    small = np.asarray(premultiplied.convert("RGBA"))
    undyed, dye = dyed(small)
    alpha = small[..., 3:].astype(np.float32)
    layers = np.dstack([small[..., :3] / np.float32(255) * alpha, undyed * alpha, dye * alpha, alpha])
    return np.rint(layers).astype(np.uint8)


def train(
    art: NDArray[np.uint8],
    vocabulary: Vocabulary,
    folder: Path,
    batches: int,
    progress: Callable[[float, str], None],
    batch: int = 64,
    seed: int = 0,
) -> tuple[Classifier, dict[str, float]]:
    """The classifier and its accuracy on held-out renderings, kept in ``folder/judge.pt`` for the next time.

    It goes on where it was interrupted. A judge that learned from fewer batches than asked for is trained again.
    """
    net = Classifier(len(vocabulary.subjects), len(vocabulary.styles))
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    kept = folder / "judge.pt"
    made_for = [subject.emoji for subject in vocabulary.subjects] + list(vocabulary.styles)
    made_for += [f"{name} {list(value.shape)}" for name, value in net.state_dict().items()]
    if kept.exists():
        state: dict[str, Any] = torch.load(kept, weights_only=True)
        if state.get("made_for") == made_for and state["batches"] >= batches:
            net.load_state_dict(state["net"])
            return net.eval(), state["ceiling"]
    optimizer, begun, first = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.02), folder / "judge.part", 0
    if begun.exists():
        state = torch.load(begun, weights_only=True)
        if state.get("made_for") == made_for and state["batches"] == batches:
            net.load_state_dict(state["net"])
            optimizer.load_state_dict(state["optimizer"])
            first = state["number"]
    renderings = Renderings(art, vocabulary, seed + first)
    for number in range(first, batches):
        if number > first and number % SAVED_EVERY == 0:
            state = {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "number": number}
            torch.save({**state, "made_for": made_for, "batches": batches}, begun)
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * (1 - 0.98 * number / batches)
        pictures, subject, style = renderings.draw(batch, held=False)
        with torch.autocast("cpu", torch.bfloat16, enabled=torch.cpu._is_amx_tile_supported()):
            subjects, styles = net(pictures.contiguous(memory_format=torch.channels_last))
        loss = cross_entropy(subjects.float(), subject, label_smoothing=0.1) + cross_entropy(styles.float(), style)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        progress((number + 1) / batches, f"loss {float(loss.detach()):.3f}")
    ceiling = _ceiling(net.eval(), renderings)
    torch.save({"net": net.state_dict(), "made_for": made_for, "batches": batches, "ceiling": ceiling}, kept)
    begun.unlink(missing_ok=True)
    return net, ceiling


@torch.no_grad()
def _ceiling(net: Classifier, renderings: Renderings, batches: int = 24) -> dict[str, float]:
    hits: dict[str, list[float]] = {"subject_1": [], "subject_5": [], "style": []}
    for _ in range(batches):
        pictures, subject, style = renderings.draw(128, held=True)
        subjects, styles = net(pictures)
        best = subjects.topk(min(5, subjects.shape[1])).indices == subject[:, None]
        hits["subject_1"].append(float(best[:, 0].float().mean()))
        hits["subject_5"].append(float(best.any(1).float().mean()))
        hits["style"].append(float((styles.argmax(1) == style).float().mean()))
    return {name: round(float(np.mean(values)), 3) for name, values in hits.items()}


@torch.no_grad()
def seen(net: Classifier, picture: NDArray[np.uint8]) -> tuple[list[int], int]:
    """The five likeliest subjects of a painting ``uint8[256, 256, 3]``, or of a part of one, best first; its style."""
    small = Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BOX)
    subjects, styles = net(torch.from_numpy(np.asarray(small, np.float32) / 255).permute(2, 0, 1)[None])
    best = subjects[0].topk(min(5, subjects.shape[1])).indices
    return [int(number) for number in best], int(styles.argmax())
