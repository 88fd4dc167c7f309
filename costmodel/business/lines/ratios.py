"""Ratios and alternatives that boards ask for and published cases state.

The same thing counted in several ways side by side: a training run on rented, amortised or bought
hardware; a cost split by GPU time or by price; a fleet in GPUs or in replicas. Nothing in cash or
profit rests on these lines.
"""

from __future__ import annotations

from modelworth.costmodel.formula.text import Line

LINES = (
    Line("average_replicas", "replicas", "capacity", "average_gpus / capacity.gpus_per_replica",
         "replicas' worth of work, were load even"),
    Line("prefill_replicas", "replicas", "capacity",
         "prefill_gpu_s / 2628000 / capacity.gpus_per_replica", "prefill's part of them"),
    Line("decode_replicas", "replicas", "capacity",
         "decode_gpu_s / 2628000 / capacity.gpus_per_replica", "decode's part of them"),
    Line(
        "prefill_load_factor", "ratio", "capacity",
        "where(prefill_gpu_s > 0, 1 + explanation_gpu_s / max(prefill_gpu_s, 1e-12), 1)",
        "prefill's GPU time with explanations over that without",
    ),
    Line("prefill_share", "share", "capacity", "total(prefill_gpu_s) / total(load_gpu_s)",
         "prefill's share of GPU time"),
    Line(
        "output_over_input_cost", "ratio", "compute",
        "usd_per_million_output_tokens / usd_per_million_input_tokens",
        "cost of an output token over that of a prompt token",
    ),
    Line(
        "price_split_usd_per_million_input_tokens", "usd/million tokens", "compute",
        "(total(input_cost_usd) + total(output_cost_usd))"
        " * revenue.api.price_usd_per_million_input_tokens"
        " / (total(served_prompt_tokens) * revenue.api.price_usd_per_million_input_tokens"
        " + total(served_output_tokens) * revenue.api.price_usd_per_million_output_tokens) * 1e6",
        "the cost of tokens split by list prices instead of GPU time", "NVIDIA's TCO method",
    ),
    Line(
        "price_split_usd_per_million_output_tokens", "usd/million tokens", "compute",
        "price_split_usd_per_million_input_tokens"
        " * revenue.api.price_usd_per_million_output_tokens"
        " / revenue.api.price_usd_per_million_input_tokens",
        "", "NVIDIA's TCO method",
    ),
    Line("opening_month_peak_gpus", "GPUs", "capacity", "peak_gpus * opening_month"),
    Line(
        "peak_fleet_usd_per_day", "usd/day", "compute",
        "total(opening_month_peak_gpus) * 24 * compute.rent_on_demand_usd_per_gpu_hour"
        " * (1 + compute.rent_overhead_share)",
        "rent of a fixed fleet for the busiest minute, in the first month",
    ),
    Line(
        "owned_straight_line_usd_per_replica_year", "usd/replica year", "compute",
        "owned_straight_line_usd_per_gpu_hour * 8760 * capacity.gpus_per_replica",
        "a server's yearly cost where a replica is a server",
    ),
    Line("owned_usd_per_gpu_year", "usd/GPU year", "compute", "owned_usd_per_gpu_hour * 8760",
         "by the annuity"),
    Line(
        "revenue_to_justify_hardware_usd", "usd", "compute",
        "total(capex_usd) / (1 - verdict.gross_margin_share)",
        "revenue that hardware bought must bring at the target gross margin",
        "Sequoia Capital, AI's $600B question",
    ),
    Line(
        "top_tenth_share_of_usage", "share", "demand",
        "norm_cdf(revenue.seats.usage_sigma - norm_ppf(0.9))",
        "share of all tokens that the heaviest tenth of seats uses", "lognormal: Lorenz curve",
    ),
    Line("top_fifth_share_of_usage", "share", "demand",
         "norm_cdf(revenue.seats.usage_sigma - norm_ppf(0.8))", "", "lognormal: Lorenz curve"),
    Line("mean_over_median_usage", "ratio", "demand",
         "exp(revenue.seats.usage_sigma ** 2 / 2)", "mean seat over median seat", "lognormal"),
    Line(
        "seat_margin_usd", "usd/seat month", "company",
        "total(seat_revenue_usd) / total(seats) - serving_cost_per_seat_usd",
        "what a seat pays less what serving it costs",
    ),
    Line("customers_kept_share_per_year", "share", "demand", "(1 - demand.churn_per_month) ** 12",
         "customers of a year ago who are still there"),
    Line("seats_kept_share_per_year", "share", "demand",
         "(1 - revenue.seats.churn_per_month) ** 12"),
    Line("contracts_kept_share_per_year", "share", "demand",
         "(1 - revenue.enterprise.churn_per_month) ** 12"),
    Line(
        "unit_cost_fall_factor_per_year", "ratio/year", "compute",
        'where(compute.serving == "api", compute.api_price_fall_factor_per_year,'
        " capacity.software_gain_factor_per_year"
        ' * where(compute.serving == "rented", compute.rent_fall_factor_per_year, 1))',
        "factor by which the cost of a token falls in a year",
    ),
    Line(
        "erosion_months_to_zero_margin", "months", "company",
        "12 * ln(total(opening_month_revenue_usd) / total(opening_month_cost_usd))"
        " / (ln(revenue.price_fall_factor_per_year) - ln(unit_cost_fall_factor_per_year))",
        "months until falling prices have eaten the opening margin of serving",
        "ln(1 / (1 - margin)) / (ln price fall - ln cost fall)",
    ),
    Line("gpu_hours_per_trillion_tokens", "GPU hours", "building",
         "final_run_gpu_hours / training_tokens * 1e12"),
    Line("final_run_gpu_years", "GPU years", "building", "final_run_gpu_hours / 8760"),
    Line(
        "final_run_share_of_compute", "share", "building", "1 / (all_runs_gpu_hours"
        " / final_run_gpu_hours)", "the final run's share of all training compute",
    ),
    Line(
        "inference_flops", "FLOPs", "building",
        "2 * building.active_parameters * (total(served_prompt_tokens)"
        " + total(served_output_tokens))",
        "model FLOPs of all tokens served over the horizon",
        "2 FLOPs a parameter and token; Sardana et al. 2024, arXiv:2401.00448",
    ),
    Line(
        "lifetime_flops", "FLOPs", "building", "training_flops + inference_flops",
        "final run and service together: what a smaller model, trained longer, saves",
        "Sardana et al. 2024, arXiv:2401.00448",
    ),
    Line("cluster_failure_hours", "hours", "building", "building.failure_gpu_hours / building.gpus",
         "mean time between unexpected stops of the whole cluster"),
    Line("failures_per_gpu_year", "1/year", "building", "8766 / building.failure_gpu_hours"),
    Line("final_run_failures", "failures", "building",
         "final_run_gpu_hours / building.failure_gpu_hours", "unexpected stops of the final run"),
    Line(
        "server_value_usd_per_gpu", "usd/GPU", "building",
        "building.server_usd_per_gpu * exp(-2.302585092994046 * building.years_since_purchase"
        " * building.price_performance_orders_per_year)",
        "value of the training servers when training starts", "Epoch AI, arXiv:2405.21015",
    ),
    Line(
        "final_run_hardware_usd", "usd", "building",
        "final_run_gpu_hours * amortised_hardware_usd_per_gpu_hour"
        " * (1 - building.interconnect_share)",
        "loss of value of the servers during the final run", "Epoch AI, arXiv:2405.21015",
    ),
    Line(
        "final_run_interconnect_usd", "usd", "building",
        "final_run_gpu_hours * amortised_hardware_usd_per_gpu_hour * building.interconnect_share",
        "", "Epoch AI, arXiv:2405.21015",
    ),
    Line(
        "final_run_energy_usd", "usd", "building",
        "final_run_gpu_hours * amortised_energy_usd_per_gpu_hour", "",
        "Epoch AI, arXiv:2405.21015",
    ),
    Line(
        "final_run_amortised_usd", "usd", "building",
        "final_run_hardware_usd + final_run_interconnect_usd + final_run_energy_usd",
        "the final run by loss of value and energy",
    ),
    Line("final_run_rented_usd", "usd", "building",
         "final_run_gpu_hours * building.rent_usd_per_gpu_hour", "the final run at cloud prices"),
    Line("rented_over_amortised", "ratio", "building",
         "final_run_rented_usd / final_run_amortised_usd"),
    Line("purchase_over_amortised", "ratio", "building",
         "cluster_purchase_usd / final_run_amortised_usd"),
    Line(
        "hardware_share_of_model", "share", "building",
        "(final_run_hardware_usd + final_run_interconnect_usd)"
        " / final_run_share_of_compute / model_usd",
        "servers and interconnect in the cost of the model", "Epoch AI, arXiv:2405.21015",
    ),
    Line("interconnect_share_of_model", "share", "building",
         "final_run_interconnect_usd / final_run_share_of_compute / model_usd"),
    Line("energy_share_of_model", "share", "building",
         "final_run_energy_usd / final_run_share_of_compute / model_usd"),
    Line("staff_share_of_model", "share", "building", "research_staff_usd / model_usd"),
    Line("opening_month_cost_of_revenue_usd", "usd", "company",
         "cost_of_revenue_usd * opening_month"),
    Line(
        "opening_month_total_usd", "usd", "compute",
        "total(opening_month_cost_of_revenue_usd) + model_usd / building.useful_life_months",
        "cost of revenue in the first month, and the model spread over its life",
    ),
)  # fmt: skip
