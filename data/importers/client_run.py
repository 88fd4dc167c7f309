"""Results of clients descended from vLLM's `benchmark_serving`: the keys three tools share.

vLLM's own, SGLang's and InferenceX's client write the same names for load, counts and rates; they
differ in units, in who failed and in what they say of the server.
"""

from __future__ import annotations

from typing import Any

from modelworth.data.importers import shared
from modelworth.data.importers.content import Json
from modelworth.data.importers.numbers import count, positive, rate
from modelworth.data.importers.served_run import ServedRun


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
    return ServedRun(
        content=run,
        concurrency=count(run.get("max_concurrency")) or None,
        rate_per_s=rate(run.get("request_rate")),
        asked=asked,
        completed=completed,
        failed=failed,
        errors=shared.error_kinds(run.get("errors"), failed),
        duration_s=positive(run.get("duration")),
        prompt_tokens=shared.mean(run.get("total_input_tokens"), completed),
        output_tokens=shared.mean(run.get("total_output_tokens"), completed),
        requests_per_s=positive(run.get("request_throughput")),
        output_per_s=positive(run.get("output_throughput")),
        peak_in_flight=positive(run.get("max_concurrent_requests")),
        **told,
    )
