"""The linter's guards about money: margins, hardware, rates, prices and what comes last."""

from __future__ import annotations

from typing import Final

from modelworth.costmodel.analysis import Finding
from modelworth.costmodel.business.lint_view import PlanView

STALE_DAYS: Final = 90
PRICES: Final = ("price_usd", "rent_", "api_price_usd", "purchase_usd", "contract_usd")


def margin_or_markup(plan: PlanView) -> Finding | None:
    """T11: margin on cost and on revenue."""
    margin, markup = plan.figure("gross_margin_share"), plan.figure("markup_share")
    if margin is not None and markup is not None and markup > 1:
        return plan.found("T11", "markup_share", "note", margin=margin, markup=markup)
    return None


def long_life(plan: PlanView) -> Finding | None:
    """T12: a long life of hardware."""
    life = plan.number("compute.service_life_years")
    if plan.word("compute.serving") != "owned" or life <= 4:
        return None
    return plan.found(
        "T12", "compute.service_life_years",
        life_years=life,
        straight_line=plan.figure("owned_straight_line_usd_per_gpu_hour") or 0.0,
        annuity=plan.figure("owned_usd_per_gpu_hour") or 0.0,
        decay=plan.figure("owned_decay_usd_per_gpu_hour") or 0.0,
    )  # fmt: skip


def counted_twice(plan: PlanView) -> Finding | None:
    """T13: one cost in two places."""
    owned = plan.word("compute.serving") == "owned"
    by_power = plan.number("compute.hosting_usd_per_kw_month") > 0
    if owned and by_power and plan.number("compute.hosting_usd_per_gpu_month") > 0:
        return plan.found("T13", "compute.hosting_usd_per_gpu_month")
    pue, power = plan.number("compute.pue"), plan.number("compute.power_kw_per_gpu")
    if owned and pue > 1.02 and power > 1.7 and not plan.number("compute.hosting_includes_power"):
        return plan.found("T13P", "compute.power_kw_per_gpu", power_kw_per_gpu=power, pue=pue)
    rate = plan.number("company.discount_rate_per_year")
    if rate >= 0.25 and plan.number("trust.incidents_per_year") > 0:
        return plan.found("T13R", "company.discount_rate_per_year", rate=rate)
    return None


def real_rate(plan: PlanView) -> Finding | None:
    """T14: nominal flows at a real rate."""
    rate, inflation = (
        plan.number("company.discount_rate_per_year"), plan.number("company.inflation_per_year"),
    )  # fmt: skip
    if plan.word("company.rates") == "nominal" and rate <= inflation:
        return plan.found("T14", "company.discount_rate_per_year", rate=rate, inflation=inflation)
    return None


def frozen_price(plan: PlanView) -> Finding | None:
    """T16: today's price for years."""
    sold = plan.line("api_revenue_usd") + plan.line("image_revenue_usd")
    sold = sold + plan.line("call_revenue_usd")
    checks = (
        ("revenue.price_fall_factor_per_year", sold),
        ("compute.api_price_fall_factor_per_year", plan.line("bought_usd")),
    )
    for path, money in checks:
        factor = plan.number(path)
        if money.any() and plan.scenario.months > 12 and factor < 1.1:
            return plan.found("T16", path, factor=factor)
    return None


def market_ignored(plan: PlanView) -> Finding | None:
    """T17: own prices part from the market's and nobody reacts."""
    own = plan.number("revenue.price_fall_factor_per_year")
    market = plan.number("demand.market_price_fall_factor_per_year")
    elasticity = plan.number("demand.price_elasticity")
    if own < 0.8 * market and elasticity > -0.1 and plan.line("api_revenue_usd").any():
        return plan.found(
            "T17", "demand.price_elasticity", own=own, market=market, elasticity=elasticity
        )
    return None


def tokenizers(plan: PlanView) -> Finding | None:
    """T18: tokens of different tokenizers taken as equal."""
    compared = plan.line("bought_usd").any() or plan.scenario.choice is not None
    tokens = plan.line("prompt_tokens").any()
    if compared and tokens and "compute.api_tokens_ratio" not in plan.settings:
        ratio = plan.number("compute.api_tokens_ratio")
        return plan.found("T18", "compute.api_tokens_ratio", "note", ratio=ratio)
    return None


def stale_prices(plan: PlanView) -> Finding | None:
    """T21: prices without source or date, or old ones."""
    old = [
        (use.as_of or "without a date", key)
        for key, use in plan.drivers.items()
        if any(part in key for part in PRICES)
        and use.changed
        and not key.startswith("demand.anchor.")
        and (
            use.source == "the scenario" or use.as_of is None or (use.stale_days or 0) > STALE_DAYS
        )
    ]
    if not old:
        return None
    oldest = min(old)[1]
    return plan.found(
        "T21", oldest, "note", count=float(len(old)), days=float(STALE_DAYS), oldest=oldest
    )


def free_work(plan: PlanView) -> Finding | None:
    """T24: time saved is money saved; own serving without people."""
    realised = plan.number("revenue.internal.realisation_share")
    if plan.number("revenue.internal.staff") > 0 and realised > 0.7:
        return plan.found("T24", "revenue.internal.realisation_share", value=realised)
    people = plan.number("compute.platform_fte")
    if plan.word("compute.serving") != "api" and people < 0.25:
        return plan.found("T24S", "compute.platform_fte", people=people)
    return None


def terminal_value(plan: PlanView) -> Finding | None:
    """T25: value that comes at the very end."""
    share = plan.figure("terminal_share_of_value") or 0.0
    if share > 0.25:
        status = plan.figures["irr_per_year"].status or "unique"
        return plan.found("T25", "terminal_share_of_value", share=share, status=status)
    return None


def rated_power(plan: PlanView) -> Finding | None:
    """T26: energy from rated power."""
    share = plan.number("compute.power_average_share")
    if plan.word("compute.serving") == "owned" and share > 0.9:
        return plan.found("T26", "compute.power_average_share", share=share)
    return None


def stable_provider(plan: PlanView) -> Finding | None:
    """T27: a provider's price as a stable benchmark."""
    keys = [
        f"compute.api_price_usd_per_million_{kind}_tokens" for kind in ("input", "cached", "output")
    ]
    if plan.word("compute.serving") != "api" or not all(plan.certain(key) for key in keys):
        return None
    doubled = {key: 2 * plan.number(key) for key in keys}
    npv = plan.model.indicators({**plan.values, **doubled}, ["npv_usd"])["npv_usd"][0]
    return plan.found("T27", keys[-1], npv_usd=float(npv))
