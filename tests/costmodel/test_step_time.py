"""The parts of a step: against the counts of `architecture_work`, closed forms, and laws."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworth.costmodel.architecture import work as architecture_work
from modelworth.costmodel.architecture.structure import Architecture
from modelworth.costmodel.prediction.efficiency import NAMES, Efficiency
from modelworth.costmodel.prediction.shape import (
    Device,
    Shape,
    attention_flops,
    cache_elements,
    decode_attention_flops,
    experts_touched,
    stack,
    weight_bytes,
)
from modelworth.costmodel.prediction.step_time import (
    Training,
    decode_step,
    forward_pass,
    total_s,
    training_pass,
)
from modelworth.data.catalog import load_catalog

CATALOG = load_catalog()
MODELS = ("llama-2-7b", "llama-3.1-70b", "mixtral-8x7b", "gpt-oss-20b", "deepseek-v3", "gpt2")
IDEAL = Efficiency(
    **dict.fromkeys(NAMES, 1.0)
    | dict.fromkeys(("narrow_width", "narrow_head", "collective_latency_s"), 0.0)
    | dict.fromkeys(("layer_s", "step_s", "sequence_s", "expert_layer_s", "expert_s"), 0.0)
)
CHIP = Device(
    dense_flops_per_s=1e15, expert_flops_per_s=1e15, attention_flops_per_s=1e15,
    kernel_compute=1.0, kernel_expert_compute=1.0, kernel_memory=1.0, bandwidth_bytes_per_s=4e12,
    memory_bytes=2**37, link_bytes_per_s=4e11, network_bytes_per_s=5e10, devices_per_node=8,
    dense_bytes=2.0, expert_bytes=2.0, cache_bytes=2.0,
)  # fmt: skip


def read(name: str) -> tuple[Architecture, Shape]:
    architecture = Architecture.from_config(CATALOG.model(name).config, name)
    return architecture, Shape.of(architecture)


@pytest.mark.parametrize("name", MODELS)
def test_shapes_count_as_architecture_work_does(name):
    architecture, shape = read(name)
    dense = shape.dense_parameters + shape.head_parameters
    touched = dense + shape.expert_parameters * experts_touched(shape, 7)
    assert touched == pytest.approx(
        architecture_work.matmul_parameters_touched(architecture, 7), rel=1e-9
    )
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
    step = total_s(decode_step(shape, CHIP, IDEAL, 1.0, 1000.0, 1.0))
    read_bytes = 2 * architecture.matmul_parameters + 1000 * 2 * 32 * 4096 * 2
    assert step == pytest.approx(read_bytes / 4e12, rel=1e-3)


def test_training_without_traffic_takes_its_flops():
    """Three times the forward pass's FLOPs, at the whole rate, if memory were free."""
    architecture, shape = read("llama-2-7b")
    free = replace(CHIP, bandwidth_bytes_per_s=1e21)
    work = Training(4.0, 2048.0, 1e9, 0.0, 0.0, 1.0, 1.0, 1.0)
    parts = training_pass(shape, free, IDEAL, work)
    products = 6 * architecture.matmul_parameters * 4 * 2048 / 1e15
    assert parts["products"] == pytest.approx(products, rel=1e-6)
    pairs = 4 * 2048**2 / 2 * 4096 * 32 * 4
    assert parts["attention"] == pytest.approx(3.5 * pairs / 1e15, rel=1e-6)


def test_a_pipeline_waits_for_its_first_and_last_micro_batch():
    _, shape = read("llama-2-7b")
    work = Training(1.0, 2048.0, 8.0, 0.0, 0.0, 1.0, 1.0, 4.0)
    parts = training_pass(shape, CHIP, IDEAL, work)
    busy = total_s(parts) - parts["bubble"]
    assert parts["bubble"] == pytest.approx(3 / 8 * busy)


def test_recomputation_adds_a_forward_pass_of_products():
    _, shape = read("llama-2-7b")
    once = Training(1.0, 2048.0, 8.0, 0.0, 0.0, 1.0, 1.0, 1.0)
    without = training_pass(shape, CHIP, IDEAL, once)["products"]
    with_it = training_pass(shape, CHIP, IDEAL, replace(once, recomputed=1.0))["products"]
    assert with_it == pytest.approx(without * 4 / 3)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(MODELS),
    st.floats(1, 512),
    st.floats(16, 32768),
    st.floats(1.01, 4),
    st.sampled_from(("bandwidth_bytes_per_s", "dense_flops_per_s", "attention_flops_per_s")),
)
def test_a_faster_device_is_never_slower(name, sequences, context, faster, rate):
    _, shape = read(name)
    better = replace(CHIP, **{rate: getattr(CHIP, rate) * faster})
    for device_s in (
        lambda chip: total_s(decode_step(shape, chip, IDEAL, sequences, context, 1.0)),
        lambda chip: total_s(forward_pass(shape, chip, IDEAL, sequences, context, 1.0)),
    ):
        assert device_s(better) <= device_s(CHIP) * (1 + 1e-12)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(MODELS), st.floats(1, 256), st.floats(1.0, 4), st.floats(16, 32768))
def test_a_larger_batch_takes_longer_and_yields_no_less(name, sequences, more, context):
    _, shape = read(name)
    small = total_s(decode_step(shape, CHIP, IDEAL, sequences, context, 1.0))
    large = total_s(decode_step(shape, CHIP, IDEAL, sequences * more, context, 1.0))
    assert large >= small * (1 - 1e-12)
    assert sequences * more / large >= sequences / small * (1 - 1e-9)


def test_arrays_give_what_numbers_give():
    shapes = [read(name)[1] for name in MODELS]
    together = total_s(decode_step(stack(shapes), CHIP, IDEAL, 8.0, 1000.0, 2.0))
    alone = [float(total_s(decode_step(one, CHIP, IDEAL, 8.0, 1000.0, 2.0))) for one in shapes]
    assert np.allclose(together, alone)
    assert {field.name for field in fields(Efficiency)} == set(NAMES)
