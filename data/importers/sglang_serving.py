"""`python -m sglang.bench_serving --output-file`: one JSON object a line, a line a run.

Older files name neither model nor TPOT; newer ones carry the server's own description. Nothing
dates a run. With data-parallel attention `dp_size` divides the devices of `tp_size`; without, it is
copies of the server, each on devices of its own. Read: sglang/bench_serving.py, 0.3 to 0.5.
"""

from __future__ import annotations

from typing import Final

from modelworth.data.importers import read
from modelworth.data.importers.read import Json
from modelworth.data.importers.served_run import ServedRun, client_run

TOOL: Final = "sglang.bench_serving"


def _is_run(run: Json) -> bool:
    spelled = any(key.endswith("_e2e_latency_ms") for key in run)
    return "completed" in run and (spelled or "total_output_tokens_retokenized" in run)


def _run(run: Json) -> ServedRun:
    server = read.object_at(run, "server_info")
    return client_run(
        run,
        ttft=read.named_spread(run, "ttft"),
        tpot=read.named_spread(run, "tpot"),
        request=read.named_spread(run, "e2e_latency"),
        gap=read.named_spread(run, "itl"),
        failed=_failed(run),
        tool=TOOL,
        tool_version=read.text(server.get("version")),
        date=read.moment(read.first(run, "date", "benchmark_start_time")),
        model=read.text(read.first(run, "model_id", "model") or server.get("model_path")),
        engine=read.engine(run),
        tensor=read.count(server.get("tp_size")),
        pipeline=read.count(server.get("pp_size")),
        copies=None if server.get("enable_dp_attention") else read.count(server.get("dp_size")),
        stored=read.text(server.get("quantization")),
        asked=read.count(read.first(run, "num_prompts", "total_requests")),
        counted_in_flight=read.positive(run.get("concurrency")),
    )


def _failed(run: Json) -> int | None:
    """As stated, else by the list of errors."""
    if run.get("failed") is None and isinstance(run.get("errors"), list):
        return sum(1 for one in run["errors"] if one)
    return read.count(run.get("failed"))


knows, runs = read.each_object(_is_run, _run)
