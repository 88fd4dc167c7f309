"""What the proof of a device measures, in which sizes, and how long each step takes, roughly."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

from modelworth.bench.run.expected import PROBING_S, STARTING_S, expected_s
from modelworth.bench.run.machine_ceilings import probed_as
from modelworth.bench.run.progress import Event
from modelworth.bench.run.proof_page import Finding
from modelworth.bench.run.request import Request
from modelworth.bench.work.task import DeviceKind, Limits, Task
from modelworth.data.errors import InputError

LIMITS: dict[DeviceKind, Limits] = {
    "cuda": Limits(timed_s=5.0, warmup_s=3.0, time_limit_s=60.0, start_limit_s=240.0),
    "cpu": Limits(timed_s=1.0, warmup_s=0.5, time_limit_s=60.0, start_limit_s=120.0),
}
BRIEF = {"timed_s": 2.0, "warmup_s": 2.0}
"""On a GPU, of a case that only shows that something works, or is held against one like it."""
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
    "cuda": ("bf16", "int4", "fp8"),
    "cpu": ("bf16", "int8", "int4"),
}
"""Formats whose decoding is held against the first."""
TRIALS = 4
"""Of that search, roughly."""
JOB_S: dict[str, float] = {"environment": 2.0, "attention": 6.0, "replay": 2.0, "generate": 4.0,
                           "products": 2.0, "fits": 2.0}  # fmt: skip
"""Seconds of a job, roughly, beside its process, its model and its compiler."""

Steps = Generator[Event, None, Finding]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a proof.

    Attributes:
        jobs: what it looks at, and of which case.
        cases: what it measures.
    """

    title: str
    take: Callable[[], Steps]
    jobs: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()


def case_of(device: DeviceKind, key: str) -> Task:
    """One of the cases, complete.

    Raises:
        InputError: if this device can't do it.
    """
    part, asked = CASES[key]
    sizes = SIZES[device].get(key, {})
    return Request(model=MODELS[device][part], **asked | sizes).case(device)


def limits_of(device: DeviceKind, key: str) -> Limits:
    """How long it is measured: in full, or briefly."""
    brief = BRIEF if device == "cuda" and key not in IN_FULL else {}
    return LIMITS[device].model_copy(update=brief)


def expected(device: DeviceKind, steps: Sequence[Step]) -> list[float]:
    """Seconds that each step takes, roughly: what one has compiled or probed, a later one finds."""
    probed: set[str] = set()
    compiled: set[str] = set()

    def of_case(case: Task, limits: Limits | None) -> float:
        again = case.id in compiled
        compiled.add(case.id)
        return expected_s(limits, case, again=again)

    def of_job(job: str) -> float:
        name, _, key = job.partition(" ")
        seconds = JOB_S[name]
        if not key:
            return seconds + STARTING_S[device]
        case = case_of(device, key)
        if name != "replay":  # which alone compiles
            eager = case.workload.model_copy(update={"compiled": False})
            case = case.model_copy(update={"workload": eager})
        return seconds + of_case(case, None)

    def of_step(step: Step) -> float:
        try:
            cases = [(case_of(device, key), limits_of(device, key)) for key in step.cases]
        except InputError:  # what this device can't do is told at once
            return 0.0
        new = {probed_as(case) for case, _ in cases} - probed
        probed.update(new)
        timed = sum(of_case(*one) for one in cases)
        return timed + len(new) * PROBING_S + sum(map(of_job, step.jobs))

    return [of_step(step) for step in steps]
