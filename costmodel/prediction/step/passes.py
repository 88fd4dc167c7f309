"""Time of one pass of a Transformer on its devices: the one step model that everything uses.

Matrix products take the softer maximum of arithmetic and of reading weights (a roofline without
its corner); attention, cache, activations, scaling to narrow formats, communication that computing
doesn't hide and fixed times come on top. Where a host launches every kernel, a pass takes no less
than the launching: (device⁴ + host⁴)^¼. Every function takes numbers, or arrays with one value for
each case. Sources: Williams et al. 2009 (roofline); Dao 2023 (attention's backward pass has 2.5
times the forward's FLOPs). Left out: the order of kernels, clocks that fall as a board warms up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelworth.costmodel.prediction.step.coefficients import Coefficients
from modelworth.costmodel.prediction.step.communication import all_reduces_s, all_to_all_s, stages_s
from modelworth.costmodel.prediction.step.device import Device
from modelworth.costmodel.prediction.step.model import (
    Number,
    Shape,
    attention_flops,
    cache_elements,
    decode_attention_flops,
    experts_touched,
)

SOFTNESS = 2.5
"""Exponent that joins arithmetic and traffic: (a^p + t^p)^(1/p); ∞ is the sharp roofline."""
HOST_SOFTNESS = 4.0
MOST_OF_PEAK = 0.98
"""No product reaches more of the datasheet's rate, nor any read more of the bandwidth."""

Parts = dict[str, Number]


@dataclass(frozen=True)
class Inference:
    """What one pass of a server or an encoder holds.

    Attributes:
        decoding: sequences that get their next token.
        context: tokens that each of them holds.
        prompts: prompts read in this pass, each of `prompt` fresh tokens.
        cached: tokens of each prompt that a prefix cache holds already.
        tensor: devices that share every product.
        attention_data: of these, replicas between which sequences are divided in attention.
        unfused: 1 where attention writes its scores to memory.
        ungrouped: 1 where every query head reads the cache that its group shares for itself.
        checked: tokens of a sequence that one decode pass checks (speculative decoding), else 1.
        stages: of a pipeline that the layers are divided between.
        near: 1 where all devices share a node.
    """

    decoding: Number
    context: Number
    prompts: Number
    prompt: Number
    tensor: Number
    cached: Number = 0.0
    attention_data: Number = 1.0
    unfused: Number = 0.0
    ungrouped: Number = 0.0
    checked: Number = 1.0
    stages: Number = 1.0
    near: Number = 1.0


def inference_pass(shape: Shape, device: Device, fit: Coefficients, work: Inference) -> Parts:
    """Seconds of one pass over fresh prompts and decoding sequences together.

    Weights are read once for all; the cache is read for each sequence, and tensor parallelism
    divides it by no more than the key-value heads there are. Passes that read prompts are launched
    by the host, kernel by kernel; those that only decode run as one graph. A pipeline's groups of
    sequences follow each other at the pace of its slowest stage, the last one, which has the head
    and waits for sampling and scheduling: so a group's pass takes as if each stage had them.
    """
    tokens = work.decoding * work.checked + work.prompts * work.prompt
    seen = np.where(np.isnan(shape.head_tokens), work.prompt, shape.head_tokens)
    answered = work.decoding * work.checked + work.prompts * seen
    bandwidth = device.bandwidth_bytes_per_s * device.memory_share * fit.memory
    moved = device.activation_bytes * shape.traffic_elements * fit.traffic
    scaled = device.quantised * fit.quantise * shape.product_inputs
    sequences = (work.decoding + work.prompts) / work.attention_data
    parts = {
        "products": products_s(
            shape,
            device,
            fit,
            tokens,
            answered,
            work.tensor,
            1,
            work.attention_data,
            1,
            work.stages,
        ),
        "attention": _prompts_s(shape, device, fit, work) + _cache_s(shape, device, fit, work),
        "activations": (moved + scaled) * tokens / work.tensor / bandwidth,
        "communication": _exchanged_s(shape, device, fit, tokens, work),
        "fixed": shape.layers * fit.layer_s
        + shape.expert_layers * fit.expert_layer_s
        + work.stages * (fit.step_s + sequences * fit.sequence_s),
    }
    launched = shape.layers * fit.host_layer_s * np.minimum(work.prompts, 1)
    return waiting_for_host(parts, launched)


def products_s(
    shape: Shape, device: Device, fit: Coefficients, tokens: Number, answered: Number,
    split: Number, passes: Number, attention_data: Number = 1.0, gathered: Number = 1.0,
    stages: Number = 1.0,
) -> Number:  # fmt: skip
    """Matrix products over `tokens`, the head over `answered`; dense ones and experts apart.

    `gathered` devices bring their tokens together at each expert (expert parallelism), so each
    reads its own experts alone, for the tokens of all. `stages` is how many times fewer devices
    share the head than the layers, where a pipeline's last stage holds it besides its layers.
    """
    narrow = 1 / (1 + fit.narrow_width / shape.width)
    share = np.minimum(device.memory_share * fit.memory, MOST_OF_PEAK)
    bandwidth = device.bandwidth_bytes_per_s * share * split
    dense_rate = rate(device.dense_flops_per_s, device.dense_share, fit.compute) * narrow * split
    wide_rate = rate(device.wide_flops_per_s, device.wide_share, fit.compute) * narrow * split
    repeated = shape.attention_parameters * (attention_data - 1)
    dense_s = passes * soft_max(
        2 * shape.dense_parameters * tokens / dense_rate,
        (shape.dense_parameters + repeated) * device.dense_bytes / bandwidth,
    )
    read_s = np.maximum(device.dense_bytes, 2) / bandwidth
    head_s = soft_max(2 * answered / wide_rate, read_s)
    head_s = head_s * shape.head_parameters * np.minimum(passes, 3)
    met = experts_touched(shape, tokens * gathered)
    each = tokens * gathered * shape.experts_per_token / np.maximum(met, 1e-9)
    expert_rate = rate(device.expert_flops_per_s, device.expert_share, fit.experts_compute)
    filled = 1 + fit.narrow_expert_width * (1 / np.maximum(shape.expert_width, 1) + 1 / shape.width)
    expert_rate = expert_rate * split / filled / (1 + fit.narrow_expert / np.maximum(each, 1e-9))
    touched = shape.expert_parameters * met / gathered * device.expert_bytes
    routed = 2 * shape.expert_parameters * shape.experts_per_token * tokens
    experts_s = passes * soft_max(routed / expert_rate, touched / (bandwidth * fit.experts_memory))
    return dense_s + head_s * stages + np.where(shape.experts > 0, experts_s, 0.0)


def rate(peak: Number, best: Number, share: Number) -> Number:
    """FLOP/s that products reach: never more than `MOST_OF_PEAK` of the datasheet's."""
    return peak * np.minimum(best * share, np.maximum(best, MOST_OF_PEAK))


def attention_rate(shape: Shape, device: Device, fit: Coefficients) -> Number:
    """FLOP/s of attention over whole sequences; narrow heads fill the matrix units less."""
    return device.wide_flops_per_s * fit.attention / (1 + fit.narrow_head / shape.head_dim)


def scores_s(
    shape: Shape, device: Device, fit: Coefficients, sequences: Number, tokens: Number
) -> Number:
    """Scores that unfused attention writes and reads again."""
    moved = fit.scores * device.activation_bytes * shape.query_heads * tokens * tokens
    return sequences * moved / device.bandwidth_bytes_per_s


def waiting_for_host(parts: Parts, host_s: Number) -> Parts:
    """The same parts, with what is waited for a host that launches kernels no faster."""
    device_s = total_s(parts)
    larger = np.maximum(np.maximum(device_s, host_s), 1e-30)
    both = (device_s / larger) ** HOST_SOFTNESS + (host_s / larger) ** HOST_SOFTNESS
    return parts | {"host": larger * both ** (1 / HOST_SOFTNESS) - device_s}


def total_s(parts: Parts) -> Number:
    """Seconds of all parts."""
    return sum(parts.values())


def soft_max(one: Number, other: Number) -> Number:
    """Roofline with a rounded corner; never under the larger, never over their sum."""
    larger = np.maximum(np.maximum(one, other), 1e-30)
    return larger * ((one / larger) ** SOFTNESS + (other / larger) ** SOFTNESS) ** (1 / SOFTNESS)


def _prompts_s(shape: Shape, device: Device, fit: Coefficients, work: Inference) -> Number:
    """Attention of fresh prompts, to themselves and to what was cached before them."""
    whole = attention_flops(shape, work.prompt + work.cached)
    flops = (whole - attention_flops(shape, work.cached)) * work.prompts / work.tensor
    written = scores_s(shape, device, fit, work.prompts / work.tensor, work.prompt) * work.unfused
    return flops / attention_rate(shape, device, fit) + written


def _exchanged_s(
    shape: Shape, device: Device, fit: Coefficients, tokens: Number, work: Inference
) -> Number:
    """All-reduces; where attention's sequences are divided, tokens are sent to experts instead.

    That hides behind the other half of the batch, up to a share. Stages hand on in full.
    """
    own = tokens / work.attention_data
    sent = all_to_all_s(shape, device, fit, own, work.tensor, device.devices_per_node)
    reduced = all_reduces_s(shape, device, fit, tokens, work.tensor)
    handed_on = (work.stages - 1) * stages_s(shape, device, fit, tokens / work.tensor, work.near)
    return np.where(work.attention_data > 1, sent * fit.experts_exposed, reduced) + handed_on


def _cache_s(shape: Shape, device: Device, fit: Coefficients, work: Inference) -> Number:
    """Reading the cache of every decoding sequence."""
    split = np.minimum(work.tensor, np.maximum(shape.cache_split, 1))
    split = np.maximum(split, work.attention_data)
    again = 1 + work.ungrouped * fit.repeated_reads * (shape.cache_sharing - 1)
    read = again * work.decoding * cache_elements(shape, work.context) * device.cache_bytes / split
    pairs = work.decoding * work.checked * decode_attention_flops(shape, work.context)
    read_s = read / (device.bandwidth_bytes_per_s * fit.cache)
    return soft_max(read_s, pairs / work.tensor / attention_rate(shape, device, fit))
