"""Which runs the privacy study is made of: methods by size; epsilons and batches at one size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from modelworth.bench.study.case import Setting, StudyCase
from modelworth.bench.study.learning_plan import LENGTH, shape_of

METHODS: Final = ("plain", "hooks", "ghost", "lora", "lora_private")
PRIVATE: Final = ("hooks", "ghost", "lora_private")
EPSILON: Final = 8.0
DELTA: Final = 1e-5
BATCH: Final = 32


@dataclass(frozen=True, slots=True)
class Promises:
    """How far the study goes: nets, tokens of fine-tuning, other epsilons and batches."""

    sizes: tuple[str, ...]
    tokens: int
    base_tokens: int
    epsilons: tuple[float, ...]
    batches: tuple[int, ...]


QUICK: Final = Promises(("16x1", "32x1"), 20_000, 20_000, (2.0,), ())
STANDARD: Final = Promises(("32x2", "48x2", "64x2"), 50_000, 100_000, (1.0, 3.0), (128,))


def cases(wanted: Promises, vocabulary: int, corpus: str, device: str) -> list[StudyCase]:
    """Every run; the plain one of a size comes first, as the others are held against it."""
    middle = wanted.sizes[len(wanted.sizes) // 2]
    runs = [(method, text, EPSILON, BATCH) for text in wanted.sizes for method in METHODS]
    runs += [("hooks", middle, epsilon, BATCH) for epsilon in wanted.epsilons]
    runs += [(method, middle, EPSILON, batch) for batch in wanted.batches for method in METHODS[:3]]
    return [
        StudyCase(
            study="privacy",
            method=method,
            shape=shape_of(text, vocabulary, LENGTH),
            batch=batch,
            settings=_settings(method, epsilon, wanted),
            corpus=corpus,
            device="cuda" if device == "cuda" else "cpu",
        )
        for method, text, epsilon, batch in runs
    ]


def _settings(method: str, epsilon: float, wanted: Promises) -> dict[str, Setting]:
    common: dict[str, Setting] = {"tokens": wanted.tokens, "base_tokens": wanted.base_tokens}
    return common | ({"epsilon": epsilon, "delta": DELTA} if method in PRIVATE else {})
