"""Layouts: parts by hand, the search against exhaustion, published clusters."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworth.costmodel.architecture.sharding import Sharding
from modelworth.costmodel.architecture.structure import Architecture
from modelworth.costmodel.architecture.work import forward_flops, training_flops
from modelworth.costmodel.prediction.collective_table import fabric_of
from modelworth.costmodel.prediction.collectives import collective_s, point_to_point_s
from modelworth.costmodel.prediction.layout import (
    Cluster,
    Job,
    Layout,
    best_layouts,
    layouts,
    step_time,
)
from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError

CATALOG = load_catalog()
EFFICIENCY = 0.65


def cluster(name: str, devices: int) -> Cluster:
    item = CATALOG.accelerator(name)
    joined = fabric_of(item, known=CATALOG.accelerators)
    return Cluster(devices, item.memory_bytes, item.bandwidth_bytes_per_s, joined)


def job(model: str, batch: int, tokens: int) -> Job:
    return Job(Architecture.from_config(CATALOG.model(model).config), batch, tokens)


def at_efficiency(work: Job, name: str, efficiency: float = EFFICIENCY):
    """A forward pass at a constant share of the peak."""
    peak = CATALOG.accelerator(name).matmul_flops_per_s["bf16"]
    each = forward_flops(work.architecture, 1, work.length, pairs="seen")
    return lambda sequences, tensor: sequences * each / tensor / peak / efficiency


LLAMA_8B = job("llama-3.1-8b", 64, 4096)
H100X8 = cluster("H100", 8)


def test_one_device_computes_and_updates_only():
    work = job("llama-3.2-1b", 8, 2048)
    time = step_time(work, cluster("H100", 1), Layout(Sharding(), 2), lambda b, t: 0.1)
    assert time.compute_s == pytest.approx(4 * 3 * 0.1)
    assert time.total_s == time.compute_s + time.optimizer_s
    assert time.optimizer_s == pytest.approx(work.architecture.parameters * 28 / 3.35e12)


def test_checkpointing_is_a_fourth_pass():
    plain = Layout(Sharding(data=8, zero_stage=3), 1)
    again = replace(plain, checkpointing="full")
    half = replace(plain, checkpointing="alternate")
    once = step_time(LLAMA_8B, H100X8, plain, lambda b, t: 0.1).compute_s
    assert step_time(LLAMA_8B, H100X8, half, lambda b, t: 0.1).compute_s == pytest.approx(
        once * 3.5 / 3
    )
    assert step_time(LLAMA_8B, H100X8, again, lambda b, t: 0.1).compute_s == pytest.approx(
        once * 4 / 3
    )


def test_pipeline_bubble_is_narayanans():
    """(p − 1)/(v·m) of the ideal time: Narayanan et al. 2021."""
    cut = Sharding(pipeline=4, tensor=2)
    time = step_time(LLAMA_8B, H100X8, Layout(cut, 2), lambda b, t: 0.1)
    busy = time.compute_s + time.tensor_s
    assert time.bubble_s / busy == pytest.approx((4 - 1) / 32)
    sliced = step_time(LLAMA_8B, H100X8, Layout(replace(cut, slices=2), 2), lambda b, t: 0.1)
    assert sliced.bubble_s == pytest.approx(time.bubble_s / 2)
    message = 2 * 4096 * 4096 * 2 / 2
    handed = 2 * 32 * point_to_point_s(message, H100X8.fabric)
    assert time.pipeline_s == pytest.approx(handed)


def test_tensor_parallelism_exchanges_twice_a_layer_and_pass():
    time = step_time(LLAMA_8B, H100X8, Layout(Sharding(tensor=8), 4), lambda b, t: 0.1)
    each = collective_s("all_reduce", 4 * 4096 * 4096 * 2, 8, H100X8.fabric)
    assert time.tensor_s == pytest.approx(16 * 3 * 32 * 2 * each)
    assert time.data_s == time.bubble_s == 0


def test_an_uneven_pipeline_waits_for_its_fullest_stage():
    work = job("llama-3.1-405b", 64, 4096)  # 126 layers on 16 stages: 8 on the fullest
    machine = cluster("H100", 128)
    time = step_time(work, machine, Layout(Sharding(tensor=8, pipeline=16), 1), lambda b, t: 1.0)
    assert time.compute_s == pytest.approx(64 * 3 * 8 / 126)


def test_gradients_hide_behind_the_last_backward_pass():
    slow = step_time(LLAMA_8B, H100X8, Layout(Sharding(data=8), 1), lambda b, t: 10.0)
    instant = step_time(LLAMA_8B, H100X8, Layout(Sharding(data=8), 1), lambda b, t: 1e-9)
    layer = collective_s("all_reduce", LLAMA_8B.architecture.parameters * 2 / 32, 8, H100X8.fabric)
    assert slow.data_s == pytest.approx(layer)  # one layer's part can't hide
    assert instant.data_s == pytest.approx(32 * layer, rel=1e-6)


def test_fsdp_gathers_for_every_micro_batch():
    few = step_time(LLAMA_8B, H100X8, Layout(Sharding(data=8, zero_stage=3), 8), lambda b, t: 1e-9)
    many = step_time(LLAMA_8B, H100X8, Layout(Sharding(data=8, zero_stage=3), 1), lambda b, t: 1e-9)
    assert many.data_s == pytest.approx(8 * few.data_s, rel=0.01)


def test_expert_parallelism_sends_tokens_both_ways():
    work = job("mixtral-8x7b", 32, 4096)
    time = step_time(
        work, H100X8, Layout(Sharding(data=8, expert=8, zero_stage=3), 1), lambda b, t: 0.1
    )
    routed = 4096 * 4096 * 2 * 2
    each = collective_s("all_to_all", routed, 8, H100X8.fabric)
    assert time.expert_s == pytest.approx(4 * 3 * 32 * 2 * each)


def test_the_search_is_the_best_of_all_that_fit():
    pass_s = at_efficiency(LLAMA_8B, "H100")
    best = best_layouts(LLAMA_8B, H100X8, pass_s, most=1000)
    times = [plan.time.total_s for plan in best]
    assert times == sorted(times)
    for plan in best:
        assert plan.layout.sharding.devices == 8
        assert plan.memory.total <= H100X8.memory_bytes * 0.92
        assert (
            plan.layout.micro_batches(LLAMA_8B)
            * plan.layout.micro_batch
            * (plan.layout.sharding.data)
            == LLAMA_8B.global_batch
        )
        assert plan.time == step_time(LLAMA_8B, H100X8, plan.layout, pass_s)
    assert len(list(layouts(LLAMA_8B, H100X8))) > len(best)


def test_llama_405b_on_16384_devices():
    """Grattafiori et al. 2024, table 4: tensor 8, pipeline 16, data 128; 41% of the peak."""
    work = job("llama-3.1-405b", 2048, 8192)
    machine = cluster("H100", 16_384)
    best = best_layouts(work, machine, at_efficiency(work, "H100"))[0]
    flops = training_flops(work.architecture, 2048, 8192, pairs="seen")
    peak = CATALOG.accelerator("H100").matmul_flops_per_s["bf16"]
    utilisation = flops / best.time.total_s / 16_384 / peak
    cut = best.layout.sharding
    assert (cut.tensor, cut.pipeline, cut.data) == (8, 16, 128)
    assert utilisation == pytest.approx(0.41, abs=0.06)


def test_the_search_asks_for_each_pass_once():
    work = job("llama-3.1-70b", 1024, 8192)
    asked = []
    each = at_efficiency(work, "H100")

    def pass_s(sequences, tensor):
        asked.append((sequences, tensor))
        return each(sequences, tensor)

    best_layouts(work, cluster("H100", 1024), pass_s)
    assert len(asked) == len(set(asked)) < 40
    assert len(list(layouts(work, cluster("H100", 1024)))) < 3000


def test_what_does_not_fit_is_refused_with_what_would():
    work = job("llama-3.1-70b", 8, 4096)
    with pytest.raises(InputError, match="fits on 32 with FSDP"):
        best_layouts(work, H100X8, at_efficiency(work, "H100"))
    odd = replace(job("gpt2", 7, 1024), global_batch=7)
    with pytest.raises(InputError, match="a batch that 16 devices can share"):
        best_layouts(odd, cluster("H100", 16), at_efficiency(odd, "H100"), largest_tensor=1)


def test_images_need_no_tokens():
    work = Job(Architecture.from_config(CATALOG.model("vit-large").config), 512)
    best = best_layouts(work, H100X8, at_efficiency(work, "H100"))[0]
    assert work.length == 197
    assert best.layout.sharding.data == 8


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([1, 2, 4, 8, 16, 64]), st.floats(0.2, 0.9))
def test_more_devices_never_take_longer(devices, efficiency):
    work = job("llama-3.2-1b", 1024, 2048)
    pass_s = at_efficiency(work, "H100", efficiency)
    few = best_layouts(work, cluster("H100", devices), pass_s)[0].time.total_s
    many = best_layouts(work, cluster("H100", 2 * devices), pass_s)[0].time.total_s
    assert many < few
    ideal = few * devices / (2 * devices)
    assert many >= ideal * 0.95
