"""The latency–throughput curve of a measured server, read where a latency objective still holds.

Between two measured loads times and rates are interpolated as powers of the number in flight; loads
that lie further apart than `MOST_APART` aren't joined, and nothing is read beyond the largest load.
A missing 95th percentile is taken from the others as of a log-normal time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from modelworth.data.serving import Spread

MOST_APART: Final = 4.0
"""Loads further apart than this factor say too little of what lies between."""
NORMAL: Final = {"p50_s": 0.0, "p90_s": 1.2816, "p95_s": 1.6449, "p99_s": 2.3263}
"""Quantiles of the standard normal distribution."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A server at one load.

    Attributes:
        ttft_s, tpot_s: 95th percentiles; None: the run doesn't say.
        sound: whether the judge lets it carry a capacity; else it only says what a load costs.
    """

    in_flight: float
    requests_per_s: float
    ttft_s: float | None
    tpot_s: float | None
    record_id: str
    sound: bool = True


@dataclass(frozen=True, slots=True)
class Operating:
    """Where a curve is read.

    Attributes:
        held: whether the objective holds there.
        record_ids: the points that it is read from.
    """

    in_flight: float
    requests_per_s: float
    ttft_s: float | None
    tpot_s: float | None
    held: bool
    record_ids: tuple[str, ...]


def p95_s(spread: Spread | None) -> float | None:
    """A 95th percentile, as measured or from the two measured quantiles nearest to it."""
    if spread is None or spread.p95_s is not None:
        return None if spread is None else spread.p95_s
    known = [(z, value) for name, z in NORMAL.items() if (value := getattr(spread, name))]
    if len(known) < 2:
        return spread.p50_s or spread.mean_s
    (low, first), (high, second) = sorted(known)[-2:]
    slope = math.log(second / first) / (high - low)
    return float(second * math.exp(slope * (NORMAL["p95_s"] - high)))


def operating_point(points: Sequence[CurvePoint], ttft_s: float, tpot_s: float) -> Operating | None:
    """The largest measured load within the objective, or where it is just met between two.

    Where no load keeps it: the smallest one, with `held` False. None where the largest load that
    keeps it wasn't enough to be a capacity.
    """
    ordered = sorted(points, key=lambda point: point.in_flight)
    if not ordered:
        return None
    kept = 0
    while kept < len(ordered) and _excess(ordered[kept], ttft_s, tpot_s) <= 0:
        kept += 1
    if kept == 0:
        return _at(ordered[0], held=False)
    best = max(ordered[:kept], key=lambda point: point.requests_per_s)
    if kept == len(ordered):
        return _at(best) if any(point.sound for point in ordered) else None
    between = _between(ordered[kept - 1], ordered[kept], ttft_s, tpot_s)
    if between is None or between.requests_per_s < best.requests_per_s:
        return _at(best)
    return between


def _excess(point: CurvePoint, ttft_s: float, tpot_s: float) -> float:
    """Log of how far the worse of both times is above its objective."""
    logs = [
        math.log(found / wanted)
        for found, wanted in ((point.ttft_s, ttft_s), (point.tpot_s, tpot_s))
        if found
    ]
    return max(logs, default=0.0)


def _at(point: CurvePoint, held: bool = True) -> Operating:
    return Operating(
        point.in_flight, point.requests_per_s, point.ttft_s, point.tpot_s, held, (point.record_id,)
    )


def _between(low: CurvePoint, high: CurvePoint, ttft_s: float, tpot_s: float) -> Operating | None:
    """Where the objective is just met between a load that keeps it and one that doesn't."""
    if high.in_flight > MOST_APART * low.in_flight:
        return None
    pairs = ((low.ttft_s, high.ttft_s, ttft_s), (low.tpot_s, high.tpot_s, tpot_s))
    shares = [
        math.log(wanted / first) / math.log(second / first)
        for first, second, wanted in pairs
        if first and second and first <= wanted < second
    ]
    share = min(shares, default=0.0)
    return Operating(
        _power(low.in_flight, high.in_flight, share),
        _power(low.requests_per_s, high.requests_per_s, share),
        _power_or_none(low.ttft_s, high.ttft_s, share),
        _power_or_none(low.tpot_s, high.tpot_s, share),
        True,
        (low.record_id, high.record_id),
    )


def _power(first: float, second: float, share: float) -> float:
    return first * math.exp(share * math.log(second / first))


def _power_or_none(first: float | None, second: float | None, share: float) -> float | None:
    return None if not first or not second else _power(first, second, share)


def scaled(point: CurvePoint, rate: float, ttft: float, tpot: float) -> CurvePoint:
    """A point of other lengths, by factors on its rate and its times."""
    return replace(
        point,
        requests_per_s=point.requests_per_s * rate,
        ttft_s=None if point.ttft_s is None else point.ttft_s * ttft,
        tpot_s=None if point.tpot_s is None else point.tpot_s * tpot,
    )
