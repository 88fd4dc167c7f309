"""Fits the law of loss to runs: L = E + A/N^α + B/D^β, with repeated data counting less.

The published method: Huber loss (δ = 0.001) between logarithms, minimised by L-BFGS from a grid of
starts (Hoffmann et al. 2022, approach 3), with the corrections of Besiroglu et al. 2024: the sum,
not the mean, is minimised, to convergence. Where runs repeat their data, D is the effective data
of Muennighoff et al. 2023 and its R* is fitted with the rest. Intervals come from fits to resampled
runs. Left out: excess parameters (R*_N), which need runs far beyond the optimum for their data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from modelworth.costmodel.architecture.scaling_law import LossLaw, effective_tokens, loss
from modelworth.data.errors import InputError

Floats = NDArray[np.float64]
HUBER_DELTA: Final = 1e-3
RESAMPLES: Final = 100
LEAST_RUNS: Final = 6
#: how far beyond its runs a law may be asked: a factor in parameters and in tokens
REACH: Final = 10.0
#: starts: logarithms of A, B and E, and both exponents
STARTS: Final = tuple(product((2.0, 7.0), (2.0, 7.0), (-1.0, 0.7), (0.3, 0.7)))
#: exponents outside this mean that the runs don't show the curve's bend
EXPONENTS: Final = (0.05, 1.5)


@dataclass(frozen=True, slots=True)
class Run:
    """One training run; `unique_tokens` below `tokens` where data was repeated."""

    parameters: float
    tokens: float
    loss: float
    unique_tokens: float | None = None


@dataclass(frozen=True, slots=True)
class LawFit:
    """A law with those of the resampled runs, and how far they reach.

    Attributes:
        samples: a law for each resampling of the runs.
        residuals: ln(loss seen / loss fitted) of each run.
        parameters, tokens: smallest and largest of the runs.
    """

    law: LossLaw
    samples: tuple[LossLaw, ...]
    residuals: tuple[float, ...]
    parameters: tuple[float, float]
    tokens: tuple[float, float]

    def interval(self, name: str, level: float = 0.95) -> tuple[float, float]:
        """Interval of one of the law's constants, such as `alpha`."""
        return _ends(np.array([getattr(law, name) for law in self.samples]), level)

    def predicted(
        self, parameters: float, tokens: float, unique_tokens: float | None = None
    ) -> tuple[float, float, float]:
        """Loss with its 95% interval: what resampling and the runs' own scatter say."""
        unique = tokens if unique_tokens is None else unique_tokens
        value = float(_law_loss(self.law, parameters, tokens, unique))
        drawn = np.array([_law_loss(law, parameters, tokens, unique) for law in self.samples])
        scatter = np.exp(np.array(self.residuals))
        low, high = _ends(np.outer(drawn, scatter).ravel(), 0.95)
        return value, min(low, value), max(high, value)

    def reach(self, parameters: float, tokens: float) -> float:
        """Factor by which a question lies outside of the runs; 1 inside."""
        return max(_beyond(parameters, *self.parameters), _beyond(tokens, *self.tokens))

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the law shouldn't be trusted even near its runs; empty if nothing speaks against."""
        found = []
        for name in ("alpha", "beta"):
            low, high = self.interval(name)
            if not EXPONENTS[0] <= getattr(self.law, name) <= EXPONENTS[1]:
                found.append(f"{name} is {getattr(self.law, name):.2f}: no bend seen")
            elif high - low > getattr(self.law, name):
                found.append(f"{name} is uncertain: {low:.2f} to {high:.2f}")
        if np.std(self.residuals) > 0.03:
            found.append(f"the runs scatter by {np.std(self.residuals):.1%} around it")
        return tuple(found)


def fit_law(
    runs: Sequence[Run],
    name: str,
    source: str,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> LawFit:
    """The law of some runs.

    Raises:
        InputError: if they are too few, or of one size or one amount of data.
    """
    table = np.array(
        [(run.parameters, run.tokens, run.unique_tokens or run.tokens, run.loss) for run in runs]
    )
    _require_spread(table)
    import scipy.optimize  # noqa: F401 - slow to import; its BLAS must be there to be limited

    samples = []
    with threadpool_limits(1):  # threads that share six numbers out take twenty times as long
        best = _best_of_grid(table)
        for _ in range(resamples):
            drawn = table[rng.integers(0, len(table), len(table))]
            samples.append(_law(_minimised(best, drawn)[0], name, source))
    fitted = _law(best, name, source)
    residuals = np.log(table[:, 3]) - np.log(_law_loss(fitted, *table.T[:3]))
    return LawFit(
        fitted,
        tuple(samples),
        tuple(residuals.tolist()),
        (float(table[:, 0].min()), float(table[:, 0].max())),
        (float(table[:, 1].min()), float(table[:, 1].max())),
    )


def _require_spread(table: Floats) -> None:
    if len(table) < LEAST_RUNS:
        raise InputError("runs", f"{len(table)} of them", f"{LEAST_RUNS} or more to fit a law")
    for column, what in ((0, "sizes"), (1, "amounts of data")):
        if len(np.unique(table[:, column])) < 3:
            raise InputError("runs", f"fewer than three {what}", f"of three or more {what}")


def _best_of_grid(table: Floats) -> Floats:
    """Constants with the least error, over all starts."""
    repeated = bool((table[:, 2] < table[:, 1]).any())
    tail = [np.log(15.0)] if repeated else []
    found = [_minimised(np.array([*start[:3], *start[3:] * 2, *tail]), table) for start in STARTS]
    return min(found, key=lambda pair: pair[1])[0]


def _minimised(start: Floats, table: Floats) -> tuple[Floats, float]:
    from scipy.optimize import minimize

    found = minimize(_error, start, (table,), "L-BFGS-B", jac=True, options={"maxiter": 3000})
    return np.asarray(found.x), float(found.fun)


def _error(theta: Floats, table: Floats) -> tuple[float, Floats]:
    """Sum of Huber losses between logarithms, and its gradient."""
    a, b, e, alpha, beta = theta[:5]
    log_n, (log_d, log_d_slope) = np.log(table[:, 0]), _log_data(theta, table)
    terms = np.stack([a - alpha * log_n, b - beta * log_d, np.full(len(table), e)])
    total = np.logaddexp.reduce(terms, axis=0)
    shares = np.exp(terms - total)
    off = total - np.log(table[:, 3])
    small = np.abs(off) <= HUBER_DELTA
    huber = np.where(small, off**2 / 2, HUBER_DELTA * (np.abs(off) - HUBER_DELTA / 2))
    slope = np.clip(off, -HUBER_DELTA, HUBER_DELTA)
    parts = (*shares, -shares[0] * log_n, -shares[1] * log_d, -shares[1] * beta * log_d_slope)
    scale = 1 / HUBER_DELTA**2
    return float(huber.sum() * scale), np.array(
        [(slope * part).sum() for part in parts[: len(theta)]]
    ) * scale


def _log_data(theta: Floats, table: Floats) -> tuple[Floats, Floats]:
    """Logarithm of the effective data, and its slope in ln R*."""
    if len(theta) == 5:
        return np.log(table[:, 1]), np.zeros(len(table))
    law = _law(theta, "", "")
    data = np.asarray(effective_tokens(law, table[:, 1], table[:, 2]))
    halving = law.unique_halving
    unique = np.minimum(table[:, 2], table[:, 1])
    fading = np.exp(-(table[:, 1] / unique - 1) / halving)
    worth = halving * (1 - fading) - (table[:, 1] / unique - 1) * fading
    return np.log(data), unique * worth / data


def _law(theta: Floats, name: str, source: str) -> LossLaw:
    a, b, e = np.exp(np.clip(theta[:3], -50, 50)).tolist()
    law = LossLaw(name, e, a, b, float(theta[3]), float(theta[4]), source)
    if len(theta) == 5:
        return law
    return replace(law, unique_halving=float(np.exp(np.clip(theta[5], -7, 7))))


def _law_loss(law: LossLaw, parameters: object, tokens: object, unique: object) -> Floats:
    return np.asarray(loss(law, parameters, effective_tokens(law, tokens, unique)))


def _ends(values: Floats, level: float) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _beyond(value: float, low: float, high: float) -> float:
    return max(1.0, low / value, value / high)
