"""How much is asked for: volume by month, customers won and lost, and the tokens they need.

Volume follows the calendar, not the launch: months in which the model isn't ready are lost. It
answers the own price in every stream, relative to the price at which the plan's volume holds, and
the accepted share relative to the usual one. A season moves use; customers who come back in season
aren't won again. Sources: Verhulst 1838 (logistic growth); Bass 1969 (diffusion).
"""

from __future__ import annotations

from typing import Final

from modelworth.costmodel.formula.text import Line

#: stream → its price, that at which its volume holds, and what lets a price be 0
_PRICES: Final = (
    ("contract", "revenue.enterprise.contract_usd_per_year", "contract_usd_per_year", "1e-9"),
    ("seat", "revenue.seats.price_usd_per_month", "seat_price_usd_per_month", "1e-9"),
    ("gpu_hour", "revenue.compute.price_usd_per_gpu_hour", "gpu_hour_price_usd", "1e-9"),
    ("image", "revenue.images.price_usd_per_image", "image_price_usd", "1e-12"),
    ("call", "revenue.calls.price_usd_per_thousand_calls", "call_price_usd_per_thousand", "1e-9"),
    ("finetune", "revenue.finetune.price_usd_per_million_tokens",
     "finetune_price_usd_per_million_tokens", "1e-9"),
)  # fmt: skip


def _response(ratio: str) -> str:
    """Volume at a price over that at which the plan's volume holds."""
    at = f"ln(max(1e-9, {ratio}))"
    return (
        f"exp(demand.price_elasticity * {at} * (1 + max(0, {at} - ln(demand.price_reach_factor))))"
    )


LINES = (
    Line("operating", "ratio", "demand", "where(month > building.months_to_market, 1, 0)",
         "1 in the months in which the service is open"),
    Line("elapsed_months", "months", "demand", "max(0, month - 1)", "months since the first month"),
    Line(
        "market_months", "months", "demand", "elapsed_months + 12 * demand.years_until_start",
        "months since the day of the plan's prices and rents, which is that of the start unless the"
        " plan says otherwise",
    ),
    Line(
        "logistic_volume", "ratio", "demand",
        "demand.ceiling_multiple / (1 + (demand.ceiling_multiple - 1)"
        " * exp(-ln(1 + demand.growth_per_year) / 12 * elapsed_months))",
        "logistic growth from 1 to the ceiling", "Verhulst 1838",
    ),
    Line(
        "bass_share", "share", "demand",
        "where(month > 1, prev(bass_share, 0) + (demand.bass_innovation_per_year"
        " + demand.bass_imitation_per_year * prev(bass_share, 0))"
        " * (1 - prev(bass_share, 0)) / 12, 0)",
        "share of the later adopters who have adopted", "Bass 1969",
    ),
    Line(
        "cohort_won", "ratio", "demand",
        "where(month > 1, demand.new_customers_share_per_month"
        " * exp(ln(1 + demand.new_customers_growth_per_year) / 12 * elapsed_months), 0)",
        "volume of the customers won in this month, relative to the opening volume",
    ),
    Line(
        "cohort_volume", "ratio", "demand",
        "where(month > 1, prev(cohort_volume, 1) * exp(ln(demand.net_retention_per_year) / 12)"
        " + cohort_won, 1)",
        "what earlier cohorts still spend, and the new ones", "net revenue retention",
    ),
    Line(
        "cohort_accounts", "ratio", "demand",
        "where(month > 1, prev(cohort_accounts, 1) * (1 - churn_per_month) + cohort_won, 1)",
        "customers relative to opening, by cohorts",
    ),
    Line(
        "market_volume", "ratio", "demand",
        'where(demand.curve == "logistic", logistic_volume, where(demand.curve == "bass",'
        " 1 + (demand.ceiling_multiple - 1) * bass_share,"
        ' where(demand.curve == "cohorts", cohort_volume, demand.volume_by_month)))',
        "volume relative to the opening volume",
    ),
    Line(
        "season", "ratio", "demand",
        "1 + demand.seasonal_swing_share"
        " * cos(0.5235987755982988 * (month - demand.seasonal_peak_month))",
        "yearly season around 1; the number is 2 pi over 12",
    ),
    Line(
        "input_price_ratio", "ratio", "demand",
        "(revenue.api.price_usd_per_million_input_tokens + 1e-9)"
        " / (demand.anchor.input_price_usd_per_million_tokens + 1e-9)",
        "price of prompt tokens over that at which the opening volume holds; the small number lets"
        " a price be 0",
    ),
    Line(
        "output_price_ratio", "ratio", "demand",
        'where(demand.volume_estimated_at == "reference_price",'
        " revenue.api.price_usd_per_million_output_tokens"
        " / demand.reference_price_usd_per_million_output_tokens,"
        " (revenue.api.price_usd_per_million_output_tokens + 1e-9)"
        " / (demand.anchor.output_price_usd_per_million_tokens + 1e-9))",
        "the same of output tokens",
    ),
    Line(
        "request_price_ratio", "ratio", "demand",
        "(demand.prompt_tokens_per_request * revenue.api.price_usd_per_million_input_tokens"
        " + demand.output_tokens_per_request * revenue.api.price_usd_per_million_output_tokens"
        " + 1e-9)"
        " / (demand.prompt_tokens_per_request * demand.anchor.input_price_usd_per_million_tokens"
        " + demand.output_tokens_per_request * demand.anchor.output_price_usd_per_million_tokens"
        " + 1e-9)",
        "price of a whole request over that at which the opening volume holds",
    ),
    Line(
        "api_price_ratio", "ratio", "demand",
        'where(demand.volume_estimated_at == "reference_price", output_price_ratio,'
        " where(max(input_price_ratio, output_price_ratio) > 1,"
        " max(input_price_ratio, output_price_ratio), request_price_ratio))",
        "what demand answers: the dearer of both prices where one rises, else the whole request",
    ),
    Line(
        "price_drift", "ratio", "demand",
        "exp(demand.price_elasticity * (ln(demand.market_price_fall_factor_per_year)"
        " - ln(revenue.price_fall_factor_per_year)) / 12 * elapsed_months)",
        "volume won or lost because own prices move otherwise than the market's",
        "constant elasticity: (own price / market price) ^ elasticity",
    ),
    Line(
        "price_response", "ratio", "demand",
        f"{_response('api_price_ratio')} * price_drift",
        "the same for requests, the opening price included",
    ),
    *(
        Line(
            f"{name}_response", "ratio", "demand",
            _response(f"({own} + {least}) / (demand.anchor.{anchor} + {least})"),
            "volume won or lost by the price at opening; beyond the reach of the elasticity"
            " customers leave ever faster",
        )
        for name, own, anchor, least in _PRICES
    ),
    Line(
        "quality_ratio", "ratio", "demand",
        "demand.accepted_share * (1 - private_quality_loss) / demand.usual_accepted_share",
        "accepted share over that at which the plan's volume holds",
    ),
    Line(
        "quality_response", "ratio", "demand",
        "exp(demand.quality_elasticity * ln(max(1e-9, quality_ratio)))",
        "volume and savings won or lost by quality",
    ),
    Line(
        "rejected_share", "share", "demand",
        "1 - demand.accepted_share * (1 - private_quality_loss)",
        "results that users don't accept",
    ),
    Line(
        "rework", "ratio", "demand",
        "(1 + demand.retry_share * rejected_share)"
        " / (1 + demand.retry_share * (1 - demand.usual_accepted_share))",
        "work for each result wanted, over that at the usual quality: what fails is asked again",
    ),
    Line(
        "churn_factor", "ratio", "demand",
        "(1 + demand.quality_churn_weight * rejected_share)"
        " / (1 + demand.quality_churn_weight * (1 - demand.usual_accepted_share))",
        "customers lost over those lost at the usual quality",
    ),
    *(
        Line(key, "share", "demand", f"min(0.99, {stated} * churn_factor)")
        for key, stated in (
            ("churn_per_month", "demand.churn_per_month"),
            ("seat_churn_per_month", "revenue.seats.churn_per_month"),
            ("contract_churn_per_month", "revenue.enterprise.churn_per_month"),
        )
    ),
    Line(
        "staleness", "ratio", "demand",
        "where(building.refreshes, 1, exp(ln(1 - demand.staleness_share_per_month)"
        " * max(0, elapsed_months - building.refresh_months)))",
        "volume that stays although the model isn't renewed",
    ),
    Line(
        "steady_volume", "ratio", "demand",
        "operating * market_volume * staleness * quality_response",
        "volume relative to the opening volume, season and prices left out",
    ),
    Line("volume", "ratio", "demand", "steady_volume * season", "the same in its season"),
    Line("priced_volume", "ratio", "demand", "volume * price_drift",
         "volume of what is sold by the image or call, at its own opening price"),
    Line("steady_contracts", "contracts", "demand",
         "revenue.enterprise.contracts * steady_volume * contract_response"),
    Line("contracts", "contracts", "demand", "steady_contracts * season"),
    Line("steady_seats", "seats", "demand", "revenue.seats.seats * steady_volume * seat_response"),
    Line("seats", "seats", "demand", "steady_seats * season"),
    Line(
        "sold_gpus", "GPUs", "demand",
        'where(revenue.compute.gpus + revenue.compute.megawatts > 0, where(compute.serving =='
        ' "api", 0, (revenue.compute.gpus + 1000'
        " * revenue.compute.megawatts / (compute.power_kw_per_gpu * compute.pue))"
        " * operating * market_volume), 0)",
        "GPUs held to sell their hours; no price, season or quality of answers changes how many",
    ),
    Line(
        "sold_use_share", "share", "demand",
        "min(1, revenue.compute.utilisation_sold_share * season * gpu_hour_response)",
        "hours sold of those that no contract binds",
    ),
    Line(
        "internal_users", "people", "demand",
        "operating * revenue.internal.staff * revenue.internal.adoption_share"
        " * min(1, month / revenue.internal.ramp_months)",
    ),
    Line(
        "api_requests", "requests", "demand", "demand.requests_per_month * volume * price_response",
        "requests that API customers want",
    ),
    Line(
        "requests", "requests", "demand",
        "api_requests + contracts * revenue.enterprise.requests_per_contract_month"
        " + internal_users * revenue.internal.requests_per_user_month"
        " + contacts_deflected",
        "requests of all streams but the seats, whose use is counted in tokens",
    ),
    Line(
        "contacts_deflected", "contacts", "demand",
        "operating * season * revenue.internal.contacts_per_month"
        " * revenue.internal.deflected_share",
        "contacts that the assistant answers",
    ),
    Line(
        "customers", "customers", "demand",
        "demand.requests_per_month / demand.requests_per_customer_month"
        ' * where(demand.curve == "cohorts", operating * staleness * quality_response'
        " * cohort_accounts, steady_volume) * price_response",
        "customers, wherever in the season they are",
    ),
    Line(
        "customers_won", "customers", "demand",
        "where(demand.requests_per_month > 0,"
        " max(0, customers - prev(customers, 0) * (1 - churn_per_month)), 0)",
        "new customers: growth, and the replacement of those who left",
    ),
    Line(
        "seats_won", "seats", "demand",
        "where(revenue.seats.seats > 0,"
        " max(0, steady_seats - prev(steady_seats, 0) * (1 - seat_churn_per_month)), 0)",
    ),
    Line(
        "contracts_won", "contracts", "demand",
        "where(revenue.enterprise.contracts > 0, max(0, steady_contracts"
        " - prev(steady_contracts, 0) * (1 - contract_churn_per_month)), 0)",
    ),
    Line(
        "accounts_lost", "accounts", "demand",
        "where(demand.requests_per_month > 0, prev(customers, 0) * churn_per_month, 0)"
        " + where(revenue.seats.seats > 0, prev(steady_seats, 0) * seat_churn_per_month, 0)"
        " + where(revenue.enterprise.contracts > 0, prev(steady_contracts, 0)"
        " * contract_churn_per_month, 0)",
        "customers, seats and contracts lost",
    ),
    Line(
        "cap_score", "ratio", "demand",
        "ln(revenue.seats.cap_tokens_per_month / revenue.seats.mean_tokens_per_month)"
        " / revenue.seats.usage_sigma + revenue.seats.usage_sigma / 2",
        "the cap in standard deviations of the logarithm of usage", "lognormal distribution",
    ),
    Line(
        "tokens_under_cap", "tokens/seat", "demand",
        "revenue.seats.mean_tokens_per_month * norm_cdf(cap_score - revenue.seats.usage_sigma)"
        " + revenue.seats.cap_tokens_per_month * (1 - norm_cdf(cap_score))",
        "mean of the lesser of usage and cap", "limited expected value of a lognormal",
    ),
    Line(
        "tokens_per_seat", "tokens/seat", "demand",
        'where(revenue.seats.over_cap == "stop", tokens_under_cap,'
        " revenue.seats.mean_tokens_per_month)",
        "mean, so that power users cost what they cost",
    ),
    Line(
        "tokens_over_cap", "tokens/seat", "demand",
        'where(revenue.seats.over_cap == "bill",'
        " revenue.seats.mean_tokens_per_month - tokens_under_cap, 0)",
    ),
    Line(
        "free_users", "users", "demand",
        "seats * revenue.seats.free_users_per_seat + revenue.seats.free_users * volume",
        "users who pay nothing: so many for each seat, and those stated beside",
    ),
    Line(
        "seat_tokens", "tokens", "demand",
        "seats * tokens_per_seat + free_users * revenue.seats.free_tokens_per_month",
        "tokens of paid seats and of free users",
    ),
    Line(
        "prompt_tokens", "tokens", "demand",
        "(requests * demand.prompt_tokens_per_request + seat_tokens"
        " * revenue.seats.input_output_ratio / (1 + revenue.seats.input_output_ratio)) * rework",
        "prompt tokens wanted, cached ones and repeats included",
    ),
    Line(
        "generated_tokens", "tokens", "demand",
        "(requests * demand.output_tokens_per_request * demand.reasoning_factor"
        " + seat_tokens / (1 + revenue.seats.input_output_ratio)) * rework",
        "output tokens wanted, reasoning and repeats included",
    ),
    Line(
        "images", "images", "demand",
        "revenue.images.images_per_month * operating * market_volume * season * staleness"
        " * price_drift * image_response",
        "accepted images wanted; their quality is in the images' own accepted share",
    ),
    Line("generated_images", "images", "demand", "images / revenue.images.accepted_share",
         "images generated to have so many accepted"),
    Line("calls", "calls", "demand",
         "revenue.calls.calls_per_month * priced_volume * call_response"),
    Line("finetune_jobs", "jobs", "demand",
         "revenue.finetune.jobs_per_month * priced_volume * finetune_response"),
)  # fmt: skip
