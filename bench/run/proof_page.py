"""What the proof of a device found, step by step, and the page that says it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from modelworth.bench.run.result_table import against, duration, machine_line, memory, rate
from modelworth.bench.work.task import DeviceKind
from modelworth.data.measurement import Measurement
from modelworth.data.words import SHORT


@dataclass(frozen=True, slots=True)
class Finding:
    """What one step found.

    Attributes:
        good: what it should look like; on a processor only its form counts.
        holds: whether that was seen; None where there is nothing to hold it against.
    """

    title: str
    seen: str
    good: str
    holds: bool | None
    seconds: float = 0.0


def page(device: DeviceKind, measured: Iterable[Measurement], findings: Sequence[Finding]) -> str:
    """What was seen, as Markdown."""
    probed = [one.machine for one in measured if one.machine.ceilings.copy_bytes_per_s]
    where = [f"{machine_line(machine)}\n" for machine in probed[:1]]
    if device == "cpu":
        where.append("Run on a processor with small models: no GPU's figures.\n")
    total = sum(one.seconds for one in findings)
    lines = [
        "# Proof of a device",
        "",
        *where,
        f"{len(findings)} steps in {total:.0f} s.",
        "",
        "| step | s | as it should be | seen | good looks like |",
        "| --- | --: | --- | --- | --- |",
    ]
    words = {True: "yes", False: "**no**", None: "–"}
    for one in findings:
        seen = one.seen.replace("|", "¦").replace("\n", " ")
        lines.append(
            f"| {one.title} | {one.seconds:.0f} | {words[one.holds]} | {seen} | {one.good} |"
        )
    return "\n".join(lines) + "\n"


def told(one: Measurement) -> str:
    """A record in one line."""
    result = one.result
    if result is None:
        return f"{one.model.name}: {one.status}: {one.reason}"
    met, workload = against(one), one.workload
    parts = [
        f"{one.model.name} {SHORT[workload.precision]}",
        rate(result.throughput_per_s.value, result.unit),
        f"{duration(result.latency.p50_s)} a step",
        f"{met.share} of {met.ceiling}" if met.share != "–" else "",
        f"peak {memory(result.memory.allocated_peak_bytes)}",
        "compiled" if workload.compiled else "",
        "graphs" if workload.cuda_graphs else "",
        f"attention by {workload.attention_kernel}" if workload.attention_kernel else "",
        f"SM clock {result.condition.sm_clock_mhz:.0f} MHz"
        if result.condition.sm_clock_mhz
        else "",
        _energy(one),
        *result.condition.throttle_reasons,
        *result.condition.flags,
    ]
    return ", ".join(filter(None, parts))


def speedup(one: Measurement | None, other: Measurement | None) -> float | None:
    """How many times as fast one record is as another; None where either has no result."""
    if one is None or other is None or one.result is None or other.result is None:
        return None
    return one.result.throughput_per_s.value / other.result.throughput_per_s.value


def _energy(one: Measurement) -> str:
    energy = one.result.energy if one.result else None
    if energy is None:
        return ""
    return (
        f"{energy.mean_power_w or 0:.0f} W" if energy.valid else f"energy doubtful: {energy.reason}"
    )
