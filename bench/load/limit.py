"""The largest load of one endpoint within an objective: each trial of the search is a point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from modelworth.bench.load import session
from modelworth.bench.load.probe import Understood
from modelworth.bench.load.search import Found, Trial, growing, search
from modelworth.bench.load.session import Level, Settings
from modelworth.bench.load.summary import Summary

FEWEST_REQUESTS = 30
MOST_RATE, MOST_IN_FLIGHT = 1e5, 4096


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
