"""Measured records beside what would have been predicted of them without their own model.

A machine's own records are predicted by the fit to its other models; results of served endpoints
and of several devices by the published tables alone. So no row has seen its answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from modelworth.costmodel.prediction.case import PREDICTED_KINDS, Case
from modelworth.costmodel.prediction.own_machine import accelerator_of
from modelworth.costmodel.prediction.predictor import Predictor
from modelworth.costmodel.prediction.served import served_case
from modelworth.data.errors import InputError
from modelworth.data.measurement import Measurement
from modelworth.data.words import Work


@dataclass(frozen=True, slots=True)
class Pair:
    """One record: units per second and device, measured and predicted."""

    record: Measurement
    work: Work
    measured: float
    predicted: float


def against(records: Iterable[Measurement], predictor: Predictor) -> list[Pair]:
    """The pairs of the records that can be predicted, in their order."""
    left_out = {key: error for fit in predictor.fits for key, error in fit.errors}
    published = Predictor(predictor.catalog, predictor.tables)
    found = []
    for record in records:
        case = _case(record, predictor)
        if case is None or record.result is None:
            continue
        measured = record.result.throughput_per_s_per_device
        if record.id in left_out:
            predicted = measured / math.exp(left_out[record.id])
        else:
            predicted = published.predict(case).value or math.nan
        if math.isfinite(predicted):
            found.append(Pair(record, case.work, measured, predicted))
    return found


def _case(record: Measurement, predictor: Predictor) -> Case | None:
    """The record's work as a case; None where it is of another kind, or failed."""
    if record.status != "ok" or record.workload.kind not in PREDICTED_KINDS:
        return None
    if record.workload.kind == "serve":
        return served_case(record, predictor.catalog)
    try:
        return Case.of_record(record, accelerator_of(record, predictor.catalog))
    except InputError:
        return None
