"""Which runs the explanation study is made of: every method by size and length, text and images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from modelworth.bench.study import examples
from modelworth.bench.study.case import StudyCase
from modelworth.bench.study.learning_plan import shape_of

METHODS: Final = ("integrated_gradients", "gradient_input", "attention_rollout", "shapley")


@dataclass(frozen=True, slots=True)
class Reasons:
    """How far the study goes: nets for text, lengths of text, nets for images."""

    sizes: tuple[str, ...]
    lengths: tuple[int, ...]
    image_sizes: tuple[str, ...]


QUICK: Final = Reasons(("16x1",), (16,), ("16x1",))
STANDARD: Final = Reasons(("32x2", "64x2"), (32, 96), ("32x2", "64x2"))


def cases(wanted: Reasons, device: str) -> list[StudyCase]:
    """Every run."""
    text = {"vocabulary": examples.KEYWORD_VOCABULARY, "answers": examples.CLASSES}
    shapes = [
        shape_of(size, length=length, causal=False, **text)
        for size in wanted.sizes
        for length in wanted.lengths
    ] + [
        shape_of(
            size, examples.PATCH**2, examples.PATCHES,
            sees="patches", answers=examples.IMAGE_CLASSES, causal=False,
        )
        for size in wanted.image_sizes
    ]  # fmt: skip
    return [
        StudyCase(
            study="explain",
            method=method,
            shape=shape,
            device="cuda" if device == "cuda" else "cpu",
        )
        for shape in shapes
        for method in METHODS
    ]
