"""The page on the studies: data, learning, privacy, explanations, as they came out on a machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from modelworth.costmodel.business.chain_data import STAGES, core_hours_per_tb
from modelworth.data.measurement import Measurement
from modelworth.report.study_learning import learning
from modelworth.report.study_table import (
    Column,
    estimate,
    figure,
    interval,
    method,
    of,
    parameters,
    rate,
    setting,
    table_of,
)

READING: Final = """\
Each stage from text to trust, measured in a process of its own on the machine below. Intervals are
95%. Small nets on a small machine: a plan takes these figures up to ten times beyond their sizes as
measured, further only as extrapolated, with a wider interval."""
TRAINED: Final = {
    "plain": "plain, all parameters",
    "hooks": "DP-SGD, hooks",
    "ghost": "DP-SGD, ghost clipping",
    "lora": "LoRA, plain",
    "lora_private": "LoRA, DP-SGD",
}
EXPLAINED: Final = {
    "integrated_gradients": "integrated gradients, 50 steps",
    "gradient_input": "gradient × input",
    "attention_rollout": "attention rollout",
    "shapley": "Shapley values, 8 orders",
}


def document(records: Sequence[Measurement], picture: str | None = None) -> str:
    """The whole page; `picture` is the file with the learning curves, beside it."""
    parts = ["# The chain, measured", "", READING, "", *_machines(records), ""]
    for name in SECTIONS:
        if any(it.study and it.study.name == name for it in records):
            parts += section(name, records, picture)
    return "\n".join(parts).rstrip() + "\n"


def section(name: str, records: Sequence[Measurement], picture: str | None = None) -> list[str]:
    """One study's part."""
    return SECTIONS[name]([it for it in records if it.study and it.study.name == name], picture)


def _machines(records: Sequence[Measurement]) -> list[str]:
    said = {}
    for it in records:
        machine = it.machine
        versions = ", ".join(f"{name} {version}" for name, version in machine.libraries.items())
        where = "a processor (CPU), no accelerator" if machine.kind == "cpu" else machine.kind
        key = machine.machine_id or machine.device
        said[key] = (
            f"- {machine.device}, {machine.cpu_cores} cores: {where}; {machine.system}; {versions}"
        )
    days = sorted({f"{it.recorded_at:%Y-%m-%d}" for it in records})
    when = " to ".join(dict.fromkeys((days[0], days[-1]))) if days else "never"
    runs = f"- Measured {when} by `modelworth study`: {len(records)} runs{_minutes(records)}"
    return [runs, *said.values()]


def _minutes(records: Sequence[Measurement]) -> str:
    """Processor time of the runs, where all of them know theirs."""
    known = [it for it in (estimate(record, "processor_s") for record in records) if it]
    if not known or len(known) < len(records):
        return ""
    return f", {sum(it.value for it in known) / 60:.1f} minutes of processor time"


def _data(records: Sequence[Measurement], _picture: str | None) -> list[str]:
    """What preparing text takes, stage by stage, and a terabyte of it."""
    stages = [it for stage in STAGES for it in of(records, stage)]
    columns: list[Column] = [
        ("stage", method), ("megabytes", setting("megabytes")), ("workers", setting("workers")),
        ("rate, MB/s", _megabytes), ("kept", figure("kept_share", "{:.1%}")),
        ("planted copies found", figure("planted_found_share", "{:.0%}")),
        ("bytes a token", figure("bytes_per_token", "{:.2f}")),
    ]  # fmt: skip
    hours = core_hours_per_tb(records)
    whole = "A terabyte of raw text takes {:,.0f} core hours ({:,.0f} to {:,.0f})."
    return [
        "## Data: what preparing text takes",
        "",
        "Rates are of one worker (one core) unless said otherwise, with intervals from ten parts.",
        "",
        *([*table_of(columns, stages), ""] if stages else []),
        *_images(records),
        *([whole.format(*hours), ""] if hours else []),
    ]


def _megabytes(record: Measurement) -> str:
    if record.result is None:
        return rate(record)
    found = record.result.throughput_per_s
    ends = (None if end is None else end / 1e6 for end in (found.low, found.high))
    low, high = ends
    return interval(found.model_copy(update={"value": found.value / 1e6, "low": low, "high": high}),
                    "{:.2f}")  # fmt: skip


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


def _privacy(records: Sequence[Measurement], _picture: str | None) -> list[str]:
    """Slowdown, memory and quality of private training, by size."""
    columns: list[Column] = [
        ("method", lambda it: TRAINED[method(it)]), ("parameters", parameters),
        ("batch", lambda it: f"{it.workload.batch}"), ("epsilon", setting("epsilon")),
        ("noise", figure("noise_multiplier")), ("steps take × plain", figure("slowdown_factor")),
        ("memory × plain", figure("memory_factor")),
        ("held-out loss, nats", figure("held_out_loss_nats", "{:.2f}")),
        ("next word right", figure("next_word_share", "{:.1%}")), ("training", rate),
    ]  # fmt: skip
    found = [it.value for it in (estimate(one, "loss_before_nats") for one in records) if it]
    before = f"{min(found):.2f} to {max(found):.2f}" if found else "unknown"
    return [
        "## Privacy: what DP-SGD costs",
        "",
        "A model of public text is fine-tuned on one topic's text, each window of which is "
        "protected; before that its loss was "
        f"{before} nats. Steps are timed in turn with plain ones on the same batch.",
        "",
        *table_of(columns, of(records, *TRAINED)),
        "",
    ]


def _explain(records: Sequence[Measurement], _picture: str | None) -> list[str]:
    """Multiples of latency and memory, and whether reasons hold."""
    columns: list[Column] = [
        ("method", lambda it: EXPLAINED[method(it)]), ("input", _input),
        ("parameters", parameters), ("time × plain", figure("cost_factor")),
        ("memory × plain", figure("memory_factor")),
        ("deletion (by chance)", _beside_chance("deletion")),
        ("insertion (by chance)", _beside_chance("insertion")),
        ("hits", figure("hit_share", "{:.0%}")), ("rerun", figure("rerun_rank_correlation")),
        ("completeness gap", figure("completeness_gap", "{:.2%}")),
    ]  # fmt: skip
    return [
        "## Explanations: what a reason costs, and whether it holds",
        "",
        "One input answered, and explained, in turn. Deletion: probability of the class while what "
        "matters most is taken away (low is good); insertion: while it is put in (high is good). "
        "Hits: share of the positions named first that decide, where that is known. Rerun: rank "
        "correlation with another seed.",
        "",
        *table_of(columns, of(records, *EXPLAINED)),
        "",
    ]


def _input(record: Measurement) -> str:
    tokens = record.workload.prompt_tokens
    return f"{tokens} tokens" if tokens else "image"


def _beside_chance(key: str) -> Callable[[Measurement], str]:
    found, chance = figure(f"{key}_share"), figure(f"{key}_by_chance_share")
    return lambda it: f"{found(it)} ({chance(it)})"


SECTIONS: Final[dict[str, Callable[[Sequence[Measurement], str | None], list[str]]]] = {
    "data": _data,
    "learning": learning,
    "privacy": _privacy,
    "explain": _explain,
}
