"""What it would be worth to know more before deciding: in total, and driver by driver.

A payoff table has a row a trial and a column a decision ("don't" is a column of zeros). Knowing all
is worth E[max over decisions] − max over decisions of E[payoff]. Knowing one driver: the same with
each payoff replaced by its expectation given that driver, estimated by a cubic regression spline on
the draws there are (Strong, Oakley and Brennan 2014). By chance the estimate leans upwards, more
so with few draws; `by_chance` says what a driver of no bearing would seem to be worth.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline

Floats = NDArray[np.float64]
INNER_KNOTS = 5
FEW_VALUES = 20


def perfect_information(payoffs: Floats) -> float:
    """Expected value of knowing everything, in the unit of the payoffs (trials, decisions)."""
    best = payoffs[:, payoffs.mean(axis=0).argmax()]
    return float((payoffs.max(axis=1) - best).mean())


def with_doing_nothing(payoff: Floats) -> Floats:
    """The payoff table of going ahead or not."""
    return np.column_stack([payoff, np.zeros_like(payoff)])


def partial_information(payoffs: Floats, drivers: Mapping[str, Floats]) -> dict[str, float]:
    """Expected value of knowing each driver, the payoffs being (trials, decisions)."""
    return {
        key: perfect_information(expected_given(payoffs, values)) for key, values in drivers.items()
    }


def by_chance(payoffs: Floats, seed: int) -> float:
    """What a driver without any bearing would seem to be worth in this table."""
    noise = np.random.default_rng(seed).random(len(payoffs))
    return perfect_information(expected_given(payoffs, noise))


def expected_given(payoffs: Floats, values: Floats) -> Floats:
    """Each payoff's expectation given the driver: means by value if few, else a spline."""
    levels, place = np.unique(values, return_inverse=True)
    if len(levels) <= FEW_VALUES:
        counts = np.bincount(place, minlength=len(levels))
        sums = [np.bincount(place, column, minlength=len(levels)) for column in payoffs.T]
        return np.asarray((np.array(sums) / counts).T[place])
    basis = _spline_basis(values)
    weights = np.linalg.lstsq(basis.T @ basis, basis.T @ payoffs, rcond=1e-12)[0]
    return np.asarray(basis @ weights)


def _spline_basis(values: Floats) -> Floats:
    """Cubic B-splines over the driver's ranks' quantiles: a column each, summing to 1."""
    inner = np.unique(np.quantile(values, np.linspace(0, 1, INNER_KNOTS + 2)[1:-1]))
    low, high = float(values.min()), float(values.max())
    inner = inner[(inner > low) & (inner < high)]
    knots = np.concatenate([[low] * 4, inner, [high] * 4])
    return np.asarray(BSpline.design_matrix(values, knots, 3).toarray())
