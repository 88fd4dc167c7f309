"""Chunks on threads: the same to the last bit however many there are."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
import pytest

from modelworth.costmodel.risk.sampling import draw
from modelworth.costmodel.risk.simulation import CHUNK, CancelledError, run_chunk, simulate
from modelworth.costmodel.scenario.distributions import LogNormal, Pert
from modelworth.costmodel.scenario.sampling_plan import plan
from modelworth.data.errors import InputError

PLAN = plan(
    {"demand.start": LogNormal(1000, 0.5), "price.output": Pert(1, 2, 6)},
    correlations=(("demand.start", "price.output", -0.3),),
    trials=3 * CHUNK + 17,
    seed=9,
)


def profit(values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    sold = values["demand.start"] * values["price.output"]
    return {"npv_usd": np.exp(np.sin(sold)) + sold, "months": np.full(1, 60.0)}


def test_all_trials_come_back_in_order():
    found = simulate(profit, PLAN)
    whole = draw(PLAN)
    assert np.array_equal(found.drivers["price.output"], whole["price.output"])
    assert np.array_equal(found.indicators["npv_usd"], profit(whole)["npv_usd"])
    assert found.indicators["months"].shape == (PLAN.trials,)


def test_one_thread_and_many_agree_to_the_last_bit(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    first = simulate(profit, PLAN)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    second = simulate(profit, PLAN)
    assert np.array_equal(first.indicators["npv_usd"], second.indicators["npv_usd"])


def test_progress_is_told_and_reaches_the_end():
    told: list[tuple[int, int]] = []
    simulate(profit, PLAN, progress=lambda done, whole: told.append((done, whole)))
    assert told[-1] == (PLAN.trials, PLAN.trials)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_it_stops_when_asked():
    with pytest.raises(CancelledError, match=f"of {PLAN.trials} trials"):
        simulate(profit, PLAN, cancelled=lambda: True)


def test_an_error_in_a_chunk_comes_out_as_it_is():
    def broken(values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        raise InputError("price", 1, "2")

    with pytest.raises(InputError, match="price"):
        simulate(broken, PLAN)


def test_no_uncertain_driver_still_runs_every_trial():
    _, found = run_chunk(lambda drawn: {"npv_usd": np.array([3.0])}, plan({}, trials=5), 0)
    assert found["npv_usd"].tolist() == [3.0] * 5
