"""The linter for plans: 28 traps that plans for large models fall into, each with a guard.

A guard looks at the plan and its figures, and either says nothing or names the trap, the field and
the numbers that its sentence needs. The sentences stand in data/traps.csv in both languages, with
the evidence that people fall into it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from modelworth import data
from modelworth.costmodel.analysis import DriverUse, Figure, Finding, Series, Severity
from modelworth.costmodel.business.capacity import Resolved
from modelworth.costmodel.business.model import Model
from modelworth.costmodel.scenario.scenario import Scenario, Setting
from modelworth.data.csv_rows import Row, Text, read_table
from modelworth.data.errors import InputError

Floats = NDArray[np.float64]
PATH: Final = Path(data.__file__).parent / "traps.csv"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the guards look at."""

    scenario: Scenario
    model: Model
    settings: Mapping[str, Setting]
    values: Mapping[str, Any]
    figures: Mapping[str, Figure]
    resolved: Resolved
    drivers: Mapping[str, DriverUse]
    series: Mapping[str, Series]

    def number(self, key: str) -> float:
        """A driver in the base case."""
        default = self.model.drivers[key].default
        return float(np.ravel(self.values.get(key, default))[0])

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


class Trap(Row):
    """A trap's sentence in both languages, with its evidence."""

    id: Text
    en: Text
    zh: Text = Field(alias="zh_CN")


Guard = Callable[[Plan], Finding | None]


def findings(plan: Plan) -> tuple[Finding, ...]:
    """What is wrong or doubtful about a plan, in the order of the traps."""
    from modelworth.costmodel.business.lint_guards import GUARDS

    found = (guard(plan) for guard in GUARDS)
    return tuple(finding for finding in found if finding is not None)


@cache
def traps() -> Mapping[str, Trap]:
    """The traps by id."""
    return {row.id: row for row in read_table(PATH, Trap)}


def sentence(finding: Finding, language: str = "en") -> str:
    """The finding in words.

    Raises:
        InputError: if there is no such language.
    """
    if language not in ("en", "zh_CN"):
        raise InputError("language", language, "en or zh_CN")
    shown = {
        key: f"{value:.4g}" if isinstance(value, float) else value
        for key, value in finding.values.items()
    }
    trap = traps()[finding.id]
    return (trap.en if language == "en" else trap.zh).format(**shown)
