"""What the trainings share: the device, the budget, the checkpoint."""

from __future__ import annotations

import copy
import hashlib
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.doodle.vocabulary import Vocabulary

#: Called with the share of the budget used (0..1) and a line about the step.
Progress = Callable[[float, str], None]


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def half() -> torch.autocast:
    """bfloat16 where the hardware multiplies matrices of it: on other CPUs it takes half as long again."""
    able = torch.cuda.is_available() or torch.cpu._is_amx_tile_supported()
    return torch.autocast(device().type, torch.bfloat16, enabled=able)


def key_of(vocabulary: Vocabulary) -> str:
    """What tells one vocabulary from another: every word, number and colour of it."""
    return hashlib.sha256(repr(vocabulary).encode()).hexdigest()


class Run:
    """AdamW with warm-up and cosine decay over a budget of minutes, an averaged copy of the weights, checkpoints.

    A checkpoint of another vocabulary is not gone on from.
    """

    def __init__(
        self, checkpoint: Path, module: nn.Module, vocabulary: Vocabulary, minutes: float, peak: float, average: float
    ) -> None:
        self.checkpoint, self.module, self.seconds = checkpoint, module, minutes * 60
        self.peak, self.average, self.key = peak, average, key_of(vocabulary)
        self.optimizer = torch.optim.AdamW(
            module.parameters(), lr=peak, betas=(0.9, 0.98), weight_decay=0.01, fused=True
        )
        self.shadow = copy.deepcopy(module.state_dict())
        self.steps, self.used, self.loss = 0, 0.0, math.nan
        state: dict[str, Any] = {}
        if checkpoint.exists():
            state = torch.load(checkpoint, map_location=device(), weights_only=True)
        if state.get("key") == self.key:
            module.load_state_dict(state["module"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.shadow, self.steps, self.used = state["shadow"], state["steps"], state["used"]
        self.clock = self.saved = time.monotonic()

    def share(self) -> float:
        return min(1.0, self.used / self.seconds)

    def going(self) -> bool:
        return self.used < self.seconds

    def rate(self) -> float:
        """Warm-up over 200 steps, the peak for half of the budget, then a cosine down to a fiftieth of it."""
        fall = max(0.0, self.share() - 0.5) * 2
        return self.peak * min(1.0, (self.steps + 1) / 200) * (0.02 + 0.98 * (1 + math.cos(math.pi * fall)) / 2)

    def step(self, loss: Tensor) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
        self.optimizer.step()
        self.steps += 1
        value = float(loss.detach())
        self.loss = value if math.isnan(self.loss) else 0.98 * self.loss + 0.02 * value
        keep = min(self.average, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            for name, tensor in self.module.state_dict().items():
                kept = self.shadow[name]
                if kept.is_floating_point():
                    kept.lerp_(tensor, 1 - keep)
        now = time.monotonic()
        self.used, self.clock = self.used + now - self.clock, now
        if now - self.saved > 300:
            self.save()

    def learn(self, lesson: Callable[[], Tensor], progress: Progress) -> None:
        """Step by the loss of one lesson after another while the budget lasts; then take the averaged weights."""
        while self.going():
            self.step(lesson())
            progress(self.share(), f"step {self.steps} loss {self.loss:.4f}")
        self.save()
        self.module.load_state_dict(self.shadow)

    def save(self) -> None:
        self.saved = time.monotonic()
        partial = self.checkpoint.with_suffix(".part")
        state = {"module": self.module.state_dict(), "optimizer": self.optimizer.state_dict(), "shadow": self.shadow}
        torch.save({**state, "key": self.key, "steps": self.steps, "used": self.used}, partial)
        partial.replace(self.checkpoint)
