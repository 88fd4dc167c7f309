"""Times a step: warm-up until the trend is flat, then samples until the median is known.

On CUDA a step lies between two device events and a round of steps shares one synchronisation; on a
processor the clock is read around each step. The wall time of each round is kept beside the sum of
its samples, so that a clock that measures the wrong thing is found out. Garbage collection is
frozen. In a run over several ranks, rank 0's decisions hold for all (`agree`).
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Protocol

import torch

from modelworth.bench.timing.samples import is_flat, median_interval
from modelworth.bench.work.task import Limits, Step, Work

ROUND_S = 0.5
"""Aim for the length of a round of steps between two decisions."""
MIN_WARMUP_STEPS = 3
WARMUP_ROUND_S = 0.02
"""Shorter steps are warmed up several at a time."""
OVERTIME = 4
"""How often `timed_s` may pass for the sake of `min_samples`."""


class Clock(Protocol):
    """Marks moments in a device's stream of work.

    Attributes:
        settling_s: how long the device's clocks, heat and power cap take to settle: so long a
            warm-up lasts at least, and the timed steps likewise.
    """

    settling_s: float

    def mark(self) -> Any:
        """A moment, after all work enqueued so far."""

    def seconds(self, start: Any, end: Any) -> float:
        """Time between two marks, both reached."""

    def wait(self) -> None:
        """Until the device has done all it was given."""


class HostClock:
    """A processor does its work before the call returns."""

    settling_s = 0.0

    def mark(self) -> float:
        """The time now."""
        return perf_counter()

    def seconds(self, start: float, end: float) -> float:
        """Their difference."""
        return end - start

    def wait(self) -> None:
        """Nothing is pending."""


class CudaClock:
    """Events in the current stream."""

    settling_s = 2.0

    def mark(self) -> torch.cuda.Event:
        """An event, recorded now."""
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def seconds(self, start: torch.cuda.Event, end: torch.cuda.Event) -> float:
        """The device's own count, in milliseconds with a resolution of half a microsecond."""
        return start.elapsed_time(end) / 1e3

    def wait(self) -> None:
        """Until the current device is idle."""
        torch.cuda.synchronize()


@dataclass(slots=True)
class Timed:
    """Raw times of a case.

    Attributes:
        parts_s: seconds of each named part, step by step.
        wall_s: wall time of the rounds that hold the samples.
        settled: whether the warm-up ended flat.
    """

    samples_s: list[float] = field(default_factory=list)
    parts_s: dict[str, list[float]] = field(default_factory=dict)
    wall_s: float = 0.0
    warmup_steps: int = 0
    settled: bool = False


def clock_for(device: torch.device) -> Clock:
    """The clock of a device."""
    return CudaClock() if device.type == "cuda" else HostClock()


def same(value: float) -> float:
    """What a single rank agrees on with itself."""
    return value


def time_work(
    work: Work,
    clock: Clock,
    limits: Limits,
    *,
    agree: Callable[[float], float] = same,
    before_timing: Callable[[], None] = lambda: None,
    tell: Callable[[str, list[float]], object] = lambda _phase, _samples_s: None,
) -> Timed:
    """Warm up and time `work`.

    Args:
        work: what to time.
        clock: of its device.
        limits: when to stop.
        agree: gives every rank rank 0's value.
        before_timing: called between warm-up and timed steps (starts the monitor).
        tell: is told between rounds of steps what is going on (`warming`, `timing`).
    """
    timed = Timed(parts_s={name: [] for name, _ in work.parts})
    step_s = _warm_up(work, clock, limits, timed, agree, tell)
    with frozen_garbage():
        before_timing()
        while count := int(agree(_next_round(timed, limits, step_s, clock.settling_s))):
            _round(work, clock, count, timed)
            tell("timing", timed.samples_s)
    return timed


@contextmanager
def frozen_garbage() -> Iterator[None]:
    """No garbage collection inside."""
    enabled = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if enabled:
            gc.enable()


def _warm_up(
    work: Work,
    clock: Clock,
    limits: Limits,
    timed: Timed,
    agree: Callable[[float], float],
    tell: Callable[[str, list[float]], object],
) -> float:
    """Steps of the real shape until flat or out of time; returns the last step's seconds."""
    seen: list[float] = []
    since = perf_counter()
    while True:
        trial = Timed(parts_s={name: [] for name, _ in work.parts})
        few = len(seen) < MIN_WARMUP_STEPS or seen[-1] > WARMUP_ROUND_S
        _round(work, clock, 1 if few else math.ceil(WARMUP_ROUND_S / max(seen[-1], 1e-7)), trial)
        seen += trial.samples_s
        if len(seen) == 1:
            since = perf_counter()  # the first step may compile for minutes
            tell("warming", seen)
        timed.settled = bool(agree(is_flat(seen)))
        elapsed_s = perf_counter() - since
        if agree(_warm(seen, timed.settled, elapsed_s, limits, clock.settling_s)):
            timed.warmup_steps = len(seen)
            return seen[-1]


def _warm(seen: list[float], flat: bool, elapsed_s: float, limits: Limits, least_s: float) -> bool:
    """Whether to end the warm-up: it has settled, or its time since the first step is up."""
    if seen[-1] >= limits.warmup_s and len(seen) > 1:
        return True
    enough = flat or elapsed_s >= limits.warmup_s
    return len(seen) >= MIN_WARMUP_STEPS and elapsed_s >= least_s and enough


def _next_round(timed: Timed, limits: Limits, step_s: float, settling_s: float) -> int:
    """How many steps to time next; 0 to stop."""
    done = len(timed.samples_s)
    left = limits.max_samples - done
    if done < limits.min_samples:
        over = timed.wall_s >= OVERTIME * limits.timed_s
        return 0 if over and done else min(left, limits.min_samples - done, _steps_in(step_s))
    if timed.wall_s < settling_s:
        return _steps_in(step_s)
    if timed.wall_s >= limits.timed_s or left <= 0:
        return 0
    width = median_interval(timed.samples_s).relative_half_width
    if width is not None and width <= limits.precision:
        return 0
    return min(left, _steps_in(step_s))


def _steps_in(step_s: float) -> int:
    return max(1, math.ceil(ROUND_S / max(step_s, 1e-7)))


def _round(work: Work, clock: Clock, count: int, timed: Timed) -> None:
    """Time `count` steps with one synchronisation at their end."""
    pieces: tuple[Step, ...] = tuple(piece for _, piece in work.parts) or (work.step,)
    clock.wait()
    start = perf_counter()
    marks = [_marked_step(work.reset, pieces, clock) for _ in range(count)]
    clock.wait()
    timed.wall_s += perf_counter() - start
    for row in marks:
        timed.samples_s.append(clock.seconds(row[0], row[-1]))
        for (name, _), before, after in zip(work.parts, row, row[1:], strict=False):
            timed.parts_s[name].append(clock.seconds(before, after))


def _marked_step(reset: Step | None, pieces: tuple[Step, ...], clock: Clock) -> list[Any]:
    """One step with a mark before, between and after its pieces."""
    if reset is not None:
        reset()
    marks = [clock.mark()]
    for piece in pieces:
        piece()
        marks.append(clock.mark())
    return marks
