"""Runs the cases of a suite one by one and tells how it goes, event by event.

    with open_store() as store:
        for event in run(cases, store, suite="quick", limits=limits):
            ...

Each record is in the store before its event is given, so that killing this process loses at most
the case in progress. A run that was cut short is taken up where it stopped.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Generator, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path

from bench import record
from bench.case import Case, Limits
from bench.isolation import Outcome
from bench.keeper import Keeper
from bench.machine import detect
from bench.machines import TICK_S, Machines
from bench.observation import Observation
from bench.progress import Event, Progress
from bench.together import attempt, one_decides
from data.errors import InputError
from data.measurement import Measurement, Provenance
from data.store import Store

RESUME_WITHIN = timedelta(hours=24)
"""A run cut short longer ago than this is begun anew."""
PREPARE = "bench.work:prepare"


def run(
    cases: Sequence[Case],
    store: Store | None,
    *,
    limits: Limits,
    suite: str | None = None,
    again: bool = False,
    prepare: str = PREPARE,
    command: str | None = None,
) -> Iterator[Event]:
    """Measure the cases that the last run of this suite didn't.

    Args:
        cases: in the order in which to measure them.
        store: where records go; None keeps none (all ranks but the first).
        limits: how long and how precisely.
        suite: name under which records are kept and by which a run is taken up again.
        again: begin anew even if the last run was cut short.
        prepare: the function that makes a `Work` of a case, as `module:name`.
        command: the command line to note in the records.

    Raises:
        InputError: if the only case is one that can't be asked for.
        ModelworthError: at the end, if records couldn't be stored.
    """
    done = [] if again or suite is None or store is None else _finished(cases, store, suite)
    done = one_decides(done)
    todo = [case for case in cases if case.id not in done]
    progress = Progress(todo, limits, skipped=len(cases) - len(todo))
    yield progress.event("plan", _plan_message(progress, suite))
    keeper, machines = Keeper(store), Machines(min(1.0, limits.timed_s / 4))
    provenance = _provenance(command)
    for case in todo:
        yield from _probed(machines, case, progress)
        progress.begin(case.label)
        yield progress.event("case")
        outcome = yield from _waited(case, limits, prepare, progress)
        if outcome.bad_input and len(cases) == 1:
            raise InputError(*outcome.bad_input)
        measurement = yield from _recorded(case, outcome, machines, provenance, suite, progress)
        trouble = keeper.keep(measurement)
        progress.finish()
        yield progress.event("unsaved" if trouble else "done", trouble or "", measurement)
    yield progress.event("end")
    keeper.close()


def finished_in_last_run(
    records: Iterable[tuple[str, datetime]], wanted: set[str], now: datetime
) -> set[str]:
    """Cases that the last run of a suite has done, if it was cut short; none if it was complete.

    Args:
        records: case and time of each record of the suite on this machine, oldest first. A run ends
            where a case comes again, or where nothing came for a day.
        wanted: the suite's cases.
        now: the present.
    """
    current: set[str] = set()
    last: datetime | None = None
    for case, moment in records:
        if case in current or (last is not None and moment - last > RESUME_WITHIN):
            current = set()
        current.add(case)
        last = moment
    if last is None or now - last > RESUME_WITHIN or wanted <= current:
        return set()
    return current & wanted


def _finished(cases: Sequence[Case], store: Store, suite: str) -> list[str]:
    """Cases done in this suite's last run on this machine with this torch."""
    here = detect(cases[0].device) if cases else None
    records = []
    for document in map(json.loads, store.documents(suite=suite)):
        there = document["machine"]
        if (
            here is not None
            and document["case"]
            and there["machine_id"] == here.machine_id
            and there["libraries"].get("torch") == here.libraries.get("torch")
        ):
            records.append((document["case"], datetime.fromisoformat(document["recorded_at"])))
    wanted = {case.id for case in cases}
    return sorted(finished_in_last_run(records, wanted, datetime.now(UTC)))


def _plan_message(progress: Progress, suite: str | None) -> str:
    total = len(progress.cases) + progress.skipped
    if not progress.skipped:
        return f"{total} cases" if total > 1 else "1 case"
    return (
        f"taking up the last run of {suite}, which was cut short: {progress.skipped} of {total} "
        "cases are there already (--again measures all)"
    )


def _probed(machines: Machines, case: Case, progress: Progress) -> Iterator[Event]:
    """Measure the ceilings at the case's precision, the first time one needs them."""
    if not machines.knows(case):
        progress.begin(f"ceilings at {case.workload.precision}")
        yield progress.event("probe")
        yield from _ticking(machines.probing(case), progress)


def _ticking(waiting: Iterator[None], progress: Progress) -> Iterator[Event]:
    for _ in waiting:
        yield progress.event("tick")


def _waited(
    case: Case, limits: Limits, prepare: str, progress: Progress
) -> Generator[Event, None, Outcome]:
    """The outcome of measuring a case in a process of its own."""
    job = {
        "action": "measure",
        "case": case.model_dump(mode="json"),
        "limits": limits.model_dump(mode="json"),
        "prepare": prepare,
    }
    trial = attempt(job, limits.time_limit_s)
    try:
        while (outcome := trial.wait(TICK_S)) is None:
            yield progress.event("tick")
    except BaseException:
        trial.discard()
        raise
    return outcome


def _recorded(
    case: Case,
    outcome: Outcome,
    machines: Machines,
    provenance: Provenance,
    suite: str | None,
    progress: Progress,
) -> Generator[Event, None, Measurement]:
    """The measurement of an outcome; ceilings that it exceeds are probed once more."""
    if outcome.value is None:
        reason = outcome.reason or "the worker gave no reason"
        machine = machines.machine(case)
        return record.failed(case, outcome.status, reason, machine, provenance, suite)
    seen = Observation.model_validate_json(outcome.value)
    shares = record.utilisation(seen, machines.machine(case).ceilings)
    if any(share is not None and share > 1 for share in shares):
        yield from _ticking(machines.probing(case), progress)
    return record.measured(case, seen, machines.machine(case), provenance, suite)


def _provenance(command: str | None) -> Provenance:
    """This tool, its version and, in a checkout, its commit."""
    try:
        version = metadata.version("modelworth")
    except metadata.PackageNotFoundError:
        version = None
    return Provenance(
        origin="measured",
        tool="modelworth",
        tool_version=version,
        command=command,
        commit=_commit(),
    )


def _commit() -> str | None:
    """The commit of the checkout that this runs from; None where it is installed."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None
