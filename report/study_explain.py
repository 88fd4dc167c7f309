"""What the explanation study found: multiples of latency and memory, and whether reasons hold."""

from __future__ import annotations

from collections.abc import Sequence

from modelworth.data.measurement import Measurement
from modelworth.report.study_table import figure, of, parameters, table

METHODS = {
    "integrated_gradients": "integrated gradients, 50 steps",
    "gradient_input": "gradient × input",
    "attention_rollout": "attention rollout",
    "shapley": "Shapley values, 8 orders",
}


def lines(records: Sequence[Measurement]) -> list[str]:
    """The section's lines."""
    every = [it for it in records if it.study and it.study.name == "explain"]
    head = ("method", "input", "parameters", "time × plain", "memory × plain",
            "deletion (by chance)", "insertion (by chance)", "hits", "rerun",
            "completeness gap")  # fmt: skip
    return [
        "## Explanations: what a reason costs, and whether it holds",
        "",
        "One input answered, and explained, in turn. Deletion: probability of the class while what "
        "matters most is taken away (low is good); insertion: while it is put in (high is good). "
        "Hits: share of the positions named first that decide, where that is known. Rerun: rank "
        "correlation with another seed.",
        "",
        *table(head, [_row(it) for it in of(every, *METHODS)]),
        "",
    ]


def _row(record: Measurement) -> tuple[str, ...]:
    assert record.study is not None
    tokens = record.workload.prompt_tokens
    return (
        METHODS[record.study.method], f"{tokens} tokens" if tokens else "image",
        parameters(record), figure(record, "cost_factor"), figure(record, "memory_factor"),
        f"{figure(record, 'deletion_share')} ({figure(record, 'deletion_by_chance_share')})",
        f"{figure(record, 'insertion_share')} ({figure(record, 'insertion_by_chance_share')})",
        figure(record, "hit_share", "{:.0%}"), figure(record, "rerun_rank_correlation"),
        figure(record, "completeness_gap", "{:.2%}"),
    )  # fmt: skip
