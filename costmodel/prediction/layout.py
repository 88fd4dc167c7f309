"""How to cut a training step over a cluster, and what each way of cutting costs.

Compute time comes in as a function, so that nothing here knows how it was calibrated. What is added
is communication and waiting:

- tensor parallelism exchanges the residual stream twice a layer and pass, all of it waited for;
- pipeline stages stand idle (stages − 1)/micro-batches of the time (Huang et al. 2019; Narayanan et
  al. 2021), less where each device holds several slices of the model;
- data parallelism reduces gradients once a step, FSDP also gathers weights twice a micro-batch;
  both hide behind compute as far as there is some, but for one layer's part at the start;
- expert parallelism sends each token to its experts and back, twice a pass.

Tensor groups lie within a node, replicas next to them, stages furthest apart. Left out: context
parallelism, stragglers, and the time to load data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import ceil
from typing import Literal

from modelworth.costmodel.architecture.activations import RECOMPUTED_SHARE, Checkpointing, Kernels
from modelworth.costmodel.architecture.fits import TrainingAsk, available_bytes, training_fit
from modelworth.costmodel.architecture.memory import Memory, bytes_per_weight, parameters_per_device
from modelworth.costmodel.architecture.sharding import Sharding
from modelworth.costmodel.architecture.structure import Architecture
from modelworth.costmodel.architecture.work import ADAMW_TRAFFIC_BYTES, sequence_tokens
from modelworth.costmodel.prediction.collectives import (
    Fabric,
    Operation,
    collective_s,
    point_to_point_s,
)
from modelworth.data.errors import InputError

PassSeconds = Callable[[int, int], float]
"""Seconds of a forward pass of the whole model on one device: (sequences in the micro-batch, parts
into which tensor parallelism cuts each product) → seconds, without communication."""

OVERLAP = 0.9
"""Part of the compute behind which communication can hide; the rest are its edges."""

LARGEST_MICRO_BATCH = 64
WORTH_TRYING: tuple[Checkpointing, ...] = ("none", "alternate", "full")


@dataclass(frozen=True, slots=True)
class Cluster:
    """Equal devices and what joins them."""

    devices: int
    memory_bytes: float
    bandwidth_bytes_per_s: float
    fabric: Fabric


@dataclass(frozen=True, slots=True)
class Job:
    """One optimizer step: `global_batch` sequences of `tokens` tokens."""

    architecture: Architecture
    global_batch: int
    tokens: int | None = None
    precision: str = "bf16"
    optimizer: str = "adamw"
    kernels: Kernels = "fused"

    @property
    def length(self) -> int:
        """Tokens of one sequence, or of one image."""
        return int(sequence_tokens(self.architecture, self.tokens))


@dataclass(frozen=True, slots=True)
class Layout:
    """One way to cut the step.

    Attributes:
        micro_batch: sequences a replica works on at a time; gradients of the others accumulate.
    """

    sharding: Sharding
    micro_batch: int
    checkpointing: Checkpointing = "none"

    def micro_batches(self, job: Job) -> int:
        """Micro-batches of one replica in a step."""
        return job.global_batch // (self.sharding.data * self.micro_batch)


@dataclass(frozen=True, slots=True)
class StepTime:
    """Seconds of a training step by cause; communication only where it isn't hidden."""

    compute_s: float
    bubble_s: float
    tensor_s: float
    pipeline_s: float
    data_s: float
    expert_s: float
    optimizer_s: float

    @property
    def total_s(self) -> float:
        """The whole step."""
        waits = self.bubble_s + self.tensor_s + self.pipeline_s + self.data_s + self.expert_s
        return self.compute_s + waits + self.optimizer_s


@dataclass(frozen=True, slots=True)
class Plan:
    """A layout with its cost."""

    layout: Layout
    time: StepTime
    memory: Memory


def step_time(job: Job, cluster: Cluster, layout: Layout, pass_s: PassSeconds) -> StepTime:
    """Time of one step in a layout, whether or not it fits in memory."""
    cut = layout.sharding
    passes = 3 + RECOMPUTED_SHARE[layout.checkpointing]
    count = layout.micro_batches(job)
    part = passes * _largest_stage(job, cut)
    stage_s = part * pass_s(layout.micro_batch, cut.tensor)
    tensor_s = part * _tensor_s(job, cluster.fabric, layout)
    expert_s = part * _expert_s(job, cluster.fabric, layout)
    busy_s = stage_s + tensor_s + expert_s
    exposed_s = _data_s(job, cluster.fabric, layout, count * stage_s, stage_s)
    updated = parameters_per_device(job.architecture, cut, from_stage=1)
    return StepTime(
        compute_s=count * stage_s,
        bubble_s=(cut.pipeline - 1) * busy_s / cut.slices,
        tensor_s=count * tensor_s,
        pipeline_s=_pipeline_s(job, cluster, layout, count),
        data_s=exposed_s,
        expert_s=count * expert_s,
        optimizer_s=updated * ADAMW_TRAFFIC_BYTES / cluster.bandwidth_bytes_per_s,
    )


def best_layouts(
    job: Job,
    cluster: Cluster,
    pass_s: PassSeconds,
    most: int = 5,
    *,
    largest_tensor: int | None = None,
) -> list[Plan]:
    """The fastest layouts that fit, best first.

    Raises:
        InputError: if none fits, with what would.
    """
    plans = []
    seconds = _remembered(pass_s)
    available = available_bytes(cluster.memory_bytes)
    for layout in layouts(job, cluster, largest_tensor):
        memory = _ask(job, layout).memory()
        if memory.total <= available:
            plans.append(Plan(layout, step_time(job, cluster, layout, seconds), memory))
    if not plans:
        raise _refusal(job, cluster)
    # Equal times: fewer cuts first, which is simpler to run.
    return sorted(
        plans,
        key=lambda plan: (
            plan.time.total_s,
            plan.layout.sharding.tensor * plan.layout.sharding.pipeline,
        ),
    )[:most]


def layouts(job: Job, cluster: Cluster, largest_tensor: int | None = None) -> Iterator[Layout]:
    """Every layout worth looking at: degrees that divide what they cut."""
    block = job.architecture.blocks[-1]
    heads, layers = block.attention.heads, job.architecture.layers
    experts = block.feed_forward.experts
    in_node = min(largest_tensor or cluster.fabric.devices_per_node, cluster.devices)
    for tensor in _powers(in_node, heads):
        for pipeline in _stages(layers, cluster.devices // tensor):
            data, rest = divmod(cluster.devices, tensor * pipeline)
            if rest or job.global_batch % data:
                continue
            for expert in _powers(data, experts) if experts else [1]:
                cut = Sharding(data, tensor, pipeline, expert)
                yield from _variants(job, cut, layers)


def _variants(job: Job, cut: Sharding, layers: int) -> Iterator[Layout]:
    """The choices that are left once the degrees are fixed."""
    per_replica = job.global_batch // cut.data
    stages: tuple[Literal[0, 1, 3], ...] = (0,) if cut.data == 1 else (1, 3)
    if cut.pipeline > 1 and cut.data > 1:
        stages = (1,)  # gathering weights for every micro-batch of every stage never pays
    per_stage = ceil(layers / cut.pipeline)
    slices = [1, *([2, 4] if cut.pipeline > 1 else [])]
    for stage in stages:
        for parts in slices:
            if per_stage % parts:
                continue
            sharding = replace(cut, zero_stage=stage, slices=parts)
            for micro_batch in _powers(LARGEST_MICRO_BATCH, per_replica):
                for checkpointing in WORTH_TRYING:
                    yield Layout(sharding, micro_batch, checkpointing)


def _ask(job: Job, layout: Layout) -> TrainingAsk:
    """What a device must hold in this layout."""
    return TrainingAsk(
        job.architecture,
        layout.micro_batch,
        job.tokens,
        job.precision,
        job.optimizer,
        layout.sharding,
        layout.checkpointing,
        job.kernels,
    )


def _refusal(job: Job, cluster: Cluster) -> InputError:
    """Why nothing fits, by the leanest layout."""
    spread = Sharding(data=cluster.devices, zero_stage=3 if cluster.devices > 1 else 0)
    fit = training_fit(_ask(job, Layout(spread, 1, "full")), cluster.memory_bytes)
    reason = fit.reason or f"a batch that {cluster.devices} devices can share"
    return InputError("layout", f"{cluster.devices} devices", f"able to hold it: {reason}")


def _tensor_s(job: Job, fabric: Fabric, layout: Layout) -> float:
    """Exchanges of the residual stream in one forward pass of one micro-batch."""
    each = _stream_bytes(job, layout)
    exchanges = sum(
        block.count * (2 if block.cross is None else 3) for block in job.architecture.blocks
    )
    return exchanges * collective_s("all_reduce", each, layout.sharding.tensor, fabric)


def _expert_s(job: Job, fabric: Fabric, layout: Layout) -> float:
    """Tokens sent to their experts and back in one forward pass of one micro-batch."""
    cut = layout.sharding
    if cut.expert == 1:
        return 0.0
    near = _devices_near(fabric, cut)
    sent_s = 0.0
    for block in job.architecture.blocks:
        if block.feed_forward.experts:
            routed = _stream_bytes(job, layout) * block.feed_forward.experts_per_token / cut.tensor
            sent_s += block.count * 2 * collective_s("all_to_all", routed, cut.expert, fabric, near)
    return sent_s


def _pipeline_s(job: Job, cluster: Cluster, layout: Layout, count: int) -> float:
    """Activations handed to the next stage and gradients handed back, by every micro-batch."""
    cut = layout.sharding
    if cut.pipeline == 1:
        return 0.0
    same_node = cluster.devices <= cluster.fabric.devices_per_node
    each = _stream_bytes(job, layout) / cut.tensor
    return 2 * count * cut.slices * point_to_point_s(each, cluster.fabric, same_node=same_node)


def _data_s(job: Job, fabric: Fabric, layout: Layout, compute_s: float, last_s: float) -> float:
    """What is waited for of the exchange of gradients and weights between replicas.

    `compute_s` is the compute of the step, `last_s` that of its last micro-batch, whose backward
    pass (two thirds) is all that a plain reduction of gradients can hide behind.
    """
    cut = layout.sharding
    if cut.data == 1:
        return 0.0
    held = parameters_per_device(job.architecture, cut)
    width = min(bytes_per_weight(job.precision), 2.0) if job.precision != "fp32" else 4.0
    near = _devices_near(fabric, cut)

    def exchange(operation: Operation, message_bytes: float) -> float:
        """A message layer by layer, as frameworks send it."""
        layers = max(1, job.architecture.layers // cut.pipeline)
        return layers * collective_s(operation, message_bytes / layers, cut.data, fabric, near)

    if cut.zero_stage == 3:
        gathers = 2 * layout.micro_batches(job)
        total_s = gathers * exchange("all_gather", held * width)
        total_s += layout.micro_batches(job) * exchange("reduce_scatter", held * width)
        window_s = compute_s
    else:
        total_s = exchange("all_reduce", held * width)
        window_s = last_s * 2 / 3
    first_s = total_s / max(1, job.architecture.layers // cut.pipeline)
    return max(total_s - OVERLAP * window_s, first_s)


def _stream_bytes(job: Job, layout: Layout) -> float:
    """The residual stream of one micro-batch, in 16 bits at most."""
    width = max(2.0, bytes_per_weight(job.precision))
    return layout.micro_batch * job.length * job.architecture.hidden * width


def _devices_near(fabric: Fabric, cut: Sharding) -> int:
    """Replicas that share a node, tensor groups being innermost."""
    return max(1, min(cut.data, fabric.devices_per_node // cut.tensor))


def _remembered(pass_s: PassSeconds) -> PassSeconds:
    """The same function, asked once for each pair of arguments."""
    known: dict[tuple[int, int], float] = {}

    def seconds(micro_batch: int, tensor: int) -> float:
        """From memory or from the function."""
        if (micro_batch, tensor) not in known:
            known[micro_batch, tensor] = pass_s(micro_batch, tensor)
        return known[micro_batch, tensor]

    return seconds


def _powers(most: int, divides: int) -> list[int]:
    """Powers of two up to `most` that divide a number."""
    powers = (2**power for power in range(most.bit_length()))
    return [power for power in powers if power <= most and divides % power == 0]


def _stages(layers: int, most: int) -> list[int]:
    """Numbers of pipeline stages: those that divide the layers, and powers of two."""
    numbers = range(1, min(layers, most) + 1)
    return [count for count in numbers if layers % count == 0 or count & (count - 1) == 0]


def _largest_stage(job: Job, cut: Sharding) -> float:
    """Part of the layers on the fullest stage, which the others wait for."""
    return ceil(job.architecture.layers / cut.pipeline) / job.architecture.layers
