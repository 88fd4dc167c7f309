"""From single requests to what a point says: latencies, rates, how many were in flight.

Latencies are of the answered requests that were due in the steady part. A rate takes of each
request the share of its tokens that came within the steady part, so that waves at its edges don't
count double or get lost. The steady part begins where the fewest first requests are dropped that
make the mean latency most certain (MSER; White 1997), at most half of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from modelworth.bench.load.objective import Objective, holds, kept
from modelworth.bench.load.plan import Outcome, Run
from modelworth.bench.timing.samples import quantile
from modelworth.data.serving import Load, Serving, Spread

Floats = NDArray[np.float64]
PARTS = 10
STUDENT_95_OF_9 = 2.262
"""Student's t for a 95% interval of the mean of ten parts."""
MSER_BATCH, MSER_LEAST = 5, 40
BOUND_BUSY = 0.9
BOUND_LAG_S, BOUND_LAG_SHARE = 0.005, 0.05
"""The client is the limit when it hardly waits, or when its lag is this much of the first token."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A point: how it was loaded, and what came out.

    Attributes:
        tokens_per_s: output tokens per second with its interval; None: nobody counted.
        stopped: why the point ended before its time.
        detail: what the first failed request was told.
        held: whether the objective did.
    """

    load: Load
    serving: Serving | None
    tokens_per_s: tuple[float, float | None, float | None] | None
    requests_per_s: float | None
    processor_s: float
    stopped: str
    detail: str
    held: bool


def summarise(runs: Sequence[Run], asked: Load, objective: Objective = ()) -> Summary:
    """Bring together what the client processes saw; `asked` is how they were to load."""
    every = sorted((one for run in runs for one in run.outcomes), key=lambda one: one.due_s)
    window = _window(runs, every, find_steady=asked.mode == "closed")
    if window is None:
        window = (every[0].due_s, max(one.end_s for one in every)) if every else (0.0, 0.0)
    due = [one for one in every if window[0] <= one.due_s < window[1]]
    answered = [one for one in due if one.failure is None]
    load = _load(runs, every, due, answered, window, asked)
    failed = next((one.detail for one in every if one.failure), "")
    stopped = next((run.stopped for run in runs if run.stopped), "")
    processor_s = sum(run.processor_s for run in runs)
    if not answered or window[1] <= window[0]:
        return Summary(load, None, None, None, processor_s, stopped, failed, False)
    counted = [one for one in every if one.failure is None]
    requests = _rate(counted, window, lambda _: 1.0)
    tokens = None
    if not load.without_usage:
        tokens = _with_interval(counted, window, lambda one: float(one.output_tokens or 0))
    serving = _serving(counted, answered, window, load, requests, tokens)
    if objective:
        good = _rate(counted, window, lambda one: float(kept(objective, one)))
        serving = serving.model_copy(update={"goodput_per_s": good})
    held = holds(objective, due) and not load.stopped_early
    return Summary(load, serving, tokens, requests, processor_s, stopped, failed, held)


def _window(
    runs: Sequence[Run], every: list[Outcome], *, find_steady: bool
) -> tuple[float, float] | None:
    starts, ends = [run.steady_from_s for run in runs], [run.steady_to_s for run in runs]
    if any(start is None for start in starts) or any(end is None for end in ends):
        return None
    from_s, to_s = max(s for s in starts if s is not None), min(e for e in ends if e is not None)
    if to_s <= from_s:
        return None
    if find_steady:
        due = [one for one in every if from_s <= one.due_s < to_s and one.failure is None]
        first = steady_from([one.end_s - one.due_s for one in due])
        from_s = due[first].due_s if first else from_s
    return from_s, to_s


def steady_from(series: Sequence[float]) -> int:
    """How many first values to drop: MSER over means of five, at most half; 0 for short series."""
    count = len(series) // MSER_BATCH
    if len(series) < MSER_LEAST:
        return 0
    means = np.asarray(series[: count * MSER_BATCH], float).reshape(count, MSER_BATCH).mean(1)
    kept = count - np.arange(count // 2 + 1)
    errors = [means[count - n :].var() / n for n in kept]
    return int(np.argmin(errors)) * MSER_BATCH


def spread(values: Sequence[float] | Floats) -> Spread | None:
    """Mean, median, the quantiles that the number of values can tell, and the largest."""
    if not len(values):
        return None
    series = np.asarray(values, float)
    high = {f"p{share}_s": quantile(series, share / 100) for share in (90, 95, 99)}
    return Spread(
        mean_s=float(series.mean()),
        p50_s=float(np.median(series)),
        max_s=float(series.max()),
        **high,
    )


def _share_within(one: Outcome, window: tuple[float, float]) -> float:
    """Share of an answer that came within the window, taken as even from first to last token."""
    first_s = one.end_s if one.first_s is None else one.first_s
    last_s = first_s if one.last_s is None else one.last_s
    if last_s <= first_s:
        return float(window[0] <= last_s < window[1])
    return max(0.0, min(last_s, window[1]) - max(first_s, window[0])) / (last_s - first_s)


def _rate(
    every: list[Outcome], window: tuple[float, float], of: Callable[[Outcome], float]
) -> float:
    return sum(of(one) * _share_within(one, window) for one in every) / (window[1] - window[0])


def _with_interval(
    every: list[Outcome], window: tuple[float, float], of: Callable[[Outcome], float]
) -> tuple[float, float | None, float | None]:
    """A rate and its 95% interval, by the means of ten equal parts."""
    value = _rate(every, window, of)
    if len(every) < 2 * PARTS:
        return value, None, None
    edges = np.linspace(*window, PARTS + 1)
    parts = [_rate(every, (a, b), of) for a, b in pairwise(edges)]
    half = STUDENT_95_OF_9 * float(np.std(parts, ddof=1)) / PARTS**0.5
    return value, max(0.0, value - half), value + half


def _load(
    runs: Sequence[Run],
    every: list[Outcome],
    due: list[Outcome],
    answered: list[Outcome],
    window: tuple[float, float],
    asked: Load,
) -> Load:
    lags = np.concatenate([np.asarray(run.lags_s, float) for run in runs])
    busy, lag = max(run.busy for run in runs), spread(lags)
    first = [value for one in answered if (value := one.value("ttft")) is not None]
    failures = Counter(one.failure for one in due if one.failure)
    mean, most, parts = in_flight(every, window)
    known = [one for one in answered if one.input_tokens and one.cached_tokens is not None]
    return Load.model_validate(
        asked.model_dump()
        | {
            "duration_s": window[1] - window[0],
            "warmup_s": max(0.0, window[0] - every[0].due_s) if every else None,
            "requests_ok": len(answered),
            "requests_failed": len(due) - len(answered),
            "failures": failures,
            "without_usage": sum(one.output_tokens is None for one in answered),
            "in_flight_mean": mean,
            "in_flight_max": most,
            "in_flight": parts,
            "client_lag_s": lag,
            "client_busy": busy,
            "client_bound": client_bound(busy, lag, float(np.median(first)) if first else None),
            "cached_share": _cached_share(known),
            "stopped_early": any(run.decided for run in runs) or None,
        }
    )


def client_bound(busy: float, lag: Spread | None, ttft_s: float | None) -> bool:
    """Whether the client was the limit: it hardly ever waited, or it was late by what matters."""
    if busy > BOUND_BUSY:
        return True
    late_s = (lag.p99_s or lag.p50_s or 0.0) if lag else 0.0
    return late_s > max(BOUND_LAG_S, BOUND_LAG_SHARE * (ttft_s or 0.0))


def _cached_share(known: list[Outcome]) -> float | None:
    total = sum(one.input_tokens or 0 for one in known)
    cached = sum(one.cached_tokens or 0 for one in known)
    return min(1.0, cached / total) if total else None


def in_flight(
    every: list[Outcome], window: tuple[float, float], parts: int = 4 * PARTS
) -> tuple[float | None, float | None, tuple[float, ...]]:
    """Mean, most, and the means over equal parts, of requests begun and not ended."""
    if window[1] <= window[0]:
        return None, None, ()
    begun = np.array([one.due_s for one in every])
    ended = np.array([one.end_s for one in every])
    edges = np.linspace(*window, parts + 1)
    within = np.minimum(ended, edges[1:, None]) - np.maximum(begun, edges[:-1, None])
    means = np.clip(within, 0, None).sum(1) / np.diff(edges)
    moments = np.concatenate([begun, ended])
    steps = np.concatenate([np.ones(len(begun)), -np.ones(len(ended))])
    order = np.lexsort((steps, moments))
    level = np.cumsum(steps[order])
    inside = (moments[order] >= window[0]) & (moments[order] < window[1])
    most = float(level[inside].max(initial=0.0))
    mean = float(means.mean())
    return mean, max(most, mean), tuple(float(value) for value in means)


def _serving(
    counted: list[Outcome],
    answered: list[Outcome],
    window: tuple[float, float],
    load: Load,
    requests_per_s: float,
    tokens: tuple[float, float | None, float | None] | None,
) -> Serving:
    def values(quantity: str) -> list[float]:
        return [v for one in answered if (v := one.value(quantity)) is not None]

    usage = not load.without_usage
    chunks = sum(one.chunks for one in answered)
    output = sum(one.output_tokens or 0 for one in answered) if usage else None
    reasoning = [one.reasoning_tokens for one in answered if one.reasoning_tokens is not None]
    prompts = all(one.input_tokens is not None for one in answered)
    return Serving(
        ttft=spread(values("ttft")),
        tpot=spread(values("tpot")),
        itl=spread(np.concatenate([np.asarray(one.gaps_s, float) for one in answered])),
        e2e=spread(values("e2e")),
        requests_per_s=requests_per_s,
        input_tokens_per_s=(
            _rate(counted, window, lambda one: float(one.input_tokens or 0)) if prompts else None
        ),
        output_tokens_per_s=tokens[0] if tokens else None,
        input_tokens=sum(one.input_tokens or 0 for one in answered) if prompts else None,
        output_tokens=output,
        reasoning_tokens=sum(reasoning) if reasoning else None,
        tokens_per_chunk=output / chunks if output and chunks else None,
    )
