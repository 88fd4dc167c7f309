"""Risk figures against scipy, closed forms of the normal, and counting."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from modelworth.costmodel.business.model import Model
from modelworth.costmodel.risk.information import ranks_of
from modelworth.costmodel.risk.risk import (
    expected_shortfall,
    histogram,
    quantiles,
    rank_correlations,
    summarise,
)
from modelworth.costmodel.risk.sensitivity import Indices
from modelworth.costmodel.risk.simulation import ModelIndicators, simulate, simulate_few
from modelworth.costmodel.scenario.distributions import Normal, Pert, Uniform
from modelworth.costmodel.scenario.sampling_plan import plan

DRIVERS = {"price": Normal(10, 20), "rent": Normal(0, 5), "idle": Uniform(0, 1)}
DRAWS = simulate(
    lambda drawn: {"npv_usd": drawn["price"] - drawn["rent"]}, plan(DRIVERS, trials=2**14, seed=1)
)
NPV = DRAWS.indicators["npv_usd"]
EXACT = stats.norm(10, np.hypot(20, 5))


def test_the_summary_of_a_normal_npv_is_its_closed_form():
    found = summarise(DRAWS)
    assert found.probability_of_loss == pytest.approx(EXACT.cdf(0), abs=0.005)
    worst = EXACT.mean() - EXACT.std() * stats.norm.pdf(stats.norm.ppf(0.05)) / 0.05
    assert found.expected_shortfall_usd == pytest.approx(worst, rel=0.02)
    assert found.evpi_usd == pytest.approx(EXACT.expect(lambda x: max(x, 0)) - 10, rel=0.03)
    assert [influence.driver for influence in found.influences] == ["price", "rent", "idle"]
    assert found.influences[0].rank_correlation == pytest.approx(
        stats.spearmanr(NPV, DRAWS.drivers["price"]).statistic
    )
    assert (found.trials, found.seed) == (2**14, 1)
    assert sum(found.bin_counts) == found.trials


def test_sobol_indices_are_put_beside():
    found = summarise(DRAWS, indices={"price": Indices(0.9, 0.95)})
    assert [(row.first_order, row.total) for row in found.influences] == [
        (0.9, 0.95), (None, None), (None, None),
    ]  # fmt: skip


def test_quantiles_are_of_the_trials_that_have_a_value():
    values = np.array([np.nan, 1.0, 2.0, 3.0, np.nan])
    found = quantiles(values)
    assert (found.p50, found.share_defined) == (2.0, 0.6)
    assert quantiles(np.full(4, np.nan)).p50 is None


def test_expected_shortfall_is_the_mean_of_the_worst():
    assert expected_shortfall(np.arange(100.0)) == 2.0
    assert expected_shortfall(np.array([5.0])) == 5.0


def test_the_outer_bars_hold_the_tails():
    values = np.concatenate([np.random.default_rng(0).normal(size=10_000), [1e9]])
    edges, counts = histogram(values)
    assert sum(counts) == len(values)
    assert edges[-1] < 5
    assert np.diff(edges) == pytest.approx(np.diff(edges)[0])
    assert sum(histogram(np.full(10, 2.0))[1]) == 10


def test_ranks_agree_with_scipy_and_constants_have_none():
    drivers = {**DRAWS.drivers, "fixed": np.full(len(NPV), 2.0)}
    found = rank_correlations(NPV, ranks_of(drivers))
    for key in DRIVERS:
        assert found[key] == pytest.approx(stats.spearmanr(NPV, drivers[key]).statistic)
    assert found["fixed"] is None


def test_few_trials_in_one_run_are_those_of_many():
    drawn = plan({"compute.rent_on_demand_usd_per_gpu_hour": Pert(1.5, 2.5, 5)}, trials=64, seed=3)
    run = ModelIndicators(12, {}, ("npv_usd", "irr_per_year"))
    few, lines = simulate_few(run, drawn, ["net_cash_usd"])
    many = simulate(run, drawn)
    for key in run.keys:
        assert np.array_equal(few.indicators[key], many.indicators[key], equal_nan=True)
    alone = Model(12).run(few.drivers, ["net_cash_usd"])["net_cash_usd"]
    assert np.array_equal(lines["net_cash_usd"], alone)
