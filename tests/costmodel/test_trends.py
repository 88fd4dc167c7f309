"""Trends held to other libraries and exact series; a later start held to the plan written so."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest
from scipy.stats import linregress

from modelworth.costmodel.business import trends
from modelworth.costmodel.business.model import Model
from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.risk.maps import values_of
from modelworth.costmodel.scenario.scenario import load, opening_year, starting_in, with_overrides
from modelworth.data.errors import InputError
from modelworth.data.history import past_training_costs

DAY = date(2026, 11, 26)
PLAN = "pretrain_foundation"


def npv_of(scenario):
    return evaluate(scenario, trials=0, parts=(), today=DAY).indicators["npv_usd"].base


def test_a_series_that_halves_each_year_halves_each_year():
    dated = [(f"{2020 + year}-07-01", 64 / 2**year) for year in range(5)]
    found = trends.fitted("price", dated)
    assert found.factor_per_year == pytest.approx(2, rel=1e-9)
    assert (found.low, found.high) == pytest.approx((2, 2), rel=1e-6)
    assert (found.count, found.first, found.last) == (5, "2020-07-01", "2024-07-01")


def test_the_growth_of_training_runs_is_that_of_scipys_regression():
    """Whole dates, days as hundred-and-fiftieths off at most: the slope and its error agree."""
    rows = [row for row in past_training_costs() if row.training_flop and len(row.date) == 10]
    years = [date.fromisoformat(row.date).toordinal() / 365.2425 for row in rows]
    other = linregress(years, np.log([row.training_flop for row in rows]))
    found = trends.fitted("x", [(row.date, row.training_flop) for row in rows], grows=True)
    assert math.log(found.factor_per_year) == pytest.approx(other.slope, rel=2e-3)
    assert found.error == pytest.approx(other.stderr, rel=2e-3)
    assert found.low < found.factor_per_year < found.high


def test_the_published_series_say_what_their_source_says():
    """Cottier et al. 2024: cost of training grew 2.4 times a year (2.0 to 2.9), since 2016."""
    runs = [(row.date, row.amortised_usd) for row in past_training_costs() if row.amortised_usd]
    assert trends.fitted("cost", runs, grows=True).factor_per_year == pytest.approx(2.4, rel=0.2)


@pytest.mark.parametrize("path", ["exponential", "mean_reverting"])
def test_a_later_start_is_the_plan_written_with_that_years_prices(path):
    """Opening prices, rents and progress worked out by hand, the rest as it was."""
    changes = {
        "demand.market_price_path": path, "compute.rent_path": path,
        "demand.market_price_fall_factor_per_year": 2.0, "compute.rent_fall_factor_per_year": 1.25,
        "revenue.price_fall_factor_per_year": 2.0, "compute.reserved_share": 0.0,
        "capacity.software_gain_factor_per_year": 1.0, "building.rent_usd_per_gpu_hour": 2.0,
        "compute.rent_on_demand_usd_per_gpu_hour": 2.5, "building.method": "none",
        "demand.market_price_reversion_per_year": 0.5, "compute.rent_reversion_per_year": 1.0,
        "demand.market_price_long_run_ratio": 0.3, "compute.rent_long_run_ratio": 0.6,
    }  # fmt: skip
    plan = with_overrides(load("base"), changes)
    if path == "exponential":
        price, rent = 2.0**-3, 1.25**-3
        again = {}
    else:
        price, rent = 0.3 + 0.7 * math.exp(-1.5), 0.6 + 0.4 * math.exp(-3)
        again = {
            "demand.market_price_long_run_ratio": 0.3 / price,
            "compute.rent_long_run_ratio": 0.6 / rent,
        }
    own = "revenue.api.price_usd_per_million_{}_tokens"
    anchor = "demand.anchor.{}_price_usd_per_million_tokens"
    written = {
        "compute.rent_on_demand_usd_per_gpu_hour": 2.5 * rent,
        **{own.format(one): plan.number(own.format(one)) * price for one in ("input", "output")},
        **{anchor.format(one): plan.number(own.format(one)) * price for one in ("input", "output")},
    }
    by_hand = npv_of(with_overrides(plan, {**written, **again}))
    assert npv_of(starting_in(plan, opening_year(plan.start) + 3)) == pytest.approx(by_hand)


def test_training_at_the_start_grows_and_falls_as_renewals_do():
    later = {"demand.years_until_start": 2.0, "building.training_growth_factor_per_year": 3.0,
             "building.compute_fall_factor_per_year": 2.0, "building.method": 2.0,
             "compute.rent_fall_factor_per_year": 1.1}  # fmt: skip
    keys = ("final_run_gpu_hours", "final_run_usd", "training_mfu")
    now, then = (
        Model(12).run(values, keys) for values in ({**later, "demand.years_until_start": 0}, later)
    )
    grown = (3.0 / 2.0) ** 2
    assert then[keys[0]] == pytest.approx(now[keys[0]] * grown)
    assert then[keys[1]] == pytest.approx(now[keys[1]] * grown / 1.1**2)
    assert then[keys[2]] == pytest.approx(now[keys[2]])


def test_every_year_of_the_table_is_the_plan_begun_then():
    plan = load(PLAN)
    analysis = evaluate(plan, trials=0, parts=(), today=DAY)
    found = trends.by_start(plan.months, plan.start, values_of(analysis, plan))
    assert [start.year for start in found] == [2027, 2028, 2029, 2030]
    assert found[0].npv_usd == pytest.approx(npv_of(plan))
    assert found[2].npv_usd == pytest.approx(npv_of(starting_in(plan, 2029)))
    assert found[2].market_price_index == pytest.approx(2.0**-2)


def test_a_table_by_month_has_no_later_start():
    plan = with_overrides(load(PLAN), {"demand.market_price_path": "table"})
    with pytest.raises(InputError, match="write the table for 2029"):
        starting_in(plan, 2029)
    analysis = evaluate(plan, trials=0, parts=(), today=DAY)
    assert trends.by_start(plan.months, plan.start, values_of(analysis, plan)) == ()


@pytest.mark.parametrize("year", [2026, 2048])
def test_a_start_outside_of_what_can_be_asked_is_refused(year):
    with pytest.raises(InputError, match="a year from 2027 to 2047"):
        starting_in(load(PLAN), year)


def test_published_paces_stand_where_they_are_asked_for_and_nothing_else_is_said():
    plan = load("base")
    asked = {"demand.market_basis": "published", "building.growth_basis": "published",
             "building.method": "pretrain"}  # fmt: skip
    found = evaluate(with_overrides(plan, asked), trials=0, parts=(), today=DAY).drivers
    _, rent, _, compute = trends.trends(None)
    for key, trend in ((trends.RENT, rent), (trends.GROWTH, compute)):
        assert found[key].basis == "published"
        assert found[key].value == pytest.approx(trend.factor_per_year)
    assert found[trends.PROGRESS].value == 1
    own = "demand.market_price_fall_factor_per_year"
    assert (own in plan.settings) == (found[own].basis != "published")
