"""The embedded model's autoencoder: 256 px pictures to 8x8 latents of 64 channels, and back.

The encoder is linear: every 32x32 patch is projected on the principal components of the training art, each scaled to
unit variance. That costs nothing, suits the denoiser (its inputs are already whitened) and lets the training data be
put on any background without encoding again, because the latent of a mix is the mix of the latents. The decoder puts
the same patches down again; a small convolutional network, which works at 8 to 64 px, where a CPU is cheap, and
reaches 256 px by a pixel shuffle, adds what they lack.

It speaks the interface of the diffusers autoencoders, so any Stable Diffusion pipeline can use it.
"""

from __future__ import annotations

from typing import cast

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTinyOutput
from diffusers.models.autoencoders.vae import DecoderOutput
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

PATCH = 32


class ResidualBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(16, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(16, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(nn.functional.silu(self.norm1(x)))
        out: Tensor = x + self.conv2(nn.functional.silu(self.norm2(h)))
        return out


class Upsample(nn.Module):
    """Twice the size by pixel shuffle: the channels carry the four new pixels."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out_channels * 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.pixel_shuffle(self.conv(x), 2)


class Decoder(nn.Module):
    """The patches that the latents are amounts of, plus what a convolutional network makes of whole neighbourhoods.

    The network's last convolution starts at zero, so a new decoder is `patches` alone. Training starts those from the
    encoder's pseudo-inverse (`latents.Basis.patches`): blocks, but the right ones.
    """

    def __init__(self, latent_channels: int, widths: tuple[int, ...], layers_per_block: int) -> None:
        super().__init__()
        self.patches = nn.ConvTranspose2d(latent_channels, 3, PATCH, stride=PATCH)
        layers: list[nn.Module] = [nn.Conv2d(latent_channels, widths[0], 3, padding=1)]
        for width, following in zip(widths, (*widths[1:], None), strict=True):
            layers += [ResidualBlock(width) for _ in range(layers_per_block)]
            if following:
                layers.append(Upsample(width, following))
        last = nn.Conv2d(widths[-1], 48, 3, padding=1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(cast(Tensor, last.bias))
        layers += [nn.GroupNorm(16, widths[-1]), nn.SiLU(), last, nn.PixelShuffle(4)]
        self.detail = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        picture: Tensor = self.patches(z) + self.detail(z)
        return picture


class DoodleAutoencoder(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Linear patch encoder, `Decoder`.

    Args:
        latent_channels: numbers kept of each 32x32 patch.
        block_out_channels: channels at 256, 128, 64, 32, 16 and 8 px, in the order of diffusers' autoencoders. The
            first two are what the last pixel shuffle leaves of ``3 * 4 * 4`` channels at 64 px.
        layers_per_block: residual blocks at each size from 8 to 64 px.
        scaling_factor: latents are multiplied by this before diffusion; 1, since they are whitened.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        latent_channels: int = 64,
        block_out_channels: tuple[int, ...] = (3, 12, 64, 96, 192, 320),
        layers_per_block: int = 2,
        scaling_factor: float = 1.0,
    ) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(3, latent_channels, PATCH, stride=PATCH)
        self.decoder = Decoder(latent_channels, block_out_channels[:1:-1], layers_per_block)

    def encode(self, x: Tensor, return_dict: bool = True) -> AutoencoderTinyOutput | tuple[Tensor]:
        """``float[n, 3, 256, 256]`` in -1..1 to whitened latents ``float[n, 64, 8, 8]``."""
        latents = self.encoder(x)
        return AutoencoderTinyOutput(latents=latents) if return_dict else (latents,)

    def decode(
        self, z: Tensor, return_dict: bool = True, generator: torch.Generator | None = None
    ) -> DecoderOutput | tuple[Tensor]:
        """Latents to pictures in -1..1. Deterministic: `generator` is only there for the pipelines that pass one."""
        sample = self.decoder(z)
        return DecoderOutput(sample=sample) if return_dict else (sample,)


def composed(layers: Tensor, amounts: Tensor) -> Tensor:
    """Latents ``[b, c, h, w]``: the first of the layers ``[b, 1 + n, c, h, w]``, and an amount of each other.

    The amounts ``[b, n, h, w]`` may differ from patch to patch, or be the same in all: ``[b, n, 1, 1]``.
    """
    return layers[:, 0] + (layers[:, 1:] * amounts[:, :, None]).sum(1)
