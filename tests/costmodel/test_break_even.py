"""Break-even against closed forms, brentq and staircases whose every step is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from modelworth.costmodel.risk.break_even import axis, over_two, solve
from modelworth.data.errors import InputError


def test_a_line_is_solved_exactly():
    found = solve(lambda price: 120 * price - 300, 0.0, 10.0, 0.0)
    assert found.values == pytest.approx((2.5,))
    assert found.jumps == (False,)


@given(st.floats(0.2, 5), st.floats(-3, 3))
@settings(deadline=None)
def test_a_smooth_crossing_is_where_brentq_finds_it(slope, target):
    def indicator(x):
        return np.tanh(slope * (x - 1.3)) * 4

    expected = brentq(lambda x: float(indicator(x)) - target, -40, 40, xtol=1e-13)
    assert solve(indicator, -40, 40, target).values == pytest.approx((expected,), rel=1e-9)


def test_all_solutions_of_a_polynomial():
    found = solve(lambda x: (x - 1) * (x - 2) * (x - 7.5), 0.0, 10.0, 0.0)
    assert found.values == pytest.approx((1, 2, 7.5))


def test_it_is_reached_between_the_roots_where_the_polynomial_is_above_zero():
    found = solve(lambda x: (x - 1) * (x - 2) * (x - 7.5), 0.0, 10.0, 0.0)
    assert np.ravel(found.reached) == pytest.approx([1, 2, 7.5, 10])
    falling = solve(lambda x: -(x - 1) * (x - 2) * (x - 7.5), 0.0, 10.0, 0.0)
    assert np.ravel(falling.reached) == pytest.approx([0, 1, 2, 7.5])
    assert solve(lambda x: x + 1, 0.0, 10.0, 0.0).reached == ((0.0, 10.0),)
    assert solve(lambda x: x - 11, 0.0, 10.0, 0.0).reached == ()


def test_a_staircase_crosses_as_often_as_its_steps_do():
    """Self-hosting: a $1,000 replica serves 400 requests; the interface asks $2.6 a request."""

    def saved(volume):
        return 2.6 * volume - 1000 * np.ceil(volume / 400)

    found = solve(saved, 1.0, 2400.0, 0.0, points=2001)
    up = [1000 * step / 2.6 for step in range(1, 7)]  # within step n: 2.6 v = 1000 n
    expected = sorted(
        [v for n, v in enumerate(up, 1) if v < 400 * n] + [400.0 * n for n in range(1, 6)]
    )
    down = [v for v in expected if saved(np.array(v + 1e-6)) < 0 <= saved(np.array(v - 1e-6))]
    expected = [v for v in expected if v in down or v % 400]
    assert found.values == pytest.approx(expected)
    assert [bool(value % 400 < 1e-3 or value % 400 > 399.99) for value in found.values] == list(
        found.jumps
    )


def test_a_dip_between_two_points_of_the_grid_is_found():
    def dips(x):
        return (x - 0.50017) ** 2 - 1e-8

    found = solve(dips, 0.0, 1.0, 0.0, points=101)
    assert found.values == pytest.approx((0.50017 - 1e-4, 0.50017 + 1e-4))


def test_none_says_what_the_indicator_kept_to():
    found = solve(lambda x: 5 + np.sin(x), 0.0, 20.0, 0.0)
    assert found.values == ()
    assert (found.least, found.most) == pytest.approx((4, 6), abs=1e-4)


def test_stretches_on_the_target_are_given_by_their_ends():
    found = solve(lambda x: np.maximum(0.0, x - 3), 0.0, 6.0, 0.0, points=7)
    assert found.values == (0.0, 3.0)


def test_gaps_without_a_value_are_no_crossing():
    def indicator(x):
        return np.where(np.abs(x - 5) < 1, np.nan, np.sign(x - 5))

    assert solve(indicator, 0.0, 10.0, 0.0).values == ()
    assert solve(lambda x: x * np.nan, 0.0, 10.0, 0.0).least is None


@pytest.mark.parametrize(
    ("low", "high", "target"), [(1, 1, 0), (2, 1, 0), (0, np.inf, 0), (0, 1, np.nan)]
)
def test_an_impossible_question_is_refused(low, high, target):
    with pytest.raises(InputError):
        solve(lambda x: x, low, high, target)


def test_wide_ranges_are_searched_geometrically():
    assert axis(1, 1e6, 7) == pytest.approx(10.0 ** np.arange(7))
    assert axis(-1, 1, 3).tolist() == [-1, 0, 1]
    found = solve(lambda volume: volume - 3.7, 1e-3, 1e9, 0.0)
    assert found.values == pytest.approx((3.7,))


def test_the_map_of_two_drivers_has_a_row_for_each_of_the_second():
    table = over_two(lambda x, y: 10 * y + x, np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0]))
    assert table.tolist() == [[41, 42, 43], [51, 52, 53]]
