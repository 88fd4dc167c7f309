"""Errors on rows whose whole group the fit hadn't seen, and the interval widths they give.

Leaving each model out in turn gives the width of known ground; leaving out devices, generations and
software says what a new one adds. Rows that were left out together share a part of their error,
which an analysis of variance finds, and tell that much less. A narrow group's width is pulled
towards the wider one's, in logarithms, as a few rows more would, the widest towards judgement.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from modelworth.costmodel.prediction.columns import coefficients, columns, times
from modelworth.costmodel.prediction.fit.least_squares import (
    Array,
    completed,
    fit,
    known_factors,
)
from modelworth.costmodel.prediction.fit.observed import Observed, weighed
from modelworth.costmodel.prediction.interval import groups_of, log_width, new_in
from modelworth.costmodel.prediction.software import software_name
from modelworth.costmodel.prediction.step.coefficients import (
    KNOWN,
    IntervalRow,
    Tables,
    generation_of,
)

Group = Callable[[Observed], str]
SPLITS: dict[str, Group] = {
    KNOWN: lambda one: one.case.architecture.name,
    "device": lambda one: one.case.accelerator.name,
    "generation": lambda one: generation_of(one.case.accelerator),
    "software": lambda one: software_name(one.case.software) or "",
}
"""What is left out; one such group is what a distance's widths count by."""
EXPECTED = {KNOWN: 0.25, "device": 0.3, "generation": 0.45, "software": 0.35}
"""Widths before any row was seen: judgement, after a prototype and published comparisons."""
EXPERTS_WIDER = 1.5
"""How much wider mixtures are expected to be than all rows of a kind of work: judgement."""
WIDER_WEIGHS = 3.0
"""Rows that the errors expected from the wider group weigh."""
COVERED = 0.9
"""Share of errors within a width; of n rows the next one's takes the 0.9·(1 + 1/n) quantile."""
ENOUGH = 20
"""Rows from which a group's coverage is held to what chance explains."""


@dataclass(frozen=True)
class LeftOut:
    """Errors (of logarithms) of each row with its group left out; NaN where that is all.

    Attributes:
        new: what no row of the rest has, for each row: device, generation, software.
    """

    errors: Array
    new: tuple[tuple[str, ...], ...]


def leave_out(
    observed: Sequence[Observed], bare: Tables, splits: Mapping[str, Group] = SPLITS
) -> dict[str, LeftOut]:
    """Each row predicted without the rows that a split puts with it, for each split.

    Where two splits leave out the same rows (an only device of its generation), one fit does.
    """
    fits: dict[tuple[int, ...], Tables] = {}
    found = {}
    for name, split in splits.items():
        errors = np.full(len(observed), np.nan)
        new: list[tuple[str, ...]] = [()] * len(observed)
        for places, rest in _parted(observed, split):
            if places not in fits:
                kept = weighed([observed[place] for place in rest])
                fits[places] = Tables(bare.rates, completed(fit(kept, bare, known_factors())))
            some = [observed[place] for place in places]
            errors[list(places)] = log_errors(some, fits[places])
            for place in places:
                new[place] = new_in(observed[place].case, fits[places])
        found[name] = LeftOut(errors, tuple(new))
    return found


def _parted(
    observed: Sequence[Observed], split: Group
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Places of the rows of each group of a split, and of the rest where there is one."""
    keys = [split(one) for one in observed]
    for key in dict.fromkeys(keys):
        inside = tuple(place for place, other in enumerate(keys) if other == key)
        rest = tuple(place for place, other in enumerate(keys) if other != key)
        if rest:
            yield inside, rest


def log_errors(observed: Sequence[Observed], tables: Tables) -> Array:
    """ln(predicted / measured) of each row of one kind of work."""
    cases = [one.case for one in observed]
    found = times(cases[0].work, columns(cases, tables), coefficients(cases, tables))
    logs: Array = np.log(np.asarray(found.value) / [one.value for one in observed])
    return logs


def interval_rows(
    observed: Sequence[Observed], left_out: dict[str, LeftOut], as_of: str
) -> list[IntervalRow]:
    """Widths of the groups of one kind of work, at each distance, the widest group first."""
    tried = _by_distance(observed, left_out)
    shared = {distance: _shared(some, distance) for distance, some in tried.items()}
    chains = [groups_of(one.case)[::-1] for one in observed]
    names = sorted(
        {one for chain in chains for one in chain}, key=lambda one: (one.count(" "), one)
    )
    wider = {
        name: chain[place - 1] for chain in chains for place, name in enumerate(chain) if place
    }
    found: dict[tuple[str, str], IntervalRow] = {}
    for name in names:
        for distance in SPLITS:
            some = [pair for pair in tried[distance] if name in groups_of(pair[0].case)]
            held = found.get((wider.get(name, ""), distance)) if name.count(" ") > 1 else None
            expected = EXPECTED[distance] if held is None else held.log90
            if held is None and name.endswith(" experts"):
                expected *= EXPERTS_WIDER
            if some or held is None:
                found[name, distance] = _interval(
                    name, distance, some, expected, shared[distance], as_of
                )
    return list(found.values())


def _by_distance(
    observed: Sequence[Observed], left_out: dict[str, LeftOut]
) -> dict[str, list[tuple[Observed, float]]]:
    """Rows with their errors, where one thing alone was new to the rest; known ground by models."""
    found: dict[str, list[tuple[Observed, float]]] = {distance: [] for distance in SPLITS}
    for split, left in left_out.items():
        for one, new, error in zip(observed, left.new, left.errors, strict=True):
            if math.isfinite(error) and (len(new) == 1 or (not new and split == KNOWN)):
                found[new[0] if new else KNOWN].append((one, float(error)))
    return found


def _shared(some: Sequence[tuple[Observed, float]], distance: str) -> float:
    """Part of the squared error that rows left out together share, 0 to 1 (analysis of variance).

    Together are rows of one group whose device, model or the like was left out at once.
    """
    together: dict[tuple[str, str], list[float]] = {}
    for one, error in some:
        together.setdefault((groups_of(one.case)[0], SPLITS[distance](one)), []).append(error)
    several = [np.array(errors) for errors in together.values() if len(errors) > 1]
    if not several:
        return 1.0
    freedom = sum(errors.size - 1 for errors in several)
    within = sum(errors.var() * errors.size for errors in several) / freedom
    between = np.mean([errors.mean() ** 2 - within / errors.size for errors in several])
    return float(max(between, 0.0) / max(max(between, 0.0) + within, 1e-12))


def _interval(
    name: str,
    distance: str,
    some: Sequence[tuple[Observed, float]],
    expected: float,
    shared: float,
    as_of: str,
) -> IntervalRow:
    """A group's width at a distance; rows that were left out together share a part of their error.

    So m of them tell as much as m / (1 + (m − 1)·`shared`) that don't.
    """
    members = [one for one, _ in some]
    twins = Counter(one.twin for one in members)
    left = [SPLITS[distance](one) for one in members]
    sizes: dict[str, float] = {}
    for one, key in zip(members, left, strict=True):
        sizes[key] = sizes.get(key, 0.0) + 1 / twins[one.twin]
    weights = [
        1 / twins[one.twin] / (1 + max(sizes[key] - 1, 0) * shared)
        for one, key in zip(members, left, strict=True)
    ]
    tells = sum(weights)
    level = COVERED * (1 + 1 / max(len(twins), 1))
    own = quantile([abs(error) for _, error in some], weights, level)
    logs = tells * math.log(own) + WIDER_WEIGHS * math.log(expected)
    width = math.exp(logs / (tells + WIDER_WEIGHS))
    return IntervalRow(
        group=name,
        distance=distance,
        log90=round(width, 4),
        rows=len(twins),
        models=len({one.case.architecture.name for one in members}),
        precisions="|".join(sorted({one.case.precision for one in members})),
        source="errors on published rows with such things left out of the fit",
        as_of=as_of,
    )


def unseen_widths(
    observed: Sequence[Observed], left_out: dict[str, LeftOut], split: str, as_of: str
) -> Array:
    """Each row's width where its own group's errors aren't looked at either."""
    widths = np.full(len(observed), np.nan)
    for places, rest in _parted(observed, SPLITS[split]):
        kept = {
            name: LeftOut(one.errors[list(rest)], tuple(one.new[place] for place in rest))
            for name, one in left_out.items()
        }
        rows = interval_rows([observed[place] for place in rest], kept, as_of)
        tables = Tables((), (), tuple(rows))
        for place in places:
            groups, new = groups_of(observed[place].case), left_out[split].new[place]
            widths[place] = log_width(tables, groups, new)
    return widths


def quantile(values: ArrayLike, weights: ArrayLike, share: float) -> float:
    """The weighted quantile of values; 1 of none."""
    values, weights = np.asarray(values), np.asarray(weights)
    if not values.size:
        return 1.0
    order = np.argsort(values)
    passed = np.cumsum(weights[order]) - weights[order] / 2
    return float(np.interp(share * weights.sum(), passed, values[order]))


def band95(rows: int) -> tuple[float, float]:
    """Shares of rows inside a 90% interval that chance explains 19 times of 20."""
    half = 1.96 * math.sqrt(COVERED * (1 - COVERED) / rows)
    return COVERED - half, min(COVERED + half, 1.0)
