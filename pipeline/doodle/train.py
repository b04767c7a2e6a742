"""Train the embedded model: its decoder, how it reads captions, its denoiser, the decoder once more.

Read it top to bottom. Each training runs for a budget of minutes, keeps a checkpoint in the work folder and goes on
from it when started again; the learning rate follows the share of the budget that is used up. Everything runs in
bfloat16 on CUDA and on CPUs with AMX, elsewhere in float32.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from diffusers.models.attention_processor import AttnProcessor
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, l1_loss, mse_loss

from pipeline.doodle import model
from pipeline.doodle.autoencoder import DoodleAutoencoder
from pipeline.doodle.backdrops import GRID
from pipeline.doodle.latents import HALF, LatentSet, behind, on_background, picture
from pipeline.doodle.run import Progress, Run, device, half
from pipeline.doodle.scenes import Scene, Scenes
from pipeline.doodle.sketch import COLORS, GROUNDS, STYLES, SUBJECTS, THINGS, codes_of
from pipeline.doodle.vocabulary import Vocabulary
from pipeline.errors import DoodleError
from pipeline.profiles import BUILT_IN, load_profiles

#: Where a half-size picture may stand, in each direction.
PLACES = GRID - HALF + 1


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
    """Fit the decoder to undo the linear encoder, starting from its pseudo-inverse.

    The latents get noise of a random strength up to 0.4, because the denoiser's are never clean.
    """
    vae: DoodleAutoencoder = DoodleAutoencoder().to(device())
    offset = torch.from_numpy(latents.basis.offset)
    vae.encoder.load_state_dict({"weight": latents.basis.conv_weight(), "bias": offset})
    vae.decoder.patches.load_state_dict(latents.basis.patches())
    run = Run(folder / "autoencoder.pt", vae.decoder, vocabulary, minutes, peak=1e-3, average=0.998)
    scenes, chance = _scenes(vocabulary, latents, seed + run.steps), torch.Generator().manual_seed(seed + run.steps)

    def lesson() -> Tensor:
        shown = [scenes.draw() for _ in range(batch)]
        clean = latents.compose(shown, vocabulary)
        strength = torch.rand(batch, 1, 1, 1, generator=chance) * 0.4
        noisy = clean + torch.randn(clean.shape, generator=chance) * strength
        return _decoding_loss(vae, noisy.to(device()), _real(art, vocabulary, shown))

    run.learn(lesson, progress)
    return vae


def _real(art: NDArray[np.uint8], vocabulary: Vocabulary, scenes: Sequence[Scene]) -> Tensor:
    """The pictures of a batch, ``float[b, 3, 256, 256]`` in -1..1."""
    pictures = np.stack([picture(scene, art, vocabulary) for scene in scenes])
    grounds = [behind(rgba, scene.background, vocabulary) for rgba, scene in zip(pictures, scenes, strict=True)]
    shown = [on_background(rgba[None], ground[None])[0] for rgba, ground in zip(pictures, grounds, strict=True)]
    real = torch.from_numpy(np.stack(shown))
    return real.permute(0, 3, 1, 2).contiguous().to(device())


def _decoding_loss(vae: DoodleAutoencoder, latents: Tensor, real: Tensor) -> Tensor:
    """Absolute and squared error, and the absolute error of the differences between pixels near and less near.

    Those of neighbours count most: they make outlines crisp; the others make even what is flat.
    """
    with half():
        painted = vae.decoder(latents).float()
    loss: Tensor = l1_loss(painted, real) + mse_loss(painted, real)
    for distance, weight in ((1, 3), (4, 1), (16, 0.5)):
        for dim in (2, 3):
            loss = loss + weight * l1_loss(_apart(painted, distance, dim), _apart(real, distance, dim))
    return loss


def _apart(pixels: Tensor, distance: int, dim: int) -> Tensor:
    """How pixels differ from those so far away."""
    number = pixels.shape[dim] - distance
    return pixels.narrow(dim, distance, number) - pixels.narrow(dim, 0, number)


# --- the denoiser ---------------------------------------------------------------------------------------------------


class Denoiser(nn.Module):
    """Text encoder and U-Net: they learn to read and to draw, then to paint."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__()
        for kind, number, most in (
            ("subjects", len(vocabulary.subjects), SUBJECTS),
            ("styles", len(vocabulary.styles), STYLES),
            ("colors", len(vocabulary.colors), COLORS),
            ("backgrounds and scenes", len(vocabulary.grounds()), GROUNDS),
        ):
            if number > most:
                raise DoodleError(f"A vocabulary may have {most} {kind}; this one has more.")
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

    def read_codes(self, captions: list[str]) -> Tensor:
        """``float[b, 2, width]``: the codes of their things alone, with most of the padding left out."""
        tokens = self.tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt")
        length = tokens.input_ids.shape[1]
        told = min(length - THINGS, int(tokens.attention_mask.sum(1).max()))
        kept = torch.tensor([*range(told), *range(length - THINGS, length)])
        tokens, kept = tokens.to(self.unet.device), kept.to(self.unet.device)
        words = self.text_encoder(
            tokens.input_ids[:, kept], attention_mask=tokens.attention_mask[:, kept], position_ids=kept[None]
        )[0]
        return codes_of(words)

    def forward(self, noisy: Tensor, times: Tensor, words: Tensor) -> Tensor:
        velocity: Tensor = self.unet(noisy, times, encoder_hidden_states=words).sample
        return velocity


@dataclass(frozen=True)
class Told:
    """What captions say of each of up to two things.

    Shapes: ``subjects``, ``styles``, ``dyes``, ``backgrounds`` and ``mirrored`` are numbers ``[b, 2]``, -1 where no
    thing is named; ``places[b, 2, 1 + 25]`` are 0 or 1, as in `pipeline.doodle.sketch.Reader`.
    """

    subjects: Tensor
    styles: Tensor
    dyes: Tensor
    backgrounds: Tensor
    mirrored: Tensor
    places: Tensor


class Lessons:
    """Random scenes as what the denoiser learns from."""

    def __init__(self, vocabulary: Vocabulary, latents: LatentSet, seed: int) -> None:
        self.scenes = _scenes(vocabulary, latents, seed)
        self._latents, self._vocabulary = latents, vocabulary
        spread = torch.from_numpy(latents.basis.spread())
        self._weight = (spread / spread.mean()).view(-1, 1, 1).to(device())

    def draw(self, batch: int) -> list[Scene]:
        return [self.scenes.draw() for _ in range(batch)]

    def clean(self, scenes: list[Scene]) -> Tensor:
        """The latents of their pictures ``[b, 64, 8, 8]``."""
        return self._latents.compose(scenes, self._vocabulary).to(device())

    def told(self, scenes: list[Scene]) -> Told:
        subjects, styles, dyes, backgrounds, mirrored = numbers = torch.full((5, len(scenes), THINGS), -1)
        places = torch.zeros(len(scenes), THINGS, 1 + PLACES**2)
        grounds = self._vocabulary.grounds()
        for i, scene in enumerate(scenes):
            named = list(dict.fromkeys(thing.subject for thing in scene.things))
            for thing in scene.things:
                k = named.index(thing.subject)
                subjects[i, k], styles[i, k], dyes[i, k] = thing.subject, scene.style, thing.version
                backgrounds[i, k], mirrored[i, k] = grounds.index(scene.background), thing.mirrored
                places[i, k, 1 + thing.at[0] * PLACES + thing.at[1] if thing.at else 0] = 1
        return Told(*(part.to(device()) for part in (*numbers, places)))

    def denoising_loss(self, guess: Tensor, velocity: Tensor) -> Tensor:
        """Squared error of the denoiser's guess, every channel weighted by what it does to the pixels.

        The latents are whitened: without weights the finest detail would count as much as the shape.
        """
        return (self._weight * (guess.float() - velocity).square()).mean()


def reading_loss(read: tuple[Tensor, ...], told: Told) -> Tensor:
    """Cross entropy of what a `Reader` makes of the codes ``[b * 2, width]``.

    Things that a caption does not name may be anything, for they stand nowhere.
    """
    *words, places = (part.float() for part in read)
    right = (told.subjects, told.styles, told.dyes, told.backgrounds, told.mirrored)
    losses = [
        cross_entropy(guess, number.flatten(), ignore_index=-1) for guess, number in zip(words, right, strict=True)
    ]
    return torch.stack(losses).sum() + 8 * binary_cross_entropy_with_logits(places, told.places.flatten(0, 1))


def train_reader(
    net: Denoiser,
    vocabulary: Vocabulary,
    latents: LatentSet,
    folder: Path,
    minutes: float,
    progress: Progress,
    batch: int = 32,
    seed: int = 0,
) -> None:
    """Teach text encoder and reader what captions say: which things, in which style and colours, where."""
    reader = net.unet.sketcher.reader
    reading = nn.ModuleDict({"text_encoder": net.text_encoder, "reader": reader})
    run = Run(folder / "reader.pt", reading, vocabulary, minutes, peak=1e-3, average=0.998)
    lessons = Lessons(vocabulary, latents, seed + run.steps)

    def lesson() -> Tensor:
        shown = lessons.draw(batch)
        with half():
            read = reader(net.read_codes([scene.caption for scene in shown]).flatten(0, 1))
        return reading_loss(read, lessons.told(shown))

    run.learn(lesson, progress)


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
    """v-prediction on the cosine schedule, all times alike; the captions are read better and better beside it.

    So who gives `train_reader` more time after this has begun gives this more, too: its checkpoint reads, as well.
    """
    # Drawer and drawings are fitted: a checkpoint of this training must not bring older ones back.
    parts = {name: part for name, part in net.unet.named_children() if name != "sketcher"}
    learning = nn.ModuleDict({"text_encoder": net.text_encoder, "reader": net.unet.sketcher.reader, **parts})
    run = Run(folder / "denoiser.pt", learning, vocabulary, minutes, peak=1e-3, average=0.998)
    lessons = Lessons(vocabulary, latents, seed + run.steps)
    chance = torch.Generator().manual_seed(seed + run.steps)
    scheduler = model.make_scheduler()
    signal, noise_level = scheduler.alphas_cumprod.sqrt(), (1 - scheduler.alphas_cumprod).sqrt()

    def lesson() -> Tensor:
        shown = lessons.draw(batch)
        clean = lessons.clean(shown)
        times = torch.randint(0, 1000, (batch,), generator=chance)
        noise = torch.randn(clean.shape, generator=chance).to(device())
        a, b = (level[times].view(-1, 1, 1, 1).to(device()) for level in (signal, noise_level))
        with half():
            words = net.read([scene.caption for scene in shown])
            guess = net(a * clean + b * noise, times.to(device()), words)
            read = net.unet.sketcher.reader(codes_of(words).flatten(0, 1))
        return lessons.denoising_loss(guess, a * noise - b * clean) + reading_loss(read, lessons.told(shown))

    run.learn(lesson, progress)


# --- the polish -----------------------------------------------------------------------------------------------------


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
    run = Run(folder / "polish.pt", vae.decoder, vocabulary, minutes, peak=4e-4, average=0.99)
    scenes = _scenes(vocabulary, latents, seed + run.steps, gaps=False)
    chance = random.Random(seed + run.steps)
    pipeline = model.make_pipeline(net.tokenizer, net.text_encoder, net.unet.eval(), vae)
    pipeline.set_progress_bar_config(disable=True)
    painted: deque[tuple[Scene, Tensor]] = deque(maxlen=32 * batch)

    def lesson() -> Tensor:
        # Sampling costs, too: sixteen new paintings every four lessons of eight, so each is seen about twice.
        if run.steps % 4 == 0 or len(painted) < 2 * batch:
            shown = [scenes.draw() for _ in range(2 * batch)]
            noise = torch.Generator().manual_seed(chance.randrange(1 << 32))
            painted.extend(zip(shown, _sampled(pipeline, shown, noise), strict=True))
        chosen = chance.sample(painted, batch)
        sampled = torch.stack([latent for _, latent in chosen])
        return _decoding_loss(vae, sampled, _real(art, vocabulary, [scene for scene, _ in chosen]))

    run.learn(lesson, progress)
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


def _scenes(vocabulary: Vocabulary, latents: LatentSet, seed: int, *, gaps: bool = True) -> Scenes:
    return Scenes(vocabulary, latents.natural.tolist(), random.Random(seed), gaps=gaps)
