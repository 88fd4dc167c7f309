"""A point as a measurement: the store's record of how a server was loaded and what it did."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from pydantic import ValidationError

from modelworth.bench.load.prompts import Length
from modelworth.bench.load.summary import Summary
from modelworth.data.errors import ModelworthError, one_line
from modelworth.data.measurement import (
    Interval,
    Latency,
    Layout,
    Machine,
    Measurement,
    Model,
    Provenance,
    Result,
    Workload,
)
from modelworth.data.serving import Drafting, Load, Serving
from modelworth.data.words import Precision

SUITE = "load"


@dataclass(frozen=True, slots=True)
class Served:
    """What is served, by what, on what: all that the requests themselves can't tell."""

    model: Model
    machine: Machine
    precision: Precision
    engine: str
    layout: Layout = field(default_factory=Layout)
    cache_format: str | None = None
    drafting: Drafting | None = None
    command: str | None = None


@contextmanager
def possible() -> Iterator[None]:
    """Say in one line what no record can hold, as servers may say anything of themselves.

    Raises:
        ModelworthError: naming the field.
    """
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        found = f"{'.'.join(map(str, first['loc']))} {first['input']}"
        raise ModelworthError(
            f"the server's own figures: {one_line(found)}\n  {first['msg']}: it can't be right"
        ) from error


@possible()
def measurement(summary: Summary, served: Served, prompt: Length, new: Length) -> Measurement:
    """The record of one point; its lengths are those counted, else those asked for."""
    serving, load = summary.serving, summary.load
    result = None if serving is None else _result(summary, serving, served.machine.count)
    closed = load.concurrency_limit if load.mode == "closed" else None
    return recorded(
        served,
        SUITE,
        result,
        summary.detail or summary.stopped or "no request was answered",
        load,
        engine=served.engine,
        batch=closed or _in_flight(summary),
        prompt_tokens=_mean(serving, "input_tokens", load.requests_ok) or round(prompt.mean),
        new_tokens=_mean(serving, "output_tokens", load.requests_ok) or round(new.mean),
        concurrency=closed,
    )


def recorded(
    served: Served, suite: str, result: Result | None, lacking: str, load: Load, **sizes: Any
) -> Measurement:
    """What a server did, as the store keeps it; `lacking` says why there is no result."""
    kind = {
        "kind": "serve", "precision": served.precision, "layout": served.layout,
        "cache_format": served.cache_format, "drafting": served.drafting,
    }  # fmt: skip
    return Measurement(
        recorded_at=datetime.now(UTC),
        suite=suite,
        model=served.model,
        workload=Workload.model_validate(kind | sizes),
        machine=served.machine,
        status="error" if result is None else "ok",
        reason=lacking if result is None else None,
        result=result,
        provenance=Provenance(
            origin="measured",
            tool=f"modelworth {suite}",
            tool_version=metadata.version("modelworth"),
            command=served.command,
        ),
        load=load,
    )


def _in_flight(summary: Summary) -> int:
    return max(1, round(summary.load.in_flight_mean or 1))


def _mean(serving: Serving | None, name: str, requests: int | None) -> int | None:
    total = getattr(serving, name) if serving else None
    return max(1, round(total / requests)) if total and requests else None


def _result(summary: Summary, serving: Serving, devices: int) -> Result | None:
    """Tokens per second where the server counts them, else requests; None where nothing came."""
    e2e = serving.e2e
    value, low, high = summary.tokens_per_s or (summary.requests_per_s or 0.0, None, None)
    if e2e is None or e2e.mean_s is None or e2e.p50_s is None or not value or not e2e.p50_s:
        return None
    per_request = value / summary.requests_per_s if summary.requests_per_s else 1.0
    return Result(
        unit="tokens" if summary.tokens_per_s else "sequences",
        work_per_step=per_request * _in_flight(summary),
        throughput_per_s=Interval(value=value, low=low, high=high),
        throughput_per_s_per_device=value / devices,
        latency=Latency(
            mean_s=e2e.mean_s,
            p50_s=e2e.p50_s,
            p90_s=e2e.p90_s,
            p95_s=e2e.p95_s,
            p99_s=e2e.p99_s,
            first_token_s=(serving.ttft and serving.ttft.p50_s) or None,
            per_token_s=(serving.tpot and serving.tpot.p50_s) or None,
        ),
        serving=serving,
    )
