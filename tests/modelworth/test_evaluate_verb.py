"""`modelworth evaluate`, as people and programs call it."""

from __future__ import annotations

import json
import re

import pytest

from modelworth.cli import main
from modelworth.costmodel.business.indicators import INDICATORS

PLAN = """
text: {en: {name: A plan, question: "Is it one?"}}
months: 12
start: 2026-12
demand: {requests_per_month: {low: 1e8, mode: 2e8, high: 4e8}}
expected:
  opening_gpus: {value: [1, 10000]}
"""


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    return str(path)


def test_a_person_gets_the_verdict_and_the_figures(plan, capsys):
    assert main(["evaluate", plan, "--trials", "64"]) == 0
    shown = capsys.readouterr().out
    assert "A plan" in shown
    assert "NPV is positive with a probability of" in shown
    assert "npv_usd" in shown
    assert "P50" in shown


def test_a_program_gets_json(plan, capsys):
    assert main(["evaluate", plan, "--json", "--trials", "64", "--seed", "5"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["indicators"]) == set(INDICATORS)
    assert found["provenance"]["seed"] == 5
    assert found["options"]


def test_set_changes_a_driver(plan, capsys):
    changes = ["--set", "demand.requests_per_month=1e6", "--set", "months=6"]
    assert main(["evaluate", plan, "--json", "--trials", "0", *changes]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["months"] == 6
    assert found["drivers"]["demand.requests_per_month"]["value"] == 1e6


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "chat_api_startup"),
        (["no_such_plan"], "a YAML file"),
        (["base", "--set", "demand.growht_per_year=1"], "demand.growth_per_year"),
        (["base", "--set", "demand.growth_per_year"], "KEY=VALUE"),
        (["base", "--set", "demand.growth_per_year=[1"], "YAML"),
        (["base", "--set", "compute.rent_on_demand_usd_per_gpu_hour=-1"], "0 to 1000"),
        (["base", "--trials", "-1"], "trials"),
        (["base", "--check"], "figures to compare"),
    ],
)
def test_what_is_wrong_is_said_in_two_lines(arguments, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", *arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert said in " ".join(lines)


def test_money_is_shown_in_the_scenarios_currency(plan, capsys):
    main(["evaluate", plan, "--trials", "0"])
    usd = amount(capsys.readouterr().out)
    euro = ["--set", "currency=EUR", "--set", "usd_per_currency=2"]
    main(["evaluate", plan, "--trials", "0", *euro])
    shown = capsys.readouterr().out
    assert amount(shown) == pytest.approx(usd / 2, rel=0.01)
    assert "€" in shown
    assert "amounts in EUR" in shown


def amount(shown: str) -> float:
    row = next(line for line in shown.splitlines() if line.startswith("npv_usd"))
    number = re.search(r"(-?)[$€]([\d.]+)([KMB]?)", row)
    assert number
    sign, digits, scale = number.groups()
    return float(f"{sign}{digits}") * {"": 1, "K": 1e3, "M": 1e6, "B": 1e9}[scale]


def test_defaults_may_be_drawn_from_their_ranges(plan, capsys):
    ranges = ["--set", "simulation.defaults=ranges", "--trials", "64", "--json"]
    assert main(["evaluate", plan, *ranges]) == 0
    found = json.loads(capsys.readouterr().out)
    drawn = {item["driver"] for item in found["risk"]["influences"]}
    assert {"demand.churn_per_month", "company.support_share"} <= drawn
    assert found["drivers"]["company.support_share"]["distribution"]["mode"] == 0.05
    assert not found["drivers"]["company.support_share"]["changed"]


def test_check_compares_with_what_is_expected(plan, capsys, tmp_path):
    assert main(["evaluate", plan, "--check"]) == 0
    assert capsys.readouterr().out.startswith("ok")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(PLAN.replace("[1, 10000]", "[-2, -1]"))
    assert main(["evaluate", str(wrong), "--check"]) == 1
    assert capsys.readouterr().out.startswith("BAD")


def test_lint_says_what_is_doubtful(plan, capsys):
    assert main(["evaluate", plan, "--lint"]) == 0
    assert "T19" in capsys.readouterr().out
    private = ["--set", "building.method=lora", "--set", "trust.private_training=lora"]
    assert main(["evaluate", plan, "--lint", *private]) == 1
    assert "T28" in capsys.readouterr().out


def test_the_schema_is_json(capsys):
    assert main(["evaluate", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "modelworth scenario"
