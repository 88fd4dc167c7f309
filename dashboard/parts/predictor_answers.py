"""Questions to the predictor, and its answers put together for a page."""

from __future__ import annotations

from dataclasses import dataclass

from modelworth.costmodel.architecture.memory import (
    Memory,
    Sharding,
    serving_memory,
    training_memory,
)
from modelworth.costmodel.architecture.structure import Architecture
from modelworth.costmodel.architecture.work import training_flops
from modelworth.costmodel.prediction.case import Case, Work
from modelworth.costmodel.prediction.predictor import Prediction, predict
from modelworth.costmodel.prediction.training_run import Hardware, TrainingRun, run_at_speed
from modelworth.data.catalog import Accelerator, Catalog
from modelworth.data.errors import InputError
from modelworth.data.measurement import Measurement

WORKS: tuple[Work, ...] = ("serve", "train", "prefill", "decode", "forward")
PRECISIONS = ("bf16", "fp16", "fp8", "fp4", "fp32", "int8", "int4")
#: kind of a measurement → work of a prediction
KINDS: dict[str, Work] = {
    "pretrain": "train", "prefill": "prefill", "decode": "decode", "forward": "forward",
    "serve": "serve",
}  # fmt: skip
NARROW = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}
BILLION = 1e9
MOST_COMPARED = 200
PARTS = ("weights", "gradients", "optimizer", "activations", "logits", "kv_cache")


@dataclass(frozen=True, slots=True)
class Question:
    """What a reader asks for."""

    model: str
    accelerator: str
    work: Work = "serve"
    gpus: int = 1
    precision: str = "bf16"
    batch: int = 16
    tokens: int = 1024
    new_tokens: int = 256
    tensor: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What the predictor says, with the memory that the work takes on one device."""

    case: Case
    prediction: Prediction
    memory: Memory
    accelerator: Accelerator

    @property
    def parts(self) -> list[tuple[str, float]]:
        """Memory by part, those that take none left out."""
        found = [(name, float(getattr(self.memory, name))) for name in PARTS]
        return [(name, amount) for name, amount in found if amount > 0]

    @property
    def fits(self) -> bool:
        """Whether the parts are within the device's memory."""
        return float(self.memory.total) <= self.accelerator.memory_bytes


def ask(question: Question, catalog: Catalog) -> Answer:
    """Predict one piece of work.

    Raises:
        InputError: if the question can't be.
    """
    architecture = Architecture.from_config(catalog.model(question.model).config, question.model)
    accelerator = catalog.accelerator(question.accelerator)
    training = question.work == "train"
    case = Case(
        question.work, architecture, accelerator, gpus=question.gpus,
        precision=question.precision, batch=question.batch, tokens=question.tokens,
        new_tokens=question.new_tokens if question.work == "serve" else 1,
        tensor=question.tensor, sharding="full" if training and question.gpus > 1 else "none",
    )  # fmt: skip
    return Answer(case, predict([case])[0], _memory(case, question), accelerator)


def _memory(case: Case, question: Question) -> Memory:
    if case.work == "train":
        sharding = Sharding(
            data=case.data, tensor=case.tensor, zero_stage=3 if case.data > 1 else 0
        )
        return training_memory(
            case.architecture, case.batch, case.tokens, precision=case.precision, sharding=sharding
        )
    context = question.tokens + (question.new_tokens if case.work == "serve" else 0)
    return serving_memory(
        case.architecture, case.batch, context, case.precision, tensor=case.tensor
    )


def training_run(answer: Answer, tokens: float) -> TrainingRun | None:
    """Days and GPU-hours of a whole run; None where the step's speed isn't known.

    Raises:
        InputError: if the run can't be.
    """
    speed = answer.prediction.value
    peak = answer.accelerator.matmul_flops_per_s.get(answer.case.precision)
    if speed is None or peak is None:
        return None
    case = answer.case
    flops = training_flops(case.architecture, 1, case.tokens) / case.tokens * tokens
    hardware = Hardware(case.gpus, peak, answer.accelerator.board_power_w)
    return run_at_speed(tokens, speed, float(flops), hardware)


def compared(records: tuple[Measurement, ...], catalog: Catalog) -> list[tuple[str, float, float]]:
    """Measured and predicted throughput of a device, for records that the predictor can read."""
    cases, kept = [], []
    for record in records[-MOST_COMPARED:]:
        try:
            case = _case(record, catalog)
        except InputError:
            continue
        if case is not None:
            cases.append(case)
            kept.append(record)
    rows = []
    for record, case, found in zip(kept, cases, predict(cases), strict=True):
        if found.value is not None and record.result is not None:
            name = f"{record.model.name} {case.work} · {record.machine.device}"
            rows.append((name, record.result.throughput_per_s_per_device, found.value))
    return rows


def _case(record: Measurement, catalog: Catalog) -> Case | None:
    """The record's work as a case; None where it is of another kind."""
    work = KINDS.get(record.workload.kind)
    if work is None or not record.model.config or record.workload.prompt_tokens is None:
        return None
    precision = record.workload.precision
    return Case(
        work,
        Architecture.from_config(record.model.config, record.model.name),
        catalog.accelerator(record.machine.device),
        gpus=record.machine.count,
        precision=NARROW.get(precision, precision),
        batch=record.workload.batch,
        tokens=record.workload.prompt_tokens,
        new_tokens=record.workload.new_tokens or 1,
        software=record.workload.engine,
        compiled=record.workload.compiled,
    )
