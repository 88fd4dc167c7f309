"""The loss law against published examples and a numerical minimiser."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar

from modelworth.costmodel.architecture.scaling_law import (
    BESIROGLU,
    HOFFMANN,
    LAWS,
    MUENNIGHOFF,
    compute_optimal,
    data_constrained_loss,
    effective_tokens,
    inference_aware_optimal,
    loss,
    optimal_for_loss,
    tokens_for_loss,
)
from modelworth.data.errors import InputError

LAW = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)


def test_gophers_budget_by_approach_3_is_a_model_of_40_billion():
    """Hoffmann et al. 2022, table A3: 40B for Gopher's budget of 5.76e23."""
    best = compute_optimal(HOFFMANN, 5.76e23)
    assert best.parameters == pytest.approx(40e9, rel=0.02)
    assert best.training_flops == pytest.approx(5.76e23)


def test_the_refit_agrees_with_twenty_tokens_a_parameter():
    """Besiroglu et al. 2024 give a = 0.512 and about 20 tokens a parameter at that budget."""
    exponent = BESIROGLU.beta / (BESIROGLU.alpha + BESIROGLU.beta)
    assert exponent == pytest.approx(0.5126, abs=1e-3)
    assert 16 < compute_optimal(BESIROGLU, 5.76e23).tokens_per_parameter < 22


@pytest.mark.parametrize(
    ("size", "use", "published_size", "published_data", "published_saving"),
    [
        (13e9, 2e12, 7e9, 2.10, 0.17),
        (30e9, 1e13, 13.6e9, 2.84, 0.28),
    ],
)
def test_models_for_use_are_smaller_as_sardana_says(
    size, use, published_size, published_data, published_saving
):
    """Sardana et al. 2023, figure 1 and section 2: train smaller and longer, save FLOPs."""
    exponent = HOFFMANN.beta / (HOFFMANN.alpha + HOFFMANN.beta)
    budget = minimize_scalar(
        lambda power: abs(compute_optimal(HOFFMANN, 10**power).parameters / size - 1),
        bounds=(20, 27),
        method="bounded",
        options={"xatol": 1e-10},
    ).x
    usual = compute_optimal(HOFFMANN, 10**budget)
    best = inference_aware_optimal(HOFFMANN, usual.loss, use)
    spent = usual.training_flops + 2 * usual.parameters * use
    saved = 1 - (best.training_flops + 2 * best.parameters * use) / spent
    assert 0.4 < exponent < 0.5
    assert best.parameters == pytest.approx(published_size, rel=0.03)
    assert best.tokens / usual.tokens == pytest.approx(published_data, rel=0.04)
    assert saved == pytest.approx(published_saving, abs=0.015)


@LAW
@pytest.mark.parametrize("flops", [1e19, 1e22, 1e25])
def test_optimum_is_the_minimisers(law, flops):
    best = compute_optimal(law, flops)
    found = minimize_scalar(
        lambda size: loss(law, np.exp(size), flops / 6 / np.exp(size)),
        bounds=(np.log(1e5), np.log(1e14)),
        method="bounded",
        options={"xatol": 1e-10},
    )
    assert best.loss == pytest.approx(found.fun, rel=1e-12)
    assert best.parameters == pytest.approx(np.exp(found.x), rel=1e-4)


@LAW
def test_cheapest_training_for_a_loss_is_the_budgets_optimum(law):
    best = compute_optimal(law, 3e22)
    back = optimal_for_loss(law, best.loss)
    assert back.parameters == pytest.approx(best.parameters, rel=1e-9)
    assert back.tokens == pytest.approx(best.tokens, rel=1e-9)


@LAW
@pytest.mark.parametrize("use", [0.0, 1e11, 1e13])
def test_inference_aware_optimum_is_the_minimisers(law, use):
    target = compute_optimal(law, 1e22).loss
    best = inference_aware_optimal(law, target, use, 1.0, 2.5)
    assert best.loss == pytest.approx(target, rel=1e-12)

    def cost(point):
        size, tokens = np.exp(point)
        return np.log(6 * size * tokens + 2.5 * 2 * size * use)

    found = minimize(
        cost,
        np.log([best.parameters * 1.1, best.tokens * 1.1]),
        constraints={"type": "ineq", "fun": lambda point: target - loss(law, *np.exp(point))},
        method="SLSQP",
        options={"ftol": 1e-14},
    )
    assert cost(np.log([best.parameters, best.tokens])) <= found.fun + 1e-7
    assert best.parameters == pytest.approx(np.exp(found.x[0]), rel=2e-3)


def test_without_use_it_is_the_training_optimum():
    target = compute_optimal(BESIROGLU, 1e23).loss
    best = inference_aware_optimal(BESIROGLU, target, 0)
    assert best.parameters == pytest.approx(
        optimal_for_loss(BESIROGLU, target).parameters, rel=1e-4
    )


@given(st.floats(1e9, 1e13), st.floats(1e9, 1e13))
def test_more_use_never_asks_for_a_larger_model(one, other):
    target = compute_optimal(BESIROGLU, 1e22).loss
    few, many = sorted((one, other))
    larger = inference_aware_optimal(BESIROGLU, target, few).parameters
    assert inference_aware_optimal(BESIROGLU, target, many).parameters <= larger * (1 + 1e-6)


def test_repeated_data_by_muennighoffs_statements():
    """At R = R* a repeated token is worth 1 − 1/e of a fresh one; four epochs are nearly free."""
    unique = 1e11
    halving = MUENNIGHOFF.unique_halving
    at_halving = effective_tokens(MUENNIGHOFF, unique * (1 + halving), unique)
    assert (at_halving - unique) / (unique * halving) == pytest.approx(1 - np.exp(-1))
    assert effective_tokens(MUENNIGHOFF, 4 * unique, unique) > 0.92 * 4 * unique
    assert effective_tokens(MUENNIGHOFF, 1e6 * unique, unique) == pytest.approx(16.387756 * unique)
    assert effective_tokens(MUENNIGHOFF, unique / 2, unique) == unique / 2
    four = data_constrained_loss(MUENNIGHOFF, 1e9, 4 * 2.5e10, 2.5e10)
    assert four - loss(MUENNIGHOFF, 1e9, 1e11) < 0.01


@given(st.floats(1e7, 1e12), st.floats(1e8, 1e13), st.floats(1e8, 1e13))
def test_repetition_never_beats_fresh_data(size, tokens, unique):
    constrained = data_constrained_loss(MUENNIGHOFF, size, tokens, unique)
    assert constrained >= loss(MUENNIGHOFF, size, tokens) - 1e-12


def test_arrays_give_what_numbers_give():
    sizes, tokens = np.array([1e8, 1e10]), np.array([1e10, 1e12])
    each = [
        data_constrained_loss(MUENNIGHOFF, n, d, 5e9) for n, d in zip(sizes, tokens, strict=True)
    ]
    np.testing.assert_allclose(data_constrained_loss(MUENNIGHOFF, sizes, tokens, 5e9), each)


@given(st.floats(1e8, 1e12))
def test_tokens_for_loss_inverts_the_loss(size):
    target = float(loss(BESIROGLU, size, 3e11))
    assert tokens_for_loss(BESIROGLU, target, size) == pytest.approx(3e11, rel=1e-6)


def test_what_no_model_reaches_is_refused():
    with pytest.raises(InputError, match="target_loss"):
        optimal_for_loss(BESIROGLU, 1.5)
    with pytest.raises(InputError, match="parameters"):
        tokens_for_loss(BESIROGLU, 2.0, 1e7)
    with pytest.raises(InputError, match="training_flops"):
        compute_optimal(BESIROGLU, 0)
    with pytest.raises(InputError, match="inference_tokens"):
        inference_aware_optimal(BESIROGLU, 2.2, -1)
