"""What came in, taken from a table or a file, and shown beside the plan."""

from __future__ import annotations

import pytest

from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.dashboard.parts import actuals
from modelworth.data.errors import InputError
from tests.dashboard.test_pages import visit


@pytest.fixture(scope="module")
def plan():
    return evaluate(scenarios.load("base"), trials=0, parts=())


def test_a_file_of_months_is_read(plan):
    frame = actuals.read(b"\xef\xbb\xbfmonth,revenue_usd\n1,100\n3,250.5\n", plan)
    assert frame.to_dict("list") == {"month": [1, 3], "revenue_usd": [100.0, 250.5]}


@pytest.mark.parametrize(
    "content",
    [b"", b"revenue_usd\n1\n", b"month,profit\n1,2\n", b"month,revenue_usd\n1,lots\n",
     b"month,revenue_usd\n0,2\n", b"month,revenue_usd\n1,2\n1,3\n", b"\xff\xfe\x00",
     b"month,revenue_usd\n1.5,2\n", b"x" * 300_000],
)  # fmt: skip
def test_a_wrong_file_is_refused_in_a_line(plan, content):
    with pytest.raises(InputError) as refused:
        actuals.read(content, plan)
    assert len(str(refused.value)) < 400


def test_what_came_in_stands_beside_the_plan(start, empty_store):
    test = visit(start(empty_store), "statements")
    mine = test.session_state["session"]
    document = dict(mine.scenario.document) | {"actuals": {"revenue_usd": [10.0, None, 30.0]}}
    mine.scenario = scenarios.from_document(document)
    test.run()
    assert not test.exception
    shown = next(one.value for one in test.dataframe if "actual" in one.value)
    assert list(shown["month"]) == [1, 3]
