"""The worked questions and their answers: computed once a process, beside the pages.

An answer takes a tenth of a second or two; all of them would hold up the first page, so a thread
works them out after it, at the trials that the pages use, and cards show what is there.
"""

from __future__ import annotations

import threading
from functools import cache
from time import sleep

import pandas as pd

from modelworth.costmodel.analysis import Analysis
from modelworth.costmodel.risk import freed_memory
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.costmodel.scenario.scenario import Scenario
from modelworth.dashboard import sources
from modelworth.data.errors import ModelworthError
from modelworth.report.words import Words

OWN_MACHINE = "base"
FIRST_S, REST_S = 1.0, 0.1
"""Left to whoever opens a page meanwhile: before the first answer, and before each."""
_answers: dict[str, Analysis | None] = {}
_started = threading.Event()


@cache
def questions() -> dict[str, Scenario]:
    """The shipped questions by name, but for the machine's own: it has no answer of its own."""
    return {name: scenarios.load(name) for name in scenarios.shipped() if name != OWN_MACHINE}


def start(trials: int, parts: tuple[str, ...]) -> None:
    """Work the answers out in a thread, once."""
    if not _started.is_set():
        _started.set()
        threading.Thread(target=_work, args=(trials, parts), daemon=True).start()


def _work(trials: int, parts: tuple[str, ...]) -> None:
    sleep(FIRST_S)
    for name, scenario in questions().items():
        sleep(REST_S)
        try:
            _answers[name] = sources.evaluated(scenario, trials, parts)
        except ModelworthError:
            _answers[name] = None
    freed_memory.give_back()


def answers() -> dict[str, Analysis | None]:
    """What is worked out so far; None for a question that can't be."""
    return dict(_answers)


def table(words: Words) -> pd.DataFrame:
    """The answers so far, a row each."""
    rows = [
        (
            name, sources.prose(questions()[name], words.language, "name"), found.verdict.outcome,
            found.indicators["npv_usd"].base, found.verdict.probability_npv_positive,
        )
        for name, found in answers().items()
        if found is not None
    ]  # fmt: skip
    columns = ["scenario", "question", "outcome", "npv_usd", "probability_npv_positive"]
    return pd.DataFrame(rows, columns=columns)


def finished() -> bool:
    """Whether every question has its answer."""
    return len(_answers) == len(questions())
