"""The answer by a stated rule: viable, not viable, or depends, and what would turn it.

Viable: NPV is positive with at least the stated probability, and the second year's gross margin,
the funding and the fall of prices are within their bounds; a given fleet must also serve the work
that is wanted, or the plan doesn't do what it sells. Not viable: the probability is at most the
lower bound. Else it depends, on the drivers that are worth knowing. Without trials there is no
probability: the base case's NPV stands in its place, and is called that.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from modelworth.costmodel.analysis import Criterion, Figure, Flip, Outcome, Risk, Swing, Verdict
from modelworth.costmodel.business.assumptions import Assumptions
from modelworth.costmodel.risk.figures import spread_of
from modelworth.costmodel.risk.flips import (
    CHANCE,
    Answer,
    base_case_flips,
    verdict_flips,
)
from modelworth.costmodel.risk.risk import share_error
from modelworth.costmodel.risk.simulation import Draws
from modelworth.costmodel.risk.swings import defaults_share
from modelworth.costmodel.scenario.drivers import MARKET

Floats = NDArray[np.float64]
NAMED: Final = 3
#: defaults nobody confirmed that are turned, beside the drivers named
DEFAULTS_TURNED: Final = 5
#: trials over which a driver is turned
FLIP_TRIALS: Final = 4096
QUICK_TRIALS: Final = 512
SERVED: Final = "served_load_share"
SEATS: Final = "revenue.seats.seats"
#: what customers pay for; where there is none, work saved has no margin to compare
SOLD: Final = (
    "demand.requests_per_month", SEATS, "revenue.seats.free_users",
    "revenue.enterprise.contracts", "revenue.images.images_per_month",
    "revenue.calls.calls_per_month", "revenue.finetune.jobs_per_month", "revenue.compute.gpus",
    "revenue.compute.megawatts", "revenue.products.usd_per_year", "revenue.services.usd_per_year",
)  # fmt: skip
#: what is paid for by use, at prices that follow those of tokens
BY_USE: Final = (
    "demand.requests_per_month", "revenue.images.images_per_month",
    "revenue.calls.calls_per_month", "revenue.finetune.jobs_per_month",
)  # fmt: skip
#: yearly factors that the stress of prices by use sets
FALLING: Final = (
    "revenue.price_fall_factor_per_year", MARKET, "compute.api_price_fall_factor_per_year",
)  # fmt: skip
JUDGED: Final = ("npv_usd", "gross_margin_second_year_share", "peak_funding_usd", SERVED)


def decide(
    basis: Assumptions,
    figures: Mapping[str, Figure],
    draws: Draws | None,
    risk: Risk | None,
    bars: tuple[Swing, ...],
    *,
    turn: bool = True,
) -> Verdict:
    """The verdict, its criteria, and (where `turn` asks for it) the values that would turn it."""
    if basis.scenario.word("verdict.question") == "cost":
        return _cost(basis, figures, risk, bars)
    chance = None if draws is None else float((draws.indicators["npv_usd"] > 0).mean())
    middles = {key: _middle(figures[key]) for key in JUDGED}
    criteria = _criteria(basis, chance, middles, float(_stressed(basis, basis.values)[0]))
    outcome = _outcome(basis, chance, criteria)
    drivers = _drivers(risk, bars)
    turned = [*drivers, *_defaults(bars, drivers)]
    if not turn:
        found: tuple[Flip, ...] = ()
    elif draws is None:
        found = base_case_flips(
            basis.model, basis.values, turned, {"npv_usd": 0.0}, basis.uncertain
        )
    else:
        found = _turned(
            basis, turned, draws, _answer(basis, outcome, criteria, chance or 0.0), bars
        )
    return Verdict(
        outcome=outcome,
        probability_npv_positive=chance,
        criteria=criteria,
        flips=found,
        drivers=drivers,
        standard_error=None if draws is None else share_error(chance or 0.0, draws.plan.trials),
        defaults=defaults_share(bars),
    )


def _cost(
    basis: Assumptions,
    figures: Mapping[str, Figure],
    risk: Risk | None,
    bars: tuple[Swing, ...],
) -> Verdict:
    """The answer to what it costs: no chance of gain; the budget and the work done are all."""
    funding = "peak_funding_usd"
    budget = _at_most(funding, "usd", _middle(figures[funding]), basis.number("verdict." + funding))
    criteria = (budget, *_served(basis, _middle(figures[SERVED])))
    return Verdict(
        outcome="viable" if all(one.met for one in criteria) else "depends",
        probability_npv_positive=None,
        criteria=criteria,
        flips=(),
        drivers=_drivers(risk, bars),
        question="cost",
        defaults=defaults_share(bars),
    )


def _turned(
    basis: Assumptions,
    turned: Sequence[str],
    draws: Draws,
    here: Answer,
    bars: Sequence[Swing],
) -> tuple[Flip, ...]:
    """Each driver held at one value after another, over the same trials."""
    unconfirmed = {bar.driver for bar in bars if bar.default}
    drawn = {
        quick: {key: column[:trials] for key, column in draws.drivers.items()}
        for quick, trials in ((True, QUICK_TRIALS), (False, FLIP_TRIALS))
    }

    def rule(key: str, values: Sequence[float], quick: bool) -> list[Answer]:
        return answers_at(basis, drawn[quick], key, values)

    def flips(key: str) -> tuple[Flip, ...]:
        row, own = basis.model.drivers[key], basis.uncertain.get(key)
        return verdict_flips(row, basis.number(key), here, rule, own, key in unconfirmed)

    numbers = [key for key in turned if basis.model.drivers[key].kind == "number"]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return tuple(flip for found in threads.map(flips, numbers) for flip in found)


def answers_at(
    basis: Assumptions, drawn: Mapping[str, Floats], key: str, values: Sequence[float]
) -> list[Answer]:
    """The rule's answer over these trials with a driver held at one value after another."""
    trials = len(next(iter(drawn.values())))
    table = {name: np.tile(column, len(values)) for name, column in drawn.items()}
    held = np.asarray(values, dtype=float)
    table[key] = np.repeat(held, trials)
    found = basis.model.indicators({**basis.values, **table}, JUDGED)
    rows = {name: column.reshape(len(values), trials) for name, column in found.items()}
    stressed = np.broadcast_to(_stressed(basis, {**basis.values, key: held}), len(values))
    answers = []
    for place in range(len(values)):
        chance = float((rows["npv_usd"][place] > 0).mean())
        middles = {name: spread_of(name, rows[name][place]).p50 for name in JUDGED}
        criteria = _criteria(basis, chance, middles, float(stressed[place]))
        answers.append(_answer(basis, _outcome(basis, chance, criteria), criteria, chance))
    return answers


def _answer(
    basis: Assumptions, outcome: Outcome, criteria: Sequence[Criterion], chance: float
) -> Answer:
    """The answer with the condition that decides it."""
    if outcome == "not_viable":
        return Answer(outcome, CHANCE, basis.number("verdict.not_viable_probability"), chance)
    missed = [one for one in criteria if not one.met]
    one = missed[0] if missed else criteria[0]
    return Answer(outcome, one.key, one.threshold, chance)


def _outcome(basis: Assumptions, chance: float | None, criteria: Sequence[Criterion]) -> Outcome:
    if all(criterion.met for criterion in criteria):
        return "viable"
    if chance is None:
        return "depends" if criteria[0].met else "not_viable"
    few = chance <= basis.number("verdict.not_viable_probability")
    return "not_viable" if few else "depends"


def _criteria(
    basis: Assumptions,
    chance: float | None,
    middles: Mapping[str, float | None],
    stressed: float,
) -> tuple[Criterion, ...]:
    number = basis.number
    first = (
        _at_least("npv_usd", "usd", middles["npv_usd"], 0.0)
        if chance is None
        else _at_least(CHANCE, "share", chance, number("verdict.viable_probability"))
    )
    margin, funding = "gross_margin_second_year_share", "peak_funding_usd"
    kept = _at_least(margin, "share", middles[margin], number("verdict.gross_margin_share"))
    return (
        first,
        kept if any(map(number, SOLD)) else _waived(kept, "nobody_pays"),
        _at_most(funding, "usd", middles[funding], number("verdict.peak_funding_usd")),
        *_served(basis, middles[SERVED]),
        _stress(basis, stressed),
    )


def _served(basis: Assumptions, share: float | None) -> tuple[Criterion, ...]:
    """Whether a given fleet does the work that is wanted; other fleets are sized to do it."""
    if basis.scenario.word("capacity.fleet") != "given":
        return ()
    return (_at_least(SERVED, "share", share, basis.number("verdict.served_share")),)


def _middle(figure: Figure) -> float | None:
    return figure.base if figure.p50 is None else figure.p50


def _at_least(key: str, unit: str, value: float | None, threshold: float) -> Criterion:
    return _judged(Criterion(key, unit, threshold, value, value is not None and value >= threshold))


def _at_most(key: str, unit: str, value: float | None, threshold: float) -> Criterion:
    return _judged(Criterion(key, unit, threshold, value, value is not None and value <= threshold))


def _judged(one: Criterion) -> Criterion:
    if one.value is None:
        return replace(one, status="unknown")
    return replace(one, status="met" if one.met else "missed")


def _stressed(basis: Assumptions, values: Mapping[str, object]) -> Floats:
    """NPV in the base case if the prices it sells at fall at the stated paces.

    With prices by use fall the market's and what is bought; a plan that sells seats or contracts
    alone buys at its own pace, or the stress would be a gain.
    """
    held = basis.number("verdict.contract_price_fall_stress_factor_per_year")
    stressed = {"revenue.contract_price_change_per_year": 1 / held - 1}
    if _sells_by_use(basis):
        factor = basis.number("verdict.price_fall_stress_factor_per_year")
        stressed |= dict.fromkeys(FALLING, factor) | {
            "demand.market_price_path": 0.0,
            "demand.years_until_start": 0.0,  # the fall is that of the months of operation
        }
    found = basis.model.indicators({**values, **stressed}, ["npv_usd"])["npv_usd"]
    return np.asarray(found)


def _stress(basis: Assumptions, npv: float) -> Criterion:
    """The price-fall condition; waived where nothing is sold, or the model is renewed."""
    one = _at_least("npv_at_price_fall_stress_usd", "usd", npv, 0.0)
    if not any(map(basis.number, SOLD)):
        return replace(one, met=True, status="waived", reason="nothing_sold")
    built = basis.scenario.word("building.method") != "none"
    renewed = built and basis.number("building.refreshes") > 0
    return _waived(one, "model_is_renewed") if renewed else one


def _sells_by_use(basis: Assumptions) -> bool:
    """Whether a price of the plan follows those of tokens."""
    billed = basis.scenario.word("revenue.seats.over_cap") == "bill"
    return any(map(basis.number, BY_USE)) or (billed and basis.number(SEATS) > 0)


def _waived(one: Criterion, reason: str) -> Criterion:
    """The condition, let be where it doesn't hold."""
    return one if one.met else replace(one, met=True, status="waived", reason=reason)


def _drivers(risk: Risk | None, bars: tuple[Swing, ...]) -> tuple[str, ...]:
    """What the answer hangs on: worth knowing first, then what moves NPV most."""
    known = [item.driver for item in risk.influences if (item.evppi_usd or 0) > 0] if risk else []
    widest = [bar.driver for bar in bars if np.isfinite(bar.at_high - bar.at_low)]
    return tuple(dict.fromkeys([*known, *widest]))[:NAMED]


def _defaults(bars: Sequence[Swing], named: Sequence[str]) -> list[str]:
    """The defaults that move NPV most and that nobody confirmed."""
    widest = [bar.driver for bar in bars if bar.default and bar.driver not in named]
    return widest[:DEFAULTS_TURNED]
