"""Finance against numpy-financial, pyxirr, polynomial roots and closed forms."""

from __future__ import annotations

import numpy as np
import numpy_financial as npf
import pytest
import pyxirr
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworth.costmodel.business import finance


def invested(rng, count, months):
    """Rows that pay in first and get back later: one change of sign."""
    rows = rng.exponential(1.0, size=(count, months))
    turn = rng.integers(1, months - 1, count)
    rows[np.arange(months) < turn[:, None]] *= -rng.uniform(0.5, 20)
    return rows


@pytest.mark.parametrize("months", [12, 60, 121])
def test_a_unique_irr_agrees_with_pyxirr(months):
    rows = invested(np.random.default_rng(months), 300, months)
    rates, status = finance.irr(rows)
    for row, rate, state in zip(rows, rates, status, strict=True):
        if state == finance.UNIQUE:
            assert pyxirr.npv(float(rate), row.tolist()) == pytest.approx(
                0, abs=1e-7 * np.abs(row).sum() * max(1, (1 + rate) ** -months)
            )
            expected = pyxirr.irr(row.tolist())
            if expected is not None and abs(pyxirr.npv(expected, row.tolist())) < 1e-6:
                assert rate == pytest.approx(expected, abs=1e-6)
    assert (status == finance.UNIQUE).mean() > 0.9


@given(
    st.lists(st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1), min_size=3, max_size=24)
)
@settings(deadline=None, max_examples=200)
def test_status_agrees_with_the_roots_of_the_polynomial(flows):
    row = np.array(flows)
    rate, status = finance.irr(row)
    roots = np.roots(np.trim_zeros(row)[::-1]) if np.any(row) else np.array([])
    real = roots[np.abs(roots.imag) < 1e-9 * np.maximum(1, np.abs(roots))].real
    low, high = 1 / (1 + finance.RATES[1]), 1 / (1 + finance.RATES[0])
    inside = real[(real > low * 1.001) & (real < high * 0.999)]
    edge = real[(real > low * 0.999) & (real < high * 1.001)]
    if len(edge) == len(inside) and len(np.unique(np.round(inside, 2))) == len(inside):
        wanted = {0: finance.NONE, 1: finance.UNIQUE}.get(len(inside), finance.SEVERAL)
        nearby = len(inside) > 1 and np.diff(np.sort(inside)).min() < 0.05
        touching = (
            len(roots) > len(real) and np.abs(roots.imag[np.abs(roots.imag) > 0]).min() < 1e-3
        )
        if not nearby and not touching:
            assert status[0] == wanted
            if wanted == finance.UNIQUE:
                assert 1 / (1 + rate[0]) == pytest.approx(inside[0], rel=1e-5)


def test_three_rates_are_several_and_none_is_none():
    """Both common libraries return about 0 for the first, whose rates are 0, 100 and 200%."""
    rates, status = finance.irr([[-1000, 6000, -11000, 6000], [1, 1, 1, 1], [-1, -1, 0, 0]])
    assert status.tolist() == [finance.SEVERAL, finance.NONE, finance.NONE]
    assert np.isnan(rates).all()


@given(st.integers(0, 10_000), st.floats(0.0, 0.2))
@settings(deadline=None, max_examples=60)
def test_mirr_agrees_with_numpy_financial(seed, rate):
    row = np.random.default_rng(seed).normal(size=24)
    assert finance.mirr(row, rate)[0] == pytest.approx(npf.mirr(row, rate, rate), rel=1e-9)


def test_mirr_needs_money_both_ways():
    assert np.isnan(finance.mirr([[1, 2, 3], [-1, -2, -3]], 0.1)).all()
