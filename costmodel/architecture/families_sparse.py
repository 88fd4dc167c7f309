"""Decoders whose attention chooses or compresses what it sees: indexers, entries, chunks.

DeepSeek V3.2 and GLM-5 score every position with a small indexer and attend to the best. DeepSeek
V4 sees a window and, beyond it, one entry for several positions. MiniMax M3 chooses blocks of
positions. Llama 4 alternates chunks with layers that see everything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from modelworth.costmodel.architecture.decoder_parts import (
    attention_of,
    decoder,
    dense_network,
    expert_network,
    latent_attention,
    layer_kinds,
    network_of,
    sparse_layers,
    stacked,
)
from modelworth.costmodel.architecture.feed_forwards import FeedForward
from modelworth.costmodel.architecture.keys import (
    Config,
    layer_count,
    listed,
    optional,
    whole,
)
from modelworth.costmodel.architecture.mixers import Attention
from modelworth.costmodel.architecture.structure import Architecture, Block
from modelworth.costmodel.architecture.traits import Traits
from modelworth.data.errors import InputError

LLAMA = Traits()
WINDOW, CHOSEN, HEAVY = (
    "sliding_attention",
    "compressed_sparse_attention",
    "heavily_compressed_attention",
)
COMPRESSED = {0: WINDOW, 4: CHOSEN, 128: HEAVY}
"""DeepSeek V4's layers by how many positions one of their entries stands for."""


def _indexed(config: Config, name: str) -> Architecture:
    """DeepSeek V3.2 and GLM-5: latent attention to the positions that an indexer chooses."""
    config = {**config, "mlp_bias": False}  # which their classes don't ask for
    hidden = whole(config, "hidden_size")
    layers = layer_count(config, "num_hidden_layers")
    mixers = [_indexed_attention(config, hidden, full) for full in _own_indexer(config, layers)]
    sparse = sparse_layers(config, layers)
    networks = [network_of(config, LLAMA, hidden, each) for each in sparse]
    return stacked(config, name, list(zip(mixers, networks, strict=True)))


def _own_indexer(config: Config, layers: int) -> list[bool]:
    """Which layers score positions themselves; the others take the choice of one before."""
    kinds = listed(config, "indexer_types")
    if kinds is None:
        for key in ("index_topk_pattern", "index_topk_freq"):
            if config.get(key) not in (None, 1):
                raise InputError(f"config: {key}", config[key], "absent: list indexer_types")
        return [True] * layers
    if len(kinds) < layers or set(kinds) - {"full", "shared"}:
        raise InputError("config: indexer_types", kinds, f"{layers} of full, shared")
    return [kind == "full" for kind in kinds[:layers]]


def _indexed_attention(config: Config, hidden: int, scores: bool) -> Attention:
    """Latent attention with an indexer of its own, or the choice of another layer's."""
    latent = latent_attention(config, hidden, whole(config, "num_attention_heads"))
    chosen = whole(config, "index_topk")
    if not scores:
        return replace(latent, chosen=chosen)
    heads, width = whole(config, "index_n_heads"), whole(config, "index_head_dim")
    rank = whole(config, "q_lora_rank")
    indexer = rank * heads * width + hidden * width + hidden * heads
    return replace(
        latent,
        products=latent.matmul_parameters + indexer,
        vectors=latent.vectors + 2 * width,
        far_cached=width,
        far_pair_flops=2 * heads * width,
        chosen=chosen,
    )


def _deepseek_v4(config: Config, name: str) -> Architecture:
    """DeepSeek V4: a window, compressed entries beyond it, and residual streams that mix."""
    hidden = whole(config, "hidden_size")
    config = {**config, "n_shared_experts": 1}  # which its class builds, whatever is said
    layers = layer_count(config, "num_hidden_layers")
    streams = whole(config, "hc_mult")
    mixing = (2 + streams) * streams
    norms, residual = 2 * hidden + 2 * (mixing + 3), 2 * mixing * streams * hidden
    experts = expert_network(config, LLAMA, hidden)
    kinds = _compression_kinds(config, layers)
    mixers = [_compressing_attention(config, hidden, kind) for kind in kinds]
    made = [Block(1, mixer, experts, norms, residual=residual) for mixer in mixers]
    return decoder(
        config,
        name,
        made,
        hidden=hidden,
        tied=False,
        final_norms=hidden + streams + 1,
        head_beside=streams * streams * hidden,
    )


def _compression_kinds(config: Config, layers: int) -> list[str]:
    """What each layer does beyond its window."""
    kinds = listed(config, "layer_types")
    if kinds is None and (ratios := listed(config, "compress_ratios")) is not None:
        kinds = [COMPRESSED.get(ratio) if isinstance(ratio, int) else None for ratio in ratios]
    if kinds is None:
        kinds = [HEAVY] * 2 + [CHOSEN if place % 2 else HEAVY for place in range(layers)]
    kinds = kinds[:layers]
    if len(kinds) < layers or any(kind not in COMPRESSED.values() for kind in kinds):
        allowed = f"{layers} of {', '.join(COMPRESSED.values())} (ratios 0, 4, 128)"
        raise InputError("config: layer_types or compress_ratios", kinds[:4], allowed)
    return kinds


def _rate(config: Config, kind: str) -> int:
    """Positions that one compressed entry stands for."""
    rates = config.get("compress_rates")
    if isinstance(rates, dict) and kind in rates:
        return whole(rates, kind)
    return next(rate for rate, named in COMPRESSED.items() if named == kind)


def _compressing_attention(config: Config, hidden: int, kind: str) -> Attention:
    """One key-value head that is key and value at once, low-rank queries and grouped outputs."""
    heads, width = whole(config, "num_attention_heads"), whole(config, "head_dim")
    rank, groups, low = (whole(config, key) for key in ("q_lora_rank", "o_groups", "o_lora_rank"))
    if heads * width % groups:
        raise InputError("config: o_groups", groups, f"a divisor of {heads * width}")
    products = rank * (hidden + heads * width) + hidden * width
    products += heads * width * low + groups * low * hidden
    vectors = heads + rank + width
    near = Attention(
        hidden,
        heads,
        1,
        width,
        width,
        window=whole(config, "sliding_window"),
        vectors=vectors,
        products=products,
        cached=width,
    )
    if kind == WINDOW:
        return near
    return _beyond(config, near, kind, rank)


def _beyond(config: Config, near: Attention, kind: str, rank: int) -> Attention:
    """The same with entries of the past: one for many positions, or those that are picked."""
    hidden, width, rate = near.hidden, near.head_dim, _rate(config, kind)
    products, vectors, pair = near.matmul_parameters, near.vectors, near.pair_flops
    if kind == HEAVY:
        return replace(
            near,
            products=products + 2 * hidden * width,
            vectors=vectors + (rate + 1) * width,
            far_cached=width / rate,
            far_pair_flops=pair / rate,
        )
    scorers, narrow = whole(config, "index_n_heads"), whole(config, "index_head_dim")
    indexer = 4 * hidden * narrow + rank * scorers * narrow + hidden * scorers
    return replace(
        near,
        products=products + 4 * hidden * width + indexer,
        vectors=vectors + (2 * rate + 1) * (width + narrow),
        far_cached=(width + narrow) / rate,
        far_pair_flops=2 * scorers * narrow / rate,
        picked_pair_flops=pair / rate,
        picked=whole(config, "index_topk") * rate,
        state=2 * (width + narrow),
    )


def _minimax_m3(config: Config, name: str) -> Architecture:
    """MiniMax M3: layers whose indexer chooses blocks of positions, dense layers first."""
    hidden = whole(config, "hidden_size")
    layers = layer_count(config, "num_hidden_layers")
    sparse_attention = config.get("sparse_attention_config") or {}
    config = {**config, **_m3_words(sparse_attention)}
    kinds = layer_kinds(config, layers, "full_attention", "minimax_m3_sparse")
    chooses = [kind == "minimax_m3_sparse" for kind in kinds or ["full_attention"] * layers]
    dense = whole(config, "dense_intermediate_size")
    traits = Traits(qk_norm="head")
    networks = {
        True: expert_network({**config, "n_shared_experts": 0}, traits, hidden),
        False: dense_network(config, traits, hidden, dense),
    }
    parts = [
        (_choosing_attention(config, traits, hidden, chosen=chosen), networks[sparse])
        for sparse, chosen in zip(sparse_layers(config, layers), chooses, strict=True)
    ]
    return stacked(config, name, parts)


def _m3_words(given: dict[str, Any]) -> dict[str, Any]:
    """The checkpoint's words for the indexer, in the class's."""
    names = {
        "sparse_num_index_heads": "index_n_heads",
        "sparse_index_dim": "index_head_dim",
        "sparse_block_size": "index_block_size",
        "sparse_topk_blocks": "index_topk_blocks",
        "sparse_local_block": "index_local_blocks",
    }
    words = {new: given[old] for old, new in names.items() if old in given}
    if (frequency := listed(given, "sparse_attention_freq")) is not None:
        words["layer_types"] = [
            "minimax_m3_sparse" if each else "full_attention" for each in frequency
        ]
    return words


def _choosing_attention(config: Config, traits: Traits, hidden: int, *, chosen: bool) -> Attention:
    """Grouped attention, with an indexer where blocks are chosen."""
    plain = attention_of(config, traits, hidden, None)
    if not chosen:
        return plain
    heads, width = whole(config, "index_n_heads"), whole(config, "index_head_dim")
    blocks = whole(config, "index_topk_blocks") + whole(config, "index_local_blocks")
    return replace(
        plain,
        products=plain.matmul_parameters + hidden * width * (heads + 1),
        vectors=plain.vectors + 2 * width,
        far_cached=width,
        far_pair_flops=2 * heads * width,
        chosen=blocks * whole(config, "index_block_size"),
    )


def _llama4(config: Config, name: str) -> Architecture:
    """Llama 4: one expert a token beside a shared one, in every layer or every second."""
    hidden = whole(config, "hidden_size")
    layers = layer_count(config, "num_hidden_layers")
    chunk = optional(config, "attention_chunk_size")
    kinds = layer_kinds(config, layers, "full_attention", "chunked_attention")
    if kinds is None:
        flags = listed(config, "no_rope_layers") or []
        every = optional(config, "no_rope_layer_interval") or 4
        near = flags or [(place + 1) % every for place in range(layers)]
        kinds = ["chunked_attention" if each else "full_attention" for each in near]
    places = listed(config, "moe_layers")
    step = whole(config, "interleave_moe_layer_step")
    if places is None:
        places = list(range(step - 1, layers, step))
    dense = dense_network(config, LLAMA, hidden, whole(config, "intermediate_size_mlp"))
    routed = _llama4_experts(config, hidden, whole(config, "intermediate_size"))
    parts = []
    for place, kind in enumerate(kinds):
        seen = chunk if kind == "chunked_attention" else None
        attention = attention_of(config, LLAMA, hidden, seen)
        parts.append((attention, routed if place in places else dense))
    return stacked(config, name, parts)


def _llama4_experts(config: Config, hidden: int, width: int) -> FeedForward:
    """Routed experts and one that every token uses."""
    routed = expert_network({**config, "moe_intermediate_size": width}, LLAMA, hidden)
    return replace(routed, shared_width=width)


READERS: dict[str, Callable[[Config, str], Architecture]] = {
    "deepseek_v32": _indexed,
    "glm_moe_dsa": _indexed,
    "deepseek_v4": _deepseek_v4,
    "deepseek_ref": _deepseek_v4,
    "minimax_m3": _minimax_m3,
    "minimax_m3_vl_text": _minimax_m3,
    "llama4_text": _llama4,
}
