"""Where a driver brings an indicator to a target: every such value in a range, or why none.

The indicator is computed on a grid in one call; each change of sign is then narrowed by
Chandrupatla's bracketing method, all at once. Staircases cross a target by jumping over it, often
more than once: such a value is a solution too and says so. Where the indicator comes near the
target without crossing it, the neighbourhood is looked at again on a finer grid, three times over.
What is narrower than that goes unseen, so "none" comes with the range that the indicator kept to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelworth.data.errors import InputError

Floats = NDArray[np.float64]
Function = Callable[[Floats], Floats]
POINTS = 513
NEAR_MISSES = 16
ZOOMS = 3
MAX_SOLUTIONS = 200


@dataclass(frozen=True, slots=True)
class Solutions:
    """What the search found.

    Attributes:
        values: every solution in ascending order.
        jumps: for each, whether the indicator jumps over the target there instead of meeting it.
        least, most: what the indicator came to on the grid; None where it is nowhere defined.
        points: how many values of the driver were tried.
        reached: the stretches in which the indicator comes to the target or above it.
    """

    values: tuple[float, ...]
    jumps: tuple[bool, ...]
    least: float | None
    most: float | None
    points: int
    reached: tuple[tuple[float, float], ...] = ()


def solve(
    indicator: Function, low: float, high: float, target: float, *, points: int = POINTS
) -> Solutions:
    """All values from `low` to `high` at which `indicator` reaches `target`.

    Args:
        indicator: driver's values (n,) → indicator's values (n,); nan where it has none.
        low: where the search starts.
        high: where it ends.
        target: what the indicator should come to.
        points: grid of the search; geometric where the range spans more than a factor 100.

    Raises:
        InputError: if the range is empty or not finite.
    """
    if not (np.isfinite([low, high]).all() and low < high):
        raise InputError("range", f"{low:g} to {high:g}", "two finite numbers, the lower first")
    if not np.isfinite(target):
        raise InputError("target", target, "a finite number")
    grid = axis(low, high, points)

    def excess(values: Floats) -> Floats:
        return np.asarray(indicator(values) - target, dtype=float)

    found = excess(grid)
    for _ in range(ZOOMS):
        finer = _near_misses(grid, found)
        if len(finer) == 0:
            break
        grid, order = np.unique(np.concatenate([grid, finer]), return_index=True)
        found = np.concatenate([found, excess(finer)])[order]
    met = _met(grid, found)
    crossed, jumps = _crossed(excess, grid, found)
    values = np.concatenate([met, crossed])
    order = np.argsort(values)[:MAX_SOLUTIONS]
    jumped = np.concatenate([np.zeros(len(met), dtype=bool), jumps])[order]
    defined = found[np.isfinite(found)] + target
    return Solutions(
        tuple(values[order].tolist()),
        tuple(jumped.tolist()),
        least=float(defined.min()) if len(defined) else None,
        most=float(defined.max()) if len(defined) else None,
        points=len(grid),
        reached=tuple(_reached(grid, found, values[order])),
    )


def _reached(grid: Floats, found: Floats, roots: Floats) -> Iterator[tuple[float, float]]:
    """Where the indicator is at the target or above it, from root to root or to the range's end."""

    def edge(inner: int, outer: int) -> float:
        low, high = sorted((grid[inner], grid[min(max(outer, 0), len(grid) - 1)]))
        between = roots[(low <= roots) & (roots <= high)]
        return float(between[0] if len(between) else grid[inner])

    turns = np.flatnonzero(np.diff(np.concatenate([[False], found >= 0, [False]])))
    for first, after in turns.reshape(-1, 2):
        low, high = edge(first, first - 1), edge(after - 1, after)
        if low < high:
            yield low, high


def axis(low: float, high: float, points: int) -> Floats:
    """Values from `low` to `high`, geometric where they span more than a factor of 100."""
    spaced = np.geomspace if low > 0 and high / low > 100 else np.linspace
    grid: Floats = np.asarray(spaced(low, high, points), dtype=float)
    grid[0], grid[-1] = low, high
    return grid


def over_two(indicator: Callable[[Floats, Floats], Floats], across: Floats, down: Floats) -> Floats:
    """The indicator over every pair of two drivers' values: a row for each of `down`."""
    first, second = np.meshgrid(across, down)
    found = indicator(first.ravel(), second.ravel())
    return np.asarray(found, dtype=float).reshape(len(down), len(across))


def _near_misses(grid: Floats, found: Floats) -> Floats:
    """Finer values around the places where the indicator turns back before the target."""
    distance = np.where(np.isfinite(found), np.abs(found), np.inf)
    inner = distance[1:-1]
    turns = (inner <= distance[:-2]) & (inner <= distance[2:]) & (inner > 0) & np.isfinite(inner)
    signs = np.sign(found)
    crossing = (signs[:-2] != signs[1:-1]) | (signs[1:-1] != signs[2:])
    places = np.flatnonzero(turns & ~crossing) + 1
    nearest = places[np.argsort(distance[places], kind="stable")[:NEAR_MISSES]]
    if len(nearest) == 0:
        return np.empty(0)
    return np.unique(np.linspace(grid[nearest - 1], grid[nearest + 1], 65))


def _met(grid: Floats, found: Floats) -> Floats:
    """Ends of every stretch on which the indicator is exactly the target."""
    zero = np.concatenate([[False], found == 0, [False]])
    first = np.flatnonzero(zero[1:-1] & ~zero[:-2])
    last = np.flatnonzero(zero[1:-1] & ~zero[2:])
    return np.asarray(grid[np.unique(np.concatenate([first, last]))])


def _crossed(excess: Function, grid: Floats, found: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Where the sign changes between neighbours, narrowed; and whether by a jump."""
    with np.errstate(invalid="ignore"):
        at = np.flatnonzero(np.sign(found[:-1]) * np.sign(found[1:]) == -1)[:MAX_SOLUTIONS]
    if len(at) == 0:
        return np.empty(0), np.empty(0, dtype=bool)
    from scipy.optimize import elementwise  # slow to import, and seldom needed

    narrowed = elementwise.find_root(
        excess, (grid[at], grid[at + 1]), maxiter=100, tolerances={"xrtol": 1e-12}
    )
    step, width = (np.abs(np.subtract(*ends)) for ends in (narrowed.f_bracket, narrowed.bracket))
    narrow = width < 1e-6 * (grid[at + 1] - grid[at])
    return np.asarray(narrowed.x), narrow & (step > 1e-3 * np.abs(found[at + 1] - found[at]))
