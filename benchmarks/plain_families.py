"""Steps written by hand for families that see, hear, draw or keep a state, and the models they run.

Nothing of `bench/` is used: transformers' or diffusers' class, random inputs, plain loops.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
import transformers
from transformers import AutoConfig, DynamicCache, EncoderDecoderCache, StaticCache
from transformers.modeling_outputs import BaseModelOutput

BATCH = 2
WIDTH = {"hidden_size": 192, "intermediate_size": 768, "num_attention_heads": 4}
DEEP = {**WIDTH, "num_hidden_layers": 4}
TEXT = {**DEEP, "vocab_size": 8192, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
VISION = {**DEEP, "image_size": 224, "patch_size": 32}
MAMBA = {"vocab_size": 8192, "hidden_size": 192, "num_hidden_layers": 4}
SWIN = {"image_size": 112, "embed_dim": 48, "depths": [2, 2], "num_heads": [2, 4]}
RESNET = {
    "model_type": "rt_detr_resnet", "embedding_size": 32, "hidden_sizes": [32, 64, 96, 128],
    "depths": [1, 1, 1, 1], "layer_type": "basic", "out_features": ["stage2", "stage3", "stage4"],
}  # fmt: skip
RT_DETR = {
    "backbone_config": RESNET, "encoder_hidden_dim": 96, "encoder_in_channels": [64, 96, 128],
    "encoder_ffn_dim": 256, "d_model": 96, "decoder_in_channels": [96, 96, 96],
    "decoder_ffn_dim": 256, "decoder_layers": 2, "num_queries": 100, "num_labels": 80,
}  # fmt: skip
WHISPER = {
    "vocab_size": 8192, "d_model": 192, "encoder_layers": 2, "decoder_layers": 2,
    "encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 768,
    "decoder_ffn_dim": 768, "max_source_positions": 500, "decoder_start_token_id": 1,
    "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "is_encoder_decoder": True,
}  # fmt: skip
LLAVA = {
    "vision_config": {"model_type": "clip_vision_model", **VISION},
    "text_config": {"model_type": "llama", **TEXT}, "image_token_index": 9,
}  # fmt: skip
QWEN_VL = {
    "image_token_id": 9, "video_token_id": 8, "vision_start_token_id": 7, "vision_end_token_id": 6,
    "vision_config": {
        "depth": 4, "hidden_size": 192, "num_heads": 4, "patch_size": 14, "intermediate_size": 768,
        "out_hidden_size": 192, "fullatt_block_indexes": [1, 3], "window_size": 112,
    },
    "text_config": {
        **TEXT, "num_key_value_heads": 2,
        "rope_parameters": {"rope_type": "default", "mrope_section": [8, 8, 8], "rope_theta": 1e6},
    },
}  # fmt: skip
SEGFORMER = {
    "architectures": ["SegformerForSemanticSegmentation"],
    "hidden_sizes": [16, 32, 64, 96], "decoder_hidden_size": 96, "depths": [1, 1, 1, 1],
}  # fmt: skip
JAMBA = {
    **TEXT, "num_key_value_heads": 2, "num_experts": 1, "num_experts_per_tok": 1,
    "attn_layer_period": 2, "attn_layer_offset": 1, "use_mamba_kernels": False,
}  # fmt: skip
SD3 = {
    "_class_name": "SD3Transformer2DModel", "num_layers": 4, "num_attention_heads": 4,
    "attention_head_dim": 48, "in_channels": 16, "out_channels": 16, "sample_size": 16,
    "joint_attention_dim": 256, "caption_projection_dim": 192, "pooled_projection_dim": 128,
    "pos_embed_max_size": 16,
}  # fmt: skip
FLUX = {
    "_class_name": "FluxTransformer2DModel", "in_channels": 64, "num_layers": 1,
    "num_single_layers": 2, "attention_head_dim": 48, "num_attention_heads": 4,
    "joint_attention_dim": 256, "pooled_projection_dim": 128, "axes_dims_rope": [16, 16, 16],
}  # fmt: skip
DIT = {
    "_class_name": "DiTTransformer2DModel", "num_layers": 4, "num_attention_heads": 4,
    "attention_head_dim": 48, "in_channels": 4, "out_channels": 8, "sample_size": 16,
    "num_embeds_ada_norm": 1000,
}  # fmt: skip


@dataclass(frozen=True)
class Plain:
    """A step written by hand, and how many units it does."""

    step: Callable[[], object]
    units: float


@dataclass(frozen=True)
class Family:
    """A model, one kind of its work by hand, and how the harness is asked for the same.

    Attributes:
        kind_of_model: transformers' model type; None for a class of diffusers.
        auto: the class that builds it.
        eager: whether it has no fused attention.
    """

    kind: str
    config: dict[str, Any]
    auto: str
    make: Callable[[Any], Plain]
    kind_of_model: str | None = None
    sizes: dict[str, int] = field(default_factory=dict)
    eager: bool = False

    @property
    def stated(self) -> dict[str, Any]:
        """The config as a config.json would have it."""
        return self.config | ({"model_type": self.kind_of_model} if self.kind_of_model else {})

    def model(self) -> Any:
        """The model with random weights."""
        torch.manual_seed(0)
        if self.kind_of_model is None:
            import diffusers

            return getattr(diffusers, self.auto).from_config(self.config).eval()
        config = AutoConfig.for_model(self.kind_of_model, **self.config)
        for key, value in vars(config).items():  # a step that drops at random can't be compared
            if "drop" in key and isinstance(value, float):
                setattr(config, key, 0.0)
        attention = "eager" if self.eager else "sdpa"
        auto = getattr(transformers, self.auto)
        return auto.from_config(config, attn_implementation=attention).eval()


def trained(model: Any, batch: dict[str, torch.Tensor], **more: Any) -> Callable[[], None]:
    """Forward, backward and AdamW by the model's own loss."""
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def step() -> None:
        model(**batch, **more).loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def ids(tokens: int) -> torch.Tensor:
    """Random tokens of a batch."""
    return torch.randint(10, 8192, (BATCH, tokens))


def stateful(model: Any) -> Plain:
    """Training of a decoder with layers that keep a state."""
    batch = {"input_ids": ids(32)}
    return Plain(trained(model, {**batch, "labels": batch["input_ids"]}, use_cache=False), 64)


def swin(model: Any) -> Plain:
    """Training of a classifier with windows."""
    images = torch.randn(BATCH, 3, 112, 112)
    labels = torch.randint(0, 2, (BATCH,))
    return Plain(trained(model, {"pixel_values": images, "labels": labels}), BATCH)


def segformer(model: Any) -> Plain:
    """Training of a classifier of pixels."""
    images = torch.randn(BATCH, 3, 128, 128)
    labels = torch.randint(0, 2, (BATCH, 128, 128))
    return Plain(trained(model, {"pixel_values": images, "labels": labels}), BATCH)


def clip(model: Any) -> Plain:
    """Contrastive training."""
    batch = {"input_ids": ids(77), "pixel_values": torch.randn(BATCH, 3, 224, 224)}
    return Plain(trained(model, batch, return_loss=True), BATCH)


def rt_detr(model: Any) -> Plain:
    """Detection in a batch of images."""
    images = torch.randn(BATCH, 3, 256, 256)

    @torch.inference_mode()
    def step() -> None:
        model(pixel_values=images)

    return Plain(step, BATCH)


def whisper(model: Any) -> Plain:
    """Ten seconds of sound and sixteen tokens written of them, greedily, over a static cache."""
    sound = torch.randn(BATCH, 80, 1000)
    first = torch.ones(BATCH, 1, dtype=torch.long)
    places = (16, 500)
    cache = EncoderDecoderCache(*(StaticCache(model.config, max_cache_len=n) for n in places))

    @torch.inference_mode()
    def step() -> None:
        heard = BaseModelOutput(model.get_encoder()(sound).last_hidden_state)
        for layer in (*cache.self_attention_cache.layers, *cache.cross_attention_cache.layers):
            if layer.is_initialized:
                layer.cumulative_length.zero_()
        cache.is_updated = dict.fromkeys(cache.is_updated, False)
        token = first
        for _ in range(16):
            found = model(decoder_input_ids=token, encoder_outputs=heard, past_key_values=cache)
            token = found.logits[:, -1].argmax(-1, keepdim=True)

    return Plain(step, BATCH * 10)


def llava(model: Any) -> Plain:
    """An image of 49 patches and a prompt, up to the first token."""
    return prompted(model, 49, {"pixel_values": torch.randn(BATCH, 3, 224, 224)})


def qwen_vl(model: Any) -> Plain:
    """An image of 16 × 16 patches, four to a token, and a prompt, up to the first token."""
    patches = torch.randn(BATCH * 256, 3 * 2 * 14 * 14)
    grid = torch.tensor([[1, 16, 16]] * BATCH)
    return prompted(model, 64, {"pixel_values": patches, "image_grid_thw": grid})


def prompted(model: Any, places: int, seen: dict[str, torch.Tensor]) -> Plain:
    """A prompt that begins with so many places of what is seen."""
    tokens = ids(128)
    tokens[:, :places] = 9

    @torch.inference_mode()
    def step() -> None:
        found = model(input_ids=tokens, **seen, past_key_values=DynamicCache(), logits_to_keep=1)
        found.logits[:, -1].argmax(-1)

    return Plain(step, BATCH * 128)


def dit(model: Any) -> Plain:
    """Images of a class."""
    given = {"class_labels": torch.randint(0, 1000, (BATCH,))}
    return drawn(model, torch.randn(BATCH, 4, 16, 16), 1000, given)


def said(tokens: int) -> dict[str, torch.Tensor]:
    """A text as encoders hand it on: token by token, and pooled."""
    return {
        "encoder_hidden_states": torch.randn(BATCH, tokens, 256),
        "pooled_projections": torch.randn(BATCH, 128),
    }


def sd3(model: Any) -> Plain:
    """Images of a text of 77 + 256 tokens."""
    return drawn(model, torch.randn(BATCH, 16, 16, 16), 1000, said(333))


def flux(model: Any) -> Plain:
    """Images of a text of 512 tokens; 8 × 8 patches of latents, each with its place."""
    rows = torch.arange(8.0)
    places = {"img_ids": torch.cartesian_prod(torch.zeros(1), rows, rows),
              "txt_ids": torch.zeros(512, 3)}  # fmt: skip
    return drawn(model, torch.randn(BATCH, 64, 64), 1, said(512) | places)


def drawn(model: Any, start: torch.Tensor, top: int, given: dict[str, torch.Tensor]) -> Plain:
    """Images in four steps of Euler's method, from a level of noise called `top`."""
    width = start.shape[1]  # DiT tells a variance besides

    @torch.inference_mode()
    def step() -> None:
        latents = start
        for share in (1.0, 0.75, 0.5, 0.25):
            level = torch.full((BATCH,), top * share)
            found = model(hidden_states=latents, timestep=level, **given).sample
            latents = latents - found[:, :width] / 4

    return Plain(step, BATCH)


FAMILIES = {
    "mamba": Family("pretrain", MAMBA, "AutoModelForCausalLM", stateful, "mamba",
                    {"prompt_tokens": 32}, eager=True),
    "jamba": Family("pretrain", JAMBA, "AutoModelForCausalLM", stateful, "jamba",
                    {"prompt_tokens": 32}),
    "swin": Family("pretrain", SWIN, "AutoModelForImageClassification", swin, "swin"),
    "segformer": Family("pretrain", SEGFORMER, "AutoModelForSemanticSegmentation", segformer,
                        "segformer", {"image_pixels": 128}, eager=True),
    "clip": Family("pretrain", {"text_config": {**TEXT, "max_position_embeddings": 77},
                                "vision_config": VISION},
                   "AutoModelForZeroShotImageClassification", clip, "clip"),
    "siglip": Family("pretrain", {"text_config": {**TEXT, "max_position_embeddings": 77},
                                  "vision_config": VISION},
                     "AutoModelForZeroShotImageClassification", clip, "siglip"),
    "rt_detr": Family("forward", RT_DETR, "AutoModelForObjectDetection", rt_detr, "rt_detr",
                      {"image_pixels": 256}, eager=True),
    "whisper": Family("generate", WHISPER, "AutoModelForSpeechSeq2Seq", whisper, "whisper",
                      {"new_tokens": 16}),
    "llava": Family("prefill", LLAVA, "AutoModelForImageTextToText", llava, "llava",
                    {"prompt_tokens": 128}),
    "qwen_vl": Family("prefill", QWEN_VL, "AutoModelForImageTextToText", qwen_vl, "qwen2_5_vl",
                      {"prompt_tokens": 128, "image_pixels": 224}),
    "dit": Family("generate", DIT, "DiTTransformer2DModel", dit, sizes={"denoising_steps": 4}),
    "sd3": Family("generate", SD3, "SD3Transformer2DModel", sd3, sizes={"denoising_steps": 4}),
    "flux": Family("generate", FLUX, "FluxTransformer2DModel", flux,
                   sizes={"denoising_steps": 4, "image_pixels": 128}),
}  # fmt: skip
