"""A load test of a server as other tools report it, before it is a measurement.

Every parser of a tool makes one of these; whatever the file doesn't say stays None, and what nobody
may leave out (device, model, date) is asked for by the name of the flag. The clients of vLLM,
SGLang and InferenceX write the same names for load, counts and rates (`client_run`); they differ in
units, in who failed and in what they say of the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from modelworth.data.importers import read
from modelworth.data.importers.read import Json
from modelworth.data.measurement import Layout
from modelworth.data.serving import Arrivals, Spread

NOTHING: Final = Spread()
"""A time of which nothing is known."""
TRACES: Final = frozenset({"timed_trace", "mooncake"})
"""Data whose requests carry the times at which they are sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedRun:
    """One run of a load generator against one server.

    Attributes:
        content: what the tool wrote about this run, by which the record is told from others.
        engine: the server's software where the file says it.
        device, count, tensor, pipeline, copies: what the server ran on, where the file says it.
        stored: format of the weights, such as `fp8`, where the file says it.
        concurrency: most requests that the client kept in flight.
        rate_per_s: arrivals it was told to make; infinite: all at once.
        arrivals: how they came where the rate changed (a ramp, a trace), which then is None.
        goodput_per_s: requests a second that met the objective.
        errors: failed requests by kind.
        prompt_tokens, output_tokens: mean of a request.
        counted_in_flight: mean as the tool counted it, not by Little's law.
        lag: what the client was late by.
    """

    tool: str
    content: object
    tool_version: str | None = None
    date: datetime | None = None
    model: str | None = None
    engine: str | None = None
    device: str | None = None
    count: int | None = None
    tensor: int | None = None
    pipeline: int | None = None
    copies: int | None = None
    stored: str | None = None
    concurrency: int | None = None
    rate_per_s: float | None = None
    arrivals: Arrivals | None = None
    asked: int | None = None
    completed: int | None = None
    failed: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    duration_s: float | None = None
    prompt_tokens: float | None = None
    output_tokens: float | None = None
    requests_per_s: float | None = None
    goodput_per_s: float | None = None
    output_per_s: float | None = None
    ttft: Spread = NOTHING
    tpot: Spread = NOTHING
    gap: Spread = NOTHING
    request: Spread = NOTHING
    counted_in_flight: float | None = None
    peak_in_flight: float | None = None
    lag: Spread = NOTHING
    cached_share: float | None = None

    @property
    def split(self) -> Layout:
        """How the server is spread over its devices, as far as the file says."""
        tensor, pipeline, copies = self.tensor or 1, self.pipeline or 1, self.copies or 1
        return Layout(tensor=tensor, pipeline=pipeline, data=copies)

    @property
    def output_tokens_per_s(self) -> float | None:
        """Counts over the duration, else as stated, else requests a second × tokens."""
        if self.completed and self.duration_s and self.output_tokens:
            return self.completed * self.output_tokens / self.duration_s
        if self.output_per_s is None and self.requests_per_s and self.output_tokens:
            return self.requests_per_s * self.output_tokens
        return self.output_per_s

    def filled(self) -> ServedRun:
        """With the time of a request or of a later token, where the other tells it."""
        tokens = self.output_tokens
        return replace(
            self,
            tpot=_token_time(self.tpot, self.ttft, self.request, tokens),
            request=_request_time(self.request, self.ttft, self.tpot, tokens),
        )


def _request_time(request: Spread, ttft: Spread, tpot: Spread, tokens: float | None) -> Spread:
    """A request's time, from its parts where the file doesn't say it."""
    if read.middle_s(request) is not None or tokens is None or tokens < 1:
        return request
    mean_s, p50_s = (
        None if first is None or each is None else first + each * (tokens - 1)
        for first, each in ((ttft.mean_s, tpot.mean_s), (ttft.p50_s, tpot.p50_s))
    )
    return Spread(mean_s=mean_s, p50_s=p50_s)


def _token_time(tpot: Spread, ttft: Spread, request: Spread, tokens: float | None) -> Spread:
    """A later token's time, from the whole and its first where the file doesn't say it."""
    if read.middle_s(tpot) is not None or tokens is None or tokens <= 1:
        return tpot
    mean_s, p50_s = (
        None if whole is None or first is None or whole <= first else (whole - first) / (tokens - 1)
        for whole, first in ((request.mean_s, ttft.mean_s), (request.p50_s, ttft.p50_s))
    )
    return Spread(mean_s=mean_s, p50_s=p50_s)


def client_run(run: Json, *, failed: int | None, **told: Any) -> ServedRun:
    """One run.

    Args:
        run: what the tool wrote.
        failed: failed requests where the tool states them, else those asked for and not completed.
        **told: what this tool says and timed, by the names of `ServedRun`.
    """
    completed, asked = read.count(run.get("completed")), read.count(run.get("num_prompts"))
    asked = told.pop("asked", asked)
    if failed is None:
        failed = 0 if asked is None else max(0, asked - (completed or 0))
    arrivals = _arrivals(run)
    return ServedRun(
        content=run,
        concurrency=read.count(run.get("max_concurrency")) or None,
        rate_per_s=None if arrivals else read.rate(run.get("request_rate")),
        arrivals=arrivals,
        asked=asked,
        completed=completed,
        failed=failed,
        errors=read.error_kinds(run.get("errors"), failed),
        duration_s=read.positive(run.get("duration")),
        prompt_tokens=read.mean(run.get("total_input_tokens"), completed),
        output_tokens=read.mean(run.get("total_output_tokens"), completed),
        requests_per_s=read.positive(run.get("request_throughput")),
        goodput_per_s=_goodput(run),
        output_per_s=read.positive(run.get("output_throughput")),
        peak_in_flight=read.positive(run.get("max_concurrent_requests")),
        **told,
    )


def _arrivals(run: Json) -> Arrivals | None:
    """How requests came where the rate changed, whatever stands beside it (a ramp leaves `inf`)."""
    if read.text(run.get("dataset_name")) in TRACES:
        return "recorded"
    if not run.get("ramp_up_strategy"):
        return None
    return "poisson" if read.number(run.get("burstiness")) in (None, 1.0) else "gamma"


def _goodput(run: Json) -> float | None:
    """Requests a second that met the objective; 0 is an answer too."""
    found = read.number(read.first(run, "request_goodput", "request_goodput:"))
    return None if found is None or found < 0 else found
