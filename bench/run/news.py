"""What a worker says while it works: its phase, and how the timing stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from modelworth.bench.timing.samples import median_interval
from modelworth.bench.work.task import Work
from modelworth.data.record import Record

Phase = Literal["building", "compiling", "starting", "warming", "timing", "memory", "profiling"]
FEWEST = 3
"""Samples from which a rate is said."""


class News(Record):
    """How far a case is.

    Attributes:
        phase: `building` the model; the first step, which may be `compiling` or just `starting`;
            `warming` up; `timing`; measuring `memory`; `profiling`.
        samples: timed steps so far.
        rate_per_s: units a second of the median step so far; None: too early to say.
        half_width: half of that rate's 95% interval, as a share of it.
    """

    phase: Phase
    samples: int = 0
    rate_per_s: float | None = None
    half_width: float | None = None
    unit: str = ""


Tell = Callable[[News], object]


def nobody(_: News) -> None:
    """Tells no one."""


def timing_news(work: Work, phase: Phase, samples_s: Sequence[float]) -> News:
    """The news after so many timed steps."""
    if phase != "timing" or len(samples_s) < FEWEST:
        return News(phase=phase, samples=len(samples_s) if phase == "timing" else 0)
    middle = median_interval(samples_s)
    return News(
        phase=phase,
        samples=len(samples_s),
        rate_per_s=work.work_per_step / middle.value,
        half_width=middle.relative_half_width,
        unit=work.unit,
    )
