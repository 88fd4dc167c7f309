"""Decoders that are Llama with a few departures, which `traits` lists.

Defaults are those of transformers 5, since a config.json leaves out what equals the default. A
model_type that isn't listed here or in another family's module is refused, never read as something
that it resembles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelworth.costmodel.architecture.decoder_parts import (
    attention_of,
    decoder,
    network_of,
    position_rows,
    sparse_layers,
    windows_of,
)
from modelworth.costmodel.architecture.keys import (
    Config,
    NotReadError,
    layer_count,
    optional,
    sized,
    switch,
    whole,
)
from modelworth.costmodel.architecture.structure import Architecture, Block
from modelworth.costmodel.architecture.traits import TRAITS, Traits
from modelworth.data.errors import InputError


def _falcon(config: Config) -> dict[str, Any]:
    """Falcon's words for key-value heads, parallel layers and width, in Llama's."""
    new = switch(config, "new_decoder_architecture", False)
    heads = whole(config, "num_attention_heads")
    if new:
        kv_heads = sized(config, "num_kv_heads") or heads
    else:
        kv_heads = 1 if switch(config, "multi_query", True) else heads
    beside = optional(config, "num_ln_in_parallel_attn")
    two = beside == 2 or (new and beside is None)
    norms = 1 if switch(config, "parallel_attn", True) and not two else 2
    width = sized(config, "ffn_hidden_size") or 4 * whole(config, "hidden_size")
    sizes = {"num_key_value_heads": kv_heads, "intermediate_size": width}
    return {**config, **sizes, "norms_per_layer": norms}


def _opt(config: Config) -> Config:
    """OPT, where its embedding is as wide as its layers."""
    hidden = whole(config, "hidden_size")
    projected = optional(config, "word_embed_proj_dim")
    if projected not in (None, hidden):
        raise InputError("config: word_embed_proj_dim", projected, f"hidden_size, {hidden}")
    usual = {"do_layer_norm_before": True, "layer_norm_elementwise_affine": True}
    _require_usual(config, **usual, _remove_final_layer_norm=False)
    return config


def _hy(config: Config) -> Config:
    """Hunyuan 3, whose class widens a shared network of no experts to a dense layer's."""
    if not optional(config, "num_shared_experts"):
        found = config.get("num_shared_experts")
        raise NotReadError("config: num_shared_experts", found, "1 or more")
    return {**config, "first_k_dense_replace": 1}


def _helium(config: Config) -> Config:
    """Helium and OLMoE, whose heads are as wide together as their layers: else they don't fit."""
    if sized(config, "head_dim") is None:
        return config
    _require_usual(
        config, hidden_size=whole(config, "num_attention_heads") * whole(config, "head_dim")
    )
    return config


def _require_usual(config: Config, **usual: int) -> Config:
    """The config, unless a class reads it otherwise than its keys say."""
    for key, value in usual.items():
        if config.get(key, value) != value:
            raise NotReadError(f"config: {key}", config[key], f"{value}")
    return config


def _stablelm(config: Config) -> dict[str, Any]:
    """StableLM's one norm where attention and network run side by side; heads as wide as usual."""
    norms = 2 - switch(config, "use_parallel_residual", False)
    return {**config, "head_dim": None, "norms_per_layer": norms}


def _gpt_bigcode(config: Config) -> dict[str, Any]:
    """GPTBigCode's one key-value head for all queries."""
    heads = whole(config, "n_head", "num_attention_heads")
    few = 1 if switch(config, "multi_query", True) else heads
    return {**config, "num_key_value_heads": few}


def _hunyuan(config: Config) -> Config:
    """Hunyuan's network for every token, as wide as one expert; its files list layers' numbers."""
    width, layers = whole(config, "intermediate_size"), whole(config, "num_hidden_layers")
    said = dict(config)
    for key in ("moe_topk", "moe_intermediate_size", "num_shared_expert"):
        by_layer = config.get(key)
        if isinstance(by_layer, list):
            if not by_layer or by_layer != by_layer[:1] * layers:
                raise NotReadError(f"config: {key}", by_layer, f"one number {layers} times")
            said[key] = by_layer[0]
    _require_usual(said, moe_intermediate_size=width, num_shared_expert=1)
    return {**said, "shared_expert_intermediate_size": width}


def _bailing(config: Config) -> dict[str, Any]:
    """Ling and Ring, by their checkpoints' own code: shared experts of a width of their own."""
    _require_usual(config, use_bias=False)
    width = sized(config, "moe_shared_expert_intermediate_size")
    if width is None:
        return dict(config)
    shared = width * (optional(config, "num_shared_experts") or 0)
    return {**config, "num_shared_experts": 0, "shared_expert_intermediate_size": shared}


RENAMED: dict[str, Callable[[Config], Config]] = {
    "bailing_moe": _bailing,
    "falcon": _falcon,
    **dict.fromkeys(("gpt2", "gpt-sw3"), lambda c: _require_usual(c, add_cross_attention=False)),
    "gpt_bigcode": _gpt_bigcode,
    **dict.fromkeys(  # whose head_dim is for positions alone
        ("gpt_neox", "qwen2_vl_text", "qwen2_5_vl_text"),
        lambda config: {**config, "head_dim": None},
    ),
    "glm4_moe_lite": lambda config: {**config, "first_k_dense_replace": 1},
    "hy_v3": _hy,
    "helium": _helium,
    "olmoe": _helium,
    "hunyuan_v1_moe": _hunyuan,
    "mpt": lambda config: _require_usual(config, expansion_ratio=4),
    "opt": _opt,
    "stablelm": _stablelm,
}


def _renamed(kind: str, config: Config) -> Config:
    """The config with the family's own words replaced by Llama's."""
    return RENAMED[kind](config) if kind in RENAMED else config


def read_decoder(config: Config, name: str, traits: Traits | None = None) -> Architecture:
    """A decoder from Llama's words and its family's departures from them."""
    kind = config["model_type"]
    traits = traits or TRAITS[kind]
    config = _renamed(kind, config)
    hidden = whole(config, "hidden_size", "n_embd", "d_model")
    layers = layer_count(config, "num_hidden_layers", "n_layer", "n_layers", "num_layers")
    norm = traits.norm_vectors * hidden
    norm_count = optional(config, "norms_per_layer") or traits.norms
    made = [
        Block(
            1,
            attention_of(config, traits, hidden, window),
            network_of(config, traits, hidden, has_experts),
            norm_count * norm,
            traits.norm,
            norm_count,
        )
        for window, has_experts in zip(
            windows_of(config, traits, layers), sparse_layers(config, layers), strict=True
        )
    ]
    return decoder(
        config,
        name,
        made,
        hidden=hidden,
        tied=traits.tied,
        final_norms=norm * (2 if traits.embedding_norm else 1),
        position_rows=position_rows(config, traits),
        head_vectors=whole(config, "vocab_size") * switch(config, "lm_head_bias", traits.head_bias),
    )
