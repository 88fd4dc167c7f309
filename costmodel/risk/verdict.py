"""The answer by a stated rule: viable, not viable, or depends, and what would turn it.

Viable: NPV is positive with at least the stated probability, and the second year's gross margin,
the funding and the fall of prices are within their bounds. Not viable: the probability is at most
the lower bound. Else it depends, on the drivers that are worth knowing. Without uncertain drivers
the probability is 1 or 0, by the base case.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from modelworth.costmodel.analysis import Criterion, Figure, Outcome, Risk, Swing, Verdict
from modelworth.costmodel.risk.assumptions import Assumptions
from modelworth.costmodel.risk.flips import flips
from modelworth.costmodel.risk.simulation import Draws

NAMED: Final = 3


def decide(
    basis: Assumptions,
    figures: Mapping[str, Figure],
    draws: Draws | None,
    risk: Risk | None,
    bars: tuple[Swing, ...],
) -> Verdict:
    """The verdict, its criteria, and the values that would turn it."""
    number = basis.scenario.number
    probability = _probability(figures, draws)
    criteria = (
        Criterion(
            "probability_npv_positive", "share", number("verdict.viable_probability"),
            probability, probability >= number("verdict.viable_probability"),
        ),
        _at_least(figures["gross_margin_second_year_share"], number("verdict.gross_margin_share")),
        _at_most(figures["peak_funding_usd"], number("verdict.peak_funding_usd")),
        _stress(basis),
    )  # fmt: skip
    outcome: Outcome = "depends"
    if probability <= number("verdict.not_viable_probability"):
        outcome = "not_viable"
    elif all(criterion.met for criterion in criteria):
        outcome = "viable"
    drivers = _drivers(risk, bars)
    found = flips(basis.model, basis.values, drivers, {"npv_usd": 0.0})
    return Verdict(outcome, probability, criteria, found, drivers)


def _probability(figures: Mapping[str, Figure], draws: Draws | None) -> float:
    """Share of trials with a positive NPV."""
    if draws is not None:
        return float((draws.indicators["npv_usd"] > 0).mean())
    return float((figures["npv_usd"].base or 0.0) > 0)


def _middle(figure: Figure) -> float | None:
    return figure.base if figure.p50 is None else figure.p50


def _at_least(figure: Figure, threshold: float) -> Criterion:
    value = _middle(figure)
    met = value is not None and value >= threshold
    return Criterion(figure.key, figure.unit, threshold, value, met)


def _at_most(figure: Figure, threshold: float) -> Criterion:
    value = _middle(figure)
    met = value is not None and value <= threshold
    return Criterion(figure.key, figure.unit, threshold, value, met)


def _stress(basis: Assumptions) -> Criterion:
    """NPV if all prices fall at the stated pace, own and others'; met by a plan with renewals."""
    factor = basis.scenario.number("verdict.price_fall_stress_factor_per_year")
    stressed = {
        "revenue.price_fall_factor_per_year": factor,
        "demand.market_price_fall_factor_per_year": factor,
        "compute.api_price_fall_factor_per_year": factor,
    }
    result = basis.model.indicators({**basis.values, **stressed}, ["npv_usd", "building_total_usd"])
    npv, spent = float(result["npv_usd"][0]), float(result["building_total_usd"][0])
    renewed = basis.scenario.number("building.refreshes") > 0 and spent > 0
    return Criterion("npv_at_price_fall_stress_usd", "usd", 0.0, npv, npv >= 0 or renewed)


def _drivers(risk: Risk | None, bars: tuple[Swing, ...]) -> tuple[str, ...]:
    """What the answer hangs on: worth knowing first, then what moves NPV most."""
    known = [item.driver for item in risk.influences if (item.evppi_usd or 0) > 0] if risk else []
    widest = [bar.driver for bar in bars if np.isfinite(bar.at_high - bar.at_low)]
    return tuple(dict.fromkeys([*known, *widest]))[:NAMED]
