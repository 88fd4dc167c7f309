"""Measures cases one after another, each in a process of its own, and keeps every record.

A session remembers the ceilings it has probed and the records that the store wouldn't take. Its
methods are generators: they yield events while they wait and return what came out.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Generator, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from time import perf_counter

from modelworth.bench.models.narrow_limits import WEIGHTS_ONLY
from modelworth.bench.run import record
from modelworth.bench.run.isolation import Attempt, WorkerEnd
from modelworth.bench.run.keeper import Keeper
from modelworth.bench.run.observation import Observation
from modelworth.bench.run.progress import Event, Progress
from modelworth.bench.run.together import RankedAttempt, attempt
from modelworth.bench.timing.machine import detect
from modelworth.bench.work.task import Limits, Task
from modelworth.data.errors import InputError
from modelworth.data.measurement import Ceilings, Machine, Measurement, Provenance
from modelworth.data.store import Store
from modelworth.data.words import Precision

TICK_S, PROBE_LIMIT_S = 0.5, 180.0
PREPARE = "modelworth.bench.work.prepare:prepare"


class Session:
    """One run of the harness.

    Attributes:
        progress: what the events tell.
        refuses: whether a case that can't be asked for is an error instead of a record.
        phases_s: when each phase of the last case began, in seconds from `asked_s`, its start.

    Args:
        store: where records go; None keeps none (all ranks but the first).
        limits: how long and how precisely a case is measured.
        suite: name under which records are kept, and by which a run is taken up again.
        prepare: the function that makes a `Work` of a case, as `module:name`.
        command: the command line to note in the records.
        ceilings: whether to measure the machine's ceilings first; without, no utilisation.
        profiles: folder for a profile of each measured case; None: no profiles.
    """

    def __init__(
        self,
        store: Store | None,
        limits: Limits,
        *,
        suite: str | None = None,
        prepare: str = PREPARE,
        command: str | None = None,
        ceilings: bool = True,
        profiles: Path | None = None,
    ) -> None:
        self.store, self.limits, self.suite = store, limits, suite
        self.progress, self.refuses = Progress(limits), False
        self._ceilings, self._profiles, self._prepare = ceilings, profiles, prepare
        self._keeper, self._budget_s = Keeper(store), min(1.0, limits.timed_s / 4)
        self._machines: dict[Precision, Machine] = {}  # with their ceilings, by precision
        self._provenance = provenance(command)
        self.phases_s: Mapping[str, float] = {}
        self.asked_s = 0.0

    def measured(self, case: Task) -> Generator[Event, None, Measurement]:
        """Measure a case and keep its record.

        Raises:
            InputError: if the case can't be asked for and the session refuses that.
        """
        yield from self._probed(case)
        self.progress.begin(case.label)
        yield self.progress.event("case")
        outcome = yield from self.outcome(case, self.limits, self._profile(case))
        if outcome.bad_input and self.refuses:
            raise InputError(*outcome.bad_input)
        measurement = yield from self._recorded(case, outcome)
        yield self.keep(measurement)
        return measurement

    def outcome(
        self, case: Task, limits: Limits, profile: str | None = None
    ) -> Generator[Event, None, WorkerEnd]:
        """What comes of a case in a process of its own; nothing is kept."""
        job = {
            "action": "measure",
            "case": case.model_dump(mode="json"),
            "limits": limits.model_dump(mode="json"),
            "prepare": self._prepare,
            "profile": profile,
        }
        self.asked_s = perf_counter()
        trial = attempt(job, limits.time_limit_s, limits.start_limit_s)
        self.phases_s = trial.began_s
        return (yield from self.told(trial))

    def told(self, trial: Attempt | RankedAttempt) -> Generator[Event, None, WorkerEnd]:
        """What comes of an attempt, its news told meanwhile; it ends if nobody goes on asking."""
        try:
            while (outcome := trial.wait(TICK_S)) is None:
                yield self.progress.event("tick", news=trial.news)
        except BaseException:
            trial.discard()
            raise
        return outcome

    def failed(self, case: Task, outcome: WorkerEnd) -> Measurement:
        """The record of an outcome that isn't a measurement."""
        return record.failed(
            case,
            outcome.status,
            outcome.reason or "the worker gave no reason",
            self._machine(case),
            self._provenance,
            self.suite,
        )

    def keep(self, measurement: Measurement) -> Event:
        """Store a record; the event says whether that worked."""
        trouble = self._keeper.keep(measurement)
        self.progress.finish()
        return self.progress.event("unsaved" if trouble else "done", trouble or "", measurement)

    def close(self) -> None:
        """End the session.

        Raises:
            ModelworthError: if records couldn't be stored; it says where they are.
        """
        self._keeper.close()

    def _profile(self, case: Task) -> str | None:
        """Where a case's profile goes, without an ending."""
        if self._profiles is None:
            return None
        name = re.sub(r"[^\w.+-]+", "-", case.label.replace("×", "x"))
        return str(self._profiles.absolute() / f"{name}-{case.id[:6]}")

    def _machine(self, case: Task) -> Machine:
        """The case's machine; without ceilings where none were measured."""
        found = self._machines.get(probed_as(case))
        return found or detect(case.device, case.workload.layout.devices)

    def _probed(self, case: Task) -> Iterator[Event]:
        """Measure the ceilings at the case's precision, the first time one needs them."""
        if self._ceilings and probed_as(case) not in self._machines:
            self.progress.begin(f"ceilings at {probed_as(case)}")
            yield self.progress.event("probe")
            yield from self._probing(case)

    def _probing(self, case: Task) -> Iterator[Event]:
        """Measure them, and keep the best that was seen; a probe that fails leaves none."""
        precision, before = probed_as(case), self._machine(case)
        asked = {"device": case.device, "precision": precision, "budget_s": self._budget_s}
        outcome = yield from self.told(attempt({"action": "probe", **asked}, PROBE_LIMIT_S))
        found = before
        if outcome.value is not None:
            found = Machine.model_validate_json(outcome.value)
        else:
            said = f"no ceilings at {precision}: {outcome.status}: {outcome.reason}"
            yield self.progress.event("notice", said)
        best = higher(before.ceilings, found.ceilings)
        self._machines[precision] = found.model_copy(update={"ceilings": best})

    def _recorded(self, case: Task, outcome: WorkerEnd) -> Generator[Event, None, Measurement]:
        """The measurement of an outcome; ceilings that it exceeds are probed once more."""
        if outcome.value is None:
            return self.failed(case, outcome)
        seen = Observation.model_validate_json(outcome.value)
        if seen.graph_breaks:
            said = f"{case.label}: compiled in pieces, as the model's own code stops a graph"
            yield self.progress.event("notice", f"{said}: {', '.join(seen.graph_breaks)}")
        mfu, mbu = record.utilisation(seen, self._machine(case).ceilings)
        if any(share is not None and share > 1 for share in (seen.of_kernels(mfu), mbu)):
            yield from self._probing(case)
        machine = self._machine(case)
        return record.measured(case, seen, machine, self._provenance, self.suite)


def probed_as(case: Task) -> Precision:
    """The precision of a case's products, whose ceilings count: narrow weights run in bfloat16."""
    precision = case.workload.precision
    return "bfloat16" if precision in WEIGHTS_ONLY else precision


def higher(one: Ceilings, other: Ceilings) -> Ceilings:
    """The better of two probes, ceiling by ceiling."""
    pairs = {
        name: [value for value in (getattr(one, name), getattr(other, name)) if value is not None]
        for name in Ceilings.model_fields
    }
    return Ceilings(**{name: max(values, default=None) for name, values in pairs.items()})


def provenance(command: str | None) -> Provenance:
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
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None
