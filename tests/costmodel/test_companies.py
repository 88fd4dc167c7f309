"""What companies need to say about themselves, each against a calculation by hand."""

from __future__ import annotations

import numpy as np
import pytest

from modelworth.costmodel.analysis import Series
from modelworth.costmodel.business.model import Model
from modelworth.costmodel.business.statements import statement
from modelworth.costmodel.evaluate import assumptions, evaluate
from modelworth.costmodel.risk.sampling import draw
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.costmodel.scenario.sampling_plan import plan as sampling_plan
from modelworth.data.errors import InputError
from tests.costmodel.balance import gap_usd
from tests.costmodel.random_plans import plan as random_plan

MODEL = Model(60)
OWNED = {"compute.serving": 1.0, "revenue.compute.gpus": 10.0, "demand.growth_per_year": 0.0,
         "demand.requests_per_month": 0.0, "compute.cluster_uplift_factor": 1.0,
         "compute.purchase_usd_per_gpu": 36_000.0,
         "compute.purchase_price_fall_factor_per_year": 1.0, "compute.salvage_share": 0.1,
         "compute.depreciation": 0.0, "compute.service_life_years": 5.0}  # fmt: skip


def run(values, *keys, model=MODEL):
    found = model.run(values, keys)
    return [found[key][:, 0] for key in keys]


def document(**parts):
    return {"months": 36, "start": "2026-12", **parts}


@pytest.mark.parametrize("serving", ["owned", "rented"])
def test_hours_sold_are_of_a_fleet_that_stays(serving):
    """A price, a season or the quality of answers moves hours sold on demand, never the fleet."""
    values = {**OWNED, "compute.serving": float(serving == "owned"),
              "revenue.compute.contracted_share": 0.25,
              "revenue.compute.utilisation_sold_share": 0.6,
              "revenue.compute.contract_usd_per_gpu_hour": 2.0,
              "revenue.compute.price_usd_per_gpu_hour": 3.0,
              "compute.rent_fall_factor_per_year": 1.0}  # fmt: skip
    dearer = {**values, "revenue.compute.price_usd_per_gpu_hour": 6.0,
              "demand.anchor.gpu_hour_price_usd": 3.0, "demand.accepted_share": 0.5,
              "demand.seasonal_swing_share": 0.2}  # fmt: skip
    gpus, income = run(values, "sold_gpus", "compute_revenue_usd")
    assert gpus[1:] == pytest.approx(np.full(60, 10))
    assert income[5] == pytest.approx(730 * 10 * (0.25 * 2 + 0.75 * 0.6 * 3))
    gpus, income = run(dearer, "sold_gpus", "compute_revenue_usd")
    assert gpus[1:] == pytest.approx(np.full(60, 10))
    season = 1 + 0.2 * np.cos(np.pi / 6 * (5 - 12))
    assert income[5] == pytest.approx(730 * 10 * (0.5 + 0.75 * 0.6 * season * 2**-1.11 * 6))


def test_a_reseller_reserves_what_it_sells():
    values = {
        **OWNED, "compute.serving": 0.0, "compute.reserved_share": 1.0,
        "compute.rent_fall_factor_per_year": 1.0, "compute.reservation_months": 36.0,
    }  # fmt: skip
    reserved, hours, rent = run(values, "reserved_gpus", "gpu_hours", "rent_usd")
    assert reserved[1:] == pytest.approx(np.full(60, 10))
    assert hours[1:] == pytest.approx(np.full(60, 7300))
    assert rent[1:] == pytest.approx(np.full(60, 7300 * 2.35 * 1.1))


def test_gpus_retired_early_are_written_down_to_what_they_bring():
    values = {**OWNED, "compute.retired_after_months": 24.0, "compute.retired_sale_share": 0.4}
    bought, retired, charge, sold, lost, book = run(
        values, "gpus_bought", "gpus_retired", "fleet_depreciation_usd", "fleet_sales_usd",
        "fleet_write_off_usd", "fleet_book_usd",
    )  # fmt: skip
    price = 10 * 36_000.0
    assert charge[[1, 24]] == pytest.approx(price * 0.9 / 60)
    assert (bought[0], retired[25], bought[25]) == (10, 10, 10)
    left = price * (1 - 0.9 * 24 / 60)
    assert book[24] == pytest.approx(left)
    assert sold[25] == pytest.approx(0.4 * left)
    assert lost[25] == pytest.approx(0.6 * left)
    assert book[25] == pytest.approx(price)
    whole = run({**values, "compute.retired_after_months": 60.0}, "fleet_write_off_usd")[0]
    plain = run({**values, "compute.retired_after_months": 0.0}, "fleet_write_off_usd")[0]
    assert whole == pytest.approx(plain)
    with pytest.raises(InputError, match="retired_after_months"):
        scenarios.from_document(
            document(compute={"retired_after_months": 12, "life_change_month": 6}), "p.yaml"
        )


def test_what_binds_beyond_the_horizon_is_owed():
    values = {"demand.requests_per_month": 1e9, "demand.growth_per_year": 0.0,
              "compute.reserved_share": 1.0, "compute.reservation_months": 36.0,
              "compute.rent_fall_factor_per_year": 1.0, "compute.lease_usd_per_month": 1e5,
              "compute.lease_first_month": 13.0, "compute.lease_months": 36.0,
              "compute.closing_commitment_share": 0.5}  # fmt: skip
    model = Model(24)
    lease, rest, leased, settled, expense = run(
        values, "lease_usd", "reservations_left_usd", "lease_left_usd", "commitments_settled_usd",
        "operating_expense_usd", model=model,
    )  # fmt: skip
    new = model.run(values, ["gpus_newly_reserved"])["gpus_newly_reserved"][:, 0]
    assert (lease[12], lease[13], lease[24]) == (0, 1e5, 1e5)
    by_hand = sum(
        gpus * 730 * 2.35 * 1.1 * max(0, month + 36 - 1 - 24) for month, gpus in enumerate(new)
    )
    assert rest[-1] == pytest.approx(by_hand)
    assert leased[-1] == pytest.approx(24 * 1e5)
    assert settled == pytest.approx(np.append(np.zeros(24), 0.5 * (by_hand + 24e5)))
    free = run({**values, "compute.closing_commitment_share": 0.0}, "operating_expense_usd",
               model=model)[0]  # fmt: skip
    assert expense - free == pytest.approx(settled)


@pytest.mark.slow
def test_a_random_path_is_ornstein_uhlenbecks_by_years():
    """Its middle is the path; its spread and its memory are those of the process simulated."""
    parts = {"rent_volatility_per_year": 0.4, "rent_reversion_per_year": 1.0,
             "rent_fall_factor_per_year": 1.2}  # fmt: skip
    plan = scenarios.from_document(document(compute=parts), "p.yaml")
    held = assumptions(plan, {})
    assert list(held.uncertain) == [f"compute.rent_surprise_year_{year}" for year in (1, 2, 3)]
    table = draw(sampling_plan(held.uncertain, trials=4096, seed=1))
    index = held.model.run({**held.values, **table}, ["rent_index"])["rent_index"]
    path = 1.2 ** (-np.arange(36) / 12)
    assert np.median(index[1:], axis=1) == pytest.approx(path, rel=0.02)
    rng = np.random.default_rng(3)
    steps = np.repeat(rng.normal(size=(3, 200_000)), 200, axis=0)  # 200 small steps a year
    deviation, seen = np.zeros(200_000), []
    for step in steps:
        deviation = deviation * np.exp(-1 / 200) + 0.4 / 200 * step
        seen.append(deviation)
    year, third = seen[199], seen[582]
    ours = np.log(index[1:] / path[:, None])
    assert ours[12].std() == pytest.approx(year.std(), rel=0.02)
    assert ours[35].std() == pytest.approx(third.std(), rel=0.02)
    assert np.corrcoef(ours[12], ours[24])[0, 1] == pytest.approx(
        np.corrcoef(seen[199], seen[399])[0, 1], abs=0.03
    )
    assert ours[35].std() == pytest.approx(0.4 / np.sqrt(2), rel=0.12), "the process' own spread"


def test_a_random_path_keeps_its_spread_for_ten_years():
    parts = {"rent_volatility_per_year": 0.4, "rent_reversion_per_year": 1.0}
    plan = scenarios.from_document({**document(compute=parts), "months": 120}, "p.yaml")
    held = assumptions(plan, {})
    assert len(held.uncertain) == 10
    table = draw(sampling_plan(held.uncertain, trials=4096, seed=1))
    spread = np.log(held.model.run({**held.values, **table}, ["rent_index"])["rent_index"]).std(1)
    own = 0.4 * np.sqrt(np.expm1(1) / (np.e + 1))  # yearly shocks, each e-folding in a year
    assert spread[[61, 85, 109]] == pytest.approx([own] * 3, rel=0.03)


def test_without_volatility_nothing_is_drawn():
    plan = scenarios.from_document(document(demand={"market_price_volatility_per_year": 0}), "p")
    assert assumptions(plan, {}).uncertain == {}
    drawn = scenarios.from_document(
        document(demand={"market_price_volatility_per_year": 0.3,
                         "market_price_surprise_year_1": 1.5}), "p",
    )  # fmt: skip
    kept = assumptions(drawn, {})
    assert sorted(kept.uncertain) == [f"demand.market_price_surprise_year_{n}" for n in (2, 3)]
    paths = kept.model.run(kept.values, ["market_price_index", "price_index", "vendor_price_index"])
    plain = 3.0 ** (-np.arange(36) / 12)
    for index in paths.values():
        assert index[13, 0] / plain[12] == pytest.approx(np.exp(0.3 * 1.5 * (1 - np.exp(-1.0))))


def test_an_assistant_may_live_on_advertising_alone():
    parts = {"free_users": 1e6, "free_tokens_per_month": 3e5,
             "advertising_usd_per_free_user_month": 0.4}  # fmt: skip
    plan = document(
        demand={"requests_per_month": 0, "growth_per_year": 0}, revenue={"seats": parts}
    )
    found = evaluate(scenarios.from_document(plan, "p.yaml"), trials=0, parts=())
    assert found.series["seat_revenue_usd"].base[1:] == pytest.approx([4e5] * 36)
    assert found.series["seat_tokens"].base[1] == pytest.approx(3e11)
    assert found.series["acquisition_usd"].base[1] == 0
    cost = found.series["seat_cost_usd"].base[1]
    assert cost == pytest.approx(found.series["token_cost_usd"].base[1])
    assert found.indicators["usd_per_free_user_month"].base == pytest.approx(
        sum(found.series["token_cost_usd"].base) / sum(found.series["free_users"].base)
    )


def test_a_seller_charges_long_requests_and_cache_writes():
    values = {"revenue.api.long_share": 0.2, "revenue.api.long_price_factor": 2.0,
              "revenue.api.cache_write_share": 0.5, "revenue.api.cache_write_price_factor": 1.25,
              "revenue.api.batch_share": 0.1, "revenue.api.batch_discount_share": 0.5,
              "demand.cached_share": 0.4, "demand.reasoning_factor": 1.0}  # fmt: skip
    price = run(values, "api_price_usd_per_request")[0][0]
    prompt = 1000 * 0.5 * (0.6 * 1.125 + 0.4 * 0.25)
    assert price == pytest.approx((prompt + 250 * 2) / 1e6 * 1.2 * 0.95)


@pytest.mark.parametrize("seed", range(20))
def test_statements_close_whatever_the_plan(seed):
    """Debt, prepayment, hours sold, commitments: the balance closes, and items make totals."""
    model = Model(24 + seed)
    found = model.run(random_plan(700 + seed), model.monthly)
    series = {
        key: Series(key, model.formulas[key].line.unit, model.formulas[key].line.section,
                    tuple(rows[:, 0]))
        for key, rows in found.items()
    }  # fmt: skip
    most = max(abs(value) for value in series["cash_balance_usd"].base)
    assert gap_usd(series) <= 1e-9 * most
    rows = statement("profit", series, yearly=True)
    parts = {row.key: np.array(row.values) for row in rows if row.sort == "item"}
    gains = sum(value for key, value in parts.items() if key.endswith(("revenue_usd", "value_usd")))
    gains = gains + parts.get("company_income_usd", 0.0)
    costs = sum(parts.values()) - gains
    profit = next(np.array(row.values) for row in rows if row.key == "net_profit_usd")
    np.testing.assert_allclose(gains - costs, profit, atol=1e-9 * most)
