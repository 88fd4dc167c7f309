"""Parts of a decoder from the words of its config and its family's traits.

Attention of every family that departs from Llama by a few traits, latent attention, dense networks
and experts, sliding windows, and which layers choose among experts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from modelworth.costmodel.architecture.feed_forwards import FeedForward
from modelworth.costmodel.architecture.keys import (
    Config,
    head_width,
    listed,
    optional,
    sized,
    switch,
    whole,
    word,
)
from modelworth.costmodel.architecture.mixers import Attention
from modelworth.costmodel.architecture.structure import Architecture, Block, Head
from modelworth.costmodel.architecture.traits import Traits
from modelworth.data.errors import InputError

INPUT_BIAS_KEYS = ("attention_bias", "qkv_bias", "use_qkv_bias")
EXPERT_KEYS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
USED_KEYS = ("num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_k", "top_k_experts")
SPARSE_NAMES = {"sparse": True, "moe": True, "hash_moe": True, "dense": False, "mlp": False}
Parts = tuple[Attention, FeedForward]
WINDOW_NAMES = ("sliding_attention", "chunked_attention", "sliding_window")


def gathered(layers: Sequence[Block]) -> tuple[Block, ...]:
    """Equal layers as one block with their places, in the order in which they first appear."""
    places: dict[Block, list[int]] = {}
    counts: dict[str, int] = {}
    for layer in layers:
        place = counts.get(layer.stack, 0)
        for each in range(layer.count):
            places.setdefault(replace(layer, count=1), []).append(place + each)
        counts[layer.stack] = place + layer.count
    return tuple(replace(layer, count=len(at), at=tuple(at)) for layer, at in places.items())


def decoder(
    config: Config,
    name: str,
    layers: Sequence[Block],
    *,
    hidden: int,
    tied: bool,
    final_norms: int,
    position_rows: int = 0,
    head_vectors: int = 0,
    head_beside: int = 0,
) -> Architecture:
    """A decoder of these layers, with a table of tokens before them and a head behind.

    `head_beside` are matrix parameters applied to each token between the layers and the head.
    """
    vocab = whole(config, "vocab_size")
    table = vocab * hidden
    shared = table if switch(config, "tie_word_embeddings", tied) else 0
    return Architecture(
        name=name,
        family="decoder",
        hidden=hidden,
        vocab=vocab,
        blocks=gathered(layers),
        embedding_parameters=table + position_rows * hidden,
        head=Head(table + head_beside, vocab, shared, head_vectors),
        final_norms=final_norms,
    )


def stacked(
    config: Config, name: str, parts: Sequence[Parts], *, norms: int = 2, tied: bool = False
) -> Architecture:
    """A decoder of a mixer and a network a layer, with so many norms of one vector before them."""
    hidden = whole(config, "hidden_size")
    made = [Block(1, mixer, network, norms * hidden, norm_count=norms) for mixer, network in parts]
    return decoder(config, name, made, hidden=hidden, tied=tied, final_norms=hidden)


def position_rows(config: Config, traits: Traits) -> int:
    """Rows of the table of learned positions."""
    if traits.learned_positions is None:
        return 0
    longest = whole(config, "max_position_embeddings", "n_positions", "n_ctx")
    return longest + traits.learned_positions


def attention_of(config: Config, traits: Traits, hidden: int, window: int | None) -> Attention:
    """One layer's attention."""
    heads = whole(config, "num_attention_heads", "n_head", "n_heads", "num_heads")
    if sized(config, "kv_lora_rank"):
        return latent_attention(config, hidden, heads)
    width = sized(config, "head_dim", "attention_head_dim") or head_width(hidden, heads)
    kv_heads = sized(config, "num_key_value_heads") or heads
    if heads % kv_heads:
        raise InputError("config: num_key_value_heads", kv_heads, f"a divisor of the {heads} heads")
    queries, keys = heads * width, kv_heads * width
    qkv_bias = _bias(config, traits, traits.qkv_bias, *INPUT_BIAS_KEYS)
    output_bias = _bias(config, traits, traits.output_bias, *_output_keys(traits))
    asked = queries * (1 + traits.output_gate)
    vectors = (asked + 2 * keys) * qkv_bias + hidden * output_bias
    qk_norm = bool(traits.qk_norm) and switch(
        config, traits.qk_norm_key, traits.qk_norm_key is None
    )
    if qk_norm:
        head, layer = traits.qk_norm_vectors * 2 * width, queries + keys
        vectors += head if traits.qk_norm == "head" else layer
    vectors += heads * traits.sinks
    products = hidden * 2 * (queries + keys)
    if traits.output_gate:
        products += hidden * queries
    return Attention(
        hidden,
        heads,
        kv_heads,
        width,
        width,
        window,
        qk_norm=qk_norm,
        vectors=vectors,
        products=products if traits.output_gate else None,
    )


def latent_attention(config: Config, hidden: int, heads: int) -> Attention:
    """DeepSeek's attention, whose keys and values are unpacked from one short vector a token."""
    rope = whole(config, "qk_rope_head_dim")
    kv_rank, q_rank = whole(config, "kv_lora_rank"), sized(config, "q_lora_rank")
    vectors = kv_rank + (q_rank or 0)
    if switch(config, "attention_bias", False):
        vectors += (q_rank or 0) + kv_rank + rope + hidden
    return Attention(
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        head_dim=whole(config, "qk_nope_head_dim") + rope,
        value_dim=sized(config, "v_head_dim") or head_width(hidden, heads),
        kv_rank=kv_rank,
        q_rank=q_rank,
        rope_dim=rope,
        vectors=vectors,
    )


def _output_keys(traits: Traits) -> tuple[str, ...]:
    """The switch of the output's bias; Qwen and GLM have none, theirs is for the inputs only."""
    inputs_only = (traits.qkv_bias and not traits.output_bias) or traits.no_output_bias
    return ("attention_out_bias",) if inputs_only else ("attention_out_bias", "attention_bias")


def _bias(config: Config, traits: Traits, default: bool, *keys: str) -> bool:
    """Whether products are followed by a bias: by the first of `keys` that is set, or `default`."""
    for key in (*keys, *((traits.bias_key,) if traits.bias_key else ())):
        if key in config:
            return switch(config, key, default)
    return default


def dense_network(
    config: Config, traits: Traits, hidden: int, width: int | None = None
) -> FeedForward:
    """A dense feed-forward part."""
    width = width or sized(config, "intermediate_size", "n_inner", "ffn_dim") or 4 * hidden
    bias = _bias(config, traits, traits.mlp_bias, "mlp_bias")
    vectors = bias * ((2 if traits.gated else 1) * width + hidden)
    activation = activation_of(config, traits)
    return FeedForward(hidden, width, traits.gated, activation=activation, vectors=vectors)


def activation_of(config: Config, traits: Traits) -> str:
    """The function between the products."""
    keys = ("hidden_act", "hidden_activation", "activation_function")
    return word(config, *keys, default=traits.activation)


def network_of(config: Config, traits: Traits, hidden: int, sparse: bool) -> FeedForward:
    """A layer's experts, or its dense feed-forward part."""
    made = expert_network if sparse else dense_network
    return made(config, traits, hidden)


def expert_counts(config: Config) -> tuple[int, int]:
    """Experts of a layer, and how many of them a token uses.

    Raises:
        InputError: if a token uses more than there are.
    """
    experts, used = whole(config, *EXPERT_KEYS), whole(config, *USED_KEYS)
    if used > experts:
        raise InputError("config: num_experts_per_tok", used, f"at most the {experts} experts")
    return experts, used


def expert_network(config: Config, traits: Traits, hidden: int) -> FeedForward:
    """A feed-forward part of experts."""
    experts, used = expert_counts(config)
    width = whole(config, "moe_intermediate_size", "intermediate_size")
    shared = (optional(config, "n_shared_experts", "num_shared_experts") or 0) * width
    shared += optional(config, "shared_expert_intermediate_size", "shared_intermediate_size") or 0
    biased = bool(shared) and _bias(config, traits, traits.mlp_bias, "mlp_bias")
    return FeedForward(
        hidden,
        width,
        traits.gated,
        experts,
        used,
        shared,
        shared_gate=traits.shared_gate,
        activation=activation_of(config, traits),
        vectors=(experts if traits.expert_bias else 0) + biased * (2 * shared + hidden),
        expert_vectors=2 * width + hidden if traits.expert_bias else 0,
    )


def sparse_layers(config: Config, layers: int) -> list[bool]:
    """Which layers choose among experts.

    Raises:
        InputError: if a list of layers isn't as long as there are layers, or says something else.
    """
    if not sized(config, *EXPERT_KEYS):
        return [False] * layers
    if (kinds := listed(config, "mlp_layer_types")) is not None:
        return [_named(kind, "mlp_layer_types", SPARSE_NAMES) for kind in _all(kinds, layers)]
    if isinstance(frequency := config.get("moe_layer_freq"), list | tuple):
        return [bool(_flag(each)) for each in _all(list(frequency), layers)]
    dense_first = optional(config, "first_k_dense_replace") or 0
    step = optional(config, "decoder_sparse_step", "moe_layer_freq") or 1
    dense = listed(config, "mlp_only_layers") or []
    offset = 0 if "moe_layer_freq" in config else 1
    return [
        layer >= dense_first and layer not in dense and (layer + offset) % step == 0
        for layer in range(layers)
    ]


def _flag(value: Any) -> bool:
    """0 or 1 of a list by layer."""
    if value not in (0, 1):
        raise InputError("config: moe_layer_freq", value, "0 or 1 for each layer")
    return bool(value)


def _all(kinds: list[Any], layers: int) -> list[Any]:
    """A list by layer, which says something of each; what it says beyond them is left."""
    if len(kinds) < layers:
        raise InputError("config: list by layer", f"{len(kinds)} layers", f"of {layers}")
    return kinds[:layers]


def _named(kind: object, key: str, known: dict[str, bool]) -> bool:
    """What a layer is by its name."""
    if not isinstance(kind, str) or kind not in known:
        raise InputError(f"config: {key}", kind, f"of {', '.join(known)}")
    return known[kind]


def layer_kinds(config: Config, layers: int, *known: str) -> list[str] | None:
    """The names of the layers in layer_types, each one of `known`; None where it is absent.

    Raises:
        InputError: if the list isn't as long as there are layers, or names another kind.
    """
    kinds = listed(config, "layer_types")
    if kinds is None:
        return None
    if len(kinds) != layers:
        raise InputError("config: layer_types", f"{len(kinds)} layers", f"of {layers}")
    for kind in kinds:
        if kind not in known:
            raise InputError("config: layer_types", kind, f"of {', '.join(known)}")
    return kinds


def alternating(config: Config, layers: int, most: str, rest: str, every: int) -> list[str]:
    """The names of the layers; where they aren't said, every so many is one of the rest."""
    usual = [most if (place + 1) % every else rest for place in range(layers)]
    return layer_kinds(config, layers, most, rest) or usual


def windows_of(config: Config, traits: Traits, layers: int) -> list[int | None]:
    """The sliding window of each layer; None: it sees everything."""
    window = optional(config, "sliding_window", "attention_chunk_size")
    if window is None or not switch(config, "use_sliding_window", traits.windows != "late"):
        return [None] * layers
    kinds = layer_kinds(config, layers, "full_attention", *WINDOW_NAMES)
    if kinds is not None:
        return [window if kind in WINDOW_NAMES else None for kind in kinds]
    if traits.windows == "none":
        return [None] * layers
    if traits.windows == "all":
        return [window] * layers
    if traits.windows == "late":
        first = optional(config, "max_window_layers") or 0
        return [window if layer >= first else None for layer in range(layers)]
    pattern = config.get("sliding_window_pattern")
    if isinstance(pattern, str) and pattern and not pattern.strip("LG"):  # local, global
        return [window if pattern[layer % len(pattern)] == "L" else None for layer in range(layers)]
    every = optional(config, "sliding_window_pattern") or traits.windows
    return [window if (layer + 1) % every else None for layer in range(layers)]
