"""Measurements made up for tests; none of them was measured."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from modelworth.data.measurement import (
    Interval,
    Latency,
    Machine,
    Measurement,
    Model,
    Provenance,
    Result,
    Workload,
)

START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def made_up(number: int = 0, **changes: Any) -> Measurement:
    """A record that differs from another with the same number only in `changes`."""
    seconds = 0.1 + number / 7
    content: dict[str, Any] = {
        "recorded_at": START + timedelta(minutes=number),
        "suite": "quick",
        "case": f"case-{number}",
        "model": Model(name=f"tiny-{number}", family="decoder", config={"layers": 2, "eps": 1e-5}),
        "workload": Workload(kind="decode", batch=1, prompt_tokens=64, precision="float32"),
        "machine": Machine(device="a made-up device", kind="cpu", libraries={"torch": "2.13.0"}),
        "status": "ok",
        "result": Result(
            unit="tokens",
            work_per_step=1,
            throughput_per_s=Interval(value=1 / seconds, low=0.9 / seconds, high=1.1 / seconds),
            throughput_per_s_per_device=1 / seconds,
            latency=Latency(mean_s=seconds, p50_s=seconds),
            samples_s=(seconds, seconds * 1.0000000001),
        ),
        "provenance": Provenance(origin="measured", tool="a test"),
    }
    return Measurement(**{**content, **changes})


def failed(number: int = 0) -> Measurement:
    """A run that ended for want of memory."""
    return made_up(number, status="oom", reason="no memory, said «CUDA»\n\ttwice", result=None)
