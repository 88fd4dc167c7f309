"""What happens in a run, event by event, and how long it will still take."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Literal

from modelworth.bench.run.news import News
from modelworth.bench.work.task import Limits
from modelworth.data.measurement import Measurement

EventKind = Literal["plan", "notice", "probe", "case", "tick", "done", "unsaved", "end"]
OVERHEAD_S = 1.5
"""Guess of what a case takes besides warm-up and timing, until some have been seen."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened.

    Attributes:
        kind: `plan` at the start; `notice` if something is to be known beforehand; `probe` when the
            ceilings are measured; `case` when one starts; `tick` twice a second; `done` with a
            case's measurement; `unsaved` when that couldn't be stored; `end`.
        index: cases done so far, of `total` in this run (None: not known beforehand); `skipped`
            were measured before.
        left_s: seconds expected until the end; None as with `total`.
        left_high_s: as `left_s`, if the rest goes as badly as what was seen does at worst.
        news: how far the case in progress is.
        message: for people, where there is something to say.
    """

    kind: EventKind
    index: int
    total: int | None
    elapsed_s: float
    left_s: float | None
    left_high_s: float | None = None
    news: News | None = None
    label: str = ""
    skipped: int = 0
    message: str = ""
    measurement: Measurement | None = None

    def as_json(self) -> str:
        """One line for programs; the measurement by its id, status and throughput."""
        content: dict[str, object] = {"event": self.kind}
        for name in ("index", "total", "elapsed_s", "left_s", "left_high_s", "news", "label"):
            value = getattr(self, name)
            content[name] = round(value, 2) if isinstance(value, float) else value
        content |= {"news": self.news and self.news.model_dump(mode="json")}
        content |= {"skipped": self.skipped, "message": self.message}
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
    expected_s: Sequence[float] = ()
    index: int = 0
    label: str = ""
    start_s: float = field(default_factory=perf_counter)
    began_s: float | None = None
    taken_s: list[float] = field(default_factory=list)

    def begin(self, label: str) -> None:
        """A case, or the probing before it, which counts as part of it, starts."""
        self.label = label
        self.began_s = perf_counter() if self.began_s is None else self.began_s

    def finish(self) -> None:
        """The case is done."""
        if self.began_s is not None:
            self.taken_s.append(perf_counter() - self.began_s)
        self.index, self.began_s = self.index + 1, None

    def event(
        self,
        kind: EventKind,
        message: str = "",
        measurement: Measurement | None = None,
        news: News | None = None,
    ) -> Event:
        """An event as things stand."""
        left_s, left_high_s = self._left_s()
        return Event(
            kind=kind,
            index=self.index,
            total=self.total,
            elapsed_s=perf_counter() - self.start_s,
            left_s=left_s,
            left_high_s=left_high_s,
            news=news,
            label=self.label,
            skipped=self.skipped,
            message=message,
            measurement=measurement,
        )

    def _left_s(self) -> tuple[float | None, float | None]:
        """Seconds until the end: as the cases so far went against their expectation, and at worst.

        The worst is twice the guess until two cases are done; then the largest ratio seen. A case
        that takes longer than expected pushes both ends away.
        """
        if self.total is None:
            return None, None
        usual_s = self.limits.warmup_s / 2 + self.limits.timed_s + OVERHEAD_S
        plan = list(self.expected_s) or [usual_s] * self.total
        done = list(zip(self.taken_s, plan, strict=False))
        ratio = sum(taken for taken, _ in done) / sum(want for _, want in done) if done else 1.0
        worst = max((taken / want for taken, want in done), default=2.0)
        worst = max(worst, 2.0) if len(done) < 2 else worst
        in_case = 0.0 if self.began_s is None else perf_counter() - self.began_s
        now_s, rest_s = sum(plan[self.index : self.index + 1]), sum(plan[self.index + 1 :])
        low, high = (max(0.0, now_s * one - in_case) + rest_s * one for one in (ratio, worst))
        return low, high + max(0.0, in_case - now_s * worst)
