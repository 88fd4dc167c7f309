"""What the learning study found: runs, the law of loss, what size and pre-training buy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from modelworth.costmodel.architecture.loss_fit import REACH, LawFit
from modelworth.costmodel.architecture.loss_records import fitted, foretold, learned, run_of
from modelworth.costmodel.architecture.scaling_law import compute_optimal
from modelworth.costmodel.business.chain_quality import TASKS, by_size
from modelworth.costmodel.scenario.drivers import load_drivers
from modelworth.data.measurement import Measurement
from modelworth.data.study import Estimate
from modelworth.report.study_table import (
    Column,
    figure,
    interval,
    method,
    of,
    parameters,
    rate,
    setting,
    table,
    table_of,
)

TASK_NAMES = {
    "next_word": "next word", "cloze": "cloze, one of four",
    "in_context": "repeating random words from the context", "topic": "topic, fine-tuned",
    "translation": "translation", "question": "question about a passage", "image": "images",
}  # fmt: skip
RUNS: Final[tuple[Column, ...]] = (
    ("parameters", parameters), ("tokens", setting("tokens")),
    ("of them different", setting("unique_tokens")),
    ("held-out loss, nats a token", figure("held_out_loss_nats")),
    ("next word right", figure("next_word_share", "{:.1%}")),
    ("cloze, 1 of 4", figure("cloze_share", "{:.1%}")), ("training", rate),
)  # fmt: skip
LABELS: Final[tuple[Column, ...]] = (
    ("start", lambda it: "pre-trained" if method(it) == "finetune" else "from nothing"),
    ("labelled examples", setting("labelled_examples")),
    ("topics right", figure("accuracy_share", "{:.1%}")),
)
IMAGES: Final[tuple[Column, ...]] = (
    ("parameters", parameters), ("images", setting("examples")),
    ("classes right", figure("accuracy_share", "{:.1%}")), ("training", rate),
)  # fmt: skip


def learning(records: Sequence[Measurement], picture: str | None) -> list[str]:
    """The section's lines; `picture` is the file with the curves."""
    runs = list(learned(records))
    failed = [it for it in records if it.status != "ok"]
    return [
        "## Learning: what data and size buy",
        "",
        *([f"![Held-out loss against tokens: runs, law, reach]({picture})", ""] if picture else []),
        *table_of(RUNS, sorted(runs, key=lambda it: (run_of(it).parameters, run_of(it).tokens))),
        "",
        *_law(runs),
        *_tasks(records),
        *_table(
            "What pre-training saves in labels:", LABELS, of(records, "finetune", "labels_only")
        ),
        *_table("Images:", IMAGES, of(records, "image")),
        *_failed(failed),
    ]


def _law(runs: Sequence[Measurement]) -> list[str]:
    law = fitted(runs)
    if law is None:
        return ["Too few runs for a law of loss.", ""]
    constants = law.law
    said = [
        f"Loss = E + A/N^α + B/D^β over {len(runs)} runs: E {constants.irreducible:.3f}"
        f"{_ends(law, 'irreducible')}, A {constants.a:.3g}{_ends(law, 'a')}, "
        f"α {constants.alpha:.3f}{_ends(law, 'alpha')}, B {constants.b:.3g}{_ends(law, 'b')}, "
        f"β {constants.beta:.3f}{_ends(law, 'beta')}; 95% intervals from resampled runs. "
        f"Repeated data loses its worth with R* = {constants.unique_halving:.2g}"
        f"{_ends(law, 'unique_halving')}.",
        "",
    ]
    said += [f"Doubt: {doubt}." for doubt in law.doubts]
    said += _largest(runs) + _buys(law)
    return [*said, ""]


def _largest(runs: Sequence[Measurement]) -> list[str]:
    found = foretold(runs)
    if found is None:
        return []
    record, law = found
    run = run_of(record)
    value, low, high = law.predicted(run.parameters, run.tokens, run.unique_tokens)
    inside = "inside" if low <= run.loss <= high else "outside of"
    return [
        f"The largest run, foretold from the {len(law.residuals)} runs of smaller models: "
        f"{value:.3f} ({low:.3f} to {high:.3f}); measured {run.loss:.3f}, {inside} the interval "
        f"and {run.loss / value - 1:+.1%} off.",
        "",
    ]


def _buys(law: LawFit) -> list[str]:
    """What the next doubling buys, and the best size for a budget."""
    size, data = law.parameters[1], law.tokens[1]
    here = law.predicted(size, data)[0]
    more_data, bigger = law.predicted(size, 2 * data)[0], law.predicted(2 * size, data)[0]
    best, tokens = compute_optimal(law.law, 6 * size * data)
    reach = law.reach(best, tokens)
    where = "inside the runs" if reach == 1 else f"{reach:.1f} times beyond the runs"
    return [
        f"From {size:,.0f} parameters and {data:,.0f} tokens on, twice the data lowers the loss by "
        f"{here - more_data:.3f} nats, twice the size by {here - bigger:.3f}. For the compute of "
        f"the largest run the best is {best:,.0f} parameters on {tokens:,.0f} "
        f"tokens ({where}). The law isn't asked further than {REACH:.0f} times beyond its runs.",
    ]


def _tasks(records: Sequence[Measurement]) -> list[str]:
    """What each size gets right, and the machine time and money of a result that is right."""
    usd = load_drivers()["compute.cpu_core_usd_per_hour"].default
    rows = [
        (
            TASK_NAMES[task], f"{one.parameters:,.0f}",
            interval(Estimate(value=one.right[0], low=one.right[1], high=one.right[2]), "{:.1%}"),
            _or_dash(one.seconds, 1e6), _or_dash(one.seconds_per_accepted, 1e6),
            _or_dash(one.usd_per_million_accepted(usd), 1),
        )
        for task in TASKS
        for one in by_size(records, task)
    ]  # fmt: skip
    head = ("task", "parameters", "right", "machine time, µs", "µs a right result",
            "USD a million right results")  # fmt: skip
    said = (
        "Large against small: what a size gets right with most of the data, the machine time of a "
        f"result, and of one that is right; a core hour at {usd:g} USD."
    )
    return [said, "", *table(head, rows), ""] if rows else []


def _or_dash(value: float | None, scale: float) -> str:
    return "—" if value is None else f"{value * scale:.3g}"


def _table(said: str, columns: Sequence[Column], records: Sequence[Measurement]) -> list[str]:
    return [said, "", *table_of(columns, records), ""] if records else []


def _failed(records: Sequence[Measurement]) -> list[str]:
    rows = [(it.model.name, it.status, it.reason or "") for it in records]
    said = "Runs that didn't end well, which are results, too:"
    return [said, "", *table(("run", "status", "reason"), rows), ""] if rows else []


def _ends(law: LawFit, name: str) -> str:
    low, high = law.interval(name)
    return f" ({low:.3g} to {high:.3g})"
