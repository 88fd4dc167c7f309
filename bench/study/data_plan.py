"""Which runs the data study is made of: every stage at several sizes, tokenising on all cores."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from modelworth.bench.study.case import Setting, StudyCase


@dataclass(frozen=True, slots=True)
class Amounts:
    """How far the study goes: megabytes of text, copies planted, pictures."""

    megabytes: tuple[float, ...]
    planted: int
    images: int


QUICK: Final = Amounts((0.5, 1), 20, 40)
STANDARD: Final = Amounts((1, 4), 60, 200)


def cases(
    wanted: Amounts, corpus: str | None, cores: int, pictures: Sequence[Path] | None = None
) -> list[StudyCase]:
    """Every run.

    Args:
        wanted: how far it goes.
        corpus: digest of the text; None: there is none, only images.
        cores: of this machine.
        pictures: the images there are; None: made-up ones.
    """
    runs: list[tuple[str, dict[str, Setting]]] = []
    for megabytes in wanted.megabytes if corpus else ():
        own: dict[str, Setting] = {"megabytes": megabytes}
        runs += [
            ("read", own), ("filter", own), ("deduplicate", own | {"planted": wanted.planted}),
            ("tokenise", own | {"workers": 1}), ("pack", own),
        ]  # fmt: skip
        if cores > 1:
            runs.append(("tokenise", own | {"workers": cores}))
    made = [
        StudyCase(study="data", method=method, settings=settings, corpus=corpus)
        for method, settings in runs
    ]
    if pictures is None or pictures:
        count = wanted.images if pictures is None else min(wanted.images, len(pictures))
        seen = corpus if pictures is None else digest(pictures)
        settings: dict[str, Setting] = {"images": count}
        made.append(StudyCase(study="data", method="images", settings=settings, corpus=seen))
    return made


def digest(files: Sequence[Path]) -> str:
    """Tells one collection of files from another, by their names and sizes."""
    lines = (f"{path.name} {path.stat().st_size}" for path in files)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
