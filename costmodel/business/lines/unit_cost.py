"""What each kind of work costs: the fleet's cost split by the GPU time that each took.

Two costs are shown for tokens: `reservation` (all paid hours, idle ones included) and `usage` (busy
hours only). The parts add up to the whole: nothing is charged twice. Where a reference price ratio
splits the cost instead (NVIDIA's method), the result differs; GPU time is what was used.
"""

from __future__ import annotations

from modelworth.costmodel.formula.text import Line


def _share(load: str) -> str:
    """A load's part of the fleet's cost; 0 while there is no load."""
    part = f"where(load_gpu_s > 0, {load} / max(load_gpu_s, 1e-12), 0)"
    return f"(gpu_cost_usd - sold_cost_usd) * {part}"


LINES = (
    Line(
        "sold_cost_usd", "usd", "compute",
        "where(sold_gpus > 0, gpu_cost_usd * sold_gpus / max(gpus, 1e-12), 0)",
        "GPUs sold by the hour: their part of the fleet's cost",
    ),
    Line(
        "input_cost_usd", "usd", "compute",
        f"{_share('prefill_gpu_s')} + bought_input_usd + routed_input_usd",
        "prompt tokens: prefill's share of GPU time, and what was bought",
    ),
    Line(
        "output_cost_usd", "usd", "compute",
        f"{_share('decode_gpu_s')} + bought_output_usd + routed_output_usd",
        "output tokens: decode's share of GPU time, and what was bought",
    ),
    Line("image_cost_usd", "usd", "compute", f"{_share('image_gpu_s')} + bought_images_usd"),
    Line("call_cost_usd", "usd", "compute", f"{_share('call_gpu_s')} + bought_calls_usd"),
    Line("explanation_cost_usd", "usd", "compute", _share("explanation_gpu_s")),
    Line(
        "standing_cost_usd", "usd", "compute",
        "where(load_gpu_s > 0, 0, gpu_cost_usd - sold_cost_usd)",

        "the fleet's cost in months without load",
    ),
    Line(
        "serving_cost_usd", "usd", "compute",
        "input_cost_usd + output_cost_usd + image_cost_usd + call_cost_usd"
        " + explanation_cost_usd + standing_cost_usd + sold_cost_usd",
        "fleet and interfaces: the sum of the parts",
    ),
    Line("idle_cost_usd", "usd", "compute", "gpu_cost_usd * (1 - utilisation)",
         "paid GPU time that did no work"),
    Line("served_prompt_tokens", "tokens", "compute", "prompt_tokens * served_share"),
    Line("served_output_tokens", "tokens", "compute", "generated_tokens * served_share"),
    Line(
        "accepted_results", "results", "compute",
        "((requests + calls) * demand.accepted_share * (1 - private_quality_loss) + images)"
        " * served_share",
        "answers, calls and images that users accept",
    ),
    Line(
        "owned_usd_per_gpu_hour", "usd/GPU hour", "compute",
        "(owned_capital_usd_per_gpu_year + owned_running_usd_per_gpu_year) / 8760",
        "an own GPU in full use, by the annuity of its price at opening",
    ),
    Line(
        "owned_price_usd", "usd/GPU", "compute",
        "compute.purchase_usd_per_gpu * compute.cluster_uplift_factor"
        " * where(trust.on_premises, trust.on_premises_premium_factor, 1)",
        "server, network and premises, at opening",
    ),
    Line(
        "owned_capital_usd_per_gpu_year", "usd/GPU year", "compute",
        "owned_price_usd * where(nominal_rate > 0,"
        " (nominal_rate - compute.salvage_share * nominal_rate"
        " * exp(-compute.service_life_years * ln(1 + nominal_rate)))"
        " / max(1e-12, 1 - exp(-compute.service_life_years * ln(1 + nominal_rate))),"
        " (1 - compute.salvage_share) / compute.service_life_years)",
        "capital recovery of the price less the sinking fund of the salvage",
        "annuity: r / (1 - (1 + r)^-n) and r / ((1 + r)^n - 1)",
    ),
    Line(
        "owned_running_usd_per_gpu_year", "usd/GPU year", "compute",
        "12 * (compute.power_kw_per_gpu * compute.hosting_usd_per_kw_month"
        " + compute.hosting_usd_per_gpu_month) + compute.software_usd_per_gpu_year"
        " + owned_price_usd"
        " * (compute.maintenance_share_per_year + compute.failures_per_gpu_year"
        " * compute.repair_share_of_price)"
        " + where(compute.hosting_includes_power, 0, 8760 * compute.power_kw_per_gpu"
        " * compute.power_average_share * compute.pue * compute.electricity_usd_per_kwh)",
        "place, power, licences and upkeep at opening prices",
    ),
    Line(
        "owned_straight_line_usd_per_gpu_hour", "usd/GPU hour", "compute",
        "(owned_price_usd * (1 - compute.salvage_share) / compute.service_life_years"
        " + owned_running_usd_per_gpu_year) / 8760",
        "the same by straight-line depreciation, without cost of capital",
    ),
    Line(
        "owned_decay_usd_per_gpu_hour", "usd/GPU hour", "compute",
        "(owned_price_usd * ln(compute.value_fall_factor_per_year)"
        " + owned_running_usd_per_gpu_year) / 8760",
        "the same by loss of value in the first year", "Epoch AI, arXiv:2405.21015",
    ),
)  # fmt: skip
