"""The linter's guards about reading: what must be said beside a plan's figures, or they mislead.

A price that isn't the one its volume was stated at, months before service, a start that has passed,
a currency's rate upside down, and inputs that change nothing.
"""

from __future__ import annotations

from functools import cache
from math import log
from pathlib import Path
from typing import Final

from pydantic import PositiveFloat

from modelworth import data
from modelworth.costmodel.analysis import Finding
from modelworth.costmodel.business.lint_view import PlanView
from modelworth.costmodel.business.without_effect import without_effect
from modelworth.costmodel.scenario.drivers import ANCHORS
from modelworth.data.csv_rows import Row, Text, read_table

#: own price → what is sold at it, and the line that says how its volume answers
ANSWERS: Final = {
    "revenue.api.price_usd_per_million_input_tokens":
        ("demand.requests_per_month", "price_response"),
    "revenue.api.price_usd_per_million_output_tokens":
        ("demand.requests_per_month", "price_response"),
    "revenue.seats.price_usd_per_month": ("revenue.seats.seats", "seat_response"),
    "revenue.enterprise.contract_usd_per_year":
        ("revenue.enterprise.contracts", "contract_response"),
    "revenue.images.price_usd_per_image": ("revenue.images.images_per_month", "image_response"),
    "revenue.calls.price_usd_per_thousand_calls":
        ("revenue.calls.calls_per_month", "call_response"),
    "revenue.finetune.price_usd_per_million_tokens":
        ("revenue.finetune.jobs_per_month", "finetune_response"),
    "revenue.compute.price_usd_per_gpu_hour": ("revenue.compute.gpus", "gpu_hour_response"),
}  # fmt: skip
#: revenue at prices that follow those of tokens
BY_USE: Final = ("api_revenue_usd", "image_revenue_usd", "call_revenue_usd", "finetune_revenue_usd")
REFERENCE: Final = "demand.reference_price_usd_per_million_output_tokens"
OUTPUT: Final = "revenue.api.price_usd_per_million_output_tokens"
OPENING: Final = 1
#: over or under a year's average by more than any of these currencies moved in five years
FAR_RATE: Final = 2.0


class UsualRate(Row):
    """What one unit of a currency was worth, on average over a year."""

    currency: Text
    usd_per_unit: PositiveFloat


def answered_price(plan: PlanView) -> Finding | None:
    """T31: demand answers a price that isn't the one at which its volume was stated."""
    found: list[tuple[float, Finding]] = []
    elasticity = plan.number("demand.price_elasticity")
    for own, (volume, line) in ANSWERS.items():
        held_by = ANCHORS[own]
        if own == OUTPUT and plan.word("demand.volume_estimated_at") == "reference_price":
            held_by = REFERENCE
        now, held = plan.number(own), plan.number(held_by)
        if not elasticity or not plan.number(volume) or now == held or not now * held:
            continue
        factor = float(plan.line(line)[OPENING])
        finding = plan.found(
            "T31", own, "note", driver=own, now=now, held=held, elasticity=elasticity,
            factor=factor, anchor=held_by,
        )  # fmt: skip
        found.append((-abs(log(now / held)), finding))
    return min(found, key=lambda pair: pair[0])[1] if found else None


def delayed(plan: PlanView) -> Finding | None:
    """T32: what the months before service cost, and at which prices it opens if it sells (T32C)."""
    months = int(plan.number("building.months_to_market"))
    if not months:
        return None
    values = {
        "months": float(months),
        "spent": -float(plan.line("net_cash_usd")[: months + 1].sum()),
        "staff": float(plan.line("waiting_staff_usd").sum()),
    }
    path, opening = "building.months_to_market", months + OPENING
    sold = float(plan.line("external_revenue_usd")[opening])
    if not sold:
        return plan.found("T32C", path, "note", **values)
    keys = ("price_index", "contract_price_index", "market_price_index")
    by_use, held, market = (float(plan.line(key)[opening]) for key in keys)
    share = sum(float(plan.line(key)[opening]) for key in BY_USE) / sold
    own = 1 / (share / by_use + (1 - share) / held)  # in the mean of what is sold
    return plan.found("T32", path, "note", **values, own=own, market=market)


def past_start(plan: PlanView) -> Finding | None:
    """T33: a plan whose first month has passed, without what came of it."""
    opened, now = plan.scenario.opening_day, plan.today.replace(day=1)
    if opened >= now or plan.scenario.actuals:
        return None
    months = float(12 * (now.year - opened.year) + now.month - opened.month)
    return plan.found("T33", "start", "note", start=plan.scenario.start, months=months)


def upside_down(plan: PlanView) -> Finding | None:
    """T35: a currency's rate that is far from what it is worth, as if turned round."""
    currency, rate = plan.scenario.currency, plan.scenario.usd_per_currency
    usual = usual_rates().get(currency)
    if usual is None or 1 / FAR_RATE <= rate / usual <= FAR_RATE:
        return None
    return plan.found("T35", "usd_per_currency", currency=currency, rate=rate, usual=usual)


@cache
def usual_rates() -> dict[str, float]:
    """USD for one unit of a currency, by code."""
    rows = read_table(Path(data.__file__).parent / "currencies.csv", UsualRate)
    return {row.currency: row.usd_per_unit for row in rows}


def no_effect(plan: PlanView) -> Finding | None:
    """T34: inputs that are stated and change nothing."""
    if not plan.thorough:
        return None
    scenario = plan.scenario
    uncertain = {
        key: one.distribution for key, one in scenario.settings.items() if one.distribution
    }
    idle = without_effect(
        plan.model, plan.values, scenario.settings, uncertain, plan.options,
        given=plan.word("capacity.basis") == "given",
    )  # fmt: skip
    if not idle:
        return None
    return plan.found("T34", idle[0], "note", count=float(len(idle)), drivers=", ".join(idle))
