"""What is drawn, how often and how: a checked plan, from which any trial can be drawn again.

Rank correlations enter through a Gaussian copula (normal correlation 2 sin(pi r / 6) for Spearman's
r); a set that can't hold together is refused, with the share of it that could. Source: Iman and
Conover 1982.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from modelworth.costmodel.scenario.distributions import Distribution
from modelworth.data.errors import InputError

Floats = NDArray[np.float64]

MAX_TRIALS = 2_000_000


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


def plan(
    uncertain: Mapping[str, Distribution],
    *,
    correlations: tuple[tuple[str, str, float], ...] = (),
    trials: int = 10_000,
    seed: int = 0,
) -> SamplingPlan:
    """A checked plan for drawing the drivers in `uncertain`.

    Correlations with a driver that isn't uncertain have nothing to act on and are left out.

    Raises:
        InputError: if the number of trials, the seed or a correlation is wrong.
    """
    if not 1 <= trials <= MAX_TRIALS:
        raise InputError("trials", trials, f"from 1 to {MAX_TRIALS:,}")
    if not 0 <= seed < 2**63:
        raise InputError("seed", seed, "from 0 to 2^63 - 1")
    keys = tuple(sorted(uncertain))
    acting = tuple(pair for pair in correlations if {pair[0], pair[1]} <= set(keys))
    made = SamplingPlan(keys, tuple(uncertain[key] for key in keys), acting, trials, seed)
    normal_factor(made.keys, made.correlations)
    return made


@lru_cache(maxsize=32)
def normal_factor(
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
