"""What all parts of an analysis share: the scenario, its model, and what every driver stands at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelworth.costmodel.business.model import Model
from modelworth.costmodel.scenario.distributions import Distribution
from modelworth.costmodel.scenario.scenario import Scenario
from modelworth.costmodel.scenario.settings import Setting

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What all parts of an analysis share.

    Attributes:
        settings: driver → what holds for it beside the table's defaults.
        values: the same as numbers, for the model.
        uncertain: the drivers that are drawn.
    """

    scenario: Scenario
    model: Model
    settings: Mapping[str, Setting]
    values: Mapping[str, Any]
    uncertain: Mapping[str, Distribution]

    def number(self, key: str) -> float:
        """A driver in the base case."""
        default = self.model.drivers[key].default
        return float(np.ravel(self.values.get(key, default))[0])

    def indicator(self, key: str) -> Callable[[Mapping[str, Floats]], Floats]:
        """An indicator as a function of drivers, the others as here."""
        return lambda table: self.model.indicators({**self.values, **table}, [key])[key]
