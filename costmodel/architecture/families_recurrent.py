"""Decoders with layers that keep a state instead of the tokens: Mamba, gated delta, convolution.

FLOPs of a recurrence are those of its matrix products and convolutions as transformers runs them;
what it does element by element isn't counted, as nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable

from modelworth.costmodel.architecture.decoder_parts import (
    alternating,
    attention_of,
    dense_network,
    expert_counts,
    expert_network,
    network_of,
    sparse_layers,
    stacked,
)
from modelworth.costmodel.architecture.feed_forwards import FeedForward, no_network
from modelworth.costmodel.architecture.keys import (
    MOST_LAYERS,
    Config,
    layer_count,
    listed,
    optional,
    switch,
    whole,
    word,
)
from modelworth.costmodel.architecture.mixers import Attention, no_mixer, recurrence
from modelworth.costmodel.architecture.structure import Architecture
from modelworth.costmodel.architecture.traits import Traits
from modelworth.data.errors import InputError

CHUNK = 64
"""Tokens that a gated delta rule works on at once in transformers."""

NEMOTRON_LETTERS = {"M": "mamba", "E": "moe", "*": "attention", "-": "mlp"}
NEMOTRON_NAMES = {each: each for each in NEMOTRON_LETTERS.values()} | {
    **{"linear_attention": "mamba", "full_attention": "attention"}
}


def mamba2(
    config: Config, hidden: int, width: int, *, bias: bool, gated_norm: bool = True
) -> Attention:
    """Mamba 2: a state of width × states numbers a head, and the last inputs of a convolution.

    A chunk of Q tokens costs Q·N for the scores, Q·P for their values, 2·N·P for the state before
    and after, and once a chunk 2·N·P between chunks.
    Source: Dao and Gu 2024 (arXiv:2405.21060), section 6; parts as in transformers' Mamba2Mixer.
    """
    heads = whole(config, "mamba_n_heads", "mamba_num_heads", "num_heads")
    groups = whole(config, "mamba_n_groups", "n_groups")
    states = whole(config, "mamba_d_state", "ssm_state_size", "state_size")
    kernel = whole(config, "mamba_d_conv", "conv_kernel")
    chunk = whole(config, "mamba_chunk_size", "chunk_size")
    conv_bias = switch(config, "mamba_conv_bias", switch(config, "use_conv_bias", True))
    inner = heads * width
    conv = inner + 2 * groups * states
    products = hidden * (inner + conv + heads) + inner * hidden
    vectors = conv * (kernel + conv_bias) + 3 * heads + inner * gated_norm
    vectors += (inner + conv + heads + hidden) * bias
    return recurrence(
        "state_space",
        hidden,
        products=products,
        vectors=vectors,
        state=inner * states + conv * kernel,
        token_flops=2 * conv * kernel + 2 * heads * _scan_products(chunk, states, width),
    )


def _scan_products(chunk: int, states: int, width: int) -> int:
    """Multiplications of one token and head in a chunked scan."""
    return chunk * (states + width) + 2 * states * width + 2 * states * width // chunk


def gated_delta(config: Config, hidden: int) -> Attention:
    """Gated delta rule: a matrix of key width × value width a head, worked on in chunks.

    FLOPs are those of the products in transformers' chunked form; the triangular systems in it are
    left out, as counters do. Source: Yang et al. 2024 (arXiv:2412.06464).
    """
    values, keys = whole(config, "linear_num_value_heads"), whole(config, "linear_num_key_heads")
    key, value = whole(config, "linear_key_head_dim"), whole(config, "linear_value_head_dim")
    kernel = whole(config, "linear_conv_kernel_dim")
    conv = 2 * keys * key + values * value
    products = hidden * (conv + values * value + 2 * values) + values * value * hidden
    rule = values * (4 * CHUNK * key + 2 * CHUNK * value + 6 * key * value)
    return recurrence(
        "linear",
        hidden,
        products=products,
        vectors=conv * kernel + 2 * values + value,
        state=values * key * value + conv * kernel,
        token_flops=rule + 2 * conv * kernel,
    )


def _nemotron_h(config: Config, name: str) -> Architecture:
    """Nemotron-H: each layer is a mixer or a feed-forward part, with one norm."""
    hidden, width = whole(config, "hidden_size"), whole(config, "mamba_head_dim")
    bias = switch(config, "use_bias", False)
    parts = {
        "mamba": lambda: (mamba2(config, hidden, width, bias=bias), no_network(hidden)),
        "attention": lambda: (
            attention_of({**config, "attention_bias": False}, Traits(), hidden, None),
            no_network(hidden),
        ),
        "moe": lambda: (no_mixer(hidden), _nemotron_experts(config, hidden)),
        "mlp": lambda: (no_mixer(hidden), _nemotron_network(config, hidden)),
    }
    kinds = _nemotron_kinds(config)
    made = {kind: parts[kind]() for kind in dict.fromkeys(kinds)}
    untied = {**config, "tie_word_embeddings": False}  # as its class is, whatever is said
    return stacked(untied, name, [made[kind] for kind in kinds], norms=1)


def _nemotron_kinds(config: Config) -> list[str]:
    """What each layer is, by a list of names or a pattern of letters."""
    named = listed(config, "layers_block_type") or listed(config, "layer_types")
    pattern = config.get("hybrid_override_pattern")
    known = NEMOTRON_NAMES if named is not None else NEMOTRON_LETTERS
    given = named if named is not None else pattern
    if not isinstance(given, list | str) or not 0 < len(given) <= MOST_LAYERS:
        raise InputError("config: layers_block_type", given, f"1 to {MOST_LAYERS:,} layers")
    for each in given:
        if not isinstance(each, str) or each not in known:
            raise InputError("config: layers_block_type", each, f"of {', '.join(known)}")
    return [known[each] for each in given]


def _nemotron_network(config: Config, hidden: int, key: str = "intermediate_size") -> FeedForward:
    """Two products with the square of a ReLU between them."""
    width = whole(config, key)
    bias = switch(config, "mlp_bias", False) * (width + hidden)
    activation = word(config, "mlp_hidden_act", default="relu2")
    return FeedForward(hidden, width, gated=False, activation=activation, vectors=bias)


def _nemotron_experts(config: Config, hidden: int) -> FeedForward:
    """Experts, perhaps of a latent width, and one network that every token uses."""
    experts, used = expert_counts(config)
    latent = optional(config, "moe_latent_size")
    shared = _nemotron_network(config, hidden, "moe_shared_expert_intermediate_size")
    bias = switch(config, "mlp_bias", False)
    return FeedForward(
        hidden,
        whole(config, "moe_intermediate_size"),
        False,
        experts,
        used,
        shared_width=shared.width,
        activation=shared.activation,
        vectors=shared.vectors + ((latent + hidden) * bias if latent else 0),
        expert_hidden=latent,
        beside=2 * hidden * latent if latent else 0,
    )


def _qwen3_next(config: Config, name: str) -> Architecture:
    """Qwen3-Next and Qwen3.5: gated delta layers, and gated attention in every fourth."""
    hidden = whole(config, "hidden_size")
    layers = layer_count(config, "num_hidden_layers")
    every = optional(config, "full_attention_interval") or 4
    kinds = alternating(config, layers, "linear_attention", "full_attention", every)
    traits = Traits(qk_norm="head", output_gate=True, shared_gate=True)
    mixers = {
        "linear_attention": gated_delta(config, hidden),
        "full_attention": attention_of(config, traits, hidden, None),
    }
    parts = [
        (mixers[kind], network_of(config, traits, hidden, sparse))
        for kind, sparse in zip(kinds, sparse_layers(config, layers), strict=True)
    ]
    return stacked(config, name, parts)


def mamba1(config: Config, hidden: int, prefix: str, inner: int) -> Attention:
    """Mamba 1: a state of `state` numbers for each inner channel, updated token by token.

    Source: Gu and Dao 2023 (arXiv:2312.00752); parts as in transformers' MambaMixer.
    """
    states = whole(config, f"{prefix}d_state", "state_size")
    kernel = whole(config, f"{prefix}d_conv", "conv_kernel")
    given = config.get(f"{prefix}dt_rank", config.get("time_step_rank", "auto"))
    rank = -(-hidden // 16) if given == "auto" else whole({"dt_rank": given}, "dt_rank")
    bias = switch(config, f"{prefix}proj_bias" if prefix else "use_bias", False)
    conv_bias = switch(config, f"{prefix}conv_bias" if prefix else "use_conv_bias", True)
    products = hidden * 2 * inner + inner * (rank + 2 * states) + rank * inner + inner * hidden
    vectors = inner * (kernel + conv_bias) + inner * (states + 2) + (2 * inner + hidden) * bias
    return recurrence(
        "state_space",
        hidden,
        products=products,
        vectors=vectors + (rank + 2 * states if prefix else 0),
        state=inner * (states + kernel),
        token_flops=2 * inner * (kernel + states),
    )


def _mamba(config: Config, name: str) -> Architecture:
    """Mamba 1 alone: each layer is a mixer with one norm."""
    hidden = whole(config, "hidden_size")
    inner = optional(config, "intermediate_size") or whole(config, "expand") * hidden
    layer = (mamba1(config, hidden, "", inner), no_network(hidden))
    parts = [layer] * layer_count(config, "num_hidden_layers")
    return stacked(config, name, parts, norms=1, tied=True)


def _mamba2(config: Config, name: str) -> Architecture:
    """Mamba 2 alone."""
    hidden = whole(config, "hidden_size")
    heads, width = whole(config, "num_heads"), whole(config, "head_dim")
    if heads * width != whole(config, "expand") * hidden:
        raise InputError("config: num_heads", heads, f"expand × {hidden} / head_dim")
    mixer = mamba2(config, hidden, width, bias=switch(config, "use_bias", False))
    parts = [(mixer, no_network(hidden))] * layer_count(config, "num_hidden_layers")
    return stacked(config, name, parts, norms=1)


def _jamba(config: Config, name: str) -> Architecture:
    """Jamba: Mamba with attention in every eighth layer, experts in every second."""
    hidden = whole(config, "hidden_size")
    traits = Traits()
    mamba = mamba1(config, hidden, "mamba_", whole(config, "mamba_expand") * hidden)
    attention = attention_of({**config, "attention_bias": False}, traits, hidden, None)
    experts, dense = whole(config, "num_experts"), dense_network(config, traits, hidden)
    routed = expert_network(config, traits, hidden) if experts > 1 else dense
    parts = [
        (
            attention if _falls(config, "attn_layer", place) else mamba,
            routed if _falls(config, "expert_layer", place) else dense,
        )
        for place in range(layer_count(config, "num_hidden_layers"))
    ]
    return stacked(config, name, parts)


def _falls(config: Config, what: str, place: int) -> bool:
    """Whether a layer is one of every so many, from an offset on."""
    period = whole(config, f"{what}_period")
    return place % period == (optional(config, f"{what}_offset") or 0)


READERS: dict[str, Callable[[Config, str], Architecture]] = {
    "jamba": _jamba,
    "falcon_mamba": _mamba,
    "mamba": _mamba,
    "mamba2": _mamba2,
    "nemotron_h": _nemotron_h,
    "qwen3_next": _qwen3_next,
    "qwen3_5_text": _qwen3_next,
    "qwen3_5_moe_text": _qwen3_next,
}
