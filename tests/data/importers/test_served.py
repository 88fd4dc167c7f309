"""Load tests of each tool: right figures, the load as it was, and what is missing asked for."""

import json
from datetime import UTC, datetime

import pytest

from modelworth.data.errors import InputError
from modelworth.data.importers.foreign import read_foreign
from modelworth.data.importers.judging import judged, judged_all
from modelworth.data.importers.told import Told
from tests.data.importers import results
from tests.data.importers.results import written

TOLD = Told(device="H100 SXM 80GB", model="given", date=datetime(2026, 2, 1, tzinfo=UTC))
OFFLINE = results.MLPERF.format(scenario="Offline", result="VALID")
SERVER = results.MLPERF.format(scenario="Server", result="VALID")
CONCURRENT = {"type_": "concurrent", "streams": 8}
PACED = {"type_": "poisson", "rate": 2.0}

#: content, then what is right: tokens/s, TTFT ms, TPOT ms, prompt, answer, limit, class
EXPECTED = [
    pytest.param(results.VLLM, 800, 140, 38, 1000, 200, 32, "concurrency_held", id="vllm"),
    pytest.param({**results.VLLM, "request_rate": 4.0, "max_concurrency": 256},
                 800, 140, 38, 1000, 200, 256, "load_limited", id="vllm-paced"),
    pytest.param(results.SGLANG, 400, 190, 37.5, 500, 100, 16, "concurrency_held", id="sglang"),
    pytest.param(results.INFERENCEX_POINT, 4000, 400, 14.9, 1024, 961, 64, "concurrency_held",
                 id="inferencex-point"),
    pytest.param(results.AIPERF, 202, 100, 38, 500, 101, 8, "concurrency_held", id="aiperf"),
    pytest.param(results.GENAI_CSV, 202, 99, 37.9, 500, 101, None, "unknown_load", id="genai-csv"),
    pytest.param(results.guidellm(CONCURRENT), 202, 100, 38, 500, 101, 8, "concurrency_held",
                 id="guidellm"),
    pytest.param(results.guidellm(PACED, "args"), 202, 100, 38, 500, 101, None, "load_limited",
                 id="guidellm-paced"),
    pytest.param(results.guidellm({"type_": "synchronous"}), 202, 100, 38, 500, 101, 1,
                 "contradictory", id="guidellm-synchronous"),
    pytest.param(results.inference_perf({"concurrency": 40}), 1010, 90, 37.9, 500, 101, 40,
                 "concurrency_held", id="inference-perf"),
    pytest.param(results.inference_perf({"requested_rate": 10.0}), 1010, 90, 37.9, 500, 101, None,
                 "load_limited", id="inference-perf-paced"),
    pytest.param(
        results.inference_perf({"requested_rate": 12.0,
                                "schedule_delay": {"mean": 4.0, "p95": 9.0, "max": 10.0}}),
        1010, 90, 37.9, 500, 101, None, "client_bound", id="inference-perf-late"),
    pytest.param(
        results.inference_perf({"schedule_delay": {"mean": 20.0, "p95": 40.0, "max": 45.0}}),
        1010, 90, 37.9, 500, 101, None, "unknown_load", id="inference-perf-slots"),
    pytest.param(results.TRTLLM, 2020, 14_000, 44, 500, 101, None, "saturated", id="trtllm"),
    pytest.param(OFFLINE, 3000, 800, 62, None, 300, None, "saturated", id="mlperf-offline"),
    pytest.param(SERVER, 3000, 800, 62, None, 300, None, "load_limited", id="mlperf-server"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "per_s", "ttft_ms", "tpot_ms", "prompt", "answer", "limit", "kind"), EXPECTED
)
def test_figures(tmp_path, content, per_s, ttft_ms, tpot_ms, prompt, answer, limit, kind):
    path = written(tmp_path, content)
    if kind == "contradictory":
        with pytest.raises(InputError, match=r"7\.8 in flight, the limit was 1"):
            read_foreign(path, TOLD)
        return
    (record,) = read_foreign(path, TOLD)
    work, result = record.workload, record.result
    assert result.throughput_per_s.value == pytest.approx(per_s, rel=2e-3)
    assert result.latency.first_token_s == pytest.approx(ttft_ms / 1e3)
    assert result.latency.per_token_s == pytest.approx(tpot_ms / 1e3, rel=1e-3)
    assert (work.prompt_tokens, work.new_tokens, work.concurrency) == (prompt, answer, limit)
    assert (work.kind, record.provenance.origin) == ("serve", "imported")
    assert judged(record).kind == kind


def test_a_file_of_several_runs_gives_each(tmp_path):
    """A benchmark's warm-up is no run; a rate is kept, and so is a version's older spelling."""
    held, paced = read_foreign(written(tmp_path, results.BENCHMARKER), TOLD)
    assert (held.load.concurrency_limit, paced.load.rate_per_s) == (8, 1.0)
    assert held.result.throughput_per_s.value == pytest.approx(202)
    assert paced.result.serving.ttft.p95_s == pytest.approx(0.130)
    assert [judged(it).kind for it in (held, paced)] == ["concurrency_held", "load_limited"]


JOINED = {
    "list": json.dumps,
    "lines": lambda runs: "\n".join(map(json.dumps, runs)),
    "appended": lambda runs: "".join(json.dumps(run, indent=1) for run in runs),
}


@pytest.mark.parametrize("how", JOINED)
def test_lists_lines_and_appended_runs_are_the_same(tmp_path, how):
    runs = [results.VLLM, {**results.VLLM, "max_concurrency": 33}]
    records = read_foreign(written(tmp_path, JOINED[how](runs), "any.suffix"), TOLD)
    assert [it.load.concurrency_limit for it in records] == [32, 33]


def test_one_run_under_two_names_is_one_record(tmp_path):
    (one,) = read_foreign(written(tmp_path, results.VLLM, "a.json"), TOLD)
    (other,) = read_foreign(written(tmp_path, json.dumps([results.VLLM]), "b.jsonl"), TOLD)
    assert one.id == other.id
    assert "a.json" not in one.model_dump_json()


def test_a_sweep_tells_where_more_load_adds_nothing(tmp_path):
    runs = [
        {**results.VLLM, "max_concurrency": 32 * times, "mean_e2el_ms": 7911.0 * times,
         "mean_tpot_ms": 39.0 * times, "p99_e2el_ms": 1e5, "p99_tpot_ms": 1e3,
         "max_concurrent_requests": 40 * times}
        for times in (1, 2)
    ]  # fmt: skip
    records = read_foreign(written(tmp_path, runs), TOLD)
    assert [it.kind for it in judged_all(records).values()] == ["saturated", "saturated"]
    assert judged(records[0]).kind == "concurrency_held"


@pytest.mark.parametrize(
    ("content", "missing"),
    [
        (results.VLLM, "no device in"),
        (results.GENAI_CSV, "no device, no model, no date"),
        (results.TRTLLM, "no device, no date"),
        (results.INFERENCEX_POINT, None),
        (SERVER, "--device .* --model .* --date"),
    ],
)
def test_what_is_missing_is_asked_for_by_flag(tmp_path, content, missing):
    path = written(tmp_path, content)
    if missing is None:
        assert read_foreign(path, Told())[0].machine.device == "H200 SXM 141GB"
        return
    with pytest.raises(InputError, match=missing):
        read_foreign(path, Told())


def test_devices_and_formats_that_the_file_says_are_kept(tmp_path):
    (served,) = read_foreign(written(tmp_path, results.SGLANG), TOLD)
    assert (served.machine.count, served.workload.layout.tensor) == (4, 4)
    assert (served.workload.precision, served.workload.weight_bits) == ("fp8", 8)
    assert served.result.throughput_per_s_per_device == 100
    named = {**results.VLLM, "model_id": "org/some-model-AWQ", "tensor_parallel_size": 2}
    (quantised,) = read_foreign(written(tmp_path, named), Told(device="H100 SXM 80GB"))
    assert quantised.workload.precision == "int4"
    assert quantised.machine.count == 2


@pytest.mark.parametrize(
    ("changes", "failures", "status"),
    [
        ({"completed": 396, "failed": 4, "total_input_tokens": 396_000, "max_concurrency": None,
          "total_output_tokens": 79_200, "request_throughput": 3.96, "output_throughput": 792},
         4, "ok"),
        ({"completed": 0, "failed": 400, "total_input_tokens": 0, "total_output_tokens": 0,
          "request_throughput": 0.0, "output_throughput": 0.0, "mean_e2el_ms": 0.0,
          "errors": ["Too Many Requests"] * 400}, 400, "error"),
    ],
)  # fmt: skip
def test_failed_requests_are_a_share_and_no_rate(tmp_path, changes, failures, status):
    (record,) = read_foreign(written(tmp_path, {**results.VLLM, **changes}), TOLD)
    load = record.load
    assert (record.status, load.requests_failed) == (status, failures)
    assert load.requests_ok + load.requests_failed == 400
    assert (record.result is None) == (status == "error")
    if status == "error":
        assert record.load.failures == {"rate_limited": 400}
        assert record.reason == "all 400 requests failed: HTTP 429 (400)"


def test_single_requests_say_what_the_summary_leaves_out(tmp_path):
    """Requests of 0.1 s to the first of 11 tokens and 0.02 s for each later one."""
    lists = {"ttfts": [0.1] * 400, "latencies": [0.3] * 400, "output_lens": [11] * 400}
    plain = {key: it for key, it in results.VLLM.items() if not key.endswith("_ms")}
    plain |= {"total_output_tokens": 4400, "output_throughput": 44.0, "max_concurrency": 1}
    (record,) = read_foreign(written(tmp_path, {**plain, **lists, "duration": 100.0}), TOLD)
    serving = record.result.serving
    assert serving.ttft.p95_s == pytest.approx(0.1)
    assert serving.tpot.p50_s == pytest.approx(0.02)
    assert serving.e2e.mean_s == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({**results.VLLM, "completed": 401}, "at most the 400 that were sent"),
        ({**results.VLLM, "p99_ttft_ms": 1.0}, "p50 ≤ p90 ≤ p95 ≤ p99"),
        ({**results.VLLM, "request_throughput": 40.0}, "the file says 40.000"),
        (json.dumps(results.VLLM)[:-20], "cut off"),
        (json.dumps(results.VLLM) + "\n" + json.dumps(results.VLLM)[:50], ":2"),
        ("{}", "or a result of"),
        ("[]", "or a result of"),
        ("", "an empty file"),
        ("no JSON at all", "no JSON at all"),
        ("[" * 100_000, "must be"),
        (results.MLPERF.format(scenario="Server", result="INVALID"), "INVALID"),
        (results.MLPERF.format(scenario="SingleStream", result="VALID"), "SingleStream"),
    ],
)
def test_what_can_not_be_right_is_refused(tmp_path, content, said):
    with pytest.raises(InputError, match=said):
        read_foreign(written(tmp_path, content), TOLD)
