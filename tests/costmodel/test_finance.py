from __future__ import annotations

import numpy as np
import numpy_financial as npf
import pytest

from costmodel import finance


def test_npv_agrees_with_numpy_financial():
    rows = np.random.default_rng(0).normal(size=(50, 60))
    assert finance.npv(rows, 0.01) == pytest.approx([npf.npv(0.01, row) for row in rows])


@pytest.mark.parametrize("rate", [0.0, 1e-6, 0.1, 1.0])
def test_annuities_agree_with_numpy_financial(rate):
    assert finance.capital_recovery(rate, 4) == pytest.approx(-npf.pmt(rate, 4, 1))
    assert finance.sinking_fund(rate, 4) == pytest.approx(-npf.pmt(rate, 4, 0, 1))


def test_payback_and_funding_by_hand():
    rows = [[-100, 60, 60], [-100, -50, 10]]
    assert finance.payback(rows) == pytest.approx([2, np.nan], nan_ok=True)
    assert finance.peak_funding(rows) == pytest.approx([100, 150])
