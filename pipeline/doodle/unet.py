"""The embedded model's denoiser: diffusers' conditional U-Net, shown a sketch beside the noisy picture."""

from __future__ import annotations

import functools
import math
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.modeling_utils import ModelMixin
from diffusers.models.unets.unet_2d_condition import UNet2DConditionOutput
from torch import Tensor, nn

from pipeline.doodle.sketch import Sketcher

#: How much of a guess at the picture is its sketch, when painting. Measured: LOG.md.
SHARE = 0.8


class DoodleUNet(UNet2DConditionModel, ModelMixin):  # type: ignore[misc]
    """A conditional U-Net that sees, beside the noisy latents, what the caption says on its own.

    The last tokens of a causal text encoder have seen the whole caption. A sketch is made of them before any
    denoising: the caption is read, what it names is drawn, in its colours, in its places. A denoiser that has to find
    out through noise which of a thousand words means which picture needs hundreds of samples of each; one that is
    shown the sketch learns from every sample, whatever its subject, how a sketch becomes a picture. (A regression
    first, a diffusion for what it leaves open: Whang et al. 2022 deblur so.)

    What the caption leaves open, a diffusion makes up; of a model that has seen little, that is grain. So painting
    leans on the sketch: each guess at the clean latents is the mean of the sketch, by its share, and the denoiser's.

    (`from_pretrained` of a pipeline looks for `ModelMixin` in the module that defines a part: hence the second base.)
    """

    @functools.wraps(UNet2DConditionModel.__init__)  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        channels, config = self.config.in_channels, self.config
        self.sketcher = Sketcher(config.cross_attention_dim, channels, config.sample_size)
        self.conv_in = nn.Conv2d(2 * channels, config.block_out_channels[0], 3, padding=1)

    def forward(self, sample: Tensor, timestep: Any, encoder_hidden_states: Tensor, **kwargs: Any) -> Any:
        """As in diffusers; ``sample[b, 64, 8, 8]``, ``encoder_hidden_states[b, tokens, width]``."""
        sketch = self.sketch(encoder_hidden_states)
        return self.denoise(sample, timestep, encoder_hidden_states, sketch.to(sample.dtype), **kwargs)

    # Without gradients: a sketch is to stay the picture that the caption tells, not become what helps a denoiser most.
    @torch.no_grad()
    def sketch(self, encoder_hidden_states: Tensor) -> Tensor:
        """The latents ``[b, 64, 8, 8]`` that the caption tells: the same in every step of a painting."""
        sketch: Tensor = self.sketcher(encoder_hidden_states)
        return sketch

    def denoise(
        self, sample: Tensor, timestep: Any, encoder_hidden_states: Tensor, sketch: Tensor, **kwargs: Any
    ) -> Any:
        """One step, which is shown the sketch."""
        found = super().forward(torch.cat([sample, sketch], dim=1), timestep, encoder_hidden_states, **kwargs)
        if self.training:
            return found
        velocity = found[0]
        signal, noise = (level.view(-1, 1, 1, 1).to(sample.dtype) for level in levels(timestep, sample.device))
        clean = signal * sample - noise * velocity
        velocity = velocity + SHARE * (clean - sketch) / noise
        return UNet2DConditionOutput(velocity) if kwargs.get("return_dict", True) else (velocity,)


def levels(timestep: Any, device: torch.device) -> tuple[Tensor, Tensor]:
    """How much signal and noise there is at times of 0..999, on the cosine schedule (Nichol, Dhariwal 2021)."""
    time = torch.as_tensor(timestep, device=device).float().view(-1)
    angle, first = (((step + 0.008) / 1.008) * math.pi / 2 for step in ((time + 1) / 1000, torch.zeros_like(time)))
    signal = (angle.cos() / first.cos()).clamp_min(1e-4)
    return signal, (1 - signal.square()).sqrt()
