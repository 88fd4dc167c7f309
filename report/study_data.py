"""What the data study found: the rate of each stage, what is kept, and a terabyte's core hours."""

from __future__ import annotations

from collections.abc import Sequence

from modelworth.costmodel.business.chain_data import core_hours_per_tb
from modelworth.data.measurement import Measurement
from modelworth.report.study_table import estimate, figure, of, setting, table

STAGES = ("read", "filter", "deduplicate", "tokenise", "pack")


def lines(records: Sequence[Measurement]) -> list[str]:
    """The section's lines."""
    every = [it for it in records if it.study and it.study.name == "data"]
    head = ("stage", "megabytes", "workers", "rate, MB/s", "kept", "planted copies found",
            "bytes a token")  # fmt: skip
    rows = [_row(it) for stage in STAGES for it in of(every, stage)]
    return [
        "## Data: what preparing text takes",
        "",
        "Rates are of one worker (one core) unless said otherwise, with intervals from ten parts.",
        "",
        *([*table(head, rows), ""] if rows else []),
        *_images(every),
        *_hours(every),
    ]


def _row(record: Measurement) -> tuple[str, ...]:
    assert record.study is not None
    return (
        record.study.method, setting(record, "megabytes"), setting(record, "workers"),
        _rate(record), figure(record, "kept_share", "{:.1%}"),
        figure(record, "planted_found_share", "{:.0%}"),
        figure(record, "bytes_per_token", "{:.2f}"),
    )  # fmt: skip


def _rate(record: Measurement) -> str:
    if record.result is None:
        return f"{record.status}: {record.reason}"
    found = record.result.throughput_per_s
    text = f"{found.value / 1e6:.2f}"
    if found.low is None or found.high is None:
        return text
    return f"{text} ({found.low / 1e6:.2f} to {found.high / 1e6:.2f})"


def _images(records: Sequence[Measurement]) -> list[str]:
    said = [
        f"Images of {size.value / 1e3:,.0f} kB, decoded and resized to 224 × 224: "
        f"{it.result.throughput_per_s.value:,.0f} a second on one core"
        f"{_unread(it)}."
        for it in of(records, "images")
        if it.result and (size := estimate(it, "bytes_per_image"))
    ]
    return [*said, ""] if said else []


def _unread(record: Measurement) -> str:
    """How many of the files weren't images that can be read."""
    kept = estimate(record, "kept_share")
    return "" if kept is None or kept.value == 1 else f"; {1 - kept.value:.0%} couldn't be read"


def _hours(records: Sequence[Measurement]) -> list[str]:
    found = core_hours_per_tb(records)
    if found is None:
        return []
    value, low, high = found
    said = f"A terabyte of raw text takes {value:,.0f} core hours ({low:,.0f} to {high:,.0f})."
    return [said, ""]
