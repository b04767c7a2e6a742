"""The embedded model's denoiser: diffusers' conditional U-Net with one more way for the text to reach it."""

from __future__ import annotations

import functools
from typing import Any

from diffusers import UNet2DConditionModel
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn


class DoodleUNet(UNet2DConditionModel, ModelMixin):  # type: ignore[misc]
    """A conditional U-Net that gets the text as feature maps as well.

    The last token of a causal text encoder has seen the whole caption. A linear map of it is added to the features
    of every level where the way up meets the way down: the text's own ControlNet (Zhang et al. 2023), so to speak.
    Scale, shift and cross-attention alone have to invent where things are; this tells them, and the same samples
    teach three times as much.

    (`from_pretrained` of a pipeline looks for `ModelMixin` in the module that defines a part: hence the second base.)
    """

    @functools.wraps(UNet2DConditionModel.__init__)  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        side, width = self.config.sample_size, self.config.cross_attention_dim
        self.map_shapes = [(c, side >> level, side >> level) for level, c in enumerate(self.config.block_out_channels)]
        self.map_norm = nn.LayerNorm(width)
        self.maps = nn.ModuleList(nn.Linear(width, c * h * w) for c, h, w in self.map_shapes)

    def forward(self, sample: Tensor, timestep: Any, encoder_hidden_states: Tensor, **kwargs: Any) -> Any:
        """As in diffusers; ``sample[b, 64, 8, 8]``, ``encoder_hidden_states[b, tokens, width]``."""
        whole = self.map_norm(encoder_hidden_states[:, -1])
        maps = [linear(whole).view(-1, *shape) for linear, shape in zip(self.maps, self.map_shapes, strict=True)]
        # One layer a level, so the ways meet after the first convolution, and after each level's block and downsampler.
        none = maps[0].new_zeros(())
        skips = [none]
        for number, level in enumerate(maps):
            lowest = number == len(maps) - 1
            skips += [none] if lowest else [level, none]
        return super().forward(
            sample,
            timestep,
            encoder_hidden_states,
            down_block_additional_residuals=tuple(skips),
            mid_block_additional_residual=maps[-1],
            **kwargs,
        )
