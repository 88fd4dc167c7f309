"""The loss law against published examples and a numerical minimiser."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from modelworth.costmodel.architecture.scaling_law import (
    compute_optimal,
    effective_tokens,
    loss,
    tokens_for_loss,
)
from modelworth.data.errors import InputError
from tests.costmodel.laws import BESIROGLU, HOFFMANN, MUENNIGHOFF

LAW = pytest.mark.parametrize("law", [BESIROGLU, HOFFMANN, MUENNIGHOFF], ids=lambda law: law.name)


def test_gophers_budget_by_approach_3_is_a_model_of_40_billion():
    """Hoffmann et al. 2022, table A3: 40B for Gopher's budget of 5.76e23."""
    size, data = compute_optimal(HOFFMANN, 5.76e23)
    assert size == pytest.approx(40e9, rel=0.02)
    assert 6 * size * data == pytest.approx(5.76e23)


def test_the_refit_agrees_with_twenty_tokens_a_parameter():
    """Besiroglu et al. 2024 give a = 0.512 and about 20 tokens a parameter at that budget."""
    exponent = BESIROGLU.beta / (BESIROGLU.alpha + BESIROGLU.beta)
    assert exponent == pytest.approx(0.5126, abs=1e-3)
    size, data = compute_optimal(BESIROGLU, 5.76e23)
    assert 16 < data / size < 22


@LAW
@pytest.mark.parametrize("flops", [1e19, 1e22, 1e25])
def test_optimum_is_the_minimisers(law, flops):
    size, data = compute_optimal(law, flops)
    found = minimize_scalar(
        lambda size: loss(law, np.exp(size), flops / 6 / np.exp(size)),
        bounds=(np.log(1e5), np.log(1e14)),
        method="bounded",
        options={"xatol": 1e-10},
    )
    assert loss(law, size, data) == pytest.approx(found.fun, rel=1e-12)
    assert size == pytest.approx(np.exp(found.x), rel=1e-4)


def test_repeated_data_by_muennighoffs_statements():
    """At R = R* a repeated token is worth 1 − 1/e of a fresh one; four epochs are nearly free."""
    unique = 1e11
    halving = MUENNIGHOFF.unique_halving
    at_halving = effective_tokens(MUENNIGHOFF, unique * (1 + halving), unique)
    assert (at_halving - unique) / (unique * halving) == pytest.approx(1 - np.exp(-1))
    assert effective_tokens(MUENNIGHOFF, 4 * unique, unique) > 0.92 * 4 * unique
    assert effective_tokens(MUENNIGHOFF, 1e6 * unique, unique) == pytest.approx(16.387756 * unique)
    assert effective_tokens(MUENNIGHOFF, unique / 2, unique) == unique / 2


@given(st.floats(1e8, 1e13), st.floats(1e8, 1e13))
def test_repetition_never_beats_fresh_data(tokens, unique):
    assert effective_tokens(MUENNIGHOFF, tokens, unique) <= tokens * (1 + 1e-12)


@given(st.floats(1e8, 1e12))
def test_tokens_for_loss_inverts_the_loss(size):
    target = float(loss(BESIROGLU, size, 3e11))
    assert tokens_for_loss(BESIROGLU, target, size) == pytest.approx(3e11, rel=1e-6)


def test_what_no_model_reaches_is_refused():
    with pytest.raises(InputError, match="target_loss"):
        tokens_for_loss(BESIROGLU, 1.5, 1e9)
    with pytest.raises(InputError, match="parameters"):
        tokens_for_loss(BESIROGLU, 2.0, 1e7)
    with pytest.raises(InputError, match="training_flops"):
        compute_optimal(BESIROGLU, 0)
