"""The benchmark of the trials runs, and both of its sides agree."""

from __future__ import annotations

import sys

import pytest

from benchmarks import business_trials


def test_the_benchmark_compares_before_it_times(monkeypatch, capsys):
    arguments = ["business_trials.py", "--trials", "256", "--plain", "3", "--months", "24"]
    monkeypatch.setattr(sys, "argv", arguments)
    business_trials.main()
    shown = capsys.readouterr().out
    assert "256 trials x 24 months" in shown
    assert "times as fast; results agree" in shown


def test_programs_that_disagree_are_not_timed(monkeypatch, capsys):
    arguments = ["business_trials.py", "--trials", "64", "--plain", "1", "--months", "12"]
    monkeypatch.setattr(sys, "argv", arguments)
    monkeypatch.setattr(business_trials, "npv_and_irr", lambda flows, rate: (1.0, 0.1))
    with pytest.raises(AssertionError, match=r"irr|npv|Not equal"):
        business_trials.main()
    assert "times as fast" not in capsys.readouterr().out
