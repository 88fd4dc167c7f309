"""Decoders that mix state spaces or short convolutions with attention, by layer or within one.

Granite 4 and Bamba take turns; Falcon-H1 runs both side by side in each layer; LFM2 has gated
convolutions of three positions in most of its layers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from modelworth.costmodel.architecture.decoder_parts import (
    attention_of,
    dense_network,
    expert_network,
    stacked,
)
from modelworth.costmodel.architecture.families_recurrent import mamba2
from modelworth.costmodel.architecture.feed_forwards import FeedForward
from modelworth.costmodel.architecture.keys import (
    Config,
    NotReadError,
    layer_count,
    listed,
    optional,
    switch,
    whole,
)
from modelworth.costmodel.architecture.mixers import Attention, recurrence
from modelworth.costmodel.architecture.structure import Architecture
from modelworth.costmodel.architecture.traits import Traits
from modelworth.data.errors import InputError

LLAMA = Traits()
NAMES = {
    **dict.fromkeys(("attention", "full_attention"), "attention"),
    **dict.fromkeys(("mamba", "linear_attention", "conv", "short_conv"), "other"),
}


def _attends(config: Config, layers: int, key: str) -> list[bool]:
    """Which layers attend: by their names, or by a list of places."""
    named = listed(config, "layer_types") or listed(config, "layers_block_type")
    if named is not None:
        if len(named) != layers or any(not isinstance(each, str) for each in named):
            raise InputError("config: layer_types", f"{len(named)} layers", f"of {layers} names")
        if unknown := [each for each in named if each not in NAMES]:
            raise InputError("config: layer_types", unknown[0], f"of {', '.join(NAMES)}")
        return [NAMES[each] == "attention" for each in named]
    places = listed(config, key)
    if places is None:
        return [key == "full_attn_idxs"] * layers
    return [place in places for place in range(layers)]


def _mamba(config: Config, hidden: int, *, inner: int, gated_norm: bool, out: str) -> Attention:
    """The state space of all three; `out` is the key of the output's bias."""
    heads = whole(config, "mamba_n_heads")
    given = config.get("mamba_d_head", "auto")
    width = inner // heads if given in ("auto", None) else whole(config, "mamba_d_head")
    if heads * width != inner:
        raise InputError("config: mamba_d_head", given, f"{inner} / {heads} heads")
    bias = switch(config, "mamba_proj_bias", False)
    mixer = mamba2(config, hidden, width, bias=bias, gated_norm=gated_norm)
    return replace(mixer, vectors=mixer.vectors + hidden * (switch(config, out, bias) - bias))


def _taking_turns(config: Config, name: str) -> Architecture:
    """Granite 4 and Bamba: a state space or attention, then experts or a dense network."""
    hidden = whole(config, "hidden_size")
    layers = layer_count(config, "num_hidden_layers")
    inner = whole(config, "mamba_expand") * hidden
    mamba = _mamba(config, hidden, inner=inner, gated_norm=True, out="mamba_proj_bias")
    attention = attention_of(config, LLAMA, hidden, None)
    network = _granite_network(config, hidden) if config["model_type"] != "bamba" else None
    network = network or dense_network(config, LLAMA, hidden)
    turns = _attends(config, layers, "attn_layer_indices")
    return stacked(config, name, [(attention if attends else mamba, network) for attends in turns])


def _granite_network(config: Config, hidden: int) -> FeedForward:
    """Granite 4's experts beside a network for every token, or that network alone."""
    if not optional(config, "num_local_experts"):
        return FeedForward(hidden, whole(config, "shared_intermediate_size"), gated=True)
    return expert_network(config, LLAMA, hidden)


def _falcon_h1(config: Config, name: str) -> Architecture:
    """Falcon-H1: state space and attention side by side, each layer keeping both."""
    hidden = whole(config, "hidden_size")
    inner = optional(config, "mamba_d_ssm") or whole(config, "mamba_expand") * hidden
    mamba = _mamba(
        config,
        hidden,
        inner=inner,
        gated_norm=switch(config, "mamba_rms_norm", False),
        out="projectors_bias",
    )
    plain = attention_of(config, LLAMA, hidden, None)
    both = replace(
        plain,
        products=plain.matmul_parameters + mamba.matmul_parameters,
        vectors=plain.vectors + mamba.vectors,
        state=mamba.state,
        token_flops=mamba.token_flops,
    )
    layer = (both, dense_network(config, LLAMA, hidden))
    return stacked(config, name, [layer] * layer_count(config, "num_hidden_layers"))


def _lfm2(config: Config, name: str) -> Architecture:
    """LFM2: gated convolutions over three positions, and attention in some layers."""
    hidden, kernel = whole(config, "hidden_size"), whole(config, "conv_L_cache")
    layers = layer_count(config, "num_hidden_layers")
    bias = switch(config, "conv_bias", False)
    convolution = recurrence(
        "convolution",
        hidden,
        products=4 * hidden**2,
        vectors=hidden * kernel + 5 * hidden * bias,
        state=hidden * kernel,
        token_flops=2 * hidden * kernel,
    )
    attention = attention_of(config, Traits(qk_norm="head"), hidden, None)
    network = FeedForward(hidden, _lfm2_width(config), gated=True)
    turns = _attends(config, layers, "full_attn_idxs")
    parts = [(attention if attends else convolution, network) for attends in turns]
    tied = switch(config, "tie_embedding", switch(config, "tie_word_embeddings", True))
    return stacked({**config, "tie_word_embeddings": tied}, name, parts)


def _lfm2_width(config: Config) -> int:
    """Two thirds of the stated width, times a factor, rounded up."""
    width = whole(config, "block_ff_dim", "intermediate_size")
    if not switch(config, "block_auto_adjust_ff_dim", True):
        return width
    factor, multiple = config.get("block_ffn_dim_multiplier"), whole(config, "block_multiple_of")
    width = int(2 * width / 3)
    if factor is None:
        return width
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor < 1000:
        raise InputError("config: block_ffn_dim_multiplier", factor, "a number above 0")
    return -(-int(factor * width) // multiple) * multiple


def _ernie_moe(config: Config, name: str) -> Architecture:
    """ERNIE 4.5's mixtures: experts between a first and a last layer, some for every token."""
    hidden = whole(config, "hidden_size")
    layers = layer_count(config, "num_hidden_layers")
    traits = Traits(bias_key="use_bias")
    width = whole(config, "moe_intermediate_size")
    shared = optional(config, "moe_num_shared_experts") or 0
    routed = expert_network(
        {**config, "shared_expert_intermediate_size": shared * width}, traits, hidden
    )
    routed = replace(routed, vectors=routed.vectors + routed.experts)
    if switch(config, "use_bias", False):
        raise NotReadError("config: use_bias", True, "false")
    first, step = (
        optional(config, "moe_layer_start_index") or 0,
        whole(config, "moe_layer_interval"),
    )
    end = config.get("moe_layer_end_index", -1)
    last = layers - 1 if end in (-1, None) else optional(config, "moe_layer_end_index") or 0
    dense = dense_network(config, traits, hidden)
    attention = attention_of(config, traits, hidden, None)
    sparse = [first <= place <= last and (place + 1) % step == 0 for place in range(layers)]
    parts = [(attention, routed if each else dense) for each in sparse]
    return stacked(config, name, parts, tied=True)


READERS: dict[str, Callable[[Config, str], Architecture]] = {
    "bamba": _taking_turns,
    "ernie4_5_moe": _ernie_moe,
    "falcon_h1": _falcon_h1,
    "granitemoehybrid": _taking_turns,
    "lfm2": _lfm2,
}
