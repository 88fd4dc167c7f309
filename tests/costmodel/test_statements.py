"""Statements close, and agree with the lines they are made of; bridges add up."""

from __future__ import annotations

import numpy as np
import pytest

from modelworth.costmodel.business.statements import periods, statement
from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.risk import maps
from modelworth.costmodel.risk.bridge import HORIZON, Side, bridge
from modelworth.costmodel.scenario import scenario as scenarios
from tests.costmodel.balance import gap_usd


@pytest.fixture(scope="module")
def analyses():
    return {
        name: evaluate(scenarios.load(name), trials=0, parts=()) for name in scenarios.shipped()
    }


@pytest.mark.parametrize("name", scenarios.shipped())
def test_the_balance_closes_in_every_month(analyses, name):
    found = analyses[name]
    largest = max(abs(value) for value in found.series["cash_balance_usd"].base)
    assert gap_usd(found.series) <= 1e-9 * max(largest, 1.0)


@pytest.mark.parametrize("changes", [{"building.accounting": "capitalise"}, {}])
def test_the_balance_closes_with_an_own_fleet_and_a_model_on_the_books(changes):
    own = {"compute.serving": "owned", "company.terminal_multiple": 3.0}
    plan = scenarios.with_overrides(scenarios.load("translation_service"), own | changes)
    found = evaluate(plan, trials=0, parts=())
    assert gap_usd(found.series) <= 1e-3


@pytest.mark.parametrize("name", scenarios.shipped())
def test_years_are_the_sums_of_their_months(analyses, name):
    found = analyses[name]
    rows = {row.key: row.values for row in statement("profit", found.series, yearly=True)}
    revenue = np.array(found.series["revenue_usd"].base)
    expected = [
        revenue[0],
        *(part.sum() for part in np.array_split(revenue[1:], range(12, found.months, 12))),
    ]
    assert rows["revenue_usd"] == pytest.approx(expected)
    assert sum(rows["net_profit_usd"]) == pytest.approx(sum(found.series["net_profit_usd"].base))
    assert len(periods(found.months, yearly=True)) == len(rows["revenue_usd"])


@pytest.mark.parametrize("name", scenarios.shipped())
def test_totals_are_the_sums_of_their_items(analyses, name):
    found = analyses[name]
    rows = {row.key: np.array(row.values) for row in statement("profit", found.series, yearly=True)}
    gross = rows["revenue_usd"] - rows["cost_of_revenue_usd"]
    assert rows["gross_profit_usd"] == pytest.approx(gross)
    cash = {row.key: np.array(row.values) for row in statement("cash", found.series, yearly=True)}
    assert cash["net_cash_usd"] == pytest.approx(cash["cash_in_usd"] - cash["cash_out_usd"])
    assert cash["cash_balance_usd"] == pytest.approx(np.cumsum(cash["net_cash_usd"]))


def _side(name: str) -> tuple[Side, float]:
    plan = scenarios.load(name)
    found = evaluate(plan, trials=0, parts=())
    return Side(found.months, maps.values_of(found, plan)), found.indicators["npv_usd"].base


def test_a_bridge_leads_from_one_value_to_the_other():
    (first, start), (second, end) = _side("chat_api_startup"), _side("translation_service")
    begins, steps, ends = bridge(first, second)
    assert (begins, ends) == pytest.approx((start, end))
    assert begins + sum(step.usd for step in steps) == pytest.approx(end)
    assert HORIZON in {step.driver for step in steps}


def test_the_same_plan_needs_no_bridge():
    side, value = _side("base")
    assert bridge(side, side) == (pytest.approx(value), (), pytest.approx(value))
