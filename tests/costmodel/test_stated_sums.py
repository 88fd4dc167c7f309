"""What a published statement gives as sums: written as such, and carried through the books."""

from __future__ import annotations

import numpy as np
import numpy_financial as npf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworth.costmodel.business.model import Model
from modelworth.costmodel.scenario import arithmetic, scenario
from modelworth.data.errors import InputError

numbers = st.floats(0.1, 1e6)
PLAIN = {
    "demand.requests_per_month": 0.0, "demand.growth_per_year": 0.0, "compute.serving": 2.0,
    "demand.market_price_fall_factor_per_year": 1.0, "compute.platform_fte": 0.0,
    "company.inflation_per_year": 0.0, "company.support_share": 0.0,
    "company.payment_fee_share": 0.0, "company.general_share": 0.0,
}  # fmt: skip


def loaded(body: str) -> scenario.Scenario:
    return scenario.loads(f"months: 12\nstart: 2025-01\n{body}")


@given(numbers, numbers, numbers)
@settings(deadline=None)
def test_a_sum_is_its_number(a, b, c):
    text = f"= ({a!r} + {b!r}) * {c!r} / 2 - {b!r} ** 0.5"
    assert arithmetic.worked_out("x: ", {"k": [text]})["k"] == [(a + b) * c / 2 - b**0.5]


@pytest.mark.parametrize(
    "text",
    ["=", "= a", "= 1 / 0", "= __import__('os')", "= 9 ** 9 ** 9", "= (-1) ** 0.5", "= 1e31",
     "= 1 if 1 else 2", "= 'a' * 3", "= True", "= [1]", "=" + "+1" * 400, "=" + "(" * 300],
)  # fmt: skip
def test_what_is_no_sum_is_refused_with_its_place(text):
    with pytest.raises(InputError) as refused:
        scenario.from_document(
            {"months": 1, "start": "2025-01", "demand": {"requests_per_month": text}}, "a.yaml"
        )
    assert refused.value.where == "a.yaml: demand.requests_per_month"


def test_prose_may_begin_with_an_equals_sign():
    found = loaded(
        'text: {en: {name: "= one"}}\ndemand: {churn_per_month: {value: 0, note: "= x"}}'
    )
    assert found.text["en"]["name"] == "= one"


def test_a_scenario_with_sums_says_the_same_as_one_with_numbers():
    one = loaded('demand: {requests_per_month: "= 2 * 5e5"}')
    assert one.sha256 == loaded("demand: {requests_per_month: 1000000}").sha256
    assert scenario.loads(scenario.to_yaml(one)).sha256 == one.sha256


def test_a_table_of_some_months_goes_straight_between_them():
    one = loaded("compute: {rent_index_by_month: {2: 1.0, 6: 3.0}}")
    assert one.settings["compute.rent_index_by_month"].value == (1, 1, 1.5, 2, 2.5, 3)
    assert loaded("demand: {volume_by_month: 2}").settings["demand.volume_by_month"].value == (2,)


@pytest.mark.parametrize("points", ["{0: 1}", "{121: 1}", "{low: 1}", "{1: x}", "{1: true}"])
def test_wrong_points_are_refused(points):
    with pytest.raises(InputError, match=r"demand\.volume_by_month"):
        loaded(f"demand: {{volume_by_month: {points}}}")


def test_a_statement_of_sums_adds_up():
    values = {
        **PLAIN, "revenue.products.usd_per_year": 120e6, "revenue.services.usd_per_year": 60e6,
        "revenue.products.direct_cost_share": 0.25,
        "revenue.services.direct_cost_usd_per_year": 45e6, "compute.inference_usd_per_year": 12e6,
        "building.research_compute_usd_per_year": 30e6, "company.tax_rate_share": 0.0,
        "building.training_compute_usd_per_year": 24e6, "demand.curve": 2.0,
        "demand.volume_by_month": (1.0, 2.0),
    }  # fmt: skip
    keys = ["revenue_usd", "gross_profit_usd", "operating_profit_usd", "compute_usd",
            "products_profit_usd", "services_profit_usd"]  # fmt: skip
    found = {key: rows[:, 0] for key, rows in Model(12).run(values, keys).items()}
    volume = 1 + 11 * 2
    assert found["revenue_usd"].sum() == pytest.approx(15e6 * volume)
    assert found["products_profit_usd"].sum() == pytest.approx(7.5e6 * volume)
    assert found["services_profit_usd"].sum() == pytest.approx((5e6 - 3.75e6) * volume)
    assert found["gross_profit_usd"].sum() == pytest.approx((8.75e6 - 1e6) * volume)
    assert found["operating_profit_usd"].sum() == pytest.approx(7.75e6 * volume - 54e6)
    assert found["compute_usd"].sum() == pytest.approx(1e6 * volume + 54e6)


def test_bought_inference_follows_the_market_while_its_provider_does():
    values = {**PLAIN, "compute.inference_usd_per_year": 12e6,
              "demand.market_price_fall_factor_per_year": 4.0}  # fmt: skip
    bill = Model(13).run(values, ["inference_usd"])["inference_usd"][:, 0]
    assert bill[[0, 1, 13]] == pytest.approx([0, 1e6, 0.25e6])


@given(
    draws=st.lists(st.floats(0, 1e6), min_size=1, max_size=10),
    rate=st.floats(0.01, 0.3), months=st.integers(2, 30), grace=st.integers(0, 6),
)  # fmt: skip
@settings(deadline=None)
def test_draws_by_table_are_loans_of_their_own(draws, rate, months, grace):
    horizon = 24
    values = {**PLAIN, "company.debt_drawn_usd_by_month": (*draws, 0.0),
              "company.debt_rate_per_year": rate, "company.debt_months": months,
              "company.debt_grace_months": grace}  # fmt: skip
    owed = Model(horizon).run(values, ["debt_owed_usd"])["debt_owed_usd"][:, 0]
    expected = np.zeros(horizon + 1)
    for first, drawn in enumerate(draws, start=1):
        for month in range(first, horizon):
            paid = min(max(0, month - first - grace), months)
            left = -npf.fv(rate / 12, paid, npf.pmt(rate / 12, months, drawn), drawn)
            expected[month] += left
    assert owed == pytest.approx(expected, abs=1e-3)


def test_energy_of_a_request_as_published():
    values = {"compute.energy_basis": 1.0, "compute.accelerator_wh_per_request": 0.24 * 0.58,
              "compute.host_over_accelerator_ratio": 25 / 58,
              "compute.idle_over_busy_ratio": 10 / 83, "compute.pue": 1 / 0.93}  # fmt: skip
    found = Model(3).run(values, ["energy_wh_per_request", "energy_kwh", "requests"])
    assert found["energy_wh_per_request"][2, 0] == pytest.approx(0.24)
    assert found["energy_kwh"][2] == pytest.approx(0.24e-3 * found["requests"][2])


def test_a_cluster_s_hours_are_its_gpus_times_its_days():
    values = {"building.method": 3.0, "building.hours_basis": 2.0, "building.gpus": 440.0,
              "building.cluster_days": 9.5, "building.rent_usd_per_gpu_hour": 2.0}  # fmt: skip
    assert Model(1).run(values, ["final_run_usd"])["final_run_usd"][0, 0] == 440 * 9.5 * 24 * 2


def test_images_may_be_priced_by_tokens():
    values = {"revenue.images.images_per_month": 1e6, "revenue.images.priced_by": 1.0,
              "revenue.images.tokens_per_image": 1056.0,
              "revenue.api.price_usd_per_million_output_tokens": 40.0}  # fmt: skip
    earned = Model(1).run(values, ["image_revenue_usd"])["image_revenue_usd"][1, 0]
    assert earned == pytest.approx(42_240)
