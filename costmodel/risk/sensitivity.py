"""What moves an indicator: one driver at a time (tornado), and shares of its variance (Sobol).

Sobol indices take the drivers as independent: with correlated drivers a share of variance belongs
to no single one of them. First order after Saltelli et al. 2010, total after Jansen 1999.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelworth.costmodel.risk.sampling import sobol_points
from modelworth.costmodel.scenario.distributions import Distribution
from modelworth.data.errors import InputError

Floats = NDArray[np.float64]
#: drivers' values, each (n,) → the indicator (n,)
Indicator = Callable[[Mapping[str, Floats]], Floats]
CHUNK = 8192


@dataclass(frozen=True, slots=True)
class Indices:
    """Shares of the indicator's variance: by the driver alone, and with all its interactions."""

    first_order: float
    total: float


def tornado(
    indicator: Indicator, base: Mapping[str, float], ranges: Mapping[str, tuple[float, float]]
) -> dict[str, tuple[float, float]]:
    """The indicator with each driver at its low and high, others at base; the widest pair first.

    Args:
        indicator: computes the indicator from the drivers in `base`.
        base: value of each driver in the base case.
        ranges: low and high of each driver to swing, all of them in `base`.
    """
    swung = list(ranges)
    table = {key: np.full(2 * len(swung), value, dtype=float) for key, value in base.items()}
    for place, key in enumerate(swung):
        table[key][2 * place : 2 * place + 2] = ranges[key]
    found = indicator(table) if swung else np.empty(0)
    ends = {key: (float(found[2 * at]), float(found[2 * at + 1])) for at, key in enumerate(swung)}
    widths = {key: np.nan_to_num(abs(high - low)) for key, (low, high) in ends.items()}
    return {key: ends[key] for key in sorted(swung, key=lambda key: (-widths[key], key))}


def ranges_of(uncertain: Mapping[str, Distribution]) -> dict[str, tuple[float, float]]:
    """Each driver's 10th and 90th percentile: what the tornado swings between."""
    ends = np.array([0.1, 0.9])
    drawn = {key: distribution.ppf(ends) for key, distribution in uncertain.items()}
    return {key: (float(values[0]), float(values[1])) for key, values in drawn.items()}


def sobol_indices(
    indicator: Indicator, uncertain: Mapping[str, Distribution], *, draws: int = 2048, seed: int = 0
) -> dict[str, Indices]:
    """First-order and total Sobol indices of each driver; draws × (drivers + 2) evaluations.

    Raises:
        InputError: if `draws` isn't a power of two, which Sobol points need to be balanced.
    """
    if draws < 2 or draws & (draws - 1):
        raise InputError("draws", draws, "a power of two")
    keys = sorted(uncertain)
    if not keys:
        return {}
    points = sobol_points(2 * len(keys), 0, draws, seed)
    one, other = (
        {key: uncertain[key].ppf(block[:, place]) for place, key in enumerate(keys)}
        for block in (points[:, : len(keys)], points[:, len(keys) :])
    )
    at_one, at_other = _in_chunks(indicator, one), _in_chunks(indicator, other)
    return {
        key: _indices(at_one, at_other, _in_chunks(indicator, {**one, key: other[key]}))
        for key in keys
    }


def _in_chunks(indicator: Indicator, table: Mapping[str, Floats]) -> Floats:
    """The indicator over the whole table, a bounded stretch at a time."""
    rows = len(next(iter(table.values())))
    parts = [
        indicator({key: values[start : start + CHUNK] for key, values in table.items()})
        for start in range(0, rows, CHUNK)
    ]
    return np.concatenate(parts)


def _indices(at_one: Floats, at_other: Floats, swapped: Floats) -> Indices:
    """Indices of the driver whose column in the first table was taken from the other."""
    both = np.concatenate([at_one, at_other])
    variance = float(both.var())
    if variance == 0:
        return Indices(0.0, 0.0)
    centre = both.mean()
    first = (at_other - centre) * (swapped - at_one) / variance
    total = (at_one - swapped) ** 2 / (2 * variance)
    return Indices(float(first.mean()), float(total.mean()))
