"""What a step of a Transformer has to do: FLOPs, and the cache it keeps.

FLOPs are a multiply and an add each, of matrix products only: 2 × parameters used × tokens, plus
2 × heads × (key width + value width) for each pair of a query and a position. With `pairs="full"`
a query meets every position, masked or not: 4·b·s²·h·L, what FLOP counters see and what most
published utilisation figures take. With `pairs="seen"` only those that the mask lets through count:
half of them in causal attention, s·W − W²/2 in a sliding window of W. With `pairs="reach"` every
query meets as many as the last one does: windows and choices count, the causal half doesn't, which
is how training FLOPs of windowed and indexed models are published.

Model FLOPs count the mathematics once: recomputation isn't in them. Norms, activations, softmax
and the optimizer's arithmetic are left out.

Tokens and batches may be numbers or numpy arrays.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from modelworth.costmodel.architecture.structure import Architecture, Attention, Block
from modelworth.data.errors import InputError

Pairs = Literal["full", "reach", "seen"]
Number = Any  # a float, an int or a numpy array of them: formulas are the same


def sequence_tokens(architecture: Architecture, tokens: Number | None = None) -> Number:
    """Tokens of one sequence: as given, or what an image is cut into.

    Raises:
        ValueError: if neither says.
    """
    if tokens is not None:
        return tokens
    if architecture.patches is None:
        raise ValueError(f"{architecture.name}: the number of tokens must be given")
    return architecture.patches.tokens


def forward_flops(
    architecture: Architecture,
    batch: Number,
    tokens: Number | None = None,
    encoder_tokens: Number = 0,
    pairs: Pairs = "full",
) -> Number:
    """FLOPs of one pass over whole sequences; images need no `tokens`.

    `tokens` are those of a sequence in the decoder, or in the only stack; `encoder_tokens` those of
    its source in an encoder-decoder.
    """
    tokens = sequence_tokens(architecture, tokens)
    flops = _head_flops(architecture, tokens)
    if architecture.patches is not None:
        flops += 2 * architecture.patches.matmul_parameters * architecture.patches.count
    for block in architecture.blocks:
        length = encoder_tokens if block.stack == "encoder" else tokens
        flops += block.count * _block_flops(block, length, encoder_tokens, pairs)
    return batch * flops


def training_flops(
    architecture: Architecture,
    batch: Number,
    tokens: Number | None = None,
    pairs: Pairs = "full",
) -> Number:
    """Model FLOPs of a forward and backward pass: three times the forward one."""
    return 3 * forward_flops(architecture, batch, tokens, pairs=pairs)


def image_tokens(architecture: Architecture, side: int) -> tuple[int, float | None]:
    """Tokens of a prompt for one image of `side` × `side` pixels, and the tower's FLOPs for it.

    FLOPs are None where the description holds the tower as one part.

    Raises:
        InputError: if the model doesn't see, or the tokens of an image aren't known.
    """
    name = architecture.name
    if not architecture.towers and not any("tower" in part for part, _ in architecture.uncounted):
        raise InputError("--images", name, "a model with a tower: this one takes text alone")
    for tower in architecture.towers:
        tokens = tower.tokens
        if tokens is None and tower.pixels is not None:
            tokens = (-(-side // tower.pixels)) ** 2
        if tokens:
            if tower.architecture.hidden == 1:
                return tokens, None
            return tokens, float(forward_flops(tower.architecture, 1, 0, tokens * tower.merged))
    advice = "add their tokens to --sequence"
    raise InputError("--images", f"{name}, whose tokens for an image aren't known", advice=advice)


def prediction_flops(architecture: Architecture, tokens: Number, pairs: Pairs = "full") -> Number:
    """FLOPs of one pass of the layers that predict further tokens, each with the head."""
    flops: Number = 0
    for block in architecture.prediction_layers:
        layer = _block_flops(block, tokens, 0, pairs)
        flops += block.count * (layer + 2 * architecture.head.matmul_parameters * tokens)
    return flops


def decode_flops(
    architecture: Architecture, batch: Number, context: Number, encoder_tokens: Number = 0
) -> Number:
    """FLOPs of one more token for each of `batch` sequences that hold `context` tokens.

    Pairs are those seen. An encoder-decoder's encoder doesn't run, and its keys are kept.
    """
    flops = 2 * architecture.head.matmul_parameters
    for block in architecture.blocks:
        if block.stack == "encoder":
            continue
        attention = block.attention
        products = attention.matmul_parameters + block.feed_forward.active_matmul_parameters
        layer = 2 * (products + block.residual) + attention.token_flops
        layer += attention.cached_pair_flops * _seen(attention, context + 1)
        layer += attention.far_pair_flops * (context + 1)
        layer += attention.picked_pair_flops * _least(context + 1, attention.picked)
        if block.cross is not None:
            layer += 2 * block.cross.query_parameters + block.cross.pair_flops * encoder_tokens
        flops += block.count * layer
    return batch * flops


def kv_cache_bytes(
    architecture: Architecture,
    batch: Number,
    context: Number,
    bytes_per_element: float = 2,
    encoder_tokens: Number = 0,
) -> Number:
    """Keys, values and states of `batch` sequences of `context` tokens.

    A layer with a sliding window keeps no more than its window; one that attends to an encoder
    keeps the encoder's keys and values too; a recurrence keeps its state, whatever the length.
    Encoders and images keep none.
    """
    elements: Number = 0
    for block in architecture.blocks:
        attention = block.attention
        if block.stack == "decoder" and attention.causal:
            near = attention.cache_elements * _least(context, attention.window)
            layer = near + attention.far_cached * context + attention.state
            elements += block.count * layer
        if block.cross is not None:
            elements += block.count * block.cross.cache_elements * encoder_tokens
    return batch * elements * bytes_per_element


def _block_flops(block: Block, tokens: Number, encoder_tokens: Number, pairs: Pairs) -> Number:
    """FLOPs of one layer for one sequence."""
    attention, cross = block.attention, block.cross
    products = attention.matmul_parameters + block.feed_forward.active_matmul_parameters
    flops = (2 * (products + block.residual) + attention.token_flops) * tokens
    flops += attention.sequence_flops + attention.pair_flops * _pairs(attention, tokens, pairs)
    flops += attention.far_pair_flops * _met(attention, tokens, None, pairs)
    flops += attention.picked_pair_flops * _met(attention, tokens, attention.picked, pairs)
    if cross is not None:
        flops += 2 * cross.query_parameters * tokens + 2 * cross.key_parameters * encoder_tokens
        flops += cross.pair_flops * tokens * encoder_tokens
    return flops


def _head_flops(architecture: Architecture, tokens: Number) -> Number:
    """FLOPs of the head for one sequence."""
    head = architecture.head
    return 2 * head.matmul_parameters * (tokens if head.positions is None else head.positions)


def _pairs(attention: Attention, tokens: Number, pairs: Pairs) -> Number:
    """Pairs of a query and a position in one sequence."""
    if pairs == "full" or not attention.causal:
        return tokens * tokens
    return _within(tokens, _seen(attention, tokens), pairs)


def _met(attention: Attention, tokens: Number, most: int | None, pairs: Pairs) -> Number:
    """Pairs of a query and a position of the far past, of which it meets `most`."""
    if pairs == "full" or not attention.causal:
        return tokens * tokens
    return _within(tokens, _least(tokens, most), pairs)


def _within(tokens: Number, reach: Number, pairs: Pairs) -> Number:
    """Pairs where the last query meets `reach` positions."""
    return tokens * reach - (reach * reach / 2 if pairs == "seen" else 0)


def _seen(attention: Attention, tokens: Number) -> Number:
    """How many of `tokens` positions the last one attends to."""
    return _least(_least(tokens, attention.window), attention.chosen)


def _least(tokens: Number, limit: int | None) -> Number:
    """`tokens`, or the limit where there is one and it is less."""
    if limit is None:
        return tokens
    return np.minimum(tokens, limit) if isinstance(tokens, np.ndarray) else min(tokens, limit)
