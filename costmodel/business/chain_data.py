"""What the data study says about a plan: core hours a terabyte, share kept, bytes of a token."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Final

from modelworth.data.measurement import Measurement

BYTES_PER_TB: Final = 1e12
SECONDS_PER_HOUR: Final = 3600
STAGES: Final = ("read", "filter", "deduplicate", "tokenise", "pack")
Ends = tuple[float, float, float]


def stage_records(records: Sequence[Measurement]) -> dict[str, Measurement]:
    """The largest run of each stage on one core, of the text that was studied last."""
    every = [it for it in records if it.status == "ok" and it.study and it.study.name == "data"]
    if not every:
        return {}
    last = max(every, key=lambda it: it.recorded_at)
    found: dict[str, Measurement] = {}
    for it in sorted(every, key=_megabytes):
        assert it.study is not None
        assert last.study is not None
        same = it.study.corpus == last.study.corpus
        if same and it.study.settings.get("workers", 1) == 1 and it.study.method in STAGES:
            found[it.study.method] = it
    return found


def core_hours_per_tb(records: Sequence[Measurement]) -> Ends | None:
    """Core hours for a terabyte of raw text through every stage; None where one is missing.

    Stages after the filter see only what is kept. The ends add up in squares, as the stages were
    timed apart.
    """
    stages = stage_records(records)
    if set(stages) != set(STAGES):
        return None
    left, total, below, above = 1.0, 0.0, 0.0, 0.0
    for stage in STAGES:
        record = stages[stage]
        assert record.result is not None
        rate = record.result.throughput_per_s
        hours = left * BYTES_PER_TB / SECONDS_PER_HOUR
        total += hours / rate.value
        below += (hours / rate.value - hours / (rate.high or rate.value)) ** 2
        above += (hours / (rate.low or rate.value) - hours / rate.value) ** 2
        if stage in ("filter", "deduplicate"):
            left *= kept(record)
    return total, total - sqrt(below), total + sqrt(above)


def kept_share(records: Sequence[Measurement]) -> float | None:
    """Share of raw text that filter and duplicates leave."""
    stages = stage_records(records)
    if not {"filter", "deduplicate"} <= set(stages):
        return None
    return kept(stages["filter"]) * kept(stages["deduplicate"])


def kept(record: Measurement) -> float:
    """Share that a stage keeps."""
    assert record.study is not None
    return record.study.figures["kept_share"].value


def _megabytes(record: Measurement) -> float:
    assert record.study is not None
    return float(record.study.settings.get("megabytes", 0))
