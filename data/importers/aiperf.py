"""AIPerf and genai-perf: the summary as JSON or CSV, and AIPerf's single requests (JSONL).

Both name a metric and give it a unit and statistics. `inter_token_latency` is per token, whatever
came in one chunk. Where the load was set differs by version, so the settings are searched for it.
Read: aiperf 0.1 to 0.13, genai-perf 0.0.5 to 0.0.16 (export_data/json_exporter.py).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from statistics import fmean
from typing import Any, Final

from modelworth.data.importers import read
from modelworth.data.importers.read import Content, Json
from modelworth.data.importers.served_run import ServedRun
from modelworth.data.serving import Spread

UNITS: Final = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0, "seconds": 1.0}
TOOL: Final = "AIPerf, genai-perf"
Metrics = Mapping[str, Mapping[str, Any]]


def knows(content: Content) -> bool:
    """Whether a file is of one of these tools."""
    if content.objects:
        summary = len(content.objects) == 1 and _is_summary(content.objects[0])
        return summary or all(_is_request(one) for one in content.objects)
    return content.head.startswith("Metric,") and "Request Throughput" in content.text


def _is_summary(document: Json) -> bool:
    metrics = _metrics(document)
    return "unit" in metrics.get("request_throughput", {}) and "request_latency" in metrics


def _is_request(document: Json) -> bool:
    return read.at(document, "metadata", "request_start_ns") is not None and "metrics" in document


def runs(content: Content) -> Iterator[ServedRun]:
    """The one run that the file tells of."""
    if not content.objects:
        yield _summary(_csv_metrics(content.text), {}, content.text)
    elif _is_request(content.objects[0]):
        yield _requests(content.objects)
    else:
        yield _summary(_metrics(content.objects[0]), content.objects[0], content.objects[0])


def _metrics(document: Json) -> dict[str, Mapping[str, Any]]:
    """Metrics by name, of the top level or, in some versions, of `records` or `metrics`."""
    found: dict[str, Mapping[str, Any]] = {}
    for place in (document, document.get("records"), document.get("metrics")):
        if isinstance(place, Mapping):
            found |= {key: one for key, one in place.items() if isinstance(one, Mapping)}
    return found


def _csv_metrics(table: str) -> dict[str, Mapping[str, Any]]:
    """The rows of both tables, `Time to First Token (ms)` as `time_to_first_token` in ms."""
    found: dict[str, Mapping[str, Any]] = {}
    header: list[str] = []
    for row in csv.reader(table.splitlines()):
        if row and row[0] in ("Metric", "Endpoint"):
            header = row
        elif row and header and header[0] == "Metric":
            named = re.fullmatch(r"(.*?)(?:\s*\(([^()]*)\))?", row[0].strip())
            assert named is not None
            name = re.sub(r"\W+", "_", named[1].strip().casefold())
            values = dict(zip(header[1:], row[1:], strict=False))
            values["avg"] = read.first(values, "avg", "Value") or ""
            found[name] = {**values, "unit": named[2] or ""}
    return found


def _summary(metrics: Metrics, document: Json, content: object) -> ServedRun:
    settings = document.get("input_config") or {}
    command = str(
        read.at(document, "run_info", "cli_command") or read.at(settings, "cli_command") or ""
    )
    averages = _averages(metrics)
    done = read.count(averages.get("request_count"))
    failed = read.count(averages.get("error_request_count")) or 0
    errors = _errors(document.get("error_summary"))
    return ServedRun(
        tool="aiperf" if _is_aiperf(document, metrics) else "genai-perf",
        content=content,
        tool_version=read.text(read.first(document, "aiperf_version", "genai_perf_version")),
        date=read.moment(document.get("start_time")),
        model=_model(settings),
        engine=_engine(settings),
        concurrency=read.count(_setting(settings, "concurrency") or _flag(command, "concurrency")),
        rate_per_s=read.rate(
            _setting(settings, "request_rate")
            or _setting(settings, "rate")
            or _flag(command, "request-rate")
        ),
        completed=done,
        failed=max(failed, sum(errors.values())),
        errors=errors,
        duration_s=_seconds(metrics, "benchmark_duration"),
        prompt_tokens=read.positive(averages.get("input_sequence_length")),
        output_tokens=read.positive(averages.get("output_sequence_length")),
        requests_per_s=read.positive(averages.get("request_throughput")),
        goodput_per_s=read.number(read.first(averages, "goodput", "request_goodput")),
        output_per_s=read.positive(averages.get("output_token_throughput")),
        ttft=_spread(metrics, "time_to_first_token"),
        tpot=_spread(metrics, "inter_token_latency"),
        gap=_spread(metrics, "inter_chunk_latency"),
        request=_spread(metrics, "request_latency"),
        counted_in_flight=read.positive(averages.get("effective_concurrency")),
        lag=_spread(metrics, "credit_to_start_latency"),
    )


def _is_aiperf(document: Json, metrics: Metrics) -> bool:
    """AIPerf says so, or has a metric that genai-perf doesn't know."""
    return "aiperf_version" in document or "request_count" in metrics


def _averages(metrics: Metrics) -> dict[str, Any]:
    return {name: read.first(one, "avg", "value") for name, one in metrics.items()}


def _spread(metrics: Metrics, name: str) -> Spread:
    values = metrics.get(name, {})
    return read.spread(values, UNITS.get(str(values.get("unit", "ms")).strip(), 1e-3))


def _seconds(metrics: Metrics, name: str) -> float | None:
    values = metrics.get(name, {})
    found = read.positive(read.first(values, "avg", "value"))
    return None if found is None else found * UNITS.get(str(values.get("unit", "sec")), 1.0)


def _setting(settings: Any, key: str) -> Any:
    """The first number under a key anywhere in the settings, those of a warm-up left out."""
    if isinstance(settings, list):
        return next((it for one in settings if (it := _setting(one, key)) is not None), None)
    if not isinstance(settings, Mapping) or "warmup" in (
        settings.get("kind"),
        settings.get("name"),
    ):
        return None
    own = read.number(settings.get(key))
    if own:
        return own
    inner = (one for name, one in settings.items() if name != "warmup")
    return next((it for one in inner if (it := _setting(one, key)) is not None), None)


def _flag(command: str, name: str) -> str | None:
    found = re.search(rf"--{name}[ =]'?([\d.]+|inf)", command)
    return None if found is None else found[1]


def _model(settings: Any) -> str | None:
    """The model's name, in any of the places where versions keep it."""
    items = read.at(settings, "models", "items")
    if isinstance(items, list) and items:
        return read.text(read.at(items[0], "name"))
    places = (
        read.at(settings, "endpoint", "model_names"), read.at(settings, "models", "model_names"),
        read.at(settings, "model_names"), read.at(settings, "model"), read.at(settings, "models"),
    )  # fmt: skip
    for place in places:
        name = place[0] if isinstance(place, list) and place else place
        if isinstance(name, str):
            return read.text(name)
    return None


def _engine(settings: Any) -> str | None:
    """The server's software as genai-perf was told it; its default says nothing of a plain API."""
    said = str(read.at(settings, "backend") or read.at(settings, "endpoint", "backend") or "")
    kind = read.at(settings, "service_kind") or read.at(settings, "endpoint", "service_kind")
    if said == "tensorrtllm":
        return "tensorrt-llm" if kind == "triton" else None
    return read.engine({"backend": said})


def _errors(summary: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in summary if isinstance(summary, list) else []:
        details = read.at(one, "error_details") or {}
        code = read.at(details, "code")
        kind = (
            f"HTTP {code}"
            if code
            else read.short_error(str(read.first(details, "type", "message") or ""))
        )
        found[kind] = found.get(kind, 0) + (read.count(read.at(one, "count")) or 1)
    return found


def _requests(documents: tuple[Json, ...]) -> ServedRun:
    """From single requests: the time from the first start to the last end is the duration."""
    used = [one for one in documents if read.at(one, "metadata", "benchmark_phase") != "warmup"]
    good = [one for one in used if not one.get("error")]
    starts = [read.number(read.at(one, "metadata", "request_start_ns")) for one in used]
    ends = [read.number(read.at(one, "metadata", "request_end_ns")) for one in used]
    known = [it for it in starts if it], [it for it in ends if it]
    duration_s = (max(known[1]) - min(known[0])) / 1e9 if all(known) else None
    failed = len(used) - len(good)
    return ServedRun(
        tool="aiperf",
        content=list(documents),
        date=read.moment(min(known[0])) if known[0] else None,
        completed=len(good),
        failed=failed,
        errors={"unknown": failed} if failed else {},
        duration_s=duration_s if duration_s and duration_s > 0 else None,
        prompt_tokens=_mean(good, "input_sequence_length"),
        output_tokens=_mean(good, "output_sequence_length"),
        ttft=read.spread_of(_values(good, "time_to_first_token")),
        tpot=read.spread_of(_values(good, "inter_token_latency")),
        request=read.spread_of(_values(good, "request_latency")),
        lag=read.spread_of(_late_s(one) for one in used),
    )


def _values(documents: list[Json], name: str) -> list[float]:
    found = []
    for one in documents:
        value = read.positive(read.at(one, "metrics", name, "value"))
        unit = UNITS.get(str(read.at(one, "metrics", name, "unit")), 1.0)
        found += [] if value is None else [value * unit]
    return found


def _mean(documents: list[Json], name: str) -> float | None:
    values = _values(documents, name)
    return fmean(values) if values else None


def _late_s(one: Json) -> float:
    """From the moment it was to be sent to the moment it was."""
    parts = [
        read.number(read.at(one, "metadata", key))
        for key in ("request_start_ns", "credit_issued_ns")
    ]
    return 0.0 if None in parts else ((parts[0] or 0.0) - (parts[1] or 0.0)) / 1e9
