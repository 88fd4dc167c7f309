"""The benchmark beside loops by hand pairs steps as it says."""

from __future__ import annotations

from time import perf_counter, sleep

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from benchmarks.bench_against_plain_torch import Pairs, alternated  # noqa: E402 torch may be absent
from benchmarks.plain_families import Plain  # noqa: E402
from modelworth.bench.work.task import Work  # noqa: E402
from modelworth.data.measurement import Model  # noqa: E402


def test_each_step_of_the_harness_follows_one_by_hand():
    order = []

    def step(name):
        return lambda: (order.append(name), sleep(1e-3))

    model = Model(name="m", family="decoder", weights="random")
    work = Work(step("harness"), "tokens", 4, model, reset=lambda: order.append("reset"))
    hand, harness = alternated(Plain(step("hand"), 4), work, 7, perf_counter)
    assert len(hand) == len(harness) == 7
    assert order == ["hand", "reset", "harness"] * (len(order) // 3)
    assert min(hand) >= 1e-3


def test_a_ratio_is_that_of_pairs_not_of_the_two_sides():
    """A load that slows both sides of each pair alike, however much, leaves the ratio as it is."""
    loads = [1.0, 7.0, 2.0, 30.0, 1.0, 4.0, 9.0]
    pairs = Pairs("m", "decode", 1, [0.9 * load for load in loads], loads)
    assert pairs.ratio.value == pytest.approx(0.9)
    assert pairs.off == pytest.approx(0.1)
