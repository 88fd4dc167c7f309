"""How much is asked for: volume by month, customers won and lost, and the tokens they need.

Volume follows the calendar, not the launch: months in which the model isn't ready are lost.
Sources: Verhulst 1838 (logistic growth); Bass 1969 (diffusion).
"""

from __future__ import annotations

from modelworth.costmodel.formula.text import Line

LINES = (
    Line(
        "operating", "ratio", "demand", "where(month > building.months_to_market, 1, 0)",
        "1 in the months in which the service is open",
    ),
    Line(
        "elapsed_months", "months", "demand", "max(0, month - 1)", "months since the first month",
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
        "market_volume", "ratio", "demand",
        'where(demand.curve == "logistic", logistic_volume, where(demand.curve == "bass",'
        " 1 + (demand.ceiling_multiple - 1) * bass_share, demand.volume_by_month))",
        "volume relative to the opening volume",
    ),
    Line(
        "season", "ratio", "demand",
        "1 + demand.seasonal_swing_share"
        " * cos(0.5235987755982988 * (month - demand.seasonal_peak_month))",
        "yearly season around 1; the number is 2 pi over 12",
    ),
    Line(
        "opening_price_ratio", "ratio", "demand",
        'where(demand.volume_estimated_at == "reference_price",'
        " revenue.api.price_usd_per_million_output_tokens"
        " / demand.reference_price_usd_per_million_output_tokens, 1)",
        "own price over the price at which the opening volume was estimated",
    ),
    Line(
        "price_response", "ratio", "demand",
        "exp(demand.price_elasticity * (ln(max(1e-9, opening_price_ratio)) +"
        " (ln(demand.market_price_fall_factor_per_year) - ln(revenue.price_fall_factor_per_year))"
        " / 12 * elapsed_months))",
        "volume won or lost because own prices move otherwise than the market's",
        "constant elasticity: (own price / market price) ^ elasticity",
    ),
    Line(
        "staleness", "ratio", "demand",
        "where(building.refreshes, 1, exp(ln(1 - demand.staleness_share_per_month)"
        " * max(0, elapsed_months - building.refresh_months)))",
        "volume that stays although the model isn't renewed",
    ),
    Line(
        "volume", "ratio", "demand",
        "operating * market_volume * season * staleness",
        "volume of seats and contracts relative to the opening volume",
    ),
    Line(
        "priced_volume", "ratio", "demand", "volume * price_response",
        "volume of what is sold by the token, image or call",
    ),
    Line(
        "contracts", "contracts", "demand", "revenue.enterprise.contracts * volume",
    ),
    Line("seats", "seats", "demand", "revenue.seats.seats * volume"),
    Line(
        "internal_users", "people", "demand",
        "operating * revenue.internal.staff * revenue.internal.adoption_share"
        " * min(1, month / revenue.internal.ramp_months)",
    ),
    Line(
        "api_requests", "requests", "demand", "demand.requests_per_month * priced_volume",
        "requests that API customers want",
    ),
    Line(
        "requests", "requests", "demand",
        "api_requests + contracts * revenue.enterprise.requests_per_contract_month"
        " + internal_users * revenue.internal.requests_per_user_month",
        "requests of all streams but the seats, whose use is counted in tokens",
    ),
    Line(
        "customers", "customers", "demand", "api_requests / demand.requests_per_customer_month",
    ),
    Line(
        "customers_won", "customers", "demand",
        "max(0, customers - prev(customers, 0) * (1 - demand.churn_per_month))",
        "new customers: growth, and the replacement of those who left",
    ),
    Line(
        "seats_won", "seats", "demand",
        "max(0, seats - prev(seats, 0) * (1 - revenue.seats.churn_per_month))",
    ),
    Line(
        "contracts_won", "contracts", "demand",
        "max(0, contracts - prev(contracts, 0) * (1 - revenue.enterprise.churn_per_month))",
    ),
    Line(
        "accounts_lost", "accounts", "demand",
        "prev(customers, 0) * demand.churn_per_month"
        " + prev(seats, 0) * revenue.seats.churn_per_month"
        " + prev(contracts, 0) * revenue.enterprise.churn_per_month",
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
        "prompt_tokens", "tokens", "demand",
        "requests * demand.prompt_tokens_per_request + seats * tokens_per_seat"
        " * revenue.seats.input_output_ratio / (1 + revenue.seats.input_output_ratio)",
        "prompt tokens wanted, cached ones included",
    ),
    Line(
        "generated_tokens", "tokens", "demand",
        "requests * demand.output_tokens_per_request * demand.reasoning_factor"
        " + seats * tokens_per_seat / (1 + revenue.seats.input_output_ratio)",
        "output tokens wanted, reasoning included",
    ),
    Line(
        "images", "images", "demand", "revenue.images.images_per_month * priced_volume",
        "accepted images wanted",
    ),
    Line(
        "generated_images", "images", "demand", "images / revenue.images.accepted_share",
        "images generated to have so many accepted",
    ),
    Line("calls", "calls", "demand", "revenue.calls.calls_per_month * priced_volume"),
    Line("finetune_jobs", "jobs", "demand", "revenue.finetune.jobs_per_month * priced_volume"),
)  # fmt: skip
