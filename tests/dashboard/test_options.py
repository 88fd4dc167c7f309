"""Options edited on the page: what is written is what the scenario reads."""

from __future__ import annotations

import pytest

from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.scenario import options
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.dashboard.guides import load_guides
from modelworth.dashboard.parts import option_editor
from modelworth.data.errors import InputError
from tests.dashboard.test_pages import visit

PLAN = load_guides()["host_or_buy"].scenario


@pytest.mark.parametrize("key", options.table_rows())
def test_a_copy_of_a_shipped_option_says_the_same(key):
    plan = scenarios.load("chat_api_startup")
    made = option_editor.written(option_editor.changes_of(plan, key), "A copy")
    changed = scenarios.with_overrides(plan, {"options.a_copy": made})
    found = evaluate(changed, trials=0, parts=("options",)).options
    figures = {one.key: one.figures[0].base for one in found}
    assert figures["a_copy"] == pytest.approx(figures[key])
    assert next(one for one in found if one.key == "a_copy").label == "A copy"


@pytest.mark.parametrize("rows", [{"no.such": "1"}, {"demand.cached_share": "much"}])
def test_an_option_that_cannot_be_read_is_refused(rows):
    with pytest.raises(InputError):
        option_editor.written(rows, "Mine")


def test_keys_of_own_options_are_plain_and_different():
    assert option_editor.key_for("Two nodes, at home!", []) == "two_nodes_at_home"
    assert option_editor.key_for("Plan", []) == "plan_2"
    assert option_editor.key_for("自有机房", []) == "option"
    assert option_editor.key_for("a b", ["a_b"]) == "a_b_2"


def test_an_option_is_left_out_and_taken_back(start, empty_store):
    test = visit(start(empty_store, **{"from": "host_or_buy"}), "options")
    before = option_editor.kept(test.session_state["session"].scenario)
    next(one for one in test.button if one.key == "option-remove").click().run()
    now = test.session_state["session"].scenario
    assert set(before) - set(option_editor.kept(now)) == {before[0]}
    next(one for one in test.button if one.label == "Undo").click().run()
    assert option_editor.kept(test.session_state["session"].scenario) == before
