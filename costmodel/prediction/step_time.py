"""Time of one step of a Transformer, from first principles and fitted efficiencies.

Matrix products take the softer maximum of arithmetic and of reading weights (a roofline without
its corner); attention, the traffic of activations, communication that computing doesn't hide, the
optimizer and fixed costs come on top. Every function takes numbers, or arrays with one value for
each case. Sources: Williams et al. 2009 (roofline); Dao 2023 (attention's backward pass has 2.5
times the forward's FLOPs); Rajbhandari et al. 2020 (what sharding gathers and scatters).
Left out: the order of kernels within a step, clocks that fall as a board warms up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelworth.costmodel.prediction.efficiency import Efficiency
from modelworth.costmodel.prediction.shape import (
    Device,
    Number,
    Shape,
    attention_flops,
    cache_elements,
    decode_attention_flops,
    experts_touched,
)

SOFTNESS = 2.5
"""Exponent that joins arithmetic and traffic: (a^p + t^p)^(1/p); ∞ is the sharp roofline."""
LOGITS_BYTES = 16
"""For each logit of a training step: 16-bit, its float32 copy, softmax and gradient."""
OPTIMIZER_BYTES = 28
"""For each parameter in mixed-precision AdamW: see `architecture_work.ADAMW_TRAFFIC_BYTES`."""
BACKWARD_ATTENTION = 2.5

Parts = dict[str, Number]


@dataclass(frozen=True)
class Training:
    """One training step, for one case or for arrays of them.

    Attributes:
        micro_batch: sequences in one pass on one data-parallel rank.
        accumulation: passes before the optimizer's step.
        gathers: how often sharding moves all parameters in one pass: 3 if weights are sharded, 2
            if only gradients and optimizer are, 2 each `accumulation` passes for plain data
            parallelism, 0 on one device.
        recomputed: share of the forward pass that is done again: 1 for full checkpointing.
        data, tensor, pipeline: degrees of parallelism.
    """

    micro_batch: Number
    tokens: Number
    accumulation: Number
    gathers: Number
    recomputed: Number
    data: Number
    tensor: Number
    pipeline: Number


def training_pass(shape: Shape, device: Device, fit: Efficiency, work: Training) -> Parts:
    """Seconds of one micro-batch, forward and backward, and its share of the optimizer's step."""
    tokens = work.micro_batch * work.tokens
    split = work.tensor * work.pipeline
    passes = 3 + work.recomputed
    attention = attention_flops(shape, work.tokens) * work.micro_batch
    attention = attention * (1 + BACKWARD_ATTENTION + work.recomputed)
    logits = shape.vocab * tokens * LOGITS_BYTES / work.tensor
    bandwidth = device.bandwidth_bytes_per_s * device.kernel_memory
    optimizer = shape.parameters * OPTIMIZER_BYTES / (work.data * split)
    parts = {
        "products": _products_s(shape, device, fit, tokens, tokens, split, passes),
        "attention": attention / split / _attention_rate(shape, device, fit),
        "activations": passes * _traffic_s(shape, device, fit, tokens) / split + logits / bandwidth,
        "communication": fit.exposed * _sharding_s(shape, device, fit, work)
        + 2 * passes / 3 * _tensor_s(shape, device, fit, tokens, work.tensor, work.pipeline),
        "optimizer": optimizer / bandwidth / work.accumulation,
        "fixed": passes * shape.layers / work.pipeline * fit.layer_s + fit.step_s,
    }
    bubble = (work.pipeline - 1) / np.maximum(work.accumulation, 1)
    return parts | {"bubble": bubble * sum(parts.values())}


def forward_pass(
    shape: Shape, device: Device, fit: Efficiency, sequences: Number, tokens: Number, tensor: Number
) -> Parts:
    """Seconds of one forward pass over whole sequences: an encoder, an image, a prefill.

    The head sees the tokens that the shape says, or the last one of each sequence where a decoder
    reads its prompt (`head_tokens` 1).
    """
    every = sequences * tokens
    answered = sequences * np.where(np.isnan(shape.head_tokens), tokens, shape.head_tokens)
    return {
        "products": _products_s(shape, device, fit, every, answered, tensor, 1),
        "attention": attention_flops(shape, tokens)
        * sequences
        / tensor
        / _attention_rate(shape, device, fit),
        "activations": _traffic_s(shape, device, fit, every) / tensor,
        "communication": _tensor_s(shape, device, fit, every, tensor, 1),
        "fixed": shape.layers * fit.layer_s,
    }


def decode_step(
    shape: Shape,
    device: Device,
    fit: Efficiency,
    sequences: Number,
    context: Number,
    tensor: Number,
) -> Parts:
    """Seconds until each of `sequences`, which hold `context` tokens, has one more.

    Weights are read once for all; the cache is read for each, and tensor parallelism divides it by
    no more than the key-value heads there are.
    """
    split = np.minimum(tensor, np.maximum(shape.cache_split, 1))
    cache = sequences * cache_elements(shape, context) * device.cache_bytes / split
    pairs = sequences * decode_attention_flops(shape, context) / tensor
    read_s = cache / (device.bandwidth_bytes_per_s * fit.cache)
    return {
        "products": _products_s(shape, device, fit, sequences, sequences, tensor, 1),
        "attention": _soft_max(read_s, pairs / _attention_rate(shape, device, fit)),
        "communication": _tensor_s(shape, device, fit, sequences, tensor, 1),
        "fixed": shape.layers * fit.layer_s + fit.step_s + sequences * fit.sequence_s,
    }


def total_s(parts: Parts) -> Number:
    """Seconds of all parts."""
    return sum(parts.values())


def _products_s(
    shape: Shape,
    device: Device,
    fit: Efficiency,
    tokens: Number,
    answered: Number,
    split: Number,
    passes: Number,
) -> Number:
    """Matrix products over `tokens`, the head over `answered`; dense ones and experts apart."""
    narrow = 1 / (1 + fit.narrow_width / shape.width)
    bandwidth = device.bandwidth_bytes_per_s * device.kernel_memory * fit.memory * split
    rate = device.dense_flops_per_s * device.kernel_compute * fit.compute * narrow * split
    flops = 2 * (shape.dense_parameters * tokens + shape.head_parameters * answered)
    read = shape.dense_parameters * device.dense_bytes
    read = read + shape.head_parameters * np.maximum(device.dense_bytes, 2)
    dense_s = _soft_max(flops * passes / rate, read * passes / bandwidth)
    expert_rate = device.expert_flops_per_s * device.kernel_expert_compute * fit.compute * split
    routed = 2 * shape.expert_parameters * shape.experts_per_token * tokens
    touched = shape.expert_parameters * experts_touched(shape, tokens) * device.expert_bytes
    experts_s = _soft_max(
        routed * passes / (expert_rate * fit.experts_compute),
        touched * passes / (bandwidth * fit.experts_memory),
    )
    touched_s = experts_touched(shape, tokens) * fit.expert_s
    return dense_s + experts_s + passes * shape.expert_layers * (fit.expert_layer_s + touched_s)


def _attention_rate(shape: Shape, device: Device, fit: Efficiency) -> Number:
    """FLOP/s of attention; narrow heads fill the matrix units less."""
    return device.attention_flops_per_s * fit.attention / (1 + fit.narrow_head / shape.head_dim)


def _traffic_s(shape: Shape, device: Device, fit: Efficiency, tokens: Number) -> Number:
    """Activations read and written by one forward pass."""
    bytes_moved = device.activation_bytes * shape.traffic_elements * tokens * fit.traffic
    return bytes_moved / (device.bandwidth_bytes_per_s * device.kernel_memory)


def _tensor_s(
    shape: Shape,
    device: Device,
    fit: Efficiency,
    tokens: Number,
    tensor: Number,
    pipeline: Number,
) -> Number:
    """All-reduces of tensor parallelism: two a layer, of 16-bit activations."""
    moved = 2 * (tensor - 1) / tensor * tokens * shape.width * 2
    within = np.minimum(tensor, device.devices_per_node)
    crossing = tensor > device.devices_per_node
    link = np.where(crossing, device.network_bytes_per_s, device.link_bytes_per_s)
    latency = fit.collective_latency_s * np.log2(np.maximum(tensor, 2))
    each = latency * np.where(crossing, tensor / within, 1) + moved / (link * fit.collective)
    return np.where(tensor > 1, 2 * shape.layers / pipeline * each, 0.0)


def _sharding_s(shape: Shape, device: Device, fit: Efficiency, work: Training) -> Number:
    """Gathering weights and scattering gradients of one pass, in 16 bits.

    Within a node each device takes part in a ring over its link; between nodes the node's devices
    share one ring, so each device's network carries its share of the payload. A layer's collective
    takes a hop's latency for each further node of the ring.
    """
    payload = 2 * shape.parameters / (work.tensor * work.pipeline) * work.gathers
    per_node = np.maximum(device.devices_per_node / work.tensor, 1)
    local = np.minimum(work.data, per_node)
    nodes = np.maximum(work.data / per_node, 1)
    inside = payload * (1 - 1 / np.maximum(local, 1)) / device.link_bytes_per_s
    across = payload * (1 - 1 / nodes) / (device.network_bytes_per_s * per_node)
    hops = work.gathers * shape.layers / work.pipeline * (nodes - 1)
    return np.maximum(inside, across) / fit.collective + hops * fit.collective_latency_s


def _soft_max(one: Number, other: Number) -> Number:
    """Roofline with a rounded corner; never under the larger, never over their sum."""
    larger = np.maximum(np.maximum(one, other), 1e-30)
    return larger * ((one / larger) ** SOFTNESS + (other / larger) ** SOFTNESS) ** (1 / SOFTNESS)
