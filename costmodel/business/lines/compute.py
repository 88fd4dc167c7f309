"""What serving costs: rented GPUs, a provider's interface, tools, and the people who run it."""

from __future__ import annotations

from modelworth.costmodel.formula.text import Line

LINES = (
    Line(
        "wage_index", "ratio", "compute",
        "exp(ln(1 + company.inflation_per_year) / 12 * month)", "wages and general costs",
    ),
    Line(
        "rent_index", "ratio", "compute",
        "exp(-ln(compute.rent_fall_factor_per_year) / 12 * elapsed_months)",
        "rents relative to opening",
    ),
    Line(
        "reserved_rent_index", "ratio", "compute",
        "exp(-ln(compute.rent_fall_factor_per_year) / 12 * compute.reservation_months"
        " * floor(elapsed_months / compute.reservation_months))",
        "a reservation keeps its price until it is renewed",
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
        'where(compute.serving == "rented", 730 * gpus * compute.reserved_share'
        " * compute.rent_reserved_usd_per_gpu_hour * (1 + compute.rent_overhead_share)"
        " * reserved_rent_index + max(0, gpu_hours - 730 * gpus * compute.reserved_share)"
        " * flexible_rent_usd_per_gpu_hour * rent_index, 0)",
    ),
    Line(
        "vendor_price_index", "ratio", "compute",
        "exp(-ln(compute.api_price_fall_factor_per_year) / 12 * elapsed_months)",
        "prices of the interfaces bought, which fall too",
    ),
    Line(
        "vendor_tokens_factor",
        "million tokens/token",
        "compute",
        "served_share * compute.api_tokens_ratio / 1e6",
        "a provider's tokens, in millions, for each token of the own model",
    ),
    Line(
        "bought_input_usd", "usd", "compute",
        'vendor_tokens_factor * prompt_tokens * where(compute.serving == "api",'
        " (1 - compute.large_share) * ((1 - demand.cached_share)"
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
        " * compute.api_price_usd_per_thousand_calls * vendor_price_index, 0)",
    ),
    Line(
        "bought_usd", "usd", "compute",
        "bought_input_usd + bought_output_usd + routed_input_usd + routed_output_usd"
        " + bought_images_usd + bought_calls_usd",
        "all that providers' interfaces cost",
    ),
    Line(
        "tools_usd", "usd", "compute",
        "requests * served_share / 1000 * compute.tools_usd_per_thousand_requests",
    ),
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
