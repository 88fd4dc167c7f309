"""What a forward pass leaves for the backward pass, term by term.

Each product keeps its input, attention its queries, keys, values and output, a norm its input, a
function between products its input. `kernels` says which operations exist:

- "fused": one norm kernel, one for the gate, flash attention;
- "sdpa": transformers' modules with PyTorch's fused attention: RMSNorm keeps a float32 copy and its
  normalised input, a gate both factors;
- "eager": the same with attention written out: keys repeated for every query head, scores kept.

With the first, a GPT layer keeps 32 s·b·h bytes and dropout's two masks 2 more: the 34 s·b·h of
Korthikanti et al. 2022, without its 5·a·s²·b. With the second, Llama-2-7B keeps 45.5 and
Llama-3.1-8B 49.0. Where transformers makes a mask (padded batches; tracing with fake tensors), each
layer keeps 2·b·s² more, 1.0 at 2,048 tokens, and repeats grouped keys, 3.0 in Llama-3.1-8B: 46.5
and 53.0. Dropout isn't counted.
"""

from __future__ import annotations

from typing import Any, Literal

from modelworth.costmodel.architecture.sharding import ONE_DEVICE, Sharding
from modelworth.costmodel.architecture.structure import Architecture, Attention, Block, FeedForward

Kernels = Literal["fused", "sdpa", "eager"]
Checkpointing = Literal["none", "selective", "alternate", "full"]
Number = Any

RECOMPUTED_SHARE = {"none": 0.0, "selective": 0.0, "alternate": 0.5, "full": 1.0}
"""Part of the layers whose forward pass is run again."""

FLOAT32_BYTES = 4.0

TENSORS_KEPT_BY = {"relu": 0, "gelu_new": 4, "gelu_fast": 4}
"""Tensors as wide as the feed-forward part that the function between the products keeps, beside its
result: its input (1) unless named here. ReLU needs only the result; GELU written out in elementary
operations keeps four, unless a kernel fuses them."""


def activation_bytes(
    architecture: Architecture,
    batch: Number,
    tokens: Number,
    encoder_tokens: Number = 0,
    width: float = 2,
    checkpointing: Checkpointing = "none",
    kernels: Kernels = "fused",
    sharding: Sharding = ONE_DEVICE,
) -> Number:
    """Bytes kept for the backward pass on one device, the head's logits left out.

    With full checkpointing each layer keeps its input; with alternate every other layer does.
    Selective checkpointing recomputes the scores of attention only (Korthikanti et al. 2022).
    """
    used = "sdpa" if checkpointing == "selective" and kernels == "eager" else kernels
    share = RECOMPUTED_SHARE[checkpointing]
    kept: Number = 0
    for block in architecture.blocks:
        length = encoder_tokens if block.stack == "encoder" else tokens
        layer = layer_activation_bytes(block, length, encoder_tokens, width, used, sharding)
        asked = _sequence_share(width * block.attention.hidden * length, sharding)
        kept += block.count * (layer * (1 - share) + asked * share)
    return batch * kept * _pipeline_share(sharding)


def largest_layer_bytes(
    architecture: Architecture,
    tokens: Number,
    encoder_tokens: Number,
    width: float,
    kernels: Kernels,
    sharding: Sharding,
) -> Number:
    """Activations of the largest layer for one sequence: what recomputation brings back."""
    return max(
        layer_activation_bytes(
            block,
            encoder_tokens if block.stack == "encoder" else tokens,
            encoder_tokens,
            width,
            kernels,
            sharding,
        )
        for block in architecture.blocks
    )


def _pipeline_share(sharding: Sharding) -> float:
    """Layers' activations on the first stage over those of a whole pass.

    It holds 1/p of the layers for p micro-batches; interleaved by v slices (p − 1)/(p·v) more
    (Korthikanti et al. 2022, equation 4).
    """
    stages, slices = sharding.pipeline, sharding.slices
    return 1.0 if slices == 1 else 1 + (stages - 1) / (stages * slices)


def layer_activation_bytes(
    block: Block,
    tokens: Number,
    encoder_tokens: Number = 0,
    width: float = 2,
    kernels: Kernels = "fused",
    sharding: Sharding = ONE_DEVICE,
) -> Number:
    """Bytes that one layer keeps for one sequence."""
    whole = _norm_bytes(block, width, kernels) * block.attention.hidden * tokens
    cut = _feed_forward_bytes(block.feed_forward, width, kernels) * tokens
    for attention, seen in ((block.attention, tokens), (block.cross, encoder_tokens)):
        if attention is not None:
            cut += _attention_bytes(attention, tokens, seen, width, kernels)
            if kernels == "eager":
                cut += attention.heads * _score_bytes(block, width) * tokens * seen
    return _sequence_share(whole, sharding) + cut / sharding.tensor


def _sequence_share(replicated: Number, sharding: Sharding) -> Number:
    """Bytes along the residual stream, cut by tensor parallelism only along the sequence."""
    return replicated / (sharding.tensor if sharding.sequence_parallel else 1)


def _norm_bytes(block: Block, width: float, kernels: Kernels) -> float:
    """Bytes per number of the residual stream: norms, and the products' inputs they make."""
    sublayers = 2 if block.cross is None else 3
    inputs = min(block.norm_count, sublayers) * width
    if block.norm == "layer" or kernels == "fused":
        return inputs + block.norm_count * width
    scaled = FLOAT32_BYTES if block.norm == "rms_float32" else width
    return inputs + block.norm_count * (FLOAT32_BYTES + scaled)


def _attention_bytes(
    attention: Attention, tokens: Number, seen: Number, width: float, kernels: Kernels
) -> Number:
    """Queries, keys, values, output; compressed vectors; norms of queries and keys."""
    heads = attention.heads if kernels == "eager" else attention.kv_heads
    asked = attention.heads * (attention.head_dim + attention.value_dim)
    kept = width * (asked * tokens + heads * (attention.head_dim + attention.value_dim) * seen)
    ranks = (attention.kv_rank or 0) + (attention.q_rank or 0)
    norm = width if kernels == "fused" else FLOAT32_BYTES + width
    kept += ranks * (norm + width) * tokens
    if attention.qk_norm:
        kept += norm * (attention.heads + attention.kv_heads) * attention.head_dim * tokens
    return kept


def _score_bytes(block: Block, width: float) -> float:
    """Bytes of one score after the softmax; transformers' RMSNorm families take it in float32."""
    upcast = block.norm != "layer" and width < FLOAT32_BYTES
    return width + (FLOAT32_BYTES if upcast else 0.0)


def _feed_forward_bytes(feed_forward: FeedForward, width: float, kernels: Kernels) -> float:
    """Bytes per token: each product's input, the function's, both factors of a gate.

    A fused kernel makes a gate's first factor again. An expert also keeps its own copy of the token
    and its unweighted output.
    """
    function = TENSORS_KEPT_BY.get(feed_forward.activation, 1)
    if kernels == "fused":
        kept = 1 + min(function, 1) + feed_forward.gated
    else:
        kept = 1 + function + 2 * feed_forward.gated
    if not feed_forward.experts:
        return width * kept * feed_forward.width
    routed = feed_forward.experts_per_token * (kept * feed_forward.width + 2 * feed_forward.hidden)
    return width * (routed + kept * feed_forward.shared_width)
