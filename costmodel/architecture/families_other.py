"""Architectures that aren't decoders alone: encoders, encoder-decoders, images, detection.

Each reader turns a transformers config into an `Architecture`, with transformers' defaults. Which
head an encoder carries is read from the config's `architectures`: a masked-language head (the
default), a classifier on the first token, or none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class Encoder:
    """How a family of encoders departs from BERT.

    Attributes:
        positions: whether there is a table of positions.
        types: rows for kinds of segments, unless the config says; None: there are never any.
        biased: whether products are followed by a bias.
        gated: whether the network has a gate.
        distances: whether there is a table of distances, one row for all heads.
        narrow: whether tokens are embedded in a width of their own.
    """

    positions: bool = True
    types: int | None = 2
    biased: bool = True
    gated: bool = False
    distances: bool = False
    narrow: bool = False


ENCODERS: dict[str, Encoder] = {
    **dict.fromkeys(("bert", "roberta", "xlm-roberta", "camembert", "distilbert"), Encoder()),
    **dict.fromkeys(("data2vec-text", "ernie", "megatron-bert"), Encoder()),
    "electra": Encoder(narrow=True),
    "mpnet": Encoder(types=None, distances=True),
    "nomic_bert": Encoder(positions=False, biased=False, gated=True),
}
SEVERAL_HEADS = ("bert", "roberta", "xlm-roberta", "camembert", "distilbert")
"""Types whose classes for classification and without a head are read, too."""


def _bert(config: Config, name: str) -> Architecture:
    """BERT and its kin: an encoder, and mostly a table of positions."""
    hidden = whole(config, "hidden_size")
    heads, vocab = whole(config, "num_attention_heads"), whole(config, "vocab_size")
    kin = ENCODERS[config.get("model_type") or "bert"]
    width = head_width(hidden, heads)
    attention = _biased_attention(hidden, heads, width, causal=False)
    network = _biased_network(config, hidden, whole(config, "intermediate_size"))
    if not kin.biased:
        attention = replace(attention, vectors=0)
        network = replace(network, vectors=0, gated=kin.gated)
    block = Block(
        layer_count(config, "num_hidden_layers"), attention, network, norms=4 * hidden, norm="layer"
    )
    wide = whole(config, "embedding_size") if kin.narrow else hidden
    rows = vocab + (whole(config, "max_position_embeddings") if kin.positions else 0)
    if kin.types is not None:
        types = optional(config, "type_vocab_size")
        rows += kin.types if types is None else types
    if switch(config, "use_task_id", False):
        rows += whole(config, "task_type_vocab_size")
    head = _encoder_head(config, hidden, vocab, wide)
    if wide != hidden:
        head = replace(
            head,
            matmul_parameters=head.matmul_parameters + wide * hidden,
            vectors=head.vectors + hidden,
        )
    buckets = optional(config, "relative_attention_num_buckets") or 32
    return Architecture(
        name=name,
        family="encoder",
        hidden=hidden,
        vocab=vocab,
        blocks=(block,),
        embedding_parameters=rows * wide + buckets * heads * kin.distances,
        head=head,
        final_norms=2 * wide,
    )


def _modernbert(config: Config, name: str) -> Architecture:
    """ModernBERT: rotary positions, gated networks, a window in two of three layers.

    The first layer has no norm before its attention. A window spares nothing here: transformers
    and the counters go over all pairs, and so does reading.
    """
    hidden, vocab = whole(config, "hidden_size"), whole(config, "vocab_size")
    heads, width = whole(config, "num_attention_heads"), whole(config, "intermediate_size")
    norm = hidden * (1 + switch(config, "norm_bias", False))
    each = head_width(hidden, heads)
    attention = Attention(hidden, heads, heads, each, each, causal=False)
    if switch(config, "attention_bias", False):
        attention = replace(attention, vectors=4 * hidden)
    bias = switch(config, "mlp_bias", False) * (2 * width + hidden)
    network = FeedForward(hidden, width, gated=True, activation="gelu", vectors=bias)
    layers = layer_count(config, "num_hidden_layers")
    first = Block(1, attention, network, norm, "layer", 1)
    rest = Block(layers - 1, attention, network, 2 * norm, "layer")
    built = str((listed(config, "architectures") or ["ForMaskedLM"])[0])
    if not built.endswith("ForMaskedLM"):
        raise InputError("config: architectures", built, "…ForMaskedLM, or built: inspect FILE")
    table = vocab * hidden
    shared = table if switch(config, "tie_word_embeddings", True) else 0
    vectors = norm + vocab * switch(config, "decoder_bias", True)
    vectors += hidden * switch(config, "classifier_bias", False)
    return Architecture(
        name=name,
        family="encoder",
        hidden=hidden,
        vocab=vocab,
        blocks=(first, rest) if layers > 1 else (first,),
        embedding_parameters=table,
        head=Head(hidden**2 + table, vocab, shared, vectors=vectors),
        final_norms=2 * norm,
    )


def _distilbert(config: Config, name: str) -> Architecture:
    """DistilBERT, in BERT's words."""
    return _bert(
        {
            "model_type": "distilbert",
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


def _encoder_head(config: Config, hidden: int, vocab: int, wide: int) -> Head:
    """A masked-language head of that width, a classifier on the first token, or a pooler."""
    built = str((listed(config, "architectures") or ["ForMaskedLM"])[0])
    dense = hidden * wide
    if built.endswith("ForMaskedLM"):
        table = vocab * wide
        tied = switch(config, "tie_word_embeddings", True)
        biases = 1 if tied or config.get("model_type") == "electra" else 2  # one beside the table's
        return Head(dense + table, vocab, table * tied, vectors=3 * wide + biases * vocab)
    if config.get("model_type", "bert") not in SEVERAL_HEADS:
        raise InputError("config: architectures", built, "…ForMaskedLM, or built: inspect FILE")
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
    **dict.fromkeys(ENCODERS, _bert),
    **dict.fromkeys(BART_KIN, _bart),
    "distilbert": _distilbert,
    "modernbert": _modernbert,
    "whisper": _whisper,
    "t5": _t5,
    "mt5": _t5,
    "vit": _vit,
    "deit": _vit,
    "yolos": _yolos,
}
