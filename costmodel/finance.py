"""Net present value, payback, peak funding and annuities, over many trials at once.

Cash flows are USD, one row a trial and one column a period, the first at time 0; rates are per
period. The annuity factors are the textbook ones (capital recovery and sinking fund).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def npv(flows: ArrayLike, rate: float) -> Floats:
    """Net present value of each row, in USD: sum of flow / (1 + rate)^period."""
    rows = np.atleast_2d(np.asarray(flows, dtype=float))
    discounts: Floats = (1.0 + rate) ** -np.arange(rows.shape[1], dtype=float)
    return np.asarray(rows @ discounts, dtype=float)


def payback(flows: ArrayLike, rate: float = 0.0) -> Floats:
    """First period from which the (discounted) cumulative flow is 0 or more; nan if never."""
    rows = np.atleast_2d(np.asarray(flows, dtype=float))
    discounts = (1.0 + rate) ** -np.arange(rows.shape[1], dtype=float)
    paid = np.cumsum(rows * discounts, axis=1) >= 0
    first: Floats = np.where(paid.any(axis=1), paid.argmax(axis=1), np.nan)
    return first


def peak_funding(flows: ArrayLike) -> Floats:
    """The most cash each row ever needs, in USD: the depth of its cumulative flow, at least 0."""
    rows = np.atleast_2d(np.asarray(flows, dtype=float))
    depth: Floats = np.maximum(0.0, -np.cumsum(rows, axis=1).min(axis=1))
    return depth


def capital_recovery(rate: float, periods: float) -> float:
    """Payment per period that repays 1 over `periods`: r / (1 - (1 + r)^-n); 1/n at rate 0."""
    return 1.0 / periods if rate == 0 else float(-rate / np.expm1(-periods * np.log1p(rate)))


def sinking_fund(rate: float, periods: float) -> float:
    """Deposit per period that grows to 1 over `periods`: r / ((1 + r)^n - 1); 1/n at rate 0."""
    return 1.0 / periods if rate == 0 else float(rate / np.expm1(periods * np.log1p(rate)))
