"""The parts of a step: against the counts of `architecture.work`, closed forms, and laws."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworth.costmodel.architecture import work as architecture_work
from modelworth.costmodel.architecture.read import read_model
from modelworth.costmodel.architecture.structure import Architecture
from modelworth.costmodel.prediction.step.arrays import Columns
from modelworth.costmodel.prediction.step.coefficients import NEUTRAL
from modelworth.costmodel.prediction.step.communication import all_to_all_s, link_rate
from modelworth.costmodel.prediction.step.device import Device, weight_bytes
from modelworth.costmodel.prediction.step.model import (
    Shape,
    attention_flops,
    cache_elements,
    decode_attention_flops,
    experts_touched,
    stack,
)
from modelworth.costmodel.prediction.step.passes import (
    Inference,
    inference_pass,
    products_s,
    total_s,
)
from modelworth.costmodel.prediction.step.training import BIASED_BYTES, training_step
from modelworth.data.catalog import load_catalog

CATALOG = load_catalog()
MODELS = ("llama-2-7b", "llama-3.1-70b", "mixtral-8x7b", "gpt-oss-20b", "deepseek-v3", "gpt2")
NONE = dict.fromkeys(
    ("narrow_width", "narrow_head", "narrow_expert", "narrow_expert_width", "collective_latency_s",
     "layer_s", "step_s", "sequence_s", "expert_layer_s", "host_layer_s", "host_expert_layer_s",
     "traffic", "quantise", "scores", "straggling"),
    0.0,
)  # fmt: skip
IDEAL = replace(NEUTRAL, **NONE, attention=0.98, cache=0.98, memory=0.98, compute=0.98)
CHIP = Device(
    dense_flops_per_s=1e15, expert_flops_per_s=1e15, wide_flops_per_s=1e15, dense_share=1.0,
    expert_share=1.0, wide_share=1.0, memory_share=1.0, bandwidth_bytes_per_s=4e12,
    memory_bytes=2**37, link_bytes_per_s=4e11, network_bytes_per_s=5e10, devices_per_node=8,
    dense_bytes=2.0, expert_bytes=2.0, cache_bytes=2.0,
)  # fmt: skip
BLANK = dict.fromkeys((one.name for one in fields(Columns)), 0.0)
STEP = Columns(**BLANK | {
    "device": CHIP, "batch": 1.0, "tokens": 2048.0, "micro_batches": 8.0, "gpus": 1.0, "data": 1.0,
    "tensor": 1.0, "pipeline": 1.0, "expert": 1.0, "context": 1.0, "virtual": 1.0,
})  # fmt: skip


def step(shape, fit=IDEAL, **changes):
    return training_step(replace(STEP, shape=shape, **changes), fit)


def read(name: str) -> tuple[Architecture, Shape]:
    architecture = read_model(CATALOG.model(name).config, name)
    return architecture, Shape.of(architecture)


def decode_s(shape: Shape, sequences, context, tensor=1.0, chip=CHIP):
    return total_s(inference_pass(shape, chip, IDEAL, Inference(sequences, context, 0, 1, tensor)))


def prompt_s(shape: Shape, prompts, tokens, chip=CHIP):
    return total_s(inference_pass(shape, chip, IDEAL, Inference(0.0, 1, prompts, tokens, 1.0)))


def test_experts_touched_are_the_expected_number_of_a_draw():
    _, shape = read("mixtral-8x7b")
    assert experts_touched(shape, 1) == pytest.approx(2)
    draws = np.random.default_rng(0)
    seen = [
        len({expert for _ in range(3) for expert in draws.choice(8, 2, replace=False)})
        for _ in range(4000)
    ]
    assert experts_touched(shape, 3) == pytest.approx(np.mean(seen), rel=0.01)


@pytest.mark.parametrize("name", MODELS)
def test_shapes_count_as_the_architecture_does(name):
    architecture, shape = read(name)
    dense = shape.dense_parameters + shape.head_parameters
    whole = dense + shape.expert_parameters * shape.experts
    assert whole == pytest.approx(architecture.matmul_parameters, rel=1e-9)
    kept = architecture_work.kv_cache_bytes(architecture, 1, 3000, 1.0)
    assert cache_elements(shape, 3000) == pytest.approx(kept, rel=1e-9)
    active = dense + shape.expert_parameters * shape.experts_per_token
    forward = architecture_work.forward_flops(architecture, 1, 3000, pairs="seen")
    assert 2 * active * 3000 + attention_flops(shape, 3000) == pytest.approx(forward, rel=1e-6)
    step = architecture_work.decode_flops(architecture, 1, 3000)
    own = 2 * active + decode_attention_flops(shape, 3000)
    assert own == pytest.approx(step, rel=2e-3)
    assert weight_bytes(shape, CHIP) == pytest.approx(2 * architecture.parameters, rel=1e-9)


def test_decoding_alone_takes_as_long_as_reading_weights_and_cache():
    """FIELD.md's closed form at its corner: one sequence, no overheads, everything at peak."""
    architecture, shape = read("llama-2-7b")
    read_bytes = 2 * architecture.matmul_parameters + 1000 * 2 * 32 * 4096 * 2
    assert decode_s(shape, 1.0, 1000.0) == pytest.approx(read_bytes / 4e12 / 0.98, rel=1e-3)


def test_training_takes_its_flops_if_memory_is_free():
    """Three times the forward pass's FLOPs; attention's backward has 2.5 times its forward's."""
    architecture, shape = read("llama-2-7b")
    free = replace(CHIP, bandwidth_bytes_per_s=1e21)
    parts = step(shape, device=free, batch=4.0)
    products = 6 * architecture.matmul_parameters * 4 * 2048 * 8 / 0.98e15
    assert parts["products"] == pytest.approx(products, rel=1e-6)
    pairs = 4 * 2048**2 / 2 * 4096 * 32 * 4 * 8
    assert parts["attention"] == pytest.approx(3.5 * pairs / 0.98e15, rel=1e-6)


@pytest.mark.parametrize(("virtual", "share"), [(1.0, 3 / 8), (3.0, 1 / 8)])
def test_a_pipeline_waits_for_its_first_and_last_micro_batch(virtual, share):
    """(stages − 1)/micro-batches, cut by the slices on each device (Narayanan et al. 2021)."""
    _, shape = read("llama-2-7b")
    parts = step(shape, pipeline=4.0, virtual=virtual)
    busy = sum(parts[name] for name in ("products", "attention", "activations", "host"))
    assert parts["bubble"] == pytest.approx(share * busy)


def test_recomputation_adds_a_forward_pass_of_products():
    _, shape = read("llama-2-7b")
    layers = replace(shape, head_parameters=0)
    without = step(layers)["products"]
    with_it = step(layers, recomputed=1.0)["products"]
    assert with_it == pytest.approx(without * 4 / 3)


def test_biases_of_experts_are_moved_apart_in_training():
    """gpt-oss-20b: 24 layers, 4 experts of 2 × 2,880 hidden and 2,880 output numbers a token."""
    _, shape = read("gpt-oss-20b")
    without = step(replace(shape, biased_elements=0.0))["activations"]
    moved = 24 * 4 * 3 * 2880 * BIASED_BYTES * 2048 * 8
    assert step(shape)["activations"] - without == pytest.approx(moved / 4e12 / 0.98)


def test_a_distributed_optimizer_exchanges_once_a_step_and_fsdp_each_micro_batch():
    _, shape = read("llama-2-7b")
    exposed = replace(IDEAL, data_exposed=1.0)
    work = {"data": 8.0, "sharded": 1.0}
    few, many = (step(shape, exposed, **work, micro_batches=count)["data"] for count in (4.0, 16.0))
    assert many == pytest.approx(few)
    gathered = [
        step(shape, exposed, **work, micro_batches=count, gathered=1.0)["data"]
        for count in (4.0, 16.0)
    ]
    assert gathered[1] == pytest.approx(4 * gathered[0])
    moved = 2 * 2 * shape.parameters * 7 / 8 / 4e11  # gradients scattered, weights gathered
    assert few == pytest.approx(moved, rel=1e-6)


def test_expert_parallelism_spares_the_exchange_of_experts():
    _, shape = read("mixtral-8x7b")
    exposed = replace(IDEAL, data_exposed=1.0)
    together = step(shape, exposed, data=8.0, sharded=1.0, expert=8.0)
    apart = step(shape, exposed, data=8.0, sharded=1.0)
    assert together["data"] < apart["data"] / 4
    assert together["experts"] > apart["experts"] == 0


def test_with_expert_parallelism_each_device_reads_its_own_experts():
    _, shape = read("mixtral-8x7b")
    bare = replace(shape, dense_parameters=0, head_parameters=0)
    quick = replace(CHIP, expert_flops_per_s=1e30)
    alone, shared = (
        step(bare, device=quick, data=8.0, expert=expert)["products"] for expert in (1.0, 8.0)
    )
    assert shared == pytest.approx(alone / 8, rel=1e-6)


def test_a_token_is_sent_once_to_each_place_that_has_its_experts():
    """Drawn at random: 8 of 128 experts on 8 devices of a node, and on 4 nodes of 8."""
    _, shape = read("qwen3-30b-a3b")
    rng, layers = np.random.default_rng(0), shape.expert_layers
    drawn = np.array([rng.choice(128, 8, replace=False) for _ in range(20_000)])
    near, far = (
        np.mean([np.unique(row // (128 // places)).size for row in drawn]) * (1 - 1 / places)
        for places in (8, 4)
    )
    bytes_each = 2 * shape.width * 2
    one, four = (
        float(all_to_all_s(shape, CHIP, IDEAL, 1.0, expert, 8.0)) / layers for expert in (8.0, 32.0)
    )
    assert one == pytest.approx(near * bytes_each / CHIP.link_bytes_per_s, rel=0.02)
    assert four == pytest.approx(far * bytes_each / CHIP.network_bytes_per_s, rel=0.02)


@pytest.mark.parametrize(("devices", "share"), [(2, 1 / 7), (4, 3 / 7), (8, 1.0)])
def test_two_devices_of_a_mesh_share_one_of_its_links_each(devices, share):
    """Gaudi 3's 21 ports inside a server are 3 to each of 7 others (Intel's white paper)."""
    meshed = replace(CHIP, meshed=1.0)
    assert link_rate(meshed, IDEAL, devices) == pytest.approx(share * CHIP.link_bytes_per_s)
    assert link_rate(CHIP, IDEAL, devices) == CHIP.link_bytes_per_s


def test_few_tokens_fill_the_experts_that_they_use_whatever_others_there_are():
    """One token's two experts take as long of 8 as of 128: one row each, not a fraction of one."""
    _, shape = read("mixtral-8x7b")
    filling = replace(IDEAL, narrow_expert=16.0)
    few, many = (
        float(
            np.asarray(products_s(replace(shape, experts=experts), CHIP, filling, 1.0, 1.0, 1, 1))
        )
        for experts in (8, 128)
    )
    assert many == pytest.approx(few, rel=0.02)


def test_each_stage_of_a_pipeline_waits_for_what_the_last_one_does():
    """n stages take n times the host's and the head's time for a group, and the layers' once."""
    _, shape = read("llama-2-7b")
    waiting = replace(IDEAL, step_s=0.01, sequence_s=1e-4)
    bare = replace(shape, head_parameters=0)
    work = Inference(10.0, 500.0, 0.0, 1.0, 1.0)
    one, four = (inference_pass(bare, CHIP, waiting, replace(work, stages=n)) for n in (1.0, 4.0))
    assert four["fixed"] == pytest.approx(4 * one["fixed"])
    assert four["products"] == pytest.approx(one["products"])
    handed = 3 * 10 * shape.width * 2 / (CHIP.link_bytes_per_s)
    assert four["communication"] == pytest.approx(handed)
    headed = inference_pass(shape, CHIP, waiting, replace(work, stages=4.0))["products"]
    head = inference_pass(shape, CHIP, waiting, work)["products"] - one["products"]
    assert headed == pytest.approx(one["products"] + 4 * head)


@pytest.mark.parametrize(("stages", "share"), [(4.0, 1.0), (5.0, 1 / 5)])
def test_the_head_stands_on_the_last_stage_where_layers_divide_evenly(stages, share):
    """32 layers on 4 stages leave it besides 8 layers; on 5 a person has balanced them."""
    _, shape = read("llama-2-7b")
    bare = replace(shape, dense_parameters=0)
    whole = step(bare)["products"]
    cut = step(bare, pipeline=stages)["products"]
    assert cut == pytest.approx(whole * share, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(MODELS),
    st.floats(1, 512),
    st.floats(16, 32768),
    st.floats(1.01, 4),
    st.sampled_from(("bandwidth_bytes_per_s", "dense_flops_per_s", "wide_flops_per_s")),
)
def test_a_faster_device_is_never_slower(name, sequences, context, faster, rate):
    _, shape = read(name)
    better = replace(CHIP, **{rate: getattr(CHIP, rate) * faster})
    for seconds in (decode_s, prompt_s):
        slow, quick = (seconds(shape, sequences, context, chip=chip) for chip in (CHIP, better))
        assert quick <= slow * (1 + 1e-12)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(MODELS), st.floats(1, 256), st.floats(1.0, 4), st.floats(16, 32768))
def test_a_larger_batch_takes_longer_and_yields_no_less(name, sequences, more, context):
    _, shape = read(name)
    small, large = (decode_s(shape, count, context) for count in (sequences, sequences * more))
    assert large >= small * (1 - 1e-12)
    assert sequences * more / large >= sequences / small * (1 - 1e-9)


def test_a_pass_for_both_is_no_longer_than_one_for_each():
    for name in MODELS:
        _, shape = read(name)
        both = total_s(inference_pass(shape, CHIP, IDEAL, Inference(32.0, 1000.0, 2, 512, 1.0)))
        assert both <= decode_s(shape, 32.0, 1000.0) + prompt_s(shape, 2, 512)


def test_arrays_give_what_numbers_give():
    shapes = [read(name)[1] for name in MODELS]
    together = decode_s(stack(shapes), 8.0, 1000.0, 2.0)
    assert np.allclose(together, [float(decode_s(one, 8.0, 1000.0, 2.0)) for one in shapes])
