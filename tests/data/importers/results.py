"""Result files of other tools, made up in the shapes that they write; nothing was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

VLLM: dict[str, Any] = {
    "date": "20260131-235959", "backend": "openai-chat", "model_id": "org/some-model",
    "tokenizer_id": "org/some-model", "num_prompts": 400, "request_rate": "inf",
    "burstiness": 1.0, "max_concurrency": 32, "duration": 100.0, "completed": 400, "failed": 0,
    "total_input_tokens": 400_000, "total_output_tokens": 80_000, "request_throughput": 4.0,
    "output_throughput": 800.0, "total_token_throughput": 4800.0, "max_concurrent_requests": 34,
    "mean_ttft_ms": 150.0, "median_ttft_ms": 140.0, "p99_ttft_ms": 300.0,
    "mean_tpot_ms": 39.0, "median_tpot_ms": 38.0, "p99_tpot_ms": 50.0,
    "mean_itl_ms": 39.0, "median_itl_ms": 37.0, "p99_itl_ms": 60.0,
    "mean_e2el_ms": 7911.0, "median_e2el_ms": 7800.0, "p99_e2el_ms": 9900.0,
}  # fmt: skip
SGLANG: dict[str, Any] = {
    "tag": None, "backend": "sglang", "dataset_name": "random", "request_rate": float("inf"),
    "max_concurrency": 16, "random_input_len": 512, "duration": 50.0, "completed": 200,
    "server_info": {"model_path": "org/moe-fp8", "tp_size": 4, "pp_size": 1, "version": "0.5.1",
                    "quantization": "fp8"},
    "total_input_tokens": 100_000, "total_output_tokens": 20_000,
    "total_output_tokens_retokenized": 19_990, "request_throughput": 4.0,
    "output_throughput": 400.0, "mean_e2e_latency_ms": 3960.0, "median_e2e_latency_ms": 3950.0,
    "p99_e2e_latency_ms": 5000.0, "mean_ttft_ms": 200.0, "median_ttft_ms": 190.0,
    "mean_tpot_ms": 38.0, "median_tpot_ms": 37.5, "mean_itl_ms": 38.0, "median_itl_ms": 37.0,
    "concurrency": 15.84,
}  # fmt: skip
INFERENCEX_POINT: dict[str, Any] = {
    "hw": "h200-nv", "conc": 64, "model": "org/some-model", "framework": "sglang",
    "precision": "fp8", "tp": 8, "isl": 1024, "osl": 1024, "disagg": False,
    "tput_per_gpu": 1000.0, "output_tput_per_gpu": 500.0, "input_tput_per_gpu": 500.0,
    "mean_ttft": 0.5, "median_ttft": 0.4, "mean_tpot": 0.015, "median_tpot": 0.0149,
    "mean_e2el": 14.9, "median_e2el": 14.8, "p99_e2el": 18.0, "date": "2026-02-01",
}  # fmt: skip
LLAMA: dict[str, Any] = {
    "build_commit": "abc1234", "build_number": 6000, "cpu_info": "A Processor",
    "gpu_info": "NVIDIA GeForce RTX 4090", "backends": "CUDA", "model_filename": "m/l-q4.gguf",
    "model_type": "llama 8B Q4_K - Medium", "model_size": 4_912_898_304,
    "model_n_params": 8_030_261_312, "n_gpu_layers": 99, "split_mode": "layer", "n_prompt": 0,
    "n_gen": 128, "n_depth": 0, "test_time": "2026-01-31T12:00:00Z", "avg_ns": 1_000_000_000,
    "stddev_ns": 1_000_000, "avg_ts": 128.0, "samples_ns": [990_000_000, 1_010_000_000],
}  # fmt: skip


def statistic(unit: str, middle: float, **more: float) -> dict[str, Any]:
    """One metric as AIPerf writes it."""
    return {"unit": unit, "avg": middle, "p50": middle, **more}


AIPERF: dict[str, Any] = {
    "aiperf_version": "0.3.0",
    "input_config": {
        "endpoint": {"model_names": ["org/some-model"]},
        "loadgen": {"concurrency": 8},
    },
    "start_time": "2026-01-31T12:00:00",
    "request_throughput": statistic("requests/sec", 2.0),
    "request_latency": statistic("ms", 3900.0, p95=4200.0, p99=4400.0),
    "request_count": statistic("requests", 100.0),
    "time_to_first_token": statistic("ms", 100.0, p95=180.0),
    "inter_token_latency": statistic("ms", 38.0, p95=41.0),
    "output_sequence_length": statistic("tokens", 101.0),
    "input_sequence_length": statistic("tokens", 500.0),
    "output_token_throughput": statistic("tokens/sec", 202.0),
    "benchmark_duration": statistic("sec", 50.0),
    "error_summary": [],
}
GENAI_CSV = """Metric,avg,min,max,p99,p95,p90,p75,p50,p25
Time To First Token (ms),100.00,90.00,200.00,190.00,180.00,150.00,120.00,99.00,95.00
Inter Token Latency (ms),38.00,36.00,44.00,43.00,41.00,40.00,39.00,37.90,37.00
Request Latency (ms),"3,900.00",3700.00,4500.00,4400.00,4200.00,4100.00,4000.00,3890.00,3800.00
Output Sequence Length (tokens),101.00,101.00,101.00,101.00,101.00,101.00,101.00,101.00,101.00
Input Sequence Length (tokens),500.00,500.00,500.00,500.00,500.00,500.00,500.00,500.00,500.00

Metric,Value
Output Token Throughput (tokens/sec),202.00
Request Throughput (per sec),2.00
Request Count (count),100.00
"""


def _good(mean: float, median: float | None = None) -> dict[str, Any]:
    figures = {"mean": mean, "median": median or mean, "percentiles": {"p95": mean * 1.2}}
    return {"successful": figures, "errored": {"mean": 0.0}}


def guidellm(strategy: dict[str, Any], place: str = "config", **totals: int) -> dict[str, Any]:
    """A benchmark of 100 requests in 50 s, with its strategy where a version keeps it."""
    return {
        "metadata": {"guidellm_version": "0.3.1"},
        "benchmarks": [
            {
                place: {"strategy": strategy, "backend": {"model": "org/some-model"}},
                "start_time": 1.77e9,
                "end_time": 1.77e9 + 50,
                "scheduler_metrics": {"request_targeted_start_delay_avg": 0.001},
                "metrics": {
                    "request_totals": {"successful": 100, "errored": 0, "incomplete": 2, **totals},
                    "requests_per_second": _good(2.0),
                    "request_concurrency": _good(7.8),
                    "request_latency": _good(3.9),
                    "prompt_token_count": _good(500.0),
                    "output_token_count": _good(101.0),
                    "time_to_first_token_ms": _good(100.0),
                    "inter_token_latency_ms": _good(38.0),
                    "time_per_output_token_ms": _good(38.6),
                },
                "requests": {"errored": []},
            }
        ],
    }


def inference_perf(load: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """A report of 500 requests in 50 s."""
    times = {
        "request_latency": {"mean": 3.9, "median": 3.8, "p95": 4.4},
        "time_to_first_token": {"mean": 0.1, "median": 0.09},
        "time_per_output_token": {"mean": 0.038, "median": 0.0379},
    }
    done = {
        "count": 500, "latency": times, "prompt_len": {"mean": 500.0},
        "output_len": {"mean": 101.0},
        "throughput": {"requests_per_sec": 10.0, "output_tokens_per_sec": 1010.0},
    }  # fmt: skip
    return {"load_summary": {"count": 500, **load}, "successes": {**done, **parts},
            "failures": {"count": 0}}  # fmt: skip


BENCHMARKER: dict[str, Any] = {
    "config": {"model_name": "org/some-model", "prompt_options": {"num_tokens": 500}},
    "start_time": "2026-01-31T12:00:00.5Z",
    "results": [
        {"id": "warmup", "executor_type": "ConstantVUs", "token_throughput_secs": 10.0},
        {
            "id": "throughput", "executor_type": "ConstantVUs",
            "config": {"max_vus": 8, "duration": {"secs": 50, "nanos": 0}, "rate": None},
            "total_requests": 100, "total_tokens": 10_100, "token_throughput_secs": 202.0,
            "duration_ms": 50_000, "successful_requests": 100, "failed_requests": 0,
            "time_to_first_token_ms": {"p50": 99.0, "p95": 180.0, "avg": 100.0},
            "inter_token_latency_ms": {"p50": 37.9, "avg": 38.0},
            "e2e_latency_ms": {"p50": 3890.0, "avg": 3900.0}, "total_tokens_sent": 50_000,
        },
        {
            "id": "constant@1req/s", "executor_type": "ConstantArrivalRate",
            "config": {"max_vus": 128, "duration": {"secs": 50, "nanos": 0}, "rate": 1.0},
            "total_requests": 50, "total_tokens": 5_050, "token_throughput_secs": 101.0,
            "duration_ms": 50_000, "successful_requests": 50, "failed_requests": 0,
            "time_to_first_token_ms_avg": 90.0, "time_to_first_token_ms_p95": 130.0,
            "inter_token_latency_ms_avg": 30.0, "e2e_latency_ms_avg": 3090.0,
        },
    ],
}  # fmt: skip
TRTLLM: dict[str, Any] = {
    "engine": {"model": "org/some-model", "version": "1.0.0", "backend": "Pytorch",
               "dtype": "bfloat16", "quantization": "FP8"},
    "world_info": {"tp_size": 2, "pp_size": 1, "world_size": 2, "issue_rate": 4.0e14},
    "request_info": {"num_requests": 1000, "avg_num_concurrent_requests": 390.0,
                     "avg_input_length": 500.0, "avg_output_length": 101.0},
    "performance": {
        "total_latency_ms": 50_000.0, "avg_request_latency_ms": 19_500.0,
        "request_throughput_req_s": 20.0, "system_output_throughput_tok_s": 2020.0,
        "output_throughput_per_gpu_tok_s": 1010.0,
        "request_latency_percentiles_ms": {"p50": 19_000.0, "p95": 37_000.0, "average": 19_500.0},
    },
    "streaming_metrics": {
        "avg_ttft_ms": 15_000.0, "avg_tpot_ms": 45.0,
        "ttft_percentiles": {"p50": 14_000.0, "average": 15_000.0},
        "tpot_percentiles": {"p50": 44.0, "average": 45.0},
    },
}  # fmt: skip
MLPERF = """================================================
MLPerf Results Summary
================================================
SUT name : PySUT
Scenario : {scenario}
Mode     : PerformanceOnly
Completed samples per second    : 10.00
Completed tokens per second: 3000.00
Result is : {result}
  Min duration satisfied : Yes

================================================
Additional Stats
================================================
Scheduled samples per second : 10.10
Mean latency (ns)               : 20000000000
50.00 percentile latency (ns)   : 19000000000
95.00 percentile latency (ns)   : 30000000000
Mean First Token latency (ns)                : 900000000
50.00 percentile first token latency (ns)   : 800000000
Mean Time to Output Token (ns)               : 63000000
50.00 percentile time to output token (ns)   : 62000000
"""
OPTIMUM: dict[str, Any] = {
    "config": {
        "name": "pytorch",
        "backend": {"name": "pytorch", "model": "org/some-model", "device": "cuda",
                    "device_ids": "0,1", "torch_dtype": "float16"},
        "scenario": {"name": "inference", "input_shapes": {"batch_size": 4, "sequence_length": 64}},
        "environment": {"cpu": "A Processor", "gpu": ["NVIDIA H100 80GB HBM3"] * 2},
    },
    "report": {
        "prefill": {"latency": {"unit": "s", "values": [0.02, 0.02]},
                    "throughput": {"unit": "tokens/s", "value": 12_800.0}, "memory": None},
        "decode": {"latency": {"unit": "s", "values": [1.0, 1.0]},
                   "throughput": {"unit": "tokens/s", "value": 400.0}},
    },
}  # fmt: skip


def written(folder: Path, content: object, name: str = "result.json") -> Path:
    """A file of it: as text, or as JSON."""
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


LM_EVALUATION: dict[str, Any] = {
    "results": {
        "gsm8k": {"alias": "gsm8k", "exact_match,strict-match": 0.81,
                  "exact_match_stderr,strict-match": 0.011},
        "arc_easy": {"alias": "arc_easy", "acc,none": 0.7, "acc_stderr,none": "N/A"},
    },
    "n-shot": {"gsm8k": 5}, "versions": {"gsm8k": 3.0},
    "n-samples": {"gsm8k": {"original": 1319, "effective": 1000},
                  "arc_easy": {"original": 2376, "effective": 2376}},
    "config": {"model": "vllm", "batch_size": "auto", "batch_sizes": [64],
               "model_args": "pretrained=org/some-model,dtype=float16,tensor_parallel_size=2"},
    "date": 1.77e9, "git_hash": "abc1234", "lm_eval_version": "0.4.8",
    "pretty_env_info": "GPU models:\nGPU 0: NVIDIA A100-SXM4-80GB\nGPU 1: NVIDIA A100-SXM4-80GB\n",
    "total_evaluation_time_seconds": "844.0",
}  # fmt: skip
