"""Ray's llmperf: the `_summary.json` of `token_benchmark_ray.py`, one run against an endpoint.

Its `inter_token_latency_s` is a request's whole time over its tokens, the first token's wait in it,
so a later token's time is told from the request's parts. Neither device nor engine is there.
Read: llmperf 2.0 and the files of its leaderboard, 2023-08 to 2024-12.
"""

from __future__ import annotations

from typing import Final

from modelworth.data.importers import read
from modelworth.data.importers.read import Json
from modelworth.data.importers.served_run import ServedRun
from modelworth.data.serving import Spread

TOOL: Final = "llmperf"


def _is_run(one: Json) -> bool:
    return "num_concurrent_requests" in one and "results_ttft_s_mean" in one


def _run(one: Json) -> ServedRun:
    per_minute = read.positive(one.get("results_num_completed_requests_per_min"))
    return ServedRun(
        tool=TOOL,
        content=one,
        date=read.moment(one.get("timestamp")),
        model=read.text(one.get("model")),
        concurrency=read.count(one.get("num_concurrent_requests")) or None,
        completed=read.count(one.get("results_num_completed_requests")),
        failed=read.count(one.get("results_number_errors")) or 0,
        prompt_tokens=read.positive(one.get("results_number_input_tokens_mean")),
        output_tokens=read.positive(one.get("results_number_output_tokens_mean")),
        requests_per_s=None if per_minute is None else per_minute / 60,
        output_per_s=read.positive(one.get("results_mean_output_throughput_token_per_s")),
        ttft=_times(one, "ttft_s"),
        request=_times(one, "end_to_end_latency_s"),
    )


def _times(one: Json, what: str) -> Spread:
    quantiles = {f"p{n}": one.get(f"results_{what}_quantiles_p{n}") for n in (50, 90, 95, 99)}
    return read.spread({"mean": one.get(f"results_{what}_mean"), **quantiles})


knows, runs = read.each_object(_is_run, _run)
