"""Hugging Face inference-benchmarker: all runs of a benchmark in one file, the warm-up first.

Read: inference-benchmarker src/writers.rs, with percentiles as an object and, older, as `_p90`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from modelworth.data.importers import read
from modelworth.data.importers.read import Content, Json
from modelworth.data.importers.served_run import ServedRun
from modelworth.data.serving import Spread

TOOL: Final = "inference-benchmarker"


def knows(content: Content) -> bool:
    """Whether a file is of this tool."""
    return len(content.objects) == 1 and bool(_results(content.objects[0]))


def _results(document: Json) -> list[Json]:
    return [
        one
        for one in read.list_at(document, "results")
        if isinstance(one, dict) and "executor_type" in one and "token_throughput_secs" in one
    ]


def runs(content: Content) -> Iterator[ServedRun]:
    """Each run but the warm-up."""
    document = content.objects[0]
    kept = (one for one in _results(document) if one.get("id") != "warmup")
    return (_run(one, document) for one in kept)


def _run(one: Json, document: Json) -> ServedRun:
    config = read.object_at(document, "config")
    completed = read.count(one.get("successful_requests"))
    failed = read.count(one.get("failed_requests")) or 0
    paced = "arrival" in str(one.get("executor_type")).casefold()
    duration_ms = read.positive(one.get("duration_ms"))
    sent = read.mean(one.get("total_tokens_sent"), completed)
    return ServedRun(
        tool=TOOL,
        content=one,
        date=read.moment(read.first(document, "start_time")),
        model=read.text(read.first(config, "model_name", "model", "tokenizer_name")),
        engine=read.text(read.at(config, "extra_metadata", "engine")),
        concurrency=None if paced else read.count(read.at(one, "config", "max_vus")) or None,
        rate_per_s=read.positive(read.at(one, "config", "rate")) if paced else None,
        asked=read.count(one.get("total_requests")),
        completed=completed,
        failed=failed,
        errors={"unknown": failed} if failed else {},
        duration_s=None if duration_ms is None else duration_ms / 1e3,
        prompt_tokens=sent or read.positive(read.at(config, "prompt_options", "num_tokens")),
        output_tokens=read.mean(one.get("total_tokens"), completed),
        ttft=_times(one, "time_to_first_token"),
        tpot=_times(one, "inter_token_latency"),
        request=_times(one, "e2e_latency"),
    )


def _times(one: Json, name: str) -> Spread:
    values: Any = one.get(f"{name}_ms")
    if not isinstance(values, Mapping):
        prefix = f"{name}_ms_"
        values = {key.removeprefix(prefix): it for key, it in one.items() if key.startswith(prefix)}
    return read.spread(values, 1e-3)
