"""The library's face: small, lazy, documented, and the same as what the command line does."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import modelworth as mw

SLOW = ("torch", "scipy", "pandas", "numpy", "sqlalchemy", "streamlit")


def test_importing_it_loads_nothing_heavy():
    code = f"import sys, modelworth; print([m for m in {SLOW!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_every_public_name_is_there_and_documented():
    for name in mw.__all__:
        assert getattr(mw, name).__doc__, name
    assert set(mw.__all__) <= set(dir(mw))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = mw.nonsense


def test_no_name_hides_a_room():
    assert not {"data", "bench", "costmodel", "report", "dashboard"} & set(mw.__all__)


def test_a_scenario_from_name_to_verdict_and_document(tmp_path):
    scenario = mw.load_scenario("chat_api_startup", {"compute.rent_on_demand_usd_per_gpu_hour": 2})
    analysis = mw.evaluate(scenario, [], trials=64, parts=("risk",))
    assert analysis.verdict.outcome in ("viable", "not_viable", "depends")
    assert analysis.indicators["npv_usd"].p50 is not None
    (path,) = mw.write_report(analysis, tmp_path, formats=["json"])
    assert path.exists()


def test_comparing_gives_options():
    analysis = mw.compare("chat_api_startup", trials=0)
    assert analysis.options


def test_nothing_measured_yet_is_no_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert mw.evaluate("base", trials=0, parts=()).indicators["npv_usd"].base is not None


def test_a_suite_and_a_model_are_refused():
    with pytest.raises(mw.InputError, match="a suite or a model"):
        mw.measure("quick", model="ladder-1m")


def test_a_prediction_is_that_of_the_command_line(capsys):
    from modelworth.cli import main

    found = mw.predict("llama-3.1-8b", "H100", concurrency=32, tokens=1024, new_tokens=256)
    ask = ["predict", "--model", "llama-3.1-8b", "--gpu", "H100", "--batch", "32", "--json"]
    assert main([*ask, "--precision", "bf16"]) == 0
    assert json.loads(capsys.readouterr().out)["value"] == found.value
    with pytest.raises(mw.InputError, match="fits on 2"):
        mw.predict("llama-3.1-70b", "H100")
