"""`modelworth predict --run-tokens`: a whole training run from the command line."""

from __future__ import annotations

import json

import pytest

from modelworth.cli import main

ASK = [
    "predict",
    "--model",
    "llama-3.1-405b",
    "--gpu",
    "H100",
    "--gpus",
    "16384",
    "--run-tokens",
    "15.6e12",
    "--global-batch",
    "2048",
    "--sequence",
    "8192",
]


def test_a_run_in_words(capsys):
    assert main([*ASK, "--country", "USA"]) == 0
    shown = capsys.readouterr().out
    assert "15.6 T tokens on 16,384 × H100 SXM 80GB" in shown
    assert "distributed optimizer" in shown
    assert "90% interval" in shown
    assert "7.9 interruptions a day" in shown
    assert "t CO2e" in shown
    assert "at the utilisation of published runs" in shown


def test_a_run_for_programs(capsys):
    assert main([*ASK, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["run"]["device_hours"] == pytest.approx(30.84e6, rel=0.25)  # Meta's model card
    low, typical, high = plan["published_runs_device_hours"]
    assert low < typical < high
    best = plan["layouts"][0]
    assert best["data"] * best["tensor"] * best["pipeline"] * best["context"] == 16_384
    assert best["low"] < best["value"] < best["high"]
    assert plan["run"]["carbon_kg"] is None


def test_failures_cost_time(capsys):
    days = []
    for hours in ("50000", "5000"):
        assert main([*ASK, "--json", "--mtbf-hours", hours]) == 0
        days.append(json.loads(capsys.readouterr().out)["run"]["days"])
    assert days[1] > 1.3 * days[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--gpus", "8"], "give more devices"),
        (["--global-batch", "0"], "--global-batch"),
        (["--run-tokens", "0"], "tokens"),
        (["--mtbf-hours", "0"], "device_mtbf_hours"),
        (["--country", "Atlantis"], "carbon"),
        (["--gpus", "0"], "gpus"),
    ],
)
def test_what_cannot_be_is_refused(capsys, change, words):
    assert main([*ASK, *change]) == 2
    assert words in capsys.readouterr().err


def test_images_need_no_sequence(capsys):
    ask = ["predict", "--model", "vit-large", "--gpu", "RTX 4090", "--gpus", "2"]
    assert main([*ask, "--run-tokens", "1e11", "--global-batch", "256"]) == 0
    assert "best layout" in capsys.readouterr().out


def test_a_batch_that_nobody_gives_has_four_million_tokens(capsys):
    ask = ["predict", "--model", "gpt2", "--gpu", "H100", "--gpus", "8", "--run-tokens", "1e9"]
    assert main([*ask, "--json"]) == 0
    assumed = json.loads(capsys.readouterr().out)
    assert main([*ask, "--json", "--global-batch", "4096"]) == 0  # × 1,024: nearest to 4e6
    assert json.loads(capsys.readouterr().out) == assumed


def test_a_server_without_a_layout_gets_the_best_one(capsys):
    """No other cut of 8 devices between tensor groups, stages and replicas does more."""
    ask = ["predict", "--model", "llama-3.1-70b", "--gpu", "H100", "--gpus", "8", "--batch", "64"]
    assert main([*ask, "--json"]) == 0
    best = json.loads(capsys.readouterr().out)["value"]
    for tensor in (1, 2, 4, 8):
        for pipeline in (1, 2, 4, 8):
            if tensor * pipeline <= 8:
                cut = ["--tensor", str(tensor), "--pipeline", str(pipeline), "--json"]
                if main([*ask, *cut]) == 0:
                    assert json.loads(capsys.readouterr().out)["value"] <= best
    capsys.readouterr()


def test_a_mixtures_server_shares_attention_where_that_does_more(capsys):
    ask = ["predict", "--model", "deepseek-v3", "--gpu", "H200", "--gpus", "16", "--json"]
    ask += ["--batch", "2048", "--sequence", "2000", "--new-tokens", "1000", "--software", "sglang"]
    found = []
    for layout in ([], ["--tensor", "8", "--attention-data", "8"], ["--attention-data", "16"]):
        assert main([*ask, *layout]) == 0
        found.append(json.loads(capsys.readouterr().out)["value"])
    assert found[0] >= max(found[1:])


def test_the_time_of_a_request_is_named_and_its_parts_add_up(capsys):
    ask = ["predict", "--model", "llama-3.1-8b", "--gpu", "H100", "--batch", "32"]
    assert main([*ask, "--json"]) == 0
    parts = json.loads(capsys.readouterr().out)["parts"]
    assert main(ask) == 0
    shown = capsys.readouterr().out
    assert f"a request takes {sum(parts.values()) * 1e3:,.4g} ms of its replica" in shown
    assert "spared where a pass reads prompts and decodes" in shown


@pytest.mark.parametrize(
    ("device", "precision", "words"),
    [
        ("A100", "fp8", "only weights are in fp8"),
        ("V100", "bf16", "has no bf16"),
        ("H100", "fp8", ""),
    ],
)
def test_formats_that_a_device_does_not_compute_in_are_told(device, precision, words, capsys):
    ask = ["predict", "--model", "llama-3.2-1b", "--gpu", device, "--precision", precision]
    assert main(ask) == 0
    shown = capsys.readouterr().out
    assert words in shown
    assert ("computes in" in shown) == bool(words)
