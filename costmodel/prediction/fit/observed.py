"""Published measurements to fit and validate on: cases with what was measured of them.

A folder holds tables in the columns of `table`, in two generations of files. Rows that physics
forbids (more arithmetic or traffic than the best kernels ever reached) aren't fitted on; neither
are those that a person has judged (`excluded.csv`). Each is told with its reason.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.columns import columns, times
from modelworth.costmodel.prediction.software import software_name
from modelworth.costmodel.prediction.step.coefficients import (
    NEUTRAL,
    PUBLISHED,
    Kind,
    Tables,
    generation_of,
)
from modelworth.costmodel.prediction.step.model import stack
from modelworth.costmodel.prediction.table import MEASURED, Reader, Table, table_of
from modelworth.data.catalog import Catalog
from modelworth.data.csv_rows import Row, Text, read_table
from modelworth.data.errors import InputError
from modelworth.data.foreign_file import read_frame

FILES = (
    "training_throughput", "vision_throughput", "serving_throughput", "encoder_forward",
)  # fmt: skip
SHIPPED_ROWS = PUBLISHED / "rows"
"""Cited measurements that come with the project, in the same columns."""
IDEAL = replace(
    NEUTRAL, narrow_width=1e-3, memory=9.0, cache=0.98, repeated_reads=1e-3, attention=0.9,
    narrow_head=1e-3,
    traffic=1e-3, quantise=1e-3, scores=1e-3, narrow_expert=1e-3, narrow_expert_width=1e-3,
    layer_s=0.0, expert_layer_s=0.0, step_s=0.0, sequence_s=0.0, host_layer_s=0.0,
    host_expert_layer_s=0.0,
    collective_latency_s=0.0, tensor_exposed=0.0, experts_exposed=0.0, data_exposed=0.0,
    straggling=0.0, first_token_s=0.0, burst=0.0, queue=0.0,
)  # fmt: skip
"""A step that loses nothing beside the best kernels: what no measurement may beat."""
BEYOND = 1.03
"""A row this far beyond the ideal step is refused: clocks and rounding explain less."""


class ExcludedRow(Row):
    """Published rows that can't be right, and why; they aren't calibrated on."""

    table: Text
    column: Text
    value: Text
    gpus: Text
    reason: Text


@dataclass(frozen=True)
class Observed:
    """A case and what was measured of it.

    Attributes:
        value: units per second and device, as `times` gives them.
        tpot_s, ttft_s: of serving; None where unknown.
        group: rows that resemble each other: kind of model, hardware generation, software.
        twin: rows with the same twin differ by a software's release only.
    """

    case: Case
    value: float
    tpot_s: float | None = None
    ttft_s: float | None = None
    group: str = ""
    twin: str = ""
    weight: float = 1.0


@dataclass(frozen=True)
class Rejected:
    """A row that isn't used, by its place in its file."""

    file: str
    row: int
    reason: str


def read_folders(
    folders: Iterable[Path], catalog: Catalog, tables: Tables
) -> tuple[dict[Kind, list[Observed]], list[Rejected]]:
    """All measurements of folders by kind of work, weighed, and the rows that aren't used.

    Raises:
        InputError: if one has none of the files.
    """
    found: dict[Kind, list[Observed]] = {"train": [], "forward": [], "serve": []}
    rejected: list[Rejected] = []
    for folder in folders:
        named = [folder / f"{name}{part}.csv" for name in FILES for part in ("", "_2")]
        paths = [path for path in named if path.exists()]
        if not paths:
            allowed = f"a folder with {', '.join(FILES)} (.csv, _2.csv)"
            raise InputError(str(folder), "none of the files", allowed)
        for path in paths:
            for one in _read(path, catalog, rejected):
                found[one.case.kind].append(one)
    for kind, rows in found.items():
        kept, refused = possible(rows, tables)
        rejected += [Rejected(one.group, 0, reason) for one, reason in refused]
        found[kind] = weighed(kept)
    return found, rejected


def possible(
    observed: list[Observed], tables: Tables
) -> tuple[list[Observed], list[tuple[Observed, str]]]:
    """Rows of one kind of work that hardware allows, and those that it doesn't."""
    cases = [one.case for one in observed]
    if not cases:
        return [], []
    found = times(cases[0].work, columns(cases, tables), stack([IDEAL] * len(cases)))
    shares = np.array([one.value for one in observed]) / np.asarray(found.value)
    both = list(zip(observed, shares, strict=True))
    said = "{:.2f} of what the best kernels reach"
    refused = [(one, said.format(share)) for one, share in both if share > BEYOND]
    return [one for one, share in both if share <= BEYOND], refused


def weighed(observed: list[Observed]) -> list[Observed]:
    """The same rows, each group counting as the root of its rows, releases of a row as one."""
    twins = Counter(one.twin for one in observed)
    groups: Counter[str] = Counter()
    for one in observed:
        groups[one.group] += 1 / twins[one.twin]  # type: ignore[assignment]
    return [
        replace(one, weight=1 / twins[one.twin] / math.sqrt(groups[one.group])) for one in observed
    ]


def _read(path: Path, catalog: Catalog, rejected: list[Rejected]) -> list[Observed]:
    """One table of measurements."""
    frame = read_frame(path, "a readable CSV file of measurements")
    table = table_of(frame.columns)
    reader = Reader(catalog)
    excluded = read_table(PUBLISHED / "excluded.csv", ExcludedRow)
    observed = []
    for place, row in enumerate(frame.to_dict("records")):
        reason = _excluded(row, table, excluded)
        if reason is None:
            try:
                observed.append(_observed(reader.case(table, row), row, table))
            except InputError as error:
                reason = " ".join(str(error).split())
        if reason is not None:
            rejected.append(Rejected(path.name, place + 2, reason))
    return observed


def _observed(case: Case, row: Mapping[Any, Any], table: Table) -> Observed:
    value = float(row[MEASURED[table][0]])
    if table == "vision" and case.work == "train":
        value *= case.tokens
    experts = "experts" if case.architecture.has_experts else "dense"
    software = software_name(case.software) or "unstated"
    device = case.accelerator
    group = f"{table} {experts}, {software}, {generation_of(device)}, {case.regime}"
    if case.kind == "serve":
        group += f", {case.architecture.name}"
    twin = "|".join(
        str(getattr(case, name))
        for name in (
            "gpus", "precision", "batch", "tokens", "new_tokens", "tensor", "pipeline", "expert",
            "sharding", "global_batch", "recomputed", "overlapped", "regime", "compiled",
        )
    )  # fmt: skip
    return Observed(
        case, value, _seconds(row, "tpot_ms"), _seconds(row, "ttft_ms"), group,
        f"{case.architecture.name}|{device.name}|{software}|{twin}",
    )  # fmt: skip


def _seconds(row: Mapping[Any, Any], column: str) -> float | None:
    value = row.get(column)
    return None if value is None or not np.isfinite(value) else value / 1e3


def _excluded(row: Mapping[Any, Any], table: Table, excluded: Iterable[ExcludedRow]) -> str | None:
    gpus = str(row.get("gpus"))
    for one in excluded:
        named = (table, str(row.get(one.column))) == (one.table, one.value)
        if named and gpus in one.gpus.split("|"):
            return one.reason
    return None
