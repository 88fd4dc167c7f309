"""What a worker saw, raw: everything that is needed to make a `Measurement`, nothing derived.

The ranks of a distributed case each see their own; `merged` makes one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import Field, NonNegativeFloat, PositiveFloat

from modelworth.bench.timing.monitor import energy_together
from modelworth.data.measurement import (
    Condition,
    Energy,
    Memory,
    Model,
    Workload,
    kernel_share,
)
from modelworth.data.record import Record
from modelworth.data.words import Unit

ADDED = ("work_per_step", "model_flops_per_step", "kernel_flops_per_step", "bytes_per_step")
"""What the ranks of a case do together."""


class Observation(Record):
    """One timed case, over all ranks.

    Attributes:
        workload: the case's, with the attention and compilation that were really in use.
        work_per_step: units of one step, over all devices; FLOPs and bytes likewise.
        attention_s: seconds of a step's attention calls by each kernel that was tried.
        samples_s: seconds of every timed step, of the rank that took longest.
        parts_s: seconds of each named part of every step.
        wall_s: wall time of the rounds that hold the samples.
        settled: whether the warm-up ended flat.
        graph_breaks: places in the model's code that no compiled graph holds.
        cache_bytes: the last-level cache, in which small work hides from memory; None: unknown.
        devices: how many devices did it.
    """

    model: Model
    workload: Workload
    unit: Unit
    work_per_step: PositiveFloat
    model_flops_per_step: PositiveFloat | None = None
    kernel_flops_per_step: PositiveFloat | None = None
    bytes_per_step: PositiveFloat | None = None
    attention_s: dict[str, PositiveFloat] | None = None
    samples_s: tuple[PositiveFloat, ...]
    parts_s: dict[str, tuple[PositiveFloat, ...]] = Field(default_factory=dict)
    wall_s: NonNegativeFloat
    warmup_steps: int
    settled: bool
    graph_breaks: tuple[str, ...] = ()
    memory: Memory = Memory()
    energy: Energy | None = None
    condition: Condition = Condition()
    cache_bytes: int | None = None
    devices: int = 1

    def of_kernels(self, utilisation: float | None) -> float | None:
        """An MFU with only the FLOPs that no kernel can leave out: what a ceiling limits."""
        return kernel_share(utilisation, self.model_flops_per_step, self.kernel_flops_per_step)


def merged(ranks: Sequence[Observation]) -> Observation:
    """One observation of all ranks: work and energy add up, the slowest and the fullest count.

    The times are those of the rank that took longest in all: the slowest rank of each single step
    would add up to more time than went by, as ranks are slow in turn.
    """
    if len(ranks) == 1:
        return ranks[0]
    work_done = sum(rank.work_per_step for rank in ranks) * len(ranks[0].samples_s)
    first, slowest = ranks[0], max(ranks, key=lambda rank: sum(rank.samples_s))
    return first.model_copy(
        update={
            **{name: _sum(getattr(rank, name) for rank in ranks) for name in ADDED},
            **{name: getattr(slowest, name) for name in ("samples_s", "parts_s", "wall_s")},
            "settled": all(rank.settled for rank in ranks),
            "memory": _fullest([rank.memory for rank in ranks]),
            "energy": energy_together([rank.energy for rank in ranks], work_done),
            "condition": _worst([rank.condition for rank in ranks]),
            "devices": len(ranks),
        }
    )


def _sum(values: Iterable[float | None]) -> float | None:
    known = list(values)
    return None if None in known else sum(value for value in known if value is not None)


def _fullest(memories: list[Memory]) -> Memory:
    """The memory of the rank that holds most."""

    def peak(memory: Memory) -> int:
        return memory.allocated_peak_bytes or memory.host_peak_bytes or 0

    return max(memories, key=peak)


def _worst(conditions: list[Condition]) -> Condition:
    """Rank 0's condition with every rank's flags and reasons."""
    flags = {flag for condition in conditions for flag in condition.flags}
    reasons = {reason for condition in conditions for reason in condition.throttle_reasons}
    return conditions[0].model_copy(
        update={"flags": tuple(sorted(flags)), "throttle_reasons": tuple(sorted(reasons))}
    )
