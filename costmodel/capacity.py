"""What the model's hardware can do, from measurements, a prediction, or the scenario itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from costmodel.analysis import Finding, MeasurementUse, PredictionUse
from costmodel.scenario import Scenario, Setting
from data.catalog import Catalog
from data.measurement import Measurement


@dataclass(frozen=True, slots=True)
class Resolved:
    """Settings that measurements, predictions and the catalogue give, and their evidence."""

    settings: Mapping[str, Setting] = field(default_factory=dict)
    measurements: tuple[MeasurementUse, ...] = ()
    predictions: tuple[PredictionUse, ...] = ()
    findings: tuple[Finding, ...] = ()


def resolve(scenario: Scenario, measurements: Sequence[Measurement], catalog: Catalog) -> Resolved:
    """What holds beside the scenario's own settings."""
    return Resolved()
