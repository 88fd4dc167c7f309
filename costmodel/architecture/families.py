"""Which architecture a transformers config describes: decoders here, others in their own module.

Most decoders are Llama with a few departures, which `architecture_traits` lists. A model_type that
isn't listed is read as Llama-like where its config has Llama's keys, and its `note` says so.
Defaults are those of transformers 5, since a config.json leaves out what equals the default.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from modelworth.costmodel.architecture import families_other as other
from modelworth.costmodel.architecture.keys import (
    Config,
    head_width,
    layer_count,
    listed,
    optional,
    switch,
    whole,
    word,
)
from modelworth.costmodel.architecture.structure import (
    Architecture,
    Attention,
    Block,
    FeedForward,
    Head,
)
from modelworth.costmodel.architecture.traits import TRAITS, Traits
from modelworth.data.errors import InputError

LLAMA_KEYS = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "vocab_size",
    "rms_norm_eps",
)
"""Without these a config isn't one of a decoder like Llama."""
UNLIKE_LLAMA = ("mamba", "linear_", "ssm", "conv", "moe_num", "interleave", "size_mlp")
"""Parts of keys that tell of layers which Llama doesn't have."""
UNGATED = ("relu", "relu2", "xielu")
"""Functions that go with two products instead of three."""


def read_config(config: Mapping[str, Any], name: str | None = None) -> Architecture:
    """The architecture that a config.json describes.

    Raises:
        InputError: if a size is missing or wrong, or the kind of model isn't known.
    """
    if not isinstance(config, Mapping):
        raise InputError("config", type(config).__name__, "the dictionary of a config.json")
    kind = config.get("model_type")
    if not isinstance(kind, str):
        raise InputError("config: model_type", kind, "a name such as llama")
    if isinstance(inner := config.get("text_config"), Mapping):
        return _text_part(config, inner, name or kind)
    if kind in other.READERS:
        return other.READERS[kind](config, name or kind)
    if kind not in TRAITS:
        return _unlisted(config, name or kind)
    return _decoder(_renamed(kind, config), TRAITS[kind], name or kind, None)


def _text_part(config: Config, inner: Config, name: str) -> Architecture:
    """The decoder of a model that also sees or hears; the other parts aren't counted."""
    merged = {"tie_word_embeddings": config.get("tie_word_embeddings"), **inner}
    merged = {key: value for key, value in merged.items() if value is not None}
    decoder = read_config({"model_type": "llama", **merged}, name)
    note = f"the text part of {config['model_type']}; its other parts aren't counted"
    return replace(decoder, note="; ".join(filter(None, (note, decoder.note))))


def _unlisted(config: Config, name: str) -> Architecture:
    """A decoder of an unknown family, read as Llama."""
    kind = config["model_type"]
    missing = set(LLAMA_KEYS) - set(config)
    strange = any(word in key for key in config for word in UNLIKE_LLAMA)
    strange |= word(config, "hidden_act", default="silu") in UNGATED
    if missing or strange or config.get("is_encoder_decoder"):
        known = ", ".join(sorted({*TRAITS, *other.READERS}))
        raise InputError(
            "config: model_type",
            kind,
            f"one of {known}, or a decoder of attention only, like Llama",
        )
    note = f"{kind} isn't known here: read as a decoder like Llama"
    return _decoder(config, Traits(), name, note)


def _falcon(config: Config) -> dict[str, Any]:
    """Falcon's words for key-value heads, parallel layers and width, in Llama's."""
    new = switch(config, "new_decoder_architecture", False)
    heads = whole(config, "num_attention_heads")
    if new:
        kv_heads = optional(config, "num_kv_heads") or heads
    else:
        kv_heads = 1 if switch(config, "multi_query", True) else heads
    two = new and optional(config, "num_ln_in_parallel_attn") != 1
    norms = 1 if switch(config, "parallel_attn", True) and not two else 2
    width = optional(config, "ffn_hidden_size") or 4 * whole(config, "hidden_size")
    sizes = {"num_key_value_heads": kv_heads, "intermediate_size": width}
    return {**config, **sizes, "norms_per_layer": norms}


def _mpt(config: Config) -> dict[str, Any]:
    """MPT's expansion ratio as a width; its position table where it has no ALiBi."""
    ratio = config.get("expansion_ratio", 4)
    if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not 0 < ratio < 1000:
        raise InputError("config: expansion_ratio", ratio, "a number above 0")
    return {**config, "intermediate_size": int(ratio * whole(config, "d_model", "hidden_size"))}


def _opt(config: Config) -> dict[str, Any]:
    """OPT, where its embedding is as wide as its layers."""
    hidden = whole(config, "hidden_size")
    projected = optional(config, "word_embed_proj_dim")
    if projected not in (None, hidden):
        raise InputError("config: word_embed_proj_dim", projected, f"hidden_size, {hidden}")
    return dict(config)


RENAMED: dict[str, Callable[[Config], dict[str, Any]]] = {
    "falcon": _falcon,
    "mpt": _mpt,
    "opt": _opt,
}


def _renamed(kind: str, config: Config) -> Config:
    """The config with the family's own words replaced by Llama's."""
    return RENAMED[kind](config) if kind in RENAMED else config


def _decoder(config: Config, traits: Traits, name: str, note: str | None) -> Architecture:
    """A decoder from Llama's words and its family's departures from them."""
    hidden = whole(config, "hidden_size", "n_embd", "d_model")
    layers = layer_count(config, "num_hidden_layers", "n_layer", "n_layers")
    vocab = whole(config, "vocab_size")
    norm = traits.norm_vectors * hidden
    norm_count = optional(config, "norms_per_layer") or traits.norms
    windows = _windows(config, traits, layers)
    sparse = _sparse_layers(config, layers)
    kinds = Counter(zip(windows, sparse, strict=True))
    blocks = tuple(
        Block(
            count,
            _attention(config, traits, hidden, window),
            _experts(config, traits, hidden)
            if has_experts
            else _feed_forward(config, traits, hidden),
            norm_count * norm,
            traits.norm,
            norm_count,
        )
        for (window, has_experts), count in kinds.items()
    )
    table = vocab * hidden
    tied = switch(config, "tie_word_embeddings", traits.tied)
    return Architecture(
        name=name,
        family="decoder",
        hidden=hidden,
        vocab=vocab,
        blocks=blocks,
        embedding_parameters=table + _positions(config, traits) * hidden,
        head=Head(table, vocab, table if tied else 0, vocab if traits.head_bias else 0),
        final_norms=norm * (2 if traits.embedding_norm else 1),
        note=note,
    )


def _positions(config: Config, traits: Traits) -> int:
    """Rows of the table of learned positions."""
    if traits.learned_positions is None:
        return 0
    longest = whole(config, "max_position_embeddings", "n_positions", "n_ctx")
    return longest + traits.learned_positions


def _attention(config: Config, traits: Traits, hidden: int, window: int | None) -> Attention:
    """One layer's attention."""
    heads = whole(config, "num_attention_heads", "n_head", "n_heads")
    if optional(config, "kv_lora_rank"):
        return _latent_attention(config, hidden, heads)
    width = optional(config, "head_dim") or head_width(hidden, heads)
    kv_heads = optional(config, "num_key_value_heads") or heads
    queries, keys = heads * width, kv_heads * width
    qkv_bias = _bias(config, traits, traits.qkv_bias, *INPUT_BIAS_KEYS)
    output_bias = _bias(config, traits, traits.output_bias, *_output_keys(config, traits))
    vectors = (queries + 2 * keys) * qkv_bias + hidden * output_bias
    qk_norm = bool(traits.qk_norm) and switch(
        config, traits.qk_norm_key, traits.qk_norm_key is None
    )
    if qk_norm:
        vectors += 2 * width if traits.qk_norm == "head" else queries + keys
    vectors += heads * traits.sinks
    return Attention(
        hidden, heads, kv_heads, width, width, window, qk_norm=qk_norm, vectors=vectors
    )


def _latent_attention(config: Config, hidden: int, heads: int) -> Attention:
    """DeepSeek's attention, whose keys and values are unpacked from one short vector a token."""
    rope = whole(config, "qk_rope_head_dim")
    kv_rank, q_rank = whole(config, "kv_lora_rank"), optional(config, "q_lora_rank")
    vectors = kv_rank + (q_rank or 0)
    if switch(config, "attention_bias", False):
        vectors += (q_rank or 0) + kv_rank + rope + hidden
    return Attention(
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        head_dim=whole(config, "qk_nope_head_dim") + rope,
        value_dim=whole(config, "v_head_dim"),
        kv_rank=kv_rank,
        q_rank=q_rank,
        rope_dim=rope,
        vectors=vectors,
    )


def _output_keys(config: Config, traits: Traits) -> tuple[str, ...]:
    """The switch of the output's bias; Qwen and GLM have none, theirs is for the inputs only."""
    inputs_only = traits.qkv_bias and not traits.output_bias
    return () if inputs_only or config["model_type"] == "glm4" else ("attention_bias",)


def _bias(config: Config, traits: Traits, default: bool, *keys: str) -> bool:
    """Whether products are followed by a bias: by the first of `keys` that is set, or `default`."""
    for key in (*keys, *((traits.bias_key,) if traits.bias_key else ())):
        if key in config:
            return switch(config, key, default)
    return default


def _feed_forward(config: Config, traits: Traits, hidden: int) -> FeedForward:
    """A dense feed-forward part."""
    width = optional(config, "intermediate_size", "n_inner", "ffn_dim") or 4 * hidden
    bias = _bias(config, traits, traits.mlp_bias, "mlp_bias")
    vectors = bias * ((2 if traits.gated else 1) * width + hidden)
    activation = _activation(config, traits)
    return FeedForward(hidden, width, traits.gated, activation=activation, vectors=vectors)


def _activation(config: Config, traits: Traits) -> str:
    """The function between the products."""
    keys = ("hidden_act", "hidden_activation", "activation_function")
    return word(config, *keys, default=traits.activation)


def _experts(config: Config, traits: Traits, hidden: int) -> FeedForward:
    """A feed-forward part of experts."""
    experts = whole(config, *EXPERT_KEYS)
    used = whole(config, "num_experts_per_tok", "num_experts_per_token")
    if used > experts:
        raise InputError("config: num_experts_per_tok", used, f"at most the {experts} experts")
    width = whole(config, "moe_intermediate_size", "intermediate_size")
    shared = (optional(config, "n_shared_experts") or 0) * width
    shared += optional(config, "shared_expert_intermediate_size") or 0
    return FeedForward(
        hidden,
        width,
        traits.gated,
        experts,
        used,
        shared,
        shared_gate=bool(shared) and traits.shared_gate,
        activation=_activation(config, traits),
        vectors=experts if traits.expert_bias else 0,
        expert_vectors=2 * width + hidden if traits.expert_bias else 0,
    )


INPUT_BIAS_KEYS = ("attention_bias", "qkv_bias", "use_qkv_bias")
EXPERT_KEYS = ("num_local_experts", "num_experts", "n_routed_experts")


def _sparse_layers(config: Config, layers: int) -> list[bool]:
    """Which layers choose among experts."""
    if not optional(config, *EXPERT_KEYS):
        return [False] * layers
    dense_first = optional(config, "first_k_dense_replace") or 0
    step = optional(config, "decoder_sparse_step", "moe_layer_freq") or 1
    dense = listed(config, "mlp_only_layers") or []
    offset = 0 if "moe_layer_freq" in config else 1
    return [
        layer >= dense_first and layer not in dense and (layer + offset) % step == 0
        for layer in range(layers)
    ]


def _windows(config: Config, traits: Traits, layers: int) -> list[int | None]:
    """The sliding window of each layer; None: it sees everything."""
    window = optional(config, "sliding_window")
    if window is None or not switch(config, "use_sliding_window", traits.windows != "late"):
        return [None] * layers
    if (kinds := listed(config, "layer_types")) is not None:
        if len(kinds) != layers:
            raise InputError("config: layer_types", f"{len(kinds)} layers", f"of {layers}")
        return [_listed_window(kind, window) for kind in kinds]
    if traits.windows == "none":
        return [None] * layers
    if traits.windows == "all":
        return [window] * layers
    if traits.windows == "late":
        first = optional(config, "max_window_layers") or 0
        return [window if layer >= first else None for layer in range(layers)]
    every = optional(config, "sliding_window_pattern") or traits.windows
    return [window if (layer + 1) % every else None for layer in range(layers)]


def _listed_window(kind: object, window: int) -> int | None:
    """The window of a layer by its name in layer_types."""
    known = {"full_attention": None, "sliding_attention": window}
    if not isinstance(kind, str) or kind not in known:
        raise InputError("config: layer_types", kind, f"of {', '.join(known)}")
    return known[kind]
