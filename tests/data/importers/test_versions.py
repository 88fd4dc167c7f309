"""The same tools in other versions: keys that moved, lacked or were spelled otherwise."""

import json

import pytest

from modelworth.data.importers.foreign import read_any, read_foreign
from modelworth.data.importers.judging import judged
from modelworth.data.importers.told import Told
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


def test_aiperf_in_one_line_with_a_version_of_its_own_is_no_export_of_ours(tmp_path):
    path = written(tmp_path, json.dumps({"schema_version": "1.1", **results.AIPERF}))
    foreign, own = read_any(path, TOLD)
    assert (len(foreign), own) == (1, [])


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
    assert (record.load.requests_ok, record.load.requests_failed) == (100, 3)
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


POINT = {
    "hw": "mi355x", "conc": 25, "model": "org/some-model", "framework": "sglang",
    "precision": "fp4", "tp": 8, "disagg": False, "spec_decoding": "mtp",
    "num_requests_total": 220, "num_requests_successful": 200,
}  # fmt: skip
AGENTS = POINT | {
    "mean_ttft": 2.0, "mean_e2el": 12.0, "mean_tpot": 0.02, "mean_input_tokens": 90_000.0,
    "mean_output_tokens_actual": 500.0, "output_tput_tps": 1000.0, "duration_seconds": 100.0,
    "tput_per_gpu": 3000.0, "output_tput_per_gpu": 125.0, "server_gpu_cache_hit_rate": 0.93,
}  # fmt: skip
NESTED = POINT | {
    "num_gpus": 8,
    "request_accounting": {"records_error_dropped": 3},
    "request_metrics": {
        "latency": {"ttft": {"mean": 2.0}, "tpot": {"mean": 0.02}, "e2el": {"mean": 12.0}},
        "tokens": {"input": {"mean": 90_000.0}, "output_actual": {"mean": 500.0}},
        "throughput": {"output": {"tokens_per_second": 1000.0}, "duration_seconds": 100.0},
    },
    "server_metrics": {"cache": {"overall_cache_hit_rate": 0.93}},
}


@pytest.mark.parametrize(("point", "failed"), [(AGENTS, 20), (NESTED, 3)])
def test_a_point_of_agents_work_states_lengths_counts_and_the_cache(tmp_path, point, failed):
    """200 × 500 tokens in 100 s; times per request don't give the mean answer here."""
    (record,) = read_foreign(written(tmp_path, point), Told(date=TOLD.date))
    work, load = record.workload, record.load
    assert (work.prompt_tokens, work.new_tokens, work.drafting.method) == (90_000, 500, "mtp")
    assert (load.requests_ok, load.requests_failed, load.cached_share) == (200, failed, 0.93)
    assert record.result.throughput_per_s.value == pytest.approx(1000)
    assert (record.machine.count, record.result.latency.mean_s) == (8, 12.0)


def test_guidellm_counting_the_middle_of_a_run_keeps_its_own_rate(tmp_path):
    """25 answers touch 720 s of a run with one in flight of 30.64 s: 24 were done in them."""
    run = results.guidellm({"type_": "synchronous"}, successful=25)
    part = run["benchmarks"][0]
    part["duration"] = 720.0
    part["scheduler_metrics"] |= {"request_start_time": 10.0, "measure_start_time": 100.0}
    part["metrics"] |= {
        "requests_per_second": {"successful": {"mean": 1 / 30.0}},
        "request_latency": {"successful": {"mean": 30.64}},
        "output_token_count": {"successful": {"mean": 1024.0}},
        "inter_token_latency_ms": {"successful": {"mean": 29.8}},
    }
    (record,) = read_foreign(written(tmp_path, run), TOLD)
    assert record.result.throughput_per_s.value == pytest.approx(1024 / 30)
    assert judged(record).kind == "concurrency_held"


def quantiles(what, mean, *values):
    names = zip((50, 90, 95, 99), values, strict=True)
    return {f"results_{what}_mean": mean} | {
        f"results_{what}_quantiles_p{number}": value for number, value in names
    }


LLMPERF = {
    "version": "2023-08-31", "model": "meta-llama/Llama-2-70b-chat-hf", "timestamp": 1703136129,
    "mean_input_tokens": 550, "mean_output_tokens": 150, "num_concurrent_requests": 5,
    **quantiles("inter_token_latency_s", 0.015836, 0.014559, 0.019497, 0.022718, 0.038735),
    **quantiles("ttft_s", 0.248903, 0.21283, 0.321225, 0.362008, 0.474531),
    **quantiles("end_to_end_latency_s", 2.354667, 2.259533, 2.941864, 3.125571, 3.705701),
    "results_number_input_tokens_mean": 550.0, "results_number_output_tokens_mean": 146.946667,
    "results_num_requests_started": 150, "results_number_errors": 0,
    "results_mean_output_throughput_token_per_s": 207.521211,
    "results_num_completed_requests": 150, "results_num_completed_requests_per_min": 84.733277,
}  # fmt: skip
"""A public run of the llmperf leaderboard (Anyscale, 2023-12), digits rounded."""


def test_llmperf_counts_the_first_token_among_the_gaps(tmp_path):
    """84.73 / 60 × 2.355 s = 3.3 in flight of 5; (2.2595 − 0.2128) s / 145.9 tokens = 14.0 ms."""
    (record,) = read_foreign(written(tmp_path, LLMPERF), TOLD)
    assert record.result.throughput_per_s.value == pytest.approx(207.52, rel=1e-4)
    assert record.result.latency.per_token_s == pytest.approx(0.01402, rel=1e-3)
    assert (record.workload.prompt_tokens, record.workload.concurrency) == (550, 5)
    assert (judged(record).kind, record.recorded_at.year) == ("load_limited", 2023)
