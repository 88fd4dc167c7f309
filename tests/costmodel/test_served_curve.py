"""Curves of servers whose law is known: read where the objective is met."""

import math

import numpy as np
import pytest
from scipy import stats

from modelworth.costmodel.business.served_curve import CurvePoint, operating_point, p95_s
from modelworth.data.serving import Spread


def points(loads, *, rate=0.5, tpot=1.0, sound=True):
    """Requests a second ∝ load^rate, time per token ∝ load^tpot: powers, as the reader joins."""
    return [
        CurvePoint(load, 2.0 * load**rate, 0.01, 0.001 * load**tpot, f"at {load}", sound)
        for load in loads
    ]


def test_between_two_loads_a_power_law_is_read_exactly():
    """1 ms × load = 20 ms at 20 in flight, where 2 × √20 requests a second are done."""
    found = operating_point(points([4, 16, 32]), ttft_s=1.0, tpot_s=0.020)
    assert found.held
    assert found.in_flight == pytest.approx(20)
    assert found.requests_per_s == pytest.approx(2 * math.sqrt(20))
    assert found.tpot_s == pytest.approx(0.020)
    assert found.record_ids == ("at 16", "at 32")


def test_nothing_is_read_beyond_the_largest_load_or_across_a_wide_gap():
    assert operating_point(points([4, 16]), 1.0, 1.0).in_flight == 16
    assert operating_point(points([4, 64]), 1.0, 0.020).in_flight == 4


def test_a_server_that_slows_down_is_read_where_it_was_fastest():
    slower = [*points([8]), *points([16], rate=0.1)]
    assert operating_point(slower, 1.0, 1.0).in_flight == 8


def test_where_no_load_keeps_the_objective_the_smallest_stands_and_says_so():
    found = operating_point(points([8, 16]), 1.0, 0.001)
    assert (found.in_flight, found.held) == (8, False)


def test_loads_that_were_all_too_small_are_no_capacity():
    few = points([4, 8], sound=False)
    assert operating_point(few, 1.0, 1.0) is None
    assert operating_point(few, 1.0, 0.006).in_flight == pytest.approx(6)
    assert operating_point([], 1.0, 1.0) is None


@pytest.mark.parametrize("given", [("p50_s", "p99_s"), ("p90_s", "p99_s"), ("p50_s", "p90_s")])
def test_a_missing_percentile_is_that_of_a_log_normal_time(given):
    law = stats.lognorm(s=0.7, scale=0.2)
    known = {name: float(law.ppf(int(name[1:3]) / 100)) for name in given}
    assert p95_s(Spread(**known)) == pytest.approx(law.ppf(0.95), rel=1e-4)


def test_a_lone_figure_stands_for_itself_and_none_for_none():
    assert p95_s(Spread(mean_s=0.3)) == 0.3
    assert p95_s(Spread(p50_s=0.2, p95_s=0.9, p99_s=1.0)) == 0.9
    assert p95_s(None) is p95_s(Spread()) is None


def test_more_slack_never_reads_a_smaller_rate():
    curve = points([1, 2, 4, 8, 16, 32])
    rates = [
        operating_point(curve, 1.0, float(tpot)).requests_per_s
        for tpot in np.geomspace(0.001, 0.05, 40)
    ]
    assert rates == sorted(rates)
