"""State of the machine while a case runs: clocks, heat, throttling, neighbours, load, energy.

A thread samples NVML ten times a second; without NVML everything that needs it is None. Energy
comes from the device's counter where there is one, else from integrated power, and says whether it
can be trusted. Neighbours on the GPU are those that were there before this process touched it, as
process ids aren't comparable across containers.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import fmean
from time import perf_counter, sleep
from types import TracebackType
from typing import Any, Self

import psutil

from modelworth.bench.timing.machine import cores, visible_handle
from modelworth.bench.timing.nvml import asked, nvml
from modelworth.bench.work.task import DeviceKind
from modelworth.data.measurement import Condition, Energy

PERIOD_S = 0.1
COUNTER_WINDOW_S = 1.0
"""Shortest window that an energy counter, renewed about every 0.1 s, resolves to some percent."""
MAX_GAP_S = 0.5
BUSY_SHARE = 0.1
"""Share of the cores that others may use before a processor counts as contended."""
GPU_BUSY_PERCENT = 5
LOOK_S, LEAVING_S = 0.3, 3.0
LOOK_AGAIN_S = 0.25
EXPECTED = (
    "gpu_idle",
    "applications_clocks_setting",
    "user_defined_clocks",
    "sync_boost",
    "display_clock_setting",
    "sw_power_cap",
)
"""Reasons that don't make a figure doubtful: a full power budget is how large devices work."""


@dataclass(slots=True)
class Samples:
    """What the thread saw."""

    at_s: list[float] = field(default_factory=list)
    power_w: list[float] = field(default_factory=list)
    clock_mhz: list[float] = field(default_factory=list)
    temperature_c: list[float] = field(default_factory=list)
    throttle: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Who else used the GPU before this process did; None: unknown."""

    processes: int | None = None
    busy_percent: float | None = None


def neighbours(
    device_type: str, index: int = 0, sleep: Callable[[float], object] = sleep
) -> Neighbours:
    """Look at the GPU; to be called before this process has a context on it.

    The worker before this one may be on its way out, and utilisation is a mean over the last
    second: what is still there after `LEAVING_S` is somebody else's.
    """
    if device_type != "cuda":
        return Neighbours()
    with nvml() as library:
        handle = visible_handle(library, index) if library else None
        if handle is None:
            return Neighbours()
        found = _seen_beside(library, handle)
        waited_s = 0.0
        while in_use(found) and waited_s < LEAVING_S:
            sleep(LOOK_AGAIN_S)
            waited_s += LOOK_AGAIN_S
            found = _seen_beside(library, handle)
        return found


def _seen_beside(library: Any, handle: Any) -> Neighbours:
    running = asked(library, "DeviceGetComputeRunningProcesses", handle)
    rates = asked(library, "DeviceGetUtilizationRates", handle)
    others = None if running is None else sum(one.pid != os.getpid() for one in running)
    return Neighbours(others, None if rates is None else rates.gpu)


def in_use(found: Neighbours) -> bool:
    """Whether somebody is there."""
    return bool(found.processes) or (found.busy_percent or 0) > GPU_BUSY_PERCENT


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


class Monitor:
    """Watches between `start` and `stop`; a context manager that stops at the latest at its end."""

    def __init__(self, device_type: str, index: int = 0, before: Neighbours | None = None) -> None:
        self._device_type, self._index = device_type, index
        self._before = before or Neighbours()
        self._samples = Samples()
        self._stack = ExitStack()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._library: Any = None
        self._handle: Any = None
        self._reasons: dict[str, dict[int, str]] = {}
        self._counter_j: float | None = None
        self._counter_before: float | None = None
        self._load_before = self._load_after = (0.0, 0.0)
        self._started_s: float | None = None
        self._window_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Begin the window."""
        if self._device_type == "cuda":
            self._library = self._stack.enter_context(nvml())
        if self._library is not None:
            self._handle = visible_handle(self._library, self._index)
            self._reasons = reasons(self._library)
        self._load_before = _busy_core_seconds()
        self._started_s = perf_counter()
        if self._handle is not None:
            self._counter_before = self._read_counter_j()
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the window; a second call does nothing."""
        if self._window_s or self._started_s is None:
            return
        self._window_s = perf_counter() - self._started_s
        self._load_after = _busy_core_seconds()
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            after = self._read_counter_j()
            if after is not None and self._counter_before is not None:
                self._counter_j = after - self._counter_before
        self._stack.close()

    def condition(self) -> Condition:
        """What the window looked like, with `throttled` and `contended` where they apply."""
        seen, load = self._samples, self._host_load()
        reasons = tuple(sorted(seen.throttle))
        flags = []
        if any(reason not in EXPECTED for reason in reasons):
            flags.append("throttled")
        if self._contended(load):
            flags.append("contended")
        return Condition(
            sm_clock_mhz=fmean(seen.clock_mhz) if seen.clock_mhz else None,
            temperature_c=max(seen.temperature_c, default=None),
            throttle_reasons=reasons,
            other_processes=self._before.processes,
            host_load=load,
            flags=tuple(flags),
        )

    def energy(self, work_done: float) -> Energy | None:
        """Joules of the window, in all and per unit of `work_done`; None without NVML."""
        if self._handle is None:
            return None
        return energy_of(self._samples, self._counter_j, self._window_s, work_done, self._shared())

    def _shared(self) -> bool:
        return bool(self._before.processes)

    def _contended(self, load: float | None) -> bool:
        if self._device_type != "cuda":
            return load is not None and load > BUSY_SHARE * cores()
        return in_use(self._before) or (load is not None and load > cores() - 1)

    def _host_load(self) -> float | None:
        """Cores' worth of time that other processes, and the hypervisor, took."""
        if not self._window_s:
            return None
        total = self._load_after[0] - self._load_before[0]
        own = self._load_after[1] - self._load_before[1]
        return max(0.0, (total - own) / self._window_s)

    def _watch(self) -> None:
        while True:
            self._sample()
            if self._ended.wait(PERIOD_S):
                self._sample()
                return

    def _sample(self) -> None:
        library, handle, seen = self._library, self._handle, self._samples
        power = asked(library, "DeviceGetPowerUsage", handle)
        if power is not None:
            seen.at_s.append(perf_counter())
            seen.power_w.append(power / 1e3)
        clock = asked(library, "DeviceGetClockInfo", handle, library.NVML_CLOCK_SM)
        if clock:
            seen.clock_mhz.append(float(clock))
        sensor = library.NVML_TEMPERATURE_GPU
        heat = asked(library, "DeviceGetTemperature", handle, sensor)
        if heat is not None:
            seen.temperature_c.append(float(heat))
        for question, names in self._reasons.items():
            mask = asked(library, question, handle) or 0
            seen.throttle |= {name for bit, name in names.items() if mask & bit}

    def _read_counter_j(self) -> float | None:
        count = asked(self._library, "DeviceGetTotalEnergyConsumption", self._handle)
        return None if count is None else count / 1e3


def energy_of(
    seen: Samples, counter_j: float | None, window_s: float, work_done: float, shared: bool
) -> Energy | None:
    """The counter's joules, else those of integrated power, with what makes them doubtful."""
    reason = "other processes used the device" if shared else None
    if counter_j is not None and counter_j > 0:
        if window_s < COUNTER_WINDOW_S:
            reason = f"a window of {window_s:.2f} s is short for the device's energy counter"
        return _energy("counter", counter_j, window_s, work_done, reason)
    if len(seen.power_w) < 2:
        return Energy(valid=False, reason="the device tells neither energy nor power")
    gaps = [after - before for before, after in zip(seen.at_s, seen.at_s[1:], strict=False)]
    means = [(one + two) / 2 for one, two in zip(seen.power_w, seen.power_w[1:], strict=False)]
    joules = sum(gap * mean for gap, mean in zip(gaps, means, strict=True))
    if max(gaps) > MAX_GAP_S:
        reason = f"power wasn't sampled for {max(gaps):.2f} s"
    elif len(gaps) < 10:
        reason = f"{len(seen.power_w)} samples of power are few"
    return _energy("integrated", joules * window_s / sum(gaps), window_s, work_done, reason)


def _energy(
    method: Any, joules: float, window_s: float, work_done: float, reason: str | None
) -> Energy:
    return Energy(
        energy_j=joules,
        energy_j_per_unit=joules / work_done,
        mean_power_w=joules / window_s,
        method=method,
        valid=reason is None,
        reason=reason,
    )


def energy_together(parts: Sequence[Energy | None], work_done: float) -> Energy | None:
    """Energy of all devices for the work of all; doubtful if one is, unknown if one is."""
    known = [part for part in parts if part is not None and part.energy_j is not None]
    if not known or len(known) < len(parts):
        return None
    joules = sum(part.energy_j or 0.0 for part in known)
    return Energy(
        energy_j=joules,
        energy_j_per_unit=joules / work_done,
        mean_power_w=sum(part.mean_power_w or 0.0 for part in known),
        method=known[0].method,
        valid=all(part.valid for part in known),
        reason=next((part.reason for part in known if part.reason), None),
    )


def reasons(library: Any) -> dict[str, dict[int, str]]:
    """Names of throttling by question and bit; NVML renamed "throttle" to "event" on the way.

    Looked up once: going through NVML's names ten times a second would slow the step down.
    """
    found: dict[str, dict[int, str]] = {}
    for word in ("Throttle", "Event"):
        prefix = f"nvmlClocks{word}Reason"
        found[f"DeviceGetCurrentClocks{word}Reasons"] = {
            getattr(library, name): _snake(name.removeprefix(prefix))
            for name in dir(library)
            if name.startswith(prefix) and name.removeprefix(prefix) not in ("All", "None")
        }
    return found


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)[1:]


def _busy_core_seconds() -> tuple[float, float]:
    """Busy time of all cores since the machine started, and this process's own with its children.

    Time that the hypervisor gave to others counts as busy.
    """
    times, own = psutil.cpu_times(), psutil.Process().cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return sum(times) - idle - guests, sum(own[:4])
