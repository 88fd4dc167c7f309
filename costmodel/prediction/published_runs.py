"""Published training runs: what they got from their hardware, and how far the prior is off.

The utilisation of a run is 6 × active parameters × tokens over device-hours × dense 16-bit peak: of
the whole run, failures, evaluations and restarts included. `utilisation_prior` is the median over
organisations of each one's geometric mean, because an organisation's runs resemble each other.
Splitting it by architecture, size or year didn't predict runs left out any better
(docs/decisions/architecture.md), so it isn't split.

`validate_training_runs` predicts each run from its parameters, tokens and cluster with a prior that
never saw a run of the same organisation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from math import exp, hypot, log
from typing import Any

import numpy as np
import pandas as pd
from pydantic import PositiveFloat, PositiveInt

from modelworth.costmodel.prediction.step.coefficients import PUBLISHED
from modelworth.costmodel.prediction.training_run import (
    FLOPS_PER_PARAMETER_AND_TOKEN,
    TrainingPlan,
)
from modelworth.data.catalog import Accelerator, load_catalog
from modelworth.data.csv_rows import Row, Text, read_table
from modelworth.data.errors import InputError

EPOCH_COLUMNS = {
    "Model": "model",
    "Organization": "organisation",
    "Parameters": "active_parameters",
    "Training dataset size (datapoints)": "tokens",
    "Training hardware": "accelerator",
    "Hardware quantity": "devices",
    "Training time (hours)": "hours",
    "Training compute (FLOP)": "training_flops",
}
"""Columns of Epoch AI's table of machine learning systems."""
UNKNOWN = (None, None, None)
RUN_COLUMNS = {"Model", "Training compute (FLOP)", "Training hardware", "Hardware quantity"}
"""Those that say that a table is one of whole runs."""

SAME_HARDWARE = {
    "NVIDIA A800 SXM": "A100 SXM 80GB",
    "NVIDIA A800 PCIe 40 GB": "A100 PCIe 40GB",
    "NVIDIA H100 SXM5 80GB": "H100 SXM 80GB",
    "NVIDIA Tesla V100 DGXS 32 GB": "V100 SXM2 32GB",
    "NVIDIA Tesla V100 DGXS 16 GB": "V100 SXM2 16GB",
}
"""Names there that the catalogue doesn't know; export versions have the same dense rates."""

AGREEMENT = 1.5
"""Published FLOPs and 6·N·D may differ by this factor. Beyond it the table's data points aren't
tokens, or its parameters aren't the active ones."""

ROUND_SHARE = 0.0025
"""An implied utilisation this near to 0.3, 0.4 or 0.5 was assumed by the table's authors, who made
the FLOPs from the hours: such a run can't test anything."""

TABLE_LOG = 0.9
"""What a table's estimates of FLOPs and cluster add to the width's logarithm: by the scatter of
Epoch AI's rows, of which the narrower interval held 74%."""


@dataclass(frozen=True, slots=True)
class Utilisation:
    """Model FLOPs over dense peak for a whole run, where nothing better is known.

    Attributes:
        typical: the centre of published runs.
        log_deviation: standard deviation of a run's logarithm about it.
        groups: organisations that it rests on.
    """

    typical: float
    log_deviation: float
    groups: int

    def interval(self) -> tuple[float, float]:
        """Where nine of ten runs lie."""
        factor = exp(1.645 * self.log_deviation * np.sqrt(1 + 1 / self.groups))
        return self.typical / factor, self.typical * factor


class PublishedRun(Row):
    """A run whose device-hours were published."""

    model: Text
    organisation: Text
    active_parameters: PositiveFloat
    tokens: PositiveFloat
    accelerator: Text
    devices: PositiveInt | None = None
    device_hours: PositiveFloat


@cache
def load_training_runs() -> tuple[PublishedRun, ...]:
    """The shipped table."""
    return tuple(read_table(PUBLISHED / "training_runs.csv", PublishedRun))


@cache
def utilisation_prior(without: str = "") -> Utilisation:
    """Centre and spread of what published runs got from their hardware, but one organisation's."""
    by_organisation: defaultdict[str, list[float]] = defaultdict(list)
    for run in load_training_runs():
        flops = FLOPS_PER_PARAMETER_AND_TOKEN * run.active_parameters * run.tokens
        peak = run.device_hours * 3600 * _dense(load_catalog().accelerator(run.accelerator))
        by_organisation[_first_word(run.organisation)].append(log(flops / peak))
    by_organisation.pop(_first_word(without), None)
    centre = float(np.median([np.mean(logs) for logs in by_organisation.values()]))
    squares = [np.mean((np.array(logs) - centre) ** 2) for logs in by_organisation.values()]
    spread = float(np.sqrt(np.sum(squares) / (len(squares) - 1)))
    return Utilisation(exp(centre), spread, len(by_organisation))


def hours_by_prior(flops: float, accelerator: Accelerator, without: str = "") -> list[float]:
    """Device-hours of so many FLOPs at others' utilisation: least, typical, most of nine in ten.

    Raises:
        InputError: if the device has no dense rate.
    """
    prior = utilisation_prior(without)
    worst, best = prior.interval()
    return [flops / _dense(accelerator) / 3600 / share for share in (best, prior.typical, worst)]


def days_as_published(plan: TrainingPlan) -> list[float]:
    """A plan's days at what published runs got of their devices: least, typical, most.

    Whole runs with all that interrupts them, where the plan's own days are steps and failures.
    """
    parameters = plan.best.case.architecture.active_parameters
    flops = FLOPS_PER_PARAMETER_AND_TOKEN * parameters * plan.run.tokens
    hours = hours_by_prior(flops, plan.best.case.accelerator)
    return [each / plan.run.devices / 24 for each in hours]


def validate_training_runs(rows: pd.DataFrame | None = None) -> pd.DataFrame:
    """Published device-hours against predicted ones, each without its own organisation's runs.

    `rows` is a table in Epoch AI's columns; None takes the shipped table. One row a run: model,
    device_hours, predicted, low, high (90% interval), and note: why a run couldn't be used.
    """
    if rows is None:
        rows = pd.DataFrame([run.model_dump() for run in load_training_runs()])
    elif missing := set(EPOCH_COLUMNS) - set(rows.columns):
        allowed = f"Epoch AI's columns, {', '.join(sorted(missing))} too"
        raise InputError("training runs", ", ".join(map(str, rows.columns)), allowed)
    else:
        rows = rows.rename(columns=EPOCH_COLUMNS)
        rows = rows.assign(device_hours=rows["hours"] * rows["devices"])
    found = [_checked(row) for row in rows.to_dict("records")]
    names = ("low", "predicted", "high", "note")
    checked = pd.DataFrame(found, rows.index, names)
    return pd.concat([rows[["model", "device_hours"]], checked], axis=1)


def predict_runs(rows: pd.DataFrame) -> pd.DataFrame:
    """Hours of whole runs, by FLOPs, cluster and what other organisations' runs got of theirs.

    `rows` is a table in Epoch AI's columns, of which the training time isn't looked at; it comes
    back with predicted (hours), low, high, basis and note.
    """
    found = [_run(row) for row in rows.rename(columns=EPOCH_COLUMNS).to_dict("records")]
    names = ("predicted", "low", "high", "basis", "note")
    return pd.concat([rows, pd.DataFrame(found, rows.index, names)], axis=1)


def _run(row: Mapping[Any, Any]) -> tuple[object, ...]:
    """One run's hours, their interval, basis and note; or the reason why not."""
    device = _device(row)
    if device is None:
        return *UNKNOWN, "", f"{row['accelerator']}: no such device in the catalogue"
    stated, parameters, tokens, devices = (
        value if isinstance(value := row.get(name), int | float) and value > 0 else 0.0
        for name in ("training_flops", "active_parameters", "tokens", "devices")
    )
    flops = stated or FLOPS_PER_PARAMETER_AND_TOKEN * (parameters * tokens)
    if not flops or not devices:
        missing = "Hardware quantity" if flops else "Training compute (FLOP)"
        return *UNKNOWN, "", f"{missing}: nothing; must be given"
    least, typical, _ = hours_by_prior(flops, device, str(row.get("organisation")))
    hours, width = typical / devices, exp(hypot(log(typical / least), TABLE_LOG))
    note = "at the utilisation of published runs"
    return hours, hours / width, hours * width, "interpolated", note


def _checked(row: Mapping[Any, Any]) -> tuple[object, ...]:
    """One run's device-hours as predicted, their interval and nothing; or why they can't be."""
    device = _device(row)
    if device is None:
        return *UNKNOWN, f"{row['accelerator']} isn't in the catalogue"
    for key in ("active_parameters", "tokens", "device_hours"):
        if not row[key] > 0:  # absent numbers are NaN
            return *UNKNOWN, f"{key.replace('_', ' ')} not published"
    flops = FLOPS_PER_PARAMETER_AND_TOKEN * row["active_parameters"] * row["tokens"]
    stated = row.get("training_flops", float("nan"))
    ratio, implied = stated / flops, stated / (row["device_hours"] * 3600 * _dense(device))
    made = any(abs(implied / share - 1) < ROUND_SHARE for share in (0.3, 0.4, 0.5))
    few = row["tokens"] < row["active_parameters"]
    wrong = {
        "fewer data points than parameters: they aren't tokens": few,
        "published FLOPs aren't 6 × parameters × data points": ratio > AGREEMENT
        or ratio < 1 / AGREEMENT,
        "published FLOPs were made from the hours": made,
    }
    note = next((reason for reason, holds in wrong.items() if holds), "")
    hours = UNKNOWN if note else hours_by_prior(flops, device, str(row["organisation"]))
    return *hours, note


def _first_word(organisation: str) -> str:
    """What tells organisations apart: `Meta` and `Meta AI` are one."""
    return next(iter(organisation.replace(",", " ").casefold().split()), "")


def _device(row: Mapping[Any, Any]) -> Accelerator | None:
    """A run's accelerator by the catalogue's or the table's name; of several kinds the first."""
    first = str(row["accelerator"]).split(",")[0]
    with suppress(InputError):
        return load_catalog().accelerator(SAME_HARDWARE.get(first, first))
    return None


def _dense(accelerator: Accelerator) -> float:
    """Dense peak in 16 bits, or in single precision before there was such a rate.

    Raises:
        InputError: if it has none.
    """
    rates = accelerator.matmul_flops_per_s
    peak = rates["bf16"] or rates["fp16"] or rates["fp32"]
    if peak is None:
        name = f"{accelerator.name}: dense rate"
        raise InputError(name, "unknown", "given in the catalogue's row")
    return peak
