"""Decoders whose layers differ in width: Nemotron-NAS by a list, Gemma 4 by their kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from modelworth.costmodel.architecture.decoder_parts import (
    alternating,
    attention_of,
    decoder,
    dense_network,
    expert_network,
)
from modelworth.costmodel.architecture.feed_forwards import FeedForward, no_network
from modelworth.costmodel.architecture.keys import (
    Config,
    layer_count,
    listed,
    optional,
    switch,
    whole,
)
from modelworth.costmodel.architecture.mixers import Attention, no_mixer, recurrence
from modelworth.costmodel.architecture.structure import Architecture, Block
from modelworth.costmodel.architecture.traits import GEMMA, Traits
from modelworth.data.errors import InputError

LLAMA = Traits()
MULTIPLE = 256
"""Nemotron-NAS rounds feed-forward widths up to this."""


def _nemotron_nas(config: Config, name: str) -> Architecture:
    """Nemotron-NAS (DeciLM): each layer by its own block, some without attention or network.

    Source: the configuration_decilm.py and block_config.py that come with the checkpoints; a
    replacement by a linear layer is one product of the hidden width.
    """
    hidden = whole(config, "hidden_size")
    layers = layer_count(config, "num_hidden_layers")
    blocks = listed(config, "block_configs")
    if blocks is None or len(blocks) != layers:
        found = "nothing" if blocks is None else f"{len(blocks)} blocks"
        raise InputError("config: block_configs", found, f"one for each of {layers} layers")
    made = []
    for place, block in enumerate(blocks):
        mixer = _nas_attention(config, _nas_part(block, "attention", place), hidden)
        network = _nas_network(config, _nas_part(block, "ffn", place), hidden)
        norms = (mixer.kind != "none") + bool(network.parameters)
        made.append(Block(1, mixer, network, norms * hidden, norm_count=norms))
    return decoder(config, name, made, hidden=hidden, tied=False, final_norms=hidden)


def _nas_part(block: Any, key: str, place: int) -> dict[str, Any]:
    """Attention or network of a block."""
    part = block.get(key) if isinstance(block, dict) else None
    if not isinstance(part, dict):
        raise InputError(f"config: block_configs[{place}].{key}", part, "a block's sizes")
    return part


def _nas_attention(config: Config, part: dict[str, Any], hidden: int) -> Attention:
    """Grouped attention, one product in its place, or nothing."""
    if switch(part, "no_op", False):
        return no_mixer(hidden)
    if switch(part, "replace_with_linear", False):
        return recurrence("linear", hidden, products=hidden**2, vectors=0, state=0, token_flops=0)
    heads, group = whole(config, "num_attention_heads"), whole(part, "n_heads_in_group")
    if heads % group:
        raise InputError("config: n_heads_in_group", group, f"a divisor of {heads} heads")
    words = {**config, "num_key_value_heads": heads // group}
    return attention_of(words, LLAMA, hidden, optional(part, "window_length"))


def _nas_network(config: Config, part: dict[str, Any], hidden: int) -> FeedForward:
    """A gated network of a multiple of the hidden width, one product in its place, or nothing."""
    if switch(part, "no_op", False):
        return no_network(hidden)
    if switch(part, "replace_with_linear", False):
        return FeedForward(hidden, hidden, gated=False, network=hidden**2)
    ratio = part.get("ffn_mult")
    if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not 0 < ratio < 1000:
        raise InputError("config: ffn_mult", ratio, "a number above 0")
    width = int(2 * ratio * hidden / 3)
    return dense_network(config, LLAMA, hidden, -(-width // MULTIPLE) * MULTIPLE)


def _gemma4(config: Config, name: str) -> Architecture:
    """Gemma 4: wide heads in layers that see everything, keys that are values, shared caches."""
    hidden = whole(config, "hidden_size")
    layers = layer_count(config, "num_hidden_layers")
    kinds = alternating(config, layers, "sliding_attention", "full_attention", 6)
    kinds[-1] = "full_attention"
    first_shared = layers - (optional(config, "num_kv_shared_layers") or 0)
    own = optional(config, "hidden_size_per_layer_input") or 0
    norms = (4 + bool(own) + 3 * switch(config, "enable_moe_block", False)) * hidden
    made = []
    for place, kind in enumerate(kinds):
        words, shared = {**config, **_own_words(config, place)}, place >= first_shared
        attention = _gemma4_attention(words, hidden, kind, shared=shared)
        network = _gemma4_network(config, hidden, shared=shared)
        block = Block(1, attention, network, norms, "rms_float32", 4, residual=2 * hidden * own)
        made.append(block)
    rows = whole(config, "vocab_size_per_layer_input") * layers * own if own else 0
    built = decoder(
        config,
        name,
        made,
        hidden=hidden,
        tied=True,
        final_norms=hidden + own,
        head_beside=hidden * layers * own,
    )
    return replace(built, embedding_parameters=built.embedding_parameters + rows)


def _own_words(config: Config, place: int) -> dict[str, Any]:
    """What a saved config says of one layer alone."""
    own = config.get("per_layer_config") or {}
    if not isinstance(own, dict) or not all(str(key).isdecimal() for key in own):
        raise InputError("config: per_layer_config", own, "a dictionary by layer")
    found = {int(key): words for key, words in own.items()}.get(place, {})  # keys such as "05"
    if not isinstance(found, dict):
        raise InputError("config: per_layer_config", found, "a dictionary by layer")
    return found


def _gemma4_attention(config: Config, hidden: int, kind: str, *, shared: bool) -> Attention:
    """A layer's attention; `shared` layers read the cache of an earlier one."""
    window = whole(config, "sliding_window") if kind == "sliding_attention" else None
    words = dict(config)
    alike = False
    if window is None:
        if "per_layer_config" not in config:
            words["head_dim"] = optional(config, "global_head_dim") or 512
        if switch(config, "attention_k_eq_v", False):
            alike = True
            if few := optional(config, "num_global_key_value_heads"):
                words["num_key_value_heads"] = few
    plain = attention_of(words, replace(GEMMA, qk_norm="head"), hidden, window)
    heads, width = plain.heads, plain.head_dim
    queries = 2 * hidden * heads * width
    bias = switch(config, "attention_bias", False)
    if shared:
        vectors = width + (heads * width + hidden) * bias
        return replace(plain, products=queries, cached=0, vectors=vectors)
    if alike:
        keys = hidden * plain.kv_heads * width
        vectors = plain.vectors - plain.kv_heads * width * bias
        return replace(plain, products=queries + keys, vectors=vectors)
    return plain


def _gemma4_network(config: Config, hidden: int, *, shared: bool) -> FeedForward:
    """A dense network, perhaps with experts beside it."""
    width = whole(config, "intermediate_size")
    if shared and switch(config, "use_double_wide_mlp", False):
        width *= 2
    if not switch(config, "enable_moe_block", False):
        return dense_network(config, GEMMA, hidden, width)
    routed = expert_network(config, GEMMA, hidden)
    return replace(routed, shared_width=width, vectors=hidden + routed.experts, shared_gate=False)


READERS: dict[str, Callable[[Config, str], Architecture]] = {
    "nemotron-nas": _nemotron_nas,
    "gemma4_text": _gemma4,
}
