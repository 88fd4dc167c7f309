"""What the linter's guards look at: a plan with its figures, and the finding that a guard makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from modelworth.costmodel.analysis import DriverUse, Figure, Finding, Series, Severity
from modelworth.costmodel.business.assumptions import Assumptions
from modelworth.costmodel.business.capacity import Resolved
from modelworth.costmodel.scenario.options import Option
from modelworth.costmodel.scenario.scenario import choice_of

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PlanView(Assumptions):
    """What the guards look at.

    Attributes:
        thorough: whether there is time for what takes many runs of the model.
    """

    figures: Mapping[str, Figure]
    resolved: Resolved
    drivers: Mapping[str, DriverUse]
    series: Mapping[str, Series]
    today: date
    thorough: bool

    def word(self, key: str) -> str:
        """The word of a choice."""
        return self.model.drivers[key].word(self.number(key))

    def figure(self, key: str) -> float | None:
        """An indicator in the base case."""
        return self.figures[key].base

    def certain(self, key: str) -> bool:
        """Whether a driver is a plain number that nobody measured."""
        setting = self.settings.get(key)
        return setting is None or (setting.distribution is None and setting.basis == "assumed")

    def unmeasured(self, key: str) -> bool:
        """Whether a driver is a plain number, whoever it is from, that nobody measured."""
        setting = self.settings.get(key)
        return setting is None or (setting.distribution is None and setting.basis != "measured")

    def options(self) -> tuple[Option, ...]:
        """What the plan is compared with: its own options, or the table's."""
        return choice_of(self.scenario).options

    def line(self, key: str) -> Floats:
        """A line of the model by month, in the base case."""
        if key in self.series:
            return np.array(self.series[key].base)
        return self.model.run(self.values, [key])[key][:, 0]

    def found(
        self, trap: str, path: str, severity: Severity = "warning", **values: float | str
    ) -> Finding:
        """A finding with its numbers."""
        return Finding(trap, severity, path, values)


Guard = Callable[[PlanView], Finding | None]
