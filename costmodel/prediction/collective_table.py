"""The table of fitted collectives: how it is made, and which rows stand for a device.

`fit_links` turns timed collectives into the table that ships; `fabric_of` turns the table into a
device's `Fabric`. A device that nobody timed takes the rows of the device with the nearest link
rate, scaled by the two rates, and its fabric's `note` says so. The shortcut kernels of serving
engines were timed on one device and are taken for all with switched links, scaled likewise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from math import log
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import PositiveFloat, PositiveInt
from scipy.optimize import least_squares

from modelworth.costmodel.prediction.collectives import (
    OPERATIONS,
    Fabric,
    Link,
    Operation,
    wire_share,
)
from modelworth.data import csv_rows as tables
from modelworth.data.catalog import Accelerator
from modelworth.data.csv_rows import Row, Text, read_table

TABLE = Path(tables.__file__).parent / "published" / "collectives.csv"

SHORTCUTS_FROM_GB_PER_S = 100
"""Link rate from which serving engines use their own all-reduce kernels: NVLink and its like."""

NOT_TYPICAL = {"L40S"}
"""Devices whose timed host exchanges through the processors: they stand for nobody else."""


class CollectiveRow(Row):
    """One fit: a device, an operation, a number of devices.

    Attributes:
        library: nccl, or the shortcut kernel of a serving engine.
        error_median, error_p90: of the fit on the timings it was made from, as shares.
    """

    device: Text
    operation: Operation
    devices: PositiveInt
    library: Literal["nccl", "shortcut"]
    latency_us: PositiveFloat
    bandwidth_gb_per_s: PositiveFloat
    pipelining: float
    error_median: float
    error_p90: float

    @property
    def link(self) -> Link:
        """As the formulas take it."""
        return Link(self.latency_us * 1e-6, self.bandwidth_gb_per_s * 1e9, self.pipelining)


def fit_link(wire_bytes: Iterable[float], seconds: Iterable[float]) -> Link:
    """The link that explains timed messages best, by relative error and robustly."""
    moved, took = np.asarray(list(wire_bytes), float), np.asarray(list(seconds), float)

    def residuals(guess: np.ndarray) -> np.ndarray:
        """Logarithm of predicted over measured."""
        latency, rate, pipelining = np.exp(guess)
        transfer = moved / rate
        total = latency + transfer + 2 * pipelining * np.sqrt(latency * transfer)
        return np.asarray(np.log(total / took))

    start = [log(took.min()), log((moved / took).max()), log(0.3)]
    found = least_squares(residuals, start, loss="soft_l1", f_scale=0.1)
    latency, rate, pipelining = (float(value) for value in np.exp(found.x))
    return Link(latency, rate, pipelining)


def fit_errors(
    link: Link, wire_bytes: Iterable[float], seconds: Iterable[float]
) -> tuple[float, float]:
    """Median and 90th percentile of the relative error."""
    pairs = zip(wire_bytes, seconds, strict=True)
    errors = [abs(link.seconds(moved) / took - 1) for moved, took in pairs]
    return float(np.median(errors)), float(np.quantile(errors, 0.9))


def fit_links(timings: pd.DataFrame) -> pd.DataFrame:
    """Fits for a table of timings.

    Columns in: device, operation, devices, library, message_bytes, seconds. Columns out: those of
    the shipped table, source and as_of left to whoever knows them.
    """
    rows = []
    keys = ["device", "operation", "devices", "library"]
    for _, group in timings.groupby(keys):
        device, operation, devices, library = group[keys].iloc[0]
        typical = group.groupby("message_bytes").seconds.median()
        moved = wire_share(operation, int(devices)) * typical.index.to_numpy(float)
        link = fit_link(moved, typical)
        median, tail = fit_errors(link, moved, typical)
        rows.append(
            {
                "device": device,
                "operation": operation,
                "devices": devices,
                "library": library,
                "latency_us": round(link.latency_s * 1e6, 2),
                "bandwidth_gb_per_s": round(link.bytes_per_s / 1e9, 2),
                "pipelining": round(link.pipelining, 3),
                "error_median": round(median, 3),
                "error_p90": round(tail, 3),
            }
        )
    return pd.DataFrame(rows)


@cache
def load_collectives() -> tuple[CollectiveRow, ...]:
    """The shipped table."""
    return tuple(read_table(TABLE, CollectiveRow))


def fabric_of(
    accelerator: Accelerator,
    rows: Iterable[CollectiveRow] | None = None,
    known: Iterable[Accelerator] = (),
) -> Fabric:
    """What joins devices of this kind.

    Args:
        accelerator: the device.
        rows: the table; None takes the shipped one.
        known: the accelerators that the table's devices are found in, for their link rates.
    """
    table = load_collectives() if rows is None else tuple(rows)
    rates = {item.name: item.link_gb_per_s for item in (*known, accelerator) if item.link_gb_per_s}
    timed = [row for row in table if row.library == "nccl"]
    source = _stand_in(accelerator.name, {row.device for row in timed}, rates)
    links: dict[Operation, dict[int, Link]] = {operation: {} for operation in OPERATIONS}
    for row in timed:
        if row.device == source:
            links[row.operation][row.devices] = _scaled(row, accelerator.name, rates)
    shortcuts = {}
    if rates.get(accelerator.name, 0.0) >= SHORTCUTS_FROM_GB_PER_S:
        short = [row for row in table if row.library == "shortcut"]
        shortcuts = {row.devices: _scaled(row, accelerator.name, rates) for row in short}
    return Fabric(
        accelerator.name,
        accelerator.devices_per_node,
        links,
        shortcuts,
        accelerator.network_bytes_per_s,
        note=None
        if source in (None, accelerator.name)
        else f"collectives as on {source}, scaled by link rate",
    )


def _stand_in(device: str, timed: set[str], rates: Mapping[str, float]) -> str | None:
    """The timed device whose rows to take: itself, or the one with the nearest link rate."""
    if device in timed:
        return device
    others = sorted((timed - NOT_TYPICAL) & set(rates))
    if device not in rates or not others:
        return None
    return min(others, key=lambda name: abs(log(rates[name] / rates[device])))


def _scaled(row: CollectiveRow, device: str, rates: Mapping[str, float]) -> Link:
    """A row's link with its rate scaled to another device's."""
    link = row.link
    same = row.device == device or row.device not in rates or device not in rates
    scale = 1.0 if same else rates[device] / rates[row.device]
    return Link(link.latency_s, link.bytes_per_s * scale, link.pipelining)
