"""The figures that people ask for: which there are, their units, and which way is better.

Most are one formula of `lines.outcome`. The rates of return need a search, which `finance` does;
the model's cash flow is what they are found from. NPV comes first: a rate of return may not exist,
or be several (`irr_status`), and is never averaged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

STATUSES: Final = ("unique", "none", "several")


@dataclass(frozen=True, slots=True)
class Indicator:
    """A figure.

    Attributes:
        better: whether more or less of it is good; None where neither is.
        line: the line that holds it, where it has another name.
        method: `rates` for what is searched for in a cash flow.
    """

    key: str
    unit: str
    better: Literal["more", "less"] | None = None
    line: str | None = None
    method: Literal["rates"] | None = None


_ALL = (
    Indicator("npv_usd", "usd", "more"),
    Indicator("irr_per_year", "share", "more", "net_cash_usd", "rates"),
    Indicator("mirr_per_year", "share", "more", "net_cash_usd", "rates"),
    Indicator("payback_months", "months", "less"),
    Indicator("discounted_payback_months", "months", "less"),
    Indicator("peak_funding_usd", "usd", "less"),
    Indicator("gross_margin_share", "share", "more"),
    Indicator("gross_margin_second_year_share", "share", "more"),
    Indicator("gross_margin_last_year_share", "share", "more"),
    Indicator("contribution_margin_share", "share", "more"),
    Indicator("ebitda_margin_share", "share", "more"),
    Indicator("markup_share", "share", "more"),
    Indicator("serving_margin_share", "share", "more"),
    Indicator("serving_markup_share", "share", "more"),
    Indicator("usd_per_million_input_tokens", "usd_per_million_tokens", "less"),
    Indicator("usd_per_million_output_tokens", "usd_per_million_tokens", "less"),
    Indicator("usd_per_million_tokens", "usd_per_million_tokens", "less"),
    Indicator("usage_usd_per_million_input_tokens", "usd_per_million_tokens", "less"),
    Indicator("usage_usd_per_million_output_tokens", "usd_per_million_tokens", "less"),
    Indicator("usd_per_thousand_requests", "usd_per_thousand_requests", "less"),
    Indicator("usd_per_image", "usd_per_image", "less"),
    Indicator("usd_per_thousand_calls", "usd_per_thousand_calls", "less"),
    Indicator("usd_per_accepted_result", "usd_per_result", "less"),
    Indicator("serving_cost_per_seat_usd", "usd_per_seat_month", "less"),
    Indicator("usd_per_free_user_month", "usd_per_seat_month", "less"),
    Indicator("mean_utilisation_share", "share", "more"),
    Indicator("served_load_share", "share", "more"),
    Indicator("idle_cost_total_usd", "usd", "less"),
    Indicator("peak_fleet_gpus", "gpus"),
    Indicator("opening_gpus", "gpus"),
    Indicator("opening_average_gpus", "gpus"),
    Indicator("opening_month_total_usd", "usd", "less"),
    Indicator("plan_month_total_usd", "usd", "less"),
    Indicator("opening_serving_usd_per_day", "usd_per_day"),
    Indicator("opening_revenue_usd_per_day", "usd_per_day"),
    Indicator("lifetime_value_usd", "usd_per_account", "more"),
    Indicator("acquisition_usd_per_account", "usd_per_account", "less"),
    Indicator("lifetime_value_per_acquisition", "ratio", "more"),
    Indicator("building_total_usd", "usd", "less"),
    Indicator("model_usd", "usd", "less"),
    Indicator("final_run_usd", "usd", "less"),
    Indicator("final_run_gpu_hours", "gpu_hours", "less"),
    Indicator("training_mfu", "share", "more"),
    Indicator("goodput", "share", "more"),
    Indicator("final_run_days", "days", "less"),
    Indicator("training_return_ratio", "ratio", "more"),
    Indicator("months_to_zero_margin", "months", "more"),
    Indicator("owned_usd_per_gpu_hour", "usd_per_gpu_hour", "less"),
    Indicator("owned_straight_line_usd_per_gpu_hour", "usd_per_gpu_hour", "less"),
    Indicator("owned_decay_usd_per_gpu_hour", "usd_per_gpu_hour", "less"),
    Indicator("buying_pays_from_utilisation_share", "share", "less"),
    Indicator("total_revenue_usd", "usd", "more"),
    Indicator("total_net_profit_usd", "usd", "more"),
    Indicator("total_net_cash_usd", "usd", "more"),
    Indicator("terminal_share_of_value", "share", "less"),
    Indicator("energy_total_kwh", "kwh", "less"),
    Indicator("carbon_total_kg", "kg", "less"),
)
INDICATORS: Final[Mapping[str, Indicator]] = {item.key: item for item in _ALL}
