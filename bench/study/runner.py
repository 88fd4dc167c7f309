"""Runs the cases of a study one by one, each in a process of its own, and keeps every record.

A record is in the store before it is given, so that killing this process loses at most the run in
progress; a case that the store has from this machine and these libraries isn't run again.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelworth.bench.run.isolation import Attempt, WorkerEnd
from modelworth.bench.run.keeper import Keeper
from modelworth.bench.run.session import provenance
from modelworth.bench.study.case import StudyCase, record
from modelworth.bench.study.corpus import Corpus
from modelworth.bench.timing.machine import detect
from modelworth.data.errors import InputError
from modelworth.data.measurement import Machine, Measurement
from modelworth.data.store import Store

TICK_S = 0.5
MODULE = "modelworth.bench.study.worker"


@dataclass(frozen=True, slots=True)
class Step:
    """A case begins (no measurement yet) or is done; `trouble` if it couldn't be stored."""

    index: int
    total: int
    case: StudyCase
    measurement: Measurement | None = None
    trouble: str | None = None


def run(
    cases: Sequence[StudyCase],
    store: Store | None,
    *,
    corpus: Corpus | None = None,
    folder: Path | None = None,
    again: bool = False,
    time_limit_s: float = 600.0,
    command: str | None = None,
    memory_share: float = 0.9,
) -> Iterator[Step]:
    """Run the cases that the store doesn't have.

    Raises:
        InputError: if the only case is one that can't be asked for.
        ModelworthError: at the end, if records couldn't be stored.
    """
    if not cases:
        return
    machine = detect(cases[0].device)
    done = set() if again or store is None else _done(store, machine)
    todo = [case for case in cases if case.id not in done]
    keeper, origin = Keeper(store), provenance(command)
    with tempfile.TemporaryDirectory(prefix="modelworth-study-") as scratch:
        file = Path(scratch) / "corpus.npz"
        if corpus is not None:
            corpus.save(file)
        for index, case in enumerate(todo):
            yield Step(index, len(todo), case)
            job = {
                "case": case.model_dump(mode="json"),
                "corpus_file": str(file),
                "folder": None if folder is None else str(folder.resolve()),
                "memory_share": memory_share,
            }
            outcome = _outcome(job, time_limit_s)
            if outcome.bad_input and len(cases) == 1:
                raise InputError(*outcome.bad_input)
            measurement = record(case, outcome, machine, origin)
            yield Step(index + 1, len(todo), case, measurement, keeper.keep(measurement))
    keeper.close()


def _outcome(job: dict[str, Any], time_limit_s: float) -> WorkerEnd:
    """What comes of a job in a process of its own."""
    trial = Attempt(job, time_limit_s, MODULE)
    try:
        while (outcome := trial.wait(TICK_S)) is None:
            continue
    except BaseException:
        trial.discard()
        raise
    return outcome


def _done(store: Store, machine: Machine) -> set[str]:
    """Cases that this machine has finished with these libraries, whatever came of them."""
    return {
        document["case"]
        for document in map(json.loads, store.documents(kind="study"))
        if document["case"]
        and document["machine"]["machine_id"] == machine.machine_id
        and document["machine"]["libraries"].get("torch") == machine.libraries.get("torch")
        and document["provenance"]["origin"] == "measured"
    }
