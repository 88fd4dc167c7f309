"""Whether the model comes to the published figures that a scenario expects.

What a source leaves out is solved for first: the driver that makes a published total come out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from modelworth.costmodel.business.model import Model, Values
from modelworth.costmodel.scenario.expected import Expectation
from modelworth.data.errors import InputError

#: how near a solved figure comes, and in how many steps at most
EXACT: Final = 1e-9
ROUNDS: Final = 60


@dataclass(frozen=True, slots=True)
class Check:
    """An expectation and what the model came to.

    Attributes:
        found: None where the model has no value.
        solved: what the driver came to that was solved for this figure; None: it is checked.
    """

    expectation: Expectation
    found: float | None
    ok: bool
    solved: float | None = None

    @property
    def deviation(self) -> float | None:
        """Relative distance from the nearer end of what was expected; 0 inside a range."""
        if self.found is None:
            return None
        wanted = min(max(self.found, self.expectation.low), self.expectation.high)
        return abs(self.found - wanted) / (abs(wanted) or 1.0)


def check_case(
    model: Model, values: Values, expectations: Iterable[Expectation]
) -> tuple[Check, ...]:
    """Compute every expected figure in the base case and compare.

    Raises:
        InputError: if a key is no line, indicator or driver, or nothing solves a figure.
    """
    listed = tuple(expectations)
    known, solved = dict(values), {}
    for expectation in listed:
        if expectation.solves:
            solved[expectation] = known[expectation.solves] = _root(model, known, expectation)
    return tuple(
        replace(_check(model, known, expectation), solved=solved.get(expectation))
        for expectation in listed
    )


def _root(model: Model, values: Mapping[str, Any], wanted: Expectation) -> float:
    """The value of the driver at which the figure is the published one; by the secant method."""
    row = model.drivers[wanted.solves]
    first = abs(float(np.ravel(values.get(row.key, row.default))[0])) or 1.0
    places, off = [first, 2 * first], [0.0, 0.0]
    for step in range(ROUNDS):
        for end in range(2) if step == 0 else (1,):
            found = _found(model, {**values, row.key: places[end]}, wanted)
            off[end] = np.nan if found is None else found - wanted.low
        if abs(off[1]) <= EXACT * max(abs(wanted.low), 1.0):
            return float(places[1])
        slope = (off[1] - off[0]) / (places[1] - places[0])
        if not np.isfinite(slope) or slope == 0:
            break
        after = np.clip(places[1] - off[1] / slope, row.minimum, row.maximum)
        places, off = [places[1], float(after)], [off[1], 0.0]
        if places[0] == places[1]:
            break
    raise InputError(
        f"expected.{wanted.key}.solve", f"{wanted.low:g} isn't reached by {row.key}",
        "a driver on which this figure rests, and a figure within its range",
    )  # fmt: skip


def _check(model: Model, values: Values, expectation: Expectation) -> Check:
    found = _found(model, values, expectation)
    if found is None or not np.isfinite(found):
        return Check(expectation, None, ok=False)
    check = Check(expectation, found, ok=True)
    deviation = check.deviation or 0.0
    return Check(expectation, found, ok=deviation <= expectation.tolerance * (1 + 1e-9))


def _found(model: Model, values: Values, expectation: Expectation) -> float | None:
    key, month = expectation.key, expectation.month
    values = {**values, **dict(expectation.changes)}
    if key in model.indicator_keys:
        return float(model.indicators(values, [key])[key][0])
    if key in model.drivers:
        return float(np.ravel(values.get(key, model.drivers[key].default))[0])
    by_month = model.run(values, [key])[key][:, 0]
    if isinstance(month, str):
        return float(by_month.sum() if month == "total" else by_month[-1])
    return float(by_month[month]) if month < len(by_month) else None
