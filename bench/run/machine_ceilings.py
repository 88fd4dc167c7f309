"""The machine with the ceilings that this run has measured, precision by precision."""

from __future__ import annotations

from modelworth.bench.run.isolation import Attempt, WorkerEnd
from modelworth.bench.run.together import RankedAttempt, attempt
from modelworth.bench.timing.machine import detect
from modelworth.bench.work.task import Task
from modelworth.data.measurement import Ceilings, Machine
from modelworth.data.words import Precision

PROBE_LIMIT_S = 180.0


class Machines:
    """Probes a precision when it is first needed and remembers the best that was seen.

    Args:
        budget_s: seconds for each ceiling.
    """

    def __init__(self, budget_s: float = 1.0) -> None:
        self._budget_s = budget_s
        self._known: dict[Precision, Machine] = {}

    def knows(self, case: Task) -> bool:
        """Whether the case's precision has been probed."""
        return probed_as(case) in self._known

    def machine(self, case: Task) -> Machine:
        """The case's machine; without ceilings where none were measured."""
        found = self._known.get(probed_as(case))
        return found or detect(case.device, case.workload.layout.devices)

    def attempt(self, case: Task) -> Attempt | RankedAttempt:
        """Start probing the case's precision."""
        job = {
            "action": "probe",
            "device": case.device,
            "precision": probed_as(case),
            "budget_s": self._budget_s,
        }
        return attempt(job, PROBE_LIMIT_S)

    def take(self, case: Task, outcome: WorkerEnd) -> None:
        """Remember what a probe found; one that failed leaves no ceilings."""
        before = self._known.get(probed_as(case))
        if outcome.value is not None:
            found = Machine.model_validate_json(outcome.value)
        else:
            found = detect(case.device, case.workload.layout.devices)
        best = higher(before.ceilings, found.ceilings) if before else found.ceilings
        self._known[probed_as(case)] = found.model_copy(update={"ceilings": best})


def probed_as(case: Task) -> Precision:
    """The precision of a case's products, whose ceilings count: narrow weights run in bfloat16."""
    precision = case.workload.precision
    return "bfloat16" if precision in ("int8", "int4") else precision


def higher(one: Ceilings, other: Ceilings) -> Ceilings:
    """The better of two probes, ceiling by ceiling."""
    pairs = {
        name: [value for value in (getattr(one, name), getattr(other, name)) if value is not None]
        for name in Ceilings.model_fields
    }
    return Ceilings(**{name: max(values, default=None) for name, values in pairs.items()})
