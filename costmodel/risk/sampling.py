"""Draws of all uncertain drivers at once: scrambled Sobol points.

Drivers take the dimensions in the order of their keys, so the order in which a scenario names them
is of no account. Any stretch of trials can be drawn by itself and is the same as in the whole, on
any machine: a chunk is `draw(plan, start, stop)`. Rank correlations enter through a Gaussian copula
(normal correlation 2 sin(pi r / 6) for Spearman's r); a set that can't hold together is refused,
with the share of it that could. Sources: Owen 1998 (scrambling); Iman and Conover 1982.
"""

from __future__ import annotations

import threading

import numpy as np
import scipy
from numpy.typing import NDArray

from modelworth.costmodel.scenario.sampling_plan import SamplingPlan, normal_factor

Floats = NDArray[np.float64]
_latest = threading.local()
_HALF_STEP = 2.0**-31  # Sobol points have 30 bits: 0 moves into (0, 1), as quantiles need


def draw(plan: SamplingPlan, start: int = 0, stop: int | None = None) -> dict[str, Floats]:
    """Values of every uncertain driver in trials `start` to `stop` (all, if None)."""
    end = plan.trials if stop is None else min(stop, plan.trials)
    if not plan.keys:
        return {}
    uniform = sobol_points(len(plan.keys), start, end, plan.seed)
    places, factor = normal_factor(plan.keys, plan.correlations)
    if len(places):
        uniform[:, places] = _together(uniform[:, places], factor)
    columns = np.ascontiguousarray(uniform.T)
    return {
        key: distribution.ppf(column)
        for key, distribution, column in zip(plan.keys, plan.distributions, columns, strict=True)
    }


def _together(uniform: Floats, factor: Floats) -> Floats:
    """Independent columns made to move together.

    Summed one by one: a matrix product may round otherwise in a chunk of another size.
    """
    scores = scipy.special.ndtri(uniform)
    mixed = np.empty_like(scores)
    for row, weights in enumerate(factor):
        mixed[:, row] = sum(scores[:, column] * weights[column] for column in range(row + 1))
    return np.asarray(np.clip(scipy.special.ndtr(mixed), 1e-12, 1 - 1e-12))


def sobol_points(dimensions: int, start: int, stop: int, seed: int) -> Floats:
    """Scrambled Sobol points `start` to `stop`, shifted off 0 by half a step.

    Scrambling takes longer than drawing, so each thread keeps its latest engine.
    """
    from scipy.stats import qmc  # takes 0.3 s to import, and a base case draws nothing

    name = (dimensions, seed)
    if getattr(_latest, "name", None) != name:
        _latest.name = name
        _latest.engine = qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(seed))
    engine = _latest.engine
    if start < engine.num_generated:
        engine.reset()
    ahead = start - engine.num_generated
    if ahead:
        engine.fast_forward(ahead)
    if start == 0 and stop > 1:  # first one and then the rest: any number without a warning
        return np.concatenate([engine.random(1), engine.random(stop - 1)]) + _HALF_STEP
    return np.asarray(engine.random(stop - start) + _HALF_STEP)
