"""The cheapest way to serve or train, against trying everything by hand."""

from __future__ import annotations

import json
import math

import pytest

from modelworth.cli import main
from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.largest_load import Objective, largest_load
from modelworth.costmodel.prediction.plan import Offer, plan_serving
from modelworth.costmodel.prediction.predictor import Predictor
from modelworth.costmodel.prediction.training_run import Aim, plan_clusters
from modelworth.costmodel.scenario.scenario import load
from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError

CATALOG = load_catalog()
PREDICTOR = Predictor(CATALOG)
DEVICES = [CATALOG.accelerator(name) for name in ("H100", "L40S")]
OFFER = Offer(40.0, Objective(1.0, 0.05))
ASK = ["plan", "--model", "llama-3.1-8b", "--rate", "5", "--gpus-of", "H100", "L40S"]


def case(**changes) -> Case:
    return Case.of("llama-3.1-8b", "H100", CATALOG, tokens=1000, new_tokens=250, **changes)


def test_the_cheapest_choice_is_the_cheapest_of_all_tried():
    plan = plan_serving(case(), OFFER, PREDICTOR, DEVICES, ("bf16", "fp8"))
    costs = []
    for device in ("H100", "L40S"):
        rent = CATALOG.rent(device).usd_per_gpu_hour
        for precision in ("bf16", "fp8"):
            for gpus in (1, 2, 4, 8):
                asked = Case.of(
                    "llama-3.1-8b", device, CATALOG, tokens=1000, new_tokens=250, gpus=gpus,
                    precision=precision,
                )  # fmt: skip
                rate = largest_load(asked, OFFER.objective, PREDICTOR).requests_per_s
                costs.append(-(-40.0 // rate) * gpus * rent / 3600 / (40.0 * 1250) * 1e6)
    assert plan.choices[0].usd_per_million_tokens == pytest.approx(min(costs))
    assert [one.usd_per_million_tokens for one in plan.choices] == sorted(
        one.usd_per_million_tokens for one in plan.choices
    )


def test_the_frontier_trades_cost_for_latency():
    plan = plan_serving(case(), OFFER, PREDICTOR, DEVICES, ("fp8",))
    cost = [one.usd_per_million_tokens for one in plan.frontier]
    latency = [one.point.tpot_s for one in plan.frontier]
    assert len(cost) > 1
    assert cost == sorted(cost)
    assert latency == sorted(latency, reverse=True)
    assert plan.frontier[0] == plan.choices[0]


def test_an_objective_that_nothing_keeps_is_refused():
    with pytest.raises(InputError, match="kept on no device"):
        plan_serving(case(), Offer(1.0, Objective(1.0, 1e-6)), PREDICTOR, DEVICES, ("bf16",))


def test_a_deadline_takes_the_smallest_cluster_and_a_budget_the_quickest():
    asked = Case.of(
        "llama-3.1-8b", "H100", CATALOG, work="train", tokens=8192, global_batch=256,
        software="megatron",
    )  # fmt: skip
    (met,) = plan_clusters(asked, Aim(2e11, days=30.0), PREDICTOR, DEVICES[:1])
    assert met.run.days <= 30 < 2.5 * met.run.days
    (quick,) = plan_clusters(asked, Aim(2e11, budget_usd=met.usd * 1.05), PREDICTOR, DEVICES[:1])
    assert quick.usd <= met.usd * 1.05
    assert quick.run.days <= met.run.days
    with pytest.raises(InputError, match="no cluster"):
        plan_clusters(asked, Aim(2e13, budget_usd=1.0), PREDICTOR, DEVICES[:1])


def test_a_plan_goes_straight_into_a_scenario(tmp_path, capsys):
    path = tmp_path / "mine.yaml"
    one = ["--gpus-of", "L40S", "--precisions", "fp8"]
    assert main([*ASK, *one, "--scenario", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "cheapest" in shown
    assert "cost against latency" in shown
    assert main(["evaluate", str(path), "--trials", "0"]) == 0


@pytest.mark.slow
def test_a_histogram_of_lengths_is_its_mean_and_variation(tmp_path, capsys):
    path, chart = tmp_path / "lengths.csv", tmp_path / "plan.svg"
    path.write_text("prompt_tokens,new_tokens,count\n500,100,3\n2500,300,1\n", "utf-8")
    assert main([*ASK, "--lengths", str(path), "--chart", str(chart), "--json"]) == 0
    by_lengths = json.loads(capsys.readouterr().out)
    means = ["--prompt", "1000", "--new-tokens", "150", "--variation", str(math.sqrt(0.75))]
    assert main([*ASK, *means, "--json"]) == 0
    by_means = json.loads(capsys.readouterr().out)
    cost = [one["choices"][0]["usd_per_million_tokens"] for one in (by_lengths, by_means)]
    assert cost[0] == pytest.approx(cost[1])
    percentiles = by_lengths["choices"][0]["percentiles"]
    assert [one["share"] for one in percentiles] == [0.5, 0.9, 0.95, 0.99]
    for name in ("ttft_s", "tpot_s"):
        values = [one[name] for one in percentiles]
        assert values == sorted(values)
    assert "L40S" in chart.read_text("utf-8")


@pytest.mark.parametrize("text", ["prompt_tokens,count\n1,1\n", "prompt_tokens,new_tokens,count\n"])
def test_a_histogram_that_says_nothing_is_refused(tmp_path, capsys, text):
    path = tmp_path / "lengths.csv"
    path.write_text(text, "utf-8")
    assert main([*ASK, "--lengths", str(path)]) == 2
    assert "lengths.csv" in capsys.readouterr().err


def test_a_plan_for_programs(capsys):
    assert main([*ASK, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    best = found["choices"][0]
    assert best["low"] <= best["usd_per_million_tokens"] <= best["high"]
    assert {one["gpu"] for one in found["best_by_device"]} == {"H100 SXM 80GB", "L40S"}


@pytest.mark.parametrize(
    ("change", "words"),
    [(["--rate", "0"], "above 0"), (["--gpus-of", "H900"], "accelerator"),
     (["--precisions", "fp3"], "precision"), (["--run-tokens", "1e9"], "one of both"),
     (["--new-tokens", "0.5"], "--new-tokens: 0.5"), (["--prompt", "0.5"], "--prompt: 0.5"),
     (["--model", "gpt2"], "made for 1,024"), (["--gpus-of", "T4"], "no rent")],
)  # fmt: skip
def test_wrong_input_says_what_is_allowed(capsys, change, words):
    assert main([*ASK, *change]) == 2
    assert words in capsys.readouterr().err


def test_a_training_plan_becomes_a_scenario_of_the_same_hours(tmp_path, capsys):
    """To the last digit; and `predict` says the same of the same cluster."""
    path = tmp_path / "run.yaml"
    run = ["plan", "--model", "llama-3.1-8b", "--run-tokens", "1e12", "--days", "30", "--json"]
    one = ["--gpus-of", "H100", "--precisions", "bf16", "--scenario", str(path)]
    assert main([*run, *one]) == 0
    (planned,) = json.loads(capsys.readouterr().out)
    settings = load(path).settings
    assert settings["building.gpus"].value == planned["gpus"]
    assert settings["building.pretraining_tokens"].value == 1e12
    found = evaluate(load(path), trials=0, parts=())
    hours = found.indicators["final_run_gpu_hours"].base
    assert hours == pytest.approx(planned["device_hours"], rel=1e-12)
    ask = ["predict", "--model", "llama-3.1-8b", "--gpu", "H100", "--gpus", str(planned["gpus"])]
    of_run = ["--run-tokens", "1e12", "--sequence", "8192", "--precision", "bf16", "--json"]
    assert main([*ask, *of_run]) == 0
    predicted = json.loads(capsys.readouterr().out)
    assert predicted["run"]["device_hours"] == planned["device_hours"]


@pytest.mark.parametrize(
    "wrong",
    [["--rate", "1e308"], ["--tpot", "1e308"], ["--run-tokens", "1e308"],
     ["--ttft", "nan"], ["--tpot", "-1"], ["--prompt", "0"], ["--rate", "inf"],
     ["--run-tokens", "1e12", "--days", "0"], ["--run-tokens", "1e12", "--budget-usd", "0"],
     ["--run-tokens", "1e12", "--batch-tokens", "nan"], ["--chart", "plan.png"],
     ["--model", "bert-base"]],
)  # fmt: skip
def test_numbers_that_mean_nothing_are_refused_at_once(capsys, wrong):
    assert main([*ASK, *wrong]) == 2
    assert wrong[-2].lstrip("-").split("-")[0] in capsys.readouterr().err.replace("bert", "model")


def test_weights_stay_as_the_checkpoint_stores_them(capsys):
    """gpt-oss is stored in MXFP4: a plan tries that, too, and nothing that the device can't do."""
    ask = ["plan", "--model", "gpt-oss-120b", "--rate", "10", "--gpus-of", "H100", "V100", "--json"]
    assert main(ask) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["choices"][0]["precision"] == "fp4"
    refused = {(one["gpu"], one["precision"]): one["reason"] for one in found["refused"]}
    for precision in ("fp8", "fp4"):
        assert "one that V100 SXM2 32GB computes in: fp16" in refused["V100 SXM2 32GB", precision]


def test_a_plan_of_spread_experts_is_its_scenarios_capacity(tmp_path, capsys):
    path = tmp_path / "plan.yaml"
    ask = [
        "plan",
        "--model",
        "deepseek-v3",
        "--rate",
        "20",
        "--prompt",
        "2000",
        "--gpus-of",
        "H200",
    ]
    assert (
        main([*ask, "--new-tokens", "1000", "--ttft", "2", "--json", "--scenario", str(path)]) == 0
    )
    best = json.loads(capsys.readouterr().out)["choices"][0]
    assert best["attention_data"] > 1
    plan = load(path)
    fresh, new = (plan.number(f"demand.{name}_tokens_per_request") for name in ("prompt", "output"))
    speeds = [
        plan.number(f"capacity.{name}_tokens_per_s_per_gpu") for name in ("prefill", "decode")
    ]
    seconds = fresh / speeds[0] + new / speeds[1]
    replica = best["requests_per_s_per_replica"] / best["tensor"] / best["pipeline"]
    assert 1 / seconds == pytest.approx(replica, rel=1e-4)


def test_a_training_step_takes_the_batch_that_is_said_and_small_sums_are_dollars(capsys):
    ask = ["plan", "--model", "gpt2", "--run-tokens", "1e10", "--sequence", "1024", "--days", "1"]
    assert main([*ask, "--batch-tokens", "524288", "--gpus-of", "RTX 3090"]) == 0
    shown = capsys.readouterr().out
    assert "an optimizer step has 524 k tokens" in shown
    assert "$9." in shown
    assert "e-0" not in shown


def test_a_rent_of_ones_own_prices_what_the_catalogue_cannot(capsys):
    ask = ["plan", "--model", "llama-3.1-8b", "--rate", "5", "--gpus-of", "MI300X"]
    assert main(ask) == 2
    assert "--usd-per-gpu-hour" in capsys.readouterr().err
    found = []
    for usd in ("2", "4"):
        assert main([*ask, "--usd-per-gpu-hour", usd, "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out)["choices"][0]["usd_per_million_tokens"])
    assert found[1] == pytest.approx(2 * found[0])
