"""Time, throughput and latency of work that nobody measured, with an interval and a basis.

`predict` takes cases of any kind; `predict_table` takes a table and gives it back with predictions.
A case that can't be is refused with the reason and the nearest that fits. Each prediction says what
it rests on: `interpolated` if like work on this device is in the published tables, `extrapolated`
if only its parts are (the device, or the software), `assumed` if neither. A machine's own records,
where they are given, come before the published tables.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from modelworth.costmodel.prediction.case import (
    Case,
    attention_class,
    columns,
    efficiencies,
    software_name,
    version_name,
)
from modelworth.costmodel.prediction.case_table import MEASURED, Reader, Table, table_of
from modelworth.costmodel.prediction.efficiency import Tables, shipped_tables
from modelworth.costmodel.prediction.limits import refused
from modelworth.costmodel.prediction.own_machine import MachineFit, fit_for
from modelworth.costmodel.prediction.served import ServedScale, scale_for
from modelworth.costmodel.prediction.times import Times, times
from modelworth.data.catalog import Catalog, load_catalog
from modelworth.data.errors import InputError
from modelworth.data.words import Basis

UNITS = {
    "train": "tokens/s/GPU",
    "forward": "sequences/s/GPU",
    "prefill": "tokens/s/GPU",
    "decode": "tokens/s/GPU",
    "serve": "output tokens/s/GPU",
}

MEASURED_FACTOR = 1.1
"""Half-width of the interval of what was measured: machines drift by this much between runs."""
NEW_ARCHITECTURE_LOG = 0.15
"""What an architecture that no published row has adds to the width's log: judgement, after how far
the devices that were left out lie from their predictions."""
NEW_PRECISION_LOG = 0.12
"""What a precision that no published row of the kind has adds: judgement, after how far libraries
lie apart in the products of 8 bits."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a case will do.

    Attributes:
        value: units per second and device; None where it can't be predicted.
        low, high: the 90% interval.
        parts: seconds of the parts of a step.
        note: what was assumed, or why there is no value.
    """

    value: float | None
    low: float | None
    high: float | None
    unit: str
    basis: Basis | None
    note: str
    step_s: float | None = None
    ttft_s: float | None = None
    tpot_s: float | None = None
    parts: dict[str, float] = field(default_factory=dict)


def predict(
    cases: Sequence[Case],
    tables: Tables | None = None,
    fits: Sequence[MachineFit] = (),
    scales: Sequence[ServedScale] = (),
) -> list[Prediction]:
    """Predictions of cases, in their order; one that can't be carries the reason in its note.

    Where `fits` has a machine's own records of the same device, precision and work, these are used
    instead of the published tables; where `scales` has results of own servers on the device, they
    correct these tables.
    """
    tables = tables or shipped_tables()
    found: list[Prediction | None] = [None] * len(cases)
    works: dict[str, list[int]] = {}
    for place, case in enumerate(cases):
        refusal = refused(case, tables)
        own = fit_for(fits, case) if fits and case.gpus == 1 else None
        if refusal is None and own is not None:
            found[place] = _of_machine(case, own)
        elif refusal is None:
            works.setdefault(case.work, []).append(place)
        else:
            found[place] = Prediction(None, None, None, UNITS[case.work], None, str(refusal))
    for places in works.values():
        some = [cases[place] for place in places]
        for place, prediction in zip(places, _of_one_work(some, tables), strict=True):
            scale = scale_for(scales, cases[place]) if cases[place].work == "serve" else None
            found[place] = prediction if scale is None else _scaled(prediction, scale)
    return [prediction for prediction in found if prediction is not None]


def predict_table(
    frame: pd.DataFrame, catalog: Catalog | None = None, tables: Tables | None = None
) -> pd.DataFrame:
    """The table with `predicted`, `low`, `high`, `basis` and `note` added.

    Raises:
        InputError: if the columns are those of no known table.
    """
    table = table_of(frame.columns)
    reader = Reader(catalog or load_catalog())
    read: list[Case | InputError] = []
    unmeasured = frame.drop(columns=[c for c in MEASURED[table] if c in frame.columns])
    for row in unmeasured.to_dict("records"):
        try:
            read.append(reader.case(table, row))
        except InputError as error:
            read.append(error)
    predictions = iter(predict([case for case in read if isinstance(case, Case)], tables))
    every = [next(predictions) if isinstance(one, Case) else _unread(one) for one in read]
    return _with_predictions(frame, table, every)


def distance(case: Case, tables: Tables) -> int:
    """How far a case is from what was calibrated on: see `ResidualRow`."""
    software, version = software_name(case.software), version_name(case.software)
    known_software = software is not None and tables.knows(case.kind, "software", software)
    if version is not None and not tables.knows(case.kind, "version", version):
        known_software = False
    known_device = tables.knows(case.kind, "device", case.accelerator.name)
    return (0 if known_device else 1) + (0 if known_software else 2)


def _of_one_work(cases: list[Case], tables: Tables) -> list[Prediction]:
    found = times(cases[0].work, columns(cases, tables), efficiencies(cases, tables))
    apart = [distance(case, tables) for case in cases]
    return [_prediction(case, found, row, apart[row], tables) for row, case in enumerate(cases)]


def _prediction(case: Case, found: Times, row: int, apart: int, tables: Tables) -> Prediction:
    value = float(found.value[row])
    unit = UNITS[case.work]
    if case.work == "train" and case.architecture.patches is not None:
        value, unit = value / case.tokens, UNITS["forward"]
    factor = interval_factor(case, tables)
    return Prediction(
        value,
        value / factor,
        value * factor,
        unit,
        "interpolated" if apart == 0 else "extrapolated" if apart < 3 else "assumed",
        _note(case, apart),
        step_s=None if found.step_s is None else float(found.step_s[row]),
        ttft_s=None if found.ttft_s is None else float(found.ttft_s[row]),
        tpot_s=None if found.tpot_s is None else float(found.tpot_s[row]),
        parts={name: float(part[row]) for name, part in (found.parts or {}).items()},
    )


def _of_machine(case: Case, fit: MachineFit) -> Prediction:
    """By the fit to a machine's own records."""
    found = fit.times(case)
    value = float(found.value[0])
    own = fit.measured_value(case)
    factor = MEASURED_FACTOR if own else fit.factor90(case)
    beyond = fit.doublings_beyond(case)
    basis: Basis = "measured" if own else "extrapolated" if beyond > 0 else "interpolated"
    note = f"fitted to {len(fit.measurement_ids)} measurements of this device"
    if own:
        note = "measured on this device as asked"
    elif beyond > 0:
        note += f"; {beyond:.1f} doublings beyond them"
    scale = value / own if own else 1.0
    return Prediction(
        value / scale,
        value / scale / factor,
        value / scale * factor,
        UNITS[case.work],
        basis,
        note,
        step_s=None if found.step_s is None else float(found.step_s[0]) * scale,
        parts={name: float(part[0]) * scale for name, part in (found.parts or {}).items()},
    )


def _scaled(prediction: Prediction, scale: ServedScale) -> Prediction:
    """Corrected by what own servers on the device did."""
    if prediction.value is None or prediction.ttft_s is None or prediction.tpot_s is None:
        return prediction
    value = prediction.value * scale.speed
    note = f"corrected by {len(scale.measurement_ids)} results of own servers on this device"
    return replace(
        prediction,
        value=value,
        low=value * math.exp(-scale.log_width),
        high=value * math.exp(scale.log_width),
        ttft_s=prediction.ttft_s / scale.speed,
        tpot_s=prediction.tpot_s / scale.speed,
        basis="interpolated",
        note=note,
    )


def interval_factor(case: Case, tables: Tables) -> float:
    """Factor by which the 90% interval reaches above and below a prediction."""
    sparse = case.kind == "serve" and case.architecture.has_experts
    kind = "serve experts" if sparse else case.kind
    logs = [math.log(tables.factor90(kind, distance(case, tables)))]
    if not tables.knows(case.kind, "architecture", attention_class(case.accelerator)):
        logs.append(NEW_ARCHITECTURE_LOG)
    if not tables.knows_precision(kind, case.precision):
        logs.append(NEW_PRECISION_LOG)
    return math.exp(math.hypot(*logs))


def _note(case: Case, apart: int) -> str:
    notes = []
    if apart & 1:
        notes.append(f"no like work on {case.accelerator.name} in the published tables")
    if apart & 2:
        notes.append(f"software {case.software or 'not given'}: not in the published tables")
    if case.architecture.note:
        notes.append(case.architecture.note)
    return "; ".join(notes)


def _unread(error: InputError) -> Prediction:
    return Prediction(None, None, None, "", None, " ".join(str(error).split()))


def _with_predictions(
    frame: pd.DataFrame, table: Table, predictions: Iterable[Prediction]
) -> pd.DataFrame:
    every = list(predictions)
    added: dict[str, list[Any]] = {
        "predicted": [one.value for one in every],
        "low": [one.low for one in every],
        "high": [one.high for one in every],
        "basis": [one.basis or "" for one in every],
        "note": [" ".join(one.note.split()) for one in every],
    }
    if table == "serving":
        added["predicted_ttft_ms"] = [one.ttft_s and one.ttft_s * 1e3 for one in every]
        added["predicted_tpot_ms"] = [one.tpot_s and one.tpot_s * 1e3 for one in every]
    return pd.concat([frame, pd.DataFrame(added, index=frame.index)], axis=1)
