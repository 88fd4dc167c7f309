"""The answering part of an analysis: verdict, what turns it, what moves it, risk, who leads.

Records only; `analysis` holds the object they belong to and shows them under its own name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["viable", "not_viable", "depends"]
#: which value of an uncertain driver the base case takes
BaseCase = Literal["mode", "mean", "median"]
#: what a unit cost is of: the first month of service, all months together, or the last month
Convention = Literal["opening", "average", "last"]
#: by what a value turns the answer: the verdict's own rule over the trials, or the base case alone
Rule = Literal["verdict", "base_case"]


@dataclass(frozen=True, slots=True)
class Swing:
    """One bar of the tornado: the indicator with a driver at its low and high, others at base.

    Attributes:
        default: whether the driver stands at a default that nobody confirmed.
    """

    driver: str
    unit: str
    low: float
    high: float
    at_low: float
    at_high: float
    default: bool = False


@dataclass(frozen=True, slots=True)
class DefaultsShare:
    """How much of what moves NPV are defaults that nobody looked at.

    Attributes:
        share: their part of the sum of squared swings of NPV, over plausible ranges; 0 to 1.
        drivers: the three that move NPV most, widest first.
    """

    share: float
    drivers: tuple[Swing, ...]


@dataclass(frozen=True, slots=True)
class Flip:
    """The value of a driver at which the answer turns.

    Attributes:
        at: None where nothing turns between `searched_low` and `searched_high`.
        indicator, target: what binds there: the probability of a positive NPV, or another
            condition of the verdict's rule, and its threshold.
        rule: `verdict` where the whole rule was run over the trials; `base_case` where there are no
            trials and only the base case's NPV was brought to `target`.
        becomes: the verdict beyond `at`.
        default: whether the driver stands at a default that nobody confirmed.
        reached: of a base case, the stretches in which it comes to `target` or above it.
        known: the answer turns by knowing alone: it holds from `at` on towards `now`, and what
            keeps the plan from it is that the driver may come out beyond `at`.
    """

    driver: str
    unit: str
    now: float
    at: float | None
    indicator: str
    target: float
    rule: Rule = "base_case"
    becomes: Outcome | None = None
    searched_low: float | None = None
    searched_high: float | None = None
    default: bool = False
    known: bool = False
    reached: tuple[tuple[float, float], ...] = ()

    @property
    def above(self) -> bool:
        """Whether the other answer holds above `at`, not below."""
        return self.at is not None and (self.now <= self.at) != self.known


@dataclass(frozen=True, slots=True)
class Criterion:
    """One condition of the verdict's rule: what it asks, what came out, whether it holds.

    Attributes:
        met: whether it stands in the way of `viable`; a waived condition doesn't.
        status: `met`, `missed`, `waived` (it doesn't hold, and `reason` says why it is let be), or
            `unknown` where the value doesn't exist.
        reason: key of the reason of a waiver.
    """

    key: str
    unit: str
    threshold: float
    value: float | None
    met: bool
    status: Literal["met", "missed", "waived", "unknown"] = "met"
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer by the stated rule.

    Attributes:
        probability_npv_positive: None without trials: a base case has no probability.
        standard_error: of that probability.
        question: `business`: is it worth it; `cost`: which way is cheapest, without revenue.
        defaults: the part of NPV that rests on unconfirmed defaults; None where not computed.
    """

    outcome: Outcome
    probability_npv_positive: float | None
    criteria: tuple[Criterion, ...]
    flips: tuple[Flip, ...]
    drivers: tuple[str, ...]
    standard_error: float | None = None
    question: Literal["business", "cost"] = "business"
    defaults: DefaultsShare | None = None


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
    probability_of_loss: float
    expected_shortfall_usd: float
    evpi_usd: float
    bin_edges_usd: tuple[float, ...]
    bin_counts: tuple[int, ...]
    influences: tuple[Influence, ...]


@dataclass(frozen=True, slots=True)
class Lead:
    """By how much the best option leads the next one, over the same trials.

    Attributes:
        best, second: keys of the two options of highest mean NPV (base case without trials).
        mean_usd: mean lead; low_usd, high_usd: its 10th and 90th percentile over the trials.
        clear: whether the lead is more than its uncertainty: its 10th percentile is above 0, and it
            is more than a hundredth of the larger of the two.
        rival: the best option that isn't the plan.
        swings: the plan's NPV less the rival's with each driver at its low and high, widest first.
    """

    best: str
    second: str
    mean_usd: float
    low_usd: float | None
    high_usd: float | None
    clear: bool
    rival: str | None = None
    swings: tuple[Swing, ...] = ()


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
        convention: which months' cost is drawn: an equal sum each month over the plan; the options'
            figure `plan_month_total_usd` is the same at the scenario's own volume.
    """

    requests_per_month: tuple[float, ...]
    usd_per_month: dict[str, tuple[float, ...]]
    crossings: tuple[Crossing, ...]
    driver: str = "demand.requests_per_month"
    convention: Convention = "average"


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Where a driver brings an indicator to a target: every such value, or why there is none.

    Attributes:
        rule: always the base case; what turns the verdict stands in its flips.
        demand_answers: whether volume answered the driver where it is a price.
        reached: the stretches of the search in which the indicator is at the target or above it.
    """

    driver: str
    unit: str
    indicator: str
    target: float
    values: tuple[float, ...]
    searched_low: float
    searched_high: float
    rule: Rule = "base_case"
    demand_answers: bool = True
    reached: tuple[tuple[float, float], ...] = ()
