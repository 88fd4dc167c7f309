"""Steady state and largest load, against a simulation of the same server."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.columns import coefficients, columns
from modelworth.costmodel.prediction.largest_load import (
    Objective,
    ServingPoint,
    largest_load,
    service_of,
)
from modelworth.costmodel.prediction.predictor import Predictor
from modelworth.costmodel.prediction.serving.steady import cache_room, request_s, steady_state
from modelworth.costmodel.prediction.step.coefficients import shipped_tables
from modelworth.data.errors import InputError
from tests.costmodel.replica import simulate

TABLES = shipped_tables()
PREDICTOR = Predictor()
APART = {"fused": 1e-9, "first_token_s": 1e-9}


def case(**changes) -> Case:
    asked = {"batch": 32, "tokens": 1024, "new_tokens": 200}
    return Case.of("llama-3.1-8b", "H100 SXM 80GB", **(asked | changes))


def apart(asked: Case):
    """The server of a case whose engine reads prompts in passes of their own."""
    work = columns([asked], TABLES)
    fit = replace(coefficients([asked], TABLES), **APART)
    alone = request_s(work, fit, np.array([1.0]))

    def decode_s(running: float) -> float:
        return float(request_s(work, fit, np.array([float(running)])).decode_s[0])

    return work, fit, float(alone.prefill_s[0]), decode_s


@pytest.mark.parametrize(
    ("running", "variation"), [(2.0, 0.0), (15.0, 0.0), (60.0, 0.0), (2.0, 1.0), (30.0, 1.0)]
)
def test_open_loop_agrees_with_the_simulation(running, variation):
    asked = case()
    work, fit, prefill_s, decode_s = apart(asked)
    service = replace(
        service_of(asked, PREDICTOR),
        seconds=lambda b: (
            200 / b * (each_s := request_s(work, fit, b).decode_s) + prefill_s,
            each_s,
        ),
        prefill_s=prefill_s,
        first_token_s=0.0,
    )
    loop = service.loop(200, np.array([running]), variation)
    rate = float(loop.requests_per_s[0])
    seen = simulate(prefill_s, decode_s, 200, rate=rate, variation=variation)
    usual = service.loop(200, np.array([running]), variation, 0.5)
    assert np.mean(seen.tpot_s) == pytest.approx(float(usual.tpot_s[0]), rel=0.12)
    assert np.quantile(seen.ttft_s, 0.95) == pytest.approx(float(loop.ttft_s[0]), rel=0.3)
    assert np.quantile(seen.tpot_s, 0.95) == pytest.approx(float(loop.tpot_s[0]), rel=0.2)
    for share in (0.5, 0.9, 0.99) if variation == 0 else (0.9, 0.99):
        at = service.loop(200, np.array([running]), variation, share)
        assert np.quantile(seen.ttft_s, share) == pytest.approx(float(at.ttft_s[0]), rel=0.3)
        assert np.quantile(seen.tpot_s, share) == pytest.approx(float(at.tpot_s[0]), rel=0.25)


@pytest.mark.parametrize("clients", [4, 32, 100])
def test_closed_loop_agrees_with_the_simulation(clients):
    asked = case(batch=clients)
    work, fit, prefill_s, decode_s = apart(asked)
    steady = steady_state(work, replace(fit, burst=1e-9, queue=1.0))
    seen = simulate(prefill_s, decode_s, 200, clients=clients, requests=30 * clients)
    assert seen.requests_per_s == pytest.approx(float(steady.requests_per_s[0]), rel=0.1)
    assert np.mean(seen.tpot_s) == pytest.approx(float(steady.tpot_s[0]), rel=0.12)


@settings(max_examples=40, deadline=None)
@given(
    st.floats(1, 2000), st.floats(16, 20_000), st.floats(2, 4000),
    st.sampled_from(("closed", "queued", "static")), st.sampled_from(("vllm", "sglang", "trtllm")),
)  # fmt: skip
def test_work_is_conserved(clients, prompt, new, regime, engine):
    """Requests per second are never above 1/(prefill + n·decode/b), less what one pass shares.

    They are that, but where one request at a time leaves the devices idle; and no later token comes
    before its pass.
    """
    asked = case(batch=clients, tokens=prompt, new_tokens=new, regime=regime, software=engine)
    work, fit = columns([asked], TABLES), coefficients([asked], TABLES)
    steady = steady_state(work, fit)
    request = request_s(work, fit, steady.running)
    alone = 1 / float((request.prefill_s / request.prompts)[0])
    assert float(steady.requests_per_s[0]) <= alone * 1.0001 / 0.4
    busy = float(steady.requests_per_s[0] * request.seconds[0])
    assert busy <= 1 + 1e-9
    assert busy == pytest.approx(1, rel=1e-6) or (regime == "closed" and steady.running[0] <= 1)
    assert regime != "closed" or steady.tpot_s[0] >= request.decode_s[0] * (1 - 1e-3)
    in_flight = float(steady.requests_per_s[0]) * float(
        steady.ttft_s[0] + (new - 1) * steady.tpot_s[0]
    )
    assert in_flight <= max(clients, float(steady.running[0])) * 1.0001  # Little's law


def test_room_for_the_cache_by_hand():
    """Llama-3.1-8B in bf16: 16.06 GB of weights, 131,072 bytes of cache a token."""
    room = cache_room(columns([case()], TABLES), 1000.0, 0.9)
    by_hand = (0.9 * 80 * 2**30 - 16.06e9) / (1000 * 131072)
    assert float(room[0]) == pytest.approx(by_hand, rel=1e-3)


def test_two_pipeline_stages_are_no_two_servers():
    """16 GPUs as TP8·PP2 decode at most what twice as many do, and cut no token's latency."""
    eight = case(gpus=8, tensor=8, software="vllm")
    sixteen = replace(eight, gpus=16, pipeline=2)
    one, two = (PREDICTOR.predict(asked) for asked in (eight, sixteen))
    assert two.value * 16 < one.value * 8 * 1.6
    assert two.tpot_s > one.tpot_s * 0.6
    many = [replace(asked, batch=2048) for asked in (eight, sixteen)]
    few, more = (PREDICTOR.predict(asked).value for asked in many)
    assert few * 8 < more * 16 <= few * 16 * 1.01


@pytest.mark.parametrize(
    ("better", "changes"),
    [
        ("prefix_share", {"prefix_share": 0.8}),
        ("drafted", {"drafted": 3, "acceptance": 0.8}),
        ("max_sequences", {"batch": 64}),
    ],
)
def test_what_servers_do_to_be_faster_helps(better, changes):
    plain = case(batch=8, software="vllm")
    quick = PREDICTOR.predict(replace(plain, **changes)).value
    assert quick > PREDICTOR.predict(plain).value, better


def test_a_cap_on_sequences_holds():
    capped = PREDICTOR.predict(case(batch=256, max_sequences=16))
    assert capped.running == pytest.approx(16, rel=1e-6)
    assert capped.value < PREDICTOR.predict(case(batch=256)).value


def load(**changes) -> ServingPoint:
    aims = {"ttft_p95_s": 1.0, "tpot_p95_s": 0.05}
    objective = Objective(**{key: changes.pop(key, value) for key, value in aims.items()})
    return largest_load(case(**({"tokens": 1000} | changes)), objective, PREDICTOR)


def test_largest_load_meets_its_objective_and_its_shares_add_up():
    point = load()
    assert 0 < point.ttft_s <= 1.0
    assert 0 < point.tpot_s <= 0.05
    assert 0 < point.prefill_share < 1
    assert point.factor > 1


@settings(max_examples=10, deadline=None)
@given(st.floats(0.02, 0.2), st.floats(1.01, 3), st.floats(0, 0.9))
def test_a_laxer_objective_or_a_warmer_cache_never_carries_less(tpot, laxer, cached):
    tight = load(tpot_p95_s=tpot, prefix_share=cached)
    assert load(tpot_p95_s=tpot * laxer, prefix_share=cached).requests_per_s >= (
        tight.requests_per_s * 0.999
    )
    assert tight.requests_per_s >= load(tpot_p95_s=tpot).requests_per_s * 0.999


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"tpot_p95_s": 0.0001}, "one request"),
        ({"ttft_p95_s": 0.0}, "one request"),
        ({"tpot_p95_s": float("nan")}, "one request"),
        ({"prefix_share": 1.5}, "under 1"),
        ({"tokens": -5}, "1 or more"),
        ({"precision": "bf17"}, "one of"),
        ({"tokens": 3_000_000, "ttft_p95_s": 1e9, "tpot_p95_s": 1e9}, "made for"),
    ],
)
def test_what_cannot_be_is_refused_with_the_nearest_that_can(changes, says):
    with pytest.raises(InputError, match=says):
        load(**changes)


def test_weights_that_do_not_fit_are_refused_with_how_many_devices_would():
    asked = Case.of("llama-3.1-70b", "H100", tokens=1000, new_tokens=200)
    with pytest.raises(InputError, match="fits on 2"):
        largest_load(asked, Objective(1.0, 0.05), PREDICTOR)


def test_deepseeks_day_of_serving_is_near():
    """DeepSeek-AI 2025: 73.7k tokens in (56.3% of them cached), 14.8k out a second and node of 8
    H800; experts over 32 devices while reading, 144 while decoding, contexts of 4,989 tokens."""
    asked = {"precision": "fp8"}
    decode = Case.of(
        "deepseek-v3", "H800", work="decode", gpus=144, tensor=144, attention_data=144,
        batch=100 * 144, tokens=4989, **asked,
    )  # fmt: skip
    prefill = Case.of(
        "deepseek-v3", "H800", work="prefill", gpus=32, tensor=32, attention_data=32, batch=128,
        tokens=2048, **asked,
    )  # fmt: skip
    out, read = (PREDICTOR.predict(one).value * 8 for one in (decode, prefill))
    assert out == pytest.approx(14_800, rel=0.25)
    assert read / (1 - 0.563) == pytest.approx(73_700, rel=0.25)
