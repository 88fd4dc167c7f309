"""A measurement as one row of a table: which columns there are and where each stands in the record.

The columns are for reading, filtering and charts; samples, the model's config and library versions
stay in the record. A value that isn't known is None.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from modelworth.data.json_reader import LARGEST_WHOLE

if TYPE_CHECKING:
    import pandas as pd

Sort = Literal["text", "number", "count", "truth", "time", "list"]

#: column → (path in the record, sort of value); lists are joined with ";"
COLUMNS: Final[dict[str, tuple[str, Sort]]] = {
    "id": ("id", "text"),
    "recorded_at": ("recorded_at", "time"),
    "suite": ("suite", "text"),
    "case": ("case", "text"),
    "model": ("model.name", "text"),
    "family": ("model.family", "text"),
    "parameters_total": ("model.parameters_total", "count"),
    "parameters_active": ("model.parameters_active", "count"),
    "parameters_matmul": ("model.parameters_matmul", "count"),
    "kind": ("workload.kind", "text"),
    "study": ("study.name", "text"),
    "study_method": ("study.method", "text"),
    "batch": ("workload.batch", "count"),
    "prompt_tokens": ("workload.prompt_tokens", "count"),
    "new_tokens": ("workload.new_tokens", "count"),
    "image_pixels": ("workload.image_pixels", "count"),
    "precision": ("workload.precision", "text"),
    "quantization": ("workload.quantization", "text"),
    "weight_bits": ("workload.weight_bits", "number"),
    "context_tokens": ("workload.context_tokens", "count"),
    "gpu_layers": ("workload.gpu_layers", "count"),
    "attention": ("workload.attention", "text"),
    "attention_kernel": ("workload.attention_kernel", "text"),
    "compiled": ("workload.compiled", "truth"),
    "optimizer": ("workload.optimizer", "text"),
    "clip_norm": ("workload.clip_norm", "number"),
    "fused_projections": ("workload.fused_projections", "truth"),
    "denoising_steps": ("workload.denoising_steps", "count"),
    "chunked_loss": ("workload.chunked_loss", "truth"),
    "gradient_accumulation": ("workload.gradient_accumulation", "count"),
    "activation_checkpointing": ("workload.activation_checkpointing", "truth"),
    "lora_rank": ("workload.lora_rank", "count"),
    "engine": ("workload.engine", "text"),
    "concurrency": ("workload.concurrency", "count"),
    "device": ("machine.device", "text"),
    "device_kind": ("machine.kind", "text"),
    "count": ("machine.count", "count"),
    "machine_id": ("machine.machine_id", "text"),
    "matmul_flops_per_s": ("machine.ceilings.matmul_flops_per_s", "number"),
    "copy_bytes_per_s": ("machine.ceilings.copy_bytes_per_s", "number"),
    "read_bytes_per_s": ("machine.ceilings.read_bytes_per_s", "number"),
    "status": ("status", "text"),
    "reason": ("reason", "text"),
    "unit": ("result.unit", "text"),
    "work_per_step": ("result.work_per_step", "number"),
    "throughput_per_s": ("result.throughput_per_s.value", "number"),
    "throughput_low": ("result.throughput_per_s.low", "number"),
    "throughput_high": ("result.throughput_per_s.high", "number"),
    "throughput_per_s_per_device": ("result.throughput_per_s_per_device", "number"),
    "mfu": ("result.mfu", "number"),
    "mbu": ("result.mbu", "number"),
    "mfu_datasheet": ("result.mfu_datasheet", "number"),
    "model_flops_per_step": ("result.model_flops_per_step", "number"),
    "kernel_flops_per_step": ("result.kernel_flops_per_step", "number"),
    "bytes_per_step": ("result.bytes_per_step", "number"),
    "mean_s": ("result.latency.mean_s", "number"),
    "p50_s": ("result.latency.p50_s", "number"),
    "p90_s": ("result.latency.p90_s", "number"),
    "p95_s": ("result.latency.p95_s", "number"),
    "p99_s": ("result.latency.p99_s", "number"),
    "first_token_s": ("result.latency.first_token_s", "number"),
    "per_token_s": ("result.latency.per_token_s", "number"),
    "mode": ("load.mode", "text"),
    "endpoint": ("load.endpoint", "text"),
    "sweep": ("load.sweep", "text"),
    "rate_per_s": ("load.rate_per_s", "number"),
    "arrivals": ("load.arrivals", "text"),
    "concurrency_limit": ("load.concurrency_limit", "count"),
    "in_flight_mean": ("load.in_flight_mean", "number"),
    "in_flight_max": ("load.in_flight_max", "number"),
    "duration_s": ("load.duration_s", "number"),
    "requests_ok": ("load.requests_ok", "count"),
    "requests_failed": ("load.requests_failed", "count"),
    "client_bound": ("load.client_bound", "truth"),
    "cached_share": ("load.cached_share", "number"),
    "requests_per_s": ("result.serving.requests_per_s", "number"),
    "goodput_per_s": ("result.serving.goodput_per_s", "number"),
    "input_tokens_per_s": ("result.serving.input_tokens_per_s", "number"),
    "output_tokens_per_s": ("result.serving.output_tokens_per_s", "number"),
    "ttft_p50_s": ("result.serving.ttft.p50_s", "number"),
    "ttft_p95_s": ("result.serving.ttft.p95_s", "number"),
    "tpot_p50_s": ("result.serving.tpot.p50_s", "number"),
    "tpot_p95_s": ("result.serving.tpot.p95_s", "number"),
    "e2e_p50_s": ("result.serving.e2e.p50_s", "number"),
    "e2e_p95_s": ("result.serving.e2e.p95_s", "number"),
    "memory_predicted_bytes": ("result.memory.predicted_bytes", "count"),
    "memory_allocated_peak_bytes": ("result.memory.allocated_peak_bytes", "count"),
    "memory_reserved_peak_bytes": ("result.memory.reserved_peak_bytes", "count"),
    "memory_driver_peak_bytes": ("result.memory.driver_peak_bytes", "count"),
    "memory_host_peak_bytes": ("result.memory.host_peak_bytes", "count"),
    "energy_j_per_unit": ("result.energy.energy_j_per_unit", "number"),
    "mean_power_w": ("result.energy.mean_power_w", "number"),
    "energy_valid": ("result.energy.valid", "truth"),
    "flags": ("result.condition.flags", "list"),
    "origin": ("provenance.origin", "text"),
    "tool": ("provenance.tool", "text"),
    "tool_version": ("provenance.tool_version", "text"),
    "citation": ("provenance.citation", "text"),
}
_PATHS: Final = tuple((path.split("."), sort) for path, sort in COLUMNS.values())
_ALWAYS: Final = tuple(list(COLUMNS).index(name) for name in ("id", "model", "count", "batch"))
_TYPES: Final[dict[Sort, Any]] = {
    "number": (int, float), "count": int, "truth": bool, "list": (), "text": str, "time": str,
}  # fmt: skip


def row_of(text: str) -> list[Any] | None:
    """A record's values in the order of `COLUMNS`, None where it has none; None if it is none."""
    try:
        document = json.loads(text)
        datetime.fromisoformat(document["recorded_at"])
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    row = [_value(document, path, sort) for path, sort in _PATHS]
    return None if any(row[place] is None for place in _ALWAYS) else row


def _value(document: Any, path: list[str], sort: Sort) -> Any:
    """What stands at a path, if it is of its sort: somebody may have written around the library."""
    value = document
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    if sort == "list" and isinstance(value, list):
        return ";".join(map(str, value)) or None
    if not isinstance(value, _TYPES[sort]):
        return None
    return value if sort != "count" or abs(value) <= LARGEST_WHOLE else None


def framed(texts: Iterable[str]) -> pd.DataFrame:
    """Records, each a JSON text, as a table; what isn't a record is left out.

    Numbers and counts are float64 (NaN: unknown), except `count` and `batch`, always known;
    `recorded_at` is in UTC; the rest are text or truth values, missing where unknown.
    """
    import pandas as pd

    rows = [row for text in texts if (row := row_of(text)) is not None]
    frame = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
    return frame.astype({name: _dtype(name) for name in COLUMNS})


def _dtype(column: str) -> str:
    if column in ("count", "batch"):
        return "int64"
    sort = COLUMNS[column][1]
    if sort == "time":
        return "datetime64[us, UTC]"
    return {"number": "float64", "count": "float64", "truth": "boolean"}.get(sort, "str")
