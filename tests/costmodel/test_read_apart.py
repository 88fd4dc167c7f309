"""Prompts read on devices of their own, against a simulation of both pools and a published day."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from modelworth.cli import main
from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.columns import coefficients, columns
from modelworth.costmodel.prediction.largest_load import Objective, largest_load
from modelworth.costmodel.prediction.plan import Offer, plan_serving
from modelworth.costmodel.prediction.predictor import Predictor
from modelworth.costmodel.prediction.serving.apart import reading
from modelworth.costmodel.prediction.serving.steady import (
    decoding_s,
    most_prompts,
    most_running,
    one_pass,
)
from modelworth.costmodel.prediction.step.passes import total_s
from modelworth.data.errors import InputError
from tests.costmodel.replica import PoolTimes, simulate_apart

PREDICTOR = Predictor()
NEW = 200


def case(readers: int = 2, **changes) -> Case:
    asked = {"batch": 64, "tokens": 4000, "new_tokens": NEW, "gpus": 2, "tensor": 1}
    return Case.of("llama-3.1-8b", "H100", read_gpus=readers, **(asked | changes))


def pools(asked: Case) -> PoolTimes:
    """Both pools of a case as the step model times them; the first token's fixed time as sent."""
    one, reading_one = replace(asked, batch=1), asked.reader
    writer, reader = (columns([each], PREDICTOR.tables) for each in (one, reading_one))
    fit = coefficients([asked], PREDICTOR.tables)
    read = reading(reader, writer, fit)
    most = float(most_prompts(reader)[0])

    @cache
    def read_s(prompts: int) -> float:
        if most < 1:
            return prompts * float(read.each_s[0])
        return float(total_s(one_pass(reader, fit, 0.0, np.array([float(prompts)])))[0])

    @cache
    def decode_s(running: float) -> float:
        return float(decoding_s(writer, one_pass(writer, fit, np.array([float(running)]), 0.0))[0])

    return PoolTimes(
        read_s, decode_s, float(read.sent_s[0] + fit.first_token_s[0]), max(int(most), 1),
        asked.read_gpus, asked.data, int(most_running(writer)[0]),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("readers", "tokens", "clients"),
    [(1, 4000, 4), (1, 4000, 200), (2, 4000, 32), (8, 12_000, 48), (4, 500, 300), (1, 500, 24)],
)
def test_a_closed_loop_agrees_with_the_simulation(readers, tokens, clients):
    asked = case(readers, tokens=tokens, batch=clients)
    found = PREDICTOR.predict(asked)
    seen = simulate_apart(pools(asked), NEW, clients=clients, requests=max(10 * clients, 400))
    assert found.value * asked.devices / NEW == pytest.approx(seen.requests_per_s, rel=0.1)
    assert found.tpot_s == pytest.approx(np.mean(seen.tpot_s), rel=0.2)
    assert found.ttft_s == pytest.approx(np.mean(seen.ttft_s), rel=0.25)


@pytest.mark.parametrize(("tokens", "ttft_s"), [(4000, 0.6), (12_000, 2.0)])
def test_the_largest_load_keeps_its_objective_in_the_simulation(tokens, ttft_s):
    asked = case(1, tokens=tokens, gpus=1)
    objective = Objective(ttft_s, 0.02)
    point = largest_load(asked, objective, PREDICTOR)
    rate = 0.98 * min(point.read_per_s, point.requests_per_s)
    seen = simulate_apart(pools(asked), NEW, rate=rate, requests=3000)
    read_bound = point.read_per_s <= point.requests_per_s
    first = np.quantile(seen.ttft_s, 0.95)
    assert first <= ttft_s * 1.25
    if read_bound:
        assert first == pytest.approx(point.ttft_s, rel=0.3)
    assert np.quantile(seen.tpot_s, 0.95) <= 0.02 * 1.2


def test_throughput_is_the_least_of_both_pools_and_of_the_network():
    queued = {"regime": "queued", "max_sequences": 64}
    few, enough, many = (PREDICTOR.predict(case(readers, **queued)) for readers in (1, 8, 16))
    rates = [one.value * (2 + n) for one, n in zip((few, enough, many), (1, 8, 16), strict=True)]
    assert rates[0] < 0.6 * rates[1]
    assert rates[2] == pytest.approx(rates[1], rel=1e-6)  # the writers' own
    alone = PREDICTOR.predict(
        replace(case(), read_gpus=0, work="decode", tokens=4100, batch=64, gpus=1)
    )
    assert rates[1] == pytest.approx(2 * alone.value, rel=0.02)


def test_a_slow_network_bounds_what_readers_and_writers_would_do():
    """One cache of 4,000 tokens is 524 MB: at 0.2 GB/s and the link's share, for two pairs."""
    asked = case(2, gpus=2, regime="queued", max_sequences=64)
    device = asked.accelerator.model_copy(update={"network_gb_per_s": 0.2, "link_gb_per_s": 0.2})
    slow = replace(asked, accelerator=device)
    quick, bound = PREDICTOR.predict(asked), PREDICTOR.predict(slow)
    share = float(coefficients([asked], PREDICTOR.tables).link[0])
    assert bound.value * 4 / NEW == pytest.approx(2 * 0.2e9 * share / (4000 * 131_072), rel=0.01)
    assert bound.value < quick.value


def test_deepseeks_day_of_serving_is_near():
    """DeepSeek-AI 2025: 73.7k tokens in (56.3% of them cached), 14.8k out a second and node of 8
    H800; experts over 32 devices while reading, 144 while decoding, contexts of 4,989 tokens on
    average and 608 tokens in for 168 out; about 23 groups of readers for 7 of writers."""
    out = 4989 / (608 / 168 + 0.5)
    writers, readers = 7 * 144, 23 * 32
    asked = Case.of(
        "deepseek-v3", "H800", precision="fp8", gpus=writers, tensor=144, attention_data=144,
        tokens=4989 - out / 2, new_tokens=out, prefix_share=0.563, max_sequences=90 * 144,
        regime="queued", read_gpus=readers, read_tensor=32,
    )  # fmt: skip
    per_s = PREDICTOR.predict(asked).value * asked.devices / out
    assert per_s * out / (writers / 8) == pytest.approx(14_800, rel=0.25)
    assert per_s * asked.tokens / (readers / 8) == pytest.approx(73_700, rel=0.25)


def test_tight_times_for_later_tokens_make_it_pay():
    """Zhong et al. 2024: where later tokens must come soon, prompts beside them cost most."""
    asked = Case.of("llama-3.1-70b", "H100", tokens=4000, new_tokens=500)
    device = [asked.accelerator]
    plans = [
        plan_serving(
            asked, Offer(50.0, Objective(2.0, tpot), apart=True), PREDICTOR, device, ("fp8",)
        )
        for tpot in (0.015, 0.1)
    ]
    tight, lax = (plan.choices[0] for plan in plans)
    assert tight.readers > 0 == lax.readers
    assert tight.gpus == tight.replicas * tight.case.gpus + tight.readers * tight.case.read_gpus
    assert tight.point.ttft_s <= 2.0
    assert tight.point.tpot_s <= 0.015
    whole = min(one.gpus for one in plans[0].choices if not one.readers)
    assert tight.gpus < whole


def test_what_cannot_be_read_apart_is_refused():
    with pytest.raises(InputError, match="read apart"):
        case(regime="static")
    with pytest.raises(InputError, match="multiple"):
        case(3, read_tensor=2)
    with pytest.raises(InputError, match="fits on"):
        PREDICTOR.require(
            Case.of("llama-3.1-70b", "H100", gpus=4, tensor=4, new_tokens=10, read_gpus=2)
        )
    with pytest.raises(InputError, match="ttft"):
        largest_load(case(), Objective(0.01, 1.0), PREDICTOR)


def test_the_command_says_both_pools_and_a_plan_becomes_a_scenario(tmp_path, capsys):
    ask = ["--model", "llama-3.1-8b", "--software", "vllm"]
    few = ["--gpu", "H100", "--gpus", "2", "--tensor", "1", "--prefill-gpus", "1", "--batch", "32"]
    assert main(["predict", *ask, *few]) == 0
    assert "1 read prompts" in capsys.readouterr().out
    path = tmp_path / "apart.yaml"
    load = ["--rate", "60", "--prompt", "4000", "--tpot", "0.008", "--ttft", "2"]
    one = ["--gpus-of", "H100", "--precisions", "fp8", "--disaggregated", "--scenario", str(path)]
    assert main(["plan", *ask, *load, *one, "--json"]) == 0
    best = json.loads(capsys.readouterr().out)["choices"][0]
    assert best["readers"] > 0
    read = best["readers"] * best["reader_tensor"] * best["reader_pipeline"]
    assert best["gpus"] == read + best["replicas"] * best["tensor"] * best["pipeline"]
    assert main(["evaluate", str(path), "--trials", "0"]) == 0


@pytest.mark.parametrize(
    "wrong",
    [{"context": -2}, {"virtual": 0}, {"attention_data": 0}, {"attention_data": 16},
     {"drafted": -2}, {"max_sequences": -5}, {"global_batch": 0.0}, {"read_gpus": -1},
     {"read_tensor": 0, "read_gpus": 2}, {"batch": math.nan}, {"read_gpus": 3, "read_tensor": 2}],
)  # fmt: skip
def test_layouts_that_cannot_be_are_refused_by_name(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        Case.of("llama-3.1-8b", "H100", **wrong)


def test_a_step_smaller_than_its_replicas_and_heads_that_do_not_divide_are_told():
    step = {"work": "train", "gpus": 8, "batch": 2, "global_batch": 3}
    with pytest.raises(InputError, match="8 replicas"):
        PREDICTOR.require(Case.of("llama-3.2-1b", "H100", **step))
    odd = PREDICTOR.predict(Case.of("llama-3.1-70b", "nvidia H100", gpus=3, precision="fp8"))
    assert "64 heads" in odd.note
