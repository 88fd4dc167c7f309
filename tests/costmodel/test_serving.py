"""Steady state and largest load, against a simulation of the same server."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworth.costmodel.architecture.structure import Architecture
from modelworth.costmodel.prediction.case import Case, columns, efficiencies
from modelworth.costmodel.prediction.efficiency import shipped_tables
from modelworth.costmodel.prediction.serving import largest_load, open_loop, phases_of
from modelworth.costmodel.prediction.serving_steady import cache_room, steady_state
from modelworth.costmodel.prediction.step_time import decode_step, forward_pass, total_s
from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError
from tests.costmodel.replica import simulate

CATALOG = load_catalog()
LLAMA = CATALOG.model("llama-3.1-8b").config
H100 = CATALOG.accelerator("H100 SXM 80GB")
TABLES = shipped_tables()
OBJECTIVE = {"ttft_p95_s": 1.0, "tpot_p95_s": 0.05}


def case(**changes) -> Case:
    asked = Case(
        work="serve",
        architecture=Architecture.from_config(LLAMA, "llama-3.1-8b"),
        accelerator=H100,
        batch=32,
        tokens=1024,
        new_tokens=200,
    )
    return replace(asked, **changes)


def phase_times(asked: Case):
    work, fit = columns([asked], TABLES), efficiencies([asked], TABLES)
    prefill_s = float(
        total_s(forward_pass(work.shape, work.device, fit, 1, asked.tokens, work.tensor))[0]
    )
    context = asked.tokens + asked.new_tokens / 2

    def decode_s(sequences: float) -> float:
        parts = decode_step(work.shape, work.device, fit, sequences, context, work.tensor)
        return float(total_s(parts)[0])

    return work, replace(fit, interference=1.0, first_token_s=1e-9), prefill_s, decode_s


@pytest.mark.parametrize("running", [2.0, 15.0, 60.0])
def test_open_loop_agrees_with_the_simulation(running):
    asked = case()
    _, fit, prefill_s, decode_s = phase_times(asked)
    phases = replace(phases_of(asked, TABLES), fit=fit)
    loop = open_loop(asked, phases, np.array([running]))
    seen = simulate(prefill_s, decode_s, 200, rate=float(loop.requests_per_s[0]))
    assert np.mean(seen.tpot_s) == pytest.approx(float(loop.tpot_s[0]), rel=0.12)
    assert np.quantile(seen.ttft_s, 0.95) == pytest.approx(float(loop.ttft_p95_s[0]), rel=0.25)
    assert np.quantile(seen.tpot_s, 0.95) == pytest.approx(float(loop.tpot_p95_s[0]), rel=0.2)


@pytest.mark.parametrize("clients", [4, 32, 100])
def test_closed_loop_agrees_with_the_simulation(clients):
    asked = case(batch=clients)
    work, fit, prefill_s, decode_s = phase_times(asked)
    fit = replace(fit, burst=0.0, queue=1.0)
    steady = steady_state(
        work.shape,
        work.device,
        fit,
        concurrency=np.array([float(clients)]),
        prompt_tokens=asked.tokens,
        new_tokens=asked.new_tokens,
        tensor=1,
    )
    seen = simulate(prefill_s, decode_s, 200, clients=clients, requests=30 * clients)
    assert seen.requests_per_s == pytest.approx(float(steady.requests_per_s[0]), rel=0.1)
    assert np.mean(seen.tpot_s) == pytest.approx(float(steady.tpot_s[0]), rel=0.12)


def test_a_later_token_takes_a_step_and_its_share_of_the_prefills():
    """FIELD.md: TPOT is t_d(b) + b·t_p / new tokens, so decoding and prefills fill the time."""
    asked = case()
    work, fit, prefill_s, decode_s = phase_times(asked)
    found = steady_state(
        work.shape, work.device, fit, concurrency=np.array([32.0]),
        prompt_tokens=1024.0, new_tokens=200.0, tensor=1,
    )  # fmt: skip
    running = float(found.running[0])
    expected = decode_s(running) + running * prefill_s / 200
    assert float(found.tpot_s[0]) == pytest.approx(expected, rel=1e-3)


def test_room_for_the_cache_by_hand():
    """Llama-3.1-8B in bf16: 16.06 GB of weights, 131,072 bytes of cache a token."""
    work = columns([case()], TABLES)
    room = cache_room(work.shape, work.device, 1, 1000.0)
    by_hand = (0.9 * 80 * 2**30 - 16.06e9) / (1000 * 131072)
    assert float(room[0]) == pytest.approx(by_hand, rel=1e-3)


def load(**changes):
    asked = {"gpus": 1, "precision": "bf16", "prompt_tokens": 1000, "new_tokens": 200}
    return largest_load(LLAMA, H100, **(asked | OBJECTIVE | changes))


def test_largest_load_meets_its_objective_and_its_shares_add_up():
    point = load()
    assert 0 < point.ttft_s <= 1.0
    assert 0 < point.tpot_s <= 0.05
    assert 0 < point.prefill_share < 1
    assert point.low < 1 < point.high
    assert point.prefill_tokens_per_s == pytest.approx(1000 * point.requests_per_s)
    assert point.decode_tokens_per_s == pytest.approx(200 * point.requests_per_s)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.02, 0.2), st.floats(1.01, 3), st.floats(0, 0.9))
def test_a_laxer_objective_or_a_warmer_cache_never_carries_less(tpot, laxer, cached):
    tight = load(tpot_p95_s=tpot, cached_share=cached)
    assert load(tpot_p95_s=tpot * laxer, cached_share=cached).requests_per_s >= (
        tight.requests_per_s * 0.999
    )
    assert tight.requests_per_s >= load(tpot_p95_s=tpot).requests_per_s * 0.999


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"tpot_p95_s": 0.0001}, "one request"),
        ({"ttft_p95_s": 0.0}, "one request"),
        ({"tpot_p95_s": float("nan")}, "one request"),
        ({"cached_share": 1.5}, "under 1"),
        ({"prompt_tokens": -5}, "1 or more"),
        ({"precision": "bf17"}, "one of"),
        ({"prompt_tokens": 3_000_000, "ttft_p95_s": 1e9, "tpot_p95_s": 1e9}, "no more room"),
    ],
)
def test_what_cannot_be_is_refused_with_the_nearest_that_can(changes, says):
    with pytest.raises(InputError, match=says):
        load(**changes)


def test_weights_that_do_not_fit_are_refused_with_how_many_devices_would():
    config = CATALOG.model("llama-3.1-70b").config
    with pytest.raises(InputError, match=r"141 GB for weights alone; 1 × 80 GB") as error:
        largest_load(
            config, H100, gpus=1, precision="bf16", prompt_tokens=100, new_tokens=10, **OBJECTIVE
        )
    assert "fits on 2 with tensor parallelism" in str(error.value)
