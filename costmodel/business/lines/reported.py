"""Figures as companies report them: shares of revenue, growth, energy a request, attach rates.

Nothing in cash or profit rests on these lines.
"""

from __future__ import annotations

from modelworth.costmodel.formula.text import Line

LINES = (
    Line(
        "research_over_revenue", "ratio", "company",
        "(total(research_usd) + total(building_usd)) / max(0, total(revenue_usd))",
        "research and models over revenue",
    ),
    Line("operating_margin_share", "share", "company",
         "total(operating_profit_usd) / max(0, total(revenue_usd))"),
    Line("net_margin_share", "share", "company",
         "total(net_profit_usd) / max(0, total(revenue_usd))"),
    Line(
        "revenue_growth_multiple", "ratio", "revenue",
        "total(revenue_usd) / max(0, company.previous_year_revenue_usd)",
        "revenue over that of the year before",
    ),
    Line(
        "serving_compute_usd", "usd", "compute",
        "gpu_cost_usd + bought_usd + inference_usd + lease_usd",
        "what serving takes of GPUs, interfaces and commitments",
    ),
    Line(
        "research_compute_usd", "usd", "company",
        "where(month > 0, (building.research_compute_usd_per_year"
        " + building.training_compute_usd_per_year) / 12, 0)"
        " + where(month <= building.months_to_market,"
        " training_compute_usd / (building.months_to_market + 1), 0)"
        " + renewal_compute_usd",
        "compute of research and of models",
    ),
    Line("compute_usd", "usd", "compute", "serving_compute_usd + research_compute_usd",
         "all that compute costs"),
    Line("research_share_of_compute", "share", "compute",
         "total(research_compute_usd) / total(compute_usd)"),
    Line("compute_share_of_research", "share", "company",
         "total(research_compute_usd) / (total(research_usd) + total(building_usd))"),
    Line(
        "seat_attach_share", "share", "revenue",
        "where(revenue.seats.installed_base > 0, seats / max(1, revenue.seats.installed_base), 0)",
        "paid seats over all users of the product",
    ),
    Line(
        "image_price_usd_by_tokens", "usd/image", "revenue",
        "revenue.images.tokens_per_image * revenue.api.price_usd_per_million_output_tokens / 1e6",
        "price of an image where it is charged by tokens",
    ),
    Line(
        "net_retention_per_year", "ratio", "demand",
        'where(demand.curve == "cohorts", demand.net_retention_per_year,'
        " (1 - churn_per_month) ** 12)",
        "spending of the customers of a year ago over theirs then",
    ),
    Line("tokens_per_day", "tokens", "demand", "(prompt_tokens + generated_tokens) * 24 / 730"),
    Line(
        "energy_wh_per_request", "Wh/request", "compute",
        "where(requests > 0, (energy_kwh - where(compute.energy_basis == \"power\", 730 * sold_gpus"
        " * compute.power_kw_per_gpu * compute.power_average_share * compute.pue, 0)) * 1000"
        " / max(1e-12, requests * served_share), 0)",
        "electricity of serving for each request, idle GPUs and cooling included",
    ),
    Line("carbon_g_per_request", "g/request", "compute",
         "energy_wh_per_request / 1000 * compute.carbon_g_per_kwh"),
    Line(
        "water_ml_per_request", "ml/request", "compute",
        "energy_wh_per_request / compute.pue * compute.water_l_per_kwh",
        "water for the computers' own electricity",
    ),
    Line("training_usd_per_gpu_hour_paid", "usd/GPU hour", "building",
         "training_compute_usd / all_runs_gpu_hours"),
    Line("training_kw_per_gpu", "kW/GPU", "building", "training_energy_kwh / all_runs_gpu_hours",
         "mean power of a training GPU, cooling included"),
    Line(
        "sold_break_even_usd_per_gpu_hour", "usd/GPU hour", "compute",
        "owned_usd_per_gpu_hour / max(1e-12, revenue.compute.utilisation_sold_share)",
        "price of an hour sold at which an own GPU earns the discount rate",
    ),
    Line(
        "sold_straight_line_usd_per_gpu_hour", "usd/GPU hour", "compute",
        "owned_straight_line_usd_per_gpu_hour"
        " / max(1e-12, revenue.compute.utilisation_sold_share)",
        "the same by straight-line depreciation: below it is a loss",
    ),
    Line(
        "owned_saving_share", "share", "compute",
        "1 - owned_usd_per_gpu_hour / (compute.rent_on_demand_usd_per_gpu_hour"
        " * (1 + compute.rent_overhead_share))",
        "what an own GPU in full use saves against rent on demand",
    ),
    Line(
        "routed_usd_per_million_output_tokens", "usd/million tokens", "compute",
        "compute.large_share * compute.large_price_usd_per_million_output_tokens"
        " + (1 - compute.large_share) * compute.api_price_usd_per_million_output_tokens",
        "price of output behind a router", "RouteLLM, ICLR 2025",
    ),
    Line(
        "routing_saving_share", "share", "compute",
        "1 - routed_usd_per_million_output_tokens"
        " / compute.large_price_usd_per_million_output_tokens",
        "what the router saves against the large model alone", "RouteLLM, ICLR 2025",
    ),
    Line(
        "value_usd_per_staff_hour", "usd/hour", "revenue",
        "total(internal_value_usd) / (months * revenue.internal.staff"
        " * revenue.internal.work_hours_per_month)",
        "value over all hours of the staff that it stands for",
    ),
)  # fmt: skip
