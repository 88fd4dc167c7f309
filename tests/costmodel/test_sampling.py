"""Draws: the same whole or in chunks, correlated as asked, and closer than chance."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from modelworth.costmodel.risk.sampling import draw
from modelworth.costmodel.scenario.distributions import LogNormal, Normal, Pert, Uniform
from modelworth.costmodel.scenario.sampling_plan import plan
from modelworth.data.errors import InputError

DRIVERS = {
    "price.in": Pert(1, 2, 5),
    "compute.rent": LogNormal(2, 0.4),
    "demand.start": Uniform(0, 1),
    "demand.growth": Normal(0, 1),
}


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 700), st.integers(0, 5), st.lists(st.integers(1, 600), max_size=4))
def test_chunks_put_together_are_the_whole(trials, seed, cuts):
    made = plan(
        DRIVERS, trials=trials, seed=seed,
        correlations=(("price.in", "compute.rent", 0.4),),
    )  # fmt: skip
    whole = draw(made)
    places = sorted({0, trials, *(cut for cut in cuts if cut < trials)})
    parts = [draw(made, *span) for span in pairwise(places)]
    for key, values in whole.items():
        assert np.array_equal(values, np.concatenate([part[key] for part in parts]))
        assert np.isfinite(values).all()


def test_the_order_in_a_scenario_does_not_matter():
    backwards = dict(reversed(DRIVERS.items()))
    one, other = draw(plan(DRIVERS, trials=64)), draw(plan(backwards, trials=64))
    assert all(np.array_equal(one[key], other[key]) for key in DRIVERS)


def test_zero_is_a_seed_and_seeds_differ():
    drawn = [draw(plan(DRIVERS, trials=64, seed=seed))["price.in"] for seed in (0, 0, 1)]
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_rank_correlations_come_out_as_asked_and_margins_stay():
    asked = (
        ("price.in", "compute.rent", 0.8),
        ("compute.rent", "demand.growth", -0.3),
        ("demand.growth", "absent.driver", 0.9),
    )
    drawn = draw(plan(DRIVERS, correlations=asked, trials=20_000, seed=4))
    spearman = stats.spearmanr(np.column_stack([drawn[key] for key in sorted(drawn)])).statistic
    keys = sorted(drawn)
    expected = np.eye(4)
    for first, second, rank in asked[:2]:
        row, column = keys.index(first), keys.index(second)
        expected[row, column] = expected[column, row] = rank
    assert spearman == pytest.approx(expected, abs=0.02)
    assert stats.kstest(drawn["price.in"], stats.beta(2, 4, 1, 4).cdf).statistic < 0.01
    assert stats.kstest(drawn["compute.rent"], stats.lognorm(0.4, scale=2).cdf).statistic < 0.01


def test_sobol_points_find_a_mean_much_closer_than_chance():
    exact = DRIVERS["price.in"].mean * DRIVERS["compute.rent"].mean
    errors = [
        float(np.prod([draw(plan(DRIVERS, trials=4096, seed=seed))[key]
                       for key in ("price.in", "compute.rent")], axis=0).mean() - exact)
        for seed in range(5)
    ]  # fmt: skip
    by_chance = 2.0 / np.sqrt(4096)
    assert np.abs(errors).max() < by_chance / 5


def test_no_uncertain_driver_is_no_draw():
    assert draw(plan({}, trials=10)) == {}


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"trials": 0}, "trials"),
        ({"trials": 10**9}, "trials"),
        ({"seed": -1}, "seed"),
        (
            {"correlations": (("price.in", "compute.rent", 1.0),)},
            "correlations: price.in with compute.rent",
        ),
        (
            {"correlations": (("price.in", "price.in", 0.5),)},
            "correlations: price.in with price.in",
        ),
        (
            {"correlations": (("price.in", "compute.rent", 0.5),
                              ("compute.rent", "price.in", 0.5))},
            "correlations: compute.rent with price.in",
        ),
    ],
)  # fmt: skip
def test_a_wrong_plan_is_refused(settings, where):
    with pytest.raises(InputError) as refused:
        plan(DRIVERS, **settings)
    assert refused.value.where == where


def test_correlations_that_contradict_each_other_are_refused_with_what_would_do():
    pairs = [("price.in", "compute.rent"), ("compute.rent", "demand.start")]
    contradiction = (*((a, b, 0.9) for a, b in pairs), ("price.in", "demand.start", -0.9))
    with pytest.raises(InputError, match=r"scaled by at most 0\.52"):
        plan(DRIVERS, correlations=contradiction)
    allowed = tuple((a, b, 0.52 * rank) for a, b, rank in contradiction)
    assert draw(plan(DRIVERS, correlations=allowed, trials=8)).keys() == DRIVERS.keys()
