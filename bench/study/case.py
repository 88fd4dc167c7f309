"""What one run of a study is asked for, what its worker saw, and the record that both make."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt

from modelworth.bench.run.isolation import WorkerEnd
from modelworth.bench.run.record import rate_of
from modelworth.bench.study.shape import Shape
from modelworth.bench.timing import samples
from modelworth.data.measurement import (
    Condition,
    Energy,
    Latency,
    Machine,
    Measurement,
    Memory,
    Model,
    Provenance,
    Result,
    Workload,
)  # fmt: skip
from modelworth.data.record import Record
from modelworth.data.study import Estimate, Study
from modelworth.data.words import Family, Precision, Unit

StudyName = Literal["data", "learning", "privacy", "explain"]
Setting = bool | int | float | str
BYTES: Precision = "int8"
"""What data preparation works on."""


class StudyCase(Record):
    """One run; travels to its worker as JSON and is named by a hash of its content.

    Attributes:
        shape: the net; None where no net takes part.
        settings: what else decides the outcome.
        corpus: digest of the text; None: the study makes its own.
    """

    study: StudyName
    method: str
    shape: Shape | None = None
    batch: PositiveInt = 1
    settings: dict[str, Setting] = Field(default_factory=dict)
    corpus: str | None = None
    device: Literal["cpu", "cuda"] = "cpu"
    seed: int = Field(default=0, ge=0)

    @property
    def id(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the content."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    @property
    def label(self) -> str:
        """A short name for people, such as `learning scratch 64x4 tokens=400000`."""
        shape = f" {self.shape.name}" if self.shape else ""
        settings = " ".join(f"{key}={value}" for key, value in self.settings.items())
        return f"{self.study} {self.method}{shape} {settings}".rstrip()

    def number(self, key: str) -> float:
        """A setting that is a number."""
        return float(self.settings[key])

    @property
    def family(self) -> Family:
        """What kind of model the net is."""
        if self.shape is None:
            return "pipeline"
        if self.shape.sees == "patches":
            return "vision"
        return "decoder" if self.shape.causal else "encoder"


class Seen(Record):
    """What a worker saw.

    Attributes:
        work_per_step: units of one timed step.
        figures: what the study is about.
        diverged: why the run is a failure all the same (a loss that isn't a number).
    """

    unit: Unit
    work_per_step: PositiveFloat
    samples_s: tuple[PositiveFloat, ...]
    parameters_total: PositiveInt | None = None
    parameters_matmul: PositiveInt | None = None
    model_flops_per_step: PositiveFloat | None = None
    figures: dict[str, Estimate] = Field(default_factory=dict)
    memory: Memory = Memory()
    condition: Condition = Condition()
    energy: Energy | None = None
    diverged: str | None = None


def record(
    case: StudyCase, outcome: WorkerEnd, machine: Machine, provenance: Provenance
) -> Measurement:
    """The measurement that a run makes, whatever came of it."""
    seen = Seen.model_validate_json(outcome.value) if outcome.value is not None else None
    common: dict[str, Any] = {
        "recorded_at": datetime.now(UTC),
        "suite": f"study-{case.study}",
        "case": case.id,
        "model": _model(case, seen),
        "workload": _workload(case),
        "machine": machine,
        "study": Study(
            name=case.study,
            method=case.method,
            corpus=case.corpus,
            settings={**case.settings, "seed": case.seed},
            figures=seen.figures if seen else {},
        ),
        "provenance": provenance,
    }
    if seen is None:
        reason = outcome.reason or "the worker gave no reason"
        return Measurement(**common, status=outcome.status, reason=reason)
    if seen.diverged:
        return Measurement(**common, status="error", reason=seen.diverged)
    return Measurement(**common, status="ok", result=_result(seen))


def _model(case: StudyCase, seen: Seen | None) -> Model:
    if case.shape is None:
        return Model(name=f"{case.study}-{case.method}", family=case.family)
    return Model(
        name=f"study-{case.family}-{case.shape.name}",
        family=case.family,
        parameters_total=seen.parameters_total if seen else None,
        parameters_active=seen.parameters_total if seen else None,
        parameters_matmul=seen.parameters_matmul if seen else None,
        weights="random",
        config=case.shape.model_dump(mode="json"),
    )


def _workload(case: StudyCase) -> Workload:
    text = case.shape is not None and case.shape.sees == "tokens"
    return Workload(
        kind="study",
        batch=case.batch,
        prompt_tokens=case.shape.length if case.shape and text else None,
        precision="float32" if case.shape else BYTES,
        attention="sdpa" if case.shape else None,
        engine="torch" if case.shape else "modelworth",
    )


def _result(seen: Seen) -> Result:
    middle = samples.median_interval(seen.samples_s)
    work, throughput = seen.work_per_step, seen.work_per_step / middle.value
    flags = list(seen.condition.flags)
    if samples.drifts(seen.samples_s):
        flags.append("unsteady")
    if middle.low is None:
        flags.append("few_samples")
    return Result(
        unit=seen.unit,
        work_per_step=work,
        throughput_per_s=rate_of(work, middle),
        throughput_per_s_per_device=throughput,
        latency=Latency(mean_s=float(np.mean(seen.samples_s)), p50_s=middle.value),
        model_flops_per_step=seen.model_flops_per_step,
        memory=seen.memory,
        energy=seen.energy,
        condition=seen.condition.model_copy(update={"flags": tuple(dict.fromkeys(flags))}),
        effective_samples=middle.effective_samples,
        samples_s=seen.samples_s[-MAX_SAMPLES:],
    )


MAX_SAMPLES = 500
"""Steps whose times a record keeps: the last ones."""
