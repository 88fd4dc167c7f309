"""Own hardware: bought when needed, depreciated, powered, housed, repaired, and sold in the end.

A GPU is bought a month before it is needed and serves its whole life, or to the age at which the
plan retires it. Straight-line depreciation
goes down to the salvage price; declining depreciation follows the fall of hardware's value (Epoch
AI, arXiv:2405.21015). A GPU leaves the fleet at its book value; what is left at the end of the
horizon is sold for a share of it, and the rest is written off.
"""

from __future__ import annotations

from modelworth.costmodel.formula.text import Line

LINES = (
    Line(
        "service_life_months", "months", "compute",
        "max(2, round(where(compute.life_change_month > 0, compute.changed_life_years,"
        " compute.service_life_years) * 12))",
        "over which the books write a GPU off",
    ),
    Line(
        "fleet_life_months", "months", "compute",
        "where(compute.retired_after_months > 0, max(1, min(service_life_months,"
        " compute.retired_after_months)), service_life_months)",
        "until a GPU leaves the fleet: its service life, or the age at which it is retired",
    ),
    Line("first_life_months", "months", "compute",
         "max(2, round(compute.service_life_years * 12))", "as the books have it at opening"),
    Line(
        "gpus_needed", "GPUs", "compute",
        'where(compute.serving == "owned", max(gpus, next(gpus)), 0)',
        "for this month and the next",
    ),
    Line("gpus_retired", "GPUs", "compute", "lag(gpus_bought, fleet_life_months + 1)"),
    Line("gpus_bought", "GPUs", "compute",
         "max(0, gpus_needed - (prev(gpus_owned, 0) - gpus_retired))"),
    Line("gpus_owned", "GPUs", "compute", "prev(gpus_owned, 0) - gpus_retired + gpus_bought"),
    Line(
        "opening_purchase_index", "ratio", "compute",
        "exp(-ln(compute.purchase_price_fall_factor_per_year) * demand.years_until_start)",
        "price of the same GPU at the start over that of the day of the plan's prices",
    ),
    Line(
        "price_usd_per_owned_gpu", "usd/GPU", "compute",
        "compute.purchase_usd_per_gpu * compute.cluster_uplift_factor"
        " * where(trust.on_premises, trust.on_premises_premium_factor, 1)"
        " * opening_purchase_index"
        " * exp(-ln(compute.purchase_price_fall_factor_per_year) / 12 * month)",
        "server, network and premises included",
    ),
    Line("capex_usd", "usd", "compute",
         'where(compute.serving == "owned", gpus_bought * price_usd_per_owned_gpu, 0)'),
    Line("capex_retired_usd", "usd", "compute", "lag(capex_usd, fleet_life_months + 1)",
         "purchase price of what leaves the fleet"),
    Line("fleet_price_change_usd", "usd", "compute", "capex_usd - capex_retired_usd"),
    Line("fleet_price_usd", "usd", "compute", "cumulative(fleet_price_change_usd)",
         "purchase price of the fleet in service"),
    Line("value_kept", "ratio", "compute",
         "exp(-ln(compute.value_fall_factor_per_year) / 12)", "value left after a month"),
    Line(
        "declining_book_usd", "usd", "compute",
        "prev(declining_book_usd, 0) * value_kept + capex_usd"
        " - capex_retired_usd * value_kept ** (fleet_life_months + 1)",
    ),
    Line(
        "changed_rate_usd", "usd", "compute",
        "capex_usd * (1 - compute.salvage_share) * where(month <= compute.life_change_month,"
        " (1 - (compute.life_change_month - month) / first_life_months)"
        " / max(1, service_life_months - (compute.life_change_month - month)),"
        " 1 / service_life_months)",
        "monthly charge of what was bought in this month, once its life is changed: what is left"
        " then, over the months that are left", "prospective change of estimate: IAS 8, ASC 250",
    ),
    Line("changed_rates_to_date_usd", "usd", "compute", "cumulative(changed_rate_usd)"),
    Line(
        "changed_depreciation_usd", "usd", "compute",
        "prev(changed_rates_to_date_usd, 0)"
        " - lag(changed_rates_to_date_usd, fleet_life_months + 1)",
        "straight-line charge after the change of life",
    ),
    Line(
        "first_depreciation_usd", "usd", "compute",
        "(1 - compute.salvage_share) / first_life_months"
        " * (prev(fleet_price_usd, 0) - capex_retired_usd)",
        "straight-line charge by the life at opening",
    ),
    Line(
        "fleet_depreciation_usd", "usd", "compute",
        'where(compute.serving == "owned", where(compute.depreciation == "straight_line",'
        " where(compute.life_change_month > 0, where(month > compute.life_change_month,"
        " changed_depreciation_usd, first_depreciation_usd), first_depreciation_usd),"
        " (1 - value_kept) * prev(declining_book_usd, 0)), 0)",
    ),
    Line(
        "retired_book_usd", "usd", "compute",
        'where(compute.depreciation == "straight_line", 1 - (1 - compute.salvage_share)'
        " * fleet_life_months / service_life_months, value_kept ** (fleet_life_months + 1))"
        " * capex_retired_usd",
        "book value of what leaves the fleet: the salvage price, unless it is retired early",
    ),
    Line(
        "early_write_off_usd", "usd", "compute",
        "where(compute.retired_after_months > 0, where(fleet_life_months < service_life_months,"
        " (1 - compute.retired_sale_share) * retired_book_usd, 0), 0)",
        "book value that early retirement doesn't bring back",
    ),
    Line("fleet_book_change_usd", "usd", "compute",
         "capex_usd - fleet_depreciation_usd - retired_book_usd"),
    Line("fleet_book_at_close_usd", "usd", "compute", "cumulative(fleet_book_change_usd)",
         "book value before the sale at the end of the horizon"),
    Line(
        "fleet_closing_usd", "usd", "compute",
        "where(month == months, fleet_book_at_close_usd, 0)",
        "book value of what is sold at the end of the horizon",
    ),
    Line("fleet_book_usd", "usd", "compute", "fleet_book_at_close_usd - fleet_closing_usd",
         "closing balance of the fleet"),
    Line(
        "fleet_sales_usd", "usd", "compute",
        'where(compute.serving == "owned",'
        " retired_book_usd - early_write_off_usd"
        " + compute.closing_sale_share * fleet_closing_usd, 0)",
    ),
    Line(
        "fleet_write_off_usd", "usd", "compute",
        'where(compute.serving == "owned", early_write_off_usd'
        " + (1 - compute.closing_sale_share) * fleet_closing_usd, 0)",
    ),
    Line(
        "energy_kwh", "kWh", "compute",
        'where(compute.energy_basis == "power",'
        " gpu_hours * (compute.power_kw_per_gpu * compute.power_average_share * compute.pue),"
        " requests * served_share / 1000 * compute.accelerator_wh_per_request"
        " * (1 + compute.host_over_accelerator_ratio) * (1 + compute.idle_over_busy_ratio)"
        " * compute.pue)",
        "electricity of serving, cooling included",
    ),
    Line("carbon_kg", "kg", "compute", "energy_kwh * compute.carbon_g_per_kwh / 1000"),
    Line(
        "power_usd", "usd", "compute",
        "where(compute.hosting_includes_power, 0,"
        " energy_kwh * compute.electricity_usd_per_kwh) * wage_index",
        "unless the rent of the place includes it",
    ),
    Line(
        "hosting_usd", "usd", "compute",
        "gpus_owned * (compute.power_kw_per_gpu * compute.hosting_usd_per_kw_month"
        " + compute.hosting_usd_per_gpu_month) * wage_index",
    ),
    Line(
        "maintenance_usd", "usd", "compute",
        "fleet_price_usd * ((compute.maintenance_share_per_year + compute.failures_per_gpu_year"
        " * compute.repair_share_of_price) / 12)",
        "upkeep, and swaps of GPUs that failed",
    ),
    Line("software_usd", "usd", "compute", "gpus_owned * compute.software_usd_per_gpu_year / 12"),
    Line(
        "owned_running_usd", "usd", "compute",
        'where(compute.serving == "owned",'
        " power_usd + hosting_usd + maintenance_usd + software_usd, 0)",
        "what own hardware costs in cash each month",
    ),
    Line(
        "gpu_cost_usd", "usd", "compute",
        "rent_usd + owned_running_usd + fleet_depreciation_usd",
        "what the serving fleet costs, depreciation included",
    ),
)  # fmt: skip
