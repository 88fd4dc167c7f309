"""What happens in a run, event by event, and how long it will still take."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from time import perf_counter
from typing import Literal

from modelworth.bench.work.task import Limits
from modelworth.data.measurement import Measurement

EventKind = Literal["plan", "probe", "case", "tick", "done", "unsaved", "end"]
OVERHEAD_S = 1.5
"""Guess of what a case takes besides warm-up and timing, until some have been seen."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened.

    Attributes:
        kind: `plan` at the start; `probe` when the ceilings are measured; `case` when one starts;
            `tick` twice a second; `done` with a case's measurement; `unsaved` when that couldn't be
            stored; `end`.
        index: cases done so far, of `total` in this run (None: not known beforehand); `skipped`
            were measured before.
        left_s: seconds expected until the end; None as with `total`.
        message: for people, where there is something to say.
    """

    kind: EventKind
    index: int
    total: int | None
    elapsed_s: float
    left_s: float | None
    label: str = ""
    skipped: int = 0
    message: str = ""
    measurement: Measurement | None = None

    def as_json(self) -> str:
        """One line for programs; the measurement by its id, status and throughput."""
        content: dict[str, object] = {
            "event": self.kind,
            "index": self.index,
            "total": self.total,
            "elapsed_s": round(self.elapsed_s, 2),
            "left_s": None if self.left_s is None else round(self.left_s, 2),
            "label": self.label,
            "skipped": self.skipped,
            "message": self.message,
        }
        if self.measurement is not None:
            result = self.measurement.result
            content |= {
                "id": self.measurement.id,
                "status": self.measurement.status,
                "reason": self.measurement.reason,
                "unit": result.unit if result else None,
                "throughput_per_s": result.throughput_per_s.value if result else None,
            }
        return json.dumps(content)


@dataclass(slots=True)
class Progress:
    """What a run has done, for the events' figures."""

    limits: Limits
    total: int | None = None
    skipped: int = 0
    index: int = 0
    label: str = ""
    start_s: float = field(default_factory=perf_counter)
    began_s: float | None = None
    taken_s: list[float] = field(default_factory=list)

    def begin(self, label: str) -> None:
        """A case, or the probing before it, starts."""
        self.label, self.began_s = label, perf_counter()

    def finish(self) -> None:
        """The case is done."""
        if self.began_s is not None:
            self.taken_s.append(perf_counter() - self.began_s)
        self.index, self.began_s = self.index + 1, None

    def event(
        self, kind: EventKind, message: str = "", measurement: Measurement | None = None
    ) -> Event:
        """An event as things stand."""
        return Event(
            kind=kind,
            index=self.index,
            total=self.total,
            elapsed_s=perf_counter() - self.start_s,
            left_s=self._left_s(),
            label=self.label,
            skipped=self.skipped,
            message=message,
            measurement=measurement,
        )

    def _left_s(self) -> float | None:
        if self.total is None:
            return None
        expected = self.limits.warmup_s / 2 + self.limits.timed_s + OVERHEAD_S
        if self.taken_s:
            expected = sum(self.taken_s) / len(self.taken_s)
        in_case = 0.0 if self.began_s is None else perf_counter() - self.began_s
        return max(0.0, (self.total - self.index) * expected - min(in_case, expected))
