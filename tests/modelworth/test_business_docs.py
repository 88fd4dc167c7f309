"""Every example in docs/business-model.md runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from modelworth.cli import main
from modelworth.costmodel.business.lines import load_lines
from modelworth.costmodel.scenario import scenario as scenarios

TEXT = (Path(__file__).parents[2] / "docs" / "business-model.md").read_text("utf-8")
COMMANDS = [line for line in TEXT.splitlines() if line.startswith("modelworth ")]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_run(command, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(command)[1:]) == 0
    assert capsys.readouterr().out


def test_the_scenario_is_right():
    block, extended = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert scenarios.loads(extended)
    found = scenarios.loads(block)
    assert found.word("compute.serving") == "owned"
    assert set(found.settings) == {
        "demand.requests_per_month", "demand.growth_per_year", "demand.churn_per_month",
        "compute.serving",
    }  # fmt: skip


def test_the_formula_is_the_models():
    (block,) = re.findall(r"```csv\n(.*?)```", TEXT, re.DOTALL)
    line = next(line for line in load_lines() if line.key == "npv_usd")
    assert f"{line.key},{line.section},{line.unit},{line.expression},{line.note}" in block


def test_the_numbers_of_the_text_hold():
    said = re.search(r"Some (\d+) named formulas", TEXT)
    assert abs(len(load_lines()) - int(said[1])) <= 20
