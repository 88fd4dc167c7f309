"""How long a case will take, roughly: building, compiling, warming up, timing and memory.

Guesses for a list and a budget. A run corrects them by what its cases took; a proof learns this
machine's pace from its first case on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from modelworth.bench.work.task import DeviceKind, Limits, Task
from modelworth.data.catalog import ModelEntry, load_catalog
from modelworth.data.errors import InputError
from modelworth.data.words import TRAINING

PROBING_S = 4.0
"""The ceilings of one precision."""
STARTING_S: dict[DeviceKind, float] = {"cpu": 2.0, "cuda": 4.0}
"""The process with its context, and the pass for memory."""
COMPILING_S_PER_LAYER: dict[bool, float] = {False: 1.5, True: 3.0}
"""By whether the step trains: there is a backward pass to compile as well."""
AGAIN_SHARE = 0.3
"""Of that, tracing alone: what a case of the same shapes has compiled is found on disk."""
LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "encoder_layers")
USUAL_LAYERS = 12
SETTLING_S: dict[DeviceKind, float] = {"cpu": 0.0, "cuda": 2.0}
"""What warm-up and timing last at least."""
BUILDING_S_PER_PARAMETER: dict[DeviceKind, float] = {"cpu": 1e-8, "cuda": 1e-9}
"""Random weights are drawn one by one."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How many times as long as guessed compiling takes here, compiling again, and all else."""

    compiling: float = 1.0
    again: float = 1.0
    rest: float = 1.0

    def learnt(
        self, case: Task, limits: Limits, began_s: Mapping[str, float], taken_s: float, again: bool
    ) -> Pace:
        """The pace as a case shows it that took so long and whose phases began then.

        One that was ended before its first step did compiles for that long at least.
        """
        compiled_s = 0.0
        if "compiling" in began_s:
            compiled_s = began_s.get("warming", taken_s) - began_s["compiling"]
        seen = {}
        if compiled_s:
            seen["again" if again else "compiling"] = compiled_s / _compiling_s(case, again)
        if "timing" in began_s:
            seen["rest"] = (taken_s - compiled_s) / _rest_s(limits, case)
        return replace(self, **seen)


def expected_s(
    limits: Limits | None, case: Task, *, again: bool = False, pace: Pace | None = None
) -> float:
    """Seconds that a case takes, roughly; fewer if the same has been compiled before.

    Without limits: until its first step has ended.
    """
    pace = pace or Pace()
    compiling = pace.again if again else pace.compiling
    return compiling * _compiling_s(case, again) + pace.rest * _rest_s(limits, case)


def each_s(limits: Limits, cases: Sequence[Task]) -> list[float]:
    """Seconds of each case; the first at a precision measures its ceilings as well."""
    probed: set[str] = set()
    found = []
    for case in cases:
        new = case.workload.precision not in probed
        probed.add(case.workload.precision)
        found.append(expected_s(limits, case) + new * PROBING_S)
    return found


def _compiling_s(case: Task, again: bool) -> float:
    if not case.workload.compiled:
        return 0.0
    entry = _entry(case)
    config = entry.config if entry else {}
    layers = next((int(config[key]) for key in LAYERS if config.get(key)), USUAL_LAYERS)
    seconds = layers * COMPILING_S_PER_LAYER[case.workload.kind in TRAINING]
    return seconds * AGAIN_SHARE if again else seconds


def _rest_s(limits: Limits | None, case: Task) -> float:
    """All but compiling."""
    seconds, entry = STARTING_S[case.device], _entry(case)
    if limits is not None:
        least = SETTLING_S[case.device]
        seconds += max(limits.warmup_s / 2, least) + max(limits.timed_s, least)
    parameters = entry.parameters_total if entry else None
    return seconds + (parameters or 0) * BUILDING_S_PER_PARAMETER[case.device]


def _entry(case: Task) -> ModelEntry | None:
    """The catalogue's entry; None for a model that it lacks."""
    try:
        return load_catalog().model(case.model)
    except InputError:
        return None
