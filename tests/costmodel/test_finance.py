"""Finance against numpy-financial, pyxirr, polynomial roots and closed forms."""

from __future__ import annotations

import numpy as np
import numpy_financial as npf
import pytest
import pyxirr
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworth.costmodel.business import finance

RATE = st.floats(-0.05, 0.5).filter(lambda rate: abs(rate) > 1e-6)


def test_npv_agrees_with_numpy_financial():
    rows = np.random.default_rng(0).normal(size=(50, 60))
    assert finance.npv(rows, 0.01) == pytest.approx([npf.npv(0.01, row) for row in rows])


@given(RATE, st.integers(1, 120))
@settings(deadline=None)
def test_annuities_agree_with_numpy_financial(rate, periods):
    recovery, fund = finance.capital_recovery(rate, periods), finance.sinking_fund(rate, periods)
    assert recovery == pytest.approx(-npf.pmt(rate, periods, 1), rel=1e-6)
    assert fund == pytest.approx(-npf.pmt(rate, periods, 0, 1), rel=1e-6)
    assert recovery - fund == pytest.approx(rate, rel=1e-6)


@pytest.mark.parametrize("periods", [1, 4, 60])
def test_annuities_without_interest_are_equal_parts(periods):
    assert finance.capital_recovery(0, periods) == finance.sinking_fund(0, periods) == 1 / periods


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


def test_payback_and_funding_by_hand():
    rows = [[-100, 60, 60], [-100, -50, 10], [0, -50, 60], [10, -50, 60], [0, 0, 0]]
    assert finance.payback(rows) == pytest.approx([2, np.nan, 2, 2, 0], nan_ok=True)
    assert finance.peak_funding(rows) == pytest.approx([100, 150, 50, 40, 0])


@given(st.floats(1, 1e6), st.floats(1, 1e5))
@settings(deadline=None)
def test_payback_of_an_even_income_is_price_over_income(price, income):
    months = int(np.ceil(price / income - 1e-9))
    if months < 200 and abs(price / income - round(price / income)) > 1e-6:
        row = [-price, *[income] * 200]
        assert finance.payback(row)[0] == months


def test_discounted_payback_comes_later():
    row = [-100, *[10] * 20]
    assert finance.payback(row)[0] == 10
    # the annuity formula turned round: n = -ln(1 - 100 r / 10) / ln(1 + r)
    assert finance.payback(row, 0.05)[0] == np.ceil(-np.log(1 - 100 * 0.05 / 10) / np.log(1.05))
