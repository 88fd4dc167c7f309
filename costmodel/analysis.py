"""What `evaluate` returns: one frozen object that every page, report and JSON output shows.

Nothing here computes. A figure carries its value in the base case (all drivers at their mode or
number), its quantiles over the trials, its unit and its basis, so that no reader can disagree with
another. Keys are identifiers; the words for them are the message catalogues' business.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

from modelworth.costmodel.analysis_answer import (
    BaseCase,
    BreakEven,
    Convention,
    Criterion,
    Crossing,
    DefaultsShare,
    Flip,
    Influence,
    Lead,
    Outcome,
    Risk,
    Rule,
    Swing,
    Verdict,
    VolumeCurve,
)
from modelworth.data.words import Basis

__all__ = [
    "Actual",
    "Analysis",
    "BaseCase",
    "BreakEven",
    "Convention",
    "Criterion",
    "Crossing",
    "Dated",
    "DefaultsShare",
    "DriverUse",
    "Figure",
    "Finding",
    "Flip",
    "Influence",
    "Lead",
    "LineUse",
    "MarketPath",
    "MeasurementUse",
    "NamedCase",
    "OptionResult",
    "Outcome",
    "PredictionUse",
    "Provenance",
    "Risk",
    "Rule",
    "Section",
    "Series",
    "Severity",
    "Swing",
    "Verdict",
    "VolumeCurve",
]

Severity = Literal["error", "warning", "note"]
Section = Literal[
    "demand", "revenue", "capacity", "compute", "building", "trust", "company", "cash"
]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that people ask for.

    Attributes:
        key: such as `npv_usd`; also the message key of its name.
        unit: `usd`, `usd_per_million_tokens`, `share`, `months`, `gpus`, `ratio`, …
        base: value in the base case; None where there is none (IRR without a sign change).
        p10, p50, p90: quantiles over the trials that have a value; None without trials.
        share_defined: share of trials that have a value; None without trials.
        status: why there is none, or what to know: `none`, `several`, `never`, `not_meaningful`,
            `undefined`.
        mean: mean over the trials that have a value; None without trials.
        standard_error: of that mean.
        ranked: where some trials never get there: the quantiles are over all trials, `never` ranks
            last, and a quantile that is None is `never`.
        convention: what a unit cost in `base` is of; None for what isn't a unit cost.
        opening, last: the same unit cost of the first month of service and of the last month.
        basis: the weakest basis among the drivers it rests on.
        line: the formula line or indicator expression that made it; opens its lineage.
    """

    key: str
    unit: str
    base: float | None
    p10: float | None = None
    p50: float | None = None
    p90: float | None = None
    share_defined: float | None = None
    status: str | None = None
    basis: Basis = "assumed"
    line: str | None = None
    mean: float | None = None
    standard_error: float | None = None
    ranked: bool = False
    convention: Convention | None = None
    opening: float | None = None
    last: float | None = None

    @property
    def in_part(self) -> bool:
        """Whether some trials have a value and others don't."""
        return self.share_defined is not None and 0 < self.share_defined < 1


@dataclass(frozen=True, slots=True)
class Series:
    """One line of the monthly tables, a value for each month from 0 (before opening) on."""

    key: str
    unit: str
    section: Section
    base: tuple[float, ...]
    p10: tuple[float, ...] | None = None
    p50: tuple[float, ...] | None = None
    p90: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class LineUse:
    """A formula of the model as it was used.

    Attributes:
        uses: the lines and drivers that it names.
        value: what it comes to in the base case where that is one figure for all months; None:
            it has a series, or no value.
        recurrence: the lines that it needs and that need it, month by month, itself included.
    """

    key: str
    unit: str
    section: Section
    formula: str
    uses: tuple[str, ...]
    source: str
    value: float | None = None
    recurrence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DriverUse:
    """A driver as this scenario used it.

    Attributes:
        value: number in the base case.
        distribution: as the scenario wrote it (`{low, mode, high}`, …), None for a plain number.
        default, low, high: the catalogue's default and plausible range.
        basis: measured, interpolated, extrapolated, published or assumed.
        measurement_ids: records under it, where it is measured or predicted.
        changed: whether the scenario sets it.
        stale_days: age of its source in days, where that has a date.
        by_month: values by month, where it has one a month: the first is that of the first month
            of operation (and of month 0, before it); the last one holds from there.
        follows: the driver whose value it takes, as nothing says otherwise.
    """

    key: str
    section: Section
    unit: str
    value: float
    distribution: dict[str, Any] | None
    default: float | None
    low: float | None
    high: float | None
    source: str
    as_of: str | None
    quality: Literal["A", "B", "C"] | None
    basis: Basis
    measurement_ids: tuple[str, ...] = ()
    changed: bool = False
    stale_days: int | None = None
    by_month: tuple[float, ...] | None = None
    follows: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What the plan's linter says: trap id, where, and the values its sentence needs."""

    id: str
    severity: Severity
    path: str
    values: dict[str, float | str]


@dataclass(frozen=True, slots=True)
class OptionResult:
    """One way to meet the same demand over the same horizon.

    Attributes:
        kind: `plan` is the plan itself, `nothing` is not doing it (0 from now on; what is already
            spent is spent either way), `option` is any other way.
        label: the name that the scenario gives to an option of its own; None: the catalogue's.
        changes: the drivers in which it differs from the plan, with its value in the base case.
        only_here: drivers that move its NPV and not the plan's, as the way to serve decides which
            count, with its values; those that move it most first.
        not_here: drivers that move the plan's NPV and not its own, those that move it most first.
    """

    key: str
    figures: tuple[Figure, ...]
    feasible: bool
    reason: str | None
    probability_best: float | None
    kind: Literal["option", "plan", "nothing"] = "option"
    label: str | None = None
    changes: dict[str, float] = field(default_factory=dict)
    only_here: dict[str, float] = field(default_factory=dict)
    not_here: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dated:
    """One price or rent of the past, as it was asked for."""

    date: str
    name: str
    usd: float
    source: str


@dataclass(frozen=True, slots=True)
class MarketPath:
    """A price that the scenario follows, in months from 0 on, and what it was before.

    Attributes:
        key: `price` (a token of given quality) or `rent` (a GPU hour).
        fall_factor_per_year, low, high: the exponential path's, and its 10th to 90th percentile.
        shape: `exponential`, `table` or `mean_reverting`.
        index: relative to the plan's prices, a value for each month from 0 on.
        past: dated facts, oldest first.
    """

    key: Literal["price", "rent"]
    fall_factor_per_year: float
    low: float | None
    high: float | None
    shape: str
    index: tuple[float, ...]
    past: tuple[Dated, ...]


@dataclass(frozen=True, slots=True)
class NamedCase:
    """One of the scenario's named cases: its weight, and NPV with its changes.

    Attributes:
        npv_usd: mean over the trials; the base case's without trials.
    """

    key: str
    label: str
    weight: float
    npv_usd: float
    probability_npv_positive: float | None


@dataclass(frozen=True, slots=True)
class Actual:
    """What a line came to in a month, beside what the plan had for it.

    Attributes:
        low, high: the plan's 10th to 90th percentile of that month, where it was drawn.
    """

    line: str
    unit: str
    month: int
    plan: float
    actual: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class MeasurementUse:
    """A measurement that the analysis rests on, as a reader needs it."""

    id: str
    model: str
    device: str
    kind: str
    throughput_per_s: float | None
    low: float | None
    high: float | None
    unit: str | None
    recorded_at: str
    origin: str


@dataclass(frozen=True, slots=True)
class PredictionUse:
    """A prediction that the analysis rests on, with its 90% interval and basis."""

    key: str
    unit: str
    value: float
    low: float | None
    high: float | None
    basis: Basis
    note: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """What makes the same analysis again."""

    command: str
    scenario_sha256: str
    store_digest: str | None
    store_measurements: int
    seed: int
    trials: int
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Analysis:
    """A business question and everything that was found out about it.

    Attributes:
        text: language → the scenario's prose: name, question and, where it has one, a finding.
        months: months of the horizon; series have months + 1 values.
        series: the lines that may differ from month to month; of the others `lines` has the value.
        indicators: by key, in the order in which they should be shown.
        options, volume_curve, risk, lead: None where they weren't asked for.
        base_case: which value of an uncertain driver every figure's `base` takes.
        market: the price path and the rent path that the scenario follows.
        named_cases: the scenario's weighted cases; `weighted_npv_usd` is their mean by weight.
        actuals: what was measured since, against the plan, in the order of months.
    """

    scenario: str
    text: dict[str, dict[str, str]]
    months: int
    currency: str
    usd_per_currency: float
    indicators: dict[str, Figure]
    series: dict[str, Series]
    lines: dict[str, LineUse]
    drivers: dict[str, DriverUse]
    verdict: Verdict
    findings: tuple[Finding, ...]
    tornado: tuple[Swing, ...]
    break_evens: tuple[BreakEven, ...]
    measurements: tuple[MeasurementUse, ...]
    predictions: tuple[PredictionUse, ...]
    provenance: Provenance
    risk: Risk | None = None
    options: tuple[OptionResult, ...] | None = None
    volume_curve: VolumeCurve | None = None
    lead: Lead | None = None
    base_case: BaseCase = "mode"
    market: tuple[MarketPath, ...] = ()
    named_cases: tuple[NamedCase, ...] = ()
    weighted_npv_usd: float | None = None
    actuals: tuple[Actual, ...] = ()

    def by_month(self, key: str) -> tuple[float, ...]:
        """A line's value in the base case in each month from 0 on."""
        if key in self.series:
            return self.series[key].base
        value = self.lines[key].value
        return (math.nan if value is None else value,) * (self.months + 1)
