"""What a client process is to do, and what it brings back: plain data, light to import."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go.

    Attributes:
        head: of every request: the line and its headers, up to the content length's value.
    """

    family: int
    address: tuple[object, ...]
    host: str
    tls: bool
    head: bytes


@dataclass(frozen=True, slots=True)
class Miss:
    """How many counted requests may take longer than this before the point is decided."""

    quantity: str
    most_s: float
    allowed: int


@dataclass(frozen=True, slots=True)
class Limits:
    """When to give up: on a request, and on a point that fails or misses its objective."""

    timeout_s: float = 600.0
    failures_in_a_row: int = 50
    misses: tuple[Miss, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """One client process's part of one point.

    Closed loop where `due_s` is empty: `concurrency` in flight, the first ones spread over
    `ramp_s`. Open loop otherwise: a request at each moment, at most `concurrency` in flight.

    Attributes:
        bodies: each cut where a request's own words go; used in turn.
        first_nonce, nonce_step: this process's series of unique words.
        count: requests that are counted; None: as many as begin in `duration_s`.
        due_s: moments after the start; those after `warmup_s` and before its end are counted.
    """

    target: Target
    bodies: tuple[tuple[bytes, ...], ...]
    concurrency: int
    due_s: tuple[float, ...] = ()
    count: int | None = None
    duration_s: float | None = None
    warmup_s: float = 0.0
    ramp_s: float = 0.0
    first_nonce: int = 0
    nonce_step: int = 1
    limits: Limits = Limits()


@dataclass(slots=True)
class Outcome:
    """One request: when it was due and what came of it (moments in seconds of one clock).

    Attributes:
        due_s: when it had to be sent: the scheduled moment, or when its place came free, plus
            what the client itself was late.
        failure: a word of `data.serving.Failure`; None: answered.
        after_first: tokens after the first chunk.
    """

    due_s: float
    end_s: float
    failure: str | None = None
    detail: str = ""
    first_s: float | None = None
    last_s: float | None = None
    chunks: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    after_first: float | None = None
    gaps_s: array[float] = field(default_factory=lambda: array("f"))

    def value(self, quantity: str) -> float | None:
        """Seconds of `ttft`, `tpot` or `e2e`; None where there is none."""
        if quantity == "tpot":
            if self.after_first is None or self.first_s is None or self.last_s is None:
                return None
            return (self.last_s - self.first_s) / self.after_first
        end_s = self.first_s if quantity == "ttft" else self.last_s
        return None if end_s is None else end_s - self.due_s


@dataclass(slots=True)
class Run:
    """What one client process brings back.

    Attributes:
        steady_from_s, steady_to_s: the counted part.
        lags_s: how late the client was, one value each time it looked.
        busy: share of the time (closed loop: of the counted part) it wasn't waiting for the server.
        decided: it stopped because the objective can't hold any more.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    steady_from_s: float | None = None
    steady_to_s: float | None = None
    lags_s: array[float] = field(default_factory=lambda: array("f"))
    busy: float = 0.0
    processor_s: float = 0.0
    decided: bool = False
    stopped: str = ""


class InterruptedPointError(Exception):
    """Somebody asked to stop; `summary`, a `summary.Summary`, holds what the point had seen."""

    def __init__(self, summary: Any) -> None:
        self.summary = summary
        super().__init__("stopped")
