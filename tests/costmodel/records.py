"""Measurements made up for tests; nothing here was measured."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from modelworth.data.measurement import Measurement


def record(kind: str, **settings: Any) -> Measurement:
    """A record of prefill, decode or forward on one device."""
    batch = settings.get("batch", 16)
    prompt = settings.get("prompt_tokens", 256)
    unit = settings.get("unit", "tokens")
    work = batch * (prompt if kind == "prefill" else 1)
    throughput = settings.get("throughput", 40_000.0 if kind == "prefill" else 800.0)
    step_s = settings.get("step_s", work / throughput if kind != "decode" else 0.02)
    samples = settings.get("samples_s", tuple(step_s * (1 + 0.01 * (-1) ** n) for n in range(20)))
    return Measurement(
        recorded_at=settings.get("recorded_at", datetime(2026, 11, 24, tzinfo=UTC)),
        model={
            "name": settings.get("model", "made-up-48m"),
            "family": settings.get("family", "decoder"),
            "parameters_total": settings.get("parameters", 48_000_000),
        },
        workload={
            "kind": kind, "batch": batch, "prompt_tokens": prompt, "precision": "bfloat16",
        },
        machine={
            "device": settings.get("device", "H100 SXM 80GB"),
            "kind": settings.get("device_kind", "cuda"),
            "cpu_cores": settings.get("cpu_cores", 16),
            "power_limit_w": settings.get("power_limit_w"),
        },
        status="ok",
        result={
            "unit": unit,
            "work_per_step": work,
            "throughput_per_s": {"value": throughput, "low": throughput * 0.98,
                                 "high": throughput * 1.02},
            "throughput_per_s_per_device": throughput,
            "latency": {
                "mean_s": step_s, "p50_s": step_s, "p95_s": settings.get("p95_s", step_s),
                "per_token_s": step_s if kind == "decode" else None,
            },
            "energy": settings.get("energy"),
            "condition": {"flags": settings.get("flags", ())},
            "effective_samples": settings.get("effective_samples", 20.0),
            "samples_s": samples,
        },
        provenance={"origin": settings.get("origin", "measured"), "tool": "test",
                    "citation": settings.get("citation")},
    )  # fmt: skip
