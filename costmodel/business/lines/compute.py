"""What serving costs: rented GPUs, a provider's interface, tools, and the people who run it."""

from __future__ import annotations

from modelworth.costmodel.business.lines.paths import path
from modelworth.costmodel.formula.text import Line

LINES = (
    Line("wage_index", "ratio", "compute",
         "exp(ln(1 + company.inflation_per_year) / 12 * month)", "wages and general costs"),
    *path("rent", "rent_index", "compute.rent", "compute"),
    Line(
        "gpus_newly_reserved", "GPUs", "compute",
        "max(0, compute.reserved_share * gpus"
        " - (prev(reserved_gpus, 0) - lag(gpus_newly_reserved, compute.reservation_months)))",
        "what the plan reserves beyond the terms that still run",
    ),
    Line(
        "reserved_gpus", "GPUs", "compute",
        "prev(reserved_gpus, 0) - lag(gpus_newly_reserved, compute.reservation_months)"
        " + gpus_newly_reserved",
        "take or pay: a reservation is paid to the end of its term, also where the fleet shrinks",
    ),
    Line(
        "new_reservations_usd_per_hour", "usd", "compute",
        "gpus_newly_reserved * rent_index",
        "reserved in this month, at this month's rents relative to opening",
    ),
    Line("reservations_to_date_usd_per_hour", "usd", "compute",
         "cumulative(new_reservations_usd_per_hour)"),
    Line(
        "reserved_usd", "usd", "compute",
        'where(compute.serving == "rented", where(compute.reserved_share > 0,'
        " 730 * compute.rent_reserved_usd_per_gpu_hour * (1 + compute.rent_overhead_share)"
        " * (reservations_to_date_usd_per_hour"
        " - lag(reservations_to_date_usd_per_hour, compute.reservation_months)), 0), 0)",
        "each reservation keeps its price to the end of its term",
    ),
    Line(
        "flexible_rent_usd_per_gpu_hour", "usd/GPU hour", "compute",
        "((1 - compute.spot_share) * compute.rent_on_demand_usd_per_gpu_hour"
        " + compute.spot_share * compute.rent_spot_usd_per_gpu_hour"
        " / (1 - compute.spot_interruption_share)) * (1 + compute.rent_overhead_share)",
        "on demand and spot at opening; interrupted hours are paid and lost",
    ),
    Line(
        "rent_usd", "usd", "compute",
        'where(compute.serving == "rented", reserved_usd + max(0, gpu_hours'
        " - 730 * where(compute.reserved_share > 0, reserved_gpus, 0))"
        " * flexible_rent_usd_per_gpu_hour * rent_index, 0) + burst_usd",
        "reserved, on demand and spot",
    ),
    Line(
        "burst_usd", "usd", "compute",
        "730 * burst_gpus * compute.rent_on_demand_usd_per_gpu_hour"
        " * (1 + compute.rent_overhead_share) * rent_index",
        "load beyond a given fleet, on demand",
    ),
    Line(
        "lease_usd", "usd", "compute",
        "where(month >= compute.lease_first_month, where(month < compute.lease_first_month"
        " + compute.lease_months, compute.lease_usd_per_month * opening_rent_index, 0), 0)",
        "paid whether used or not",
    ),
    Line(
        "reservations_left_usd", "usd", "compute",
        "where(month == months, 730 * compute.rent_reserved_usd_per_gpu_hour"
        " * (1 + compute.rent_overhead_share) * total(reservation_months_left), 0)",
        "what reservations bind beyond the horizon",
    ),
    Line(
        "reservation_months_left", "usd", "compute",
        'where(compute.serving == "rented", where(compute.reserved_share > 0,'
        " new_reservations_usd_per_hour * max(0, month + compute.reservation_months - 1 - months),"
        " 0), 0)",
        "months that each reservation still runs after the horizon, times its GPUs and its price",
    ),
    Line(
        "lease_left_usd", "usd", "compute",
        "where(month == months, compute.lease_usd_per_month * opening_rent_index"
        " * min(compute.lease_months,"
        " max(0, compute.lease_first_month + compute.lease_months - 1 - months)), 0)",
        "what the commitment binds beyond the horizon",
    ),
    Line("commitments_left_usd", "usd", "compute", "reservations_left_usd + lease_left_usd"),
    Line("commitments_settled_usd", "usd", "compute",
         "compute.closing_commitment_share * commitments_left_usd", "paid at the horizon's end"),
    Line(
        "lease_commitment_usd", "usd", "compute",
        "compute.lease_usd_per_month * opening_rent_index * compute.lease_months",
        "all that the commitment binds",
    ),
    Line(
        "lease_exit_usd", "usd", "compute",
        "compute.lease_usd_per_month * opening_rent_index"
        " * min(compute.lease_notice_months, compute.lease_months)",
        "what is still paid after notice",
    ),
    Line(
        "vendor_price_index", "ratio", "compute",
        'where(demand.market_price_path == "exponential",'
        " opening_market_index * market_surprise"
        " * exp(-ln(compute.api_price_fall_factor_per_year) / 12 * elapsed_months),"
        " market_price_index * exp((ln(demand.market_price_fall_factor_per_year)"
        " - ln(compute.api_price_fall_factor_per_year)) / 12 * elapsed_months))",
        "prices of the interfaces bought, which follow the market, too",
    ),
    Line(
        "vendor_price_factor", "ratio", "compute",
        "(1 + compute.api_long_share * (compute.api_long_price_factor - 1))"
        " * (1 - compute.api_batch_share * compute.api_batch_discount_share)",
        "mean price over list price: the tier for long requests, and batches",
    ),
    Line(
        "vendor_tokens_factor",
        "million tokens/token",
        "compute",
        "served_share * compute.api_tokens_ratio * vendor_price_factor / 1e6",
        "a provider's tokens, in millions at list price, for each token of the own model",
    ),
    Line(
        "cache_write_factor", "ratio", "compute",
        "1 + compute.api_cache_write_share * (compute.api_cache_write_price_factor - 1)",
        "price of an uncached prompt token with what writing it to the cache adds",
    ),
    Line(
        "bought_input_usd", "usd", "compute",
        'vendor_tokens_factor * prompt_tokens * where(compute.serving == "api",'
        " (1 - compute.large_share) * ((1 - demand.cached_share) * cache_write_factor"
        " * compute.api_price_usd_per_million_input_tokens + demand.cached_share"
        " * compute.api_price_usd_per_million_cached_tokens), 0) * vendor_price_index",
        "prompt tokens bought from a provider",
    ),
    Line(
        "bought_output_usd", "usd", "compute",
        'vendor_tokens_factor * generated_tokens * where(compute.serving == "api",'
        " (1 - compute.large_share) * compute.api_price_usd_per_million_output_tokens, 0)"
        " * vendor_price_index",
    ),
    Line(
        "routed_input_usd", "usd", "compute",
        "vendor_tokens_factor * prompt_tokens * compute.large_share * ((1 - demand.cached_share)"
        " * compute.large_price_usd_per_million_input_tokens + demand.cached_share"
        " * compute.large_price_usd_per_million_cached_tokens) * vendor_price_index",
        "prompt tokens that the router passes to a large model",
    ),
    Line(
        "routed_output_usd", "usd", "compute",
        "vendor_tokens_factor * generated_tokens * compute.large_share"
        " * compute.large_price_usd_per_million_output_tokens * vendor_price_index",
    ),
    Line(
        "bought_images_usd", "usd", "compute",
        'where(compute.serving == "api", generated_images * served_share'
        " * compute.api_price_usd_per_image * vendor_price_index, 0)",
    ),
    Line(
        "bought_calls_usd", "usd", "compute",
        'where(compute.serving == "api", calls * served_share / 1000'
        ' * where(compute.api_calls_priced_by == "call", compute.api_price_usd_per_thousand_calls,'
        " compute.api_tokens_ratio * vendor_price_factor / 1000 * (demand.prompt_tokens_per_request"
        " * compute.api_price_usd_per_million_input_tokens + demand.output_tokens_per_request"
        " * compute.api_price_usd_per_million_output_tokens)) * vendor_price_index, 0)",
        "by the call, or by the tokens that a call takes",
    ),
    Line(
        "bought_usd", "usd", "compute",
        "bought_input_usd + bought_output_usd + routed_input_usd + routed_output_usd"
        " + bought_images_usd + bought_calls_usd",
        "all that providers' interfaces cost",
    ),
    Line(
        "inference_usd", "usd", "compute",
        "compute.inference_usd_per_year / 12 * volume * vendor_price_index",
        "inference of which only the sum is known",
    ),
    Line("tools_usd", "usd", "compute",
         "requests * served_share / 1000 * compute.tools_usd_per_thousand_requests"),
    Line(
        "platform_staff_usd", "usd", "compute",
        "operating * compute.platform_fte * company.staff_usd_per_year / 12 * wage_index"
        ' * where(compute.serving == "api", compute.api_platform_share, 1)',
    ),
    Line(
        "finetune_service_usd", "usd", "compute",
        "finetune_jobs * revenue.finetune.tokens_per_job * 6 * building.active_parameters"
        " / (building.peak_flops_per_s * building.mfu_share * 3600)"
        " * building.rent_usd_per_gpu_hour * rent_index",
        "GPU hours of the fine-tuning jobs sold", "6 FLOPs a parameter and token",
    ),
)  # fmt: skip
