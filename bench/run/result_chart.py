"""What a sweep found, as bars of text: throughput by what the cases differ in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from modelworth.bench.run.result_table import number
from modelworth.data.measurement import Measurement
from modelworth.data.words import SHORT

WIDTH = 40
FULL, PARTS = "█", " ▏▎▍▌▋▊▉"
NAMES = {
    "batch": "batch",
    "prompt_tokens": "tokens",
    "new_tokens": "new",
    "image_pixels": "pixels",
    "precision": "",
    "attention": "",
    "attention_kernel": "",
    "compiled": "",
    "compile_mode": "",
    "cuda_graphs": "",
    "fused_projections": "",
    "chunked_loss": "",
    "optimizer": "",
    "clip_norm": "clip",
    "gradient_accumulation": "accumulate",
    "lora_rank": "rank",
}
"""Fields of a workload that a bar's label may name, with the word before the value."""
SWITCHES = {
    "compiled": ("compiled", "eager steps"),
    "cuda_graphs": ("graphs", "no graphs"),
    "fused_projections": ("fused", "not fused"),
    "chunked_loss": ("chunked loss", "whole logits"),
}


def chart(measurements: Iterable[Measurement]) -> str:
    """A block of bars for each model and kind of work that has more than one case; else nothing."""
    groups: dict[tuple[str, str], list[Measurement]] = {}
    for one in measurements:
        groups.setdefault((one.model.name, one.workload.kind), []).append(one)
    blocks = [_block(name, kind, each) for (name, kind), each in groups.items() if len(each) > 1]
    return "\n\n".join(blocks)


def bar(share: float, width: int = WIDTH) -> str:
    """A bar of that share of the width, to an eighth of a character."""
    eighths = round(share * width * 8)
    return FULL * (eighths // 8) + (PARTS[eighths % 8] if eighths % 8 else "")


def _block(name: str, kind: str, measured: Sequence[Measurement]) -> str:
    fields = [field for field in NAMES if len({_value(one, field) for one in measured}) > 1]
    rates = [one.result.throughput_per_s.value if one.result else None for one in measured]
    most = max((rate for rate in rates if rate is not None), default=1.0)
    unit = next((one.result.unit for one in measured if one.result), "")
    labels = [_label(one, fields) for one in measured]
    wide = max(map(len, labels))
    lines = [f"{name} {kind}, {unit}/s"]
    for label, rate, one in zip(labels, rates, measured, strict=True):
        drawn = one.status if rate is None else f"{bar(rate / most)} {number(rate).strip()}"
        lines.append(f"  {label:<{wide}}  {drawn}")
    return "\n".join(lines)


def _label(one: Measurement, fields: Sequence[str]) -> str:
    return ", ".join(filter(None, (_word(field, _value(one, field)) for field in fields)))


def _value(one: Measurement, field: str) -> object:
    return getattr(one.workload, field)


def _word(field: str, value: object) -> str:
    if field in SWITCHES:
        return SWITCHES[field][0 if value else 1]
    if value is None:
        return ""
    short: Mapping[str, str] = {str(key): text for key, text in SHORT.items()}
    text = f"{value:g}" if isinstance(value, float) else short.get(str(value), str(value))
    return f"{NAMES[field]} {text}".strip()
