"""A device proven in ten minutes: what the harness claims of it, looked at step by step.

Each step has a result, also where it fails. On a GPU the models are those that an 80 GB device is
made for; on a processor the same steps run with small ones. What matters most comes first. How long
this machine takes to start, to build and to compile is learnt from the first case on: by it a step
is timed in full, or briefly, or left out, and each ends at a bound of its own. The records go into
the store and into a file, what was seen onto a page beside what good looks like.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from modelworth.bench.run import search
from modelworth.bench.run.expected import Pace
from modelworth.bench.run.isolation import Attempt
from modelworth.bench.run.progress import Event
from modelworth.bench.run.proof_page import Finding, page, speedup, told
from modelworth.bench.run.proof_plan import (
    LIMITS,
    NARROW,
    TRIALS,
    Step,
    Steps,
    case_of,
    expected,
    left_by,
    limits_of,
)
from modelworth.bench.run.result_table import duration
from modelworth.bench.run.session import Session
from modelworth.bench.work.task import DeviceKind, Limits
from modelworth.data.errors import InputError, ModelworthError
from modelworth.data.measurement import Measurement
from modelworth.data.record_text import serialise
from modelworth.data.store import Store

NAME = "gpu-proof"
JOBS = "modelworth.bench.run.proof_jobs"
JOB_LIMIT_S = 120.0
BUDGET_S = 570.0
"""When the last process is ended: all is written within ten minutes."""
BOUND, LEAST_BOUND_S, UNKNOWN_S = 3.0, 60.0, 240.0
"""How many times as long as expected a step may take, what each may, and before a pace is known."""
TOLERANCE = {"bfloat16": 0.05, "float32": 1e-3}
"""Furthest that logits may be apart, as a share of the largest."""
HIGHEST: dict[DeviceKind, int] = {"cuda": 256, "cpu": 2}
"""Where the search for the largest batch ends."""
FINENESS = 2
"""To one part in so many."""
Judge = Callable[[Measurement, float | None], bool]
"""Whether a record, and its speed beside another's, is what a GPU should show."""


@dataclass(slots=True)
class Proof:
    """One run of all steps."""

    device: DeviceKind
    session: Session
    command: str | None
    measured: dict[str, Measurement] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    pace: Pace = field(default_factory=Pace)
    done: frozenset[str] = frozenset()
    brief: bool = False
    eager: bool = False
    ends_s: float = float("inf")

    def steps(self) -> tuple[Step, ...]:
        """The steps, what matters most first."""
        narrow = NARROW[self.device]
        return (
            Step("environment", "a C compiler and Python.h (Triton needs both)",
                 self._environment, ("environment",)),
            Step("attention kernels", "a fused kernel for each; a case runs by the fastest",
                 self._attention, ("attention",), of_gpu=True),
            self._case("small model, decode", ("small",), _sound,
                       "ok, CUDA graphs on, no flags, energy valid; ceilings near the datasheet's"),
            Step("replayed step beside a full pass", "equal but for rounding, captured on a GPU",
                 self._replay, ("replay written",)),
            self._case("decode, one sequence", ("decode",), lambda one, _: _mbu(one) >= 0.69,
                       "69% of bandwidth or more; 85% is aimed at"),
            Step("transformers' own generate", "the step before is 3 times as fast or more",
                 self._generate, ("generate decode",), of_gpu=True),
            self._case("training", ("train",), lambda one, _: _mfu(one) >= 0.56,
                       "MFU of 56% or more of the measured ceiling; steady clocks"),
            self._case("training of a mixture", ("mixture",), None, "ok"),
            Step("number formats of its products", "all products in bfloat16, no waiting",
                 self._products, ("products products",)),
            self._case("more than fits", ("crowded",), None, "status oom, with its reason", "oom"),
            self._case("generate, then decode again", ("written", "again"), _alone,
                       "not contended: the worker before is gone"),
            Step("largest batch", "a batch, and what the next one lacks",
                 self._largest, ("fits largest",) * TRIALS, ("largest",)),
            self._case("training in fp8", ("train fp8",), _faster,
                       "faster than in bf16 where the device has fp8", beside="train"),
            self._case("narrow weights", narrow, _faster,
                       "without compiler faster and smaller than in bf16", beside=narrow[0]),
            self._case("without compiler and graphs", ("plain",), lambda _, speed: speed < 1,
                       "slower than with both", beside="small"),
            self._case("projections apart", ("apart",), lambda _, speed: speed <= 1,
                       "no faster than joined", beside="plain"),
        )  # fmt: skip

    def run(self, steps: Sequence[Step]) -> Iterator[Event]:
        """Take steps in turn; one that fails is a finding, and the next goes on."""
        last_s = perf_counter() + BUDGET_S
        for place, step in enumerate(steps):
            self.session.progress.label = f"{place + 1}/{len(steps)} {step.title}"
            start, holds = perf_counter(), None
            left_s = last_s - start
            need_s = self._fit(steps[place:], left_s)
            bound_s = UNKNOWN_S if self.pace == Pace() else max(LEAST_BOUND_S, BOUND * need_s)
            self.ends_s = start + min(left_s, bound_s)
            try:
                if need_s > left_s:
                    raise ModelworthError(f"left out: needs {need_s:.0f} s of {left_s:.0f} s left")
                seen, held = yield from step.take()
                holds = None if step.of_gpu and not self._gpu else held
            except InputError as error:
                seen = f"not on this device: {error.found}: {error.allowed}"
            except ModelworthError as error:
                seen, holds = str(error).replace("\n", " "), False
            self.done |= left_by(self.device, step)
            seconds = perf_counter() - start
            self.findings.append(Finding(step.title, seen, step.good, holds, seconds))
            word = {True: "good", False: "NOT as it should be", None: "seen"}[holds]
            yield self.session.progress.event("notice", f"{step.title}: {word}: {seen}")

    def _fit(self, ahead: Sequence[Step], left_s: float) -> float:
        """Seconds that the first of these steps needs, made to fit into the time left if it can be.

        Once all that is ahead would take too long it is timed briefly; what then doesn't fit goes
        without the compiler.
        """
        need = partial(expected, self.device, pace=self.pace, done=self.done)
        self.brief = self.brief or sum(need(ahead)) > left_s
        (needs_s,) = need(ahead[:1], brief=self.brief)
        self.eager = needs_s > left_s
        return need(ahead[:1], brief=self.brief, eager=True)[0] if self.eager else needs_s

    def _job(self, action: str, **given: Any) -> Generator[Event, None, dict[str, Any]]:
        """What a job found.

        Raises:
            ModelworthError: if it failed.
        """
        trial = Attempt({"action": action, **given}, self._within(JOB_LIMIT_S), JOBS)
        outcome = yield from self.session.told(trial)
        if outcome.value is None:
            raise ModelworthError(f"{outcome.status}: {outcome.reason}")
        found: dict[str, Any] = json.loads(outcome.value)
        return found

    def _within(self, seconds: float) -> float:
        """So long, or less where the step's bound is nearer."""
        return max(1.0, min(seconds, self.ends_s - perf_counter()))

    def _limits(self, key: str) -> Limits:
        """How long a case is measured, within the step's bound."""
        limits = limits_of(self.device, key, brief=self.brief)
        names = ("time_limit_s", "start_limit_s")
        return limits.model_copy(update={it: self._within(getattr(limits, it)) for it in names})

    def _measure(self, key: str) -> Generator[Event, None, Measurement]:
        case = case_of(self.device, key, eager=self.eager)
        again = case.id in self.done
        self.session.limits = limits = self._limits(key)
        found = yield from self.session.measured(case)
        self.measured[key] = found
        if found.status in ("ok", "timeout"):
            taken_s = perf_counter() - self.session.asked_s
            self.pace = self.pace.learnt(case, limits, self.session.phases_s, taken_s, again)
        return found

    def _look(self, action: str, key: str, **given: Any) -> Generator[Event, None, dict[str, Any]]:
        """What a job found of a case."""
        case = case_of(self.device, key, eager=self.eager).model_dump(mode="json")
        return (yield from self._job(action, case=case, **given))

    def _case(
        self, title: str, keys: tuple[str, ...], judge: Judge | None, good: str,
        wanted: str = "ok", beside: str = "",
    ) -> Step:  # fmt: skip
        """A step that measures cases in turn; on a processor their status counts alone."""

        def take() -> Steps:
            parts, held = [], True
            for key in keys:
                found = yield from self._measure(key)
                speed = None if key == beside else speedup(found, self.measured.get(beside))
                held = held and found.status == wanted
                said = f"{speed:.2f} times as fast as {beside}" if speed else ""
                parts.append(", ".join(filter(None, (told(found), said))))
            if held and judge and self._gpu:
                held = (speed is not None or not beside) and judge(found, speed)
            return "; ".join(parts), held

        return Step(title, good, take, cases=keys)

    def _environment(self) -> Steps:
        found = yield from self._job("environment", device=self.device)
        seen = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in found.items())
        return seen, bool(found["compiler"] and found["python_h"])

    def _attention(self) -> Steps:
        found = yield from self._job("attention", device=self.device)
        parts = []
        for name, seconds in found.items():
            each = ", ".join(f"{key} {duration(value)}" for key, value in seconds.items())
            parts.append(f"{name}: {min(seconds, key=seconds.get)} ({each})")
        return "; ".join(parts), all(set(each) - {"math", "split"} for each in found.values())

    def _replay(self) -> Steps:
        found = yield from self._look("replay", "written")
        apart = found["relative_difference"]
        seen = (
            f"logits of {found['tokens']} tokens are {apart:.2e} of the largest apart; "
            f"{'a captured graph' if found['captured'] else 'no graph'}"
        )
        allowed = TOLERANCE[case_of(self.device, "written").workload.precision]
        return seen, apart <= allowed and (found["captured"] or not self._gpu)

    def _generate(self) -> Steps:
        found = yield from self._look("generate", "decode", new_tokens=64 if self._gpu else 16)
        rate, own = found["tokens_per_s"], self.measured.get("decode")
        ratio = own.result.throughput_per_s.value / rate if own and own.result else 0.0
        return f"{rate:.1f} tokens/s; the step before is {ratio:.2f} times", ratio >= 3

    def _products(self) -> Steps:
        found = yield from self._look("products", "products")
        counts = ", ".join(f"{count} in {name}" for name, count in found["products"].items())
        seen = f"{counts}; the host waited {found['syncs']} times in a step"
        return seen, set(found["products"]) == {"bfloat16"} and not found["syncs"]

    def _largest(self) -> Steps:
        said, case = "", case_of(self.device, "largest")
        trying = Session(
            self.session.store, self._limits("largest"), suite="largest-batch",
            command=self.command, ceilings=False,
        )  # fmt: skip
        highest = HIGHEST[self.device]
        for event in search.run("largest-batch", case, trying, highest=highest, fineness=FINENESS):
            if event.kind == "end":
                said = event.message
            if event.measurement is not None:
                self.measured[f"largest {event.measurement.id}"] = event.measurement
            yield self.session.progress.event("tick", news=event.news)
        return said, bool(said) and not said.startswith("not even")

    @property
    def _gpu(self) -> bool:
        return self.device == "cuda"


def _sound(one: Measurement, _: float | None) -> bool:
    energy = one.result and one.result.energy
    return bool(energy and energy.valid and one.workload.cuda_graphs)


def _alone(one: Measurement, _: float | None) -> bool:
    return one.result is not None and "contended" not in one.result.condition.flags


def _faster(_: Measurement, speed: float | None) -> bool:
    return speed is not None and speed > 1


def _mbu(one: Measurement) -> float:
    return (one.result and one.result.mbu) or 0.0


def _mfu(one: Measurement) -> float:
    return (one.result and one.result.mfu) or 0.0


def run(
    device: DeviceKind, store: Store | None, folder: Path, command: str | None
) -> Iterator[Event]:
    """Prove a device; writes `proof.md` and `records.jsonl` into the folder.

    Raises:
        InputError: if nothing can be written there.
        ModelworthError: if records couldn't be stored.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("--out", f"{folder}: {error.strerror}", "a folder to write to") from error
    session = Session(store, LIMITS[device], suite=NAME, command=command)
    progress, proof = session.progress, Proof(device, session, command)
    steps = proof.steps()
    minutes = min(BUDGET_S, sum(expected(device, steps))) / 60
    yield progress.event("plan", f"proving {device}, {len(steps)} steps, about {minutes:.0f} min")
    yield from proof.run(steps)
    lines = "".join(f"{serialise(one)}\n" for one in proof.measured.values())
    (folder / "records.jsonl").write_text(lines, "utf-8")
    text = page(device, proof.measured.values(), proof.findings)
    (folder / "proof.md").write_text(text, "utf-8")
    yield progress.event("end", f"{folder / 'proof.md'}, {folder / 'records.jsonl'}")
    session.close()
