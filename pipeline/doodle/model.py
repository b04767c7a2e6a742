"""Make the embedded model's parts, new or from a folder, and save them as a diffusers pipeline.

A Stable Diffusion of a smaller size: a CLIP text encoder with a vocabulary of its own, a conditional U-Net over 8x8
latents, the patch autoencoder, a DPM-Solver scheduler for v-prediction.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from pipeline.doodle.autoencoder import DoodleAutoencoder
from pipeline.doodle.sketch import EIGHT_BITS
from pipeline.doodle.unet import DoodleUNet
from pipeline.doodle.vocabulary import Vocabulary

#: Tokens of a caption, the two special ones included. The longest the vocabulary makes has 14.
MAX_TOKENS = 24
TEXT_WIDTH = 384
#: Parts of the U-Net whose weights are saved in `EIGHT_BITS`. The sketcher's are rounded already.
_BEAR_EIGHT_BITS = (
    "down_blocks",
    "mid_block",
    "up_blocks",
    "sketcher.drawings.on_grey",
    "sketcher.drawings.masks",
    "sketcher.drawer.subjects",
    "sketcher.drawer.styles",
)


def make_tokenizer(vocabulary: Vocabulary) -> CLIPTokenizer:
    """A CLIP tokenizer whose merges spell every word of the vocabulary as one token.

    Other words still come out as characters, as with any byte-pair encoding.
    """
    letters = [chr(code) for code in range(33, 127)]
    tokens = {token: number for number, token in enumerate([*letters, *(letter + "</w>" for letter in letters)])}
    merges: list[tuple[str, str]] = []
    for word in vocabulary.words():
        pieces = [*word[:-1], word[-1] + "</w>"]
        while len(pieces) > 1:
            pair = (pieces[-2], pieces[-1])
            joined = "".join(pair)
            if joined not in tokens:
                tokens[joined] = len(tokens)
                merges.append(pair)
            pieces[-2:] = [joined]
    for special in ("<|startoftext|>", "<|endoftext|>"):
        tokens[special] = len(tokens)
    return CLIPTokenizer(vocab=tokens, merges=merges, model_max_length=MAX_TOKENS)


def make_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=TEXT_WIDTH,
            intermediate_size=2 * TEXT_WIDTH,
            projection_dim=TEXT_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=6,
            max_position_embeddings=MAX_TOKENS,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            # Read by Stable Diffusion's pipelines: padding is not attended to, so training may leave most of it out.
            use_attention_mask=True,
        )
    )


def make_unet(widths: tuple[int, ...] = (96, 160, 192)) -> DoodleUNet:
    """Three levels (8x8, 4x4, 2x2). The text comes by cross-attention, with the time embedding and as a sketch."""
    unet: DoodleUNet = DoodleUNet(
        sample_size=8,
        in_channels=64,
        out_channels=64,
        block_out_channels=widths,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=8,
        resnet_time_scale_shift="scale_shift",
        addition_embed_type="text",
        addition_embed_type_num_heads=8,
    )
    return unet


def make_scheduler() -> DPMSolverMultistepScheduler:
    """Cosine schedule (Nichol, Dhariwal 2021), v-prediction (Salimans, Ho 2022), DPM-Solver++ (Lu et al. 2022)."""
    return DPMSolverMultistepScheduler(
        num_train_timesteps=1000,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        steps_offset=1,
    )


def make_pipeline(
    tokenizer: CLIPTokenizer, text_encoder: CLIPTextModel, unet: DoodleUNet, vae: DoodleAutoencoder
) -> StableDiffusionPipeline:
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=make_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def save(pipeline: StableDiffusionPipeline, folder: Path) -> None:
    """Write the diffusers folder in half precision, of the U-Net what can bear it in eight bits."""
    pipeline.to(dtype=torch.float16)
    pipeline.save_pretrained(folder, safe_serialization=True)
    # diffusers reads any floating point numbers into what a caller asks for, but writes one kind.
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    state = load_file(weights)
    for name, weight in state.items():
        if name.startswith(_BEAR_EIGHT_BITS) and weight.ndim > 1:
            state[name] = weight.to(EIGHT_BITS)
    save_file(state, weights, metadata={"format": "pt"})
    index = folder / "model_index.json"
    entries: dict[str, Any] = json.loads(index.read_text("utf-8"))
    # diffusers writes the name of the package only; the full module name is what `from_pretrained` can import.
    for part, kind in (("vae", DoodleAutoencoder), ("unet", DoodleUNet)):
        entries[part] = [kind.__module__, kind.__name__]
    index.write_text(json.dumps(entries, indent=2) + "\n", "utf-8")
