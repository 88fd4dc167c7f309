"""A table in, the same table with predictions out; a row that can't be says why."""

from __future__ import annotations

from typing import Any

import pandas as pd

from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.predictor import Prediction, Predictor
from modelworth.costmodel.prediction.table import MEASURED, Reader, Table, table_of
from modelworth.costmodel.prediction.training.published_runs import predict_runs
from modelworth.data.errors import InputError

RUN_COLUMNS = {"Model", "Training compute (FLOP)", "Training hardware", "Hardware quantity"}
"""A table of whole training runs, in Epoch AI's columns."""


def predict_table(frame: pd.DataFrame, predictor: Predictor | None = None) -> pd.DataFrame:
    """The table with `predicted`, `low`, `high`, `basis` and `note` added.

    Raises:
        InputError: if the columns are those of no known table.
    """
    predictor = predictor or Predictor()
    if set(frame.columns) >= RUN_COLUMNS:
        return predict_runs(frame, predictor.catalog)
    table = table_of(frame.columns)
    reader = Reader(predictor.catalog)
    read: list[Case | InputError] = []
    unmeasured = frame.drop(columns=[c for c in MEASURED[table] if c in frame.columns])
    for row in unmeasured.to_dict("records"):
        try:
            read.append(reader.case(table, row))
        except InputError as error:
            read.append(error)
    cases = [case for case in read if isinstance(case, Case)]
    predictions = iter(predictor.predict_all(cases, ran=True))
    every = [next(predictions) if isinstance(one, Case) else _unread(one) for one in read]
    return _with_predictions(frame, table, every)


def _unread(error: InputError) -> Prediction:
    return Prediction(None, None, None, "", None, " ".join(str(error).split()), refusal=error)


def _with_predictions(frame: pd.DataFrame, table: Table, every: list[Prediction]) -> pd.DataFrame:
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
