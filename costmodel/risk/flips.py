"""Which value of a driver turns an answer: the verdict by its own rule, or an indicator's target.

The verdict is run again over the same trials with one driver held at a value, all others drawn as
before; where it changes is bracketed on a grid over the driver's range and narrowed by bisection.
So a flip is a change of the answer that the plan would get, by whatever condition binds there. A
break-even is of the base case alone, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from modelworth.costmodel.analysis import BreakEven, Flip, Outcome
from modelworth.costmodel.business.model import Model, Values
from modelworth.costmodel.risk.break_even import Function, Solutions, axis, solve
from modelworth.costmodel.scenario.distributions import Distribution
from modelworth.costmodel.scenario.drivers import ANCHORS, Driver

Floats = NDArray[np.float64]
GRID: Final = 9
#: a bracket this narrow, relative to its place, is narrow enough
FINE: Final = 0.002
MOST: Final = 8
RANKS: Final = {"viable": 0, "depends": 1, "not_viable": 2}
CHANCE: Final = "probability_npv_positive"
ELASTICITY: Final = "demand.price_elasticity"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the rule says at one value of a driver, and which condition decides it.

    Attributes:
        binding: the condition that stands between this answer and a better one; the probability
            of a positive NPV where none does.
        chance: probability of a positive NPV.
    """

    outcome: Outcome
    binding: str
    threshold: float
    chance: float = 0.0


#: (driver, its values, whether over few trials) → the answer at each
Rule = Callable[[str, Sequence[float], bool], list[Answer]]


def along(model: Model, values: Values, driver: str, indicator: str) -> Function:
    """The indicator as a function of one driver, all others as in `values`."""

    def function(places: Floats) -> Floats:
        return model.indicators({**values, driver: places}, [indicator])[indicator]

    return function


def search_range(
    driver: Driver, now: float, own: Distribution | None = None
) -> tuple[float, float]:
    """Where to look: the plausible range and the plan's own, widened to hold `now`.

    Without a plausible range: from a tenth to ten times of where it stands.
    """
    low = driver.low if driver.low is not None else min(now / 10, now * 10)
    high = driver.high if driver.high is not None else max(now / 10, now * 10)
    if own is not None:
        ends = own.ppf(np.array([1e-6, 1 - 1e-6]))
        low, high = min(low, float(ends[0])), max(high, float(ends[1]))
    low, high = min(low, now), max(high, now)
    if low == high:
        low, high = now - 1, now + 1
    return _possible(driver, low, high)


def sought(driver: Driver, now: float, own: Distribution | None = None) -> tuple[float, float]:
    """Where a break-even is looked for: a decade at least to both sides of where the plan stands.

    A price far outside its plausible range breaks even near itself, not at that range's far end.
    """
    low, high = search_range(driver, now, own)
    return _possible(driver, min(low, now / 10, now * 10), max(high, now / 10, now * 10))


def _possible(driver: Driver, low: float, high: float) -> tuple[float, float]:
    """The range, cut to what the driver may be."""
    least = low if driver.minimum is None else max(low, driver.minimum)
    return least, high if driver.maximum is None else min(high, driver.maximum)


def break_even(
    model: Model,
    values: Values,
    driver: str,
    indicator: str,
    target: float,
    span: tuple[float, float] | None = None,
    own: Distribution | None = None,
) -> tuple[BreakEven, Solutions]:
    """All values of the driver at which the indicator comes to the target, and what was seen."""
    row = model.drivers[driver]
    low, high = span or sought(row, float(values.get(driver, row.default)), own)
    found = solve(along(model, values, driver, indicator), low, high, target)
    result = BreakEven(
        driver=driver, unit=row.unit, indicator=indicator, target=target, values=found.values,
        searched_low=low, searched_high=high, demand_answers=answers(model, values, driver),
        reached=found.reached,
    )  # fmt: skip
    return result, found


def answers(model: Model, values: Values, driver: str) -> bool:
    """Whether volume answers a change of this driver, where it is a price; true for others."""
    elasticity = values.get(ELASTICITY, model.drivers[ELASTICITY].default)
    return driver not in ANCHORS or bool(np.any(np.asarray(elasticity) != 0))


def base_case_flips(
    model: Model,
    values: Values,
    drivers: Iterable[str],
    targets: Mapping[str, float],
    owns: Mapping[str, Distribution] | None = None,
) -> tuple[Flip, ...]:
    """For each driver and each indicator's target, the nearest value that reaches it, if any."""
    return tuple(
        _base_case(model, values, driver, indicator, target, (owns or {}).get(driver))
        for indicator, target in targets.items()
        for driver in drivers
        if model.drivers[driver].kind == "number"
    )


def _base_case(
    model: Model,
    values: Values,
    driver: str,
    indicator: str,
    target: float,
    own: Distribution | None,
) -> Flip:
    found, _ = break_even(model, values, driver, indicator, target, own=own)
    now = float(values.get(driver, model.drivers[driver].default))
    nearest = min(found.values, key=lambda value: abs(value - now), default=None)
    return Flip(
        driver=driver, unit=found.unit, now=now, at=nearest, indicator=indicator, target=target,
        searched_low=found.searched_low, searched_high=found.searched_high, reached=found.reached,
    )  # fmt: skip


def verdict_flips(
    driver: Driver, now: float, here: Answer, rule: Rule, own: Distribution | None, default: bool
) -> tuple[Flip, ...]:
    """The nearest value for each other answer that the rule gives in the driver's range.

    Where the answer is another one already with the driver held where it stands, knowing it would
    turn the answer: that flip is at the near end of the range in which this holds.

    Args:
        driver: to be held at one value after another.
        now: where it stands in the base case.
        here: the answer as the plan is.
        rule: the answer with the driver held at a value.
        own: its own distribution, whose range is then the one searched.
        default: whether it stands at a default that nobody confirmed.
    """
    low, high = turning_range(driver, now, own)
    places = [float(place) for place in axis(low, high, GRID)]
    seen = rule(driver.key, places, True)
    seen[0], seen[-1] = rule(driver.key, [low, high], False)
    found: dict[Outcome, Flip] = {}
    nearest, around = np.inf, None
    for at, before, after in _crossings(driver.key, places, seen, rule):
        becomes, leaves = (after, before) if now <= at else (before, after)
        if abs(at - now) < nearest:
            nearest, around = abs(at - now), (at, leaves, becomes)
        kept = found.get(becomes.outcome)
        nearer = kept is None or kept.at is None or abs(at - now) < abs(kept.at - now)
        if becomes.outcome != here.outcome and nearer:
            found[becomes.outcome] = _flip(driver, now, at, becomes, leaves, (low, high), default)
    if around is not None and around[1].outcome != here.outcome:
        held = _flip(driver, now, *around, (low, high), default)
        found[around[1].outcome] = replace(held, known=True)
    if found:
        return tuple(sorted(found.values(), key=lambda flip: abs((flip.at or 0.0) - now)))
    return (_flip(driver, now, None, here, here, (low, high), default),)


def turning_range(
    driver: Driver, now: float, own: Distribution | None = None
) -> tuple[float, float]:
    """Where a driver is turned: the plan's own range, else the plausible one.

    A figure that only the plan can know (a volume, a price), or that stands outside its plausible
    range, has none: a tenth to ten times of where it stands.
    """
    if own is not None:
        low, high = (float(end) for end in own.ppf(np.array([1e-6, 1 - 1e-6])))
        if low < high:
            return low, high
    usual = search_range(driver, now)
    stretched = now in usual and usual != (driver.low, driver.high)
    if now == 0 or (driver.distribution != "user" and not stretched):
        return usual
    return _possible(driver, min(now / 10, now * 10), max(now / 10, now * 10))


def _crossings(
    key: str, places: Sequence[float], seen: Sequence[Answer], rule: Rule
) -> Iterator[tuple[float, Answer, Answer]]:
    """Where the answer changes along the driver, and the answers below and above.

    Between a plan that is viable and one that isn't, two changes may lie in one bracket.
    """
    span = (places[0], places[-1])
    for (low, below), (high, above) in pairwise(zip(places, seen, strict=True)):
        if below.outcome == above.outcome:
            continue
        first = _narrowed(key, low, high, span, rule)
        left, right, one, other = first
        rest = [(low, left)] * (one.outcome != below.outcome)
        rest += [(right, high)] * (other.outcome != above.outcome)
        more = [_narrowed(key, *ends, span, rule) for ends in rest if ends[0] < ends[1]]
        for left, right, one, other in (first, *more):
            if one.outcome != other.outcome:
                yield _root(left, right, one, other), one, other


def _narrowed(
    key: str, low: float, high: float, span: tuple[float, float], rule: Rule
) -> tuple[float, float, Answer, Answer]:
    """The bracket in which the answer changes, and the answers at its ends, by all trials.

    The scan's few trials may have been off by a step, so the bracket may grow by one to each side.
    """
    one, other = rule(key, [low, high], False)
    if one.outcome == other.outcome:
        step = high - low
        low, high = max(span[0], low - step), min(span[1], high + step)
        one, other = rule(key, [low, high], False)
    least = FINE * max(abs(low), abs(high), 0.01 * (span[1] - span[0]))
    for _ in range(MOST):
        if high - low <= least or one.outcome == other.outcome:
            break
        middle, aside = _aim(low, high, one, other)
        inner = [middle - aside, middle + aside]
        points = [low, *inner, high]
        answers_there = [one, *rule(key, inner, False), other]
        at = next(
            place
            for place in range(3)
            if answers_there[place].outcome != answers_there[place + 1].outcome
        )
        low, high = points[at], points[at + 1]
        one, other = answers_there[at], answers_there[at + 1]
    return low, high, one, other


def _aim(low: float, high: float, one: Answer, other: Answer) -> tuple[float, float]:
    """Two values to look at next, as middle and distance: close around the root, or thirds."""
    width = high - low
    if not _by_chance(one, other):
        return (low + high) / 2, width / 6
    inside = min(max(_root(low, high, one, other), low + width / 10), high - width / 10)
    return inside, width / 20


def _root(low: float, high: float, one: Answer, other: Answer) -> float:
    """By a straight line where the probability decides, else the middle."""
    if not _by_chance(one, other):
        return (low + high) / 2
    wanted = max((one, other), key=lambda answer: RANKS[answer.outcome]).threshold
    share = (wanted - one.chance) / (other.chance - one.chance)
    return low + min(max(share, 0.0), 1.0) * (high - low)


def _by_chance(one: Answer, other: Answer) -> bool:
    worse = max((one, other), key=lambda answer: RANKS[answer.outcome])
    return worse.binding == CHANCE and one.chance != other.chance


def _flip(
    driver: Driver,
    now: float,
    at: float | None,
    becomes: Answer,
    leaves: Answer,
    searched: tuple[float, float],
    default: bool,
) -> Flip:
    """The record; the condition named is the one that binds where the answer is the worse."""
    binding = max((becomes, leaves), key=lambda answer: RANKS[answer.outcome])
    return Flip(
        driver=driver.key, unit=driver.unit, now=now, at=at, indicator=binding.binding,
        target=binding.threshold, rule="verdict", becomes=None if at is None else becomes.outcome,
        searched_low=searched[0], searched_high=searched[1], default=default,
    )  # fmt: skip
