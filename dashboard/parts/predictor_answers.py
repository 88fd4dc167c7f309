"""Questions to the predictor, asked as the command line and the library ask them."""

from __future__ import annotations

from dataclasses import dataclass

from modelworth.costmodel.architecture.named import named
from modelworth.costmodel.prediction.answer import Answer, answer_of
from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.layouts import laid_out
from modelworth.costmodel.prediction.predictor import Predictor
from modelworth.data.catalog import Catalog
from modelworth.data.words import Work

WORKS: tuple[Work, ...] = ("serve", "train", "prefill", "decode", "forward")
PRECISIONS = ("bf16", "fp16", "fp8", "fp4", "fp32", "int8", "int4")
BILLION = 1e9
DEGREES = ("data", "tensor", "pipeline", "expert", "context", "attention_data")
"""Fields of a case that say over how many devices something is cut."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a reader asks for.

    Attributes:
        precision: None: as the checkpoint is stored (a training: bf16).
        tensor: None: the layout that does most is found.
    """

    model: str
    accelerator: str
    work: Work = "serve"
    gpus: int = 1
    precision: str | None = None
    batch: int = 16
    tokens: int = 1024
    new_tokens: int = 256
    tensor: int | None = None


def ask(question: Question, catalog: Catalog) -> Answer:
    """Predict one piece of work.

    Raises:
        InputError: if the question can't be, or no layout fits.
    """
    asked = {} if question.tensor is None else {"tensor": question.tensor}
    case = Case.on(
        named(question.model, catalog), catalog.accelerator(question.accelerator),
        work=question.work, gpus=question.gpus, precision=question.precision,
        batch=question.batch, tokens=question.tokens, new_tokens=question.new_tokens, **asked,
    )  # fmt: skip
    predictor = Predictor(catalog)
    return answer_of(laid_out(case, predictor, asked) or case, predictor)


def fits(found: Answer) -> bool:
    """Whether the parts are within what a model may use of the device's memory."""
    return float(found.memory.total) <= found.available_bytes


def degrees(case: Case) -> list[tuple[str, int]]:
    """Over how many devices each thing is cut, of what is cut."""
    found = [(name, int(getattr(case, name))) for name in DEGREES]
    return [(name, count) for name, count in found if count > 1]
