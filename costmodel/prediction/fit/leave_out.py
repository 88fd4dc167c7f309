"""Errors on rows whose whole group the fit hadn't seen, and the interval widths they give.

Leaving each model out in turn gives the width of known ground; leaving out devices and software
says what a new one adds. Every model of a group weighs the same, and rows that differ only by a
release count once, so that a hundred near-copies don't make a width.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from modelworth.costmodel.prediction.case import software_name
from modelworth.costmodel.prediction.columns import coefficients, columns
from modelworth.costmodel.prediction.fit.least_squares import (
    Array,
    completed,
    fit,
    known_factors,
    read_priors,
)
from modelworth.costmodel.prediction.fit.observed import Observed, weighed
from modelworth.costmodel.prediction.interval import (
    distance_of,
    groups_of,
    log_width,
    new_in,
)
from modelworth.costmodel.prediction.step.coefficients import (
    KNOWN,
    CoefficientRow,
    IntervalRow,
    Tables,
)
from modelworth.costmodel.prediction.times import times

Group = Callable[[Observed], str]
SPLITS: dict[str, Group] = {
    "model": lambda one: one.case.architecture.name,
    "device": lambda one: one.case.accelerator.name,
    "software": lambda one: software_name(one.case.software) or "",
}
FLOORS = {"device": 0.06, "generation": 0.2, "software": 0.2}
"""Least that something new adds to the width of a kind of work: judgement, after a prototype."""
POOL_MODELS = 3
"""Models that the wider group counts for where a group's own width is shrunk towards it."""
ROWS_OF_A_MODEL = 10
"""Rows that count as a model where a group has few models but many rows."""
COVERED = 0.9
ENOUGH = 20
"""Rows from which a group's coverage is held to what chance explains."""
ROUNDS = 8


@dataclass(frozen=True)
class LeftOut:
    """Errors (of logarithms) of each row with its group left out; NaN where that is all.

    Attributes:
        new: what no row of the rest has, for each row: device, generation, software.
    """

    errors: Array
    new: tuple[tuple[str, ...], ...]


def leave_out(
    observed: Sequence[Observed], split: Group, bare: Tables, near: Sequence[CoefficientRow]
) -> LeftOut:
    """Each row predicted without the rows that `split` puts with it."""
    keys = [split(one) for one in observed]
    errors = np.full(len(observed), np.nan)
    new: list[tuple[str, ...]] = [()] * len(observed)
    kind = observed[0].case.kind
    priors = read_priors(kind)
    for key in dict.fromkeys(keys):
        places = [place for place, other in enumerate(keys) if other == key]
        kept = [one for one, other in zip(observed, keys, strict=True) if other != key]
        if not kept:
            continue
        fitted = fit(weighed(kept), priors, bare, known_factors(), near, rounds=ROUNDS)
        tables = Tables(bare.rates, completed(fitted))
        found = log_errors([observed[place] for place in places], tables)
        for place, error in zip(places, found, strict=True):
            errors[place] = error
            new[place] = new_in(observed[place].case, tables)
    return LeftOut(errors, tuple(new))


def log_errors(observed: Sequence[Observed], tables: Tables) -> Array:
    """ln(predicted / measured) of each row."""
    errors = np.full(len(observed), np.nan)
    works: dict[str, list[int]] = {}
    for place, one in enumerate(observed):
        works.setdefault(one.case.work, []).append(place)
    for places in works.values():
        cases = [observed[place].case for place in places]
        found = times(cases[0].work, columns(cases, tables), coefficients(cases, tables))
        measured = np.array([observed[place].value for place in places])
        errors[places] = np.log(np.asarray(found.value) / measured)
    return errors


def interval_rows(
    observed: Sequence[Observed], left_out: dict[str, LeftOut], as_of: str
) -> list[IntervalRow]:
    """Widths of the groups of one kind of work, at each distance that was tried.

    A group's own width, pulled towards the wider group's as a few models more would; but no
    further than what chance explains of its own rows.
    """
    tried = _by_distance(observed, left_out)
    distances = sorted(tried, key=distance_order)
    chains = [groups_of(one.case)[::-1] for one in observed]
    kind, rows = observed[0].case.kind, dict[tuple[str, str], IntervalRow]()
    wider = {
        name: chain[place - 1] for chain in chains for place, name in enumerate(chain) if place
    }
    names = sorted(
        {one for chain in chains for one in chain}, key=lambda one: (one.count(" "), one)
    )
    for name in names:
        for distance in distances:
            some = [pair for pair in tried[distance] if name in groups_of(pair[0].case)]
            if not some:
                continue
            pool = rows.get((wider.get(name, ""), distance))
            rows[name, distance] = _interval(name, distance, some, pool, as_of)
    ground = rows[kind, KNOWN].log90 if (kind, KNOWN) in rows else 0.0
    for what, floor in FLOORS.items():
        least = math.hypot(ground, floor)
        held = rows.get((kind, what)) or IntervalRow(
            group=kind, distance=what, log90=least, rows=0, models=0, source="judgement",
            as_of=as_of,
        )  # fmt: skip
        rows[kind, what] = held.model_copy(update={"log90": round(max(held.log90, least), 4)})
    order = {name: place for place, name in enumerate(names)}
    return sorted(rows.values(), key=lambda one: (order[one.group], distance_order(one.distance)))


def distance_order(distance: str) -> tuple[bool, str]:
    """Known ground first, then by name."""
    return distance != KNOWN, distance


def _by_distance(
    observed: Sequence[Observed], left_out: dict[str, LeftOut]
) -> dict[str, list[tuple[Observed, float]]]:
    """Rows with their errors by what the rest had nothing of."""
    found: dict[str, list[tuple[Observed, float]]] = {}
    for split in left_out.values():
        for one, new, error in zip(observed, split.new, split.errors, strict=True):
            if math.isfinite(error):
                found.setdefault(distance_of(new), []).append((one, abs(float(error))))
    return found


def _interval(
    name: str,
    distance: str,
    some: Sequence[tuple[Observed, float]],
    pool: IntervalRow | None,
    as_of: str,
) -> IntervalRow:
    members, errors = [one for one, _ in some], np.array([error for _, error in some])
    twins = Counter(one.twin for one in members)
    every = np.array([1 / twins[one.twin] for one in members])
    models, rows = {one.case.architecture.name for one in members}, len(twins)
    many = rows >= ENOUGH and distance in (KNOWN, "software")
    weighed = (every,) if many else (shares(members), every)
    width = max(quantile(errors, weights, COVERED) for weights in weighed)
    if pool is not None:
        count = max(len(models), rows / ROWS_OF_A_MODEL)
        width = (count * width + POOL_MODELS * pool.log90) / (count + POOL_MODELS)
    if rows >= ENOUGH:
        low, high = ((end + COVERED) / 2 for end in band95(rows))
        width = min(max(width, quantile(errors, every, low)), quantile(errors, every, high))
    return IntervalRow(
        group=name,
        distance=distance,
        log90=round(width, 4),
        rows=rows,
        models=len(models),
        precisions="|".join(sorted({one.case.precision for one in members})),
        source="errors on published rows with such things left out of the fit",
        as_of=as_of,
    )


def unseen_widths(
    observed: Sequence[Observed], left_out: dict[str, LeftOut], split: str, as_of: str
) -> Array:
    """Each row's width where its own group's errors aren't looked at either."""
    keys = [SPLITS[split](one) for one in observed]
    widths = np.full(len(observed), np.nan)
    for key in dict.fromkeys(keys):
        kept = [place for place, other in enumerate(keys) if other != key]
        if not kept:
            continue
        rest = {
            name: LeftOut(one.errors[kept], tuple(one.new[place] for place in kept))
            for name, one in left_out.items()
        }
        rows = interval_rows([observed[place] for place in kept], rest, as_of)
        tables = Tables((), (), tuple(rows))
        for place in (place for place, other in enumerate(keys) if other == key):
            groups, new = groups_of(observed[place].case), left_out[split].new[place]
            widths[place] = log_width(tables, groups, new)
    return widths


def shares(observed: Sequence[Observed]) -> Array:
    """Weight of each row: every model and device the same, releases of a row as one."""
    twins = Counter(one.twin for one in observed)
    models: Counter[tuple[str, str]] = Counter()
    for one in observed:
        models[_model(one)] += 1 / twins[one.twin]  # type: ignore[assignment]
    return np.array([1 / twins[one.twin] / models[_model(one)] for one in observed])


def quantile(values: Array, weights: Array, share: float) -> float:
    """The weighted quantile of values; NaN ones are left out."""
    kept = np.isfinite(values)
    values, weights = values[kept], weights[kept]
    if not values.size:
        return 0.5
    order = np.argsort(values)
    passed = np.cumsum(weights[order]) - weights[order] / 2
    return float(np.interp(share * weights.sum(), passed, values[order]))


def _model(one: Observed) -> tuple[str, str]:
    return one.case.architecture.name, one.case.accelerator.name


def band95(rows: int) -> tuple[float, float]:
    """Shares of rows inside a 90% interval that chance explains 19 times of 20."""
    half = 1.96 * math.sqrt(COVERED * (1 - COVERED) / rows)
    return COVERED - half, min(COVERED + half, 1.0)
