"""GuideLLM's benchmarks.json: one benchmark a load of the sweep, each with its own statistics.

`inter_token_latency_ms` is the time of each later token; `time_per_output_token_ms` has the first
token in it and isn't used. Requests cut off by the end are neither done nor failed.
Read: guidellm 0.2 to 0.8 (benchmark/schemas).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from modelworth.data.importers import read
from modelworth.data.importers.read import Content, Json
from modelworth.data.importers.served_run import ServedRun
from modelworth.data.serving import Spread

TOOL: Final = "guidellm"


def knows(content: Content) -> bool:
    """Whether a file is of this tool."""
    return len(content.objects) == 1 and bool(_benchmarks(content.objects[0]))


def _benchmarks(document: Json) -> list[Json]:
    return [
        one
        for one in read.list_at(document, "benchmarks")
        if read.at(one, "metrics", "inter_token_latency_ms") is not None
    ]


def runs(content: Content) -> Iterator[ServedRun]:
    """Each benchmark in the file."""
    document = content.objects[0]
    return (_run(one, document) for one in _benchmarks(document))


def _run(one: Json, document: Json) -> ServedRun:
    totals = read.object_at(one, "metrics", "request_totals") or read.object_at(
        one, "request_totals"
    )
    totals = totals or read.object_at(one, "run_stats", "requests_made")
    completed, failed = read.count(totals.get("successful")), read.count(totals.get("errored")) or 0
    limit, rate_per_s = _load(one)
    begin, end = read.number(one.get("start_time")), read.number(one.get("end_time"))
    lasted = end - begin if begin is not None and end is not None and end > begin else None
    return ServedRun(
        tool=TOOL,
        content={"start_time": begin, "metrics": one.get("metrics"), "load": [limit, rate_per_s]},
        tool_version=read.text(read.at(document, "metadata", "guidellm_version")),
        date=read.moment(begin),
        model=_model(one, document),
        concurrency=limit,
        rate_per_s=rate_per_s,
        completed=completed,
        failed=failed,
        errors=_errors(one, failed),
        duration_s=None if _cut(one) else read.positive(one.get("duration")) or lasted,
        prompt_tokens=_successful(one, "prompt_token_count").mean_s,
        output_tokens=_successful(one, "output_token_count").mean_s,
        requests_per_s=_successful(one, "requests_per_second").mean_s,
        ttft=_successful(one, "time_to_first_token_ms", 1e-3),
        tpot=_successful(one, "inter_token_latency_ms", 1e-3),
        request=_successful(one, "request_latency"),
        counted_in_flight=_successful(one, "request_concurrency").mean_s,
        lag=Spread(mean_s=_lag_s(one)) if limit is None else Spread(),
    )


def _successful(one: Json, metric: str, seconds: float = 1.0) -> Spread:
    """A metric's statistics over requests that ended well."""
    return read.spread(read.at(one, "metrics", metric, "successful"), seconds)


def _load(one: Json) -> tuple[int | None, float | None]:
    """Limit in flight and arrival rate, by the strategy of the version's own place."""
    places = (("config", "strategy"), ("args", "strategy"), ("scheduler", "strategy"))
    strategy = next((it for place in places if (it := read.object_at(one, *place))), {})
    kind = read.first(strategy, "type_", "kind", "type")
    if kind == "synchronous":
        return 1, None
    if kind == "concurrent":
        return read.count(read.first(strategy, "streams", "max_concurrency")), None
    if kind == "throughput":
        return read.count(strategy.get("max_concurrency")) or None, math.inf
    if kind in ("constant", "poisson", "async"):
        return None, read.rate(strategy.get("rate"))
    return None, None


def _cut(one: Json) -> bool:
    """Whether only the middle of the run was counted: its edges cut requests in two.

    Requests over that time would then be more than were done in it; the tool's own rate isn't.
    """
    counted, sent = (
        read.number(read.at(one, "scheduler_metrics", key))
        for key in ("measure_start_time", "request_start_time")
    )
    return counted is not None and sent is not None and counted > sent + 1


def _lag_s(one: Json) -> float | None:
    """How late requests were sent, on average."""
    for group, key in (
        ("scheduler_metrics", "request_targeted_start_delay_avg"),
        ("run_stats", "requests_targeted_start_time_delay_avg"),
        ("run_stats", "request_start_time_targeted_delay_avg"),
    ):
        found = read.positive(read.at(one, group, key))
        if found is not None:
            return found
    return None


def _model(one: Json, document: Json) -> str | None:
    for place in (
        read.at(document, "config", "spec", "backend", "model"),
        read.at(one, "config", "backend", "model"),
        read.at(one, "worker", "backend_model"),
        read.at(document, "args", "model"),
        read.at(document, "args", "backend_kwargs", "model"),
        read.at(one, "benchmarker", "backend", "model"),
    ):
        if isinstance(place, str):
            return read.text(place)
    return None


def _errors(one: Json, failed: int) -> dict[str, int]:
    found = read.list_at(one, "requests", "errored")
    texts = [read.first(it, "error") or read.at(it, "info", "error") or "unknown" for it in found]
    return read.error_kinds(texts, failed)
