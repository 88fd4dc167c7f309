"""How long a case will take, roughly: building, compiling, warming up, timing and memory.

Guesses for a list and a budget; a run corrects them by what its cases took.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelworth.bench.work.task import DeviceKind, Limits, Task
from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError

PROBING_S = 4.0
"""The ceilings of one precision."""
STARTING_S = 2.0
"""The process, and the pass for memory."""
COMPILING_S: dict[DeviceKind, float] = {"cpu": 25.0, "cuda": 40.0}
BUILDING_S_PER_PARAMETER: dict[DeviceKind, float] = {"cpu": 1e-8, "cuda": 1e-9}
"""Random weights are drawn one by one."""


def expected_s(limits: Limits, case: Task) -> float:
    """Seconds that a case takes, roughly."""
    seconds = limits.warmup_s / 2 + limits.timed_s + STARTING_S
    if case.workload.compiled:
        seconds += COMPILING_S[case.device]
    return seconds + _parameters(case) * BUILDING_S_PER_PARAMETER[case.device]


def suite_s(limits: Limits, cases: Sequence[Task]) -> float:
    """Seconds that cases take together, with the ceilings of their precisions."""
    precisions = {case.workload.precision for case in cases}
    return len(precisions) * PROBING_S + sum(expected_s(limits, case) for case in cases)


def _parameters(case: Task) -> int:
    """The catalogue's count; 0 for a model that it lacks."""
    try:
        return load_catalog().model(case.model).parameters_total or 0
    except InputError:
        return 0
