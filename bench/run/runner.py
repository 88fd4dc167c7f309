"""Runs the cases of a suite one by one and tells how it goes, event by event.

    with open_store() as store:
        for event in run(cases, Session(store, limits, suite="quick")):
            ...

Each record is in the store before its event is given, so that killing this process loses at most
the case in progress. A run that was cut short is taken up where it stopped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from modelworth.bench.run.expected import each_s
from modelworth.bench.run.progress import Event, Progress
from modelworth.bench.run.session import Session
from modelworth.bench.run.together import one_decides
from modelworth.bench.timing.machine import detect
from modelworth.bench.work.task import DeviceKind, Task
from modelworth.data.store import Store

RESUME_WITHIN = timedelta(hours=24)
"""A run cut short longer ago than this is begun anew."""


def run(
    cases: Sequence[Task],
    session: Session,
    *,
    again: bool = False,
    look: Callable[[DeviceKind], str | None] | None = None,
) -> Iterator[Event]:
    """Measure the cases that the last run of the session's suite didn't.

    Args:
        cases: in the order in which to measure them.
        session: how, and where records go.
        again: begin anew even if the last run was cut short.
        look: says what is wrong with the machine before anything is measured, if it is.

    Raises:
        InputError: if the only case is one that can't be asked for.
        ModelworthError: at the end, if records couldn't be stored.
    """
    store, suite, limits = session.store, session.suite, session.limits
    done = [] if again or suite is None or store is None else _finished(cases, store, suite)
    done = one_decides(done)
    todo = [case for case in cases if case.id not in done]
    expected = each_s(limits, todo)
    progress = Progress(limits, len(todo), skipped=len(cases) - len(todo), expected_s=expected)
    session.progress, session.refuses = progress, len(cases) == 1
    yield progress.event("plan", _plan_message(progress, suite))
    if todo and look is not None and (notice := look(todo[0].device)):
        yield progress.event("notice", notice)
    for case in todo:
        yield from session.measured(case)
    yield progress.event("end")
    session.close()


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


def _finished(cases: Sequence[Task], store: Store, suite: str) -> list[str]:
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
    total = (progress.total or 0) + progress.skipped
    if not progress.skipped:
        return f"{total} cases" if total > 1 else "1 case"
    return (
        f"taking up the last run of {suite}, which was cut short: {progress.skipped} of {total} "
        "cases are there already (--again measures all)"
    )
