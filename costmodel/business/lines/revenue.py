"""What is earned: ten streams, each a volume that was served times a price that falls, or a sum.

Served, billed and paid are three things: `served_share` is what capacity allows, `paid_share` what
customers pay for. The value of time saved inside the company stands apart from what others pay.
"""

from __future__ import annotations

from modelworth.costmodel.business.lines.paths import path
from modelworth.costmodel.formula.text import Line

LINES = (
    *path("market", "market_price_index", "demand.market_price", "revenue"),
    Line(
        "price_index", "ratio", "revenue",
        'where(demand.market_price_path == "exponential",'
        " opening_market_index * market_surprise"
        " * exp(-ln(revenue.price_fall_factor_per_year) / 12 * elapsed_months),"
        " market_price_index * exp((ln(demand.market_price_fall_factor_per_year)"
        " - ln(revenue.price_fall_factor_per_year)) / 12 * elapsed_months))"
        " * (1 - revenue.release_step_share) ** floor(elapsed_months"
        " / revenue.release_interval_months)",
        "own prices relative to opening",
    ),
    Line("sells", "ratio", "revenue", 'where(verdict.question == "cost", 0, 1)',
         "0 where only the cost is asked for: no stream then earns"),
    Line("contract_price_index", "ratio", "revenue",
         "exp(ln(1 + revenue.contract_price_change_per_year) / 12 * elapsed_months)"),
    Line(
        "api_price_usd_per_request", "usd/request", "revenue",
        "(demand.prompt_tokens_per_request * revenue.api.price_usd_per_million_input_tokens"
        " * ((1 - demand.cached_share) * (1 + revenue.api.cache_write_share"
        " * (revenue.api.cache_write_price_factor - 1))"
        " + demand.cached_share * revenue.api.cached_price_share)"
        " + demand.output_tokens_per_request * (1 + revenue.api.reasoning_billed_share"
        " * (demand.reasoning_factor - 1)) * revenue.api.price_usd_per_million_output_tokens)"
        " / 1e6 * (1 - revenue.api.discount_share)"
        " * (1 + revenue.api.long_share * (revenue.api.long_price_factor - 1))"
        " * (1 - revenue.api.batch_share * revenue.api.batch_discount_share)",
        "price of a mean request at opening: reasoning and cache writes billed, the tier for long"
        " requests added, discounts taken off",
    ),
    Line(
        "api_revenue_usd", "usd", "revenue",
        "sells * api_requests * served_share * revenue.api.paid_share * api_price_usd_per_request"
        " * price_index",
    ),
    Line(
        "seat_revenue_usd", "usd", "revenue",
        "sells * served_share * (seats * (revenue.seats.price_usd_per_month * contract_price_index"
        " + tokens_over_cap / 1e6 * revenue.seats.overage_price_usd_per_million_tokens"
        " * price_index) + free_users * revenue.seats.advertising_usd_per_free_user_month)",
        "seats, usage over the cap, and advertising to free users",
    ),
    Line(
        "enterprise_revenue_usd", "usd", "revenue",
        "sells * contracts * served_share * revenue.enterprise.contract_usd_per_year / 12"
        " * (1 - revenue.enterprise.discount_share) * contract_price_index",
    ),
    Line(
        "image_revenue_usd", "usd", "revenue",
        "sells * images * served_share * where(revenue.images.priced_by == \"own_price\","
        " revenue.images.price_usd_per_image, image_price_usd_by_tokens) * price_index",
    ),
    Line(
        "call_revenue_usd", "usd", "revenue",
        "sells * calls * served_share / 1000 * revenue.calls.price_usd_per_thousand_calls"
        " * price_index",
    ),
    Line(
        "finetune_revenue_usd", "usd", "revenue",
        "sells * finetune_jobs * revenue.finetune.tokens_per_job / 1e6"
        " * revenue.finetune.price_usd_per_million_tokens * price_index",
    ),
    Line(
        "internal_value_usd", "usd", "revenue",
        "sells * (internal_users * revenue.internal.work_hours_per_month"
        " * revenue.internal.hours_saved_share * revenue.internal.wage_usd_per_hour"
        " * revenue.internal.realisation_share + contacts_deflected"
        " * (1 - revenue.internal.returned_share) * revenue.internal.contact_usd)"
        " * served_share * quality_response * wage_index",
        "time saved, times the share of it that turns into money, and contacts that need no person",
    ),
    Line(
        "contracted_compute_usd", "usd", "revenue",
        "sells * 730 * sold_gpus * revenue.compute.contracted_share"
        " * revenue.compute.contract_usd_per_gpu_hour * contract_price_index",
        "GPU hours under contract, paid whether used or not",
    ),
    Line(
        "compute_revenue_usd", "usd", "revenue",
        "contracted_compute_usd + sells * 730 * sold_gpus * (1 - revenue.compute.contracted_share)"
        " * sold_use_share * revenue.compute.price_usd_per_gpu_hour * rent_index",
        "GPU hours sold: contracted ones, and those sold on demand at prices that follow rents",
    ),
    *(
        Line(
            f"{name}_revenue_usd", "usd", "revenue",
            f"sells * revenue.{name}.usd_per_year / 12 * volume * contract_price_index",
            "of which only the sum is known",
        )
        for name in ("products", "services")
    ),
    Line(
        "external_revenue_usd", "usd", "revenue",
        "api_revenue_usd + seat_revenue_usd + enterprise_revenue_usd + image_revenue_usd"
        " + call_revenue_usd + finetune_revenue_usd + compute_revenue_usd + products_revenue_usd"
        " + services_revenue_usd",
        "what customers pay",
    ),
    Line("revenue_usd", "usd", "revenue", "external_revenue_usd + internal_value_usd"),
)  # fmt: skip
