"""Architectures that aren't decoders or encoders alone: encoder-decoders, images, detection.

Each reader turns a transformers config into an `Architecture`, with transformers' defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from modelworth.costmodel.architecture.encoder_parts import (
    biased_attention,
    biased_network,
    labels_of,
)
from modelworth.costmodel.architecture.heads import is_bare, named_class, refused, require_class
from modelworth.costmodel.architecture.keys import (
    Config,
    head_width,
    layer_count,
    optional,
    sized,
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
    Patches,
    Stack,
)
from modelworth.data.errors import InputError

VISION_SIZES = {
    "tiny": (192, 12, 3, 768),
    "small": (384, 12, 6, 1536),
    "base": (768, 12, 12, 3072),
    "large": (1024, 24, 16, 4096),
    "so400m": (1152, 27, 16, 4304),
    "huge": (1280, 32, 16, 5120),
    "giant": (1408, 40, 16, 6144),
    "gigantic": (1664, 48, 16, 8192),
}
"""Width, layers, heads and feed-forward width of the Vision Transformer's named sizes. Sources:
Dosovitskiy et al. 2020, Touvron et al. 2020, Zhai et al. 2021 (arXiv:2106.04560), timm."""


def vision_architecture(
    size: str, patch: int, image_size: int, labels: int = 1000, name: str | None = None
) -> Architecture:
    """A Vision Transformer by the name of its size, such as `base`.

    Raises:
        InputError: if there is no such size.
    """
    if size not in VISION_SIZES:
        raise InputError("size", size, f"one of {', '.join(VISION_SIZES)}")
    hidden, layers, heads, width = VISION_SIZES[size]
    config = {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": width,
        "patch_size": patch,
        "image_size": image_size,
        "num_labels": labels,
    }
    return _vit(config, name or f"vit-{size}-{patch}-{image_size}")


def _t5(config: Config, name: str) -> Architecture:
    """T5: an encoder and a decoder without biases, positions by a small table of distances.

    The head is tied whatever the config says, as transformers 5 holds even the 1.1 weights.
    """
    hidden, heads = whole(config, "d_model"), whole(config, "num_heads")
    width, vocab = whole(config, "d_kv"), whole(config, "vocab_size")
    default = "gated-gelu" if config.get("model_type") == "mt5" else "relu"
    projection = word(config, "feed_forward_proj", default=default)
    activation = projection.removeprefix("gated-").replace("gelu", "gelu_new")
    gated = switch(config, "is_gated_act", projection.startswith("gated"))
    feed_forward = FeedForward(hidden, whole(config, "d_ff"), gated, activation=activation)
    encoder = layer_count(config, "num_layers")
    buckets = optional(config, "relative_attention_num_buckets") or 32
    table = vocab * hidden
    attend = {
        causal: Attention(hidden, heads, heads, width, width, causal=causal)
        for causal in (True, False)
    }
    decoder = optional(config, "num_decoder_layers") or encoder
    require_class(config, "ForConditionalGeneration", "EncoderModel")
    both = Architecture(
        name=name,
        family="encoder-decoder",
        hidden=hidden,
        vocab=vocab,
        blocks=(
            Block(encoder, attend[False], feed_forward, 2 * hidden, stack="encoder"),
            Block(decoder, attend[True], feed_forward, 3 * hidden, "rms", 3, cross=attend[False]),
        ),
        embedding_parameters=table + 2 * buckets * heads,
        head=Head(table, vocab, shared_parameters=table),
        final_norms=2 * hidden,
    )
    if not (named_class(config) or "").endswith("EncoderModel"):
        return both
    return replace(
        both,
        family="encoder",
        blocks=(replace(both.blocks[0], stack="decoder"),),
        embedding_parameters=table + buckets * heads,
        head=Head(0, hidden),
        final_norms=hidden,
    )


BART_KIN: dict[str, tuple[int | None, int]] = {
    "bart": (2, 1),
    "plbart": (2, 1),
    "mbart": (2, 2),
    "pegasus": (0, 1),
    "blenderbot": (0, 1),
    "blenderbot-small": (0, 1),
    "marian": (0, 0),
    "m2m_100": (None, 1),
}
"""Rows of the table of positions beyond the longest text (None: no table), and norms of a stack
outside its layers."""


def _bart(config: Config, name: str) -> Architecture:
    """BART and its kin: an encoder and a decoder with biases and norms for each part."""
    hidden, vocab = whole(config, "d_model"), whole(config, "vocab_size")
    beyond, norms = BART_KIN[config.get("model_type") or "bart"]
    if not switch(config, "share_encoder_decoder_embeddings", True):
        key = "config: share_encoder_decoder_embeddings"
        raise InputError(key, False, "true, or built: modelworth inspect FILE")

    def block(stack: Stack, sublayers: int) -> Block:
        """The layers of one stack."""
        heads = whole(config, f"{stack}_attention_heads")
        decodes = stack == "decoder"
        return Block(
            layer_count(config, f"{stack}_layers"),
            biased_attention(hidden, heads, head_width(hidden, heads), causal=decodes),
            biased_network(config, hidden, whole(config, f"{stack}_ffn_dim")),
            norms=2 * sublayers * hidden,
            norm="layer",
            norm_count=sublayers,
            cross=biased_attention(hidden, heads, head_width(hidden, heads), causal=False)
            if decodes
            else None,
            stack=stack,
        )

    require_class(config, "ForConditionalGeneration", "MTModel")
    positions = 0 if beyond is None else whole(config, "max_position_embeddings") + beyond
    table, tied = vocab * hidden, switch(config, "tie_word_embeddings", True)
    tables = 1 if tied else 3  # each stack its own, beside one that nothing uses
    return Architecture(
        name=name,
        family="encoder-decoder",
        hidden=hidden,
        vocab=vocab,
        blocks=(block("encoder", 2), block("decoder", 3)),
        embedding_parameters=tables * table + 2 * positions * hidden,
        head=Head(table, vocab, table * tied),
        final_norms=4 * hidden * norms,
    )


def _whisper(config: Config, name: str) -> Architecture:
    """Whisper: two convolutions over a spectrogram, then BART's layers; keys without a bias.

    The convolutions count as FLOPs of the first layer's tokens, of which 30 s of sound become
    `max_source_positions`; the first convolution sees twice as many frames.
    """
    hidden, vocab = whole(config, "d_model"), whole(config, "vocab_size")
    if not switch(config, "tie_word_embeddings", True):
        raise InputError("config: tie_word_embeddings", False, "true, or built: inspect FILE")
    bins, kernel = whole(config, "num_mel_bins"), 3
    rows = whole(config, "max_source_positions") + whole(config, "max_target_positions")
    sized = {**config, "model_type": "bart", "max_position_embeddings": 1}
    read = _bart(sized, name)

    def unbiased(attention: Attention) -> Attention:
        """Attention without the bias of its keys."""
        return replace(attention, vectors=attention.vectors - hidden)

    blocks = [
        replace(
            block,
            attention=unbiased(block.attention),
            cross=None if block.cross is None else unbiased(block.cross),
        )
        for block in read.blocks
    ]
    encoder = blocks[0]
    products = kernel * hidden * (2 * bins + hidden)
    hearing = replace(encoder.attention, token_flops=2 * products)
    first = replace(encoder, count=1, attention=hearing)
    rest = [replace(encoder, count=encoder.count - 1)] if encoder.count > 1 else []
    heard = kernel * hidden * (bins + hidden) + 2 * hidden
    return replace(
        read,
        blocks=(first, *rest, *blocks[1:]),
        embedding_parameters=vocab * hidden + rows * hidden + heard,
    )


def _vit(config: Config, name: str) -> Architecture:
    """Vision Transformer: patches and a class token, whose last state is classified."""
    hidden = whole(config, "hidden_size")
    distilled = config.get("model_type") == "deit"  # which adds a token for that
    patches = _patches(config, hidden, extra_tokens=2 if distilled else 1)
    return Architecture(
        name=name,
        family="vision",
        hidden=hidden,
        vocab=0,
        blocks=(_vision_block(config, hidden),),
        embedding_parameters=_patch_embedding(patches, hidden),
        head=_vision_head(config, hidden),
        final_norms=2 * hidden,
        patches=patches,
    )


def _dinov2(config: Config, name: str) -> Architecture:
    """DINOv2: a Vision Transformer with scaled layers, which classifies by two vectors."""
    hidden = whole(config, "hidden_size")
    usual = 4 if config["model_type"] == "dinov2_with_registers" else 0
    registers = optional({"num_register_tokens": usual, **config}, "num_register_tokens") or 0
    patches = _patches(config, hidden, extra_tokens=1 + registers)
    width = hidden * whole(config, "mlp_ratio")
    gated = switch(config, "use_swiglu_ffn", False)
    if gated:
        width = (2 * width // 3 + 7) // 8 * 8
    block = _vision_block({**config, "intermediate_size": width}, hidden)
    network = replace(block.feed_forward, gated=gated, vectors=(1 + gated) * width + hidden)
    built = named_class(config) or "ForImageClassification"
    labels = labels_of(config, 2)
    head = Head(2 * hidden * labels, labels, vectors=labels, positions=1)
    if is_bare(built):
        head = Head(0, hidden)
    elif not built.endswith("ForImageClassification"):
        raise refused(built, "…ForImageClassification or …Model")
    masked = switch(config, "use_mask_token", True)
    placed = _patch_embedding(patches, hidden) + hidden * (masked - registers)  # unplaced ones
    return Architecture(
        name=name,
        family="vision",
        hidden=hidden,
        vocab=0,
        blocks=(replace(block, feed_forward=network, norms=6 * hidden),),
        embedding_parameters=placed,
        head=head,
        final_norms=2 * hidden,
        patches=patches,
    )


def _vision_head(config: Config, hidden: int) -> Head:
    """A classifier, or the pooler of a class without one."""
    built = named_class(config) or "ForImageClassification"
    if is_bare(built):
        wide = optional(config, "pooler_output_size") or hidden
        return Head(hidden * wide, wide, vectors=wide, positions=1)
    if not built.endswith("ForImageClassification"):
        raise refused(built, "…ForImageClassification or …Model")
    labels = labels_of(config, 2)
    return Head(hidden * labels, labels, vectors=labels, positions=1)


def _yolos(config: Config, name: str) -> Architecture:
    """YOLOS: a Vision Transformer with detection tokens, each classified and given a box."""
    require_class(config, "ForObjectDetection")
    hidden, labels = whole(config, "hidden_size"), labels_of(config, 2) + 1
    detections = whole(config, "num_detection_tokens")
    patches = _patches(config, hidden, extra_tokens=1 + detections)
    block = _vision_block(config, hidden)
    embedding = _patch_embedding(patches, hidden)
    if switch(config, "use_mid_position_embeddings", True):
        embedding += (block.count - 1) * patches.tokens * hidden
    networks = 2 * 2 * hidden * hidden  # a class and a box network, each with two hidden layers
    return Architecture(
        name=name,
        family="detector",
        hidden=hidden,
        vocab=0,
        blocks=(block,),
        embedding_parameters=embedding,
        head=Head(
            networks + hidden * (labels + 4),
            labels + 4,
            vectors=4 * hidden + labels + 4,
            positions=detections,
        ),
        final_norms=2 * hidden,
        patches=patches,
    )


def _vision_block(config: Config, hidden: int) -> Block:
    """The layers of a Vision Transformer."""
    heads = whole(config, "num_attention_heads")
    width = sized(config, "head_dim") or head_width(hidden, heads)
    biased = switch(config, "qkv_bias", True)
    vectors = hidden + (3 * heads * width if biased else 0)
    attention = Attention(hidden, heads, heads, width, width, causal=False, vectors=vectors)
    network = biased_network(config, hidden, whole(config, "intermediate_size"))
    return Block(layer_count(config, "num_hidden_layers"), attention, network, 4 * hidden, "layer")


def _patches(config: Config, hidden: int, extra_tokens: int) -> Patches:
    """How many patches an image has, and their projection."""
    (rows, columns), (tall, wide) = _pair(config, "image_size"), _pair(config, "patch_size")
    channels = sized(config, "num_channels") or 3
    count = (rows // tall) * (columns // wide)
    if not count:
        raise InputError("config: patch_size", f"{tall} × {wide}", f"within {rows} × {columns}")
    return Patches(count, extra_tokens, channels * tall * wide * hidden)


def _patch_embedding(patches: Patches, hidden: int) -> int:
    """The projection with its bias, the extra tokens, and a position for each token."""
    vectors = 1 + patches.extra_tokens + patches.tokens
    return patches.matmul_parameters + vectors * hidden


def _pair(config: Config, key: str) -> tuple[int, int]:
    """Height and width from one number or two."""
    value = config.get(key)
    if isinstance(value, list | tuple) and len(value) == 2:
        height, width = value
        return whole({key: height}, key), whole({key: width}, key)
    side = whole(config, key)
    return side, side


READERS: dict[str, Callable[[Mapping[str, Any], str], Architecture]] = {
    **dict.fromkeys(BART_KIN, _bart),
    "whisper": _whisper,
    "t5": _t5,
    "mt5": _t5,
    "vit": _vit,
    "dinov2": _dinov2,
    "dinov2_with_registers": _dinov2,
    "deit": _vit,
    "yolos": _yolos,
}
