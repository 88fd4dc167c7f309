"""What must be said beside figures: held volumes, months before service, inputs without effect."""

from __future__ import annotations

import re
from datetime import date

import numpy as np
import pytest

from modelworth.costmodel.business.model import Model
from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.report import said, spent
from modelworth.report.conclusion import conclusion
from modelworth.report.words import Words

DAY = date(2026, 12, 5)
PRICE = "revenue.api.price_usd_per_million_output_tokens"
ANCHOR = "demand.anchor.output_price_usd_per_million_tokens"
PLAN = {
    "months": 24, "start": "2026-12",
    "demand": {"requests_per_month": 3e8, "prompt_tokens_per_request": 1000,
               "output_tokens_per_request": 300, "requests_per_customer_month": 1e6},
    "capacity": {"basis": "given", "prefill_tokens_per_s_per_gpu": 5000,
                 "decode_tokens_per_s_per_gpu": 1000},
    "revenue": {"api": {"price_usd_per_million_input_tokens": 3,
                        "price_usd_per_million_output_tokens": 20, "paid_share": 0.9}},
    "company": {"acquisition_usd_per_customer": 100},
    "verdict": {"gross_margin_share": 0, "price_fall_stress_factor_per_year": 1.0},
}  # fmt: skip


def evaluated(changes=None, plan=PLAN):
    scenario = scenarios.from_document(plan, "plan.yaml")
    scenario = scenarios.with_overrides(scenario, changes) if changes else scenario
    return evaluate(scenario, trials=0, parts=(), today=DAY)


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_a_question_of_cost_concludes_on_cost_alone(language):
    demand = {**PLAN["demand"], "requests_per_month": {"low": 1e8, "mode": 3e8, "high": 9e8}}
    written = {**PLAN, "demand": demand, "verdict": {"question": "cost"}}
    plan = scenarios.from_document(written, "plan.yaml")
    asked = evaluate(plan, trials=64, parts=("risk", "tornado"), today=DAY)
    text = conclusion(Words(language), asked)
    assert text.endswith({"en": "defaults that nobody confirmed.", "zh_CN": "默认值。"}[language])
    assert "net present value" not in text
    assert "净现值" not in text
    npv, cost = asked.indicators["npv_usd"], spent.value(asked)
    assert (cost.base, cost.mean) == (-npv.base, -npv.mean)
    assert (cost.p10, cost.p50, cost.p90) == (-npv.p90, -npv.p50, -npv.p10)


def told(analysis, trap):
    return next((one for one in analysis.findings if one.id == trap), None)


def small_fleet(gpus, **more):
    return evaluated({"capacity.fleet": "given", "capacity.given_gpus": gpus, **more})


def test_a_plan_that_turns_its_customers_away_is_no_plain_yes():
    served = small_fleet(400)
    short = small_fleet(40)
    assert (served.verdict.outcome, short.verdict.outcome) == ("viable", "depends")
    assert short.indicators["npv_usd"].base > 0
    (missed,) = [one for one in short.verdict.criteria if not one.met]
    load, share = (np.array(short.series[key].base) for key in ("load_gpu_s", "served_share"))
    assert missed.value == pytest.approx((load * share).sum() / load.sum(), rel=1e-12)
    assert missed.value < 0.5
    assert "serves only" in conclusion(Words("en"), short)
    assert "机群只能承接" in conclusion(Words("zh_CN"), short)


def test_a_plan_may_turn_demand_away_on_purpose_and_other_fleets_are_not_asked():
    assert small_fleet(40, **{"verdict.served_share": 0}).verdict.outcome == "viable"
    assert "served_load_share" not in {one.key for one in evaluated().verdict.criteria}


def test_a_cost_question_asks_for_the_work_too():
    short = small_fleet(40, **{"verdict.question": "cost"})
    assert short.verdict.outcome == "depends"


def test_a_changed_price_says_which_price_holds_the_volume_and_how_to_hold_it():
    stated = evaluated()
    changed = evaluated({PRICE: 40})
    found = told(changed, "T31").values
    assert (found["now"], found["held"], found["anchor"]) == (40.0, 20.0, ANCHOR)
    volumes = [one.series["requests"].base[1] for one in (changed, stated)]
    assert found["factor"] == pytest.approx(volumes[0] / volumes[1], rel=1e-12)
    assert found["factor"] < 1


def test_a_price_with_its_volume_held_is_the_price_written_in_the_file():
    document = {**PLAN, "revenue": {"api": {**PLAN["revenue"]["api"],
                                            PRICE.rsplit(".", 1)[1]: 40}}}  # fmt: skip
    written, held = evaluated(plan=document), evaluated({PRICE: 40, ANCHOR: 40})
    assert held.indicators["npv_usd"].base == written.indicators["npv_usd"].base
    assert told(written, "T31") is told(held, "T31") is None
    assert told(evaluated({PRICE: 40, "demand.price_elasticity": 0}), "T31") is None


def test_a_delay_costs_the_people_who_wait():
    analysis = evaluated({"building.months_to_market": 5})
    people, year, inflation = 2, 220_000, 0.025
    by_hand = sum(people * year / 12 * (1 + inflation) ** (month / 12) for month in range(1, 6))
    staff = np.array(analysis.series["waiting_staff_usd"].base)
    assert staff.sum() == pytest.approx(by_hand, rel=1e-12)
    assert not staff[6:].any()
    assert not np.array(analysis.series["platform_staff_usd"].base)[:6].any()
    found = told(analysis, "T32").values
    assert found["staff"] == pytest.approx(by_hand, rel=1e-12)
    assert found["own"] == pytest.approx(analysis.series["price_index"].base[6], rel=1e-12)
    assert found["spent"] == pytest.approx(-analysis.series["cash_balance_usd"].base[5], rel=1e-9)
    assert told(evaluated(), "T32") is None
    cost = evaluated({"building.months_to_market": 5, "verdict.question": "cost"})
    assert told(cost, "T32") is None
    assert told(cost, "T32C").values["staff"] == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize(
    ("changes", "own"),
    [
        ({"demand.requests_per_month": 0, "revenue.enterprise.contracts": 20}, 1.0),
        ({"demand.requests_per_month": 0, "revenue.calls.calls_per_month": 1e8}, 3 ** (-5 / 12)),
    ],
)
def test_the_prices_at_opening_are_those_of_what_is_sold(changes, own):
    fall = {"revenue.price_fall_factor_per_year": 3, "building.months_to_market": 5}
    found = told(evaluated({**fall, **changes}), "T32").values
    assert found["own"] == pytest.approx(own, rel=1e-12)


def test_use_at_work_grows_from_opening_to_its_share_over_the_ramp():
    contacts = {"revenue.internal.contacts_per_month": 9e5, "revenue.internal.deflected_share": 0.4}
    staff = {"revenue.internal.staff": 1000, "revenue.internal.adoption_share": 0.5}
    ramp = {"revenue.internal.ramp_months": 4, "building.months_to_market": 3}
    shares = np.minimum(np.maximum(np.arange(PLAN["months"] + 1) - 3, 0) / 4, 1)
    found = evaluated({**contacts, **staff, **ramp}).series
    assert found["contacts_deflected"].base == pytest.approx(9e5 * 0.4 * shares, rel=1e-12)
    assert found["internal_users"].base == pytest.approx(1000 * 0.5 * shares, rel=1e-12)


def test_who_is_hired_at_opening_does_not_wait():
    changes = {"building.months_to_market": 5, "compute.platform_share_before_opening": 0}
    assert not any(evaluated(changes).series["waiting_staff_usd"].base)


def test_a_start_in_the_past_is_told_unless_it_says_what_came_since():
    assert told(evaluated({"start": "2026-12"}), "T33") is None
    assert told(evaluated({"start": "2025-10"}), "T33").values["months"] == 14
    actuals = {"start": "2025-10", "actuals": {"revenue_usd": [1e6]}}
    assert told(evaluated(actuals), "T33") is None


IDLE = {
    "revenue.seats.usage_sigma": 1.2, "trust.epsilon": 3,
    "capacity.objective.ttft_p95_s": 2, "revenue.images.tokens_per_image": 90,
}  # fmt: skip


def test_inputs_without_effect_are_told_once_and_no_other_is():
    values = told(evaluated(IDLE), "T34").values
    assert set(values["drivers"].split(", ")) == set(IDLE)
    assert values["count"] == len(IDLE)
    assert told(evaluated({"demand.churn_per_month": 0.02}), "T34") is None


def test_an_input_that_acts_only_in_some_trials_has_an_effect():
    uncertain = {"revenue.seats.seats": {"discrete": {"values": [0, 500], "weights": [0.6, 0.4]}}}
    found = told(evaluated({**uncertain, "revenue.seats.usage_sigma": 1.2,
                            "revenue.seats.over_cap": "stop"}), "T34")  # fmt: skip
    assert found is None


@pytest.mark.parametrize("name", scenarios.shipped())
def test_what_is_told_without_effect_in_shipped_plans_moves_no_figure(name):
    plan = scenarios.load(name)
    found = told(evaluate(plan, trials=0, parts=(), today=DAY), "T34")
    if found is None:
        return
    before = evaluate(plan, trials=0, parts=(), today=DAY).indicators
    for key in found.values["drivers"].split(", "):
        row = Model(plan.months).drivers[key]
        other = row.high if row.high not in (None, plan.number(key)) else row.low
        after = evaluate(
            scenarios.with_overrides(plan, {key: other}), trials=0, parts=(), today=DAY
        ).indicators
        assert {k: v.base for k, v in after.items()} == {k: v.base for k, v in before.items()}, key


INTERNAL = {
    "months": 24, "start": "2026-12",
    "demand": {"requests_per_month": 0},
    "revenue": {"internal": {"staff": 400, "hours_saved_share": 0.03, "adoption_share": 0.5}},
    "verdict": {"gross_margin_share": 0.99},
}  # fmt: skip


def test_work_saved_has_no_margin_to_compare_and_says_so():
    """No customer pays, so a benchmark of firms' margins is waived with its reason."""
    margin = next(one for one in evaluated(plan=INTERNAL).verdict.criteria
                  if one.key == "gross_margin_second_year_share")  # fmt: skip
    assert (margin.status, margin.reason) == ("waived", "nobody_pays")
    sold = evaluated({"verdict.gross_margin_share": 0.99})
    assert "waived" not in {one.status for one in sold.verdict.criteria}


def test_a_margin_that_never_was_is_not_said_to_be_kept():
    lossy = evaluated({PRICE: 0.01, "revenue.api.price_usd_per_million_input_tokens": 0.01})
    assert max(lossy.series["gross_profit_usd"].base) <= 0
    assert lossy.indicators["months_to_zero_margin"].status == "undefined"
    kept = small_fleet(40).indicators["months_to_zero_margin"]
    assert said.figure(Words("en"), kept) == "kept to the end"
    assert said.figure(Words("zh_CN"), kept) == "期内始终保有毛利"


def test_a_chinese_finding_names_every_driver_beside_its_key():
    plan = {**PLAN, "revenue": {"api": {**PLAN["revenue"]["api"]}}}
    for one in evaluated({PRICE: 40}, plan).findings:
        text = said.finding(Words("zh_CN"), one)
        for key in re.findall(r"`([a-z_]+\.[a-z_.]+)`", text):
            assert f"“{Words('zh_CN').name(key)}”（`{key}`）" in text
    assert "需求价格弹性" in said.finding(Words("zh_CN"), told(evaluated({PRICE: 40}), "T31"))


def test_a_minus_stays_with_its_amount():
    assert said.signed("from -$1.2M to -CN¥3", "\u2060") == "from −\u2060$1.2M to −\u2060CN¥3"
    assert said.signed("T-shirt 2026-12-05, a -b") == "T-shirt 2026-12-05, a -b"
