"""Stops of the sliders."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from modelworth.costmodel.analysis import DriverUse
from modelworth.dashboard.levers import STOPS, stops

NUMBERS = st.floats(min_value=1e-6, max_value=1e9)


def use(value: float, low: float | None, high: float | None, unit: str = "ratio") -> DriverUse:
    return DriverUse(
        "demand.reasoning_factor", "demand", unit, value, None, value, low, high, "", None, None,
        "assumed",
    )  # fmt: skip


@given(NUMBERS, NUMBERS, NUMBERS)
def test_stops_rise_over_the_range_and_hold_the_value(value, one, other):
    low, high = sorted((one, other))
    assume(max(high, value) > min(low, value))
    found = stops(use(value, low, high))
    assert found == sorted(found)
    assert value in found
    assert found[0] == pytest.approx(min(low, value), rel=1e-2)
    assert found[-1] == pytest.approx(max(high, value), rel=1e-2)
    assert len(found) <= STOPS + 1


def test_a_wide_range_is_walked_in_equal_ratios():
    found = stops(use(1.0, 1.0, 1e4))
    assert found[STOPS // 2] == pytest.approx(100.0, rel=0.01)


def test_whole_things_come_whole():
    assert all(stop == int(stop) for stop in stops(use(4, 1, 16, "GPUs")))


def test_without_a_range_the_value_has_room_on_both_sides():
    found = stops(use(3.0, None, None))
    assert found[0] < 3.0 < found[-1]
