"""`modelworth compare` as a person and as a program meet it."""

from __future__ import annotations

import json

import pytest

from modelworth.cli import main

PLAN = """
months: 12
start: "2026-12"
demand:
  requests_per_month: {lognormal: {median: 3.0e+7, sigma: 0.5}}
options:
  quality_bar: 0.84
  pretrain_large: false
"""


@pytest.fixture
def plan(tmp_path) -> str:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN, "utf-8")
    return str(path)


def test_the_table_has_a_row_an_option_and_says_who_is_out(plan, capsys):
    assert main(["compare", plan, "--trials", "64"]) == 0
    shown = capsys.readouterr().out
    for key in ("buy_api", "self_host_owned", "small_with_router"):
        assert f"\n{key} " in shown
    assert "pretrain_large" not in shown
    assert "pretrain_small isn't in question" in shown
    assert "64 trials" in shown
    assert "heapest" in shown


def test_json_holds_options_and_curve(plan, capsys):
    assert main(["compare", plan, "--trials", "64", "--seed", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [option["key"] for option in found["options"]][:2] == ["plan", "buy_api"]
    shares = [option["probability_best"] for option in found["options"]]
    assert sum(share or 0 for share in shares) == pytest.approx(1)
    curve = found["volume_curve"]
    assert all(
        len(row) == len(curve["requests_per_month"]) for row in curve["usd_per_month"].values()
    )
    assert found["provenance"]["seed"] == 3


def test_the_same_seed_gives_the_same_comparison(plan, capsys):
    texts = []
    for _ in range(2):
        main(["compare", plan, "--trials", "64", "--seed", "0", "--json"])
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]


def test_a_certain_plan_is_compared_without_trials(plan, capsys):
    assert main(["compare", plan, "--set", "demand.requests_per_month=2e7"]) == 0
    assert "base case alone" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.yaml"], "scenario"),
        (["base", "--set", "demand.nonsense=1"], "demand.nonsense"),
        (["base", "--trials", "-1"], "trials"),
    ],
)
def test_wrong_input_is_two_lines_and_status_2(arguments, said, capsys):
    assert main(["compare", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 2


def test_all_published_cases_are_checked_at_once(capsys):
    assert main(["evaluate", "--check"]) == 0
    shown = capsys.readouterr().out
    assert "BAD" not in shown
    assert "deepseek_day_revenue" in shown


COST_ONLY = ["--set", "verdict.question=cost", "--trials", "64"]


def test_a_question_of_cost_shows_what_is_spent_and_no_loss(capsys):
    assert main(["compare", "internal_copilot", *COST_ONLY]) == 0
    assert main(["evaluate", "internal_copilot", *COST_ONLY]) == 0
    shown = capsys.readouterr().out
    assert "NPV" not in shown
    assert "npv_usd" not in shown
    assert "-$" not in shown.replace("plan less", "")
    assert "Present value of the cost over 36 months" in shown
