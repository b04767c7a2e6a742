"""The embedded model's denoiser: diffusers' conditional U-Net, shown a sketch beside the noisy picture."""

from __future__ import annotations

import functools
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from pipeline.doodle.autoencoder import composed

#: Width of the layer between the caption and its sketch, and numbers a patch that tell where the background shows.
SKETCH_WIDTH, MASK_CHANNELS = 640, 32


class Sketcher(nn.Module):
    """What a caption says a picture is made of: the thing, where the background shows through, and its colour.

    Put together as the training set is (see `pipeline.doodle.latents`), so that a thing which was learned on one
    background is known on all.
    """

    def __init__(self, width: int, channels: int, side: int) -> None:
        super().__init__()
        self.channels, self.side = channels, side
        self.read = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, SKETCH_WIDTH), nn.SiLU())
        self.body = nn.Linear(SKETCH_WIDTH, channels * side * side)
        self.mask = nn.Linear(SKETCH_WIDTH, MASK_CHANNELS * side * side)
        self.through = nn.Conv2d(MASK_CHANNELS, 3 * channels, 1)
        self.ground = nn.Linear(SKETCH_WIDTH, 3)

    def layers(self, whole: Tensor) -> tuple[Tensor, Tensor]:
        """``[b, width]`` to ``[b, 4, channels, side, side]``, body and see-through, and the background ``[b, 3]``."""
        read = self.read(whole)
        body = self.body(read).view(-1, 1, self.channels, self.side, self.side)
        through = self.through(self.mask(read).view(-1, MASK_CHANNELS, self.side, self.side))
        return torch.cat([body, through.view(-1, 3, *body.shape[2:])], dim=1), self.ground(read)

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
        return super().forward(torch.cat([sample, sketch], dim=1), timestep, encoder_hidden_states, **kwargs)
