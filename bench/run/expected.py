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
STARTING_S: dict[DeviceKind, float] = {"cpu": 2.0, "cuda": 4.0}
"""The process with its context, and the pass for memory."""
COMPILING_S: dict[DeviceKind, float] = {"cpu": 25.0, "cuda": 40.0}
COMPILED_BEFORE_S = 12.0
"""Tracing alone: what a case of the same shapes has compiled is found on disk."""
SETTLING_S: dict[DeviceKind, float] = {"cpu": 0.0, "cuda": 2.0}
"""What warm-up and timing last at least."""
BUILDING_S_PER_PARAMETER: dict[DeviceKind, float] = {"cpu": 1e-8, "cuda": 1e-9}
"""Random weights are drawn one by one."""


def expected_s(limits: Limits | None, case: Task, *, again: bool = False) -> float:
    """Seconds that a case takes, roughly; fewer if the same has been compiled before.

    Without limits: until its first step has ended.
    """
    seconds = STARTING_S[case.device]
    if limits is not None:
        least = SETTLING_S[case.device]
        seconds += max(limits.warmup_s / 2, least) + max(limits.timed_s, least)
    if case.workload.compiled:
        seconds += COMPILED_BEFORE_S if again else COMPILING_S[case.device]
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
