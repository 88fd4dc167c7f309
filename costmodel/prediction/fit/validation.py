"""Proof of the predictions: errors on rows left out of the fit, by group, against simple rules.

Every row of the published tables is predicted with its model, its device or its software left out.
The 90% interval that such a distance carries must hold about nine tenths of each group, within what
chance explains. `docs/accuracy.md` is written from what `validate` returns.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modelworth.costmodel.prediction.fit.least_squares import Array
from modelworth.costmodel.prediction.fit.leave_out import ENOUGH, band95, log_errors, quantile
from modelworth.costmodel.prediction.fit.observed import Observed
from modelworth.costmodel.prediction.fit.refit import Refit, refit
from modelworth.costmodel.prediction.fit.simple_rules import simple_logs
from modelworth.costmodel.prediction.fit.widths import Tried, unseen_widths
from modelworth.costmodel.prediction.interval import groups_of, log_width
from modelworth.costmodel.prediction.published_runs import validate_training_runs

WORST = 15


@dataclass(frozen=True, slots=True)
class Score:
    """Error of a group's rows, left out by one kind of group.

    Attributes:
        rows: those that differ only by a release counted once.
        coverage: share of the rows inside their 90% interval; None where none was asked.
        unseen: the same with widths that didn't see the group's errors either.
    """

    group: str
    left_out: str
    rows: int
    median: float
    p90: float
    coverage: float | None = None
    unseen: float | None = None

    @property
    def band(self) -> tuple[float, float] | None:
        """Coverage that chance explains around nine tenths; None for few rows."""
        asked = self.coverage is not None and self.rows >= ENOUGH
        return band95(self.rows) if asked else None


@dataclass(frozen=True, slots=True)
class Point:
    """One row: what was measured and what was predicted with its model left out."""

    table: str
    group: str
    measured: float
    predicted: float
    name: str = ""


@dataclass(frozen=True)
class Report:
    """All scores, and the points of the chart."""

    scores: tuple[Score, ...]
    simple: tuple[Score, ...]
    points: tuple[Point, ...]
    rejected: tuple[tuple[str, int], ...]

    @property
    def text(self) -> str:
        """For a terminal: the page's tables."""
        lines = score_table((*self.scores, *self.simple))
        lines += [f"not used: {rows} rows, {reason}" for reason, rows in self.rejected]
        return "\n".join(lines)

    @property
    def worst(self) -> list[Point]:
        """The rows that are furthest off, one for each name."""
        far = sorted(
            self.points, key=lambda point: -abs(math.log(point.predicted / point.measured))
        )
        named: dict[str, Point] = {}
        for point in far:
            named.setdefault(point.name, point)
        return list(named.values())[:WORST]


def validate(*folders: Path) -> Report:
    """Score every table of folders of measurements.

    Raises:
        InputError: if one has none.
    """
    return scored(refit(*folders), folders[0])


def scored(made: Refit, folder: Path) -> Report:
    """All scores of a fit; `folder` may have whole training runs to check, too."""
    scores: list[Score] = []
    simple: list[Score] = []
    points: list[Point] = []
    for kind, observed in made.observed.items():
        if not observed:
            continue
        left = made.left_out[kind]
        errors = Tried.of(observed, left)
        twins = Counter(one.twin for one in observed)
        weights = np.array([1 / twins[one.twin] for one in observed])
        names = [groups_of(one.case) for one in observed]
        tried = {"nothing": _Tried(log_errors(observed, made.tables))}
        for split, one in left.items():
            held = made.tables.widths
            seen = [log_width(held, *row) for row in zip(names, one.new, strict=True)]
            unseen = unseen_widths(errors, left, split)
            tried[split] = _Tried(one.errors, np.array(seen), unseen)
        rule = _Tried(simple_logs(observed))
        wide = sorted({chain[-2] for chain in names}) + sorted({chain[0] for chain in names})
        for name in dict.fromkeys(wide):
            some = np.array([name in chain for chain in names])
            scores += [one.score(name, split, some, weights) for split, one in tried.items()]
            simple.append(rule.score(name, "rule", some, weights))
        points += _points(observed, left["model"].errors)
    scores = [score for score in scores if score.rows] + _run_scores(folder)
    return Report(tuple(scores), tuple(simple), tuple(points), _rejected(made))


@dataclass(frozen=True)
class _Tried:
    """Errors (of logarithms) of all rows, and the widths that should hold nine tenths of them."""

    logs: Array
    widths: Array | None = None
    unseen: Array | None = None

    def score(self, name: str, left_out: str, some: NDArray[np.bool_], weights: Array) -> Score:
        kept = some & np.isfinite(self.logs)
        if not kept.any():
            return Score(name, left_out, 0, math.nan, math.nan)
        logs, weights = np.abs(self.logs[kept]), weights[kept]
        off = np.abs(np.expm1(self.logs[kept]))
        inside = [
            None if widths is None else float(np.average(logs <= widths[kept], weights=weights))
            for widths in (self.widths, self.unseen)
        ]
        rows, median = round(weights.sum()), quantile(off, weights, 0.5)
        return Score(name, left_out, rows, median, quantile(off, weights, 0.9), *inside)


def _points(observed: Sequence[Observed], logs: Array) -> list[Point]:
    return [
        Point(
            groups_of(one.case)[-2], one.case.accelerator.name, one.value,
            one.value * math.exp(log),
            f"{one.case.architecture.name}, {one.case.software}, {one.case.accelerator.name}",
        )
        for one, log in zip(observed, logs, strict=True)
        if math.isfinite(log)
    ]  # fmt: skip


def _run_scores(folder: Path) -> list[Score]:
    """Device-hours of whole training runs, by the utilisation of other organisations' runs."""
    tables: dict[str, pd.DataFrame | None] = {"training runs": None}
    if (path := folder / "training_runs_epoch.csv").exists():
        tables["training runs, Epoch AI"] = pd.read_csv(path)
    scores = []
    for name, rows in tables.items():
        checked = validate_training_runs(rows)
        used = checked[checked["predicted"].notna()].astype({"predicted": float})
        off = np.abs(used["predicted"] / used["device_hours"] - 1).to_numpy(float)
        inside = used["device_hours"].between(used["low"], used["high"])
        median, p90 = float(np.median(off)), float(np.quantile(off, 0.9))
        share = float(inside.mean())
        scores.append(Score(name, "organis.", len(used), median, p90, share, share))
    return scores


def _rejected(made: Refit) -> tuple[tuple[str, int], ...]:
    """Reasons why rows weren't used, physics' in one."""
    reasons = (
        f"{one.file}: more than the best kernels reach"
        if "best kernels" in one.reason
        else one.reason
        for one in made.rejected
    )
    return tuple(Counter(reasons).items())


def score_table(scores: Iterable[Score]) -> list[str]:
    """Lines of a Markdown table, with arrows where the coverage isn't what chance explains."""
    lines = [
        f"{'| group':<46} | left out   | rows | median |  p90 | in 90% | unseen |  chance |",
        "| --- | --- | --: | --: | --: | --: | --: | --: |",
    ]
    for one in scores:
        band = one.band
        inside, apart = (_share(share, band) for share in (one.coverage, one.unseen))
        chance = f"{band[0] * 100:.0f}–{band[1] * 100:.0f}%" if band else "—"
        lines.append(
            f"| {one.group:<44} | {one.left_out:<10} | {one.rows:>4} | {one.median:>6.1%} | "
            f"{one.p90:>4.0%} | {inside:>6} | {apart:>6} | {chance:>7} |"
        )
    return lines


def _share(share: float | None, band: tuple[float, float] | None) -> str:
    """A coverage, with an arrow where it is under or over what chance explains."""
    if share is None:
        return "—"
    mark = "" if band is None else " ↓" if share < band[0] else " ↑" if share > band[1] else ""
    return f"{share:.0%}{mark}"
