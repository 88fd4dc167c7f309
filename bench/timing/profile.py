"""Where a step's time goes: a trace for the timeline's viewer and a table of kernels by share.

The trace opens in Perfetto or chrome://tracing. On a GPU the table is of kernels and of the
device's time; on a processor of PyTorch's operations and their own time. Profiling slows a step
down, so it is done after everything was timed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from modelworth.bench.work.task import Work
from modelworth.data.errors import InputError

STEPS = 3
ROWS = 40
SYNCS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")


@dataclass(frozen=True, slots=True)
class Spent:
    """What one kernel or operation took in all profiled steps."""

    name: str
    seconds: float
    calls: int


def write(work: Work, device: torch.device, stem: Path) -> None:
    """Profile a few steps; writes `stem`.json, the trace, and `stem`.md, the table.

    Raises:
        InputError: if nothing can be written there.
    """
    activities = [ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities, acc_events=True) as seen:
        for _ in range(STEPS):
            if work.reset is not None:
                work.reset()
            work.step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
    spent, syncs = _spent(seen, device.type)
    try:
        stem.parent.mkdir(parents=True, exist_ok=True)
        seen.export_chrome_trace(f"{stem}.json")
        stem.with_name(f"{stem.name}.md").write_text(table(stem.name, spent, syncs), "utf-8")
    except OSError as error:
        found = f"{stem.parent}: {error.strerror or error}"
        raise InputError("--profile", found, "a folder to write to") from error


def table(title: str, spent: Iterable[Spent], syncs: int) -> str:
    """The kernels by the share of all their time, as Markdown."""
    rows = sorted((one for one in spent if one.seconds > 0), key=lambda one: -one.seconds)
    total = sum(one.seconds for one in rows)
    lines = [
        f"# {title}",
        "",
        f"{STEPS} steps, {total * 1e3:.2f} ms in {len(rows)} kernels; "
        f"the host waited for the device {syncs} times.",
        "",
        "| share | ms a step | calls a step | kernel |",
        "| --: | --: | --: | --- |",
    ]
    for one in rows[:ROWS]:
        name = one.name.replace("|", "¦")[:120]
        figures = f"{one.seconds / total:.1%} | {one.seconds / STEPS * 1e3:.3f}"
        lines.append(f"| {figures} | {one.calls / STEPS:g} | `{name}` |")
    if rest := sum(one.seconds for one in rows[ROWS:]):
        lines.append(f"| {rest / total:.1%} | {rest / STEPS * 1e3:.3f} | | all others |")
    return "\n".join(lines) + "\n"


def _spent(seen: profile, device_type: str) -> tuple[list[Spent], int]:
    """Time of every kernel (of every operation on a processor), and how often the host waited."""
    on_device = device_type == "cuda"
    averages = seen.key_averages()
    spent = [
        Spent(
            each.key,
            (each.self_device_time_total if on_device else each.self_cpu_time_total) / 1e6,
            each.count,
        )
        for each in averages
        if not on_device or each.device_type == DeviceType.CUDA
    ]
    return spent, sum(each.count for each in averages if each.key in SYNCS)
