"""Questions to the predictor, asked as the command line and the library ask them."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping
from dataclasses import asdict, dataclass

from modelworth.costmodel.architecture.named import named
from modelworth.costmodel.prediction.answer import Answer, answer_of
from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.layouts import laid_out
from modelworth.costmodel.prediction.predictor import Predictor
from modelworth.costmodel.prediction.published_rows import measured_rows
from modelworth.costmodel.prediction.software import software_name
from modelworth.data.catalog import Catalog
from modelworth.data.errors import InputError
from modelworth.data.words import Work
from modelworth.report import said
from modelworth.report.words import Words

WORKS: tuple[Work, ...] = ("serve", "train", "prefill", "decode", "forward")
PRECISIONS = ("bf16", "fp16", "fp8", "fp4", "fp32", "int8", "int4")
BILLION = 1e9
BRACKETS = re.compile(r"\s*[(（][^()（）]*--[^()（）]*[)）]")
FLAG = re.compile(r"--(gpus|precision|work|tensor|batch)\b")
DEGREES = ("data", "tensor", "pipeline", "expert", "context", "attention_data")
"""Fields of a case that say over how many devices something is cut."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a reader asks for.

    Attributes:
        precision: None: as the checkpoint is stored (a training: bf16).
        tensor: None: the layout that does most is found.
        software: None: not given.
    """

    model: str = "llama-3.1-8b"
    accelerator: str = "H100 SXM 80GB"
    work: Work = "serve"
    gpus: int = 1
    precision: str | None = None
    batch: int = 16
    tokens: int = 1024
    new_tokens: int = 256
    tensor: int | None = None
    software: str | None = None


def packed(question: Question) -> str:
    """A question as an address holds it."""
    given = {name: value for name, value in asdict(question).items() if value is not None}
    return json.dumps(given, separators=(",", ":"))


def unpacked(text: str, offered: Mapping[str, Container[object]]) -> Question:
    """The question that an address holds; what isn't offered is as the page opens."""
    try:
        found = dict(json.loads(text))
    except (ValueError, TypeError, RecursionError):
        return Question()
    return Question(**{
        name: value for name, value in found.items()
        if type(value) in (int, str) and value in offered.get(name, ())
    })  # fmt: skip


def software(work: Work) -> list[str]:
    """What ran the published rows of such work, by name."""
    kind = work if work in ("train", "forward") else "serve"
    names = (software_name(row.software) for row in measured_rows() if row.kind == kind)
    return sorted({name for name in names if name})


def reason(words: Words, text: str) -> str:
    """Why something can't be, in the reader's words; for flags stand the fields of the page."""
    plain = BRACKETS.sub("", said.source(words, text))
    return FLAG.sub(lambda flag: words.t(f"predict.{flag[1]}"), plain).replace("--", "")


def refused(words: Words, error: InputError) -> str:
    """What was wrong with a question, and what to do."""
    text = " ".join(str(error).split())
    if said.source(words, text) == text and error.advice:
        text = f"{error.where}: {error.found}. {error.advice[:1].upper()}{error.advice[1:]}."
    return reason(words, text)


def ask(question: Question, catalog: Catalog) -> Answer:
    """Predict one piece of work.

    Raises:
        InputError: if the question can't be, or no layout fits.
    """
    asked = {} if question.tensor is None else {"tensor": question.tensor}
    case = Case.on(
        named(question.model, catalog), catalog.accelerator(question.accelerator),
        work=question.work, gpus=question.gpus, precision=question.precision,
        batch=question.batch, tokens=question.tokens, new_tokens=question.new_tokens,
        software=question.software, **asked,
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
