"""How much of a device's peak a step reaches: a few coefficients, each with a physical meaning.

Two tables of the project's own hold them. `kernel_efficiency.csv` has the share of matrix rate and
of bandwidth that single products reach, by device and precision. `coefficients.csv` has what whole
steps reach of that, by kind of work: a value that all share, and factors of a software or of an
architecture, pulled towards 1. What isn't in a table takes the next wider level: a device its
architecture's row, a software the common value.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveFloat

from modelworth import data
from modelworth.costmodel.prediction.shape import Number
from modelworth.data.catalog import Accelerator
from modelworth.data.csv_rows import Row, Text, read_table

Kind = Literal["train", "forward", "serve"]
Level = Literal["common", "software", "version", "architecture", "device"]

PUBLISHED = Path(data.__file__).parent / "published"
KERNEL_SHARE_LIMIT = 0.92
"""No large product is expected to reach more of the datasheet's rate than this."""
KERNEL_PRECISION = {"fp16": "bf16", "tf32": "bf16", "fp32": "bf16", "int8": "fp8"}
"""Precisions whose products reach the share of another's, which was measured."""
POWER_EXPONENT = 1 / 3
"""Power grows with the cube of the clock, so a board with less power for each FLOP runs slower."""


@dataclass(frozen=True)
class Efficiency:
    """What a step reaches, for one case or for arrays of them.

    Attributes:
        compute: of the rate that single large products reach on the device.
        narrow_width: width at which products reach half of that.
        memory: of the bandwidth that single products reach while reading weights.
        cache: of the peak bandwidth, while attention reads the cache.
        attention: of the dense 16-bit peak, in attention over whole sequences.
        narrow_head: head width at which attention reaches half of that.
        traffic: bytes of activations moved, against each operation reading and writing once.
        experts_compute, experts_memory: of `compute` and `memory` in products of experts.
        expert_layer_s, expert_s: fixed time of a layer with experts, and of each expert used in it,
            which tensor parallelism doesn't divide.
        collective: of the link's or network's bandwidth in collectives.
        collective_latency_s: of one all-reduce, for each doubling of devices.
        exposed: share of sharding's communication that computing doesn't hide.
        layer_s, step_s, sequence_s: fixed time of a layer, of a step, of a sequence in a step.
        interference: share of a prefill's time that decoding sequences wait for.
        first_token_s: fixed time before a first token.
        burst: share of the other sequences' prefills that a new one waits for.
        queue: the same for each squared share of time that goes to prefills.
    """

    compute: Number
    narrow_width: Number
    memory: Number
    cache: Number
    attention: Number
    narrow_head: Number
    traffic: Number
    experts_compute: Number
    experts_memory: Number
    expert_layer_s: Number
    expert_s: Number
    collective: Number
    collective_latency_s: Number
    exposed: Number
    layer_s: Number
    step_s: Number
    sequence_s: Number
    interference: Number
    first_token_s: Number
    burst: Number
    queue: Number


NAMES = tuple(field.name for field in fields(Efficiency))


class KernelRow(Row):
    """Shares of peak that single matrix products reach on a device, at a precision.

    Attributes:
        compute: of the dense matrix rate, 4,096 rows or more.
        memory: of the bandwidth, 16 rows or fewer.
        watts_per_tflops: board power for each 10¹² dense FLOP/s at 16 bits.
    """

    device: Text
    architecture: Text
    precision: Text
    compute: PositiveFloat = Field(le=1.2)
    memory: PositiveFloat | None = Field(default=None, le=1.2)
    bandwidth_gb_per_s: PositiveFloat
    watts_per_tflops: PositiveFloat | None = None


class CoefficientRow(Row):
    """One coefficient: a value (level common) or a factor on it (software, architecture).

    Attributes:
        prior: what it was pulled towards, and `log_sd` how strongly.
        rows: measurements it was fitted on; 0: the prior stands.
    """

    kind: Kind
    level: Level
    name: Text
    coefficient: Text
    value: PositiveFloat
    prior: PositiveFloat
    log_sd: PositiveFloat
    rows: int = Field(ge=0)


class PriorRow(Row):
    """What is known of a coefficient before fitting, and how much it may vary.

    Attributes:
        log_sd: spread of the common value's logarithm.
        software_sd, version_sd, architecture_sd, device_sd: of factors' logarithms; None: none.
    """

    kind: Kind
    coefficient: Text
    value: PositiveFloat
    log_sd: PositiveFloat
    software_sd: PositiveFloat | None = None
    version_sd: PositiveFloat | None = None
    architecture_sd: PositiveFloat | None = None
    device_sd: PositiveFloat | None = None
    unit: Text


class ExcludedRow(Row):
    """Published rows that can't be right, and why; they aren't calibrated on."""

    table: Text
    column: Text
    value: Text
    gpus: Text
    reason: Text


class ResidualRow(Row):
    """Error of predictions at a distance from what was calibrated on.

    Attributes:
        distance: 0: device and software are known; 1: the device isn't; 2: the software isn't;
            3: neither is.
        factor90: 9 in 10 measurements lie within prediction / factor90 and prediction × factor90.
        rows: errors that this rests on.
        precisions: of the measurements of this kind, joined by |.
    """

    kind: Text
    distance: int = Field(ge=0, le=3)
    factor90: PositiveFloat = Field(ge=1)
    rows: int = Field(ge=0)
    precisions: Text


@dataclass(frozen=True, eq=False)
class Tables:
    """What predictions rest on, read once."""

    kernels: tuple[KernelRow, ...]
    coefficients: tuple[CoefficientRow, ...]
    residuals: tuple[ResidualRow, ...]

    def value(self, kind: str, level: str, name: str, coefficient: str) -> float | None:
        """A coefficient, None where the table has none."""
        return self._index.get((kind, level, name, coefficient))

    def knows(self, kind: str, level: str, name: str) -> bool:
        """Whether anything was fitted for this software or architecture."""
        return (kind, level, name) in self._known

    def factor90(self, kind: str, distance: int) -> float:
        """Half-width of the 90% interval as a factor: of the nearest distance not under this."""
        rows = sorted((row.distance, row.factor90) for row in self.residuals if row.kind == kind)
        wider = [factor for at, factor in rows if at >= distance]
        return wider[0] if wider else max((factor for _, factor in rows), default=3.0)

    def knows_precision(self, kind: str, precision: str) -> bool:
        """Whether measurements of this kind were in this precision."""
        rows = [row for row in self.residuals if row.kind == kind]
        return any(precision in row.precisions.split("|") for row in rows)

    def __post_init__(self) -> None:
        index = {
            (row.kind, row.level, row.name, row.coefficient): row.value for row in self.coefficients
        }
        known = {(row.kind, row.level, row.name) for row in self.coefficients if row.rows}
        object.__setattr__(self, "_index", index)
        object.__setattr__(self, "_known", known)

    _index: dict[tuple[str, str, str, str], float] = None  # type: ignore[assignment]
    _known: set[tuple[str, str, str]] = None  # type: ignore[assignment]


@cache
def shipped_tables() -> Tables:
    """The tables that come with the project."""
    return read_tables(PUBLISHED)


def read_tables(folder: Path) -> Tables:
    """The tables of a folder, such as one that `modelworth predict --calibrate` wrote."""
    return Tables(
        tuple(read_table(folder / "kernel_efficiency.csv", KernelRow)),
        tuple(read_table(folder / "coefficients.csv", CoefficientRow)),
        tuple(read_table(folder / "residuals.csv", ResidualRow)),
    )


def resolve(tables: Tables, kind: Kind, factors: Iterable[tuple[str, str]]) -> Efficiency:
    """The common coefficients of a kind of work, times the given factors of (level, name)."""
    values: dict[str, float] = {}
    for coefficient in NAMES:
        value = tables.value(kind, "common", "all", coefficient)
        values[coefficient] = 1.0 if value is None else value
        for level, name in factors:
            values[coefficient] *= tables.value(kind, level, name, coefficient) or 1.0
    return Efficiency(**values)


def kernel_row(rows: Iterable[KernelRow], device: Accelerator, precision: str) -> KernelRow | None:
    """The device's row, else the one of its architecture nearest in bandwidth."""
    measured = KERNEL_PRECISION.get(precision, precision)
    same = [row for row in rows if row.precision == measured]
    named = {row.device: row for row in same}
    if device.name in named:
        return named[device.name]
    kin = [row for row in same if row.architecture == device.architecture]
    return min(kin, key=lambda row: _distance(row, device), default=None)


def kernel_shares(tables: Tables, device: Accelerator, precision: str) -> tuple[float, float]:
    """Shares of matrix rate and bandwidth that single products reach on a device.

    A device without a row takes its architecture's, corrected for the power its board has for each
    FLOP; one of an unknown architecture takes the median of all devices at that precision.
    """
    row = kernel_row(tables.kernels, device, precision)
    if row is None:
        measured = KERNEL_PRECISION.get(precision, precision)
        same = [row for row in tables.kernels if row.precision == measured] or tables.kernels
        return _median([row.compute for row in same]), _median(
            [row.memory for row in same if row.memory]
        )
    compute = row.compute
    if row.device != device.name:
        compute = min(compute * _power_factor(row, device), KERNEL_SHARE_LIMIT)
    return compute, row.memory or _median(
        [other.memory for other in tables.kernels if other.memory]
    )


def watts_per_tflops(device: Accelerator) -> float | None:
    """Board power for each 10¹² dense FLOP/s at 16 bits; None where either is unknown."""
    rate = device.bf16_tflops or device.fp16_tflops
    return device.board_power_w / rate if rate and device.board_power_w else None


def _power_factor(row: KernelRow, device: Accelerator) -> float:
    own = watts_per_tflops(device)
    if own is None or row.watts_per_tflops is None:
        return 1.0
    return float((own / row.watts_per_tflops) ** POWER_EXPONENT)


def _distance(row: KernelRow, device: Accelerator) -> float:
    return abs(math.log(row.bandwidth_gb_per_s / device.bandwidth_gb_per_s))


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
