"""Architectures that aren't decoders alone: encoders, encoder-decoders, images, detection.

Each reader turns a transformers config into an `Architecture`, with transformers' defaults. Which
head an encoder carries is read from the config's `architectures`: a masked-language head (the
default), a classifier on the first token, or none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

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


def _biased_attention(hidden: int, heads: int, width: int, *, causal: bool) -> Attention:
    """Attention with a bias after each of its four products."""
    inner = heads * width
    vectors = 3 * inner + hidden
    return Attention(hidden, heads, heads, width, width, causal=causal, vectors=vectors)


def _biased_network(config: Config, hidden: int, width: int) -> FeedForward:
    """Two products, each with a bias."""
    keys = ("hidden_act", "activation_function", "activation")
    activation = word(config, *keys, default="gelu")
    return FeedForward(hidden, width, gated=False, activation=activation, vectors=width + hidden)


def _bert(config: Config, name: str) -> Architecture:
    """BERT, RoBERTa and their like: an encoder with learned positions."""
    hidden = whole(config, "hidden_size")
    heads, vocab = whole(config, "num_attention_heads"), whole(config, "vocab_size")
    block = Block(
        layer_count(config, "num_hidden_layers"),
        _biased_attention(hidden, heads, head_width(hidden, heads), causal=False),
        _biased_network(config, hidden, whole(config, "intermediate_size")),
        norms=4 * hidden,
        norm="layer",
    )
    types = optional(config, "type_vocab_size")
    rows = vocab + whole(config, "max_position_embeddings") + (2 if types is None else types)
    return Architecture(
        name=name,
        family="encoder",
        hidden=hidden,
        vocab=vocab,
        blocks=(block,),
        embedding_parameters=rows * hidden,
        head=_encoder_head(config, hidden, vocab),
        final_norms=2 * hidden,
    )


def _distilbert(config: Config, name: str) -> Architecture:
    """DistilBERT, in BERT's words."""
    return _bert(
        {
            "architectures": config.get("architectures"),
            "tie_word_embeddings": config.get("tie_word_embeddings"),
            "num_labels": config.get("num_labels"),
            "hidden_size": whole(config, "dim"),
            "num_hidden_layers": whole(config, "n_layers"),
            "num_attention_heads": whole(config, "n_heads"),
            "intermediate_size": whole(config, "hidden_dim"),
            "max_position_embeddings": whole(config, "max_position_embeddings"),
            "vocab_size": whole(config, "vocab_size"),
            "type_vocab_size": 0,
        },
        name,
    )


def _encoder_head(config: Config, hidden: int, vocab: int) -> Head:
    """A masked-language head, a classifier on the first token, or a pooler alone."""
    built = str((listed(config, "architectures") or ["ForMaskedLM"])[0])
    dense = hidden * hidden
    if built.endswith("ForMaskedLM"):
        table = vocab * hidden
        shared = table if switch(config, "tie_word_embeddings", True) else 0
        return Head(dense + table, vocab, shared, vectors=3 * hidden + vocab)
    if built.endswith("ForSequenceClassification"):
        labels = _labels(config, 2)
        return Head(dense + hidden * labels, labels, vectors=hidden + labels, positions=1)
    if built.endswith("Model"):
        return Head(dense, hidden, vectors=hidden, positions=1)
    allowed = "…ForMaskedLM, …ForSequenceClassification or …Model"
    raise InputError("config: architectures", built, allowed)


def _t5(config: Config, name: str) -> Architecture:
    """T5: an encoder and a decoder without biases, positions by a small table of distances.

    The head is tied whatever the config says, as transformers 5 holds even the 1.1 weights.
    """
    hidden, heads = whole(config, "d_model"), whole(config, "num_heads")
    width, vocab = whole(config, "d_kv"), whole(config, "vocab_size")
    default = "gated-gelu" if config.get("model_type") == "mt5" else "relu"
    projection = word(config, "feed_forward_proj", default=default)
    activation = projection.removeprefix("gated-").replace("gelu", "gelu_new")
    feed_forward = FeedForward(
        hidden, whole(config, "d_ff"), projection.startswith("gated"), activation=activation
    )
    encoder = layer_count(config, "num_layers")
    buckets = optional(config, "relative_attention_num_buckets") or 32
    table = vocab * hidden
    attend = {
        causal: Attention(hidden, heads, heads, width, width, causal=causal)
        for causal in (True, False)
    }
    decoder = optional(config, "num_decoder_layers") or encoder
    return Architecture(
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


def _bart(config: Config, name: str) -> Architecture:
    """BART: an encoder and a decoder with biases, norms after each part and learned positions."""
    hidden, vocab = whole(config, "d_model"), whole(config, "vocab_size")

    def block(stack: Stack, sublayers: int) -> Block:
        """The layers of one stack."""
        heads = whole(config, f"{stack}_attention_heads")
        decodes = stack == "decoder"
        return Block(
            layer_count(config, f"{stack}_layers"),
            _biased_attention(hidden, heads, head_width(hidden, heads), causal=decodes),
            _biased_network(config, hidden, whole(config, f"{stack}_ffn_dim")),
            norms=2 * sublayers * hidden,
            norm="layer",
            norm_count=sublayers,
            cross=_biased_attention(hidden, heads, head_width(hidden, heads), causal=False)
            if decodes
            else None,
            stack=stack,
        )

    positions = whole(config, "max_position_embeddings") + 2
    table = vocab * hidden
    return Architecture(
        name=name,
        family="encoder-decoder",
        hidden=hidden,
        vocab=vocab,
        blocks=(block("encoder", 2), block("decoder", 3)),
        embedding_parameters=table + 2 * positions * hidden,
        head=Head(table, vocab, table if switch(config, "tie_word_embeddings", True) else 0),
        final_norms=4 * hidden,
    )


def _vit(config: Config, name: str) -> Architecture:
    """Vision Transformer: patches and a class token, whose last state is classified."""
    hidden, labels = whole(config, "hidden_size"), _labels(config, 2)
    distilled = config.get("model_type") == "deit"  # which adds a token for that
    patches = _patches(config, hidden, extra_tokens=2 if distilled else 1)
    return Architecture(
        name=name,
        family="vision",
        hidden=hidden,
        vocab=0,
        blocks=(_vision_block(config, hidden),),
        embedding_parameters=_patch_embedding(patches, hidden),
        head=Head(hidden * labels, labels, vectors=labels, positions=1),
        final_norms=2 * hidden,
        patches=patches,
    )


def _yolos(config: Config, name: str) -> Architecture:
    """YOLOS: a Vision Transformer with detection tokens, each classified and given a box."""
    hidden, labels = whole(config, "hidden_size"), _labels(config, 2) + 1
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
    width = head_width(hidden, heads)
    biased = switch(config, "qkv_bias", True)
    vectors = hidden + (3 * heads * width if biased else 0)
    attention = Attention(hidden, heads, heads, width, width, causal=False, vectors=vectors)
    network = _biased_network(config, hidden, whole(config, "intermediate_size"))
    return Block(layer_count(config, "num_hidden_layers"), attention, network, 4 * hidden, "layer")


def _patches(config: Config, hidden: int, extra_tokens: int) -> Patches:
    """How many patches an image has, and their projection."""
    (rows, columns), (tall, wide) = _pair(config, "image_size"), _pair(config, "patch_size")
    channels = optional(config, "num_channels") or 3
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


def _labels(config: Config, default: int) -> int:
    """Classes the model tells apart, by their number or their names."""
    names = config.get("id2label")
    if isinstance(names, Mapping) and "num_labels" not in config:
        return len(names)
    return optional(config, "num_labels") or default


READERS: dict[str, Callable[[Mapping[str, Any], str], Architecture]] = {
    "bert": _bert,
    "roberta": _bert,
    "xlm-roberta": _bert,
    "camembert": _bert,
    "distilbert": _distilbert,
    "t5": _t5,
    "mt5": _t5,
    "bart": _bart,
    "vit": _vit,
    "deit": _vit,
    "yolos": _yolos,
}
