"""Which runs each study is made of; small ones first, so that one that is stopped covers the range.

Learning: sizes by budgets, repeated data, made-up tasks, labels, images. Privacy: methods by size,
epsilons and batches at one size; the plain run of a size first, as the others are held against it.
Explanations: every method by size and length. Data: every stage at several sizes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from modelworth.bench.study import examples
from modelworth.bench.study.case import Setting, StudyCase, StudyName
from modelworth.bench.study.shape import Shape, heads, size

LENGTH: Final = 64
TEXT_BATCH, EXAMPLES_BATCH = 8, 32
FINETUNE_STEPS: Final = 150
METHODS: Final[dict[StudyName, tuple[str, ...]]] = {
    "privacy": ("plain", "hooks", "ghost", "lora", "lora_private"),
    "explain": ("integrated_gradients", "gradient_input", "attention_rollout", "shapley"),
}
PRIVATE: Final = ("hooks", "ghost", "lora_private")
EPSILON, DELTA = 8.0, 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How far a study goes; empty where a study has no such thing.

    Attributes:
        sizes, image_sizes: nets as width × layers, for text and for images.
        tokens: budgets of a run; `base_tokens` go before them.
        repeated: (unique tokens, tokens) of runs that see their data several times.
        labelled: amounts of labelled examples.
        examples: of a made-up task, and of images.
        epsilons, batches: further ones, at the middle size.
        lengths: of texts.
        megabytes: of text, in which `planted` copies are looked for.
    """

    sizes: tuple[str, ...] = ()
    image_sizes: tuple[str, ...] = ()
    tokens: tuple[int, ...] = ()
    base_tokens: int = 0
    repeated: tuple[tuple[int, int], ...] = ()
    labelled: tuple[int, ...] = ()
    examples: int = 0
    epsilons: tuple[float, ...] = ()
    batches: tuple[int, ...] = ()
    lengths: tuple[int, ...] = ()
    megabytes: tuple[float, ...] = ()
    planted: int = 0
    images: int = 0

    @property
    def middle(self) -> str:
        """The size in the middle."""
        return self.sizes[len(self.sizes) // 2]

    @property
    def three(self) -> tuple[str, ...]:
        """Smallest, middle and largest size."""
        return tuple(dict.fromkeys((self.sizes[0], self.middle, self.sizes[-1])))


QUICK: Final[dict[StudyName, Extent]] = {
    "learning": Extent(
        sizes=("16x1", "32x2", "48x2"), tokens=(25_000, 50_000, 100_000),
        repeated=((25_000, 100_000),), labelled=(32, 128), examples=4_000,
    ),
    "privacy": Extent(
        sizes=("16x1", "32x1"), tokens=(20_000,), base_tokens=20_000, epsilons=(2.0,)
    ),
    "explain": Extent(sizes=("16x1",), lengths=(16,), image_sizes=("16x1",)),
    "data": Extent(megabytes=(0.5, 1), planted=20, images=40),
}  # fmt: skip
STANDARD: Final[dict[StudyName, Extent]] = {
    "learning": Extent(
        sizes=("16x2", "32x2", "48x2", "64x2", "96x2"), tokens=(100_000, 200_000, 400_000, 800_000),
        repeated=((50_000, 400_000), (100_000, 800_000)), labelled=(32, 128, 512), examples=12_000,
    ),
    "privacy": Extent(
        sizes=("32x2", "48x2", "64x2"), tokens=(50_000,), base_tokens=100_000,
        epsilons=(1.0, 3.0), batches=(128,),
    ),
    "explain": Extent(sizes=("32x2", "64x2"), lengths=(32, 96), image_sizes=("32x2", "64x2")),
    "data": Extent(megabytes=(1, 4), planted=60, images=200),
}  # fmt: skip


def learning(extent: Extent, vocabulary: int, corpus: str, device: str) -> list[StudyCase]:
    """Every run of the learning study."""
    budgets = [(text, tokens, tokens) for tokens in extent.tokens for text in extent.sizes]
    made = [
        _case("scratch", shape_of(text, vocabulary), TEXT_BATCH, corpus, device,
              tokens=tokens, unique_tokens=unique)
        for text, unique, tokens in (*budgets, *((extent.middle, *it) for it in extent.repeated))
    ]  # fmt: skip
    labels = shape_of(extent.middle, vocabulary, answers=examples.TOPICS)
    pretrained: dict[str, Setting] = {"tokens": extent.tokens[-2:][0]}
    made += [
        _case(method, labels, EXAMPLES_BATCH, corpus, device,
              labelled_examples=count, steps=FINETUNE_STEPS, **more)
        for count in extent.labelled
        for method, more in (("finetune", pretrained), ("labels_only", {}))
    ]  # fmt: skip
    made += [
        _case("task", shape_of(text, examples.VOCABULARY, length), EXAMPLES_BATCH, None, device,
              task=task, examples=extent.examples)
        for task, length in examples.TASKS.items()
        for text in extent.three
    ]  # fmt: skip
    return made + [
        _case("image", image_shape(text), EXAMPLES_BATCH, None, device,
              examples=extent.examples // share)
        for share in (4, 1)
        for text in extent.three
    ]  # fmt: skip


def privacy(extent: Extent, vocabulary: int, corpus: str, device: str) -> list[StudyCase]:
    """Every run of the privacy study."""
    methods, middle, usual = METHODS["privacy"], extent.middle, EXAMPLES_BATCH
    runs = [(method, text, EPSILON, usual) for text in extent.sizes for method in methods]
    runs += [("hooks", middle, epsilon, usual) for epsilon in extent.epsilons]
    runs += [(method, middle, EPSILON, batch) for batch in extent.batches for method in methods[:3]]
    common: dict[str, Setting] = {"tokens": extent.tokens[0], "base_tokens": extent.base_tokens}
    return [
        _case(method, shape_of(text, vocabulary), batch, corpus, device, "privacy",
              **common | ({"epsilon": epsilon, "delta": DELTA} if method in PRIVATE else {}))
        for method, text, epsilon, batch in runs
    ]  # fmt: skip


def explain(extent: Extent, device: str) -> list[StudyCase]:
    """Every run of the study of explanations."""
    text = {"vocabulary": examples.KEYWORD_VOCABULARY, "answers": examples.CLASSES}
    shapes = [
        *(shape_of(one, length=length, causal=False, **text)
          for one in extent.sizes for length in extent.lengths),
        *map(image_shape, extent.image_sizes),
    ]  # fmt: skip
    return [
        _case(method, shape, 1, None, device, "explain")
        for shape in shapes
        for method in METHODS["explain"]
    ]


def data(
    extent: Extent, corpus: str | None, cores: int, pictures: Sequence[Path] | None = None
) -> list[StudyCase]:
    """Every run of the data study.

    Args:
        extent: how far it goes.
        corpus: digest of the text; None: there is none, only images.
        cores: of this machine; tokenising takes one, and all.
        pictures: the images there are; None: made-up ones.
    """
    made = []
    for megabytes in extent.megabytes if corpus else ():
        stages: list[tuple[str, dict[str, Setting]]] = [
            ("read", {}), ("filter", {}), ("deduplicate", {"planted": extent.planted}),
            ("tokenise", {"workers": 1}), ("pack", {}),
            *([("tokenise", {"workers": cores})] if cores > 1 else []),
        ]  # fmt: skip
        made += [
            _case(stage, None, 1, corpus, "cpu", "data", megabytes=megabytes, **more)
            for stage, more in stages
        ]
    if pictures is None:
        made.append(_case("images", None, 1, corpus, "cpu", "data", images=extent.images))
    elif pictures:
        count = min(extent.images, len(pictures))
        made.append(_case("images", None, 1, digest(pictures), "cpu", "data", images=count))
    return made


def digest(files: Sequence[Path]) -> str:
    """Tells one collection of files from another, by their names and sizes."""
    lines = (f"{path.name} {path.stat().st_size}" for path in files)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def shape_of(text: str, vocabulary: int, length: int = LENGTH, **more: object) -> Shape:
    """A net of a size, with what the study decides."""
    width, layers = size(text)
    facts = {"vocabulary": vocabulary, "length": length, "heads": heads(width), **more}
    return Shape.model_validate({"width": width, "layers": layers, **facts})


def image_shape(text: str) -> Shape:
    """A net of a size that tells what is in an image."""
    sees = {"sees": "patches", "answers": examples.IMAGE_CLASSES, "causal": False}
    return shape_of(text, examples.PATCH**2, examples.PATCHES, **sees)


def _case(
    method: str, shape: Shape | None, batch: int, corpus: str | None, device: str,
    study: StudyName = "learning", **settings: Setting,
) -> StudyCase:  # fmt: skip
    return StudyCase(
        study=study, method=method, shape=shape, batch=batch, settings=settings, corpus=corpus,
        device="cuda" if device == "cuda" else "cpu",
    )  # fmt: skip
