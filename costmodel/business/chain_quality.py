"""How often a model is right by its size, and the time of a right result: the study's tasks.

Of each size the run that saw most data counts. Between two sizes studied the share is read off a
line in the logarithm of the size, its ends likewise; outside of them it is the nearest run's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from modelworth.costmodel.architecture.loss_records import learned
from modelworth.data.measurement import Measurement

Ends = tuple[float, float, float]
#: word of `demand.accepted_task` → the study's methods, and the figure that counts what is right
TASKS: Final = {
    "next_word": (("scratch",), "next_word_share"),
    "cloze": (("scratch",), "cloze_share"),
    "in_context": (("scratch",), "recall_share"),
    "topic": (("finetune",), "accuracy_share"),
    "translation": (("task",), "accuracy_share"),
    "question": (("task",), "accuracy_share"),
    "image": (("image",), "accuracy_share"),
}
#: windows of text that a result takes: four continuations, each of three quarters of a window
WINDOWS: Final = {"cloze": 3.0}
AMOUNTS: Final = ("tokens", "examples", "labelled_examples")
SECONDS: Final = "forward_s"


@dataclass(frozen=True, slots=True)
class Quality:
    """What a model of one size gets right, and the seconds that a result takes on its machine."""

    parameters: float
    right: Ends
    seconds: float | None
    record: Measurement

    @property
    def seconds_per_accepted(self) -> float | None:
        """Machine time of a result that is right; None where none is, or it wasn't timed."""
        return self.seconds / self.right[0] if self.seconds and self.right[0] else None

    def usd_per_million_accepted(self, usd_per_hour: float) -> float | None:
        """Cost of a million right results at the price of an hour of the machine's core or GPU."""
        seconds = self.seconds_per_accepted
        return None if seconds is None else seconds / 3600 * usd_per_hour * 1e6


def by_size(measurements: Iterable[Measurement], task: str) -> tuple[Quality, ...]:
    """What each size gets right at a task, smallest first; empty where nobody studied it."""
    records = [it for it in measurements if it.study and it.study.name == "learning"]
    methods, figure = TASKS[task]
    if methods == ("scratch",):
        records = list(learned(records))
    found: dict[int, Measurement] = {}
    for it in sorted(records, key=lambda it: (_amount(it), it.recorded_at)):
        if _is_of(it, methods, figure, task):
            found[it.model.parameters_total or 1] = it
    return tuple(_quality(found[size], figure, WINDOWS.get(task)) for size in sorted(found))


def share_at(qualities: tuple[Quality, ...], parameters: float) -> Ends:
    """The share right at a size, with its ends."""
    sizes = np.log([it.parameters for it in qualities])
    value, low, high = (
        float(np.interp(np.log(parameters), sizes, [it.right[end] for it in qualities]))
        for end in range(3)
    )
    return value, low, high


def _is_of(record: Measurement, methods: tuple[str, ...], figure: str, task: str) -> bool:
    study = record.study
    assert study is not None
    good = record.status == "ok" and study.method in methods and figure in study.figures
    return good and study.settings.get("task", task) == task


def _amount(record: Measurement) -> float:
    """How much a run saw: different tokens, examples or labels."""
    assert record.study is not None
    settings = record.study.settings
    key = next((key for key in reversed(AMOUNTS) if key in settings), None)
    return float(settings.get("unique_tokens", settings[key])) if key else 0.0


def _quality(record: Measurement, figure: str, windows: float | None) -> Quality:
    assert record.study is not None
    found, took = record.study.figures[figure], record.study.figures.get(SECONDS)
    low = found.value if found.low is None else found.low
    high = found.value if found.high is None else found.high
    seconds = took.value if took else None
    if seconds and record.study.method == "scratch":  # of a window, each token of which may count
        seconds *= windows or 1 / (record.workload.prompt_tokens or 1)
    return Quality(
        float(record.model.parameters_total or 1), (found.value, low, high), seconds, record
    )
