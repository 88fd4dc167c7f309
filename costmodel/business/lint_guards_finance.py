"""The linter's guards about money: margins, hardware, rates, prices and what comes last."""

from __future__ import annotations

from typing import Final

from modelworth.costmodel.analysis import Finding
from modelworth.costmodel.business.lint_view import PlanView
from modelworth.costmodel.scenario.drivers import FOLLOWS

STALE_DAYS: Final = 90
#: software companies keep 72 to 80% of revenue
MARGIN_LIMIT: Final = 0.85
#: half of what users of assistants save is more than any study found
HOURS_LIMIT: Final = 0.15
#: a share of NPV, or of its spread, that is too much for one thing
HALF: Final = 0.5
QUARTER: Final = 0.25
VOLUMES: Final = ("demand", "revenue")
#: units of what is sold
SOLD: Final = frozenset({
    "requests/month", "seats", "contracts", "images/month", "calls/month", "jobs/month", "GPUs",
    "people", "contacts/month", "usd/year",
})  # fmt: skip
PRICES: Final = ("price_usd", "rent_", "api_price_usd", "purchase_usd", "contract_usd")


def margin_or_markup(plan: PlanView) -> Finding | None:
    """T11: margin on cost and on revenue."""
    margin, markup = plan.figure("gross_margin_share"), plan.figure("markup_share")
    if margin is not None and markup is not None and margin > MARGIN_LIMIT:
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
    included = plan.number("compute.hosting_includes_power")
    stated = "compute.power_kw_per_gpu" in plan.scenario.settings  # a catalogue's is without
    if owned and stated and pue > 1.02 and power > 1.7 and not included:
        return plan.found("T13P", "compute.power_kw_per_gpu", power_kw_per_gpu=power, pue=pue)
    rate = plan.number("company.discount_rate_per_year")
    failing = _drawn_failure(plan)
    if rate >= 0.25 and failing is not None:
        return plan.found("T13R", "company.discount_rate_per_year", rate=rate, driver=failing)
    return None


def _drawn_failure(plan: PlanView) -> str | None:
    """A driver that falls to next to nothing in some trials, or in a weighted case: failure."""
    for key, setting in plan.settings.items():
        spec = setting.spec or {}
        values = (spec.get("discrete") or {}).get("values") if "discrete" in spec else None
        if values and min(values) <= 0.1 * max(values) and key.split(".")[0] in VOLUMES:
            return key
    for case in plan.scenario.cases:
        for change in case.option.changes:
            row = plan.model.drivers[change.driver]
            least = 0.1 * (1.0 if change.multiplies else plan.number(row.key))
            if row.section in VOLUMES and row.unit in SOLD and change.value <= least:
                return row.key
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


def frozen_seats(plan: PlanView) -> Finding | None:
    """T16C: the price of a seat or contract frozen while the market's tokens fall."""
    sold = plan.line("sells") * (plan.line("seats") + plan.line("contracts"))
    change = plan.number("revenue.contract_price_change_per_year")
    market = plan.number("demand.market_price_fall_factor_per_year")
    if sold.any() and plan.scenario.months > 24 and change >= 0 and market > 1.1:
        return plan.found(
            "T16C", "revenue.contract_price_change_per_year",
            months=float(plan.scenario.months), market=market,
        )  # fmt: skip
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
    resold = plan.word("compute.serving") == "api" and plan.line("api_revenue_usd").any()
    if resold and plan.scenario.choice is None:
        return None  # bought and sold in the provider's own tokens
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
        and "_surprise_" not in key
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


def hours_saved(plan: PlanView) -> Finding | None:
    """T24H: more time saved than any study found."""
    saved = plan.number("revenue.internal.hours_saved_share")
    if plan.number("revenue.internal.staff") > 0 and saved > HOURS_LIMIT:
        return plan.found("T24H", "revenue.internal.hours_saved_share", saved=saved)
    return None


def never_repaid(plan: PlanView) -> Finding | None:
    """T29: customers who never repay what winning them cost."""
    ratio = plan.figure("lifetime_value_per_acquisition")
    if plan.line("acquisition_usd").any() and ratio is not None and ratio < 1:
        return plan.found("T29", "company.acquisition_usd_per_customer", ratio=ratio)
    return None


def far_from_mean(plan: PlanView) -> Finding | None:
    """T30: a base case of most likely values that sits far from the trials' mean."""
    npv = plan.figures["npv_usd"]
    if npv.base is None or npv.mean is None or npv.p10 is None or npv.p90 is None:
        return None
    off, spread = abs(npv.base - npv.mean), npv.p90 - npv.p10
    if off > QUARTER * spread or off > HALF * max(abs(npv.mean), abs(npv.base)):
        return plan.found("T30", "simulation.base_case", base=npv.base, mean=npv.mean)
    return None


def terminal_value(plan: PlanView) -> Finding | None:
    """T25: value that comes at the very end."""
    if plan.word("verdict.question") == "cost":
        return None  # without revenue, the sale of the fleet is all that ever comes in
    share = plan.figure("terminal_share_of_value") or 0.0
    npv, closing = plan.figure("npv_usd") or 0.0, float(plan.line("discounted_closing_usd").sum())
    if npv > 0 and closing > HALF * npv:
        share = max(share, closing / npv)
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
    """T27: a provider's price that can't rise over what the plan takes: price and path certain."""
    kinds = ("input", "cached", "output") if plan.line("bought_usd").any() else ()
    keys = [f"compute.api_price_usd_per_million_{kind}_tokens" for kind in kinds]
    keys = ["compute.inference_usd_per_year"] * bool(plan.line("inference_usd").any()) + keys
    buys = plan.word("compute.serving") == "api" and keys
    pace = "compute.api_price_fall_factor_per_year"
    path = pace if pace in plan.settings else FOLLOWS[pace]
    if not buys or not all(plan.unmeasured(key) for key in (*keys, path)):
        return None
    doubled = {key: 2 * plan.number(key) for key in keys}
    npv = plan.model.indicators({**plan.values, **doubled}, ["npv_usd"])["npv_usd"][0]
    return plan.found("T27", keys[-1], npv_usd=float(npv))
