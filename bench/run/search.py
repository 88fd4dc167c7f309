"""Finds a limit by trying: the largest batch or longest sequence that fits, the fastest batch.

Doubling until something doesn't fit, then bisection; every attempt is a fresh process, because an
allocator that has run out of memory once isn't the one that a user will have. What fits is
measured in full once; the attempt that failed is kept as well, as it is where the limit lies.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

from modelworth.bench.run.isolation import WorkerEnd
from modelworth.bench.run.progress import Event
from modelworth.bench.run.session import Session
from modelworth.bench.work.task import Task
from modelworth.data.errors import InputError, ModelworthError
from modelworth.data.measurement import Measurement

FINENESS = 32
HIGHEST = 2**24
VARIED = {"largest-batch": "batch", "longest-sequence": "prompt_tokens"}
NAMES = {"batch": "batch", "prompt_tokens": "sequence"}
WORTHWHILE = 1.02
"""A larger batch must give so many times the throughput to be worth its latency."""


def run(
    what: str,
    case: Task,
    session: Session,
    *,
    highest: int = HIGHEST,
    fineness: int = FINENESS,
) -> Iterator[Event]:
    """Search from a case; the last event's message says what was found.

    Args:
        what: `largest-batch`, `longest-sequence` or `best-batch`.
        case: where to start; all but what is varied stays.
        session: how to measure in full, and where records go.
        highest: beyond which nothing is tried.
        fineness: the limit is found to within one part in so many.

    Raises:
        InputError: if the case can't be asked for, or has no length to vary.
        ModelworthError: if records couldn't be stored.
    """
    session.refuses = True
    yield session.progress.event("plan", f"searching the {what.replace('-', ' ')}")
    if what == "best-batch":
        found = yield from _best_batch(session, case)
    else:
        field = VARIED[what]
        start = getattr(case.workload, field)
        if start is None:
            raise InputError("search", f"{what} of a model that reads images", "largest-batch")
        found = yield from _largest(session, case, field, climb(start, highest, fineness))
    yield session.progress.event("end", found)
    session.close()


def climb(
    start: int, highest: int = HIGHEST, fineness: int = FINENESS
) -> Generator[int, bool, int]:
    """Yields what to try, is sent whether it fits, returns the largest that does (0: not even 1).

    Starts at `start`, doubles while it fits, halves while it doesn't, then bisects.
    """
    fits, fails, trial = 0, highest + 1, min(start, highest)
    while fails - fits > max(1, fits // fineness):
        if (yield trial):
            fits = trial
        else:
            fails = trial
        trial = _next_trial(fits, fails, highest)
    return fits


def _next_trial(fits: int, fails: int, highest: int) -> int:
    if fails > highest:
        return min(2 * fits, highest)
    return fails // 2 if fits == 0 else (fits + fails) // 2


def _varied(case: Task, field: str, value: int) -> Task:
    workload = case.workload.model_copy(update={field: value})
    return case.model_copy(update={"workload": workload})


def _largest(
    session: Session,
    case: Task,
    field: str,
    trials: Generator[int, bool, int],
) -> Generator[Event, None, str]:
    name, start = NAMES[field], getattr(case.workload, field)
    trying = session.limits.model_copy(
        update={"warmup_s": 1e-9, "timed_s": 1e-9, "min_samples": 1, "max_samples": 1}
    )
    failure: tuple[int, WorkerEnd] | None = None
    value = next(trials)
    while True:
        session.progress.begin(f"does {name} {value} fit?")
        yield session.progress.event("case")
        outcome = yield from session.outcome(_varied(case, field, value), trying)
        _require_about_size(outcome, value == start)
        if outcome.status != "ok" and (failure is None or value < failure[0]):
            failure = value, outcome
        try:
            value = trials.send(outcome.status == "ok")
        except StopIteration as stop:
            largest = stop.value
            break
    return (yield from _concluded(session, case, field, largest, failure))


def _concluded(
    session: Session,
    case: Task,
    field: str,
    largest: int,
    failure: tuple[int, WorkerEnd] | None,
) -> Generator[Event, None, str]:
    """Keep the failure, measure what fits, and say both."""
    name, beyond = NAMES[field], ""
    if failure is not None:
        value, outcome = failure
        beyond = f"; {value} doesn't ({outcome.status}: {outcome.reason})"
        if not outcome.bad_input:  # a limit of positions is no outcome of this machine
            failed = _varied(case, field, value)
            session.progress.begin(failed.label)
            yield session.keep(session.failed(failed, outcome))
    if largest == 0:
        return f"not even {name} 1 fits{beyond}"
    yield from session.measured(_varied(case, field, largest))
    if not beyond:
        return f"{name} {largest} fits; nothing larger was tried"
    return f"the largest {name} that fits is {largest}{beyond}"


def _require_about_size(outcome: WorkerEnd, first: bool) -> None:
    """Only a lack of memory, of time or of positions, or the device's fault, may be for the size.

    Raises:
        InputError: if the case can't be asked for at all.
        ModelworthError: if it fails for another reason.
    """
    if outcome.bad_input and first:
        raise InputError(*outcome.bad_input)
    if outcome.status == "error" and not (outcome.bad_input or outcome.of_device):
        raise ModelworthError(f"the search stopped: {outcome.reason}")


def _best_batch(session: Session, case: Task) -> Generator[Event, None, str]:
    """Double the batch while that pays; the smallest within 2% of the best is the answer."""
    seen: list[Measurement] = []
    batch = case.workload.batch
    while True:
        measurement = yield from session.measured(_varied(case, "batch", batch))
        if measurement.result is None:
            break
        seen.append(measurement)
        if _no_longer_pays(seen):
            break
        batch *= 2
    rates = {one.workload.batch: one.result.throughput_per_s.value for one in seen if one.result}
    if not rates:
        return f"batch {batch} can't be measured: {measurement.reason}"
    best = max(rates.values())
    answer = min(size for size, rate in rates.items() if rate * WORTHWHILE >= best)
    return f"the best batch is {answer}: the smallest within 2% of the highest throughput"


def _no_longer_pays(seen: list[Measurement]) -> bool:
    """Whether two doublings in a row have brought less than 2%."""
    rates = [one.result.throughput_per_s.value for one in seen if one.result]
    return len(rates) > 2 and max(rates[-2:]) < WORTHWHILE * max(rates[:-2])
