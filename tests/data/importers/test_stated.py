"""What files state in their own way: how it was sent, over how many devices, what met a goal."""

import json

import pytest

from modelworth.data.errors import InputError
from modelworth.data.importers.foreign import read_foreign
from modelworth.data.importers.judging import judged
from modelworth.data.importers.told import Told
from tests.data.importers import results
from tests.data.importers.results import written
from tests.data.importers.test_served import TOLD

OPEN = {"max_concurrency": None, "max_concurrent_requests": None}
RAMP = {**OPEN, "ramp_up_strategy": "linear", "ramp_up_start_rps": 1, "ramp_up_end_rps": 10}


def read(tmp_path, document, told=TOLD):
    (record,) = read_foreign(written(tmp_path, json.dumps(document)), told)
    return record


@pytest.mark.parametrize(
    ("issue_rate", "requests", "told", "arrivals", "rate", "kind"),
    [
        (4.0e14, 1000, {}, "burst", None, "saturated"),  # 0.4 ms × 1,000 = 0.4 s of 50 s
        (4.9e16, 2000, {}, None, None, "unknown_load"),  # 49 ms × 2,000 = 98 s of 100 s
        (4.9e16, 2000, {"concurrency": 390}, None, None, "concurrency_held"),  # 20 × 19.5 s
        (9.8e8, 2000, {}, None, None, "unknown_load"),  # neither 1 ns apart nor a billion a second
        (9000.0, 1000, {}, None, 9000.0, "saturated"),
    ],
)
def test_trtllm_issues_by_nanoseconds_a_request(
    tmp_path, issue_rate, requests, told, arrivals, rate, kind
):
    """At 20 requests a second, 19.5 s each."""
    world = {**results.TRTLLM["world_info"], "issue_rate": issue_rate}
    document = {
        **results.TRTLLM,
        "machine": {"name": "NVIDIA H100 80GB HBM3"},
        "performance": {**results.TRTLLM["performance"], "total_latency_ms": requests * 50.0},
        "request_info": {**results.TRTLLM["request_info"], "num_requests": requests},
        "world_info": world,
    }
    record = read(tmp_path, document, Told(date=TOLD.date, **told))
    assert (record.machine.device, record.machine.count) == ("H100 SXM 80GB", 2)
    assert (record.load.arrivals, record.load.rate_per_s) == (arrivals, rate)
    assert judged(record).kind == kind


@pytest.mark.parametrize(("attention", "devices", "copies"), [(False, 8, 2), (True, 4, 1)])
def test_sglang_copies_are_devices_unless_attention_alone_is_split(
    tmp_path, attention, devices, copies
):
    """400 tokens/s of four devices are 100 each; of two copies of four, 50."""
    server = {**results.SGLANG["server_info"], "dp_size": 2, "enable_dp_attention": attention}
    record = read(tmp_path, {**results.SGLANG, "server_info": server})
    layout = record.workload.layout
    assert (record.machine.count, layout.tensor, layout.data) == (devices, 4, copies)
    assert record.result.throughput_per_s_per_device == 400 / devices


def test_vllm_copies_are_devices_and_another_count_is_the_users(tmp_path):
    document = {**results.VLLM, "tensor_parallel_size": 2, "data_parallel_size": 3}
    record = read(tmp_path, document)
    assert (record.machine.count, record.workload.layout.data) == (6, 3)
    told = read(tmp_path, document, Told(device="H100 SXM 80GB", count=4))
    assert (told.machine.count, told.workload.layout.tensor, told.workload.layout.data) == (4, 4, 1)


@pytest.mark.parametrize(
    ("document", "arrivals"),
    [
        ({**results.VLLM, **RAMP}, "poisson"),
        ({**results.VLLM, **RAMP, "burstiness": 0.5}, "gamma"),
        ({**results.VLLM, **OPEN, "dataset_name": "timed_trace"}, "recorded"),
        ({**results.SGLANG, **OPEN, "dataset_name": "mooncake"}, "recorded"),
    ],
)
def test_a_ramp_and_a_trace_are_no_burst(tmp_path, document, arrivals):
    record = read(tmp_path, document)
    assert (record.load.mode, record.load.rate_per_s) == ("open", None)
    assert (record.load.arrivals, judged(record).kind) == (arrivals, "load_limited")


def test_a_burst_of_which_few_were_there_is_none(tmp_path):
    """4 a second × 7.911 s are 31.6 in flight, not 200 of 400; the user may say what it was."""
    document = {**results.VLLM, **OPEN}
    judgement = judged(read(tmp_path, document))
    assert judgement.kind == "unknown_load"
    assert "31.6 in flight, not about half of 400" in judgement.arithmetic
    for told, kind in (({"rate_per_s": 4.0}, "load_limited"), ({"concurrency": 32}, "held")):
        record = read(tmp_path, document, Told(device="H100 SXM 80GB", **told))
        assert judged(record).kind.endswith(kind)
        assert record.load.arrivals is None


def test_embeddings_are_refused_with_the_driver_that_takes_them(tmp_path):
    document = {key: it for key, it in results.VLLM.items() if "tpot" not in key}
    document |= {"backend": "openai-embeddings", "total_output_tokens": 0, "output_throughput": 0.0}
    with pytest.raises(InputError, match=r"4 calls a second .*\n?.*capacity\.calls_per_s_per_gpu"):
        read(tmp_path, document, Told())


@pytest.mark.parametrize("key", ["request_goodput", "request_goodput:"])
@pytest.mark.parametrize("goodput", [3.1, 0.0, None])
def test_goodput_is_kept(tmp_path, key, goodput):
    record = read(tmp_path, {**results.VLLM, key: goodput})
    assert record.result.serving.goodput_per_s == goodput


@pytest.mark.parametrize(
    ("settings", "engine"),
    [
        ({"backend": "vllm"}, "vllm"),
        ({"backend": "tensorrtllm", "service_kind": "triton"}, "tensorrt-llm"),
        ({"backend": "tensorrtllm", "service_kind": "openai"}, "unknown"),  # its default
        ({"endpoint": {"backend": "vllm"}}, "vllm"),
        ({}, "unknown"),
    ],
)
def test_genai_perf_says_its_engine(tmp_path, settings, engine):
    document = {**results.AIPERF, "input_config": {"model": ["org/some-model"], **settings}}
    document["goodput"] = results.statistic("requests/sec", 1.5)
    record = read(tmp_path, document)
    assert record.workload.engine == engine
    assert record.result.serving.goodput_per_s == 1.5
