"""InferenceX (InferenceMAX): its client's runs, in seconds, and its table of points.

A point of the table states throughput by device; of a disaggregated one, output is by decoding
device and input by prefilling device. Lengths there are the nominal ones, so the mean output comes
from the times. Points of agents' work state lengths, counts and how much came from a prefix cache.
Read: InferenceX utils/process_result.py and benchmarks, 2025-10 to 2026-09.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from modelworth.data.importers import read
from modelworth.data.importers.read import Json
from modelworth.data.importers.served_run import ServedRun, client_run
from modelworth.data.serving import Spread

TOOL: Final = "InferenceX"


def _is_run(run: Json) -> bool:
    return _is_point(run) or ("completed" in run and ("median_ttft" in run or "mean_ttft" in run))


def _is_point(run: Mapping[str, Any]) -> bool:
    return "tput_per_gpu" in _flat(run) or read.at(run, "request_metrics", "latency") is not None


def _flat(run: Mapping[str, Any]) -> dict[str, Any]:
    """A point under the names of the flat table; agentic points of 2026-09 are nested."""
    agentic = read.object_at(run, "request_metrics")
    times = {
        f"{word}_{name}": value
        for name, words in read.object_at(agentic, "latency").items()
        if isinstance(words, Mapping)
        for word, value in words.items()
    }
    nested = {
        "mean_input_tokens": read.at(agentic, "tokens", "input", "mean"),
        "mean_output_tokens_actual": read.at(agentic, "tokens", "output_actual", "mean"),
        "output_tput_tps": read.at(agentic, "throughput", "output", "tokens_per_second"),
        "duration_seconds": read.at(agentic, "throughput", "duration_seconds"),
        "server_gpu_cache_hit_rate": read.at(
            run, "server_metrics", "cache", "overall_cache_hit_rate"
        ),
        "failed": read.at(run, "request_accounting", "records_error_dropped"),
    }
    known = {key: value for key, value in nested.items() if value is not None}
    return {**run, **read.object_at(run, "metrics"), **times, **known}


def _run(run: Json) -> ServedRun:
    return client_run(
        run,
        **_times(run),
        gap=read.named_spread(run, "itl", ""),
        failed=None,
        tool=TOOL,
        date=read.moment(run.get("date")),
        model=read.text(run.get("model_id")),
        device=read.text(read.first(run, "hw", "gpu", "hardware")),
        tensor=read.count(run.get("tp")),
    )


def _either(run: Json) -> ServedRun:
    return _point(run) if _is_point(run) else _run(run)


def _point(run: Json) -> ServedRun:
    figures = _flat(run)
    times = _times(figures)
    gpus = _gpus(figures)
    decoding = read.count(figures.get("num_decode_gpu")) if figures.get("disagg") else gpus
    per_gpu = read.positive(figures.get("output_tput_per_gpu"))
    output_per_s = read.positive(figures.get("output_tput_tps"))
    output_per_s = per_gpu * decoding if per_gpu and decoding else output_per_s
    stated = read.positive(figures.get("mean_output_tokens_actual"))
    tokens = stated or _output_tokens(times) or read.positive(figures.get("osl"))
    asked, done = (read.count(figures.get(f"num_requests_{it}")) for it in ("total", "successful"))
    failed = read.count(figures.get("failed"))
    cached = read.number(figures.get("server_gpu_cache_hit_rate"))
    return ServedRun(
        tool=TOOL,
        content=run,
        date=read.moment(figures.get("date")),
        model=read.text(figures.get("model")),
        engine=read.text(figures.get("framework")),
        device=_device(read.text(read.first(figures, "hw", "hardware"))),
        count=gpus,
        tensor=read.count(read.first(figures, "tp", "decode_tp")),
        pipeline=read.count(figures.get("pp")),
        stored=read.text(figures.get("precision")),
        concurrency=read.count(figures.get("conc")) or None,
        completed=done,
        failed=max(0, (asked or 0) - (done or 0)) if failed is None else failed,
        duration_s=read.positive(figures.get("duration_seconds")),
        cached_share=cached if cached is not None and 0 <= cached <= 1 else None,
        prompt_tokens=read.positive(read.first(figures, "isl", "mean_input_tokens")),
        output_tokens=tokens,
        requests_per_s=None if output_per_s is None or tokens is None else output_per_s / tokens,
        output_per_s=output_per_s,
        ttft=times["ttft"],
        tpot=times["tpot"],
        request=times["request"],
    )


def _times(run: Mapping[str, Any]) -> dict[str, Spread]:
    names = {"ttft": "ttft", "tpot": "tpot", "request": "e2el"}
    return {field: read.named_spread(run, name, "") for field, name in names.items()}


def _gpus(run: Mapping[str, Any]) -> int | None:
    parts = [read.count(run.get(key)) for key in ("num_prefill_gpu", "num_decode_gpu")]
    if run.get("disagg") and all(parts):
        return sum(part or 0 for part in parts)
    return read.count(read.first(run, "num_gpus", "tp", "num_decode_gpu", "decode_tp"))


def _output_tokens(times: dict[str, Spread]) -> float | None:
    """Mean output: what a request takes after its first token, over what each later one takes."""
    request_s, ttft_s, tpot_s = (times[name].mean_s for name in ("request", "ttft", "tpot"))
    if request_s is None or ttft_s is None or tpot_s is None:
        return None
    return (request_s - ttft_s) / tpot_s + 1


def _device(name: str | None) -> str | None:
    """The chip of a runner's name such as `gb300-nv` or `h200-trt`."""
    return None if name is None else name.split("-")[0]


knows, runs = read.each_object(_is_run, _either)
