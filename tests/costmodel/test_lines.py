"""Single lines of the model against closed forms and hand calculations."""

from __future__ import annotations

import numpy as np
import numpy_financial as npf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from modelworth.costmodel.business.model import Model


def run(values, *keys, months=60):
    found = Model(months).run(values, keys)
    return [found[key][:, 0] for key in keys]


def word(key, text):
    return float(Model(12).drivers[key].choices.index(text))


OWNED = {
    "compute.serving": 1.0, "capacity.fleet": 2.0, "capacity.given_gpus": 8.0,
    "compute.purchase_price_fall_factor_per_year": 1.0,
}  # fmt: skip


@given(st.floats(0.01, 0.5), st.floats(2, 8), st.floats(0, 0.6))
@settings(deadline=None, max_examples=40)
def test_an_own_gpu_costs_the_annuity(rate, life, salvage):
    values = {
        "company.discount_rate_per_year": rate, "compute.service_life_years": life,
        "compute.salvage_share": salvage, "compute.cluster_uplift_factor": 1.0,
    }  # fmt: skip
    (found,) = run(values, "owned_capital_usd_per_gpu_year")
    price = 40_000
    assert found[0] == pytest.approx(
        price * -npf.pmt(rate, life, 1) - salvage * price * -npf.pmt(rate, life, 0, 1)
    )
    assert found[0] == pytest.approx(-npf.pmt(rate, life, price, -salvage * price))


def test_straight_line_depreciation_by_hand():
    """8 GPUs at 40,000 × 1.23, down to a quarter in 4 years; bought a month before they serve."""
    bought, charge, book = run(OWNED, "capex_usd", "fleet_depreciation_usd", "fleet_book_usd")
    price = 8 * 40_000 * 1.23
    assert bought[0] == pytest.approx(price)
    assert charge[1:49] == pytest.approx(np.full(48, price * 0.75 / 48))
    assert book[48] == pytest.approx(price * 0.25)
    assert bought[49] == pytest.approx(price), "replaced when their life is over"


def test_declining_depreciation_follows_the_fall_of_value():
    values = {**OWNED, "compute.depreciation": 1.0, "compute.value_fall_factor_per_year": 1.38}
    charge, book = run(values, "fleet_depreciation_usd", "fleet_book_usd", months=36)
    price = 8 * 40_000 * 1.23
    months = np.arange(36)
    assert book[:36] == pytest.approx(price * 1.38 ** (-months / 12))
    assert charge[1:37].sum() == pytest.approx(price * (1 - 1.38**-3))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("limit", [0.0, 0.8, 1.0])
def test_tax_carries_losses_forward(seed, limit):
    """Against a ledger kept by hand, year by year."""
    values = {
        "company.loss_offset_limit_share": limit, "revenue.price_fall_factor_per_year": 1.2,
        "demand.market_price_fall_factor_per_year": 1.2, "demand.requests_per_month": 3e8,
        "demand.requests_per_customer_month": 1e7,
        "company.setup_usd": 1e5 * seed, "demand.seasonal_swing_share": 0.9,
        "revenue.api.price_usd_per_million_output_tokens": 12.0,
    }  # fmt: skip
    months = 24 + 3 * seed
    profits, taxes = run(values, "profit_before_tax_usd", "tax_usd", months=months)
    pool, expected, year = 0.0, [], 0.0
    for month, profit in enumerate(profits):
        year += profit
        if month and (month % 12 == 0 or month == months):
            used = min(pool, limit * max(0.0, year))
            expected.append(0.21 * (max(0.0, year) - used))
            pool += -year if year < 0 else -used
            year = 0.0
        else:
            expected.append(0.0)
    assert sum(expected) > 0
    assert taxes == pytest.approx(expected, rel=1e-9, abs=1e-6)


@given(st.floats(1e5, 5e6), st.floats(0.1, 2.5), st.floats(1e4, 1e8))
@settings(deadline=None, max_examples=40)
def test_capped_usage_equals_numerical_integration(mean, sigma, cap):
    values = {
        "revenue.seats.mean_tokens_per_month": mean, "revenue.seats.usage_sigma": sigma,
        "revenue.seats.cap_tokens_per_month": cap,
    }  # fmt: skip
    (found,) = run(values, "tokens_under_cap")
    usage = stats.lognorm(sigma, scale=mean * np.exp(-(sigma**2) / 2))
    shares = np.linspace(0, 1, 200_001)[1:] - 2.5e-6
    assert found[0] == pytest.approx(np.minimum(usage.ppf(shares), cap).mean(), rel=2e-3)


def test_deepseeks_day_takes_their_fleet():
    """608 and 168 billion tokens at 73,700 and 14,800 a second and node: 226.9, against 226.75."""
    month = 730 / 24
    values = {
        "demand.requests_per_month": month * 1e6, "demand.prompt_tokens_per_request": 608e3,
        "demand.output_tokens_per_request": 168e3, "demand.cached_share": 0.0,
        "demand.reasoning_factor": 1.0, "capacity.gpus_per_replica": 8.0,
    }  # fmt: skip
    gpus, prefill, load = run(values, "average_gpus", "prefill_gpu_s", "load_gpu_s", months=1)
    assert gpus[1] / 8 == pytest.approx(95.482185 + 131.381381, rel=1e-6)
    assert prefill[1] / load[1] == pytest.approx(0.42088, rel=1e-4)


@given(st.floats(1.1, 100), st.floats(0.05, 3))
@settings(deadline=None, max_examples=40)
def test_logistic_growth_solves_its_equation(ceiling, growth):
    values = {"demand.ceiling_multiple": ceiling, "demand.growth_per_year": growth}
    (volume,) = run(values, "logistic_volume", months=120)
    rate = np.log1p(growth)
    slope = np.gradient(volume[1:], 1 / 12)[5:-5]
    middle = volume[6:-5]
    np.testing.assert_allclose(slope, rate * middle * (1 - middle / ceiling), rtol=0.02, atol=1e-9)
    assert volume[1] == pytest.approx(1.0)


def test_checkpoints_as_often_as_young_says():
    values = {
        "building.goodput_basis": 1.0, "building.gpus": 16384.0, "building.method": 3.0,
        "building.checkpoint_minutes": 2.0, "building.failure_gpu_hours": 50_677.0,
    }  # fmt: skip
    interval, goodput = run(values, "checkpoint_interval_hours", "goodput")
    between = 50_677 / 16384
    assert interval[0] == pytest.approx(np.sqrt(2 * (2 / 60) * between))
    assert 0.7 < goodput[0] < 0.9
    nearby = np.linspace(0.5, 2, 301) * interval[0]
    lost = (2 / 60) / nearby + (nearby / 2 + 0.5) / between
    assert nearby[lost.argmin()] == pytest.approx(interval[0], rel=0.01)


def test_tokens_for_a_loss_give_that_loss():
    values = {"building.target_loss": 2.1, "building.active_parameters": 8e9}
    (tokens,) = run(values, "loss_tokens")
    loss = 1.8172 + 482.01 / 8e9**0.3478 + 2085.43 / tokens[0] ** 0.3658
    assert loss == pytest.approx(2.1)


def test_capitalised_and_expensed_models_cost_the_same_cash_before_tax():
    built = {
        "building.method": word("building.method", "pretrain"), "company.tax_rate_share": 0.0,
        "building.pretraining_tokens": 1e12, "building.useful_life_months": 7.0,
    }  # fmt: skip
    expensed = run(built, "net_cash_usd", "building_charge_usd")
    spread = run({**built, "building.accounting": 1.0}, "net_cash_usd", "building_charge_usd")
    assert expensed[0] == pytest.approx(spread[0])
    assert expensed[1].sum() == pytest.approx(spread[1].sum())
    assert spread[1].max() < expensed[1].max()


def test_real_and_nominal_rates_agree_by_fisher():
    real = {"company.rates": 1.0, "company.discount_rate_per_year": 0.08}
    nominal = {"company.discount_rate_per_year": 1.08 * 1.025 - 1}
    assert run(real, "npv_usd")[0][0] == pytest.approx(run(nominal, "npv_usd")[0][0])


def payback(cash, rate=0.0):
    """The first month from the deepest balance on with all cash back, by a plain loop."""
    balance = [sum(cash[m] / (1 + rate) ** m for m in range(end + 1)) for end in range(len(cash))]
    deepest = balance.index(min(balance))
    return next(month for month in range(deepest, len(cash)) if balance[month] >= 0)


def test_npv_irr_and_payback_agree_with_libraries_on_the_models_own_cash():
    values = {
        "demand.requests_per_month": 3e8, "demand.requests_per_customer_month": 1e8,
        "company.setup_usd": 2e5, "revenue.price_fall_factor_per_year": 1.3,
        "demand.market_price_fall_factor_per_year": 1.3, "demand.reasoning_factor": 1.0,
        "revenue.api.price_usd_per_million_output_tokens": 6.0,
    }  # fmt: skip
    model = Model(60)
    cash = model.run(values, ["net_cash_usd"])["net_cash_usd"][:, 0]
    found = {key: value[0] for key, value in model.indicators(values).items()}
    rate = 1.12 ** (1 / 12) - 1
    assert found["npv_usd"] == pytest.approx(npf.npv(rate, cash))
    assert found["mirr_per_year"] == pytest.approx((1 + npf.mirr(cash, rate, rate)) ** 12 - 1)
    assert found["payback_months"] == payback(cash)
    assert found["discounted_payback_months"] == payback(cash, rate)
    assert found["peak_funding_usd"] == pytest.approx(-min(0.0, np.cumsum(cash).min()))
    assert found["irr_per_year"] == pytest.approx((1 + npf.irr(cash)) ** 12 - 1, rel=1e-6)
