"""The same tools in other versions: keys that moved, lacked or were spelled otherwise."""

import json

import pytest

from modelworth.data.importers.foreign import read_foreign
from modelworth.data.importers.records import judged
from tests.data.importers import results
from tests.data.importers.results import written
from tests.data.importers.test_served import PACED, TOLD


def without(document, *keys):
    return {key: it for key, it in document.items() if key not in keys}


def test_vllm_before_it_knew_failures_and_whole_requests(tmp_path):
    """A request's time follows from its parts: 0.15 s + 39 ms × 199 = 7.911 s."""
    old = {
        key: it
        for key, it in results.VLLM.items()
        if "e2el" not in key and key not in ("failed", "max_concurrent_requests")
    }
    old |= {"best_of": 1, "request_goodput:": None, "completed": 398}
    old |= {"request_throughput": 3.98, "output_throughput": 800.0, "num_prompts": 400}
    (record,) = read_foreign(written(tmp_path, old), TOLD)
    assert record.load.requests_failed == 2
    assert record.result.latency.mean_s == pytest.approx(0.15 + 0.039 * (80_000 / 398 - 1))
    assert judged(record).kind == "concurrency_held"


@pytest.mark.parametrize("place", ["records", "metrics"])
def test_aiperf_that_keeps_its_metrics_one_level_deeper(tmp_path, place):
    head = {key: results.AIPERF[key] for key in ("input_config", "start_time", "error_summary")}
    inner = without(results.AIPERF, *head, "aiperf_version")
    (record,) = read_foreign(written(tmp_path, {**head, place: inner}), TOLD)
    assert record.result.serving.ttft.p95_s == pytest.approx(0.18)
    assert (record.load.concurrency_limit, judged(record).sound) == (8, True)


def test_genai_perf_with_its_own_settings(tmp_path):
    settings = {"model": ["org/some-model"], "perf_analyzer": {"stimulus": {"concurrency": 8}}}
    old = without(results.AIPERF, "aiperf_version", "request_count", "benchmark_duration")
    (record,) = read_foreign(written(tmp_path, {**old, "input_config": settings}), TOLD)
    assert record.provenance.tool == "genai-perf"
    assert (record.load.concurrency_limit, record.load.requests_ok) == (8, None)
    assert record.result.throughput_per_s.value == 202
    assert judged(record).kind == "concurrency_held"


def test_aiperf_errors_are_a_share_with_kinds(tmp_path):
    errors = [{"error_details": {"code": 503, "type": "x", "message": "y"}, "count": 3}]
    (record,) = read_foreign(written(tmp_path, {**results.AIPERF, "error_summary": errors}), TOLD)
    assert record.load.failures == {"server_error": 3}
    assert record.load.error_share == pytest.approx(3 / 103)
    assert judged(record).kind == "error_bearing"


@pytest.mark.parametrize("place", ["config", "args", "scheduler"])
def test_guidellm_keeps_its_strategy_in_three_places(tmp_path, place):
    document = results.guidellm(PACED, place)
    one = document["benchmarks"][0]
    one["run_stats"] = {"requests_made": one["metrics"].pop("request_totals")}
    (record,) = read_foreign(written(tmp_path, document), TOLD)
    assert (record.load.rate_per_s, record.load.requests_ok) == (2.0, 100)
    assert judged(record).kind == "load_limited"


def test_sglang_before_it_described_the_server(tmp_path):
    old = without(results.SGLANG, "server_info", "mean_tpot_ms", "median_tpot_ms", "concurrency")
    (record,) = read_foreign(written(tmp_path, json.dumps(old)), TOLD)
    assert record.result.latency.per_token_s == pytest.approx((3.950 - 0.190) / 99)
    assert record.machine.count == 1


def test_sglang_all_at_once(tmp_path):
    """1,000 requests at 10 a second, each 50 s: half of them there on average."""
    burst = {**results.SGLANG, "max_concurrency": None, "completed": 1000, "duration": 100.0,
             "total_input_tokens": 500_000, "total_output_tokens": 100_000,
             "request_throughput": 10.0, "output_throughput": 1000.0,
             "mean_e2e_latency_ms": 50_000.0, "median_e2e_latency_ms": 50_000.0,
             "p99_e2e_latency_ms": 99_000.0, "mean_ttft_ms": 46_000.0}  # fmt: skip
    (record,) = read_foreign(written(tmp_path, burst), TOLD)
    assert record.load.arrivals == "burst"
    assert judged(record).kind == "saturated"


def test_a_disaggregated_point_counts_both_kinds_of_devices(tmp_path):
    """500 tokens/s of each of 4 decoding devices are 2,000, on 6 devices in all."""
    point = {**results.INFERENCEX_POINT, "disagg": True, "num_prefill_gpu": 2,
             "num_decode_gpu": 4}  # fmt: skip
    (record,) = read_foreign(written(tmp_path, [point]), TOLD)
    assert record.result.throughput_per_s.value == 2000
    assert record.result.throughput_per_s_per_device == pytest.approx(2000 / 6)


def test_a_point_of_the_live_table_has_its_metrics_apart(tmp_path):
    names = [key for key in results.INFERENCEX_POINT if "tput" in key or "_t" in key or "e2" in key]
    point = {**without(results.INFERENCEX_POINT, *names, "hw"), "hardware": "b200-trt",
             "metrics": {key: results.INFERENCEX_POINT[key] for key in names}}  # fmt: skip
    (record,) = read_foreign(written(tmp_path, [point]), TOLD)
    assert record.result.throughput_per_s.value == 4000
    assert record.workload.precision == "fp8"
