"""Watches a running server for a while: its metrics at even moments, and its devices' energy.

Nothing is sent to the model. A window is a measurement of suite `meter`: tokens and requests by
the server's own counts, how many ran and waited. It says what was asked of the server, so it is a
capacity only where requests waited.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from time import perf_counter

from modelworth.bench.load.endpoint import Endpoint
from modelworth.bench.load.metrics import Reading, Window, read_metrics, window
from modelworth.bench.load.record import Served, possible, recorded
from modelworth.bench.timing.monitor import Monitor, energy_together
from modelworth.data.errors import ModelworthError
from modelworth.data.measurement import Energy, Interval, Latency, Measurement, Result
from modelworth.data.serving import Load, Serving, Spread

SUITE = "meter"


def read(endpoint: Endpoint, path: str) -> Reading:
    """The metrics now.

    Raises:
        ModelworthError: if the server gives none.
    """
    status, body = endpoint.get(path)
    if status != 200:
        raise ModelworthError(
            f"{path}: status {status}\n"
            "  must be the server's Prometheus metrics (llama.cpp: start it with --metrics)"
        )
    return read_metrics(body.decode("utf-8", "replace"), perf_counter(), path)


def windows(
    endpoint: Endpoint, path: str, served: Served, last: Reading, *, length_s: float, every_s: float
) -> Iterator[tuple[Window, Energy | None]]:
    """One window after the other from the `last` reading, with its devices' energy where here."""
    while True:
        readings, end_s = [last], last.at_s + length_s
        with ExitStack() as stack:
            monitors = _monitors(served, stack)
            while readings[-1].at_s < end_s:
                time.sleep(max(0.0, min(every_s, end_s - perf_counter())))
                readings.append(read(endpoint, path))
            for monitor in monitors:
                monitor.stop()
            last, seen = readings[-1], window(readings)
            done = _tokens(seen) or 1.0
            yield seen, energy_together([one.energy(done) for one in monitors], done)


def _monitors(served: Served, stack: ExitStack) -> list:
    """A monitor for each GPU of this machine that serves; none elsewhere."""
    if served.machine.kind != "cuda":
        return []
    monitors = [
        stack.enter_context(Monitor("cuda", index)) for index in range(served.machine.count)
    ]
    for monitor in monitors:
        monitor.start()
    return monitors


def _tokens(seen: Window) -> float | None:
    """Prompt and output tokens together."""
    if seen.input_tokens is None or seen.output_tokens is None:
        return None
    return seen.input_tokens + seen.output_tokens


@possible()
def measurement(seen: Window, energy: Energy | None, served: Served, label: str) -> Measurement:
    """A window as a record; one without a token is a record without a result."""
    requests = None if seen.requests is None else round(seen.requests)
    load = Load(
        endpoint=label,
        duration_s=seen.duration_s,
        requests_ok=requests,
        in_flight_mean=seen.running,
        in_flight_max=seen.running_max,
        waiting_mean=seen.waiting,
        cached_share=seen.cached_share,
    )
    return recorded(
        served,
        SUITE,
        _result(seen, energy, served.machine.count),
        "idle: no token in the window",
        load,
        engine=seen.engine,
        batch=max(1, round(seen.running or 1)),
        prompt_tokens=_each(seen.input_tokens, requests),
        new_tokens=_each(seen.output_tokens, requests),
    )


def _each(tokens: float | None, requests: int | None) -> int | None:
    return round(tokens / requests) or None if tokens and requests else None


def _result(seen: Window, energy: Energy | None, devices: int) -> Result | None:
    """Output tokens a second; the time of a request by Little's law, where that can be told."""
    if not seen.output_tokens:
        return None
    per_s = seen.output_tokens / seen.duration_s
    request_s = seen.duration_s
    if seen.requests and seen.running:
        request_s = seen.running * seen.duration_s / seen.requests
    ttft = None if seen.ttft_mean_s is None else Spread(mean_s=seen.ttft_mean_s)
    return Result(
        unit="tokens",
        work_per_step=seen.output_tokens,
        throughput_per_s=Interval(value=per_s),
        throughput_per_s_per_device=per_s / devices,
        latency=Latency(mean_s=request_s, p50_s=request_s, first_token_s=seen.ttft_mean_s or None),
        energy=energy,
        serving=Serving(
            ttft=ttft,
            requests_per_s=seen.requests and seen.requests / seen.duration_s,
            input_tokens_per_s=seen.input_tokens and seen.input_tokens / seen.duration_s,
            output_tokens_per_s=per_s,
            input_tokens=None if seen.input_tokens is None else round(seen.input_tokens),
            output_tokens=round(seen.output_tokens),
        ),
    )
