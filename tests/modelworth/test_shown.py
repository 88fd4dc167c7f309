"""Numbers in a terminal: close to what they are, and no powers of ten where there is a unit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelworth.verbs.shown import count, figure

SIZES = {"T": 1e12, "B": 1e9, "M": 1e6, "k": 1e3}


@given(st.floats(1.0, 1e17))
def test_a_count_is_read_back_within_half_of_its_last_digit(number):
    value, _, unit = count(number).partition(" ")
    assert "e" not in value
    assert float(value.replace(",", "")) * SIZES.get(unit, 1.0) == pytest.approx(number, rel=0.006)


@given(st.floats(-1e12, 1e12).filter(lambda value: abs(value) >= 1e-3))
def test_a_figure_is_read_back_within_half_of_its_last_digit(value):
    shown = figure(value)
    assert "e" not in shown
    assert float(shown.replace(",", "")) == pytest.approx(value, rel=0.0006)


def test_what_is_rounded_up_takes_the_next_unit():
    assert [count(number) for number in (999.7, 999_700, 999_999_999, 1.234e15)] == [
        "1 k", "1 M", "1 B", "1,234 T",
    ]  # fmt: skip
    assert (figure(9999.6), figure(None)) == ("10,000", "—")
