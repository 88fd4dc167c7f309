"""`modelworth evaluate --solve`: against closed forms, and what it refuses."""

from __future__ import annotations

import json

import pytest

from modelworth.cli import main

EROSION = "data/scenarios/cases/price_erosion_breakeven.yaml"
RENT = "data/scenarios/cases/buy_vs_rent_h200.yaml"


def test_a_break_even_is_its_closed_form(capsys):
    """Buying pays from a use of 100% at the rent that equals the annuity: $1.778 an hour."""
    arguments = ["evaluate", RENT, "--solve", "compute.rent_on_demand_usd_per_gpu_hour",
                 "--target", "buying_pays_from_utilisation_share=1"]  # fmt: skip
    assert main([*arguments, "--between", "0.5", "10", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["values"] == pytest.approx([1.7783246702263618])
    assert found["jumps"] == [False]
    assert main([*arguments, "--between", "0.5", "10"]) == 0
    assert "\n  1.77832\n" in capsys.readouterr().out


def test_a_step_of_capacity_is_named(capsys):
    assert main(["evaluate", "base", "--set", "capacity.basis=given", "--trials", "0", "--solve",
                 "demand.peak_over_average", "--target", "opening_gpus=10.5",
                 "--between", "1", "60"]) == 0  # fmt: skip
    assert "a step of capacity" in capsys.readouterr().out


def test_nowhere_is_said_with_the_range_that_was_kept(capsys):
    assert main(["evaluate", EROSION, "--solve", "compute.pue", "--target", "npv_usd=1e12"]) == 0
    shown = capsys.readouterr().out
    assert "nowhere" in shown
    assert "keeps to" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--solve", "nonsense"], "--solve"),
        (["--solve", "compute.serving"], "--solve"),
        (["--solve", "compute.pue", "--target", "npv_usd"], "--target"),
        (["--solve", "compute.pue", "--target", "nonsense=1"], "--target"),
        (["--solve", "compute.pue", "--target", "npv_usd=nan"], "target"),
        (["--solve", "compute.pue", "--between", "0", "2"], "--between"),
        (["--solve", "compute.pue", "--between", "2", "1.5"], "range"),
    ],
)
def test_wrong_questions_are_refused(arguments, said, capsys):
    assert main(["evaluate", EROSION, *arguments]) == 2
    assert said in capsys.readouterr().err
