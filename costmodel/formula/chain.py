"""Long products and sums of arrays with few large temporaries.

Factors of the same shape are put together first, so that what doesn't vary by month, or by trial,
is multiplied while it is small; only then are whole arrays touched, and those in place. What a
plain 0 multiplies isn't even computed, so streams and costs that a scenario doesn't have take no
time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Run = TypeVar("Run")
"""What a part is computed from; nothing here looks inside."""
_ZERO: Final[Array] = np.zeros((1, 1))
_ONE: Final[Array] = np.ones((1, 1))


def product(parts: Iterable[Callable[[Run], Array]]) -> Callable[[Run], Array]:
    """The product of the parts."""
    factors = tuple(parts)

    def multiplied(run: Run) -> Array:
        groups: dict[tuple[bool, bool], tuple[Array, bool]] = {}
        for factor in factors:
            array = factor(run)
            if array.size == 1:
                number = array.item()
                if number == 0:
                    return _ZERO
                if number == 1:
                    continue
            _into(groups, array, np.multiply)
        return _together(groups, np.multiply, _ONE)

    return multiplied


def summed(parts: Iterable[tuple[int, Callable[[Run], Array]]]) -> Callable[[Run], Array]:
    """The sum of the parts, each with its sign."""
    terms = tuple(parts)

    def added(run: Run) -> Array:
        groups: dict[tuple[bool, bool], tuple[Array, bool]] = {}
        for sign, term in terms:
            array = term(run)
            if array.size == 1 and array.item() == 0:
                continue
            if sign > 0:
                _into(groups, array, np.add)
            else:
                _into(groups, array, np.subtract, np.negative)
        return _together(groups, np.add, _ZERO)

    return added


def _into(
    groups: dict[tuple[bool, bool], tuple[Array, bool]],
    array: Array,
    operation: np.ufunc,
    begin: np.ufunc | None = None,
) -> None:
    """Put an array into the group of its shape; the flag says whether it is ours to change."""
    shape = (array.shape[0] > 1, array.shape[1] > 1)
    held = groups.get(shape)
    if held is None:
        groups[shape] = (array, False) if begin is None else (begin(array * 1.0), True)
    elif held[1]:
        operation(held[0], array, out=held[0])
    else:
        groups[shape] = (operation(held[0], array, dtype=float), True)


def _together(
    groups: dict[tuple[bool, bool], tuple[Array, bool]], operation: np.ufunc, neutral: Array
) -> Array:
    """The groups as one: small ones first, then in place into the largest."""
    if not groups:
        return neutral
    order = ((False, False), (False, True), (True, False))
    small = [groups[shape] for shape in order if shape in groups]
    whole = groups.get((True, True))
    if whole is None:
        found = small[0][0]
        for array, _ in small[1:]:
            found = operation(found, array)
        return found
    found, ours = whole
    for array, _ in small:
        if ours:
            operation(found, array, out=found)
        else:
            found, ours = operation(found, array, dtype=float), True
    return found
