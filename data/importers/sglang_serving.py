"""`python -m sglang.bench_serving --output-file`: one JSON object a line, a line a run.

Older files name neither model nor TPOT; newer ones carry the server's own description. Nothing
dates a run. Read: sglang/bench_serving.py, 0.3 to 0.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelworth.data.importers import shared
from modelworth.data.importers.content import Content, Json
from modelworth.data.importers.numbers import at, count, first, moment, positive, rate
from modelworth.data.importers.served_run import ServedRun, request_time, token_time

TOOL: Final = "sglang.bench_serving"


def knows(content: Content) -> bool:
    """Whether a file is of this tool."""
    return bool(content.objects) and all(_is_run(run) for run in content.objects)


def _is_run(run: Json) -> bool:
    spelled = any(key.endswith("_e2e_latency_ms") for key in run)
    return "completed" in run and (spelled or "total_output_tokens_retokenized" in run)


def runs(content: Content) -> Iterator[ServedRun]:
    """Each run in the file."""
    return (_run(run) for run in content.objects)


def _run(run: Json) -> ServedRun:
    completed = count(run.get("completed"))
    output = shared.mean(run.get("total_output_tokens"), completed)
    ttft = shared.named_spread(run, "ttft")
    request = shared.named_spread(run, "e2e_latency")
    tpot = shared.named_spread(run, "tpot")
    asked = count(first(run, "num_prompts", "total_requests"))
    failed = _failed(run, completed, asked)
    return ServedRun(
        tool=TOOL,
        content=run,
        tool_version=shared.text(at(run, "server_info", "version")),
        date=moment(first(run, "date", "benchmark_start_time")),
        model=shared.text(first(run, "model_id", "model") or at(run, "server_info", "model_path")),
        engine=shared.engine(run),
        tensor=count(at(run, "server_info", "tp_size")),
        pipeline=count(at(run, "server_info", "pp_size")),
        stored=shared.text(at(run, "server_info", "quantization")),
        concurrency=count(run.get("max_concurrency")) or None,
        rate_per_s=rate(run.get("request_rate")),
        asked=asked,
        completed=completed,
        failed=failed,
        errors=shared.error_kinds(run.get("errors"), failed),
        duration_s=positive(run.get("duration")),
        prompt_tokens=shared.mean(run.get("total_input_tokens"), completed),
        output_tokens=output,
        requests_per_s=positive(run.get("request_throughput")),
        output_per_s=positive(run.get("output_throughput")),
        ttft=ttft,
        tpot=token_time(tpot, ttft, request, output),
        gap=shared.named_spread(run, "itl"),
        request=request_time(request, ttft, tpot, output),
        counted_in_flight=positive(run.get("concurrency")),
        peak_in_flight=positive(run.get("max_concurrent_requests")),
    )


def _failed(run: Json, completed: int | None, asked: int | None) -> int:
    """As stated, else by the list of errors, else by what was asked for."""
    stated = count(run.get("failed"))
    if stated is not None:
        return stated
    if isinstance(run.get("errors"), list):
        return sum(1 for one in run["errors"] if one)
    return max(0, asked - completed) if asked is not None and completed is not None else 0
