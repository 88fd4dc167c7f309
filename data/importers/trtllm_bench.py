"""TensorRT-LLM's `trtllm-bench throughput|latency --report_json`: one report a file.

Requests are issued as fast as the client can unless a concurrency was set, which the report doesn't
say. Its `issue_rate` isn't the rate that it is printed as, but nanoseconds a request × 1e9: where
all were sent in a small part of the run it was a burst, else places were waited for. Nothing dates
it; newer ones name the device.
Read: tensorrt_llm/bench/dataclasses/reporting.py and statistics.py, 0.12 to 1.3.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from modelworth.data.importers.content import Json
from modelworth.data.importers.numbers import at, count, first, object_at, positive, spread
from modelworth.data.importers.served_run import ServedRun
from modelworth.data.importers.shared import each_object, text
from modelworth.data.serving import Spread

TOOL: Final = "trtllm-bench"
NANOSECONDS: Final = 1e18
"""`issue_rate` over this is the seconds between two requests."""
LEAST_GAP_S: Final = 1e-6
"""No client sends faster; a smaller gap is no gap."""
BURST_SHARE: Final = 0.05
"""Of the run: where all were sent in less, they were sent at once."""


def _is_run(one: Json) -> bool:
    return isinstance(one.get("performance"), Mapping) and "world_info" in one


def _run(one: Json) -> ServedRun:
    figures, engine = object_at(one, "performance"), object_at(one, "engine")
    world = object_at(one, "world_info")
    request = figures.get("request_latency_percentiles_ms"), figures.get("avg_request_latency_ms")
    total_ms = positive(figures.get("total_latency_ms"))
    return ServedRun(
        tool=TOOL,
        content=one,
        tool_version=text(engine.get("version")),
        model=text(engine.get("model")),
        device=text(at(one, "machine", "name")),
        engine="tensorrt-llm",
        count=count(world.get("world_size")),
        tensor=count(world.get("tp_size")),
        pipeline=count(world.get("pp_size")),
        stored=text(engine.get("quantization")) or text(engine.get("dtype")),
        rate_per_s=_rate(world, total_ms, count(at(one, "request_info", "num_requests"))),
        completed=count(at(one, "request_info", "num_requests")),
        duration_s=None if total_ms is None else total_ms / 1e3,
        prompt_tokens=positive(at(one, "request_info", "avg_input_length")),
        output_tokens=positive(at(one, "request_info", "avg_output_length")),
        requests_per_s=positive(figures.get("request_throughput_req_s")),
        output_per_s=positive(figures.get("system_output_throughput_tok_s")),
        ttft=_stream(one, "ttft"),
        tpot=_stream(one, "tpot"),
        request=_times(*request),
        counted_in_flight=positive(at(one, "request_info", "avg_num_concurrent_requests")),
    )


def _rate(world: Json, total_ms: float | None, requests: int | None) -> float | None:
    """All at once, or unknown; a figure that can only be requests a second is taken as such."""
    issued = positive(world.get("issue_rate"))
    if issued is None or issued <= 1 / LEAST_GAP_S:
        return issued
    gap_s = issued / NANOSECONDS
    if gap_s < LEAST_GAP_S or total_ms is None or requests is None:
        return None
    return math.inf if gap_s * requests < BURST_SHARE * total_ms / 1e3 else None


def _times(values: Any, average_ms: Any) -> Spread:
    """Statistics, and an average that stands apart from them; in milliseconds, like all here."""
    known, average = spread(values, 1e-3), positive(average_ms)
    if known.mean_s is not None or average is None:
        return known
    return known.model_copy(update={"mean_s": average / 1e3})


def _stream(one: Json, name: str) -> Spread:
    streamed = object_at(one, "streaming_metrics")
    values = first(streamed, f"{name}_percentiles", f"{name}_percentiles_ms")
    return _times(values, streamed.get(f"avg_{name}_ms"))


knows, runs = each_object(_is_run, _run)
