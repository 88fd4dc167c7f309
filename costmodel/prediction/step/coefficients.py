"""How much of a device's peak a step reaches: coefficients with a meaning, a unit and a range.

`constants.csv` says of each constant what it means, its unit, plausible range and prior.
`coefficients.csv` has what was fitted: a value that all share, and factors on it of a software, a
generation of devices, a device, and of modes (a kernel or a way of running that a mechanism
explains), each pulled towards 1. What isn't in a table takes the next wider level: a device its
generation's factor, a software the common value. `achieved_rates.csv` has the share of the
datasheet's rate that the best products ever reached.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache, cached_property, lru_cache
from pathlib import Path
from statistics import median
from typing import Literal

import numpy as np
from pydantic import Field, PositiveFloat

from modelworth import data
from modelworth.costmodel.prediction.step.model import Number
from modelworth.data.catalog import Accelerator
from modelworth.data.csv_rows import Row, Text, read_table

Kind = Literal["train", "forward", "serve"]
Level = Literal["common", "generation", "software", "device", "mode"]

PUBLISHED = Path(data.__file__).parent / "published"
MEASURED_AS = {"fp16": "bf16", "tf32": "bf16", "fp32": "bf16", "int8": "fp8"}
"""Precisions whose products reach the share of another's, which was measured."""
ROUNDED = 0.03
"""How near (in logarithms) to a limit of its range a coefficient begins to feel it."""
RTX_BANDWIDTH = 4000
"""GB/s under which a Blackwell is a workstation's card, whose kernels are others."""


@dataclass(frozen=True)
class Coefficients:
    """What a step reaches, for one case or for arrays of them; `constants.csv` explains each."""

    compute: Number
    narrow_width: Number
    memory: Number
    cache: Number
    repeated_reads: Number
    attention: Number
    narrow_head: Number
    traffic: Number
    quantise: Number
    scores: Number
    experts_compute: Number
    narrow_expert: Number
    narrow_expert_width: Number
    experts_memory: Number
    layer_s: Number
    expert_layer_s: Number
    step_s: Number
    sequence_s: Number
    host_layer_s: Number
    host_expert_layer_s: Number
    link: Number
    network: Number
    collective_latency_s: Number
    tensor_exposed: Number
    experts_exposed: Number
    data_exposed: Number
    straggling: Number
    fused: Number
    first_token_s: Number
    burst: Number
    queue: Number


NAMES = tuple(one.name for one in fields(Coefficients))
NEUTRAL = Coefficients(**dict.fromkeys(NAMES, 1.0))


class ConstantRow(Row):
    """What is known of a constant before fitting, and how much it may vary.

    Attributes:
        low, high: the plausible range, which no coefficient of a case leaves.
        log_sd: spread of the common value's logarithm; 0: it isn't fitted.
        generation_sd, software_sd, device_sd: of factors' logarithms; None: none.
    """

    kind: Kind
    coefficient: Text
    meaning: Text
    unit: Text
    low: PositiveFloat
    high: PositiveFloat
    value: PositiveFloat
    log_sd: float = Field(ge=0)
    generation_sd: PositiveFloat | None = None
    software_sd: PositiveFloat | None = None
    device_sd: PositiveFloat | None = None


class CoefficientRow(Row):
    """One coefficient: a value (level common) or a factor on it.

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
    log_sd: float = Field(ge=0)
    rows: int = Field(ge=0)


class RateRow(Row):
    """Shares of the datasheet's peaks that the best single products reach.

    Attributes:
        name: a device, or a generation of them.
        compute: of the dense matrix rate; over 1 where boards clock above the stated boost.
        memory: of the bandwidth, while weights are read.
    """

    name: Text
    precision: Text
    compute: PositiveFloat = Field(le=1.2)
    memory: PositiveFloat = Field(le=1.0)


class IntervalRow(Row):
    """What a group of cases adds to the logarithm of a width, at a distance; of errors as logs.

    Attributes:
        group: narrow or wide, as `interval.groups_of` names them.
        distance: what no row of the fit had; `KNOWN`: nothing but the model.
        added: to the logarithm of the 90% interval's half-width; that itself for a kind of work.
        log90: 9 in 10 of the group's measurements at that distance lay within exp(±log90).
        rows, models: what it rests on.
        tried: precisions that its rows were measured in, and ways of dividing, joined by |.
    """

    group: Text
    distance: Text
    added: float
    log90: float = Field(ge=0)
    rows: int = Field(ge=0)
    models: int = Field(ge=0)
    tried: str = ""


KNOWN = "model"
Key = tuple[str, str, str, str]
Term = tuple[str, str]
"""A group, and a distance."""


@dataclass(frozen=True, eq=False)
class Tables:
    """What predictions rest on, read once."""

    rates: tuple[RateRow, ...]
    coefficients: tuple[CoefficientRow, ...]
    intervals: tuple[IntervalRow, ...] = ()

    @cached_property
    def _index(self) -> dict[Key, float]:
        rows = self.coefficients
        return {(row.kind, row.level, row.name, row.coefficient): row.value for row in rows}

    @cached_property
    def _known(self) -> frozenset[tuple[str, str, str]]:
        return frozenset((row.kind, row.level, row.name) for row in self.coefficients if row.rows)

    @cached_property
    def widths(self) -> dict[Term, float]:
        """What each group adds to the logarithm of a width, at each distance."""
        return {(row.group, row.distance): row.added for row in self.intervals}

    @cached_property
    def ground(self) -> dict[str, IntervalRow]:
        """Groups with rows on known ground."""
        return {row.group: row for row in self.intervals if row.rows and row.distance == KNOWN}

    def value(self, kind: str, level: str, name: str, coefficient: str) -> float | None:
        """A coefficient, None where the table has none."""
        return self._index.get((kind, level, name, coefficient))

    def knows(self, kind: str, level: str, name: str) -> bool:
        """Whether rows of this device, generation or software were fitted on."""
        return (kind, level, name) in self._known

    @lru_cache(maxsize=256)  # noqa: B019 tables are few, and live as long as the process
    def tried(self, group: str) -> frozenset[str]:
        """Precisions, and ways of dividing, of a group's measurements; empty if it has none."""
        words = [row.tried.split("|") for row in self.intervals if row.group == group]
        return frozenset(one for some in words for one in some if one)


@cache
def shipped_rates() -> tuple[RateRow, ...]:
    """What the best products reach, by device and generation."""
    return tuple(read_table(PUBLISHED / "achieved_rates.csv", RateRow))


@cache
def shipped_tables() -> Tables:
    """The tables that come with the project."""
    return read_tables(PUBLISHED)


def read_tables(folder: Path) -> Tables:
    """The tables of a folder, such as one that `modelworth predict --calibrate` wrote."""
    return Tables(
        shipped_rates(),
        tuple(read_table(folder / "coefficients.csv", CoefficientRow)),
        tuple(read_table(folder / "intervals.csv", IntervalRow)),
    )


@lru_cache(maxsize=4096)
def resolve(tables: Tables, kind: Kind, factors: tuple[tuple[str, str], ...]) -> Coefficients:
    """The common coefficients of a kind of work, times the given factors of (level, name).

    None leaves its plausible range, whatever factors meet.
    """
    values: dict[str, float] = {}
    for coefficient, row in priors(kind).items():
        value = tables.value(kind, "common", "all", coefficient) or 1.0
        for level, name in factors:
            value *= tables.value(kind, level, name, coefficient) or 1.0
        values[coefficient] = float(np.exp(plausible(np.log(value), row)))
    return Coefficients(**values)


def plausible(logs: Number, row: ConstantRow) -> Number:
    """Logarithms within a constant's range: its limits are approached, so that fits feel them."""
    low, high = np.log(row.low), np.log(row.high)
    logs = high - ROUNDED * np.logaddexp(0.0, (high - logs) / ROUNDED)
    return low + ROUNDED * np.logaddexp(0.0, (logs - low) / ROUNDED)


@cache
def constants() -> tuple[ConstantRow, ...]:
    """What is known of each constant before fitting."""
    return tuple(read_table(PUBLISHED / "constants.csv", ConstantRow))


@cache
def priors(kind: Kind) -> dict[str, ConstantRow]:
    """The same of one kind of work, by coefficient."""
    return {row.coefficient: row for row in constants() if row.kind == kind}


def generation_of(accelerator: Accelerator) -> str:
    """Architecture as kernels see it: workstation Blackwell isn't the data centre's."""
    name = accelerator.architecture
    if name == "Blackwell" and accelerator.bandwidth_gb_per_s < RTX_BANDWIDTH:
        return "Blackwell RTX"
    return "Blackwell" if name == "Blackwell Ultra" else name


@lru_cache(maxsize=4096)
def achieved(tables: Tables, accelerator: Accelerator, precision: str) -> tuple[float, float]:
    """Shares of matrix rate and of bandwidth that single products reach.

    By the device's row, else its generation's, at the precision or the one next to it; else the
    median of all.
    """
    wanted = (precision, MEASURED_AS.get(precision, precision), "bf16")
    for name in (accelerator.name, generation_of(accelerator), accelerator.architecture):
        for one in wanted:
            for row in tables.rates:
                if (row.name, row.precision) == (name, one):
                    return row.compute, row.memory
    compute, memory = zip(*((row.compute, row.memory) for row in tables.rates), strict=True)
    return float(median(compute)), float(median(memory))
