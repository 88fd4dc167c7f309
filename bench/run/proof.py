"""A device proven in ten minutes: what the harness claims of it, looked at step by step.

Each step has a result, also where it fails. On a GPU the models are those that an 80 GB device is
made for; on a processor the same steps run with small ones. The records go into the store and into
a file, what was seen onto a page beside what good looks like.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from modelworth.bench.run import search
from modelworth.bench.run.isolation import Attempt
from modelworth.bench.run.machine_ceilings import TICK_S
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
    limits_of,
)
from modelworth.bench.run.result_table import duration
from modelworth.bench.run.session import Session
from modelworth.bench.work.task import DeviceKind
from modelworth.data.errors import InputError, ModelworthError
from modelworth.data.measurement import Measurement
from modelworth.data.record_text import serialise
from modelworth.data.store import Store

NAME = "gpu-proof"
JOBS = "modelworth.bench.run.proof_jobs"
JOB_LIMIT_S = 120.0
HURRY_S, LAST_START_S = 240.0, 540.0
"""After which a processor times its cases as briefly as it can; and after which no step begins, so
that all end within ten minutes or soon after."""
HURRIED = {"timed_s": 0.1, "warmup_s": 0.1, "min_samples": 1, "memory": False}
TOLERANCE = {"bfloat16": 0.05, "float32": 1e-3}
"""Furthest that logits may be apart, as a share of the largest."""
HIGHEST: dict[DeviceKind, int] = {"cuda": 256, "cpu": 2}
"""Where the search for the largest batch ends."""
FINENESS = 2
"""To one part in so many."""


@dataclass(slots=True)
class Proof:
    """One run of all steps."""

    device: DeviceKind
    session: Session
    command: str | None
    measured: dict[str, Measurement] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    hurried: Mapping[str, Any] = field(default_factory=dict)

    def steps(self) -> tuple[Step, ...]:
        """The steps, what matters most first."""
        return (
            Step("environment", self._environment, ("environment",)),
            Step("attention kernels", self._attention, ("attention",)),
            Step("small model, decode", self._decode_small, (), ("small",)),
            Step("the same without compiler and graphs", self._decode_plain, (), ("plain",)),
            Step("replayed step beside a full pass", self._replay, ("replay written",)),
            Step("decode, one sequence", self._decode, (), ("decode",)),
            Step("transformers' own generate", self._generate, ("generate decode",)),
            Step("training", self._train, (), ("train",)),
            Step("training of a mixture", self._mixture, (), ("mixture",)),
            Step("number formats of its products", self._products, ("products products",)),
            Step("more than fits", self._crowded, (), ("crowded",)),
            Step("generate, then decode again", self._again, (), ("written", "again")),
            Step("largest batch", self._largest, ("fits largest",) * TRIALS, ("largest",)),
            Step("training in fp8", self._train_fp8, (), ("train fp8",)),
            Step("narrow weights", self._narrow, (),
                 tuple(f"narrow {name}" for name in NARROW[self.device])),
            Step("projections apart", self._decode_apart, (), ("apart",)),
        )  # fmt: skip

    def run(self, steps: Sequence[Step]) -> Iterator[Event]:
        """Take steps in turn; one that fails is a finding, and the next goes on."""
        begin = perf_counter()
        for number_, step in enumerate(steps, 1):
            title = step.title
            self.session.progress.label = f"{number_}/{len(steps)} {title}"
            start = perf_counter()
            if start - begin > HURRY_S and not self._gpu:
                self.hurried = HURRIED
            try:
                if start - begin > LAST_START_S:
                    raise ModelworthError("left out: the ten minutes are nearly over")
                found = yield from step.take()
            except ModelworthError as error:
                found = Finding(title, str(error).replace("\n", " "), "runs", False)
            seconds = perf_counter() - start
            self.findings.append(Finding(title, found.seen, found.good, found.holds, seconds))
            word = {True: "good", False: "NOT as it should be", None: "seen"}[found.holds]
            yield self.session.progress.event("notice", f"{title}: {word}: {found.seen}")

    def _job(self, action: str, **given: Any) -> Generator[Event, None, dict[str, Any]]:
        """What a job found.

        Raises:
            ModelworthError: if it failed.
        """
        trial = Attempt({"action": action, **given}, JOB_LIMIT_S, JOBS)
        try:
            while (outcome := trial.wait(TICK_S)) is None:
                yield self.session.progress.event("tick")
        except BaseException:
            trial.discard()
            raise
        if outcome.value is None:
            raise ModelworthError(f"{outcome.status}: {outcome.reason}")
        found: dict[str, Any] = json.loads(outcome.value)
        return found

    def _measure(self, key: str) -> Generator[Event, None, Measurement]:
        self.session.limits = limits_of(self.device, key).model_copy(update=self.hurried)
        found = yield from self.session.measured(case_of(self.device, key))
        self.measured[key] = found
        return found

    def _look(self, action: str, key: str, **given: Any) -> Generator[Event, None, dict[str, Any]]:
        """What a job found of a case."""
        case = case_of(self.device, key).model_dump(mode="json")
        return (yield from self._job(action, case=case, **given))

    def _environment(self) -> Steps:
        found = yield from self._job("environment", device=self.device)
        seen = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in found.items())
        ready = bool(found["compiler"] and found["python_h"])
        return Finding("", seen, "a C compiler and Python.h (Triton needs both)", ready)

    def _attention(self) -> Steps:
        found = yield from self._job("attention", device=self.device)
        parts = []
        for name, seconds in found.items():
            each = ", ".join(f"{key} {duration(value)}" for key, value in seconds.items())
            parts.append(f"{name}: {min(seconds, key=seconds.get)} ({each})")
        fused = all(set(seconds) - {"math", "split"} for seconds in found.values())
        good = "a fused kernel for each; the fastest is what a case then runs by"
        return Finding("", "; ".join(parts), good, fused if self._gpu else None)

    def _decode_small(self) -> Steps:
        found = yield from self._measure("small")
        good = "ok, CUDA graphs on, no flags, energy valid; ceilings near the datasheet's"
        energy = found.result and found.result.energy
        held = bool(energy and energy.valid and found.workload.cuda_graphs)
        return Finding("", told(found), good, held if self._gpu else found.status == "ok")

    def _decode_plain(self) -> Steps:
        found = yield from self._measure("plain")
        return Finding("", told(found), "ok, slower than the step before", found.status == "ok")

    def _decode_apart(self) -> Steps:
        found = yield from self._measure("apart")
        ratio = speedup(self.measured.get("plain"), found)
        seen = told(found) + (f"; joined they are {ratio:.2f} times as fast" if ratio else "")
        held = ratio is not None and ratio >= 1
        good = "without compiler and graphs no faster than joined"
        return Finding("", seen, good, held if self._gpu else None)

    def _narrow(self) -> Steps:
        parts, first = [], None
        for name in NARROW[self.device]:
            found = yield from self._measure(f"narrow {name}")
            first = first or found
            ratio = speedup(found, first)
            times = f"{ratio:.2f} times {NARROW[self.device][0]}, " if ratio else ""
            parts.append(f"{name}: {times}{told(found)}")
        held = found.status == "ok" and (ratio or 0) > 1
        good = "without compiler less memory and more tokens than in bf16"
        return Finding("", "; ".join(parts), good, held if self._gpu else None)

    def _replay(self) -> Steps:
        found = yield from self._look("replay", "written")
        apart = found["relative_difference"]
        seen = (
            f"logits of {found['tokens']} tokens are {apart:.2e} of the largest apart; "
            f"{'a captured graph' if found['captured'] else 'no graph'}"
        )
        allowed = TOLERANCE[case_of(self.device, "written").workload.precision]
        held = apart <= allowed and (found["captured"] or not self._gpu)
        return Finding("", seen, f"equal within {allowed:g}, a captured graph on a GPU", held)

    def _decode(self) -> Steps:
        found = yield from self._measure("decode")
        held = found.result is not None and (found.result.mbu or 0) >= 0.69
        good = "69% of bandwidth or more; 85% is aimed at"
        return Finding("", told(found), good, held if self._gpu else None)

    def _generate(self) -> Steps:
        found = yield from self._look("generate", "decode", new_tokens=64 if self._gpu else 16)
        rate, own = found["tokens_per_s"], self.measured.get("decode")
        ratio = own.result.throughput_per_s.value / rate if own and own.result else None
        seen = f"{rate:.1f} tokens/s" + (f"; the step before is {ratio:.2f} times" if ratio else "")
        held = ratio is not None and ratio >= 3
        return Finding("", seen, "a ratio of 3 or more", held if self._gpu else None)

    def _train(self) -> Steps:
        found = yield from self._measure("train")
        held = found.result is not None and (found.result.mfu or 0) >= 0.56
        good = "MFU of 56% or more of the measured ceiling; steady clocks"
        return Finding("", told(found), good, held if self._gpu else None)

    def _train_fp8(self) -> Steps:
        good = "faster than in bf16 where the device has fp8"
        try:
            found = yield from self._measure("train fp8")
        except InputError as error:
            return Finding("", f"not on this device: {error.found}: {error.allowed}", good, None)
        ratio = speedup(found, self.measured.get("train"))
        seen = told(found) + (f"; {ratio:.2f} times bf16" if ratio else "")
        return Finding("", seen, good, (ratio or 0) > 1)

    def _mixture(self) -> Steps:
        found = yield from self._measure("mixture")
        return Finding("", told(found), "ok", found.status == "ok")

    def _products(self) -> Steps:
        found = yield from self._look("products", "products")
        counts = ", ".join(f"{count} in {name}" for name, count in found["products"].items())
        seen = f"{counts}; the host waited {found['syncs']} times in a step"
        held = set(found["products"]) == {"bfloat16"} and not found["syncs"]
        return Finding("", seen, "all products in bfloat16, no waiting", held)

    def _crowded(self) -> Steps:
        found = yield from self._measure("crowded")
        return Finding("", told(found), "status oom, with its reason", found.status == "oom")

    def _largest(self) -> Steps:
        said, limits = "", limits_of(self.device, "largest").model_copy(update=self.hurried)
        trying = Session(
            self.session.store, limits, suite="largest-batch", command=self.command, ceilings=False
        )
        events = search.run(
            "largest-batch", case_of(self.device, "largest"), trying,
            highest=HIGHEST[self.device], fineness=FINENESS,
        )  # fmt: skip
        for event in events:
            if event.kind == "end":
                said = event.message
            if event.measurement is not None:
                self.measured[f"largest {event.measurement.id}"] = event.measurement
            yield self.session.progress.event("tick", news=event.news)
        fits = bool(said) and not said.startswith("not even")
        return Finding("", said, "a batch, and what the next one lacks", fits)

    def _again(self) -> Steps:
        generated = yield from self._measure("written")
        found = yield from self._measure("again")
        flags = found.result.condition.flags if found.result else ("failed",)
        good = "not contended: the worker before is gone"
        held = generated.status == found.status == "ok" and "contended" not in flags
        return Finding("", told(found), good, held if self._gpu else None)

    @property
    def _gpu(self) -> bool:
        return self.device == "cuda"


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
    planned_s = sum(expected(device, steps)) if device == "cuda" else 600
    yield progress.event(
        "plan", f"proving {device}, {len(steps)} steps, about {planned_s / 60:.0f} minutes"
    )
    yield from proof.run(steps)
    lines = "".join(f"{serialise(one)}\n" for one in proof.measured.values())
    (folder / "records.jsonl").write_text(lines, "utf-8")
    text = page(device, proof.measured.values(), proof.findings)
    (folder / "proof.md").write_text(text, "utf-8")
    yield progress.event("end", f"{folder / 'proof.md'}, {folder / 'records.jsonl'}")
    session.close()
