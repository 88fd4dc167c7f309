"""inference-perf (Kubernetes): the report of a stage, or the summary of all stages.

A closed loop writes how long requests waited for a slot as `schedule_delay`, which is no lag of the
client; the summary doesn't say that it was one, but then the delay grows over the whole run.
Read: inference-perf 0.1 to 0.7 (reportgen/base.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from modelworth.data.importers import read
from modelworth.data.importers.read import Json
from modelworth.data.importers.served_run import ServedRun
from modelworth.data.serving import Spread

TOOL: Final = "inference-perf"
CLOSED_LOOP_SHARE: Final = 0.5
"""A longest delay of more than this share of the run is a queue for slots, not a lag."""


def _is_run(one: Json) -> bool:
    return isinstance(one.get("load_summary"), Mapping) and "successes" in one


def _run(one: Json) -> ServedRun:
    done, load = read.object_at(one, "successes"), read.object_at(one, "load_summary")
    completed, failed = (
        read.count(done.get("count")),
        read.count(read.at(one, "failures", "count")) or 0,
    )
    requests_per_s = read.positive(read.at(done, "throughput", "requests_per_sec"))
    duration_s = read.positive(one.get("benchmark_time_seconds"))
    if duration_s is None and completed and requests_per_s:
        duration_s = completed / requests_per_s
    prompts = read.object_at(done, "prompt_tokens") or read.object_at(done, "prompt_len")
    limit = read.count(load.get("concurrency")) or None
    return ServedRun(
        tool=TOOL,
        content=one,
        concurrency=limit,
        rate_per_s=None if limit else read.rate(load.get("requested_rate")),
        asked=read.count(load.get("count")),
        completed=completed,
        failed=failed,
        errors=_errors(one, failed),
        duration_s=duration_s,
        prompt_tokens=read.positive(prompts.get("mean")),
        output_tokens=read.positive(
            read.at(read.first(done, "output_tokens", "output_len"), "mean")
        ),
        requests_per_s=requests_per_s,
        output_per_s=read.positive(read.at(done, "throughput", "output_tokens_per_sec")),
        ttft=_times(done, "time_to_first_token"),
        tpot=_times(done, "time_per_output_token"),
        gap=_times(done, "inter_token_latency"),
        request=_times(done, "request_latency"),
        lag=Spread() if limit else _lag(load.get("schedule_delay"), duration_s),
        cached_share=_cached_share(prompts),
    )


def _times(done: Mapping[str, Any], name: str) -> Spread:
    return read.spread(read.at(done, "latency", name))


def _lag(delay: Any, duration_s: float | None) -> Spread:
    """How late the client was; nothing where requests waited for a slot."""
    longest = read.positive(read.at(delay, "max"))
    if not isinstance(delay, Mapping) or longest is None:
        return Spread()
    if duration_s is not None and longest > CLOSED_LOOP_SHARE * duration_s:
        return Spread()
    return read.spread(delay)


def _cached_share(prompts: Mapping[str, Any]) -> float | None:
    total, cached = read.positive(prompts.get("total")), read.positive(prompts.get("cached"))
    return None if total is None or cached is None else min(1.0, cached / total)


def _errors(one: Json, failed: int) -> dict[str, int]:
    found = {
        str(label): number
        for label, value in read.object_at(one, "failures", "by_label").items()
        if (number := read.count(read.at(value, "count") or value))
    }
    return found or ({"unknown": failed} if failed else {})


knows, runs = read.each_object(_is_run, _run)
