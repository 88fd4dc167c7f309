"""Measurements as rows of text: what was done, how fast, how sure, and how near to the ceiling.

Each row stands beside the ceiling that limits it: decoding beside memory bandwidth, all else beside
matrix products. Where the bytes of a decode step fit the cache there is no ceiling to compare with.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from modelworth.data.measurement import Machine, Measurement, Result, Workload

COLUMNS = ("model", "work", "shape", "throughput", "± 95%", "step", "achieved", "ceiling", "share",
           "peak memory", "notes")  # fmt: skip
RIGHT = frozenset(COLUMNS[3:10])
PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True, slots=True)
class Against:
    """An achieved rate beside its ceiling."""

    achieved: str = "–"
    ceiling: str = "–"
    share: str = "–"


def rows(measurements: Iterable[Measurement]) -> list[tuple[str, ...]]:
    """One row each, in the order of `COLUMNS`."""
    return [_row(measurement) for measurement in measurements]


def markdown(measurements: Iterable[Measurement]) -> str:
    """The same as a Markdown table."""
    rule = ["---:" if column in RIGHT else "---" for column in COLUMNS]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (COLUMNS, rule, *rows(measurements)))


def shape(workload: Workload) -> str:
    """Batch, lengths and what departs from the usual, such as `8 × 512 + 128, eager`."""
    size = workload.prompt_tokens or (
        f"{workload.image_pixels}²" if workload.image_pixels else None
    )
    text = f"{workload.batch} × {size}" if size else f"{workload.batch}"
    if workload.new_tokens and workload.new_tokens > 1:
        text += f" + {workload.new_tokens}"
    extras = [
        f"{workload.denoising_steps} steps" if workload.denoising_steps else "",
        f"accumulate {workload.gradient_accumulation}"
        if workload.gradient_accumulation > 1
        else "",
        "checkpointing" if workload.activation_checkpointing else "",
        workload.attention if workload.attention not in (None, "sdpa") else "",
        "not fused" if workload.fused_projections is False else "",
        _layout(workload),
    ]
    return ", ".join([text, *(extra for extra in extras if extra)])


def rate(value: float, unit: str) -> str:
    """Units a second: 3.75 audio seconds/s."""
    return f"{number(value)}{unit.replace('_', ' ')}/s"


def number(value: float, digits: int = 3) -> str:
    """Three significant digits with a prefix: 1234567 is 1.23 M."""
    for size, prefix in PREFIXES:
        if abs(value) >= size:
            return f"{_significant(value / size, digits)} {prefix}"
    return f"{_significant(value, digits)} "


def duration(seconds: float) -> str:
    """Seconds in the unit that fits: 0.0123 is 12.3 ms."""
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= size:
            return f"{_significant(seconds / size)} {unit}"
    return f"{_significant(seconds * 1e9)} ns"


def memory(count: float | None) -> str:
    """Bytes as GiB or MiB."""
    if count is None:
        return "–"
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def machine_line(machine: Machine) -> str:
    """The device and its ceilings in one line."""
    ceilings = machine.ceilings
    parts = [machine.device if machine.count == 1 else f"{machine.count} × {machine.device}"]
    if machine.kind == "cpu" and machine.cpu_cores:
        parts.append(f"{machine.cpu_cores} core" + "s" * (machine.cpu_cores > 1))
    if ceilings.matmul_flops_per_s:
        parts.append(f"matrix products {number(ceilings.matmul_flops_per_s)}FLOP/s")
    if ceilings.copy_bytes_per_s:
        parts.append(f"copy {number(ceilings.copy_bytes_per_s)}B/s")
    if ceilings.read_bytes_per_s:
        parts.append(f"read {number(ceilings.read_bytes_per_s)}B/s")
    if ceilings.collective_bytes_per_s:
        parts.append(f"all-reduce {number(ceilings.collective_bytes_per_s)}B/s")
    return ", ".join(parts)


def against(measurement: Measurement) -> Against:
    """The rate that was reached and the ceiling that it met."""
    result, ceilings = measurement.result, measurement.machine.ceilings
    if result is None:
        return Against()
    step_s = result.latency.p50_s * measurement.machine.count
    if result.mbu is not None and result.bytes_per_step is not None:
        best = max(ceilings.read_bytes_per_s or 0, ceilings.copy_bytes_per_s or 0)
        achieved = f"{number(result.bytes_per_step / step_s)}B/s"
        return Against(achieved, f"{number(best)}B/s", _share(result.mbu))
    if measurement.workload.kind == "decode" and result.bytes_per_step is not None:
        return Against(f"{number(result.bytes_per_step / step_s)}B/s", "in cache")
    if result.mfu is not None and result.model_flops_per_step is not None:
        flops, share = result.model_flops_per_step, result.mfu
        if share > 1 and result.kernel_flops_per_step:  # by convention too many for any kernel
            flops, share = result.kernel_flops_per_step, result.of_kernels(share) or share
        ceiling = f"{number(ceilings.matmul_flops_per_s or 0)}FLOP/s"
        return Against(f"{number(flops / step_s)}FLOP/s", ceiling, _share(share))
    return Against()


def _row(measurement: Measurement) -> tuple[str, ...]:
    workload, result = measurement.workload, measurement.result
    work = f"{workload.kind} {workload.precision}{', compiled' if workload.compiled else ''}"
    head = (measurement.model.name, work, shape(workload))
    if result is None:
        gap = ("–",) * (len(COLUMNS) - len(head) - 1)
        return (*head, *gap, f"{measurement.status}: {measurement.reason}")
    met = against(measurement)
    return (
        *head,
        rate(result.throughput_per_s.value, result.unit),
        _half_width(result),
        duration(result.latency.p50_s),
        met.achieved,
        met.ceiling,
        met.share,
        memory(result.memory.allocated_peak_bytes or result.memory.host_peak_bytes),
        ", ".join(result.condition.flags),
    )


def _share(value: float) -> str:
    return f"{value:.0%}" if value >= 0.01 else "< 1%"


def _half_width(result: Result) -> str:
    interval = result.throughput_per_s
    if interval.low is None or interval.high is None:
        return "–"
    return f"{(interval.high - interval.low) / 2 / interval.value:.1%}"


def _layout(workload: Workload) -> str:
    layout = workload.layout
    if layout.devices == 1:
        return ""
    sharded = "FSDP" if layout.fully_sharded else "DDP"
    names: Sequence[tuple[str, int]] = ((sharded, layout.data), ("TP", layout.tensor))
    return " ".join(f"{name} {degree}" for name, degree in names if degree > 1)


def _significant(value: float, digits: int = 3) -> str:
    text = f"{value:.{digits}g}"
    return f"{value:.0f}" if "e" in text else text
