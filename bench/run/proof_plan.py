"""What the proof of a device measures, in which sizes, and how long each step takes, roughly."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from modelworth.bench.run.expected import PROBING_S, STARTING_S, Pace, expected_s
from modelworth.bench.run.progress import Event
from modelworth.bench.run.request import Request
from modelworth.bench.run.session import probed_as
from modelworth.bench.work.task import DeviceKind, Limits, Task
from modelworth.data.errors import InputError

LIMITS: dict[DeviceKind, Limits] = {
    "cuda": Limits(timed_s=5.0, warmup_s=3.0, time_limit_s=60.0, start_limit_s=240.0),
    "cpu": Limits(timed_s=1.0, warmup_s=0.5, time_limit_s=60.0, start_limit_s=120.0),
}
BRIEF: dict[DeviceKind, dict[str, Any]] = {
    "cuda": {"timed_s": 2.0, "warmup_s": 2.0},
    "cpu": {"timed_s": 0.1, "warmup_s": 0.1, "min_samples": 1, "memory": False},
}
"""Of a case that is held against another, and of all once the rest would take too long."""
MODELS: dict[DeviceKind, dict[str, str]] = {
    "cuda": {"small": "ladder-160m", "decoded": "llama-3.1-8b", "trained": "gpt3-1.3b",
             "mixture": "moe-32m", "crowded": "llama-3.2-3b", "narrow": "llama-3.2-1b"},
    "cpu": {"small": "ladder-1m", "decoded": "ladder-4m", "trained": "gpt-1m",
            "mixture": "moe-2m", "crowded": "ladder-4m", "narrow": "ladder-1m"},
}  # fmt: skip
DECODE, PRETRAIN, EAGER = {"work": "decode"}, {"work": "pretrain"}, {"compile": False}
PLAIN = {**DECODE, **EAGER, "cuda_graphs": False}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "small": ("small", DECODE),
    "plain": ("small", PLAIN),
    "apart": ("small", {**PLAIN, "fused_projections": False}),
    "again": ("small", DECODE),
    "written": ("small", {"work": "generate", "new_tokens": 16}),
    "decode": ("decoded", {**DECODE, "batch": 1}),
    "train": ("trained", PRETRAIN),
    "train fp8": ("trained", {**PRETRAIN, "precision": "fp8"}),
    "mixture": ("mixture", PRETRAIN),
    "products": ("mixture", {**PRETRAIN, **EAGER, "prompt_tokens": 64, "precision": "bf16"}),
    "crowded": ("crowded", {**PRETRAIN, **EAGER}),
    "largest": ("small", {**PRETRAIN, **EAGER}),
    **{f"narrow {name}": ("narrow", {**DECODE, **EAGER, "precision": name})
       for name in ("bf16", "int8", "int4", "fp8")},
}  # fmt: skip
"""What is measured or looked at: a model's part in `MODELS`, and what is asked of it."""
SIZES: dict[DeviceKind, dict[str, dict[str, int]]] = {
    "cuda": {
        "train": {"batch": 8, "prompt_tokens": 2048},
        "train fp8": {"batch": 8, "prompt_tokens": 2048},
        "crowded": {"batch": 64},  # can't fit
        "largest": {"batch": 32, "prompt_tokens": 2048},
    },
    "cpu": {
        "train": {"batch": 2, "prompt_tokens": 64},
        "train fp8": {"batch": 2, "prompt_tokens": 64},
        "crowded": {"batch": 2**26},
        "largest": {"batch": 2, "prompt_tokens": 32},
        "mixture": {"prompt_tokens": 64},
        "written": {"new_tokens": 16, "prompt_tokens": 32},
    },
}
"""And how much of it on such a device."""
IN_FULL = ("small", "decode", "train", "train fp8")
"""Cases whose figures stand for the device: the others are brief on a GPU."""
NARROW: dict[DeviceKind, tuple[str, ...]] = {
    "cuda": ("narrow bf16", "narrow int4", "narrow fp8"),
    "cpu": ("narrow bf16", "narrow int8", "narrow int4"),
}
"""Formats whose decoding is held against the first."""
TRIALS = 4
"""Of that search, roughly."""
JOB_S = {"environment": 2.0, "attention": 6.0, "replay": 2.0, "generate": 4.0, "products": 2.0,
         "fits": 2.0}  # fmt: skip
"""Seconds of a job, roughly, beside its process, its model and its compiler."""

Steps = Generator[Event, None, tuple[str, bool]]
"""A step on its way: at its end what was seen, and whether that is as it should be."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a proof.

    Attributes:
        good: what it should look like.
        jobs: what it looks at, and of which case.
        cases: what it measures.
        of_gpu: whether a processor has nothing to hold what it sees against.
    """

    title: str
    good: str
    take: Callable[[], Steps]
    jobs: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    of_gpu: bool = False


@cache
def case_of(device: DeviceKind, key: str, *, eager: bool = False) -> Task:
    """One of the cases, complete; `eager` leaves the compiler out.

    Raises:
        InputError: if this device can't do it.
    """
    part, asked = CASES[key]
    asked = asked | SIZES[device].get(key, {}) | (EAGER if eager else {})
    return Request(model=MODELS[device][part], **asked).case(device)


def limits_of(device: DeviceKind, key: str, *, brief: bool = False) -> Limits:
    """How long it is measured: in full, or briefly."""
    brief = brief or (device == "cuda" and key not in IN_FULL)
    return LIMITS[device].model_copy(update=BRIEF[device] if brief else {})


def expected(
    device: DeviceKind,
    steps: Sequence[Step],
    pace: Pace | None = None,
    done: frozenset[str] = frozenset(),
    *,
    brief: bool = False,
    eager: bool = False,
) -> list[float]:
    """Seconds that each step takes, roughly: what one has compiled or probed, a later one finds.

    Args:
        device: that is proven.
        steps: in turn.
        pace: of this machine, as far as it is known.
        done: what earlier steps have left, as `left_by` says.
        brief: whether all is timed briefly.
        eager: whether nothing is compiled.
    """
    pace, found = pace or Pace(), set(done)

    def until(case: Task, limits: Limits | None) -> float:
        return expected_s(limits, case, again=case.id in found, pace=pace)

    def of_job(job: str) -> float:
        name, _, key = job.partition(" ")
        if not key:
            return JOB_S[name] + pace.rest * STARTING_S[device]
        # the replay alone compiles
        return JOB_S[name] + until(case_of(device, key, eager=eager or name != "replay"), None)

    def of_step(step: Step) -> float:
        try:
            cases = [(case_of(device, key, eager=eager), limits_of(device, key, brief=brief))
                     for key in step.cases]  # fmt: skip
        except InputError:  # what this device can't do is told at once
            return 0.0
        probes = {probed_as(case) for case, _ in cases} - found
        seconds = sum(map(of_job, step.jobs)) + len(probes) * PROBING_S
        seconds += sum(until(*one) for one in cases)
        found.update(left_by(device, step))
        return seconds

    return [of_step(step) for step in steps]


def left_by(device: DeviceKind, step: Step) -> set[str]:
    """What later steps find done: precisions that are probed, and cases that are compiled."""
    replayed = [job.partition(" ")[2] for job in step.jobs if job.startswith("replay")]
    try:
        cases = [case_of(device, key) for key in step.cases]
        return {probed_as(one) for one in cases} | {
            one.id for one in (*cases, *(case_of(device, key) for key in replayed))
        }
    except InputError:
        return set()
