"""Real diffusers pipelines, tiny and untrained, saved as folders: what the backend's tests paint with.

Every part is of the class the real models use (U-Net, transformer, VAE, CLIP, T5, schedulers), a few thousand
weights each, made without a network. Shapes follow diffusers' own tests.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DiffusionPipeline,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    PNDMScheduler,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import save_file
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
    T5TokenizerFast,
)

# Work this small is done sooner by one thread than shared out.
torch.set_num_threads(1)

_WORDS = ("a", "apple", "blue", "cat", "red")


def clip_tokenizer(folder: Path) -> CLIPTokenizer:
    """CLIP's byte-pair encoding over single letters and no merges."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = [chr(code) for code in range(33, 127)]
    tokens = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)


def t5_tokenizer() -> T5TokenizerFast:
    words = [(f"▁{word}", -1.0) for word in _WORDS]
    return T5TokenizerFast(vocab=[("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *words], extra_ids=0)


def _clip_config(width: int = 32) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=190,
        hidden_size=width,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=4,
        projection_dim=width,
        bos_token_id=188,
        eos_token_id=189,
        pad_token_id=189,
        hidden_act="gelu",
    )


def _t5() -> T5EncoderModel:
    return T5EncoderModel(T5Config(vocab_size=8, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4)).eval()


def _vae(channels: int, **more: Any) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=[32, 64],
        down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
        latent_channels=channels,
        sample_size=64,
        **more,
    ).eval()


def _unet(**more: Any) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        block_out_channels=(32, 64),
        layers_per_block=1,
        sample_size=32,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        **more,
    ).eval()


def _sd(folder: Path) -> DiffusionPipeline:
    return StableDiffusionPipeline(
        unet=_unet(cross_attention_dim=32),
        vae=_vae(4),
        text_encoder=CLIPTextModel(_clip_config()).eval(),
        tokenizer=clip_tokenizer(folder / "raw"),
        scheduler=PNDMScheduler(beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _sdxl(folder: Path) -> DiffusionPipeline:
    return StableDiffusionXLPipeline(
        unet=_unet(
            cross_attention_dim=64,
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            transformer_layers_per_block=(1, 2),
            projection_class_embeddings_input_dim=80,  # 6 sizes of 8, and the pooled text of 32
        ),
        vae=_vae(4),
        text_encoder=CLIPTextModel(_clip_config()).eval(),
        text_encoder_2=CLIPTextModelWithProjection(_clip_config()).eval(),
        tokenizer=clip_tokenizer(folder / "raw"),
        tokenizer_2=clip_tokenizer(folder / "raw"),
        scheduler=EulerDiscreteScheduler(beta_schedule="scaled_linear", timestep_spacing="leading", steps_offset=1),
    )


def _flux(folder: Path) -> DiffusionPipeline:
    return FluxPipeline(
        transformer=FluxTransformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            axes_dims_rope=[4, 4, 8],
            guidance_embeds=True,
        ).eval(),
        vae=_vae(4, use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.0609, scaling_factor=1.5035),
        text_encoder=CLIPTextModel(_clip_config()).eval(),
        text_encoder_2=_t5(),
        tokenizer=clip_tokenizer(folder / "raw"),
        tokenizer_2=t5_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )


def _sd3(folder: Path) -> DiffusionPipeline:
    return StableDiffusion3Pipeline(
        transformer=SD3Transformer2DModel(
            sample_size=32,
            patch_size=1,
            in_channels=4,
            num_layers=1,
            attention_head_dim=8,
            num_attention_heads=4,
            caption_projection_dim=32,
            joint_attention_dim=32,
            pooled_projection_dim=64,
            out_channels=4,
        ).eval(),
        vae=_vae(4, use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.0609, scaling_factor=1.5035),
        text_encoder=CLIPTextModelWithProjection(_clip_config()).eval(),
        text_encoder_2=CLIPTextModelWithProjection(_clip_config()).eval(),
        text_encoder_3=_t5(),
        tokenizer=clip_tokenizer(folder / "raw"),
        tokenizer_2=clip_tokenizer(folder / "raw"),
        tokenizer_3=t5_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )


_BUILDERS = {"sd": _sd, "sdxl": _sdxl, "flux": _flux, "sd3": _sd3}


def build(family: str, folder: Path, **save: Any) -> Path:
    """Save a tiny pipeline of a family into `folder`: ``sd``, ``sdxl``, ``flux`` or ``sd3``."""
    torch.manual_seed(0)
    _BUILDERS[family](folder.with_name(folder.name + "-raw")).save_pretrained(folder, **save)
    return folder


def _ldm_unet(key: str) -> str:
    """A U-Net weight's name in the original Stable Diffusion layout, for two levels of one layer each."""
    renames = [
        ("conv_in.", "input_blocks.0.0."),
        ("down_blocks.0.resnets.0.", "input_blocks.1.0."),
        ("down_blocks.0.downsamplers.0.conv.", "input_blocks.2.0.op."),
        ("down_blocks.1.resnets.0.", "input_blocks.3.0."),
        ("down_blocks.1.attentions.0.", "input_blocks.3.1."),
        ("mid_block.resnets.0.", "middle_block.0."),
        ("mid_block.attentions.0.", "middle_block.1."),
        ("mid_block.resnets.1.", "middle_block.2."),
        ("up_blocks.0.resnets.0.", "output_blocks.0.0."),
        ("up_blocks.0.attentions.0.", "output_blocks.0.1."),
        ("up_blocks.0.resnets.1.", "output_blocks.1.0."),
        ("up_blocks.0.attentions.1.", "output_blocks.1.1."),
        ("up_blocks.0.upsamplers.0.conv.", "output_blocks.1.2.conv."),
        ("up_blocks.1.resnets.0.", "output_blocks.2.0."),
        ("up_blocks.1.resnets.1.", "output_blocks.3.0."),
        ("conv_norm_out.", "out.0."),
        ("conv_out.", "out.2."),
        ("time_embedding.linear_1.", "time_embed.0."),
        ("time_embedding.linear_2.", "time_embed.2."),
    ]
    old, new = next(pair for pair in renames if key.startswith(pair[0]))
    rest = key.removeprefix(old)
    for part, original in {
        "norm1.": "in_layers.0.",
        "conv1.": "in_layers.2.",
        "time_emb_proj.": "emb_layers.1.",
        "norm2.": "out_layers.0.",
        "conv2.": "out_layers.3.",
        "conv_shortcut.": "skip_connection.",
    }.items():
        if rest.startswith(part):
            rest = original + rest.removeprefix(part)
    return f"model.diffusion_model.{new}{rest}"


def _ldm_vae(key: str) -> str:
    """A VAE weight's name in the original layout, whose decoder counts its levels from the other end."""
    for old, new in [
        ("mid_block.resnets.0", "mid.block_1"),
        ("mid_block.resnets.1", "mid.block_2"),
        ("mid_block.attentions.0.group_norm", "mid.attn_1.norm"),
        ("mid_block.attentions.0.to_q", "mid.attn_1.q"),
        ("mid_block.attentions.0.to_k", "mid.attn_1.k"),
        ("mid_block.attentions.0.to_v", "mid.attn_1.v"),
        ("mid_block.attentions.0.to_out.0", "mid.attn_1.proj_out"),
        ("down_blocks.0.", "down.0."),
        ("down_blocks.1.", "down.1."),
        ("up_blocks.0.", "up.1."),
        ("up_blocks.1.", "up.0."),
        (".resnets.", ".block."),
        ("downsamplers.0.", "downsample."),
        ("upsamplers.0.", "upsample."),
        ("conv_shortcut", "nin_shortcut"),
        ("conv_norm_out", "norm_out"),
    ]:
        key = key.replace(old, new)
    return f"first_stage_model.{key}"


def single_file(folder: Path, target: Path) -> Path:
    """A tiny ``sd`` folder as one checkpoint in the original layout, as finetunes are shared."""
    pipe = StableDiffusionPipeline.from_pretrained(folder)
    weights = {_ldm_unet(key): value for key, value in pipe.unet.state_dict().items()}
    for key, value in pipe.vae.state_dict().items():
        name = _ldm_vae(key)
        is_projection = ".attn_1." in name and value.ndim == 2
        weights[name] = value[:, :, None, None] if is_projection else value
    text = {
        f"cond_stage_model.transformer.text_model.{key}": value for key, value in pipe.text_encoder.state_dict().items()
    }
    save_file({key: value.contiguous() for key, value in (weights | text).items()}, target)
    return target
