"""Two runs side by side: which of the differences are real.

The difference of two log medians has the variance of both (Welch); each comes from the width of the
median's exact interval, which already allows for autocorrelation. Over all cases the p-values are
adjusted by Holm's step-down method, so that among many equal cases none is called different by luck
more often than one time in twenty. A difference must also exceed `noise`, as steps of one run can't
show how much a run differs from the next. One in a disturbed run is doubtful, however large.
Sources: Welch 1947; Holm 1979.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import Literal

from modelworth.data.measurement import Measurement

Verdict = Literal[
    "faster", "slower", "doubtful", "no difference shown", "too few samples", "failed",
    "only in A", "only in B",
]  # fmt: skip
DISTURBED = frozenset(("contended", "throttled", "unsteady"))
"""Flags of a run whose figures may be those of what disturbed it."""
LEVEL = 0.05
WIDTH = 2 * NormalDist().inv_cdf(1 - LEVEL / 2)
NOISE = 0.03
"""Relative difference that runs of the same code on the same machine show anyway."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One case in both runs.

    Attributes:
        ratio: throughput of B over that of A, with its 95% interval.
        p_value: adjusted for the number of cases.
    """

    before: Measurement | None
    after: Measurement | None
    verdict: Verdict
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None

    @property
    def either(self) -> Measurement:
        """The case, from whichever run has it."""
        found = self.after or self.before
        assert found is not None
        return found


def compare(
    before: Sequence[Measurement], after: Sequence[Measurement], noise: float = NOISE
) -> list[Difference]:
    """Pair the cases of two runs and judge each difference.

    Two single measurements are a pair whatever they are; else a case is known by its id.
    """
    return _compared(_pairs(before, after), noise)


def over_time(records: Sequence[Measurement], noise: float = NOISE) -> list[Difference]:
    """Each record of one case against the one before it; one fewer than the records."""
    return _compared(list(pairwise(records)), noise)


def _compared(
    pairs: Sequence[tuple[Measurement | None, Measurement | None]], noise: float
) -> list[Difference]:
    logs = [_log_ratio(one, other) for one, other in pairs]
    raw = [None if log is None else _p_value(*log) for log in logs]
    adjusted = holm([value for value in raw if value is not None])
    left = iter(adjusted)
    p_values = [None if value is None else next(left) for value in raw]
    return [
        _judged(one, other, log, p_value, noise)
        for (one, other), log, p_value in zip(pairs, logs, p_values, strict=True)
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values, in the order given: step-down, monotone, at most 1."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for place, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def newest_run(measurements: Iterable[Measurement], back: int = 0) -> list[Measurement]:
    """Each case's last record, or the one so many times before; cases that have none are left out.

    Args:
        measurements: oldest first.
        back: 0 the last, 1 the one before.
    """
    cases: dict[str, list[Measurement]] = {}
    for one in measurements:
        cases.setdefault(_key(one), []).append(one)
    return [records[-1 - back] for records in cases.values() if len(records) > back]


def _pairs(
    before: Sequence[Measurement], after: Sequence[Measurement]
) -> list[tuple[Measurement | None, Measurement | None]]:
    if len(before) == 1 and len(after) == 1:
        return [(before[0], after[0])]
    first = {_key(one): one for one in before}
    second = {_key(one): one for one in after}
    return [(first.get(key), second.get(key)) for key in dict.fromkeys((*first, *second))]


def _key(one: Measurement) -> str:
    return one.case or f"{one.model.name} {one.workload.model_dump_json()}"


def _log_ratio(one: Measurement | None, other: Measurement | None) -> tuple[float, float] | None:
    """Log of the throughputs' ratio and its standard error; None where it can't be known."""
    if one is None or other is None or one.result is None or other.result is None:
        return None
    errors = [_standard_error(one), _standard_error(other)]
    if None in errors:
        return None
    before, after = (each.result.throughput_per_s.value for each in (one, other) if each.result)
    return math.log(after / before), math.hypot(*(error for error in errors if error is not None))


def _standard_error(one: Measurement) -> float | None:
    interval = one.result.throughput_per_s if one.result else None
    if interval is None or not interval.low or not interval.high:
        return None
    return math.log(interval.high / interval.low) / WIDTH


def _p_value(difference: float, error: float) -> float:
    if error == 0:
        return 0.0 if difference else 1.0
    return 2 * (1 - NormalDist().cdf(abs(difference) / error))


def _judged(
    one: Measurement | None,
    other: Measurement | None,
    log: tuple[float, float] | None,
    p_value: float | None,
    noise: float,
) -> Difference:
    if log is None or p_value is None:
        return Difference(one, other, _without_ratio(one, other))
    difference, error = log
    ratio, half = math.exp(difference), WIDTH / 2 * error
    verdict: Verdict = "no difference shown"
    if p_value < LEVEL and abs(difference) > math.log1p(noise):
        verdict = "faster" if difference > 0 else "slower"
        if _disturbed(one) or _disturbed(other):
            verdict = "doubtful"
    low, high = math.exp(difference - half), math.exp(difference + half)
    return Difference(one, other, verdict, ratio, low, high, p_value)


def _disturbed(one: Measurement | None) -> bool:
    flags = one.result.condition.flags if one and one.result else ()
    return not DISTURBED.isdisjoint(flags)


def _without_ratio(one: Measurement | None, other: Measurement | None) -> Verdict:
    if one is None:
        return "only in B"
    if other is None:
        return "only in A"
    return "failed" if one.result is None or other.result is None else "too few samples"
