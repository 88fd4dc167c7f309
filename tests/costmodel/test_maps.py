"""Maps over two drivers, and the steps of a trustworthy token's price."""

from __future__ import annotations

import pytest

from modelworth.costmodel.business.model import Model
from modelworth.costmodel.business.trust_steps import PROMISES, trust_steps
from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.risk.maps import indicator_map, values_of
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.data.errors import InputError

ACROSS, UP = "revenue.api.price_usd_per_million_output_tokens", "demand.requests_per_month"


@pytest.fixture(scope="module")
def chat():
    scenario = scenarios.load("chat_api_startup")
    return scenario, evaluate(scenario, trials=0, parts=())


def test_a_map_is_the_model_at_every_point(chat):
    scenario, analysis = chat
    values = values_of(analysis, scenario)
    found = indicator_map(analysis.months, values, ACROSS, UP, "npv_usd", points=5)
    model = Model(analysis.months)
    for row, up in zip(found.rows, found.up, strict=True):
        for cell, across in zip(row, found.across, strict=True):
            one = model.indicators({**values, ACROSS: across, UP: up}, ["npv_usd"])["npv_usd"][0]
            assert cell == pytest.approx(one, rel=1e-9)


def test_the_values_are_those_of_the_analysis(chat):
    scenario, analysis = chat
    npv = Model(analysis.months).indicators(values_of(analysis, scenario), ["npv_usd"])["npv_usd"]
    assert npv[0] == pytest.approx(analysis.indicators["npv_usd"].base, rel=1e-12)


def test_a_map_needs_two_different_numbers():
    with pytest.raises(InputError):
        indicator_map(12, {}, UP, UP, "npv_usd")
    with pytest.raises(InputError):
        indicator_map(12, {}, UP, "demand.curve", "npv_usd")


def test_the_steps_add_up_to_the_price(chat):
    _, analysis = chat
    steps = {step.key: step.usd_per_million_tokens for step in _steps(chat)}
    price = steps.pop("price")
    assert sum(steps.values()) == pytest.approx(price, rel=1e-9)
    series = analysis.series
    tokens = sum(series["served_prompt_tokens"].base) + sum(series["served_output_tokens"].base)
    assert price == pytest.approx(sum(series["revenue_usd"].base) / tokens * 1e6, rel=1e-9)
    profit = sum(series["profit_before_tax_usd"].base) / tokens * 1e6
    assert steps["margin"] == pytest.approx(profit, rel=1e-9)


def test_a_promise_that_is_made_costs_something(chat):
    plain = {step.key: step.usd_per_million_tokens for step in _steps(chat)}
    promised = _steps(chat, {"trust.scrubbed_share": 1.0, "trust.explained_share": 0.5,
                             "trust.audit_usd_per_year": 1e6})  # fmt: skip
    made = {step.key: step.usd_per_million_tokens for step in promised}
    for promise in ("privacy", "explanation", "compliance"):
        assert promise in PROMISES
        assert made[promise] > plain[promise]


def test_without_tokens_there_is_nothing_to_say(chat):
    assert _steps(chat, {UP: 0.0, "revenue.seats.seats": 0.0}) == ()


def _steps(chat, changes=None):
    scenario, analysis = chat
    return trust_steps(analysis.months, values_of(analysis, scenario) | (changes or {}))
