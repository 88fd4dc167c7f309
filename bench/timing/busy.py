"""A look at the machine before anything is measured, so that a busy one is known at once."""

from __future__ import annotations

import psutil

from modelworth.bench.timing.machine import cores
from modelworth.bench.timing.monitor import BUSY_SHARE, Neighbours, in_use, neighbours
from modelworth.bench.work.task import DeviceKind

LOOK_S = 0.3


def busy(device: DeviceKind) -> str | None:
    """What others do on the device, in words; None if nothing that matters."""
    if device == "cuda":
        return _gpu(neighbours(device))
    return _processor(psutil.cpu_percent(LOOK_S) / 100 * (psutil.cpu_count() or 1))


def _processor(used: float) -> str | None:
    """Of the cores that others use, so many of this process's."""
    if used <= BUSY_SHARE * cores():
        return None
    return (
        f"this machine is busy: others use {used:.1f} of its cores, and figures will be marked "
        "contended; stop them, or read the figures as a lower bound"
    )


def _gpu(found: Neighbours) -> str | None:
    if not in_use(found):
        return None
    others = f"{found.processes or 'some'} other processes, {found.busy_percent or 0:.0f}% busy"
    return (
        f"this GPU is in use ({others}), and figures will be marked contended; "
        "nvidia-smi shows by whom"
    )
