"""Encoder-decoders: T5, BART and its kin, Whisper.

Each reader turns a transformers config into an `Architecture`, with transformers' defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from modelworth.costmodel.architecture.encoder_parts import (
    biased_attention,
    biased_network,
)
from modelworth.costmodel.architecture.heads import named_class, require_class
from modelworth.costmodel.architecture.keys import (
    Config,
    NotReadError,
    head_width,
    layer_count,
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
    Stack,
)


def _t5(config: Config, name: str) -> Architecture:
    """T5: an encoder and a decoder without biases, positions by a small table of distances.

    The head is tied whatever the config says, as transformers 5 holds even the 1.1 weights.
    """
    hidden, heads = whole(config, "d_model"), whole(config, "num_heads")
    width, vocab = whole(config, "d_kv"), whole(config, "vocab_size")
    feed_forward = _t5_network(config, hidden)
    encoder = layer_count(config, "num_layers")
    buckets = sized(config, "relative_attention_num_buckets") or 32
    table = vocab * hidden
    attend = {
        causal: Attention(hidden, heads, heads, width, width, causal=causal)
        for causal in (True, False)
    }
    decoder = sized(config, "num_decoder_layers") or encoder
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


def _t5_network(config: Config, hidden: int) -> FeedForward:
    """T5's network, of which one word says gate and activation."""
    default = "gated-gelu" if config.get("model_type") == "mt5" else "relu"
    projection = word(config, "feed_forward_proj", default=default)
    activation = projection.removeprefix("gated-").replace("gelu", "gelu_new")
    gated = switch(config, "is_gated_act", projection.startswith("gated"))
    return FeedForward(hidden, whole(config, "d_ff"), gated, activation=activation)


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
        raise NotReadError(key, False, "true")

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
        raise NotReadError("config: tie_word_embeddings", False, "true")
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


READERS: dict[str, Callable[[Mapping[str, Any], str], Architecture]] = {
    **dict.fromkeys(BART_KIN, _bart),
    "whisper": _whisper,
    "t5": _t5,
    "mt5": _t5,
}
