"""From a load test that a tool reported to a measurement."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from modelworth.data.errors import InputError
from modelworth.data.importers.judge import LITTLE_TOLERANCE
from modelworth.data.importers.read import average_s, middle_s
from modelworth.data.importers.served_run import ServedRun
from modelworth.data.importers.server_settings import server_settings
from modelworth.data.importers.told import (
    Told,
    cited,
    counted,
    device_name,
    model_of,
    named,
    stored_format,
)
from modelworth.data.measurement import (
    Interval,
    Latency,
    Layout,
    Machine,
    Measurement,
    Result,
    Workload,
)
from modelworth.data.serving import Failure, Load, Serving, Spread
from modelworth.data.words import Precision, precision

FLOATS: Final[frozenset[Precision]] = frozenset({"float32", "bfloat16", "float16"})


def measurement(run: ServedRun, told: Told, where: str) -> Measurement:
    """A run as a record of kind `serve`.

    Raises:
        InputError: if a device, a model or a date isn't known, or a run that did something doesn't
            say how much in what time.
    """
    _require_sent(run, where)
    _require_tokens(run, where)
    run = run.filled()
    label, labelled = counted(run.device)
    device = told.device or device_name(label)
    ran = named(where, device, told.model or run.model, run.date or told.date)
    count = told.count or run.count or labelled or run.split.devices
    failed_whole = run.completed == 0
    load = _load(run, told)
    result = None if failed_whole else _result(run, load, count, where)
    return Measurement(
        recorded_at=ran.date,
        model=model_of(ran.model),
        workload=_workload(run, told, load, count, ran.model),
        machine=Machine(device=ran.device, kind="other", count=count),
        status="error" if failed_whole else "ok",
        reason=_reason(run) if failed_whole else None,
        result=result,
        provenance=cited(run.tool, run.content, run.tool_version),
        load=load,
    )


def _require_sent(run: ServedRun, where: str) -> None:
    """Refuse more answers than questions."""
    ended = (run.completed or 0) + run.failed
    if run.asked is not None and ended > run.asked:
        found = f"{run.completed:,} completed + {run.failed:,} failed = {ended:,}"
        raise InputError(where, found, f"at most the {run.asked:,} that were sent")


def _require_tokens(run: ServedRun, where: str) -> None:
    """Refuse a run whose requests are answered without tokens: vectors, scores or classes."""
    if run.requests_per_s and run.output_tokens is None and run.output_per_s is None:
        found = f"{run.requests_per_s:.4g} calls a second without output tokens"
        allowed = (
            "a run that writes tokens; of embeddings or reranking, write calls a second of one GPU "
            "into a scenario as capacity.calls_per_s_per_gpu"
        )
        raise InputError(where, found, allowed)


def _load(run: ServedRun, told: Told) -> Load:
    limit = run.concurrency or told.concurrency
    stated = None if run.rate_per_s == math.inf else run.rate_per_s
    rate_per_s = stated or told.rate_per_s or run.rate_per_s
    at_once = limit is None and rate_per_s == math.inf
    paced = rate_per_s if rate_per_s is not None and math.isfinite(rate_per_s) else None
    mean, most = _in_flight(run)
    return Load(
        mode="closed" if limit else "open" if rate_per_s or run.arrivals else None,
        concurrency_limit=limit,
        rate_per_s=paced,
        arrivals="burst" if at_once else run.arrivals,
        duration_s=run.duration_s,
        requests_ok=run.completed,
        requests_failed=run.failed if run.completed is not None else None,
        failures=_failures(run.errors),
        in_flight_mean=mean,
        in_flight_max=most,
        client_lag_s=_known(run.lag),
        cached_share=run.cached_share,
    )


def _in_flight(run: ServedRun) -> tuple[float | None, float | None]:
    """Mean and most in flight: Little's law first; a mean above the most is left to the judge."""
    whole, most = average_s(run.request), run.peak_in_flight
    per_s = run.completed / run.duration_s if run.completed and run.duration_s else None
    per_s = per_s or run.requests_per_s
    mean = per_s * whole if per_s is not None and whole is not None else run.counted_in_flight
    if mean is None or most is None or mean <= most:
        return mean, most
    return (most if mean <= most * (1 + LITTLE_TOLERANCE) else None), most


def _failures(errors: Mapping[str, int]) -> dict[Failure, int]:
    found: dict[Failure, int] = {}
    for text, number in errors.items():
        kind = failure_kind(text)
        found[kind] = found.get(kind, 0) + number
    return found


def failure_kind(text: str) -> Failure:
    """The kind of an error that another tool wrote down as a text."""
    said = text.casefold()
    signs: tuple[tuple[Failure, tuple[str, ...]], ...] = (
        ("rate_limited", ("http 429",)),
        ("client_error", ("http 4",)),
        ("server_error", ("http 5",)),
        ("timeout", ("timeout", "timed out")),
        ("refused", ("refused", "cannot connect", "connecterror", "name or service")),
        ("broken_off", ("disconnected", "incomplete", "reset by peer", "payload")),
        ("malformed", ("json", "decode")),
        ("empty", ("empty", "no output", "no token")),
    )
    return next((kind for kind, marks in signs if any(mark in said for mark in marks)), "unknown")


def _workload(run: ServedRun, told: Told, load: Load, count: int, model: str) -> Workload:
    stored = stored_format(run.stored, model)
    says: Precision = "bfloat16" if stored is None else precision(stored.products)
    narrow = stored is not None and says not in FLOATS
    cached, drafting = server_settings(run.content)
    held = load.concurrency_limit or _whole(load.in_flight_mean) or 1
    return Workload(
        kind="serve",
        batch=held,
        prompt_tokens=_whole(run.prompt_tokens) or told.prompt_tokens,
        new_tokens=_whole(run.output_tokens) or told.new_tokens,
        precision=told.precision or says,
        engine=run.engine or "unknown",
        concurrency=load.concurrency_limit,
        layout=run.split if run.split.devices == count else Layout(tensor=count),
        cache_format=told.cache_format or cached,
        drafting=told.drafting or drafting,
        quantization=stored.name.upper() if stored is not None and narrow else None,
        weight_bits=stored.bits if stored is not None and narrow else None,
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value) or None


def _result(run: ServedRun, load: Load, count: int, where: str) -> Result:
    """What the run did; output tokens over its duration."""
    per_s, middle = run.output_tokens_per_s, middle_s(run.request)
    if per_s is None or middle is None:
        missing = "output tokens a second" if per_s is None else "time of a request"
        raise InputError(where, f"no {missing}", "a run whose result says it, or can be told from")
    total = (load.requests_ok or 1) * (run.output_tokens or 1.0)
    return Result(
        unit="tokens",
        work_per_step=total,
        throughput_per_s=Interval(value=per_s),
        throughput_per_s_per_device=per_s / count,
        latency=Latency(
            mean_s=average_s(run.request) or middle,
            p50_s=middle,
            p90_s=run.request.p90_s,
            p95_s=run.request.p95_s,
            p99_s=run.request.p99_s,
            first_token_s=middle_s(run.ttft),
            per_token_s=middle_s(run.tpot),
        ),
        serving=Serving(
            ttft=_known(run.ttft),
            tpot=_known(run.tpot),
            itl=_known(run.gap),
            e2e=_known(run.request),
            requests_per_s=run.requests_per_s,
            goodput_per_s=run.goodput_per_s,
            output_tokens_per_s=run.output_per_s or per_s,
            input_tokens=_total(run.prompt_tokens, run.completed),
            output_tokens=_total(run.output_tokens, run.completed),
        ),
    )


def _total(each: float | None, requests: int | None) -> int | None:
    return None if each is None or not requests else round(each * requests)


def _known(spread: Spread) -> Spread | None:
    """None where nothing is known."""
    return spread if spread.model_dump(exclude_none=True) else None


def _reason(run: ServedRun) -> str:
    sent = run.failed or run.asked or 0
    kinds = ", ".join(f"{text} ({number})" for text, number in run.errors.items())
    return f"all {sent} requests failed" + (f": {kinds}" if kinds else "")
