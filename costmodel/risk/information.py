"""What it would be worth to know more before deciding: in total, and driver by driver.

A payoff table has a row a trial and a column a decision ("don't" is a column of zeros). Knowing all
is worth E[max over decisions] − max over decisions of E[payoff]. Knowing one driver: the same with
each payoff replaced by its expectation given that driver, estimated by a cubic regression spline on
the draws there are (Strong, Oakley and Brennan 2014), over the driver's ranks in up to 512 equal
groups. By chance the estimate leans upwards, more so with few draws; `by_chance` says what a driver
of no bearing would seem to be worth.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
GROUPS = 512
INNER_KNOTS = 5
FEW_VALUES = 20


def perfect_information(payoffs: Floats) -> float:
    """Expected value of knowing everything, in the unit of the payoffs (trials, decisions)."""
    return _worth(payoffs, np.full(len(payoffs), 1 / len(payoffs)))


def with_doing_nothing(payoff: Floats) -> Floats:
    """The payoff table of going ahead or not."""
    return np.column_stack([payoff, np.zeros_like(payoff)])


def knowing_each(payoffs: Floats, ranks: Mapping[str, Floats]) -> dict[str, float]:
    """Expected value of knowing each driver.

    Args:
        payoffs: a row a trial, a column a decision.
        ranks: driver → rank of its value in each trial from 1 on, ties sharing their mean.
    """
    return {key: _worth(*expected_given(payoffs, row)) for key, row in ranks.items()}


def by_chance(payoffs: Floats, seed: int) -> float:
    """What a driver without any bearing would seem to be worth in this table."""
    noise = np.asarray(np.random.default_rng(seed).permutation(len(payoffs)) + 1, dtype=float)
    return _worth(*expected_given(payoffs, noise))


def ranks_of(drivers: Mapping[str, Floats]) -> dict[str, Floats]:
    """Ranks of each driver's values, ties sharing their mean."""
    from scipy import stats  # slow to import, and a base case ranks nothing

    return {key: np.asarray(stats.rankdata(values)) for key, values in drivers.items()}


def expected_given(payoffs: Floats, ranks: Floats) -> tuple[Floats, Floats]:
    """Each payoff's expectation in groups of the driver's ranks, and the groups' weights.

    A driver of few values has a group for each, and its means are taken as they are.
    """
    trials = len(ranks)
    groups = min(GROUPS, max(1, trials // 4))
    place = ((ranks - 0.5) * (groups / trials)).astype(np.intp)
    held = np.unique(place)
    counts = np.bincount(place, minlength=groups).astype(float)
    sums = np.array([np.bincount(place, column, minlength=groups) for column in payoffs.T]).T
    means, weights = sums[held] / counts[held, None], counts[held] / trials
    if len(held) <= FEW_VALUES:
        return means, weights
    basis = _spline_basis((held + 0.5) / groups)
    root = np.sqrt(weights)[:, None]
    coefficients = np.linalg.lstsq(root * basis, root * means, rcond=1e-12)[0]
    return np.asarray(basis @ coefficients), weights


def _worth(payoffs: Floats, weights: Floats) -> float:
    """E[best payoff] − E[payoff of what is best on average]."""
    best = payoffs[:, (weights @ payoffs).argmax()]
    return float(weights @ (payoffs.max(axis=1) - best))


def _spline_basis(places: Floats) -> Floats:
    """Cubic B-splines over (0, 1) with evenly spaced knots: a column each, summing to 1."""
    from scipy.interpolate import BSpline

    inner = np.linspace(0, 1, INNER_KNOTS + 2)[1:-1]
    knots = np.concatenate([[0.0] * 4, inner, [1.0] * 4])
    return np.asarray(BSpline.design_matrix(places, knots, 3).toarray())
