"""A device proven in ten minutes: what the harness claims of it, looked at step by step.

Each step has a result, also where it fails. On a GPU the models are those that an 80 GB device is
made for; on a processor the same steps run with small ones. The records go into the store and into
a file, what was seen onto a page beside what good looks like.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from modelworth.bench.run import search
from modelworth.bench.run.isolation import Attempt
from modelworth.bench.run.machine_ceilings import TICK_S
from modelworth.bench.run.progress import Event
from modelworth.bench.run.proof_page import Finding, page, speedup, told
from modelworth.bench.run.request import Request
from modelworth.bench.run.result_table import duration
from modelworth.bench.run.session import Session
from modelworth.bench.work.task import DeviceKind, Limits, Task
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
LIMITS: dict[DeviceKind, Limits] = {
    "cuda": Limits(timed_s=5.0, warmup_s=3.0, time_limit_s=60.0, start_limit_s=240.0),
    "cpu": Limits(timed_s=1.0, warmup_s=0.5, time_limit_s=60.0, start_limit_s=120.0),
}
HURRIED = {"timed_s": 0.1, "warmup_s": 0.1, "min_samples": 1, "memory": False}
TOLERANCE = {"bfloat16": 0.05, "float32": 1e-3}
"""Furthest that logits may be apart, as a share of the largest."""
MODELS: dict[DeviceKind, dict[str, str]] = {
    "cuda": {"small": "ladder-160m", "decoded": "llama-3.1-8b", "trained": "gpt3-1.3b",
             "mixture": "moe-32m", "crowded": "llama-3.2-3b", "narrow": "llama-3.2-1b"},
    "cpu": {"small": "ladder-1m", "decoded": "ladder-4m", "trained": "gpt-1m",
            "mixture": "moe-2m", "crowded": "ladder-4m", "narrow": "ladder-1m"},
}  # fmt: skip
TRAINED: dict[DeviceKind, dict[str, int]] = {
    "cuda": {"batch": 8, "prompt_tokens": 2048},
    "cpu": {"batch": 2, "prompt_tokens": 64},
}
CROWD: dict[DeviceKind, int] = {"cuda": 64, "cpu": 2**26}
"""Sequences that can't fit."""
NARROW: dict[DeviceKind, tuple[str, ...]] = {
    "cuda": ("bf16", "int4", "fp8"),
    "cpu": ("bf16", "int8", "int4"),
}
"""Formats whose decoding is held against the first."""
LARGEST: dict[DeviceKind, dict[str, int]] = {
    "cuda": {"batch": 32, "prompt_tokens": 2048, "highest": 256},
    "cpu": {"batch": 2, "prompt_tokens": 32, "highest": 2},
}
"""Where the search for the largest batch begins and ends."""
FINENESS = 4
"""To one part in so many."""
SHORT: dict[DeviceKind, dict[str, int]] = {
    "cuda": {"new_tokens": 16},
    "cpu": {"new_tokens": 4, "prompt_tokens": 32},
}
"""A generation that is there for what comes after it."""


Steps = Generator[Event, None, Finding]


@dataclass(slots=True)
class Proof:
    """One run of all steps."""

    device: DeviceKind
    session: Session
    command: str | None
    measured: dict[str, Measurement] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def steps(self) -> tuple[tuple[str, Callable[[], Steps]], ...]:
        """The steps by their titles, what matters most first."""
        return (
            ("environment", self._environment),
            ("attention kernels", self._attention),
            ("small model, decode", self._decode_small),
            ("the same without compiler and graphs", self._decode_plain),
            ("replayed step beside a full pass", self._replay),
            ("decode, one sequence", self._decode),
            ("transformers' own generate", self._generate),
            ("training", self._train),
            ("training of a mixture", self._mixture),
            ("number formats of its products", self._products),
            ("more than fits", self._crowded),
            ("generate, then decode again", self._again),
            ("largest batch", self._largest),
            ("projections apart", self._decode_apart),
            ("narrow weights", self._narrow),
            ("training in fp8", self._train_fp8),
        )

    def run(self, steps: Sequence[tuple[str, Callable[[], Steps]]]) -> Iterator[Event]:
        """Take steps in turn; one that fails is a finding, and the next goes on."""
        begin = perf_counter()
        for number_, (title, step) in enumerate(steps, 1):
            self.session.progress.label = f"{number_}/{len(steps)} {title}"
            start = perf_counter()
            if start - begin > HURRY_S and not self._gpu:
                self.session.limits = self.session.limits.model_copy(update=HURRIED)
            try:
                if start - begin > LAST_START_S:
                    raise ModelworthError("left out: the ten minutes are nearly over")
                found = yield from step()
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

    def _case(self, which: str, **asked: Any) -> Task:
        return Request(model=MODELS[self.device][which], **asked).case(self.device)

    def _measure(self, key: str, which: str, **asked: Any) -> Generator[Event, None, Measurement]:
        found = yield from self.session.measured(self._case(which, **asked))
        self.measured[key] = found
        return found

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
        found = yield from self._measure("small", "small", work="decode")
        good = "ok, CUDA graphs on, no flags, energy valid; ceilings near the datasheet's"
        energy = found.result and found.result.energy
        held = bool(energy and energy.valid and found.workload.cuda_graphs)
        return Finding("", told(found), good, held if self._gpu else found.status == "ok")

    def _decode_plain(self) -> Steps:
        found = yield from self._measure(
            "plain", "small", work="decode", compile=False, cuda_graphs=False
        )
        return Finding("", told(found), "ok, slower than the step before", found.status == "ok")

    def _decode_apart(self) -> Steps:
        found = yield from self._measure(
            "apart", "small", work="decode", compile=False, cuda_graphs=False,
            fused_projections=False,
        )  # fmt: skip
        ratio = speedup(self.measured.get("plain"), found)
        seen = told(found) + (f"; joined they are {ratio:.2f} times as fast" if ratio else "")
        held = ratio is not None and ratio >= 1
        good = "without compiler and graphs no faster than joined"
        return Finding("", seen, good, held if self._gpu else None)

    def _narrow(self) -> Steps:
        parts, first = [], None
        for name in NARROW[self.device]:
            found = yield from self._measure(
                f"narrow {name}", "narrow", work="decode", precision=name, compile=False
            )
            first = first or found
            ratio = speedup(found, first)
            times = f"{ratio:.2f} times {NARROW[self.device][0]}, " if ratio else ""
            parts.append(f"{name}: {times}{told(found)}")
        held = found.status == "ok" and (ratio or 0) > 1
        good = "without compiler less memory and more tokens than in bf16"
        return Finding("", "; ".join(parts), good, held if self._gpu else None)

    def _replay(self) -> Steps:
        case = self._case("small", work="generate", new_tokens=16)
        found = yield from self._job("replay", case=case.model_dump(mode="json"))
        apart = found["relative_difference"]
        seen = (
            f"logits of {found['tokens']} tokens are {apart:.2e} of the largest apart; "
            f"{'a captured graph' if found['captured'] else 'no graph'}"
        )
        allowed = TOLERANCE[case.workload.precision]
        held = apart <= allowed and (found["captured"] or not self._gpu)
        return Finding("", seen, f"equal within {allowed:g}, a captured graph on a GPU", held)

    def _decode(self) -> Steps:
        found = yield from self._measure("decode", "decoded", work="decode", batch=1)
        held = found.result is not None and (found.result.mbu or 0) >= 0.69
        good = "69% of bandwidth or more; 85% is aimed at"
        return Finding("", told(found), good, held if self._gpu else None)

    def _generate(self) -> Steps:
        case = self._case("decoded", work="decode", batch=1)
        given = {"case": case.model_dump(mode="json"), "new_tokens": 64 if self._gpu else 16}
        found = yield from self._job("generate", **given)
        rate, own = found["tokens_per_s"], self.measured.get("decode")
        ratio = own.result.throughput_per_s.value / rate if own and own.result else None
        seen = f"{rate:.1f} tokens/s" + (f"; the step before is {ratio:.2f} times" if ratio else "")
        held = ratio is not None and ratio >= 3
        return Finding("", seen, "a ratio of 3 or more", held if self._gpu else None)

    def _train(self) -> Steps:
        found = yield from self._measure(
            "train", "trained", work="pretrain", **TRAINED[self.device]
        )
        held = found.result is not None and (found.result.mfu or 0) >= 0.56
        good = "MFU of 56% or more of the measured ceiling; steady clocks"
        return Finding("", told(found), good, held if self._gpu else None)

    def _train_fp8(self) -> Steps:
        asked = {"work": "pretrain", "precision": "fp8", **TRAINED[self.device]}
        good = "faster than in bf16 where the device has fp8"
        try:
            found = yield from self._measure("fp8", "trained", **asked)
        except InputError as error:
            return Finding("", f"not on this device: {error.found}: {error.allowed}", good, None)
        ratio = speedup(found, self.measured.get("train"))
        seen = told(found) + (f"; {ratio:.2f} times bf16" if ratio else "")
        return Finding("", seen, good, (ratio or 0) > 1)

    def _mixture(self) -> Steps:
        found = yield from self._measure(
            "mixture", "mixture", work="pretrain", **({} if self._gpu else {"prompt_tokens": 64})
        )
        return Finding("", told(found), "ok", found.status == "ok")

    def _products(self) -> Steps:
        case = self._case(
            "mixture", work="pretrain", prompt_tokens=64, compile=False, precision="bf16"
        )
        found = yield from self._job("products", case=case.model_dump(mode="json"))
        counts = ", ".join(f"{count} in {name}" for name, count in found["products"].items())
        seen = f"{counts}; the host waited {found['syncs']} times in a step"
        held = set(found["products"]) == {"bfloat16"} and not found["syncs"]
        return Finding("", seen, "all products in bfloat16, no waiting", held)

    def _crowded(self) -> Steps:
        found = yield from self._measure(
            "crowded", "crowded", work="pretrain", batch=CROWD[self.device], compile=False
        )
        return Finding("", told(found), "status oom, with its reason", found.status == "oom")

    def _largest(self) -> Steps:
        said, asked = "", dict(LARGEST[self.device])
        highest = asked.pop("highest")
        case = self._case("small", work="pretrain", compile=False, **asked)
        trying = Session(
            self.session.store, self.session.limits, suite="largest-batch",
            command=self.command, ceilings=False,
        )  # fmt: skip
        events = search.run("largest-batch", case, trying, highest=highest, fineness=FINENESS)
        for event in events:
            if event.kind == "end":
                said = event.message
            if event.measurement is not None:
                self.measured[f"largest {event.measurement.id}"] = event.measurement
            yield self.session.progress.event("tick", news=event.news)
        fits = bool(said) and not said.startswith("not even")
        return Finding("", said, "a batch, and what the next one lacks", fits)

    def _again(self) -> Steps:
        generated = yield from self._measure(
            "generate", "small", work="generate", **SHORT[self.device]
        )
        found = yield from self._measure("again", "small", work="decode")
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
    yield progress.event("plan", f"proving {device}, {len(steps)} steps, at most ten minutes")
    yield from proof.run(steps)
    lines = "".join(f"{serialise(one)}\n" for one in proof.measured.values())
    (folder / "records.jsonl").write_text(lines, "utf-8")
    text = page(device, proof.measured.values(), proof.findings)
    (folder / "proof.md").write_text(text, "utf-8")
    yield progress.event("end", f"{folder / 'proof.md'}, {folder / 'records.jsonl'}")
    session.close()
