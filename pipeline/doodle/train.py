"""Train the embedded model: its decoder, the sketches of its text encoder, its denoiser, the decoder once more.

Read it top to bottom. Each training runs for a budget of minutes, keeps a checkpoint in the work folder and goes on
from it when started again; the learning rate follows the share of the budget that is used up. Everything runs on CUDA
in bfloat16 as well as on the CPU in float32.
"""

from __future__ import annotations

import copy
import math
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from diffusers.models.attention_processor import AttnProcessor
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import l1_loss, mse_loss

from pipeline.doodle import model
from pipeline.doodle.autoencoder import DoodleAutoencoder, composed
from pipeline.doodle.latents import LAYERS, LatentSet, on_background, picture
from pipeline.doodle.scenes import Scene, Scenes
from pipeline.doodle.vocabulary import Vocabulary
from pipeline.profiles import BUILT_IN, load_profiles

#: Called with the share of the budget used (0..1) and a line about the step.
Progress = Callable[[float, str], None]


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


# --- the autoencoder ------------------------------------------------------------------------------------------------


def train_autoencoder(
    art: NDArray[np.uint8],
    vocabulary: Vocabulary,
    latents: LatentSet,
    folder: Path,
    minutes: float,
    progress: Progress,
    batch: int = 8,
    seed: int = 0,
) -> DoodleAutoencoder:
    """Fit the decoder to undo the linear encoder.

    The latents get noise of a random strength up to 0.4, because the denoiser's are never clean.
    """
    vae: DoodleAutoencoder = DoodleAutoencoder().to(device())
    offset = torch.from_numpy(latents.basis.offset)
    vae.encoder.load_state_dict({"weight": latents.basis.conv_weight(), "bias": offset})
    run = Run(folder / "autoencoder.pt", vae.decoder, minutes, peak=1e-3, average=0.998)
    scenes, chance = _scenes(vocabulary, latents, seed + run.steps), torch.Generator().manual_seed(seed + run.steps)
    while run.going():
        shown = [scenes.draw() for _ in range(batch)]
        clean = latents.compose(shown, vocabulary)
        strength = torch.rand(batch, 1, 1, 1, generator=chance) * 0.4
        noisy = clean + torch.randn(clean.shape, generator=chance) * strength
        run.step(_decoding_loss(vae, noisy.to(device()), _real(art, vocabulary, shown)))
        progress(run.share(), f"step {run.steps} loss {run.loss:.4f}")
    run.save()
    vae.decoder.load_state_dict(run.averaged())
    return vae


def polish_autoencoder(
    vae: DoodleAutoencoder,
    net: Denoiser,
    art: NDArray[np.uint8],
    vocabulary: Vocabulary,
    latents: LatentSet,
    folder: Path,
    minutes: float,
    progress: Progress,
    batch: int = 8,
    seed: int = 0,
) -> DoodleAutoencoder:
    """Teach the decoder what the denoiser really paints.

    It sees latents that were sampled as people's are, and shall paint the real picture that their caption tells:
    what the denoiser is not sure of, it makes up, and that is grain to be smoothed away.
    """
    run = Run(folder / "polish.pt", vae.decoder, minutes, peak=4e-4, average=0.99)
    scenes = _scenes(vocabulary, latents, seed + run.steps, gaps=False)
    chance = random.Random(seed + run.steps)
    pipeline = model.make_pipeline(net.tokenizer, net.text_encoder, net.unet.eval(), vae)
    pipeline.set_progress_bar_config(disable=True)
    painted: deque[tuple[Scene, Tensor]] = deque(maxlen=32 * batch)
    while run.going():
        # Sampling costs, too: sixteen new paintings every four lessons of eight, so each is seen about twice.
        if run.steps % 4 == 0 or len(painted) < 2 * batch:
            shown = [scenes.draw() for _ in range(2 * batch)]
            noise = torch.Generator().manual_seed(chance.randrange(1 << 32))
            painted.extend(zip(shown, _sampled(pipeline, shown, noise), strict=True))
        lesson = chance.sample(painted, batch)
        sampled = torch.stack([latent for _, latent in lesson])
        run.step(_decoding_loss(vae, sampled, _real(art, vocabulary, [scene for scene, _ in lesson])))
        progress(run.share(), f"step {run.steps} loss {run.loss:.4f}")
    run.save()
    vae.decoder.load_state_dict(run.averaged())
    return vae


def _sampled(pipeline: StableDiffusionPipeline, scenes: Sequence[Scene], noise: torch.Generator) -> Tensor:
    """Latents ``[b, 64, 8, 8]`` as people's are sampled, by the captions."""
    profile = load_profiles(BUILT_IN)["doodle"]
    with half():
        sampled: Tensor = pipeline(
            [scene.caption for scene in scenes],
            num_inference_steps=profile.steps,
            guidance_scale=profile.guidance,
            generator=noise,
            output_type="latent",
        ).images
    return sampled.float()


def _real(art: NDArray[np.uint8], vocabulary: Vocabulary, scenes: Sequence[Scene]) -> Tensor:
    """The pictures of a batch, ``float[b, 3, 256, 256]`` in -1..1."""
    pictures = np.stack([picture(scene, art, vocabulary) for scene in scenes])
    backgrounds = np.array([vocabulary.backgrounds[scene.background] for scene in scenes], np.float32)
    real = torch.from_numpy(on_background(pictures, backgrounds / np.float32(255)))
    return real.permute(0, 3, 1, 2).contiguous().to(device())


def _decoding_loss(vae: DoodleAutoencoder, latents: Tensor, real: Tensor) -> Tensor:
    """Absolute and squared error, and the absolute error of the differences between neighbours for crisp outlines."""
    with half():
        painted = vae.decoder(latents).float()
    edges = l1_loss(painted.diff(dim=2), real.diff(dim=2)) + l1_loss(painted.diff(dim=3), real.diff(dim=3))
    loss: Tensor = l1_loss(painted, real) + mse_loss(painted, real) + edges
    return loss


# --- the denoiser ---------------------------------------------------------------------------------------------------


class Denoiser(nn.Module):
    """Text encoder and U-Net: they learn to sketch together, then to paint."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.tokenizer = model.make_tokenizer(vocabulary)
        self.text_encoder = model.make_text_encoder(self.tokenizer)
        self.unet = model.make_unet()
        # Plain products: for so few tokens the fused attention's way back takes a fifth of a step on a CPU.
        self.unet.set_attn_processor(AttnProcessor())

    def read(self, captions: list[str]) -> Tensor:
        """``float[b, tokens, width]``: what the text encoder makes of the captions."""
        tokens = self.tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt")
        tokens = tokens.to(self.unet.device)
        words: Tensor = self.text_encoder(tokens.input_ids, attention_mask=tokens.attention_mask)[0]
        return words

    def read_whole(self, captions: list[str]) -> Tensor:
        """``float[b, width]``: the last of these tokens alone, with most of the padding left out."""
        tokens = self.tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt")
        last = tokens.input_ids.shape[1] - 1
        kept = torch.tensor([*range(min(last, int(tokens.attention_mask.sum(1).max()))), last])
        tokens, kept = tokens.to(self.unet.device), kept.to(self.unet.device)
        words = self.text_encoder(
            tokens.input_ids[:, kept], attention_mask=tokens.attention_mask[:, kept], position_ids=kept[None]
        )[0]
        whole: Tensor = words[:, -1]
        return whole

    def forward(self, noisy: Tensor, times: Tensor, words: Tensor) -> Tensor:
        velocity: Tensor = self.unet(noisy, times, encoder_hidden_states=words).sample
        return velocity


#: Dyes are in two captions of five, and a channel of a colour is about 0.5: their layers count a quarter.
_SHARES = torch.tensor([1, *[0.25] * (LAYERS - 1)]).view(-1, 1, 1, 1)


class Lessons:
    """Random scenes as what the denoiser learns from."""

    def __init__(self, vocabulary: Vocabulary, latents: LatentSet, seed: int) -> None:
        self._scenes = _scenes(vocabulary, latents, seed)
        self._latents, self._vocabulary = latents, vocabulary
        spread = torch.from_numpy(latents.basis.spread())
        self._weight = (spread / spread.mean()).view(-1, 1, 1).to(device())

    def draw(self, batch: int) -> tuple[list[str], Tensor, Tensor]:
        """Captions, the layers of their pictures ``[b, 8, 64, 8, 8]``, and the amounts of these ``[b, 7, 8, 8]``."""
        shown = [self._scenes.draw() for _ in range(batch)]
        layers, amounts = self._latents.layers_of(shown), self._latents.amounts_of(shown, self._vocabulary)
        return [scene.caption for scene in shown], layers.to(device()), amounts.to(device())

    def denoising_loss(self, guess: Tensor, velocity: Tensor) -> Tensor:
        """Squared error of the denoiser's guess, every channel weighted by what it does to the pixels.

        The latents are whitened: without weights the finest detail would count as much as the shape.
        """
        return (self._weight * (guess.float() - velocity).square()).mean()

    def sketching_loss(self, sketched: tuple[Tensor, Tensor], layers: Tensor, amounts: Tensor) -> Tensor:
        """Squared error of a sketch's layers, weighted alike, and of their amounts."""
        weight = self._weight * _SHARES.to(device())
        off = (weight * (sketched[0].float() - layers).square()).mean()
        return off + 2 * mse_loss(sketched[1].float(), amounts)


def train_sketch(
    net: Denoiser,
    vocabulary: Vocabulary,
    latents: LatentSet,
    folder: Path,
    minutes: float,
    progress: Progress,
    batch: int = 64,
    seed: int = 0,
) -> None:
    """Teach text encoder and sketcher the mean picture of each caption."""
    sketching = nn.ModuleDict({"text_encoder": net.text_encoder, "sketcher": net.unet.sketcher})
    run = Run(folder / "sketch.pt", sketching, minutes, peak=1e-3, average=0.998, falls=False)
    lessons = Lessons(vocabulary, latents, seed + run.steps)
    while run.going():
        captions, layers, amounts = lessons.draw(batch)
        with half():
            sketched = net.unet.sketcher.layers(net.read_whole(captions))
        run.step(lessons.sketching_loss(sketched, layers, amounts))
        progress(run.share(), f"step {run.steps} loss {run.loss:.4f}")
    run.save()
    sketching.load_state_dict(run.averaged())


def train_denoiser(
    net: Denoiser,
    vocabulary: Vocabulary,
    latents: LatentSet,
    folder: Path,
    minutes: float,
    progress: Progress,
    batch: int = 128,
    seed: int = 0,
) -> None:
    """v-prediction on the cosine schedule, all times alike; the sketches go on getting better beside it."""
    run = Run(folder / "denoiser.pt", net, minutes, peak=1e-3, average=0.998)
    lessons, chance = Lessons(vocabulary, latents, seed + run.steps), torch.Generator().manual_seed(seed + run.steps)
    scheduler = model.make_scheduler()
    signal, noise_level = scheduler.alphas_cumprod.sqrt(), (1 - scheduler.alphas_cumprod).sqrt()
    while run.going():
        captions, layers, amounts = lessons.draw(batch)
        clean = composed(layers, amounts)
        times = torch.randint(0, 1000, (batch,), generator=chance)
        noise = torch.randn(clean.shape, generator=chance).to(device())
        a, b = (level[times].view(-1, 1, 1, 1).to(device()) for level in (signal, noise_level))
        with half():
            words = net.read(captions)
            guess = net(a * clean + b * noise, times.to(device()), words)
            sketched = net.unet.sketcher.layers(words[:, -1])
        denoising = lessons.denoising_loss(guess, a * noise - b * clean)
        run.step(denoising + lessons.sketching_loss(sketched, layers, amounts))
        progress(run.share(), f"step {run.steps} loss {run.loss:.4f}")
    run.save()
    net.load_state_dict(run.averaged())


# --- what the trainings share --------------------------------------------------------------------------------------


def half() -> torch.autocast:
    """bfloat16 where the hardware has instructions for it."""
    able = torch.cuda.is_available() or torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(device().type, torch.bfloat16, enabled=able)


def _scenes(vocabulary: Vocabulary, latents: LatentSet, seed: int, *, gaps: bool = True) -> Scenes:
    return Scenes(vocabulary, latents.natural.tolist(), random.Random(seed), gaps=gaps)


class Run:
    """AdamW with warm-up and cosine decay over a budget of minutes, an averaged copy of the weights, checkpoints.

    Args:
        falls: whether the learning rate falls in the second half of the budget, or another training goes on from here.
    """

    def __init__(
        self, checkpoint: Path, module: nn.Module, minutes: float, peak: float, average: float, *, falls: bool = True
    ) -> None:
        self.checkpoint, self.module, self.seconds = checkpoint, module, minutes * 60
        self.peak, self.average, self.falls = peak, average, falls
        self.optimizer = torch.optim.AdamW(
            module.parameters(), lr=peak, betas=(0.9, 0.98), weight_decay=0.01, fused=True
        )
        self.shadow = copy.deepcopy(module.state_dict())
        self.steps, self.used, self.loss = 0, 0.0, math.nan
        if checkpoint.exists():
            state: dict[str, Any] = torch.load(checkpoint, map_location=device(), weights_only=True)
            module.load_state_dict(state["module"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.shadow, self.steps, self.used = state["shadow"], state["steps"], state["used"]
        self.clock = self.saved = time.monotonic()

    def share(self) -> float:
        return min(1.0, self.used / self.seconds)

    def going(self) -> bool:
        return self.used < self.seconds

    def rate(self) -> float:
        """Warm-up over 200 steps, the peak for half of the budget, then a cosine to nothing."""
        fall = max(0.0, self.share() - 0.5) * 2 if self.falls else 0.0
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

    def averaged(self) -> dict[str, Tensor]:
        return self.shadow

    def save(self) -> None:
        self.saved = time.monotonic()
        partial = self.checkpoint.with_suffix(".part")
        state = {"module": self.module.state_dict(), "optimizer": self.optimizer.state_dict(), "shadow": self.shadow}
        torch.save({**state, "steps": self.steps, "used": self.used}, partial)
        partial.replace(self.checkpoint)
