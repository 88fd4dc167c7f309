"""What the privacy study found: slowdown, memory and quality of private training, by size."""

from __future__ import annotations

from collections.abc import Sequence

from modelworth.data.measurement import Measurement
from modelworth.report.study_table import estimate, figure, of, parameters, rate, setting, table

METHODS = {
    "plain": "plain, all parameters",
    "hooks": "DP-SGD, hooks",
    "ghost": "DP-SGD, ghost clipping",
    "lora": "LoRA, plain",
    "lora_private": "LoRA, DP-SGD",
}


def lines(records: Sequence[Measurement]) -> list[str]:
    """The section's lines."""
    every = [it for it in records if it.study and it.study.name == "privacy"]
    head = ("method", "parameters", "batch", "epsilon", "noise", "steps take × plain",
            "memory × plain", "held-out loss, nats", "next word right", "training")  # fmt: skip
    rows = [_row(it) for it in of(every, *METHODS)]
    return [
        "## Privacy: what DP-SGD costs",
        "",
        "A model of public text is fine-tuned on one topic's text, each window of which is "
        "protected; before that its loss was "
        f"{_before(every)} nats. Steps are timed in turn with plain ones on the same batch.",
        "",
        *table(head, rows),
        "",
    ]


def _row(record: Measurement) -> tuple[str, ...]:
    assert record.study is not None
    return (
        METHODS[record.study.method], parameters(record), f"{record.workload.batch}",
        setting(record, "epsilon"), figure(record, "noise_multiplier"),
        figure(record, "slowdown_factor"), figure(record, "memory_factor"),
        figure(record, "held_out_loss_nats", "{:.2f}"),
        figure(record, "next_word_share", "{:.1%}"), rate(record),
    )  # fmt: skip


def _before(records: Sequence[Measurement]) -> str:
    found = [estimate(it, "loss_before_nats") for it in records]
    values = [it.value for it in found if it is not None]
    return f"{min(values):.2f} to {max(values):.2f}" if values else "unknown"
