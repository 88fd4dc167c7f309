"""Errors on rows whose whole group the fit hadn't seen.

Leaving each model out in turn tells of known ground; leaving out devices, generations and software
says how much further off a new one is. `widths` makes intervals of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from modelworth.costmodel.prediction.columns import coefficients, columns, times
from modelworth.costmodel.prediction.fit.least_squares import Array, completed, fit, known_factors
from modelworth.costmodel.prediction.fit.observed import Observed, weighed
from modelworth.costmodel.prediction.interval import new_in
from modelworth.costmodel.prediction.software import software_name
from modelworth.costmodel.prediction.step.coefficients import KNOWN, Tables, generation_of

Group = Callable[[Observed], str]
SPLITS: dict[str, Group] = {
    KNOWN: lambda one: one.case.architecture.name,
    "device": lambda one: one.case.accelerator.name,
    "generation": lambda one: generation_of(one.case.accelerator),
    "software": lambda one: software_name(one.case.software) or "",
}
"""What is left out: rows of one key together."""
COVERED = 0.9
"""Share of errors within a width."""
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
    observed: Sequence[Observed], bare: Tables, splits: Iterable[str] = tuple(SPLITS)
) -> dict[str, LeftOut]:
    """Each row predicted without the rows that a split puts with it, for each split.

    Where two splits leave out the same rows (an only device of its generation), one fit does.
    """
    fits: dict[tuple[int, ...], Tables] = {}
    found = {}
    for name in splits:
        errors = np.full(len(observed), np.nan)
        new: list[tuple[str, ...]] = [()] * len(observed)
        for places, rest in parted(observed, name):
            if places not in fits:
                kept = weighed([observed[place] for place in rest])
                fits[places] = Tables(bare.rates, completed(fit(kept, bare, known_factors())))
            some = [observed[place] for place in places]
            errors[list(places)] = log_errors(some, fits[places])
            for place in places:
                new[place] = new_in(observed[place].case, fits[places])
        found[name] = LeftOut(errors, tuple(new))
    return found


def parted(
    observed: Sequence[Observed], split: str
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Places of the rows of each group of a split, and of the rest where there is one."""
    keys = [SPLITS[split](one) for one in observed]
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
