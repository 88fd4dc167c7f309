"""Memory of one device: weights, gradients, optimizer, activations, logits and cache.

Activations are what autograd keeps for the backward pass, term by term: each product keeps its
input, attention its queries, keys, values and output, a norm its input, a function between products
its input. `kernels` says which operations exist:

- "fused": one norm kernel, one for the gate, flash attention;
- "sdpa": transformers' modules with PyTorch's fused attention: RMSNorm keeps a float32 copy and its
  normalised input, a gate both factors;
- "eager": the same with attention written out: keys repeated for every query head, scores kept.

With the first, a GPT layer keeps 32 s·b·h bytes and dropout's two masks 2 more: the 34 s·b·h of
Korthikanti et al. 2022, without its 5·a·s²·b. With the second, Llama-2-7B keeps 45.5 and
Llama-3.1-8B 49.0. Where transformers makes a mask (padded batches; tracing with fake tensors), each
layer keeps 2·b·s² more, 1.0 at 2,048 tokens, and repeats grouped keys, 3.0 in Llama-3.1-8B: 46.5
and 53.0. Dropout isn't counted.

What the allocator adds (fragments, workspaces) isn't known here; `RESERVE_SHARE` stands for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from costmodel.architecture import Architecture, Attention, Block, FeedForward
from costmodel.architecture_work import kv_cache_bytes, sequence_tokens
from data.errors import InputError

Kernels = Literal["fused", "sdpa", "eager"]
Checkpointing = Literal["none", "selective", "alternate", "full"]
Number = Any

BYTES_BY_PRECISION = {
    "float32": 4.0,
    "fp32": 4.0,
    "tf32": 4.0,
    "bfloat16": 2.0,
    "bf16": 2.0,
    "float16": 2.0,
    "fp16": 2.0,
    "amp": 2.0,
    "fp8": 1.0,
    "int8": 1.0,
    "fp4": 0.5 + 1 / 16,
    "int4": 0.5 + 1 / 64,
}
"""Bytes of one weight. Four-bit formats carry scales: one byte for 16 weights (NVFP4), two for 128
(GPTQ and AWQ)."""

OPTIMIZER_BYTES = {"adamw": 8.0, "adamw8bit": 2.0, "lion": 4.0, "momentum": 4.0, "sgd": 0.0}
"""Moments kept for one trained parameter."""

MASTER_BYTES = 4.0
"""Float32 copy of a weight that is computed with in 16 bits."""

LOGIT_BYTES = 14.0
"""Of one logit at the peak: 16-bit output, its float32 copy, the log-softmax and its gradient."""

RESERVE_SHARE = 0.08
"""Of the device's memory: driver context, communication buffers, fragments. Of 80 GB, 6."""

RECOMPUTED_SHARE = {"none": 0.0, "selective": 0.0, "alternate": 0.5, "full": 1.0}
"""Part of the layers whose forward pass is run again."""

FLOAT32_BYTES = 4.0

TENSORS_KEPT_BY = {"relu": 0, "gelu_new": 4, "gelu_fast": 4}
"""Tensors as wide as the feed-forward part that the function between the products keeps, beside its
result: its input (1) unless named here. ReLU needs only the result; GELU written out in elementary
operations keeps four, unless a kernel fuses them."""


@dataclass(frozen=True, slots=True)
class Sharding:
    """How a model is cut over devices.

    Attributes:
        data: replicas, over which ZeRO spreads: stage 1 optimizer states, 2 gradients too, 3 (or
            FSDP) weights too.
        sequence_parallel: whether tensor parallelism also cuts norms along the sequence.
        slices: parts of the model on each pipeline device (interleaved schedule).
    """

    data: int = 1
    tensor: int = 1
    pipeline: int = 1
    expert: int = 1
    zero_stage: Literal[0, 1, 2, 3] = 0
    sequence_parallel: bool = True
    slices: int = 1

    @property
    def devices(self) -> int:
        """Devices used; expert parallelism shares the data-parallel ones."""
        return self.data * self.tensor * self.pipeline


ONE_DEVICE = Sharding()


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes on one device by purpose."""

    weights: float
    gradients: float = 0.0
    optimizer: float = 0.0
    activations: float = 0.0
    logits: float = 0.0
    kv_cache: float = 0.0

    @property
    def total(self) -> float:
        """All of them."""
        state = self.weights + self.gradients + self.optimizer
        return state + self.activations + self.logits + self.kv_cache


def bytes_per_weight(precision: str) -> float:
    """Bytes of one weight of a matrix product.

    Raises:
        InputError: if the precision isn't known.
    """
    if precision not in BYTES_BY_PRECISION:
        raise InputError("precision", precision, f"one of {', '.join(BYTES_BY_PRECISION)}")
    return BYTES_BY_PRECISION[precision]


def weights_bytes(architecture: Architecture, precision: str = "bf16") -> float:
    """Weights as stored for inference.

    Below 16 bits the products of the layers are narrow; embedding, head, router and vectors stay in
    16, as published checkpoints and serving engines keep them.
    """
    width = bytes_per_weight(precision)
    if width >= 2:
        return architecture.parameters * width
    narrow = sum(block.count * _narrow_parameters(block) for block in architecture.blocks)
    return narrow * width + (architecture.parameters - narrow) * 2


def _narrow_parameters(block: Block) -> int:
    """Parameters of one layer that a narrow format holds."""
    return block.matmul_parameters - block.feed_forward.router_parameters * bool(
        block.feed_forward.experts
    )


def serving_memory(
    architecture: Architecture,
    batch: Number,
    context: Number,
    precision: str = "bf16",
    cache_bytes: float = 2,
    tensor: int = 1,
    pipeline: int = 1,
) -> Memory:
    """Memory of one of the devices that serve `batch` sequences of `context` tokens.

    Tensor parallelism cuts the cache by heads: no further than there are key-value heads, and not
    at all where keys are compressed (latent attention).
    """
    cache = kv_cache_bytes(architecture, batch, context, cache_bytes) / pipeline
    parts = tensor * pipeline
    logits = batch * architecture.head.outputs * 4.0 / tensor
    return Memory(
        weights_bytes(architecture, precision) / parts,
        activations=_decode_activations(architecture, batch),
        logits=logits,
        kv_cache=cache / cache_shards(architecture, tensor),
    )


def cache_shards(architecture: Architecture, tensor: int) -> int:
    """Into how many parts tensor parallelism can cut the cache."""
    attention = architecture.blocks[-1].attention
    return 1 if attention.kv_rank is not None else min(tensor, attention.kv_heads)


def _decode_activations(architecture: Architecture, batch: Number) -> float:
    """The widest layer's activations for one token of each sequence."""
    widest = max(block.feed_forward.width for block in architecture.blocks)
    return float(batch) * 2 * (4 * architecture.hidden + 3 * widest)


def training_memory(
    architecture: Architecture,
    batch: Number,
    tokens: Number | None = None,
    encoder_tokens: Number = 0,
    precision: str = "bf16",
    optimizer: str = "adamw",
    sharding: Sharding = ONE_DEVICE,
    checkpointing: Checkpointing = "none",
    kernels: Kernels = "fused",
    trainable_parameters: int | None = None,
    gradient_bytes: float = 4.0,
) -> Memory:
    """Memory of one device while it trains on `batch` sequences at a time.

    `trainable_parameters` are fewer than all in adapter training; gradients, float32 copies and
    moments are kept for those only. The first pipeline stage holds as many micro-batches as there
    are stages.
    """
    length = sequence_tokens(architecture, tokens)
    states = training_state(
        architecture, precision, optimizer, sharding, trainable_parameters, gradient_bytes
    )
    width = bytes_per_weight(precision)
    kept = activation_bytes(
        architecture, batch, length, encoder_tokens, width, checkpointing, kernels, sharding
    )
    answered = length if architecture.head.positions is None else architecture.head.positions
    logits = batch * answered * architecture.head.outputs * LOGIT_BYTES / sharding.tensor
    return Memory(states.weights, states.gradients, states.optimizer, kept, logits)


def training_state(
    architecture: Architecture,
    precision: str = "bf16",
    optimizer: str = "adamw",
    sharding: Sharding = ONE_DEVICE,
    trainable_parameters: int | None = None,
    gradient_bytes: float = 4.0,
) -> Memory:
    """Weights, gradients and optimizer of one device: 18 bytes a parameter in mixed AdamW.

    Raises:
        InputError: if the optimizer isn't known.
    """
    if optimizer not in OPTIMIZER_BYTES:
        raise InputError("optimizer", optimizer, f"one of {', '.join(OPTIMIZER_BYTES)}")
    width = bytes_per_weight(precision)
    share = 1.0 if trainable_parameters is None else trainable_parameters / architecture.parameters
    master = MASTER_BYTES if width < FLOAT32_BYTES else 0.0
    moments = OPTIMIZER_BYTES[optimizer] + master
    held = [parameters_per_device(architecture, sharding, stage) for stage in (3, 2, 1)]
    return Memory(held[0] * width, held[1] * share * gradient_bytes, held[2] * share * moments)


def parameters_per_device(
    architecture: Architecture, sharding: Sharding, from_stage: int = 4
) -> float:
    """Parameters of which one device holds something.

    ZeRO spreads them over the replicas from its stage `from_stage` on; experts only over the
    replicas of the same expert.
    """
    experts = sum(
        block.count * block.feed_forward.experts * block.feed_forward.network_parameters
        for block in architecture.blocks
    )
    spreads = sharding.zero_stage >= from_stage
    common = (architecture.parameters - experts) / (sharding.data if spreads else 1)
    routed = experts / (sharding.data if spreads else sharding.expert)
    return (common + routed) / (sharding.tensor * sharding.pipeline)


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

    With full checkpointing each layer keeps its input, and one layer at a time is recomputed; with
    alternate every other layer does. Selective checkpointing recomputes the scores of attention
    only (Korthikanti et al. 2022).
    """
    used = "sdpa" if checkpointing == "selective" and kernels == "eager" else kernels
    layers, inputs = [], []
    for block in architecture.blocks:
        length = encoder_tokens if block.stack == "encoder" else tokens
        layers.append(layer_activation_bytes(block, length, encoder_tokens, width, used, sharding))
        inputs.append(_sequence_share(width * block.attention.hidden * length, sharding))
    share = RECOMPUTED_SHARE[checkpointing]
    recomputed = max(layers) if share else 0
    trios = zip(architecture.blocks, layers, inputs, strict=True)
    kept = sum(block.count * (layer * (1 - share) + asked * share) for block, layer, asked in trios)
    return batch * (kept * _pipeline_share(sharding) + recomputed)


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
