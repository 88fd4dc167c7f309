"""The whole business model over 100,000 trials and 60 months, against a plain loop over trials.

    python -m benchmarks.business_trials [--trials 100000] [--plain 40] [--months 60]

Both sides compute the same indicators from the same formulas for the same draws, rates of return
included, and the results are compared before the times are. The plain side is a Python program made
from the formulas (`plain_model`): one trial, one month, one number at a time, with numpy-financial
for NPV and rate of return; it runs a few trials and its time for all is extrapolated. Memory is the
process's peak. The table goes to standard output.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
from time import perf_counter, process_time
from typing import Any

import numpy as np

from benchmarks.plain_model import npv_and_irr, plain_program
from modelworth.costmodel.business.model import Model
from modelworth.costmodel.risk.sampling import draw
from modelworth.costmodel.risk.simulation import CHUNK, Draws, ModelIndicators, simulate
from modelworth.costmodel.scenario.drivers import choices, load_drivers
from modelworth.costmodel.scenario.sampling_plan import SamplingPlan, plan
from modelworth.costmodel.scenario.scenario import loads

#: a plan in which every part of the model has work to do, and 24 drivers are uncertain
SCENARIO = """
months: {months}
start: "2026-12"
capacity:
  basis: given
  fleet: autoscaled
  decode_tokens_per_s_per_gpu: {{normal: {{mean: 1850, sd: 120}}}}
  prefill_tokens_per_s_per_gpu: {{normal: {{mean: 9200, sd: 500}}}}
  headroom_share: {{low: 0.6, mode: 0.75, high: 0.9}}
  software_gain_factor_per_year: {{lognormal: {{median: 1.4, sigma: 0.2}}}}
demand:
  requests_per_month: {{lognormal: {{median: 4.0e+8, sigma: 0.5}}}}
  growth_per_year: {{lognormal: {{median: 0.6, sigma: 0.5}}}}
  ceiling_multiple: {{low: 2, mode: 8, high: 30}}
  cached_share: {{low: 0.1, mode: 0.4, high: 0.7}}
  output_tokens_per_request: {{lognormal: {{median: 200, sigma: 0.3}}}}
  peak_over_average: {{low: 1.3, mode: 2, high: 4}}
  market_price_fall_factor_per_year: {{lognormal: {{median: 1.6, sigma: 0.2}}}}
  requests_per_customer_month: 5.0e+6
  churn_per_month: {{low: 0.01, mode: 0.03, high: 0.06}}
revenue:
  price_fall_factor_per_year: {{lognormal: {{median: 1.5, sigma: 0.2}}}}
  api:
    price_usd_per_million_input_tokens: {{low: 0.4, mode: 0.6, high: 1}}
    price_usd_per_million_output_tokens: {{low: 1.5, mode: 2.5, high: 4}}
    paid_share: {{low: 0.6, mode: 0.8, high: 1}}
  seats:
    seats: {{lognormal: {{median: 5000, sigma: 0.4}}}}
    usage_sigma: {{low: 1, mode: 1.5, high: 2}}
    over_cap: bill
  enterprise:
    contracts: {{lognormal: {{median: 20, sigma: 0.4}}}}
compute:
  serving: rented
  rent_on_demand_usd_per_gpu_hour: {{lognormal: {{median: 2.6, sigma: 0.3}}}}
  rent_fall_factor_per_year: {{low: 1, mode: 1.2, high: 1.5}}
  reserved_share: 0.3
  spot_share: 0.2
building:
  method: lora
  months_to_market: 2
  finetune_runs: {{lognormal: {{median: 10, sigma: 0.5}}}}
  labelled_examples: {{low: 5000, mode: 20000, high: 100000}}
  staff_months: {{low: 6, mode: 24, high: 60}}
trust:
  explained_share: 0.01
  scrubbed_share: 0.2
company:
  general_usd_per_month: {{low: 50000, mode: 100000, high: 250000}}
simulation:
  correlations:
    - [revenue.price_fall_factor_per_year, demand.market_price_fall_factor_per_year, 0.8]
    - [demand.requests_per_month, revenue.seats.seats, 0.5]
"""
KEYS = (
    "npv_usd", "irr_per_year", "payback_months", "peak_funding_usd", "gross_margin_share",
    "usd_per_million_output_tokens", "usd_per_accepted_result", "mean_utilisation_share",
)  # fmt: skip


def main() -> None:
    """Run both sides and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--plain", type=int, default=40, help="trials of the plain loop")
    parser.add_argument("--months", type=int, default=60)
    options = parser.parse_args()
    values, sampling = question(options.months, options.trials)
    run = ModelIndicators(options.months, values, KEYS)
    simulate(run, plan_of(sampling, CHUNK))  # compile, and fill the tables of the distributions
    times, draws = [], None
    for _ in range(3):
        wall, cpu = perf_counter(), process_time()
        draws = simulate(run, sampling)
        times.append((perf_counter() - wall, process_time() - cpu))
    assert draws is not None
    plain_s = plain(options.months, values, sampling, draws, options.plain)
    report(options, sampling, min(times), plain_s)


def question(months: int, trials: int) -> tuple[dict[str, Any], SamplingPlan]:
    """Fixed drivers and the plan for drawing the uncertain ones."""
    scenario = loads(SCENARIO.format(months=months), "benchmark.yaml")
    values = {key: setting.value for key, setting in scenario.settings.items()}
    uncertain = {
        key: setting.distribution
        for key, setting in scenario.settings.items()
        if setting.distribution is not None
    }
    return values, plan(uncertain, correlations=scenario.correlations, trials=trials)


def plan_of(sampling: SamplingPlan, trials: int) -> SamplingPlan:
    """The same plan with fewer trials."""
    return SamplingPlan(sampling.keys, sampling.distributions, sampling.correlations, trials)


def plain(
    months: int, values: dict[str, Any], sampling: SamplingPlan, draws: Draws, count: int
) -> float:
    """Seconds a trial of the plain loop; its results must be those of the simulation."""
    model, rows = Model(months), load_drivers()
    lines = [key for key in KEYS if key != "irr_per_year"]
    monthly = frozenset(key for key, row in rows.items() if row.kind == "monthly")
    trial = plain_program(
        model.formulas, choices(rows), monthly, [*lines, "net_cash_usd", "nominal_rate"]
    )
    table = draw(sampling, 0, count)
    began = perf_counter()
    found = []
    for place in range(count):
        drawn = {key: float(column[place]) for key, column in table.items()}
        drivers = model.completed({**values, **drawn})
        drivers |= {key: np.ravel(drivers[key]).tolist() for key in monthly}
        months_of = trial(drivers, months)
        rate = (1 + months_of["nominal_rate"][0]) ** (1 / 12) - 1
        npv, irr = npv_and_irr(months_of["net_cash_usd"], rate)
        found.append({**{key: months_of[key][0] for key in lines}, "irr_per_year": irr, "npv": npv})
    seconds = (perf_counter() - began) / count
    compare(found, draws)
    return seconds


def compare(found: list[dict[str, float]], draws: Draws) -> None:
    """Refuse to time two programs that don't agree."""
    for place, trial in enumerate(found):
        for key in KEYS:
            ours, theirs = float(draws.indicators[key][place]), trial[key]
            if key == "irr_per_year" and np.isnan(ours):
                continue  # none or several: numpy-financial gives one of them
            if not (np.isnan(ours) and np.isnan(theirs)):
                np.testing.assert_allclose(ours, theirs, rtol=1e-7, err_msg=f"{key}, trial {place}")
        np.testing.assert_allclose(draws.indicators["npv_usd"][place], trial["npv"], rtol=1e-7)


def report(
    options: argparse.Namespace, sampling: SamplingPlan, best: tuple[float, float], plain_s: float
) -> None:
    """Print the table."""
    wall, cpu = best
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    cores, load = os.cpu_count(), os.getloadavg()[0]
    print(f"{platform.machine()}, {cores} cores, load {load:.1f} at the end; Python "
          f"{platform.python_version()}, numpy {np.__version__}")  # fmt: skip
    print(f"{options.trials:,} trials x {options.months} months, {len(sampling.keys)} uncertain "
          f"drivers, {len(KEYS)} indicators with IRR, chunks of {CHUNK:,}\n")  # fmt: skip
    print(f"{'':<34}{'seconds':>12}{'trials/s':>14}{'peak GiB':>10}")
    print(f"{'vectorised, best of 3 (wall)':<34}{wall:>12.2f}{options.trials / wall:>14,.0f}"
          f"{peak:>10.2f}")  # fmt: skip
    print(f"{'vectorised (processor time)':<34}{cpu:>12.2f}")
    print(f"{f'plain loop ({options.plain} trials, scaled)':<34}{plain_s * options.trials:>12,.0f}"
          f"{1 / plain_s:>14,.1f}")  # fmt: skip
    print(f"\n{plain_s * options.trials / wall:,.0f} times as fast; results agree to 1e-7")


if __name__ == "__main__":
    main()
