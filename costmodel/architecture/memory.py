"""Memory of one device: weights, gradients, optimizer, activations, logits and cache.

Activations come from `activations`. What the allocator adds (fragments, workspaces) isn't known
here; `RESERVE_SHARE` stands for it. By this count all 148 published training steps of MPT models,
which use fused kernels and did fit, do fit: the fullest takes 98% of what is left.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from modelworth.costmodel.architecture.activations import (
    FLOAT32_BYTES,
    RECOMPUTED_SHARE,
    Checkpointing,
    Kernels,
    activation_bytes,
    largest_layer_bytes,
)
from modelworth.costmodel.architecture.gguf_file import as_gguf, is_preset
from modelworth.costmodel.architecture.sharding import ONE_DEVICE, Sharding
from modelworth.costmodel.architecture.structure import Architecture, Block
from modelworth.costmodel.architecture.work import kv_cache_bytes, sequence_tokens
from modelworth.data.errors import InputError
from modelworth.data.weight_formats import weight_format

Number = Any

OPTIMIZER_BYTES = {"adamw": 8.0, "adamw8bit": 2.0, "lion": 4.0, "momentum": 4.0, "sgd": 0.0}
"""Moments kept for one trained parameter."""

MASTER_BYTES = 4.0
"""Float32 copy of a weight that is computed with in 16 bits."""

LOGIT_BYTES: dict[Kernels, float] = {"fused": 4.0, "sdpa": 14.0, "eager": 14.0}
"""Of one logit at the peak. A fused loss holds the 16-bit logit and its gradient; otherwise there
are the 16-bit output, its float32 copy, the log-softmax and its gradient."""

GATHERED_LAYERS = 2
"""Layers whose weights FSDP holds whole: the one at work and the next."""

RESERVE_SHARE = 0.08
"""Of the device's memory: driver context, communication buffers, fragments. Of 80 GB, 6."""


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

    @property
    def parts(self) -> dict[str, float]:
        """Each purpose's bytes, by its name."""
        return {one.name: float(getattr(self, one.name)) for one in fields(self)}


def bytes_per_weight(precision: str) -> float:
    """Bytes of one weight of a matrix product.

    Raises:
        InputError: if the precision isn't known.
    """
    return weight_format(precision).bits / 8


def weights_bytes(architecture: Architecture, precision: str = "bf16") -> float:
    """Weights as stored for inference.

    At the checkpoint's own precision they are what its files say, part by part. Otherwise, below 16
    bits the products of the layers are narrow; embedding, head, router and vectors stay in 16, as
    published checkpoints and serving engines keep them. A preset of GGUF files has its own mix.
    """
    if is_preset(precision):
        architecture = as_gguf(architecture, precision)
    held = architecture.stored
    if held is not None and (is_preset(precision) or precision == held.precision):
        return held.weights_bytes
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
    return min(tensor, architecture.cache_heads)


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
    outputs = answered * architecture.head.outputs
    logits = batch * outputs * LOGIT_BYTES[kernels] / sharding.tensor
    if RECOMPUTED_SHARE[checkpointing]:
        # The logits are gone before the first layer is recomputed: whichever is larger counts.
        layer = largest_layer_bytes(architecture, length, encoder_tokens, width, kernels, sharding)
        kept = kept + np.maximum(batch * layer - logits, 0)
    weights = states.weights + _gathered_bytes(architecture, width, sharding)
    return Memory(weights, states.gradients, states.optimizer, kept, logits)


def _gathered_bytes(architecture: Architecture, width: float, sharding: Sharding) -> float:
    """Whole weights that FSDP holds while it works on a layer."""
    if sharding.zero_stage < 3 or sharding.data == 1:
        return 0.0
    largest = max(block.parameters for block in architecture.blocks)
    whole = min(GATHERED_LAYERS * largest, architecture.parameters) * width / sharding.tensor
    return whole * (1 - 1 / sharding.data)


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
