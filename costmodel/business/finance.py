"""Rates of return over many trials at once.

Cash flows are USD; the first is at time 0, and rates are per period. A rate of return may not
exist, or be several: Descartes' rule of signs proves the first and the usual case of exactly one;
where it leaves the matter open, the roots between RATES are counted on a grid. Only a unique rate
is given.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
UNIQUE, NONE, SEVERAL = 0, 1, 2
#: rates per period between which roots are sought: -99% to 1,000% a month
RATES: Final = (-0.99, 10.0)
#: a Newton step of this size in the discount factor leaves an error of rounding only
_NEGLIGIBLE: Final = 1e-10
_BATCH: Final = 16
_GRID: Final[Floats] = 1 / (1 + np.geomspace(1 + RATES[0], 1 + RATES[1], 241) - 1)


def irr(flows: ArrayLike) -> tuple[Floats, Counts]:
    """Internal rate of return of each row, per period, and its status.

    Returns:
        The rate, nan unless it is unique; and UNIQUE, NONE or SEVERAL.
    """
    columns = np.atleast_2d(np.asarray(flows, dtype=float)).T
    scale = np.abs(columns).max(axis=0)
    scaled = columns / np.where(scale > 0, scale, 1.0)
    changes = np.where(scale > 0, _sign_changes(scaled), 0)
    rate: Floats = np.full(columns.shape[1], np.nan)
    status: Counts = np.full(columns.shape[1], NONE, dtype=np.int64)
    for chosen, grid in ((changes == 1, _GRID[::5]), (changes > 1, _GRID)):
        places = np.flatnonzero(chosen)
        if len(places):
            rate[places], status[places] = _searched(scaled[:, places], grid)
    return rate, status


def _searched(columns: Floats, grid: Floats) -> tuple[Floats, Counts]:
    """Rate and status by the changes of sign over a grid of discount factors."""
    values = _present_values(columns, grid)
    signs = np.signbit(values)
    crossings = signs[:, :-1] != signs[:, 1:]
    roots = crossings.sum(axis=1)
    status = np.where(roots > 1, SEVERAL, np.where(roots == 1, UNIQUE, NONE)).astype(np.int64)
    rate: Floats = np.full(columns.shape[1], np.nan)
    unique = np.flatnonzero(status == UNIQUE)
    if len(unique):
        first = crossings[unique].argmax(axis=1)
        rate[unique] = _bracketed_newton(columns[:, unique], grid[first + 1], grid[first])
    return rate, status


def _present_values(columns: Floats, grid: Floats) -> Floats:
    """Present value of each column (a row each) at every discount factor of the grid.

    A few columns at a time: BLAS wakes threads of its own for larger products, which in the many
    threads of a simulation cost more than they bring.
    """
    count = columns.shape[1]
    padded = np.zeros((-(-count // _BATCH) * _BATCH, len(columns)))
    padded[:count] = columns.T
    powers = grid ** np.arange(len(columns))[:, None]
    values = padded.reshape(-1, _BATCH, len(columns)) @ powers
    return np.asarray(values.reshape(-1, len(grid))[:count])


def mirr(flows: ArrayLike, rate: float | Floats) -> Floats:
    """Modified rate of return per period: outflows financed, inflows reinvested at `rate`.

    nan without both an inflow and an outflow.
    """
    columns = np.atleast_2d(np.asarray(flows, dtype=float)).T
    periods = len(columns) - 1
    growth = np.broadcast_to(1.0 + np.asarray(rate, dtype=float), columns.shape[1])
    worth = _horner(columns.clip(min=0), 1 / growth) * growth**periods
    cost = -_horner(columns.clip(max=0), 1 / growth)
    defined = (worth > 0) & (cost > 0)
    ratio = np.where(defined, worth, 1.0) / np.where(defined, cost, 1.0)
    return np.where(defined, ratio ** (1 / periods) - 1, np.nan)


def rates_of_return(flows: Floats, yearly_rate: Floats) -> dict[str, Floats]:
    """Yearly IRR with its status, and MIRR, of monthly flows given as (months + 1, trials)."""
    rate, status = irr(flows.T)
    modified = mirr(flows.T, (1 + yearly_rate) ** (1 / 12) - 1)
    return {
        "irr_per_year": (1 + rate) ** 12 - 1,
        "irr_status": status.astype(float),
        "mirr_per_year": (1 + modified) ** 12 - 1,
    }


def _sign_changes(columns: Floats) -> Counts:
    """How often the sign changes down each column, zeros left out."""
    changes: Counts = np.zeros(columns.shape[1], dtype=np.int64)
    last: Floats = np.zeros(columns.shape[1])
    for row in np.sign(columns):
        changes += row * last < 0
        last = np.where(row == 0, last, row)
    return changes


def _horner(columns: Floats, discount: Floats) -> Floats:
    """Present value of each column at its own discount factor per period."""
    value: Floats = np.zeros(columns.shape[1])
    for row in columns[::-1]:
        value = value * discount + row
    return value


def _bracketed_newton(columns: Floats, low: Floats, high: Floats) -> Floats:
    """Rate at which each column's present value is 0, between two discount factors.

    Columns whose step has become negligible are done and take no further time.
    """
    rising = _horner(columns, high) > 0
    found: Floats = (low + high) / 2
    left = np.arange(len(found))
    guess = found.copy()
    for _ in range(60):
        value: Floats = np.zeros(len(guess))
        slope: Floats = np.zeros(len(guess))
        for row in columns[::-1]:
            slope = slope * guess + value
            value = value * guess + row
        above = (value > 0) == rising
        high = np.where(above, guess, high)
        low = np.where(above, low, guess)
        step = guess - value / np.where(slope == 0, 1.0, slope)
        settled = (np.abs(step - guess) <= _NEGLIGIBLE) & (slope != 0)
        inside = (step > low) & (step < high) & (slope != 0)
        following = np.where(inside | settled, step, (low + high) / 2)
        moving = ~settled & (high - low > _NEGLIGIBLE)
        found[left] = following
        if not moving.any():
            break
        left, guess, columns = left[moving], following[moving], columns[:, moving]
        low, high, rising = low[moving], high[moving], rising[moving]
    return 1 / found - 1
