"""What a load test of a server can stand for: a capacity, a capacity at one concurrency, or none.

Little's law is the arithmetic behind most of it: requests in flight = requests a second × seconds a
request takes. A client that keeps its slots full measures the server; one that was told to send a
request a second measures that wish. Pure functions of plain numbers: no files, no clock.
Source: Little 1961, "A proof for the queuing formula L = λW"; for coordinated omission, Tene 2013.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

Class = Literal[
    "saturated",
    "concurrency_held",
    "load_limited",
    "cache_warmed",
    "error_bearing",
    "too_short",
    "client_bound",
    "contradictory",
    "unknown_load",
]
SOUND: Final[frozenset[Class]] = frozenset({"saturated", "concurrency_held"})
"""What may carry a capacity and correct a prediction."""

HELD_SHARE: Final = 0.9
"""A limit is held when on average this share of it was in flight."""
MOST_ERRORS: Final = 0.01
MOST_LAG: Final = 0.1
"""Client lag as a share of a request's time, above which the client was the limit."""
OVERLOAD: Final = 0.1
"""An open loop that is behind its rate by this share of it was more than the server can do."""
QUEUED: Final = 0.2
"""Of the time between the last sending and the end: a first token that waited less stood in no
queue, and the end is that of the last requests. A queue that grows evenly makes it one half. Of all
the time where all were sent at once: two waves make it a quarter."""
LATE: Final = 3.0
"""Nor do the last requests take this many times a request's mean time."""
ONE_WAVE: Final = 0.75
"""Of a burst, on average still there: more than this share means that no queue drained."""
SCATTERED: Final = 0.25
"""A burst that drains evenly is half there on average; with less than this it was none."""
MOST_CACHED: Final = 0.05
LEAST_REQUESTS: Final = 10
LEAST_WAVES: Final = 3.0
"""How often each slot must have been used: a run of fewer is mostly its beginning and its end."""
TOLERANCE: Final = 0.02
"""Two statements of one figure may differ by this share."""
LITTLE_TOLERANCE: Final = 0.1
"""In flight by Little's law may exceed a limit by this share (means over different windows)."""
FLAT_GAIN: Final = 0.05
SAY: Final = "say --concurrency or --rate"
MORE_LOAD: Final = 1.25
"""Throughput is flat where this much more load adds less than `FLAT_GAIN`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadFacts:
    """A load test in plain numbers; None is unknown.

    Attributes:
        limit: most requests that the client kept in flight (closed loop).
        rate_per_s: arrivals that it was told to make (open loop); infinite: all at once.
        paced: sent at a finite rate, known or not (that of a ramp or a trace changes).
        stated_requests_per_s, stated_output_per_s: as the file says, beside its counts.
        request_s: mean seconds of a request; ttft_s of its first token, tpot_s of each later one.
        request_s_is_median: where the mean isn't known; good enough to tell a class by.
        in_flight, peak_in_flight: as counted by the tool.
        waiting: mean requests in the server's own queue.
        lag_s: what the client was late by, at the 95th percentile where known.
        client_bound: the client's own word that it was the limit.
        cached_share: of the prompt tokens, found in a cache.
        flops_per_token, ceiling_flops_per_s: of the model, and of all devices' products together.
    """

    completed: int | None = None
    failed: int = 0
    duration_s: float | None = None
    limit: int | None = None
    rate_per_s: float | None = None
    paced: bool = False
    stated_requests_per_s: float | None = None
    stated_output_per_s: float | None = None
    prompt_tokens: float | None = None
    output_tokens: float | None = None
    request_s: float | None = None
    request_s_is_median: bool = False
    ttft_s: float | None = None
    tpot_s: float | None = None
    in_flight: float | None = None
    peak_in_flight: float | None = None
    waiting: float | None = None
    lag_s: float | None = None
    client_bound: bool = False
    cached_share: float | None = None
    flops_per_token: float | None = None
    ceiling_flops_per_s: float | None = None

    @property
    def requests_per_s(self) -> float | None:
        """Completed requests over the duration, else as stated."""
        if self.completed and self.duration_s:
            return self.completed / self.duration_s
        return self.stated_requests_per_s

    @property
    def little(self) -> float | None:
        """Mean in flight by Little's law."""
        per_s = self.requests_per_s
        return None if per_s is None or self.request_s is None else per_s * self.request_s

    @property
    def behind(self) -> bool:
        """Whether fewer were done a second, in an open loop, than were to be sent."""
        per_s = self.requests_per_s
        if self.limit is not None or self.rate_per_s is None or per_s is None or self.scattered:
            return False
        return per_s < (1 - OVERLOAD) * self.rate_per_s

    @property
    def overloaded(self) -> bool:
        """Whether it is behind because requests waited, not because the last ones take a while."""
        if self.ttft_s is None or self.ended_after_s is None:
            return self.behind
        return self.behind and self.ttft_s >= QUEUED * self.ended_after_s

    @property
    def scattered(self) -> bool:
        """Whether far fewer were there, by Little's law, than if all had been sent at once."""
        if self.limit is not None or self.rate_per_s != math.inf or not self.completed:
            return False
        held = self.mean_in_flight
        return held is not None and held < SCATTERED * self.completed

    @property
    def ended_after_s(self) -> float | None:
        """How long after the last sending an open loop ended; None: there was no last sending."""
        if self.limit is not None or self.rate_per_s in (None, math.inf):
            return None
        if not self.completed or not self.duration_s:
            return None
        return self.duration_s - self.completed / self.rate_per_s

    @property
    def mean_in_flight(self) -> float | None:
        """By Little's law, else as the tool says."""
        return self.in_flight if self.little is None else self.little


@dataclass(frozen=True, slots=True)
class Judgement:
    """The class of a run, why, and the arithmetic that says so."""

    kind: Class
    reason: str
    arithmetic: str

    @property
    def title(self) -> str:
        """The class as people read it."""
        return self.kind.replace("_", "-")

    @property
    def sound(self) -> bool:
        """Whether it may carry a capacity."""
        return self.kind in SOUND


def judge(facts: LoadFacts) -> Judgement:
    """The class of one run by itself; the gravest fault is named first."""
    tests = (_contradictory, _error_bearing, _client_bound, _too_short, _cache_warmed, _queued)
    found = next((found for test in tests if (found := test(facts)) is not None), None)
    found = _loaded(facts) if found is None else found
    if not facts.failed or found.kind == "error_bearing":
        return found
    return replace(found, arithmetic=f"{found.arithmetic}; {_failed(facts)}")


def judge_sweep(points: Sequence[LoadFacts]) -> tuple[Judgement, ...]:
    """The classes of runs of one server at several loads: where more adds nothing, saturated."""
    judged = [judge(point) for point in points]
    known = [
        (point.mean_in_flight, work, index)
        for index, point in enumerate(points)
        if judged[index].sound and point.mean_in_flight and (work := _work_per_s(point))
    ]
    known.sort()
    for place, (few, slow, index) in enumerate(known):
        more = bisect_left(known, MORE_LOAD * few, key=lambda point: point[0])
        if more <= place or more == len(known):
            continue
        many, fast, other = min(known[more:], key=lambda point: point[1])
        if fast < (1 + FLAT_GAIN) * slow:
            arithmetic = (
                f"{few:.1f} → {many:.1f} in flight (×{many / few:.2f}), "
                f"{slow:,.1f} → {fast:,.1f} a second ({fast / slow - 1:+.1%})"
            )
            for one in (index, other):
                judged[one] = Judgement("saturated", "more load adds no throughput", arithmetic)
    return tuple(judged)


def _work_per_s(facts: LoadFacts) -> float | None:
    """Output tokens a second, else requests a second."""
    per_s = facts.requests_per_s
    if per_s is None or facts.output_tokens is None:
        return facts.stated_output_per_s or per_s
    return per_s * facts.output_tokens


def _contradictory(facts: LoadFacts) -> Judgement | None:
    tests = (_stated_requests, _stated_tokens, _above_limit, _times)
    faults = [fault for test in tests if (fault := test(facts)) is not None]
    if not faults:
        return None
    return Judgement("contradictory", "its own figures contradict each other", "; ".join(faults))


def _stated_requests(facts: LoadFacts) -> str | None:
    """Requests over the duration against the rate that the file states."""
    if not facts.completed or not facts.duration_s:
        return None
    per_s = facts.completed / facts.duration_s
    if not _differ(per_s, facts.stated_requests_per_s):
        return None
    return (
        f"{facts.completed:,} requests / {facts.duration_s:,.1f} s = {per_s:.3f} a second, "
        f"the file says {facts.stated_requests_per_s:.3f}"
    )


def _stated_tokens(facts: LoadFacts) -> str | None:
    """Output tokens over the duration against the rate that the file states."""
    if not facts.completed or not facts.duration_s or facts.output_tokens is None:
        return None
    tokens = facts.completed * facts.output_tokens
    if not _differ(tokens / facts.duration_s, facts.stated_output_per_s):
        return None
    return (
        f"{tokens:,.0f} tokens / {facts.duration_s:,.1f} s = {tokens / facts.duration_s:,.1f} "
        f"a second, the file says {facts.stated_output_per_s:,.1f}"
    )


def _differ(one: float, other: float | None) -> bool:
    return other is not None and abs(one - other) > TOLERANCE * max(one, other)


def _above_limit(facts: LoadFacts) -> str | None:
    """More in flight, by Little's law, than there can have been."""
    little = facts.little
    bounds = [
        (most, what)
        for most, what in ((facts.limit, "the limit was"), (facts.peak_in_flight, "at most"))
        if most is not None
    ]
    if little is None or facts.request_s_is_median or not bounds:
        return None
    most, what = min(bounds)
    if little <= most * (1 + LITTLE_TOLERANCE) + 0.5:
        return None
    return f"{_product(facts)} in flight, {what} {most:g}"


def _times(facts: LoadFacts) -> str | None:
    """Parts of a request that take longer than the whole, or far from it."""
    whole, ttft, tpot = facts.request_s, facts.ttft_s, facts.tpot_s
    if whole is None or ttft is None or facts.request_s_is_median:
        return None
    if ttft > whole * (1 + TOLERANCE):
        return f"a first token after {ttft:.3f} s, of a request of {whole:.3f} s"
    if tpot is None or facts.output_tokens is None or facts.output_tokens <= 1:
        return None
    parts = ttft + tpot * (facts.output_tokens - 1)
    if 0.5 <= parts / whole <= 2.0:
        return None
    return (
        f"{ttft:.3f} s + {tpot * 1e3:.2f} ms × {facts.output_tokens - 1:,.0f} = {parts:.2f} s, "
        f"a request took {whole:.2f} s"
    )


def _error_bearing(facts: LoadFacts) -> Judgement | None:
    ended = (facts.completed or 0) + facts.failed
    if not facts.failed or facts.failed <= MOST_ERRORS * ended:
        return None
    return Judgement("error_bearing", f"more than {MOST_ERRORS:.0%} failed", _failed(facts))


def _failed(facts: LoadFacts) -> str:
    """The error share."""
    ended = (facts.completed or 0) + facts.failed
    return f"{facts.failed:,} of {ended:,} requests failed ({facts.failed / ended:.1%})"


def _client_bound(facts: LoadFacts) -> Judgement | None:
    if facts.client_bound:
        return Judgement("client_bound", "the client says that it was the limit", "no lag stated")
    late = facts.ended_after_s if facts.behind and not facts.overloaded else None
    if late and facts.request_s and late > LATE * facts.request_s:
        arithmetic = f"{_rate(facts)}, ended {late:,.3g} s late, one takes {facts.request_s:,.3g} s"
        return Judgement("client_bound", "fewer were sent than it was told to send", arithmetic)
    if facts.lag_s is None or not facts.request_s:
        return None
    if facts.lag_s <= MOST_LAG * facts.request_s:
        return None
    arithmetic = (
        f"requests were sent up to {facts.lag_s:,.3g} s late, one takes {facts.request_s:,.3g} s"
    )
    return Judgement("client_bound", "the client fell behind its own schedule", arithmetic)


def _too_short(facts: LoadFacts) -> Judgement | None:
    if facts.completed is None:
        return None
    if facts.completed < LEAST_REQUESTS:
        arithmetic = f"{facts.completed} requests, {LEAST_REQUESTS} are the least"
        return Judgement("too_short", "too few requests to know a rate", arithmetic)
    held = facts.mean_in_flight or facts.limit
    if held is None or held <= 0 or facts.overloaded:
        return None
    waves = facts.completed / held
    if waves >= LEAST_WAVES:
        return None
    arithmetic = f"{facts.completed:,} requests / {held:.1f} in flight = {waves:.1f} each"
    return Judgement("too_short", "mostly its own beginning and end", arithmetic)


def _cache_warmed(facts: LoadFacts) -> Judgement | None:
    if facts.cached_share is not None and facts.cached_share > MOST_CACHED:
        arithmetic = f"{facts.cached_share:.0%} of the prompt tokens came from a cache"
        return Judgement("cache_warmed", "prompts were read before", arithmetic)
    parts = (facts.requests_per_s, facts.prompt_tokens, facts.flops_per_token)
    if facts.ceiling_flops_per_s is None or None in parts:
        return None
    per_s, prompt, flops = (float(part or 0.0) for part in parts)
    tokens_per_s = per_s * (prompt + (facts.output_tokens or 0.0))
    needed = tokens_per_s * flops
    if needed <= facts.ceiling_flops_per_s:
        return None
    arithmetic = (
        f"{tokens_per_s:,.0f} tokens/s × {flops / 1e9:,.1f} GFLOP = "
        f"{needed / 1e12:,.0f} TFLOP/s, the devices reach {facts.ceiling_flops_per_s / 1e12:,.0f}"
    )
    reason = "prompts came from a cache, or the devices are more, or of fewer bits, than was said"
    return Judgement("cache_warmed", reason, arithmetic)


def _queued(facts: LoadFacts) -> Judgement | None:
    """Saturated by itself: requests waited because more came than could be done."""
    if facts.waiting is not None and facts.waiting >= 1:
        arithmetic = f"{facts.waiting:.1f} requests waited in the server's queue on average"
        return Judgement("saturated", "the server had a queue", arithmetic)
    if not facts.overloaded:
        return None
    done, little, sent = facts.requests_per_s, facts.little, facts.completed
    arithmetic = f"{_rate(facts)}, {done:.3g} requests/s done"
    if little is not None and sent and little > ONE_WAVE * sent:
        arithmetic = f"{arithmetic}: {little:.0f} of {sent:,} in flight on average"
        return Judgement("too_short", "one wave: no place was taken twice", arithmetic)
    first_s, lasted_s = facts.ttft_s, facts.duration_s
    if facts.rate_per_s == math.inf and first_s and lasted_s and first_s < QUEUED * lasted_s:
        arithmetic = f"{arithmetic}: a first token after {first_s:.3g} s of {lasted_s:.3g} s"
        return Judgement("too_short", "one wave: no request waited for another", arithmetic)
    return Judgement("saturated", "more came than could be done", arithmetic)


def _rate(facts: LoadFacts) -> str:
    """The arrivals that were asked for."""
    at_once = facts.rate_per_s == math.inf
    return "all were sent at once" if at_once else f"{facts.rate_per_s:.3g} requests/s sent"


def _loaded(facts: LoadFacts) -> Judgement:
    """Held at its limit, limited by the load, or unknown."""
    held = facts.mean_in_flight
    if held is None:
        reason = "how loaded the server was isn't in the file"
        return Judgement("unknown_load", reason, "neither times nor counts of requests in flight")
    counted = f"{held:.1f}" if facts.little is None else _product(facts)
    if facts.limit is not None:
        share = held / facts.limit
        arithmetic = f"{counted} in flight, of {facts.limit} allowed ({share:.0%})"
        if share >= HELD_SHARE:
            reason = "its limit was full: saturated at this concurrency, a capacity only there"
            return Judgement("concurrency_held", reason, arithmetic)
        return Judgement("load_limited", "far fewer were in flight than were allowed", arithmetic)
    if facts.scattered:
        arithmetic = f"{counted} in flight, not about half of {facts.completed:,}; {SAY}"
        return Judgement("unknown_load", "they weren't all sent at once", arithmetic)
    if facts.paced and facts.rate_per_s is None:
        reason = "its rate changed over the run, so what it did is no capacity"
        return Judgement("load_limited", reason, f"{counted} in flight")
    if facts.rate_per_s is not None:
        arithmetic = f"{_rate(facts)}: {counted} in flight"
        return Judgement("load_limited", "no request waited for the server", arithmetic)
    reason = "neither the limit nor the rate it was given is known"
    return Judgement("unknown_load", reason, f"{counted} in flight; {SAY}")


def _product(facts: LoadFacts) -> str:
    """Little's law in figures."""
    return f"{facts.requests_per_s:.3g} requests/s × {facts.request_s:.3g} s = {facts.little:.1f}"
