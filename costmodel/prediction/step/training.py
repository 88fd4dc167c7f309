"""Time of one optimizer step on a cluster: micro-batches through stages, and what is exchanged.

step = [A·t + (pp − 1)/v·t + exposed exchange + optimizer] · (1 + straggling·log₂(devices/8)), where
t is one micro-batch on one stage, A how many of them a replica works on, v the virtual stages that
each device holds (Narayanan et al. 2021). A distributed optimizer exchanges gradients and weights
once a step; FSDP gathers weights twice and scatters gradients once for every micro-batch, experts
excepted. Exchanges hide behind computing up to a share. The same function serves a case, a layout
search, a training plan and a scenario.
"""

from __future__ import annotations

import numpy as np

from modelworth.costmodel.prediction.step import communication, passes
from modelworth.costmodel.prediction.step.arrays import Columns
from modelworth.costmodel.prediction.step.coefficients import Coefficients
from modelworth.costmodel.prediction.step.model import Number, attention_flops
from modelworth.costmodel.prediction.step.passes import Parts, total_s

LOGITS_BYTES = 16
"""For each logit of a training step: 16-bit, its float32 copy, softmax and gradient."""
OPTIMIZER_BYTES = 28
"""For each parameter in mixed-precision AdamW: weight, two moments read and written in float32, the
gradient read and the working copy written in 16 bits."""
BACKWARD_ATTENTION = 2.5
OVERLAP = 0.9
"""Part of computing behind which an exchange can hide; the rest are its edges."""
HANDED_ON_EXPOSED = 0.3
"""Share of what stages hand on that computing doesn't hide: judgement, as seen of experts'
exchanges. Slices multiply what is handed on (Narayanan et al. 2021, section 2.2)."""
BIASED_BYTES = 60
"""For each number that experts with biases give: grouped products leave out biases, so adding them,
weighing by the router and casting run one by one in float32, 28 bytes forward and as many backward
(Megatron Core, experts.py, `_apply_bias`)."""
SCALING_PASSES = 3
"""Products of a step that read inputs scaled to a narrow format: forward and two backward."""
REFERENCE_DEVICES = 8


def training_step(work: Columns, fit: Coefficients) -> Parts:
    """Seconds of one optimizer step by cause; they add up to the step."""
    one = micro_batch_s(work, fit)
    busy = total_s(one)
    parts = {name: seconds * work.micro_batches for name, seconds in one.items()}
    parts["bubble"] = (work.pipeline - 1) / work.virtual * busy
    parts["stages"] = _stages_s(work, fit)
    parts["data"] = _exposed_s(work, fit, busy)
    held = work.shape.parameters / (work.tensor * work.pipeline)
    spread = np.where((work.sharded > 0) | (work.gathered > 0), work.data * work.context, 1)
    bandwidth = work.device.bandwidth_bytes_per_s * work.device.memory_share
    parts["optimizer"] = held / spread * OPTIMIZER_BYTES / bandwidth
    slowest = np.log2(np.maximum(work.gpus / REFERENCE_DEVICES, 1)) * fit.straggling
    return parts | {"straggling": slowest * total_s(parts)}


def micro_batch_s(work: Columns, fit: Coefficients) -> Parts:
    """Seconds of one micro-batch, forward and backward, on the stage that takes longest.

    It has the layers that don't divide evenly; where they do, the head besides its layers.
    """
    shape, device = work.shape, work.device
    tokens = work.batch * work.tokens / work.context
    stages = shape.layers / np.ceil(shape.layers / work.pipeline)
    split = work.tensor * stages
    rounds = 3 + work.recomputed
    flops = attention_flops(shape, work.tokens) * work.batch / work.context
    flops = flops * (1 + BACKWARD_ATTENTION + work.recomputed)
    bandwidth = device.bandwidth_bytes_per_s * device.memory_share * fit.memory
    moved = rounds * device.activation_bytes * shape.traffic_elements * fit.traffic
    scaled = SCALING_PASSES * device.quantised * fit.quantise * shape.product_inputs
    biased = BIASED_BYTES * shape.biased_elements
    everywhere = np.isnan(shape.head_tokens)
    logits = shape.vocab * LOGITS_BYTES * np.where(everywhere, 1, 0)
    answered = np.where(everywhere, tokens, work.batch * shape.head_tokens)
    written = passes.scores_s(shape, device, fit, work.batch, work.tokens) * rounds * work.unfused
    per_node = np.maximum(device.devices_per_node / (work.tensor * work.context), 1)
    last = np.where(stages == work.pipeline, work.pipeline, stages / work.pipeline)
    reduced = communication.all_reduces_s(shape, device, fit, tokens, work.tensor)
    sent = communication.all_to_all_s(
        shape, device, fit, tokens / work.tensor, work.expert, per_node
    )
    parts = {
        "products": passes.products_s(
            shape, device, fit, tokens, answered, split, rounds, 1, work.expert, last
        ),
        "attention": (flops / passes.attention_rate(shape, device, fit) + written) / split,
        "activations": (moved + scaled + logits + biased) * tokens / split / bandwidth,
        "tensor": fit.tensor_exposed * (2 + work.recomputed) * reduced / stages,
        "experts": fit.experts_exposed * 2 * sent / stages,
        "context": 2 * communication.context_s(shape, device, fit, tokens, work.context) / split,
        "fixed": rounds * shape.layers / stages * fit.layer_s,
    }
    host = shape.layers * fit.host_layer_s + shape.expert_layers * fit.host_expert_layer_s
    return passes.waiting_for_host(parts, host / stages)


def _stages_s(work: Columns, fit: Coefficients) -> Number:
    """Activations handed on and gradients handed back, once for each slice of the model.

    The first micro-batch waits for every stage; later ones hide most of it behind computing.
    """
    tokens = work.batch * work.tokens / work.context / work.tensor
    near = work.gpus <= work.device.devices_per_node
    each = communication.stages_s(work.shape, work.device, fit, tokens, near)
    shown = HANDED_ON_EXPOSED * work.virtual * work.micro_batches
    return np.where(work.pipeline > 1, 2 * (work.pipeline + shown) * each, 0.0)


def _exposed_s(work: Columns, fit: Coefficients, busy_s: Number) -> Number:
    """What is waited for of the exchange of weights and gradients between replicas.

    A share always shows at the edges; the rest shows where computing is too short to hide it: all
    micro-batches for FSDP, the last one's backward pass for the others.
    """
    shape, device = work.shape, work.device
    split = work.tensor * work.pipeline
    experts = shape.expert_parameters * shape.experts
    common = 2 * (shape.parameters - experts) / split
    routed = 2 * experts / split / work.expert
    ranks = work.data * work.context
    per_node = np.maximum(device.devices_per_node / work.tensor, 1)
    once = communication.exchange_s(device, fit, common, ranks, per_node)
    apart = np.maximum(ranks / work.expert, 1)
    once_routed = communication.exchange_s(
        device, fit, routed, apart, np.maximum(per_node / work.expert, 1)
    )
    summed = 1 + work.wide_gradients
    times = np.where(work.gathered > 0, (2 + summed) * work.micro_batches, 1 + summed)
    exchange = times * once + (1 + summed) * once_routed
    window = OVERLAP * busy_s * np.where(work.gathered > 0, work.micro_batches, 2 / 3)
    return fit.data_exposed * exchange + np.maximum((1 - fit.data_exposed) * exchange - window, 0)
