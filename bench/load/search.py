"""The largest load within an objective, by few trials.

Loads grow fourfold until one doesn't hold; what the server got done then is the next guess, and
halving the rest (as a ratio) closes in. A load holds if the objective does and the queue doesn't
grow: a short trial above capacity may end before its latencies tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from modelworth.bench.load import session
from modelworth.bench.load.probe import Understood
from modelworth.bench.load.session import Level, Settings
from modelworth.bench.load.summary import Summary

GROWTH = 4.0
TOLERANCE = 0.04
MOST_TRIALS = 12
FEWEST_REQUESTS = 30
MOST_RATE, MOST_IN_FLIGHT = 1e5, 4096
NEAR = 0.98
"""Of what an overloaded server got done: the guess that is tried next."""

CAUGHT_UP = 1.02
"""More done than offered by this much: it was catching up; the trial is repeated once."""
GAIN = 1.03
"""Least gain of a fourfold number in flight; below it the server is saturated."""

End = Literal[
    "found",
    "no load holds",
    "the client was the limit",
    "every load holds",
    "more in flight adds nothing",
    "trials",
]


@dataclass(frozen=True, slots=True)
class Trial:
    """What one load came to.

    Attributes:
        holds: the objective held and the queue didn't grow.
        done: requests per second the server finished; None: unknown.
        goodput: of those, the ones within the limits.
        client_bound: the client couldn't offer this load.
    """

    load: float
    holds: bool
    done: float | None = None
    goodput: float | None = None
    client_bound: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The largest load that held, the smallest that didn't, and why the search ended there.

    Attributes:
        low: None where no load held.
        high: None where none failed.
    """

    low: float | None
    high: float | None
    end: End
    trials: tuple[Trial, ...]


def search(
    trial: Callable[[float], Trial],
    first: float,
    *,
    most: float,
    whole: bool = False,
) -> Found:
    """Search from the load `first` up to `most`; `whole` for numbers of requests in flight."""
    trials: list[Trial] = []
    low: float | None = None
    high: float | None = None
    load = first
    while len(trials) < MOST_TRIALS:
        seen = trial(load)
        trials.append(seen)
        if _caught_up(seen) and len(trials) < MOST_TRIALS:
            seen = trial(load)
            trials.append(seen)
        if seen.client_bound:
            return Found(low, high, "the client was the limit", tuple(trials))
        if whole and high is None and _adds_nothing(seen, trials[:-1]):
            return Found(low, load, "more in flight adds nothing", tuple(trials))
        low, high = (load, high) if seen.holds else (low, load)
        if low is not None and _close(low, high, whole=whole):
            return Found(low, high, "found", tuple(trials))
        if low is None and (load <= first / GROWTH**3 or (whole and load <= 1)):
            return Found(low, high, "no load holds", tuple(trials))
        if high is None and load >= most:
            return Found(low, high, "every load holds", tuple(trials))
        load = _next(low, high, seen, whole=whole)
        load = min(load, most) if high is None else load
    return Found(low, high, "trials", tuple(trials))


def _caught_up(seen: Trial) -> bool:
    """Whether it failed while the server did more than was offered: a stall, not its capacity."""
    return not seen.holds and seen.done is not None and seen.done > seen.load * CAUGHT_UP


def _adds_nothing(seen: Trial, before: list[Trial]) -> bool:
    most = max((one.done for one in before if one.done is not None), default=None)
    return seen.done is not None and most is not None and seen.done < GAIN * most


def _close(low: float, high: float | None, *, whole: bool) -> bool:
    return high is not None and (high <= low * (1 + TOLERANCE) or (whole and high - low <= 1))


def _next(low: float | None, high: float | None, seen: Trial, *, whole: bool) -> float:
    """Above all that held and below all that didn't."""
    if high is None:
        load = (low or seen.load) * GROWTH
    elif low is None:
        load = high / GROWTH
        if not whole and seen.done is not None and load < seen.done * NEAR < high:
            load = seen.done * NEAR
    else:
        load = math.sqrt(low * high)
        overloaded = not seen.holds and not whole and seen.done is not None
        if overloaded and low * 1.01 < seen.done * NEAR < high / 1.01:
            load = seen.done * NEAR
        if seen.holds and high > low * (1 + 2 * TOLERANCE) and not whole:
            load = min(load, low * (1 + 3 * TOLERANCE))
    if whole:
        load = float(round(load))
        if low is not None:
            load = max(load, low + 1)
        if high is not None:
            load = max(1.0, min(load, high - 1))
    return load


def growing(in_flight: tuple[float, ...], rate_per_s: float, duration_s: float) -> bool:
    """Whether requests pile up: the last third of a trial against the first.

    More than 3% of what arrives stays, and more than chance would leave (three standard
    deviations of a Poisson number in flight).
    """
    third = len(in_flight) // 3
    if not third:
        return False
    early, late = sum(in_flight[:third]) / third, sum(in_flight[-third:]) / third
    piled = late - early
    return piled > 0.03 * rate_per_s * duration_s * 2 / 3 and piled > 3 * math.sqrt(early + 1)


def largest(
    settings: Settings,
    understood: Understood,
    by: str,
    keep: Callable[[Summary], None],
) -> Found:
    """Search by `rate` or `concurrency`; `keep` takes each point as it is done.

    Raises:
        InterruptedPointError: if somebody asked to stop.
    """

    def trial(load: float) -> Trial:
        level = Level(rate_per_s=load) if by == "rate" else Level(concurrency=round(load))
        enough = settings
        if by == "rate" and settings.requests is None:
            longest_s = max(settings.duration_s, FEWEST_REQUESTS / load)
            enough = replace(settings, duration_s=longest_s)
        summary = session.measure(enough, understood, level)
        keep(summary)
        return _trial(load, summary)

    if by == "rate":
        return search(trial, 1 / understood.e2e_s, most=MOST_RATE)
    return search(trial, 1.0, most=MOST_IN_FLIGHT, whole=True)


def _trial(load: float, summary: Summary) -> Trial:
    seen, serving = summary.load, summary.serving
    piling = seen.mode == "open" and growing(seen.in_flight, load, seen.duration_s or 0.0)
    return Trial(
        load=load,
        holds=summary.held and not piling and not summary.stopped,
        done=serving.requests_per_s if serving and not summary.stopped else None,
        goodput=serving.goodput_per_s if serving else None,
        client_bound=bool(seen.client_bound),
    )
