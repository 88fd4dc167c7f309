"""TensorRT-LLM's `trtllm-bench throughput|latency`: its `--report_json`, or what it prints.

Requests are issued as fast as the client can unless a concurrency was set, which the report doesn't
say. Its `issue_rate` isn't the rate that it is printed as, but nanoseconds a request × 1e9: where
all were sent in a small part of the run it was a burst, else places were waited for. Nothing dates
it; newer ones name the device. What is printed says the same under other names.
Read: tensorrt_llm/bench/dataclasses/reporting.py and statistics.py, 0.12 to 1.3.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from modelworth.data.importers import read
from modelworth.data.importers.read import Content, Json
from modelworth.data.importers.served_run import ServedRun
from modelworth.data.serving import Spread

TOOL: Final = "trtllm-bench"
NANOSECONDS: Final = 1e18
"""`issue_rate` over this is the seconds between two requests."""
LEAST_GAP_S: Final = 1e-6
"""No client sends faster; a smaller gap is no gap."""
BURST_SHARE: Final = 0.05
"""Of the run: where all were sent in less, they were sent at once."""

PRINTED: Final = {
    ("engine", "model"): ("model",),
    ("engine", "version"): ("tensorrt llm version", "tensorrt-llm version"),
    ("engine", "dtype"): ("dtype",),
    ("engine", "quantization"): ("quantization",),
    ("engine", "kv_cache_dtype"): ("kv cache dtype",),
    ("world_info", "tp_size"): ("tp size",),
    ("world_info", "pp_size"): ("pp size",),
    ("world_info", "issue_rate"): ("issue rate (req/sec)",),
    ("request_info", "num_requests"): ("number of requests",),
    ("request_info", "avg_num_concurrent_requests"): ("number of concurrent requests",),
    ("request_info", "avg_input_length"): ("average input length (tokens)",),
    ("request_info", "avg_output_length"): ("average output length (tokens)",),
    ("performance", "request_throughput_req_s"): ("request throughput (req/sec)",),
    ("performance", "system_output_throughput_tok_s"): (
        "total output throughput (tokens/sec)", "token throughput (tokens/sec)",
    ),
    ("performance", "total_latency_ms"): ("total latency (ms)",),
    ("performance", "avg_request_latency_ms"): ("average request latency (ms)",),
    ("streaming_metrics", "avg_ttft_ms"): ("average time-to-first-token [ttft] (ms)",),
    ("streaming_metrics", "avg_tpot_ms"): ("average time-per-output-token [tpot] (ms)",),
}  # fmt: skip
"""Where the report has a figure → what it is printed as."""
TIMES: Final = {
    "Latency": ("performance", "request_latency_percentiles_ms"),
    "TTFT": ("streaming_metrics", "ttft_percentiles"),
    "TPOT": ("streaming_metrics", "tpot_percentiles"),
}
_PERCENTILE: Final = re.compile(r"\[(Latency|TTFT|TPOT)\] (\w+)\s*: ([\d.]+)")
_BEGINS: Final = re.compile(r"^= (?:ENGINE DETAILS|PYTORCH BACKEND)", re.MULTILINE)
_DEVICE: Final = re.compile(r"^= MACHINE DETAILS\s*\n=+\n([^,\n]+), memory", re.MULTILINE)


def _is_run(one: Json) -> bool:
    return isinstance(one.get("performance"), Mapping) and "world_info" in one


def _run(one: Json) -> ServedRun:
    figures, engine = read.object_at(one, "performance"), read.object_at(one, "engine")
    world = read.object_at(one, "world_info")
    request = figures.get("request_latency_percentiles_ms"), figures.get("avg_request_latency_ms")
    total_ms = read.positive(figures.get("total_latency_ms"))
    return ServedRun(
        tool=TOOL,
        content=one,
        tool_version=read.text(engine.get("version")),
        model=read.text(engine.get("model")),
        device=read.text(read.at(one, "machine", "name")),
        engine="tensorrt-llm",
        count=read.count(world.get("world_size")),
        tensor=read.count(world.get("tp_size")),
        pipeline=read.count(world.get("pp_size")),
        stored=read.text(engine.get("quantization")) or read.text(engine.get("dtype")),
        rate_per_s=_rate(world, total_ms, read.count(read.at(one, "request_info", "num_requests"))),
        completed=read.count(read.at(one, "request_info", "num_requests")),
        duration_s=None if total_ms is None else total_ms / 1e3,
        prompt_tokens=read.positive(read.at(one, "request_info", "avg_input_length")),
        output_tokens=read.positive(read.at(one, "request_info", "avg_output_length")),
        requests_per_s=read.positive(figures.get("request_throughput_req_s")),
        output_per_s=read.positive(figures.get("system_output_throughput_tok_s")),
        ttft=_stream(one, "ttft"),
        tpot=_stream(one, "tpot"),
        request=_times(*request),
        counted_in_flight=read.positive(
            read.at(one, "request_info", "avg_num_concurrent_requests")
        ),
    )


def _rate(world: Json, total_ms: float | None, requests: int | None) -> float | None:
    """All at once, or unknown; a figure that can only be requests a second is taken as such."""
    issued = read.positive(world.get("issue_rate"))
    if issued is None or issued <= 1 / LEAST_GAP_S:
        return issued
    gap_s = issued / NANOSECONDS
    if gap_s < LEAST_GAP_S or total_ms is None or requests is None:
        return None
    return math.inf if gap_s * requests < BURST_SHARE * total_ms / 1e3 else None


def _times(values: Any, average_ms: Any) -> Spread:
    """Statistics, and an average that stands apart from them; in milliseconds, like all here."""
    known, average = read.spread(values, 1e-3), read.positive(average_ms)
    if known.mean_s is not None or average is None:
        return known
    return known.model_copy(update={"mean_s": average / 1e3})


def _stream(one: Json, name: str) -> Spread:
    streamed = read.object_at(one, "streaming_metrics")
    values = read.first(streamed, f"{name}_percentiles", f"{name}_percentiles_ms")
    return _times(values, streamed.get(f"avg_{name}_ms"))


def knows(content: Content) -> bool:
    """Whether a file is of this tool."""
    printed = not content.objects and "Issue Rate (req/sec)" in content.text
    return any(_printed(content.text)) if printed else _KNOWS(content)


def runs(content: Content) -> Iterator[ServedRun]:
    """Each report."""
    return _RUNS(content) if content.objects else map(_run, _printed(content.text))


def _printed(log: str) -> Iterator[Json]:
    """Reports in a log, each as `--report_json` would have it."""
    for part in _BEGINS.split(log):
        lines = read.named_lines(part)
        if "issue rate (req/sec)" not in lines or "request throughput (req/sec)" not in lines:
            continue
        found: Json = {"world_info": {}, "performance": {}}
        for (group, key), names in PRINTED.items():
            found.setdefault(group, {})[key] = read.first(lines, *names)
        if seconds := read.positive(lines.get("total latency (seconds)")):
            found["performance"]["total_latency_ms"] = seconds * 1e3
        if device := _DEVICE.search(part):
            found["machine"] = {"name": device[1]}
        for name, word, value in _PERCENTILE.findall(part):
            group, key = TIMES[name]
            found[group].setdefault(key, {})[word.casefold()] = value
        yield found


_KNOWS, _RUNS = read.each_object(_is_run, _run)
