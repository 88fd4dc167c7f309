"""Questions to the predictor, and its answers put together for a page."""

from __future__ import annotations

from dataclasses import dataclass

from modelworth.costmodel.architecture.memory import Memory
from modelworth.costmodel.prediction.answer import memory_of
from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.predictor import Prediction, Predictor
from modelworth.costmodel.prediction.refusal import usable_bytes
from modelworth.data.catalog import Accelerator, Catalog
from modelworth.data.words import Work

WORKS: tuple[Work, ...] = ("serve", "train", "prefill", "decode", "forward")
PRECISIONS = ("bf16", "fp16", "fp8", "fp4", "fp32", "int8", "int4")
BILLION = 1e9
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
        """Whether the parts are within what a model may use of the device's memory."""
        return float(self.memory.total) <= self.room_bytes

    @property
    def room_bytes(self) -> float:
        """What a model may use of the device's memory."""
        return usable_bytes(self.case)


def ask(question: Question, catalog: Catalog) -> Answer:
    """Predict one piece of work.

    Raises:
        InputError: if the question can't be.
    """
    training = question.work == "train"
    case = Case.of(
        question.model, question.accelerator, catalog, work=question.work, gpus=question.gpus,
        precision=question.precision, batch=question.batch, tokens=question.tokens,
        new_tokens=question.new_tokens, tensor=question.tensor,
        sharding="full" if training and question.gpus > 1 else "none",
    )  # fmt: skip
    predictor = Predictor(catalog)
    found = predictor.predict(case)
    return Answer(case, found, memory_of(case, found, predictor.tables), case.accelerator)
