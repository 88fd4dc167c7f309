"""What `evaluate` returns: one frozen object that every page, report and JSON output shows.

Nothing here computes. A figure carries its value in the base case (all drivers at their mode or
number), its quantiles over the trials, its unit and its basis, so that no reader can disagree with
another. Keys are identifiers; the words for them are the message catalogues' business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from modelworth.data.words import Basis

Outcome = Literal["viable", "not_viable", "depends"]
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
        share_defined: share of trials that have a value.
        status: why there is none, or what to know: `none`, `several`, `never`, …
        basis: the weakest basis among the drivers it rests on.
        line: the formula line or indicator expression that made it; opens its lineage.
    """

    key: str
    unit: str
    base: float | None
    p10: float | None = None
    p50: float | None = None
    p90: float | None = None
    share_defined: float = 1.0
    status: str | None = None
    basis: Basis = "assumed"
    line: str | None = None


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
    """A formula of the model as it was used; `uses` names the lines and drivers in it."""

    key: str
    unit: str
    section: Section
    formula: str
    uses: tuple[str, ...]
    source: str


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
        by_month: values from month 0 on, where it has one a month; the last one holds from there.
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


@dataclass(frozen=True, slots=True)
class Finding:
    """What the plan's linter says: trap id, where, and the values its sentence needs."""

    id: str
    severity: Severity
    path: str
    values: dict[str, float | str]


@dataclass(frozen=True, slots=True)
class Flip:
    """The value of a driver at which the verdict's indicator reaches its target."""

    driver: str
    unit: str
    now: float
    at: float | None
    indicator: str
    target: float


@dataclass(frozen=True, slots=True)
class Criterion:
    """One condition of the verdict's rule: what it asks, what came out, whether it holds."""

    key: str
    unit: str
    threshold: float
    value: float | None
    met: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer by the stated rule."""

    outcome: Outcome
    probability_npv_positive: float | None
    criteria: tuple[Criterion, ...]
    flips: tuple[Flip, ...]
    drivers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Swing:
    """One bar of the tornado: the indicator with a driver at its low and high, others at base."""

    driver: str
    unit: str
    low: float
    high: float
    at_low: float
    at_high: float


@dataclass(frozen=True, slots=True)
class Influence:
    """What one driver's uncertainty does to NPV.

    Attributes:
        first_order, total: Sobol indices (None where not computed).
        rank_correlation: Spearman's, with NPV.
        evppi_usd: expected value of knowing this driver before deciding.
    """

    driver: str
    first_order: float | None
    total: float | None
    rank_correlation: float | None
    evppi_usd: float | None


@dataclass(frozen=True, slots=True)
class Risk:
    """Distribution of NPV over the trials and what drives it."""

    trials: int
    seed: int
    sampler: str
    probability_of_loss: float
    expected_shortfall_usd: float
    evpi_usd: float
    bin_edges_usd: tuple[float, ...]
    bin_counts: tuple[int, ...]
    influences: tuple[Influence, ...]


@dataclass(frozen=True, slots=True)
class OptionResult:
    """One way to serve the same demand, at the same quality bar and horizon."""

    key: str
    figures: tuple[Figure, ...]
    feasible: bool
    reason: str | None
    probability_best: float | None


@dataclass(frozen=True, slots=True)
class Crossing:
    """A monthly volume at which the cheapest option changes."""

    requests_per_month: float
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class VolumeCurve:
    """Monthly cost of each option over volume, with the volumes where the cheapest changes.

    Attributes:
        driver: what the volume counts: requests, or calls, images or seats where it sells those.
    """

    requests_per_month: tuple[float, ...]
    usd_per_month: dict[str, tuple[float, ...]]
    crossings: tuple[Crossing, ...]
    driver: str = "demand.requests_per_month"


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Where a driver brings an indicator to a target: every such value, or why there is none."""

    driver: str
    unit: str
    indicator: str
    target: float
    values: tuple[float, ...]
    searched_low: float
    searched_high: float


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
        text: language → name, question, finding and the scenario's other prose.
        months: months of the horizon; series have months + 1 values.
        indicators: by key, in the order in which they should be shown.
        options, volume_curve, risk: None where they weren't asked for.
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
