"""From what a worker saw to a record, and the self-checks that keep nonsense out."""

from __future__ import annotations

import pytest

from modelworth.bench.run import checks, record, result_table
from modelworth.bench.run.observation import Observation, merged
from modelworth.data.measurement import (
    Ceilings,
    Condition,
    Energy,
    Layout,
    Machine,
    Memory,
    Model,
    Provenance,
    Result,
    Workload,
)
from tests.bench import stub

HERE = Provenance(origin="measured", tool="modelworth")
MACHINE = Machine(
    device="Test CPU",
    kind="cpu",
    ceilings=Ceilings(matmul_flops_per_s=1e11, copy_bytes_per_s=2e10, read_bytes_per_s=3e10),
)
MODEL = Model(name="stub", family="decoder")


def seen(**changes) -> Observation:
    """A training step of 25 tokens in 0.1 s, 5e9 FLOPs."""
    samples = changes.pop("samples_s", (0.1,) * 20)
    content = {
        "model": MODEL,
        "workload": Workload(kind="pretrain", batch=1, prompt_tokens=25, precision="float32"),
        "unit": "tokens",
        "work_per_step": 25.0,
        "model_flops_per_step": 5e9,
        "samples_s": samples,
        "wall_s": sum(samples) * 1.01,
        "warmup_steps": 3,
        "settled": True,
    }
    return Observation(**{**content, **changes})


def kept(observation, machine=MACHINE):
    return record.measured(stub.case(), observation, machine, HERE, "suite")


def test_a_record_by_hand():
    found = kept(seen()).result
    assert found.throughput_per_s.value == pytest.approx(250)
    assert (found.throughput_per_s.low, found.throughput_per_s.high) == pytest.approx((250, 250))
    assert found.mfu == pytest.approx(5e9 / 0.1 / 1e11)
    assert found.mbu is None
    assert found.latency.p90_s is None
    assert found.condition.flags == ()


def test_faster_steps_are_the_upper_end_of_throughput():
    found = kept(seen(samples_s=(0.09, 0.1, 0.11) * 4)).result.throughput_per_s
    assert (found.low, found.high) == pytest.approx((25 / 0.11, 25 / 0.09))


def test_bandwidth_is_compared_only_where_the_bytes_leave_the_cache():
    workload = Workload(kind="decode", batch=1, prompt_tokens=9, precision="float32")
    decode = {"workload": workload, "work_per_step": 1.0, "bytes_per_step": 1e9}
    assert kept(seen(**decode)).result.mbu == pytest.approx(1e9 / 0.1 / 3e10)
    assert kept(seen(**decode, cache_bytes=2**25)).result.mbu is not None
    assert kept(seen(**decode, cache_bytes=2**29)).result.mbu is None


def test_a_known_gpu_is_compared_with_its_datasheet():
    """989 dense bfloat16 TFLOP/s on the H100's datasheet."""
    gpu = Machine(device="H100 SXM 80GB", kind="cuda")
    workload = Workload(kind="pretrain", batch=1, prompt_tokens=25, precision="bfloat16")
    found = kept(seen(workload=workload, model_flops_per_step=4e13), gpu).result
    assert found.mfu is None
    assert found.mfu_datasheet == pytest.approx(4e14 / 989e12, rel=0.01)


def test_per_token_times_of_a_generation():
    workload = Workload(
        kind="generate", batch=1, prompt_tokens=9, new_tokens=11, precision="float32"
    )
    parts = {"prefill": (0.02,) * 20, "decode": (0.08,) * 20}
    found = kept(seen(workload=workload, work_per_step=11.0, parts_s=parts)).result.latency
    assert found.first_token_s == pytest.approx(0.02)
    assert found.per_token_s == pytest.approx(0.008)


@pytest.mark.parametrize(
    ("samples", "settled", "flags"),
    [
        ((0.1,) * 20, False, ("unsteady",)),
        ((0.1,) * 3, True, ("few_samples",)),
        (tuple(0.1 + 0.01 * step for step in range(30)), True, ("unsteady", "few_samples")),
        ((0.1,) * 11 + (1.0,) * 9, True, ("unsteady", "few_samples")),
    ],
)
def test_doubtful_figures_carry_a_flag(samples, settled, flags):
    found = kept(seen(samples_s=samples, settled=settled, model_flops_per_step=None))
    assert found.result.condition.flags == flags


def result_with(**changes):
    return kept(seen()).result.model_copy(update=changes)


def test_a_throughput_25_times_too_high_is_found():
    """The mistake of a published tool: one step's work over one step's time, times the steps."""
    wrong = kept(seen()).result
    inflated = wrong.throughput_per_s.model_copy(update={"value": 25 * 250.0, "high": 1e4})
    faults = checks.faults(seen(), wrong.model_copy(update={"throughput_per_s": inflated}))
    assert any("throughput × median time is 625 tokens, not 25" in fault for fault in faults)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_flops_per_step": 5e11}, "MFU is 50.000, above 1"),
        ({"bytes_per_step": 1e11}, "MBU is 33.333, above 1"),
        ({"wall_s": 1.0}, "more than the 1 s that went by"),
        ({"wall_s": 9.0}, "something isn't timed"),
        ({"parts_s": {"prefill": (0.05,) * 20, "decode": (0.04,) * 20}}, "more than 2% apart"),
        ({"parts_s": {"prefill": (0.1,) * 19}}, "prefill was timed 19 times in 20 steps"),
        (
            {"workload": Workload(kind="decode", batch=4, precision="float32")},
            "a decode step of 4 tokens is counted as 25",
        ),
    ],
)
def test_a_record_that_contradicts_itself_is_an_error(changes, words):
    found = kept(seen(**changes))
    assert found.status == "error"
    assert found.reason.startswith("self-check: ")
    assert words in found.reason
    assert found.result is None


def test_first_and_other_tokens_must_make_the_whole():
    workload = Workload(kind="generate", batch=1, new_tokens=11, precision="float32")
    observation = seen(workload=workload)
    latency = kept(observation).result.latency
    wrong = latency.model_copy(update={"first_token_s": 0.02, "per_token_s": 0.08})
    assert "first token + 10 others take" in str(
        checks.faults(observation, result_with(latency=wrong))
    )


def test_devices_and_means_must_agree():
    assert "isn't the whole throughput" in str(
        checks.faults(seen(), result_with(throughput_per_s_per_device=1.0))
    )
    latency = result_with().latency.model_copy(update={"mean_s": 0.2})
    assert "isn't that of the samples" in str(checks.faults(seen(), result_with(latency=latency)))
    halved = result_with().throughput_per_s.model_copy(update={"value": 100.0, "low": 1.0})
    assert "only 0.4 of the work done" in str(
        checks.faults(seen(), result_with(throughput_per_s=halved))
    )


def test_two_ranks_add_up():
    """Work and energy add, the slower and the fuller rank count, flags unite."""
    energy = Energy(energy_j=50.0, energy_j_per_unit=0.1, mean_power_w=25.0, valid=True)
    one = seen(
        energy=energy,
        memory=Memory(allocated_peak_bytes=1),
        condition=Condition(flags=("contended",)),
        parts_s={"all": (0.1,) * 20},
    )
    other = one.model_copy(
        update={
            "samples_s": (0.2,) * 20,
            "wall_s": 4.1,
            "memory": Memory(allocated_peak_bytes=2),
            "condition": Condition(flags=("throttled",)),
            "parts_s": {"all": (0.2,) * 20},
        }
    )
    both = merged([one, other])
    turned = (0.3, 0.1) * 10, (0.1, 0.3) * 10
    in_turn = [one.model_copy(update={"samples_s": times, "parts_s": {}}) for times in turned]
    assert sum(merged(in_turn).samples_s) == pytest.approx(4.0)
    assert both.samples_s == (0.2,) * 20
    assert both.parts_s == {"all": (0.2,) * 20}
    assert (both.work_per_step, both.model_flops_per_step, both.devices) == (50.0, 1e10, 2)
    assert both.bytes_per_step is None
    assert both.energy.energy_j == 100.0
    assert both.energy.energy_j_per_unit == pytest.approx(100 / (50 * 20))
    assert both.memory.allocated_peak_bytes == 2
    assert both.condition.flags == ("contended", "throttled")
    found = kept(both).result
    assert found.throughput_per_s.value == pytest.approx(250)
    assert found.throughput_per_s_per_device == pytest.approx(125)
    assert found.mfu == pytest.approx(1e10 / 0.2 / 2 / 1e11)


def test_energy_unknown_on_one_rank_is_unknown():
    energy = Energy(energy_j=50.0, valid=True)
    assert merged([seen(energy=energy), seen()]).energy is None
    assert merged([seen(energy=energy)]).energy == energy


def test_a_failed_case_keeps_what_was_asked_for():
    case = stub.case("crash", layout=Layout(data=2))
    found = record.failed(case, "oom", "no memory", MACHINE, HERE, None)
    assert (found.status, found.reason, found.case) == ("oom", "no memory", case.id)
    assert found.machine.count == 2
    assert found.model.family == "decoder"


def test_a_windowed_model_may_pass_1_by_the_convention_but_not_by_what_kernels_do():
    """By the convention 2.4 times the ceiling; a kernel that heeds the window does 0.6 of it."""
    record_ = kept(seen(model_flops_per_step=2.4e10, kernel_flops_per_step=6e9))
    found = record_.result
    assert (found.mfu, found.of_kernels(found.mfu)) == pytest.approx((2.4, 0.6))
    assert found.kernel_flops_per_step == 6e9
    assert result_table.against(record_).share == "60%"
    boast = kept(seen(model_flops_per_step=2.4e10, kernel_flops_per_step=1.2e10))
    assert "MFU is 1.200, above 1" in boast.reason
    with pytest.raises(ValueError, match="above 1"):
        Result.model_validate(found.model_dump() | {"kernel_flops_per_step": None})
