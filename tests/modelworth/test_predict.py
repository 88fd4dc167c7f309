"""The verb predict, from its arguments to what it prints and writes."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

from modelworth.cli import main

CASE = ["predict", "--model", "llama-3.1-8b", "--gpu", "H100", "--batch", "16"]


def test_one_case_as_json(capsys):
    assert main([*CASE, "--json", "--software", "vllm"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["case"]["gpu"] == "H100 SXM 80GB"
    assert found["low"] < found["value"] < found["high"]
    assert found["ttft_s"] > 0
    assert found["tpot_s"] > 0


@pytest.mark.parametrize("work", ["train", "prefill", "decode", "serve"])
def test_every_kind_of_work_prints_a_figure_with_its_interval(work, capsys):
    sharded = ["--gpus", "8", "--sharding", "full"] if work == "train" else []
    assert main([*CASE[:-1], "2", "--work", work, *sharded]) == 0
    assert "90% interval" in capsys.readouterr().out


def test_an_image_model_runs_forward(capsys):
    assert main(["predict", "--model", "vit-base", "--gpu", "RTX 4090", "--work", "forward"]) == 0
    assert "sequences/s" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["predict"], "--model and --gpu"),
        (["predict", "--model", "llama-3.1-8b", "--gpu", "H9000"], "--matmul-tflops"),
        (["predict", "--model", "no-such", "--gpu", "H100"], "model"),
        ([*CASE, "--matmul-tflops", "100"], "go together"),
        ([*CASE, "--matmul-tflops", "nan", "--bandwidth-gb-per-s", "1"], "--matmul-tflops: nan"),
        ([*CASE, "--gpus", "100000000000"], "at most 1,000,000"),
        ([*CASE, "--gpus", "64", "--pipeline", "64"], "the model's layers"),
        ([*CASE, "--virtual-stages", "1000"], "--virtual-stages"),
        ([*CASE, "--country", "USA"], "--run-tokens"),
        ([*CASE, "--batch", "-1"], "1 or more"),
        (["predict", "--model", "llama-3.1-70b", "--gpu", "H100"], "fits on 2"),
        (["predict", "--model", "nowhere.json", "--gpu", "H100"], "config.json"),
        (["predict", "--cases", "nowhere.csv", "--out", "x.csv"], "CSV"),
        (["predict", "--cases", "nowhere.csv"], "--out"),
        (["predict", "--calibrate", "nowhere", "--out", "x"], "folder"),
    ],
)
def test_wrong_input_ends_with_2_and_says_what_is_allowed(arguments, says, capsys):
    assert main(arguments) == 2
    assert says in capsys.readouterr().err


def test_an_unknown_device_is_predicted_from_its_datasheet(capsys):
    rates = ["--matmul-tflops", "400", "--bandwidth-gb-per-s", "2000", "--memory-gb", "64"]
    assert main(["predict", "--model", "llama-3.1-8b", "--gpu", "Mine", *rates, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["basis"] == "assumed"


def test_a_table_of_cases_goes_in_and_out(tmp_path, capsys):
    cases = tmp_path / "in.csv"
    row = {"model": "llama-3.1-8b", "gpu": "H100", "concurrency": 8, "prompt_tokens": 1000,
           "new_tokens": 100, "engine": "vllm"}  # fmt: skip
    pd.DataFrame([row, row | {"gpu": "H9000"}]).to_csv(cases, index=False)
    assert main(["predict", "--cases", str(cases), "--out", str(tmp_path / "out.csv")]) == 0
    found = pd.read_csv(tmp_path / "out.csv")
    assert found["predicted"].notna().tolist() == [True, False]
    assert "1 of 2 rows predicted" in capsys.readouterr().out


def documented() -> list[str]:
    text = (Path(__file__).parents[2] / "docs" / "prediction.md").read_text("utf-8")
    return re.findall(r"^\$ modelworth (.+)$", text, re.MULTILINE)


@pytest.mark.parametrize("command", documented())
def test_the_documented_examples_run(command, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(command)) == 0
    assert "90%" in capsys.readouterr().out
