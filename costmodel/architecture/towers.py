"""Towers that turn images into tokens for a decoder, and what joins them to it.

A tower is an `Architecture` of its own: layers without a mask, an embedding of patches, and the
projector to the decoder's width as its head. Sizes are those of transformers' classes.
"""

from __future__ import annotations

from modelworth.costmodel.architecture.feed_forwards import FeedForward
from modelworth.costmodel.architecture.keys import (
    Config,
    head_width,
    layer_count,
    listed,
    sized,
    switch,
    whole,
)
from modelworth.costmodel.architecture.mixers import Attention
from modelworth.costmodel.architecture.structure import Architecture, Block, Head
from modelworth.data.errors import InputError


def tower_layers(
    config: Config,
    hidden: int,
    *,
    width: int | None = None,
    gated: bool = False,
    biased: bool = True,
    norms: int = 4,
    head_dim: int | None = None,
    vectors: int = 0,
) -> Block:
    """Layers of a tower; `norms` are a layer's norm vectors, `vectors` more in its attention."""
    layers = layer_count(config, "vt_num_hidden_layers", "depth", "num_hidden_layers")
    heads = whole(config, "vt_num_attention_heads", "num_heads", "num_attention_heads")
    width = width or whole(config, "vt_intermediate_size", "intermediate_size")
    each = head_dim or head_width(hidden, heads)
    if not head_dim and hidden % heads:
        raise InputError("config: tower's heads", heads, f"a divisor of its width, {hidden}")
    bias = (3 * heads * each + hidden) if biased else 0
    network = ((2 if gated else 1) * width + hidden) if biased else 0
    attention = Attention(hidden, heads, heads, each, each, causal=False, vectors=bias + vectors)
    feed_forward = FeedForward(hidden, width, gated, activation="gelu", vectors=network)
    return Block(layers, attention, feed_forward, norms * hidden, "layer", stack="encoder")


def tower(
    layers: Block,
    *,
    embedding: int,
    projector: int,
    projector_vectors: int = 0,
    final_norms: int = 0,
) -> Architecture:
    """A tower of equal layers; `projector` are matrix parameters on the way to the decoder."""
    return Architecture(
        name="vision tower",
        family="vision",
        hidden=layers.attention.hidden,
        vocab=0,
        blocks=(layers,),
        embedding_parameters=embedding,
        head=Head(projector, 0, vectors=projector_vectors),
        final_norms=final_norms,
    )


def qwen_vision(config: Config) -> Architecture:
    """Qwen3-VL's and Qwen3.5's tower: patches of two frames, mergers of 2 × 2 patches."""
    hidden, out = whole(config, "hidden_size"), whole(config, "out_hidden_size")
    merged = hidden * whole(config, "spatial_merge_size") ** 2
    taps = len(listed(config, "deepstack_visual_indexes") or [])
    patch = whole(config, "in_channels") * whole(config, "temporal_patch_size")
    patch *= whole(config, "patch_size") ** 2
    rows = whole(config, "num_position_embeddings")
    layers = tower_layers(config, hidden)
    return tower(
        layers,
        embedding=(patch + 1 + rows) * hidden,
        projector=(1 + taps) * merged * (merged + out),
        projector_vectors=(1 + taps) * (merged + out) + 2 * hidden + taps * 2 * merged,
    )


def qwen2_vision(config: Config) -> Architecture:
    """Qwen2-VL's and Qwen2.5-VL's tower: no table of positions; the later has gated networks."""
    earlier = config["model_type"] == "qwen2_vl_vision"
    hidden = whole(config, "embed_dim" if earlier else "hidden_size")
    out = whole(config, "hidden_size" if earlier else "out_hidden_size")
    width = hidden * whole(config, "mlp_ratio") if earlier else whole(config, "intermediate_size")
    merged = hidden * whole(config, "spatial_merge_size") ** 2
    patch = whole(config, "in_channels") * whole(config, "temporal_patch_size")
    layers = tower_layers(config, hidden, width=width, gated=not earlier, norms=4 if earlier else 2)
    return tower(
        layers,
        embedding=patch * whole(config, "patch_size") ** 2 * hidden,
        projector=merged * (merged + out),
        projector_vectors=merged + out + hidden * (1 + earlier),
    )


def kimi_vision(config: Config, text_hidden: int) -> Architecture:
    """Kimi K2.5's tower (MoonViT), under the names of its checkpoint or of transformers."""
    hidden = whole(config, "vt_hidden_size", "hidden_size")
    merge = listed(config, "merge_kernel_size") or [2, 2]
    merged = hidden
    for each in merge:
        merged *= whole({"merge_kernel_size": each}, "merge_kernel_size")
    rows = whole(config, "init_pos_emb_height", "pos_emb_height")
    rows *= whole(config, "init_pos_emb_width", "pos_emb_width")
    layers = tower_layers(config, hidden)
    patch = 3 * whole(config, "patch_size") ** 2
    return tower(
        layers,
        embedding=(patch + 1 + rows) * hidden,
        projector=merged * (merged + text_hidden),
        projector_vectors=merged + text_hidden + 2 * _kimi_joined(config, hidden),
        final_norms=2 * hidden,
    )


def _kimi_joined(config: Config, hidden: int) -> int:
    """Width of the norm before Kimi's projector, which the whole model's config says."""
    return sized(config["whole"], "projection_hidden_size", "mm_hidden_size") or hidden


def gemma4_vision(config: Config, text_hidden: int) -> Architecture:
    """Gemma 4's tower: gated networks, four norms a layer, positions by row and column."""
    hidden = whole(config, "hidden_size")
    width = whole(config, "head_dim")
    layers = tower_layers(
        config, hidden, gated=True, biased=False, head_dim=width, vectors=2 * width
    )
    rows = 2 * whole(config, "position_embedding_size")
    patch = 3 * whole(config, "patch_size") ** 2
    return tower(
        layers,
        embedding=(patch + rows) * hidden,
        projector=hidden * text_hidden,
    )


def llama4_vision(config: Config, text_hidden: int) -> Architecture:
    """Llama 4's tower: patches with a class token, shuffled together before the projector."""
    hidden = whole(config, "hidden_size")
    patches = (whole(config, "image_size") // whole(config, "patch_size")) ** 2
    layers = tower_layers(config, hidden)
    narrow, out = whole(config, "projector_input_dim"), whole(config, "projector_output_dim")
    channels = sized(config, "num_channels") or 3
    patch = channels * whole(config, "patch_size") ** 2
    shuffled = whole(config, "intermediate_size") * narrow + out * out
    return tower(
        layers,
        embedding=(patch + patches + 2) * hidden,
        projector=shuffled + whole(config, "vision_output_dim") * text_hidden,
        final_norms=4 * hidden,
    )


def clip_vision(config: Config, text_hidden: int) -> Architecture:
    """CLIP's and SigLIP's tower with the projector to the decoder that its model has."""
    hidden, patch = whole(config, "hidden_size"), whole(config, "patch_size")
    clip = config["model_type"] == "clip_vision_model"
    patches = (whole(config, "image_size") // patch) ** 2
    width = whole(config, "intermediate_size")
    layers = tower_layers(config, hidden)
    channels = sized(config, "num_channels") or 3
    rows = patches + (2 if clip else 1)  # a class token and its place, or a bias
    products, vectors = _joining(config["whole"], hidden, text_hidden)
    if not clip and _has_head(config):
        products += 4 * hidden**2 + 2 * hidden * width
        vectors += 8 * hidden + width
    return tower(
        layers,
        embedding=(channels * patch**2 + rows) * hidden,
        projector=products,
        projector_vectors=vectors,
        final_norms=2 * hidden * (1 + clip),
    )


def _has_head(config: Config) -> bool:
    """Whether SigLIP's pooling head is built, which no decoder uses."""
    default = config["whole"]["model_type"] != "paligemma"
    return switch(config, "vision_use_head", default)


def _joining(config: Config, seen: int, hidden: int) -> tuple[int, int]:
    """Matrix parameters and vectors between a tower and its decoder."""
    kind = config["model_type"]
    if kind == "gemma3":
        return seen * hidden, seen
    if kind == "paligemma":
        out = sized(config, "projection_dim") or 2048
        return seen * out, out
    layers = listed(config, "vision_feature_layer") if _several(config) else [-2]
    bias = 2 * hidden * switch(config, "multimodal_projector_bias", True)
    newline = hidden if kind == "llava_next" else 0
    return (len(layers or [-2]) * seen + hidden) * hidden, bias + newline


def _several(config: Config) -> bool:
    """Whether several layers of the tower go to the decoder."""
    return isinstance(config.get("vision_feature_layer"), list | tuple)
