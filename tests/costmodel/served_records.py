"""Load tests of a server, made up for tests; nothing here was measured."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from modelworth.data.measurement import Measurement


def served(
    held: float = 32.0,
    output_per_s: float = 4000.0,
    *,
    prompt: int = 512,
    new: int = 512,
    limit: int | None = None,
    ttft_s: float = 0.2,
    tpot_s: float = 0.01,
    **more: Any,
) -> Measurement:
    """A closed loop of 1,000 requests that held its limit, of consistent figures by Little's law.

    Times are the 95th percentiles; `more` may name model, device, load, workload and others.
    """
    requests_per_s = output_per_s / new
    request_s = held / requests_per_s
    count = more.get("count", 1)
    load = {
        "mode": "closed", "concurrency_limit": limit or round(held), "requests_ok": 1000,
        "requests_failed": 0, "duration_s": 1000 / requests_per_s, "in_flight_mean": held,
        **more.get("load", {}),
    }  # fmt: skip
    return Measurement(
        recorded_at=more.get("recorded_at", datetime(2026, 11, 24, tzinfo=UTC)),
        model={"name": more.get("model", "llama-3.1-8b"), "family": "decoder",
               "config": more.get("config", {})},
        workload={
            "kind": "serve", "batch": round(held), "concurrency": load["concurrency_limit"],
            "prompt_tokens": prompt, "new_tokens": new, "precision": "bfloat16", "engine": "vllm",
            "layout": {"tensor": count}, **more.get("workload", {}),
        },
        machine={"device": more.get("device", "H100 SXM 80GB"), "kind": "other", "count": count},
        status="ok",
        result={
            "unit": "tokens", "work_per_step": 1000 * new,
            "throughput_per_s": {"value": output_per_s},
            "throughput_per_s_per_device": output_per_s / count,
            "latency": {"mean_s": request_s, "p50_s": request_s, "first_token_s": ttft_s / 2,
                        "per_token_s": tpot_s / 2},
            "serving": {"ttft": {"p50_s": ttft_s / 2, "p95_s": ttft_s},
                        "tpot": {"p50_s": tpot_s / 2, "p95_s": tpot_s},
                        "e2e": {"mean_s": request_s, "p50_s": request_s},
                        "output_tokens": 1000 * new},
        },
        provenance={"origin": "imported", "tool": "test",
                    "citation": more.get("citation", "a load test")},
        load=load,
    )  # fmt: skip
