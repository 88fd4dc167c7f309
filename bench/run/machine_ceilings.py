"""The machine with the ceilings that this run has measured, precision by precision."""

from __future__ import annotations

from collections.abc import Iterator

from modelworth.bench.run.together import attempt
from modelworth.bench.timing.machine import detect
from modelworth.bench.work.task import Task
from modelworth.data.measurement import Ceilings, Machine
from modelworth.data.words import Precision

PROBE_LIMIT_S = 180.0
TICK_S = 0.5


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

    def probing(self, case: Task) -> Iterator[None]:
        """Probe the case's precision; yields while it waits. A failed probe leaves None."""
        precision = probed_as(case)
        job = {
            "action": "probe",
            "device": case.device,
            "precision": precision,
            "budget_s": self._budget_s,
        }
        trial = attempt(job, PROBE_LIMIT_S)
        try:
            while (outcome := trial.wait(TICK_S)) is None:
                yield
        except BaseException:
            trial.discard()
            raise
        before = self._known.get(precision)
        if outcome.value is not None:
            found = Machine.model_validate_json(outcome.value)
        else:
            found = detect(case.device, case.workload.layout.devices)
        best = higher(before.ceilings, found.ceilings) if before else found.ceilings
        self._known[precision] = found.model_copy(update={"ceilings": best})


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
