"""Whether the model comes to the published figures that a scenario expects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from modelworth.costmodel.business.model import Model, Values
from modelworth.costmodel.scenario.expected import Expectation


@dataclass(frozen=True, slots=True)
class Check:
    """An expectation and what the model came to; `found` is None where it has no value."""

    expectation: Expectation
    found: float | None
    ok: bool

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
        InputError: if a key is neither a line nor an indicator of the model.
    """
    return tuple(_check(model, values, expectation) for expectation in expectations)


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
    by_month = model.run(values, [key])[key][:, 0]
    if isinstance(month, str):
        return float(by_month.sum() if month == "total" else by_month[-1])
    return float(by_month[month]) if month < len(by_month) else None
