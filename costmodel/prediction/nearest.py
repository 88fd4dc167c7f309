"""The published measurements nearest to a case: what a reader may hold a prediction against.

A small table of cited rows, one for each model, device and software that was calibrated on. Near is
what shares the model, the device or its generation, the software, the precision; then what is alike
in size.
"""

from __future__ import annotations

import math
from functools import cache

from pydantic import Field, PositiveFloat, PositiveInt

from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.software import software_name
from modelworth.costmodel.prediction.step.coefficients import PUBLISHED, Kind
from modelworth.data.csv_rows import Row, Text, read_table

WEIGHTS = {"model": 3.0, "device": 2.0, "generation": 1.0, "software": 2.0, "precision": 1.0}
DOUBLING = 0.15
"""What each doubling of batch, length or devices takes off."""


class MeasuredRow(Row):
    """One published measurement: units per second and device."""

    kind: Kind
    model: Text
    device: Text
    generation: Text
    software: str = ""
    precision: Text
    gpus: PositiveInt
    batch: PositiveFloat
    tokens: PositiveFloat
    new_tokens: PositiveFloat = Field(default=1)
    value: PositiveFloat
    unit: Text


@cache
def measured_rows() -> tuple[MeasuredRow, ...]:
    """The shipped rows."""
    return tuple(read_table(PUBLISHED / "measured_rows.csv", MeasuredRow))


def nearest(case: Case, most: int = 3) -> list[MeasuredRow]:
    """The rows of the case's kind of work that are nearest to it."""
    some = [row for row in measured_rows() if row.kind == case.kind]
    return sorted(some, key=lambda row: -_likeness(row, case))[:most]


def _likeness(row: MeasuredRow, case: Case) -> float:
    same = {
        "model": row.model == case.architecture.name,
        "device": row.device == case.accelerator.name,
        "generation": row.generation == case.accelerator.architecture,
        "software": software_name(row.software) == software_name(case.software),
        "precision": row.precision == case.precision,
    }
    pairs = ((row.gpus, case.gpus), (row.batch, case.batch), (row.tokens, case.tokens))
    apart = sum(abs(math.log2(one / other)) for one, other in pairs)
    return sum(WEIGHTS[name] for name, yes in same.items() if yes) - DOUBLING * apart
