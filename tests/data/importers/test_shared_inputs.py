"""Files that real tools wrote, where the folder of inputs stands beside the repository."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from modelworth.data.errors import InputError
from modelworth.data.importers.foreign import read_foreign
from modelworth.data.importers.judging import judged
from modelworth.data.importers.told import Told

FOLDER = next(
    (at for up in Path(__file__).parents if (at := up / "shared" / "inputs").is_dir()), None
)
TOLD = Told(
    device="H100 SXM 80GB", model="llama-3.1-8b", date=datetime(2026, 2, 1, tzinfo=UTC), batch=1
)
pytestmark = pytest.mark.skipif(FOLDER is None, reason="no folder of inputs here")

#: file, tokens/s, TTFT ms, TPOT ms, in flight, class; the clients' truth is of their mock server
SERVED = [
    ("vllm_saturated.json", 5373.56, 90, 11.7, 63.8, "concurrency_held"),
    ("vllm_rate_limited.json", 537.4, 85.7, 14.1, 7.9, "load_limited"),
    ("vllm_no_concurrency.json", 537.4, 85.7, 14.1, 7.9, "load_limited"),
    ("vllm_three_failed.json", 5368.2, 90, 11.7, 63.7, "concurrency_held"),
    ("sglang_bench.jsonl", 537.4, 85.7, 14.5, 7.9, "load_limited"),
    ("inferencex_position_slo.json", 294.1, 263, 24.7, 7.9, "concurrency_held"),
    ("inference_perf_summary.json", 4646.5, 2106, 12.6, 222.9, "client_bound"),
    ("profile_export_aiperf.json", 1250, 44.4, 13.2, 16.6, "unknown_load"),
    ("clients/vllm_c1.json", 87.17, 102.5, 10.02, 1.0, "concurrency_held"),
    ("clients/vllm_burst.json", 360.8, 107.9, 9.54, 4.0, "concurrency_held"),
    ("clients/aiperf_c1.json", 85.7, 103.9, 10.01, 1.0, "concurrency_held"),
    ("clients/aiperf_c1.csv", 85.7, 103.9, 10.01, 1.0, "unknown_load"),
    ("clients/aiperf_c1_requests.jsonl", 85.7, 103.9, 10.01, 1.0, "unknown_load"),
    ("clients/aiperf_burst.json", 353, 109.9, 9.55, 4.0, "concurrency_held"),
    ("clients/aiperf_transformers_serve.json", 69.1, 303.4, 9.79, 1.9, "too_short"),
    ("clients/guidellm_c1.json", 86.2, 103.7, 10.02, 1.0, "concurrency_held"),
    ("clients/inference_perf_c1_stage.json", 86.9, 101.6, 10.0, 1.0, "concurrency_held"),
    ("clients/inference_perf_c1_summary.json", 86.9, 101.6, 10.0, 1.0, "unknown_load"),
]
#: file, kind, tokens/s, prompt, answer, context, device, how many, stored bits
STEPS = [
    ("llama_bench_q4.json", "prefill", 7136.4, 512, None, None, "RTX 4080", 1, 4.9),
    ("llama_bench_bom.json", "prefill", 7136.4, 512, None, None, "RTX 4080", 1, 4.9),
    ("llama_bench_device_lines_first.json", "prefill", 7136.4, 512, None, None, "4080", 1, 4.9),
    ("llama_bench.jsonl", "prefill", 7136.4, 512, None, None, "RTX 4080", 1, 4.9),
    ("llama_bench.csv", "prefill", 7097.7, 512, None, None, "RTX 4080", 1, 4.9),
    ("llama_bench_pg.json", "generate", 111.6, 512, 128, None, "RTX 4080", 1, 4.9),
    ("llama_bench_two_gpus.json", "prefill", 7136.4, 512, None, None, "A100-SXM4", 2, 4.9),
    ("llama_bench_prompt_at_depth.json", "prefill", 7136.4, 512, None, 8192, "4080", 1, 4.9),
    ("llama_bench_no_layers_on_gpu.json", "prefill", 7136.4, 512, None, None, "CPU", 1, 4.9),
    ("benchmark.json", "prefill", 780.5, 16, None, None, "H100", 1, None),
]


@pytest.mark.parametrize(
    ("name", "per_s", "ttft_ms", "tpot_ms", "held", "kind"), SERVED, ids=[row[0] for row in SERVED]
)
def test_served(name, per_s, ttft_ms, tpot_ms, held, kind):
    (record,) = read_foreign(FOLDER / name, TOLD)
    latency = record.result.latency
    assert record.result.throughput_per_s.value == pytest.approx(per_s, rel=6e-3)
    assert latency.first_token_s == pytest.approx(ttft_ms / 1e3, rel=2e-3)
    assert latency.per_token_s == pytest.approx(tpot_ms / 1e3, rel=5e-3)
    assert record.load.in_flight_mean == pytest.approx(held, abs=0.1)
    assert judged(record).kind == kind


@pytest.mark.parametrize(
    ("name", "kind", "per_s", "prompt", "answer", "context", "device", "count", "bits"),
    STEPS,
    ids=[row[0] for row in STEPS],
)
def test_steps(name, kind, per_s, prompt, answer, context, device, count, bits):
    record = read_foreign(FOLDER / name, TOLD if name == "benchmark.json" else Told())[0]
    work, machine = record.workload, record.machine
    assert (work.kind, work.prompt_tokens, work.new_tokens) == (kind, prompt, answer)
    assert (work.context_tokens, machine.count) == (context, count)
    assert device in machine.device
    assert work.weight_bits == (bits if bits is None else pytest.approx(bits, abs=0.02))
    assert record.result.throughput_per_s.value == pytest.approx(per_s, rel=1e-3)


@pytest.mark.parametrize("name", ["vllm_all_failed.json", "guidellm_all_failed.json"])
def test_a_run_that_failed_whole_is_an_outcome(name):
    (record,) = read_foreign(FOLDER / "clients" / name, TOLD)
    assert (record.status, record.result, record.load.requests_ok) == ("error", None, 0)
    assert "HTTP 422 (8)" in record.reason


def test_a_file_that_contradicts_itself_is_refused_with_the_arithmetic():
    with pytest.raises(InputError, match=r"10\.054 a second, the file says 1\.005.*at most 14"):
        read_foreign(FOLDER / "vllm_contradicts_itself.json", TOLD)


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("vllm_saturated.json", "given: --device 'H100 SXM 80GB'$"),
        ("sglang_bench.jsonl", "--device .* --model .* --date"),
        ("benchmark.json", "--device .* --model .* --date .* --batch"),
    ],
)
def test_what_is_missing_is_asked_for(name, flags):
    with pytest.raises(InputError, match=flags):
        read_foreign(FOLDER / name, Told())
