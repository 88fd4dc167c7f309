"""One load test: learn how the endpoint wants to be asked, then a point for each level of load."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from modelworth.bench.load.endpoint import Endpoint
from modelworth.bench.load.objective import Objective, misses
from modelworth.bench.load.plan import InterruptedPointError, Limits, Plan
from modelworth.bench.load.probe import Understood
from modelworth.bench.load.processes import carry_out
from modelworth.bench.load.prompts import bodies
from modelworth.bench.load.summary import Summary, summarise
from modelworth.bench.timing.machine import cores
from modelworth.data.serving import Load

Arrivals = Literal["poisson", "constant"]
MAX_IN_FLIGHT = 4096
OPEN_WARMUP_S = 1.0
"""Least warm-up of an open loop; it is two requests long where that is more."""
RUN_OUT_S = 30.0
"""Most time that arrivals go on after the counted part, until its requests are answered."""


@dataclass(frozen=True, slots=True)
class Level:
    """One level of load: so many in flight, or requests at a rate."""

    concurrency: int | None = None
    rate_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """How every point is measured.

    Attributes:
        requests: counted ones of a point; None: as many as begin in `duration_s`.
        processes: of the client; None: one, and more where it was the limit.
        traffic: one's own bodies; None: made for the shape.
    """

    endpoint: Endpoint
    label: str
    sweep: str
    requests: int | None = None
    duration_s: float = 30.0
    warmup_s: float | None = None
    timeout_s: float = 300.0
    arrivals: Arrivals = "poisson"
    max_in_flight: int = MAX_IN_FLIGHT
    processes: int | None = None
    seed: int = 0
    traffic: tuple[tuple[bytes, ...], ...] | None = None
    objective: Objective = ()


def measure(settings: Settings, understood: Understood, level: Level) -> Summary:
    """One point; again with more client processes while the client is the limit.

    Raises:
        InterruptedPointError: with what had been seen, if somebody asked to stop.
    """
    most = settings.processes or cores()
    processes = settings.processes or 1
    while True:
        summary = _point(settings, understood, level, processes)
        if not summary.load.client_bound or processes >= most or summary.serving is None:
            return summary
        processes = min(most, processes * 2)


def _point(settings: Settings, understood: Understood, level: Level, processes: int) -> Summary:
    rng = np.random.default_rng([settings.seed, 2])
    if level.concurrency is not None:
        processes = min(processes, level.concurrency)
        plans = _closed(settings, understood, level.concurrency, processes)
        how: dict[str, Any] = {"mode": "closed", "concurrency_limit": level.concurrency}
    else:
        rate_per_s = level.rate_per_s or 0.0
        plans = _open(settings, understood, rate_per_s, processes, rng)
        how = {"mode": "open", "rate_per_s": rate_per_s, "arrivals": settings.arrivals}
    runs, interrupted = carry_out(plans)
    asked = Load(
        endpoint=settings.label,
        sweep=settings.sweep,
        shared_prefix=None if settings.traffic else understood.shape.shared,
        objective=tuple(str(term) for term in settings.objective),
        **how,
    )
    summary = summarise(runs, asked, settings.objective)
    if asked.mode == "open" and (summary.load.in_flight_max or 0) >= settings.max_in_flight:
        held = summary.load.model_copy(update={"concurrency_limit": settings.max_in_flight})
        summary = replace(summary, load=held)
    if interrupted:
        raise InterruptedPointError(summary)
    return summary


def _closed(
    settings: Settings, understood: Understood, concurrency: int, processes: int
) -> list[Plan]:
    common = _common(settings, understood, processes)
    plans = []
    for index in range(processes):
        share = concurrency // processes + (index < concurrency % processes)
        count = settings.requests and math.ceil(settings.requests * share / concurrency)
        plan = replace(
            common[index],
            concurrency=share,
            count=count,
            duration_s=None if count else settings.duration_s,
            warmup_s=settings.warmup_s or 0.0,
            ramp_s=understood.e2e_s,
        )
        plans.append(_limited(plan, settings, count, processes))
    return plans


def _open(
    settings: Settings,
    understood: Understood,
    rate_per_s: float,
    processes: int,
    rng: np.random.Generator,
) -> list[Plan]:
    duration_s = settings.requests / rate_per_s if settings.requests else settings.duration_s
    warmup_s = settings.warmup_s
    if warmup_s is None:
        warmup_s = max(OPEN_WARMUP_S, 2 * understood.e2e_s)
    until_s = warmup_s + duration_s + min(RUN_OUT_S, duration_s)
    due = moments(rate_per_s, until_s, settings.arrivals, rng)
    counted = round(duration_s * rate_per_s)
    plans = []
    for index, common in enumerate(_common(settings, understood, processes)):
        plan = replace(
            common,
            concurrency=max(1, settings.max_in_flight // processes),
            due_s=due[index::processes],
            duration_s=duration_s,
            warmup_s=warmup_s,
        )
        plans.append(_limited(plan, settings, counted, processes))
    return plans


def _limited(plan: Plan, settings: Settings, counted: int | None, processes: int) -> Plan:
    """With the number of misses after which the objective can't hold any more."""
    of_all = misses(settings.objective, counted) if counted else ()
    each = tuple(replace(miss, allowed=math.ceil(miss.allowed / processes)) for miss in of_all)
    in_a_row = max(20, 2 * plan.concurrency) if not plan.due_s else 200
    return replace(plan, limits=Limits(settings.timeout_s, in_a_row, each))


def _common(settings: Settings, understood: Understood, processes: int) -> list[Plan]:
    rng = np.random.default_rng([settings.seed, 3])
    made = settings.traffic or bodies(understood.shape, understood.words, rng)
    first = int(np.random.default_rng().integers(10**13))  # unlike those of any run before
    target = settings.endpoint.target(understood.shape.api)
    return [
        Plan(
            target=target,
            bodies=made[index:] + made[:index],
            concurrency=1,
            first_nonce=first + index,
            nonce_step=processes,
        )
        for index in range(processes)
    ]


def moments(
    rate_per_s: float, until_s: float, arrivals: Arrivals, rng: np.random.Generator
) -> tuple[float, ...]:
    """Seconds after the start at which requests are due, before `until_s`, in order."""
    if arrivals == "constant":
        return tuple((np.arange(int(rate_per_s * until_s)) / rate_per_s).tolist())
    expected = rate_per_s * until_s
    count = int(expected + 6 * expected**0.5 + 10)
    due = np.cumsum(rng.exponential(1 / rate_per_s, count))
    return tuple(due[due < until_s].tolist())
