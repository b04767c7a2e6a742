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

from pipeline.doodle.autoencoder import composed

#: Width of the layers between the caption and its sketch, and numbers a patch that tell what is dyed or shows through.
SKETCH_WIDTH, MASK_CHANNELS = 1024, 32


#: How much of a guess at the picture is its sketch, when painting. Measured: LOG.md.
SHARE = 0.5


class Sketcher(nn.Module):
    """What a caption says a picture is made of: the thing, what of it is dyed, where the background shows, the colours.

    Put together as the training set is (see `pipeline.doodle.latents`), so that a thing which was learned in one
    colour on one background is known in all on all.
    """

    def __init__(self, width: int, channels: int, side: int) -> None:
        super().__init__()
        self.shape = (channels, side, side)
        self.read = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, SKETCH_WIDTH),
            nn.SiLU(),
            nn.Linear(SKETCH_WIDTH, SKETCH_WIDTH),
            nn.SiLU(),
        )
        self.body = nn.Linear(SKETCH_WIDTH, channels * side * side)
        self.masks = nn.Linear(SKETCH_WIDTH, 3 * MASK_CHANNELS * side * side)
        self.undyed = nn.Conv2d(MASK_CHANNELS, channels, 1)
        # A dye and a background fill a grey mask with each of three colours.
        self.filled = nn.Conv2d(MASK_CHANNELS, 3 * channels, 1)
        self.dye = nn.Linear(SKETCH_WIDTH, 4 * side * side)
        self.ground = nn.Linear(SKETCH_WIDTH, 3)

    def layers(self, whole: Tensor) -> tuple[Tensor, Tensor]:
        """``[b, width]`` to layers ``[b, 8, channels, side, side]`` and the amounts of them ``[b, 7, side, side]``."""
        read, (channels, *sides) = self.read(whole), self.shape
        body = self.body(read).view(-1, 1, channels, *sides)
        undyed, dyed, through = self.masks(read).view(-1, 3, MASK_CHANNELS, *sides).unbind(1)
        filled = [self.filled(mask).view(-1, 3, channels, *sides) for mask in (dyed, through)]
        layers = torch.cat([body, self.undyed(undyed)[:, None], *filled], dim=1)
        ground = self.ground(read)[:, :, None, None].expand(-1, -1, *sides)
        return layers, torch.cat([self.dye(read).view(-1, 4, *sides), ground], dim=1)

    def forward(self, whole: Tensor) -> Tensor:
        """``[b, width]`` to latents ``[b, channels, side, side]``."""
        return composed(*self.layers(whole))


class DoodleUNet(UNet2DConditionModel, ModelMixin):  # type: ignore[misc]
    """A conditional U-Net that sees, beside the noisy latents, what the caption says on its own.

    The last token of a causal text encoder has seen the whole caption. A sketch is made of it, the mean of all
    pictures with that caption, learned together with the text encoder before any denoising. A denoiser that has to
    find out through noise which of a thousand words means which picture needs hundreds of samples of each; one that
    is shown the sketch learns from every sample, whatever its subject, how a sketch becomes a picture. (A regression
    first, a diffusion for what it leaves open: Whang et al. 2022 deblur so.)

    What the caption leaves open, a diffusion makes up; of a model that has seen little, that is grain. So painting
    leans on the sketch: each guess at the clean latents is a mean of the denoiser's and the sketch.

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
        sketch = self.sketcher(encoder_hidden_states[:, -1]).to(sample.dtype)
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
