"""Draws of all uncertain drivers at once: scrambled Sobol points or a Latin hypercube.

Drivers take the dimensions in the order of their keys, so the order in which a scenario names them
is of no account. Any stretch of trials can be drawn by itself and is the same as in the whole, on
any machine: a chunk is `draw(plan, start, stop)`. Rank correlations enter through a Gaussian copula
(normal correlation 2 sin(pi r / 6) for Spearman's r); a set that can't hold together is refused,
with the share of it that could. Sources: Owen 1998 (scrambling); Iman and Conover 1982.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.stats import qmc

from modelworth.costmodel.scenario.distributions import Distribution
from modelworth.data.errors import InputError

Floats = NDArray[np.float64]
Sampler = Literal["sobol", "latin_hypercube"]
SAMPLERS = ("sobol", "latin_hypercube")
MAX_TRIALS = 2_000_000
MAX_HYPERCUBE = 100_000_000  # a Latin hypercube exists only as a whole: 0.8 GB
_latest = threading.local()
_HALF_STEP = 2.0**-31  # Sobol points have 30 bits: 0 moves into (0, 1), as quantiles need


@dataclass(frozen=True, slots=True)
class SamplingPlan:
    """What is drawn, how often and how: all that makes the same draws again.

    Attributes:
        keys: the uncertain drivers in ascending order.
        distributions: one for each key.
        correlations: (key, key, Spearman's rank correlation) for pairs that move together.
        seed: 0 is a seed like any other.
    """

    keys: tuple[str, ...]
    distributions: tuple[Distribution, ...]
    correlations: tuple[tuple[str, str, float], ...] = ()
    trials: int = 10_000
    seed: int = 0
    sampler: Sampler = "sobol"


def plan(
    uncertain: Mapping[str, Distribution],
    *,
    correlations: tuple[tuple[str, str, float], ...] = (),
    trials: int = 10_000,
    seed: int = 0,
    sampler: str = "sobol",
) -> SamplingPlan:
    """A checked plan for drawing the drivers in `uncertain`.

    Correlations with a driver that isn't uncertain have nothing to act on and are left out.

    Raises:
        InputError: if the number of trials, the seed, the sampler or a correlation is wrong.
    """
    if not 1 <= trials <= MAX_TRIALS:
        raise InputError("trials", trials, f"from 1 to {MAX_TRIALS:,}")
    if not 0 <= seed < 2**63:
        raise InputError("seed", seed, "from 0 to 2^63 - 1")
    if sampler not in SAMPLERS:
        raise InputError("sampler", sampler, f"one of {', '.join(SAMPLERS)}")
    if sampler == "latin_hypercube" and trials * len(uncertain) > MAX_HYPERCUBE:
        found = f"latin_hypercube of {trials:,} trials x {len(uncertain)} drivers"
        raise InputError("sampler", found, "sobol for so many, or fewer trials")
    keys = tuple(sorted(uncertain))
    acting = tuple(pair for pair in correlations if {pair[0], pair[1]} <= set(keys))
    made = SamplingPlan(
        keys, tuple(uncertain[key] for key in keys), acting, trials, seed, _named(sampler)
    )
    _normal_factor(made.keys, made.correlations)
    return made


def draw(plan: SamplingPlan, start: int = 0, stop: int | None = None) -> dict[str, Floats]:
    """Values of every uncertain driver in trials `start` to `stop` (all, if None)."""
    end = plan.trials if stop is None else min(stop, plan.trials)
    if not plan.keys:
        return {}
    uniform = _points(plan, start, end)
    places, factor = _normal_factor(plan.keys, plan.correlations)
    if len(places):
        uniform[:, places] = _together(uniform[:, places], factor)
    columns = np.ascontiguousarray(uniform.T)
    return {
        key: distribution.ppf(column)
        for key, distribution, column in zip(plan.keys, plan.distributions, columns, strict=True)
    }


def _named(sampler: str) -> Sampler:
    return "sobol" if sampler == "sobol" else "latin_hypercube"


def _together(uniform: Floats, factor: Floats) -> Floats:
    """Independent columns made to move together.

    Summed one by one: a matrix product may round otherwise in a chunk of another size.
    """
    scores = special.ndtri(uniform)
    mixed = np.empty_like(scores)
    for row, weights in enumerate(factor):
        mixed[:, row] = sum(scores[:, column] * weights[column] for column in range(row + 1))
    return np.asarray(np.clip(special.ndtr(mixed), 1e-12, 1 - 1e-12))


def _points(plan: SamplingPlan, start: int, stop: int) -> Floats:
    """Rows `start` to `stop` of the plan's points in the unit cube, open at both ends."""
    if plan.sampler == "sobol":
        return sobol_points(len(plan.keys), start, stop, plan.seed)
    whole = _hypercube(len(plan.keys), plan.trials, plan.seed)
    return np.clip(whole[start:stop], _HALF_STEP, 1 - _HALF_STEP)


def sobol_points(dimensions: int, start: int, stop: int, seed: int) -> Floats:
    """Scrambled Sobol points `start` to `stop`, shifted off 0 by half a step.

    Scrambling takes longer than drawing, so each thread keeps its latest engine.
    """
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


@lru_cache(maxsize=1)
def _hypercube(dimensions: int, trials: int, seed: int) -> Floats:
    """A Latin hypercube exists only as a whole; the latest is kept for the next chunk."""
    made = qmc.LatinHypercube(dimensions, rng=np.random.default_rng(seed)).random(trials)
    return np.asarray(made)


@lru_cache(maxsize=32)
def _normal_factor(
    keys: tuple[str, ...], correlations: tuple[tuple[str, str, float], ...]
) -> tuple[NDArray[np.intp], Floats]:
    """Places of the correlated drivers among the keys, and the Cholesky factor of their normals.

    Raises:
        InputError: if a correlation is out of range, given twice, or the set is impossible.
    """
    named = sorted({key for pair in correlations for key in pair[:2]})
    matrix: Floats = np.eye(len(named))
    for first, second, rank in correlations:
        where = f"correlations: {first} with {second}"
        row, column = named.index(first), named.index(second)
        if first == second or matrix[row, column] != 0:
            raise InputError(where, rank, "one correlation for two different drivers")
        if not -1 < rank < 1:
            raise InputError(where, rank, "between -1 and 1, both left out")
        matrix[row, column] = matrix[column, row] = 2 * np.sin(np.pi * rank / 6)
    least = float(np.linalg.eigvalsh(matrix)[0]) if named else 1.0
    if least <= 1e-9:
        share = np.floor(95 / (1 - least)) / 100  # 95: ranks and normals aren't quite proportional
        raise InputError(
            "correlations", f"a set that contradicts itself (least eigenvalue {least:.3f})",
            f"possible together; scaled by at most {share:.2f} these would be",
        )  # fmt: skip
    places = np.array([keys.index(key) for key in named], dtype=np.intp)
    return places, np.asarray(np.linalg.cholesky(matrix)) if named else matrix
