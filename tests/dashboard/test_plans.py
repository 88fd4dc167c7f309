"""Saved plans: every version stays, and two of them can be put side by side."""

from __future__ import annotations

import pytest

from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.data.store import open_store
from tests.dashboard.test_pages import said, visit


def _keep(test, name):
    test.text_input(key="plan.name").set_value(name)
    next(one for one in test.button if one.label == "Save this plan").click().run()
    assert not test.exception


def test_a_plan_is_saved_under_a_name_and_opened_again(start, full_store):
    test = start(full_store, **{"from": "fleet"})
    next(one for one in test.number_input if "How many GPUs" in one.label).set_value(99.0).run()
    visit(test, "compare")
    _keep(test, "Ninety-nine GPUs")
    with open_store(full_store) as store:
        ((key, _, text),) = store.saved_scenarios()
    assert scenarios.loads(text).text["en"]["name"] == "Ninety-nine GPUs"
    again = start(full_store, saved=key)
    assert again.session_state["session"].scenario.number("capacity.given_gpus") == 99


def test_every_version_of_a_name_stays(start, full_store):
    test = start(full_store, **{"from": "fleet"})
    for count in (70.0, 80.0):
        test.switch_page("views/start.py").run()
        next(one for one in test.number_input if "How many GPUs" in one.label).set_value(
            count
        ).run()
        visit(test, "compare")
        _keep(test, "Fleet")
    with open_store(full_store) as store:
        assert [scenarios.loads(text).number("capacity.given_gpus")
                for _, _, text in store.saved_scenarios()] == [80.0, 70.0]  # fmt: skip


@pytest.mark.parametrize("name", ["", "   "])
def test_a_plan_without_a_name_is_refused(start, full_store, name):
    test = visit(start(full_store, **{"from": "fleet"}), "compare")
    _keep(test, name)
    assert test.error


def test_two_plans_stand_side_by_side_with_their_bridge(start, empty_store):
    test = visit(start(empty_store, **{"from": "fleet"}), "compare")
    table = test.dataframe[0].value
    assert "Net present value" in set(table.iloc[:, 0])
    assert table.shape[1] == 3
    assert "From Buying or renting a fleet to" in said(test).replace("\\", "")
