"""Remakes the tables that predictions rest on from a folder of published measurements.

`refit` reads the folder's CSV files (those of `modelworth predict --calibrate DIR`), fits each kind
of work, and takes the intervals from errors on rows that were left out of the fit by group: a model
or a degree of parallelism (the device and software being known), a device, a software.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from modelworth.costmodel.prediction.calibration import (
    Array,
    Observed,
    completed,
    fit,
    known_factors,
    read_priors,
)
from modelworth.costmodel.prediction.case_table import MEASURED, Reader, Table, table_of
from modelworth.costmodel.prediction.efficiency import (
    PUBLISHED,
    CoefficientRow,
    ExcludedRow,
    KernelRow,
    ResidualRow,
    Tables,
    shipped_tables,
    watts_per_tflops,
)
from modelworth.costmodel.prediction.intervals import left_out_errors, residual_rows
from modelworth.data.catalog import Catalog, load_catalog
from modelworth.data.csv_rows import read_table
from modelworth.data.errors import InputError

FILES = ("training_throughput.csv", "vision_throughput.csv", "serving_throughput.csv")
KERNELS = "kernel_gemm_efficiency.csv"
KERNEL_PRECISIONS = {"bfloat16": "bf16", "fp8": "fp8", "nvfp4": "fp4"}
LARGE_ROWS, SMALL_ROWS = 2048, 16
STREAM_LIMIT = 0.92
AS_OF = "2026-11"


@dataclass(frozen=True)
class Published:
    """Rows of a table of measurements: cases with what was measured, and where each stood."""

    table: Table
    observed: tuple[Observed, ...]
    rows: tuple[int, ...]
    frame: pd.DataFrame
    refused: dict[int, str]


def refit(folder: Path) -> Tables:
    """Tables fitted to a folder's measurements.

    Raises:
        InputError: if it has none of the files.
    """
    catalog = load_catalog()
    bare = Tables(tuple(kernel_rows(folder, catalog)), (), ())
    coefficients: list[CoefficientRow] = []
    residuals: list[ResidualRow] = []
    for published in read_folder(folder, catalog):
        observed = published.observed
        priors = read_priors(observed[0].case.kind)
        coefficients += fit(observed, priors, bare, known_factors())
        errors = left_out_errors(observed, priors, bare)
        for name, some in _residual_kinds(observed):
            residuals += residual_rows(name, some, observed, errors, AS_OF)
    return Tables(bare.kernels, completed(coefficients), tuple(residuals))


def refit_from(folder: Path, catalog: Catalog) -> Tables:
    """Coefficients refitted to a folder, with the shipped intervals: what is validated."""
    bare = Tables(tuple(kernel_rows(folder, catalog)), (), ())
    coefficients: list[CoefficientRow] = []
    for published in read_folder(folder, catalog):
        priors = read_priors(published.observed[0].case.kind)
        coefficients += fit(published.observed, priors, bare, known_factors())
    return Tables(bare.kernels, completed(coefficients), shipped_tables().residuals)


def read_folder(folder: Path, catalog: Catalog) -> list[Published]:
    """The tables of measurements that a folder has, contradictory rows left out.

    Raises:
        InputError: if it has none.
    """
    found = [read_published(folder / name, catalog) for name in FILES if (folder / name).exists()]
    if not found:
        raise InputError(str(folder), "none of the files", f"a folder with {', '.join(FILES)}")
    return found


def read_published(path: Path, catalog: Catalog) -> Published:
    """One table of measurements."""
    frame = _read(path)
    table = table_of(frame.columns)
    reader = Reader(catalog)
    excluded = read_table(PUBLISHED / "excluded.csv", ExcludedRow)
    observed, rows, refused = [], [], {}
    for place, row in enumerate(frame.to_dict("records")):
        reason = _excluded(row, table, excluded)
        if reason:
            refused[place] = reason
            continue
        case = reader.case(table, row)
        observed.append(
            Observed(
                case, row[MEASURED[table][0]], _seconds(row, "tpot_ms"), _seconds(row, "ttft_ms")
            )
        )
        rows.append(place)
    return Published(table, tuple(observed), tuple(rows), frame, refused)


def kernel_rows(folder: Path, catalog: Catalog) -> list[KernelRow]:
    """Shares of peak by device and precision, the mean over libraries.

    Of the matrix rate the median product's. Of the bandwidth that of the largest products (the 90th
    percentile), because a step's fixed times are counted apart; small ones may come from a cache,
    so it is held under what memory streams.
    """
    if not (folder / KERNELS).exists():
        return list(shipped_tables().kernels)
    frame = pd.read_csv(folder / KERNELS)
    found = read_table(PUBLISHED / "kernel_judged.csv", KernelRow)
    for (device, kernel), some in frame.groupby(["device", "gemm_dtype"]):
        precision = KERNEL_PRECISIONS.get(str(kernel))
        name = {"NVIDIA H100 80GB HBM3": "H100 SXM 80GB"}.get(str(device), str(device))
        try:
            accelerator = catalog.accelerator(name)
        except InputError:
            continue
        rate = accelerator.matmul_flops_per_s.get(precision) if precision else None
        if precision is None or rate is None:
            continue
        compute = _mean_of_medians(some[some.m >= LARGE_ROWS], "tflops_p50") * 1e12 / rate
        memory = _mean_of_medians(some[some.m <= SMALL_ROWS], "GBs_p90") * 1e9
        found.append(
            KernelRow(
                device=accelerator.name,
                architecture=accelerator.architecture,
                precision=precision,
                compute=round(compute, 3),
                memory=round(min(memory / accelerator.bandwidth_bytes_per_s, STREAM_LIMIT), 3),
                bandwidth_gb_per_s=accelerator.bandwidth_gb_per_s,
                watts_per_tflops=watts_per_tflops(accelerator),
                source=f"ai-dynamo/aiconfigurator@095f58a gemm tables of {device} (Apache-2.0)",
                as_of="2026-06",
            )
        )
    return found


def write_tables(tables: Tables, folder: Path) -> list[Path]:
    """The three tables as CSV files in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    named = {
        "kernel_efficiency.csv": tables.kernels,
        "coefficients.csv": tables.coefficients,
        "residuals.csv": tables.residuals,
    }
    for name, rows in named.items():
        frame = pd.DataFrame([row.model_dump() for row in rows])
        last = ["source", "as_of"]
        frame = frame[[column for column in frame.columns if column not in last] + last]
        frame.to_csv(folder / name, index=False, lineterminator="\n")
    return [folder / name for name in named]


def _residual_kinds(observed: Sequence[Observed]) -> list[tuple[str, Array]]:
    sparse = np.array([one.case.architecture.has_experts for one in observed])
    kind = observed[0].case.kind
    if kind != "serve":
        return [(kind, np.full(len(observed), True))]
    return [("serve", ~sparse), ("serve experts", sparse)]


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(str(path), str(error), "a readable CSV file") from error


def _mean_of_medians(frame: pd.DataFrame, column: str) -> float:
    return float(frame.groupby("fw")[column].median().mean())


def _seconds(row: Mapping[Any, Any], column: str) -> float | None:
    value = row.get(column)
    return None if value is None or math.isnan(value) else value / 1e3


def _excluded(row: Mapping[Any, Any], table: Table, excluded: Iterable[ExcludedRow]) -> str | None:
    for one in excluded:
        counts = one.gpus.split("|")
        if (
            one.table == table
            and str(row.get(one.column)) == one.value
            and str(row.get("gpus")) in counts
        ):
            return one.reason
    return None
