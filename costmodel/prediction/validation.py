"""Proof of the predictions: errors on rows left out of the fit, against simple rules, by group.

Every row of the published tables is predicted with its model, its degree of parallelism, its device
or its software left out of the fit. The 90% interval that such a distance carries must hold 85 to
95% of them. `docs/accuracy.md` is written from what `validate` returns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modelworth.costmodel.architecture.work import (
    forward_flops,
    kv_cache_bytes,
    matmul_parameters_touched,
)
from modelworth.costmodel.prediction.calibration import Array, Observed, read_priors
from modelworth.costmodel.prediction.case import software_name
from modelworth.costmodel.prediction.efficiency import Tables
from modelworth.costmodel.prediction.intervals import Group, leave_out, log_errors
from modelworth.costmodel.prediction.refit import Published, read_folder, refit_from
from modelworth.costmodel.prediction.training_run_table import validate_training_runs
from modelworth.data.catalog import load_catalog

SPLITS: dict[str, tuple[int, Group]] = {
    "model": (0, lambda one: one.case.architecture.name),
    "devices used": (0, lambda one: (one.case.tensor, one.case.gpus)),
    "device": (1, lambda one: one.case.accelerator.name),
    "software": (2, lambda one: software_name(one.case.software)),
}
"""What is left out in turn → the distance whose interval it must fit."""
TARGETS = {
    "training": (0.08, 0.20),
    "vision": (0.15, 0.35),
    "serving, dense": (0.20, 0.45),
    "serving, experts": (0.25, 0.50),
}
"""Table → median and 90th percentile of the error that count as done."""
SIMPLE_MFU, SIMPLE_BANDWIDTH = 0.4, 0.8


@dataclass(frozen=True, slots=True)
class Score:
    """Error of one table's rows, left out by one kind of group.

    Attributes:
        coverage: share of the rows inside their 90% interval.
        groups: of each group left out: rows, median error, 90th percentile.
    """

    table: str
    left_out: str
    rows: int
    median: float
    p90: float
    coverage: float | None
    groups: tuple[tuple[str, int, float, float], ...]


@dataclass(frozen=True, slots=True)
class Point:
    """One row: what was measured and what was predicted with its model left out."""

    table: str
    group: str
    measured: float
    predicted: float


@dataclass(frozen=True)
class Report:
    """All scores, and the points of the chart."""

    scores: tuple[Score, ...]
    simple: tuple[Score, ...]
    points: tuple[Point, ...]
    refused: tuple[tuple[str, int], ...]

    @property
    def text(self) -> str:
        """For a terminal."""
        head = f"{'table':<18}{'left out':<14}{'rows':>5}{'median':>8}{'p90':>7}{'in 90%':>8}"
        lines = [head, "-" * len(head)]
        for score in (*self.scores, *self.simple):
            lines.append(
                f"{score.table:<18}{score.left_out:<14}{score.rows:>5}{score.median:>8.1%}"
                f"{score.p90:>7.0%}{_percent(score.coverage):>8}"
            )
        lines += [f"left out of all: {rows} rows, {reason}" for reason, rows in self.refused]
        return "\n".join(lines)


def validate(folder: Path) -> Report:
    """Score every table of a folder of measurements.

    Raises:
        InputError: if it has none.
    """
    catalog = load_catalog()
    scores: list[Score] = []
    simple: list[Score] = []
    points: list[Point] = []
    refused: dict[str, int] = {}
    tables = refit_from(folder, catalog)
    for published in read_folder(folder, catalog):
        for reason in published.refused.values():
            refused[reason] = refused.get(reason, 0) + 1
        errors = _left_out(published, tables)
        for name, some in _parts(published):
            scores += _scores(name, some, published, errors, tables)
            simple.append(_simple(name, some, published))
            points += _points(name, some, published, errors["model"])
    scores += _run_scores(folder)
    return Report(tuple(scores), tuple(simple), tuple(points), tuple(refused.items()))


def markdown(report: Report, chart: str) -> str:
    """The page `docs/accuracy.md`."""
    lines = [*HEAD.format(chart=chart).splitlines(), *_table(report.scores)]
    lines += ["", "## Simple rules on the same rows", "", RULES, "", *_table(report.simple)]
    lines += ["", "## By group left out", "", "| table | left out | rows | median | p90 |"]
    lines.append("| --- | --- | --: | --: | --: |")
    for score in report.scores:
        lines += [
            f"| {score.table} | {score.left_out}: {name} | {rows} | {median:.1%} | {p90:.0%} |"
            for name, rows, median, p90 in score.groups
        ]
    lines += ["", "## Rows that count nowhere", ""]
    lines += [f"- {rows} rows: {reason}." for reason, rows in report.refused] or ["- none"]
    return "\n".join([*lines, ""])


HEAD = """# How far predictions are off

Made by `modelworth predict --validate --facts DIR --report docs/accuracy.md`; don't edit by hand.

Each row of the published tables is predicted with its whole group left out of the fit: its model,
its number of devices, its device, or its software. So these are errors on something that the fit
had not seen; only `nothing` scores the fit on its own rows. Error is |predicted / measured − 1|;
`in 90%` is the share of rows inside their 90% interval, whose width comes from these same errors.

![Predicted against measured throughput, model left out]({chart})

"""
RULES = (
    f"Training: 6·N·D at {SIMPLE_MFU:.0%} of the dense peak. Vision: 2 FLOPs a multiply-add at the "
    f"same share. Serving: bytes of weights and cache over {SIMPLE_BANDWIDTH:.0%} of bandwidth."
)


def _left_out(published: Published, tables: Tables) -> dict[str, Array]:
    priors = read_priors(published.observed[0].case.kind)
    bare = Tables(tables.kernels, (), ())
    return {
        name: leave_out(published.observed, group, priors, bare)
        for name, (_, group) in SPLITS.items()
    }


def _run_scores(folder: Path) -> list[Score]:
    """Device-hours of whole training runs, by the utilisation of other organisations' runs."""
    tables: dict[str, pd.DataFrame | None] = {"training runs": None}
    if (folder / "training_runs_epoch.csv").exists():
        tables["runs, Epoch AI"] = pd.read_csv(folder / "training_runs_epoch.csv")
    scores = []
    for name, rows in tables.items():
        checked = validate_training_runs(rows)
        used = checked[checked["predicted"].notna()].astype({"predicted": float})
        logs = np.log((used["predicted"] / used["device_hours"]).to_numpy(float))
        inside = used["device_hours"].between(used["low"], used["high"])
        score = _score(
            name, "organisation", logs, None, list(used["organisation"].str.split(",").str[0])
        )
        scores.append(replace(score, coverage=float(inside.mean())))
    return scores


def _parts(published: Published) -> list[tuple[str, NDArray[np.bool_]]]:
    """A table's name, or the dense and the sparse part of the serving one."""
    sparse = np.array([one.case.architecture.has_experts for one in published.observed])
    if published.table != "serving":
        return [(published.table, ~sparse | sparse)]
    return [("serving, dense", ~sparse), ("serving, experts", sparse)]


def _scores(
    name: str,
    some: NDArray[np.bool_],
    published: Published,
    errors: dict[str, Array],
    tables: Tables,
) -> list[Score]:
    fitted = log_errors(published.observed, tables)
    found = [_score(name, "nothing", fitted[some], None, [])]
    for left_out, (apart, group) in SPLITS.items():
        error = errors[left_out]
        kept = some & np.isfinite(error)
        if not kept.any():
            continue
        keys = [_name(group(one)) for one in published.observed]
        chosen = [key for key, keep in zip(keys, kept, strict=True) if keep]
        factor = tables.factor90(_kind(name), apart)
        found.append(_score(name, left_out, error[kept], factor, chosen))
    return found


def _score(table: str, left_out: str, logs: Array, factor: float | None, keys: list[str]) -> Score:
    error = np.abs(np.expm1(logs))
    inside = None if factor is None else float(np.mean(np.abs(logs) <= math.log(factor)))
    groups = []
    for key in dict.fromkeys(keys):
        own = error[[other == key for other in keys]]
        groups.append((key, own.size, float(np.median(own)), float(np.quantile(own, 0.9))))
    return Score(
        table,
        left_out,
        error.size,
        float(np.median(error)),
        float(np.quantile(error, 0.9)),
        inside,
        tuple(groups),
    )


def _simple(name: str, some: NDArray[np.bool_], published: Published) -> Score:
    rules: dict[str, Callable[[Observed], float]] = {
        "training": _simple_training,
        "vision": _simple_vision,
        "serving": _simple_serving,
    }
    rule = rules[published.table]
    chosen = [one for one, keep in zip(published.observed, some, strict=True) if keep]
    logs = np.log([rule(one) / one.value for one in chosen])
    return _score(name, "simple rule", logs, None, [])


def _simple_training(one: Observed) -> float:
    rate = one.case.accelerator.matmul_flops_per_s["bf16"] or math.nan
    return SIMPLE_MFU * rate / (6 * one.case.architecture.parameters)


def _simple_vision(one: Observed) -> float:
    rate = one.case.accelerator.matmul_flops_per_s["fp16"] or math.nan
    return SIMPLE_MFU * rate / float(forward_flops(one.case.architecture, 1))


def _simple_serving(one: Observed) -> float:
    case = one.case
    width = {"bf16": 2.0, "fp8": 1.0, "fp4": 0.53}.get(case.precision, 2.0)
    weights = matmul_parameters_touched(case.architecture, case.batch) * width
    context = case.tokens + case.new_tokens / 2
    cache = kv_cache_bytes(case.architecture, case.batch, context, min(width * 2, 2) / 2 + 0.5)
    bandwidth = SIMPLE_BANDWIDTH * case.accelerator.bandwidth_bytes_per_s * case.tensor
    return float(case.batch / ((weights + cache) / bandwidth) / case.tensor)


def _points(name: str, some: NDArray[np.bool_], published: Published, logs: Array) -> list[Point]:
    return [
        Point(name, one.case.accelerator.name, one.value, one.value * math.exp(log))
        for one, keep, log in zip(published.observed, some, logs, strict=True)
        if keep and math.isfinite(log)
    ]


def _kind(name: str) -> str:
    return {
        "training": "train",
        "vision": "forward",
        "serving, dense": "serve",
        "serving, experts": "serve experts",
    }[name]


def _table(scores: Iterable[Score]) -> list[str]:
    rows = [
        "| table | left out | rows | median | p90 | in 90% |",
        "| --- | --- | --: | --: | --: | --: |",
    ]
    return rows + [
        f"| {score.table} | {score.left_out} | {score.rows} | {score.median:.1%} | "
        f"{score.p90:.0%} | {_percent(score.coverage)} |"
        for score in scores
    ]


def _percent(share: float | None) -> str:
    return "—" if share is None else f"{share:.0%}"


def _name(key: object) -> str:
    if isinstance(key, tuple):
        return f"tensor {key[0]}, {key[1]} devices"
    return str(key)
