"""The value of information against closed forms for normal payoffs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from modelworth.costmodel.risk.information import (
    by_chance,
    knowing_each,
    perfect_information,
    ranks_of,
    with_doing_nothing,
)
from modelworth.costmodel.risk.sampling import draw
from modelworth.costmodel.scenario.distributions import Normal
from modelworth.costmodel.scenario.sampling_plan import plan

TRIALS = 2**15


def closed_form(mean: float, sd: float) -> float:
    """E[max(X, 0)] − max(E[X], 0) of a normal X: what knowing it is worth before a yes or no."""
    z = mean / sd
    return float(sd * stats.norm.pdf(z) + mean * stats.norm.cdf(z) - max(mean, 0.0))


def drawn(correlation: float | None = None) -> dict[str, np.ndarray]:
    pairs = () if correlation is None else (("a", "b", correlation),)
    drivers = {"a": Normal(1, 3), "b": Normal(0, 2), "idle": Normal(0, 1)}
    return draw(plan(drivers, correlations=pairs, trials=TRIALS, seed=5))


def test_perfect_information_is_the_closed_form_of_a_normal_payoff():
    values = drawn()
    payoff = values["a"] + values["b"]
    found = perfect_information(with_doing_nothing(payoff))
    assert found == pytest.approx(closed_form(1, np.hypot(3, 2)), rel=0.01)


def test_each_drivers_information_is_the_closed_form_of_its_part():
    values = drawn()
    found = knowing_each(with_doing_nothing(values["a"] + values["b"]), ranks_of(values))
    assert found["a"] == pytest.approx(closed_form(1, 3), rel=0.02)
    assert found["b"] == pytest.approx(closed_form(1, 2), rel=0.02)
    assert found["idle"] < 0.01 * found["b"]


def test_a_driver_also_informs_about_what_moves_with_it():
    values = drawn(correlation=0.6)
    normal = 2 * np.sin(np.pi * 0.6 / 6)
    found = knowing_each(with_doing_nothing(values["a"] + values["b"]), ranks_of(values))
    assert found["b"] == pytest.approx(closed_form(1, 2 + 3 * normal), rel=0.02)


def test_a_choice_between_two_ways_is_worth_the_spread_of_their_difference():
    values = drawn()
    table = np.column_stack([values["a"], values["b"]])
    assert perfect_information(table) == pytest.approx(closed_form(1, np.hypot(3, 2)), rel=0.01)
    found = knowing_each(table, ranks_of(values))
    assert found["a"] == pytest.approx(closed_form(1, 3), rel=0.02)


def test_a_driver_of_few_values_is_taken_by_its_levels():
    generator = np.random.default_rng(2)
    switch = generator.choice([0.0, 1.0], size=TRIALS, p=[0.7, 0.3])
    payoff = np.where(switch == 1, -10.0, 4.0) + generator.normal(0, 1, TRIALS)
    found = knowing_each(with_doing_nothing(payoff), ranks_of({"switch": switch}))["switch"]
    share = switch.mean()
    assert found == pytest.approx(4 * (1 - share) - max(0, 4 - 14 * share), abs=0.05)


def test_nothing_is_worth_knowing_when_the_decision_is_clear():
    values = drawn()
    table = with_doing_nothing(1000 + values["a"])
    assert knowing_each(table, ranks_of(values))["a"] == 0
    assert by_chance(table, seed=0) == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.floats(-3, 3), st.floats(0, 3), st.floats(0, 3))
def test_knowing_one_driver_is_never_worth_more_than_knowing_all(seed, mean, first, second):
    generator = np.random.default_rng(seed)
    values = {"a": generator.normal(size=2000), "b": generator.random(2000)}
    table = with_doing_nothing(mean + first * values["a"] + second * values["b"] ** 2)
    whole = perfect_information(table)
    for worth in knowing_each(table, ranks_of(values)).values():
        assert -1e-9 <= worth <= whole * 1.01 + 0.02


def test_chance_alone_is_worth_little():
    table = with_doing_nothing(drawn()["b"])
    assert by_chance(table, seed=0) < 0.02 * perfect_information(table)
