"""Which runs the learning study is made of: the ladder, repeated data, tasks, labels, images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from modelworth.bench.study import examples
from modelworth.bench.study.case import StudyCase
from modelworth.bench.study.shape import Shape, heads, size

LENGTH: Final = 64
BATCH: Final = 8
EXAMPLES_BATCH: Final = 32
FINETUNE_STEPS: Final = 150


@dataclass(frozen=True, slots=True)
class Ladder:
    """How far the study goes.

    Attributes:
        sizes: nets as width × layers.
        tokens: budgets of a run.
        repeated: (unique tokens, tokens) of runs that see their data several times.
        labelled: amounts of labelled examples.
        examples: of a made-up task, and of images.
    """

    sizes: tuple[str, ...]
    tokens: tuple[int, ...]
    repeated: tuple[tuple[int, int], ...]
    labelled: tuple[int, ...]
    examples: int


QUICK: Final = Ladder(
    ("16x1", "32x2", "48x2"), (25_000, 50_000, 100_000), ((25_000, 100_000),), (32, 128), 4_000
)
STANDARD: Final = Ladder(
    ("16x2", "32x2", "48x2", "64x2", "96x2"),
    (100_000, 200_000, 400_000, 800_000),
    ((50_000, 400_000), (100_000, 800_000)),
    (32, 128, 512),
    12_000,
)


def cases(ladder: Ladder, vocabulary: int, corpus: str, device: str) -> list[StudyCase]:
    """Every run, small ones first, so that what is there when it is stopped covers the range."""
    made = _text(ladder, vocabulary, corpus) + _labels(ladder, vocabulary, corpus)
    made += _tasks(ladder) + _images(ladder)
    return [case.model_copy(update={"device": device}) for case in made]


def tokens_needed(ladder: Ladder) -> int:
    """Training tokens that the corpus must hold for every budget to be fresh."""
    return max(ladder.tokens)


def shape_of(text: str, vocabulary: int, length: int, **more: object) -> Shape:
    """A net of a size, with what the study decides."""
    width, layers = size(text)
    facts = {"vocabulary": vocabulary, "length": length, "heads": heads(width), **more}
    return Shape.model_validate({"width": width, "layers": layers, **facts})


def _text(ladder: Ladder, vocabulary: int, corpus: str) -> list[StudyCase]:
    budgets = [(tokens, tokens) for tokens in ladder.tokens]
    runs = [(text, *pair) for pair in budgets for text in ladder.sizes]
    middle = ladder.sizes[len(ladder.sizes) // 2]
    runs += [(middle, *pair) for pair in ladder.repeated]
    return [
        StudyCase(
            study="learning",
            method="scratch",
            shape=shape_of(text, vocabulary, LENGTH),
            batch=BATCH,
            settings={"tokens": tokens, "unique_tokens": unique},
            corpus=corpus,
        )
        for text, unique, tokens in runs
    ]


def _labels(ladder: Ladder, vocabulary: int, corpus: str) -> list[StudyCase]:
    middle, tokens = ladder.sizes[len(ladder.sizes) // 2], ladder.tokens[-2]
    return [
        StudyCase(
            study="learning",
            method=method,
            shape=shape_of(middle, vocabulary, LENGTH, answers=examples.TOPICS),
            batch=EXAMPLES_BATCH,
            settings={"labelled_examples": count, "steps": FINETUNE_STEPS, **more},
            corpus=corpus,
        )
        for count in ladder.labelled
        for method, more in (("finetune", {"tokens": tokens}), ("labels_only", {}))
    ]


def _tasks(ladder: Ladder) -> list[StudyCase]:
    return [
        StudyCase(
            study="learning",
            method="task",
            shape=shape_of(text, examples.VOCABULARY, length),
            batch=EXAMPLES_BATCH,
            settings={"task": task, "examples": ladder.examples},
        )
        for task, length in examples.TASKS.items()
        for text in _three(ladder.sizes)
    ]


def _images(ladder: Ladder) -> list[StudyCase]:
    answers = examples.IMAGE_CLASSES
    return [
        StudyCase(
            study="learning",
            method="image",
            shape=shape_of(
                text, examples.PATCH**2, examples.PATCHES,
                sees="patches", answers=answers, causal=False,
            ),
            batch=EXAMPLES_BATCH,
            settings={"examples": ladder.examples // share},
        )
        for share in (4, 1)
        for text in _three(ladder.sizes)
    ]  # fmt: skip


def _three(sizes: Sequence[str]) -> tuple[str, ...]:
    """Smallest, middle and largest."""
    return tuple(dict.fromkeys((sizes[0], sizes[len(sizes) // 2], sizes[-1])))
