"""What making the model costs: compute, exploratory runs, data, labels, people, renewals.

The final run is only a part: research runs multiply it, and failures take their share of the time.
Sources: 6 FLOPs a parameter and token (4 for LoRA, whose frozen weights need no gradient); Hoffmann
et al. 2022 and Besiroglu et al. 2024 (loss law); Young 1974 and Daly 2006 (checkpoints); Epoch AI,
arXiv:2405.21015 (amortised clusters).
"""

from __future__ import annotations

from modelworth.costmodel.formula.text import Line

LINES = (
    Line(
        "loss_tokens", "tokens", "building",
        "(building.loss_tokens_scale / max(1e-9, building.target_loss - building.loss_floor"
        " - building.loss_parameters_scale"
        " / building.active_parameters ** building.loss_parameters_exponent))"
        " ** (1 / building.loss_tokens_exponent)",
        "tokens for the target loss at this size", "Besiroglu et al. 2024, arXiv:2404.10102",
    ),
    Line(
        "training_tokens", "tokens", "building",
        'where(building.method == "pretrain", where(building.tokens_basis == "given",'
        ' building.pretraining_tokens, where(building.tokens_basis == "compute_optimal",'
        " building.tokens_per_parameter * building.active_parameters, loss_tokens)),"
        " building.finetuning_tokens)",
        "tokens of the final run",
    ),
    Line(
        "training_flops", "FLOPs", "building",
        'where(building.method == "lora", 4, 6) * building.active_parameters * training_tokens',
        "model FLOPs of the final run",
    ),
    Line(
        "checkpoint_interval_hours", "hours", "building",
        "sqrt(2 * building.checkpoint_minutes / 60 * building.failure_gpu_hours / building.gpus)",
        "the interval between checkpoints that loses least", "Young 1974",
    ),
    Line(
        "goodput", "share", "building",
        'where(building.goodput_basis == "given", building.goodput_share,'
        " 1 / (1 + building.checkpoint_minutes / 60 / checkpoint_interval_hours"
        " + (checkpoint_interval_hours / 2 + building.restart_minutes / 60)"
        " * building.gpus / building.failure_gpu_hours))",
        "productive share of training time", "Young 1974; Daly 2006",
    ),
    Line(
        "private_slowdown", "ratio", "building",
        'where(trust.private_training == "none", 1, where(trust.private_training == "naive",'
        ' trust.naive_slowdown_factor, where(trust.private_training == "ghost",'
        " trust.ghost_slowdown_factor, trust.lora_slowdown_factor)))",
    ),
    Line(
        "training_pace", "ratio", "building",
        "ln(building.training_growth_factor_per_year) + ln(building.size_growth_factor_per_year)"
        " + ln(building.tokens_growth_factor_per_year) - ln(building.compute_fall_factor_per_year)",
        "growth of a training run's compute in a year, as a logarithm: more size, tokens and other"
        " effort, less by algorithmic progress",
        "Ho et al. 2024, arXiv:2403.05812; Epoch AI, arXiv:2405.21015",
    ),
    Line(
        "opening_training_index", "ratio", "building",
        "exp(training_pace * demand.years_until_start)",
        "compute of a training run at the start over that of the day of the plan's prices",
    ),
    Line(
        "final_run_gpu_hours", "GPU hours", "building",
        'where(building.method == "none", 0, where(building.hours_basis == "given",'
        " building.given_gpu_hours, where(building.hours_basis == \"cluster\","
        " building.gpus * building.cluster_days * 24, training_flops / (building.peak_flops_per_s"
        " * building.mfu_share * 3600) * private_slowdown / goodput)) * opening_training_index)",
    ),
    Line(
        "training_mfu", "share", "building",
        'where(building.method == "none", 0, training_flops * opening_training_index)'
        " / (final_run_gpu_hours * 3600 * building.peak_flops_per_s)",
        "model FLOPs over the dense peak of all hours paid",
    ),
    Line("final_run_days", "days", "building", "final_run_gpu_hours / building.gpus / 24",
         "wall time of the final run on the whole cluster"),
    Line(
        "all_runs_gpu_hours", "GPU hours", "building",
        'final_run_gpu_hours * where(building.method == "pretrain", building.research_factor,'
        " building.finetune_runs)",
        "final run, failed and exploratory runs",
    ),
    Line(
        "amortised_hardware_usd_per_gpu_hour", "usd/GPU hour", "building",
        "opening_purchase_index * building.server_usd_per_gpu"
        " * exp(-2.302585092994046 * building.years_since_purchase"
        " * building.price_performance_orders_per_year) * 2.302585092994046"
        " * building.price_performance_orders_per_year / 8766 / (1 - building.interconnect_share)",
        "loss of value of server and interconnect in an hour; the number is ln 10",
        "Epoch AI, arXiv:2405.21015",
    ),
    Line(
        "amortised_energy_usd_per_gpu_hour", "usd/GPU hour", "building",
        "building.power_kw_per_gpu * compute.power_average_share * compute.pue"
        " * compute.electricity_usd_per_kwh",
        "", "Epoch AI, arXiv:2405.21015",
    ),
    Line(
        "training_usd_per_gpu_hour", "usd/GPU hour", "building",
        'where(building.cluster == "rented", building.rent_usd_per_gpu_hour * opening_rent_index,'
        " amortised_hardware_usd_per_gpu_hour + amortised_energy_usd_per_gpu_hour)",
    ),
    Line(
        "provider_trains", "ratio", "building",
        'where(compute.serving == "api", where(building.method == "finetune", 1,'
        ' where(building.method == "lora", 1, 0)), 0)',
        "1 where a provider fine-tunes the model that it serves",
    ),
    Line(
        "final_run_usd", "usd", "building",
        'where(building.method == "none", 0, where(provider_trains == 1,'
        " training_tokens / 1e6 * building.provider_usd_per_million_training_tokens"
        " * opening_market_index,"
        " final_run_gpu_hours * training_usd_per_gpu_hour))",
        "the last run alone: not the cost of the model",
    ),
    Line(
        "training_compute_usd", "usd", "building",
        'where(building.method == "none", 0, where(provider_trains == 1,'
        " final_run_usd * building.finetune_runs,"
        " all_runs_gpu_hours * training_usd_per_gpu_hour))",
        "final run, failed and exploratory runs",
    ),
    Line(
        "cluster_purchase_usd", "usd", "building",
        "building.gpus * building.server_usd_per_gpu * opening_purchase_index"
        " / (1 - building.interconnect_share)",
        "what the training cluster would cost to buy",
    ),
    Line(
        "data_usd", "usd", "building",
        'where(building.method == "none", 0, building.data_purchase_usd'
        " + building.data_items * building.data_item_usd + training_tokens"
        " / building.keep_share * building.bytes_per_token / 1e12 * building.cleaning_usd_per_tb)",
        "bought, licensed or settled for once, and cleaned",
    ),
    Line(
        "labels_usd", "usd", "building",
        'where(building.method == "none", 0, (building.labelled_examples * building.example_usd'
        " + building.preference_pairs * building.pair_usd) * building.labelling_overrun_factor)",
    ),
    Line(
        "research_staff_usd", "usd", "building",
        'where(building.method == "none", 0,'
        " building.staff_months * company.staff_usd_per_year / 12)",
    ),
    Line(
        "model_usd", "usd", "building",
        "training_compute_usd + data_usd + labels_usd + research_staff_usd",
        "the first model, at opening prices",
    ),
    Line(
        "first_model_usd", "usd", "building",
        "where(month <= building.months_to_market, model_usd / (building.months_to_market + 1), 0)",
        "spread evenly over the months before service",
    ),
    Line(
        "renewal_due", "ratio", "building",
        "where(building.refreshes, (month > building.months_to_market + 1) * (month < months)"
        " * ((month - building.months_to_market - 1) % building.refresh_months == 0), 0)",
        "1 in the months in which the model is renewed",
    ),
    Line(
        "renewal_compute_usd", "usd", "building",
        "renewal_due * building.refresh_cost_share * training_compute_usd"
        " * exp(training_pace / 12 * elapsed_months)",
        "grows with size, tokens and other effort, falls with algorithmic progress",
    ),
    Line(
        "renewal_usd", "usd", "building",
        "renewal_compute_usd + renewal_due * building.refresh_cost_share * (labels_usd + data_usd"
        " * (exp(ln(building.tokens_growth_factor_per_year) / 12 * elapsed_months) - 1)"
        " + research_staff_usd * wage_index)",
        "compute, and data where tokens grow; people and labels stay",
    ),
    Line(
        "generation_size", "ratio", "building",
        "where(building.size_growth_factor_per_year == 1, 1,"
        " exp(ln(building.size_growth_factor_per_year) * demand.years_until_start)"
        " * exp(ln(building.size_growth_factor_per_year) / 12 * building.refresh_months"
        " * floor(max(0, elapsed_months - building.months_to_market) / building.refresh_months)))",
        "parameters of the model in service over those that the plan states",
    ),
    Line("building_usd", "usd", "building", "first_model_usd + renewal_usd", "paid"),
    Line(
        "training_energy_kwh", "kWh", "building",
        "all_runs_gpu_hours * building.power_kw_per_gpu * compute.power_average_share"
        " * compute.pue",
        "electricity of all runs for the first model, cooling included",
    ),
    Line("training_carbon_kg", "kg", "building",
         "training_energy_kwh * building.carbon_g_per_kwh / 1000"),
    Line("training_water_l", "l", "building", "training_energy_kwh * compute.water_l_per_kwh"),
    Line("building_to_date_usd", "usd", "building", "cumulative(building_usd)"),
    Line(
        "spread_building_usd", "usd", "building",
        "where(month < months, (building_to_date_usd - lag(building_to_date_usd,"
        " building.useful_life_months)) / building.useful_life_months, 0)",
        "a model's cost spread over its useful life",
    ),
    Line(
        "building_charge_usd", "usd", "building",
        'where(building.accounting == "expense", building_usd, where(month == months,'
        " total(building_usd) - total(spread_building_usd), spread_building_usd))",
        "in the profit and loss account: at once, or over the life; the rest is written off last",
    ),
)  # fmt: skip
