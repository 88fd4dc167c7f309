"""Results of clients descended from vLLM's `benchmark_serving`: the keys three tools share.

vLLM's own, SGLang's and InferenceX's client write the same names for load, counts and rates; they
differ in units, in who failed and in what they say of the server.
"""

from __future__ import annotations

from typing import Any, Final

from modelworth.data.importers import shared
from modelworth.data.importers.content import Json
from modelworth.data.importers.numbers import count, first, number, positive, rate
from modelworth.data.importers.served_run import ServedRun
from modelworth.data.serving import Arrivals

TRACES: Final = frozenset({"timed_trace", "mooncake"})
"""Data whose requests carry the times at which they are sent."""


def client_run(run: Json, *, failed: int | None, **told: Any) -> ServedRun:
    """One run.

    Args:
        run: what the tool wrote.
        failed: failed requests where the tool states them, else those asked for and not completed.
        **told: what this tool says and timed, by the names of `ServedRun`.
    """
    completed, asked = count(run.get("completed")), count(run.get("num_prompts"))
    asked = told.pop("asked", asked)
    if failed is None:
        failed = 0 if asked is None else max(0, asked - (completed or 0))
    arrivals = _arrivals(run)
    return ServedRun(
        content=run,
        concurrency=count(run.get("max_concurrency")) or None,
        rate_per_s=None if arrivals else rate(run.get("request_rate")),
        arrivals=arrivals,
        asked=asked,
        completed=completed,
        failed=failed,
        errors=shared.error_kinds(run.get("errors"), failed),
        duration_s=positive(run.get("duration")),
        prompt_tokens=shared.mean(run.get("total_input_tokens"), completed),
        output_tokens=shared.mean(run.get("total_output_tokens"), completed),
        requests_per_s=positive(run.get("request_throughput")),
        goodput_per_s=_goodput(run),
        output_per_s=positive(run.get("output_throughput")),
        peak_in_flight=positive(run.get("max_concurrent_requests")),
        **told,
    )


def _arrivals(run: Json) -> Arrivals | None:
    """How requests came where the rate changed, whatever stands beside it (a ramp leaves `inf`)."""
    if shared.text(run.get("dataset_name")) in TRACES:
        return "recorded"
    if not run.get("ramp_up_strategy"):
        return None
    return "poisson" if number(run.get("burstiness")) in (None, 1.0) else "gamma"


def _goodput(run: Json) -> float | None:
    """Requests a second that met the objective; 0 is an answer too."""
    found = number(first(run, "request_goodput", "request_goodput:"))
    return None if found is None or found < 0 else found
