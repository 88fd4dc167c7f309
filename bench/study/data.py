"""The data study's runs: each stage of preparing text, and of images, timed part by part.

A run takes so many megabytes of the folder, or of the default text, in some parts; each part is one
sample, so that the rate has an interval. Copies are planted before duplicates are looked for: the
share that is found is known, and so is what is dropped beside them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Final, TypeVar

import numpy as np

from modelworth.bench.study import preparation
from modelworth.bench.study.case import Seen, StudyCase
from modelworth.bench.study.texts import (
    byte_pairs,
    folder_files,
    image_files,
    package_files,
    read,
)
from modelworth.data.errors import InputError
from modelworth.data.study import Estimate

T = TypeVar("T")
PARTS: Final = 10
VOCABULARY: Final = 8192
TRAINED_ON: Final = 400
"""Documents from which the tokenizer is learned, outside of what is timed."""
IMAGE_SIDE: Final = 512
SMALL_SIDE: Final = 224
PER_MEGABYTE: Final = 1e6


def run(case: StudyCase, files: Sequence[Path]) -> Seen:
    """One run of the study."""
    stages = {
        "read": _read, "filter": _filter, "deduplicate": _deduplicate,
        "tokenise": _tokenise, "pack": _pack, "images": _images,
    }  # fmt: skip
    return stages[case.method](case, files)


def source_files(folder: str | None, method: str = "read") -> list[Path]:
    """The folder's files of the kind that a method works on, or those of the default text."""
    if method == "images":
        return [] if folder is None else image_files(Path(folder))
    if folder is None:
        return [path for _, path in package_files() if path.exists()]
    return folder_files(Path(folder))


def _read(case: StudyCase, files: Sequence[Path]) -> Seen:
    """Files to texts; the files are likely in the system's cache, as they are for training."""
    chosen = _up_to(files, case.number("megabytes"))
    held: list[int] = []

    def stage(part: Sequence[Path]) -> None:
        held.extend(len(text) for path in part for text in read(path))

    sizes, times = _timed(stage, chosen, lambda path: path.stat().st_size)
    return _seen(sizes, times, {"documents": float(len(held))})


def _filter(case: StudyCase, files: Sequence[Path]) -> Seen:
    kept: list[str] = []

    def stage(part: Sequence[str]) -> None:
        kept.extend(text for text in part if preparation.good(text))

    texts = _texts(case, files)
    sizes, times = _timed(stage, texts, _bytes)
    share = sum(map(_bytes, kept)) / sum(sizes)
    return _seen(sizes, times, {"kept_share": share, "documents": float(len(texts))})


def _deduplicate(case: StudyCase, files: Sequence[Path]) -> Seen:
    texts, rng = _texts(case, files), np.random.default_rng(case.seed)
    marked = preparation.planted(texts, int(case.number("planted")), rng)
    known, found = preparation.Deduplicator(), []

    def stage(part: Sequence[tuple[str, bool]]) -> None:
        found.extend((copy, known.duplicate(text)) for text, copy in part)

    sizes, times = _timed(stage, marked, lambda pair: _bytes(pair[0]))
    copies = [dropped for copy, dropped in found if copy]
    others = [dropped for copy, dropped in found if not copy]
    figures = {
        "planted_found_share": float(np.mean(copies)),
        "kept_share": 1 - float(np.mean(others)),
        "documents": float(len(marked)),
    }
    return _seen(sizes, times, figures)


def _tokenise(case: StudyCase, files: Sequence[Path]) -> Seen:
    workers = int(case.number("workers"))
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if workers > 1 else "false"
    os.environ["RAYON_NUM_THREADS"] = str(workers)
    texts = _texts(case, files)
    tokenizer, counts = byte_pairs(texts[:TRAINED_ON], VOCABULARY), []

    def stage(part: Sequence[str]) -> None:
        counts.extend(len(it.ids) for it in tokenizer.encode_batch(list(part)))

    sizes, times = _timed(stage, texts, _bytes)
    tokens = float(sum(counts))
    return _seen(sizes, times, {"tokens": tokens, "bytes_per_token": sum(sizes) / tokens})


def _pack(case: StudyCase, files: Sequence[Path]) -> Seen:
    texts = _texts(case, files)
    tokenizer = byte_pairs(texts[:TRAINED_ON], VOCABULARY)
    encoded = [(it.ids, _bytes(text)) for text in texts for it in [tokenizer.encode(text)]]
    rows: list[int] = []

    def stage(part: Sequence[tuple[list[int], int]]) -> None:
        rows.append(preparation.packed(ids for ids, _ in part).size)

    sizes, times = _timed(stage, encoded, lambda pair: pair[1])
    tokens = sum(len(ids) + 1 for ids, _ in encoded)
    return _seen(sizes, times, {"kept_share": min(1.0, sum(rows) / tokens)})


def _images(case: StudyCase, files: Sequence[Path]) -> Seen:
    """Pictures of the folder, or made-up ones; what can't be read is counted as not kept."""
    rng, count = np.random.default_rng(case.seed), int(case.number("images"))
    pictures = (
        [path.read_bytes() for path in files[:count]]
        if files
        else preparation.images(count, IMAGE_SIDE, rng)
    )
    kept: list[bool] = []

    def stage(part: Sequence[bytes]) -> None:
        kept.extend(preparation.decoded(content, SMALL_SIDE) is not None for content in part)

    sizes, times = _timed(stage, pictures, lambda _: 1)
    if not any(kept):
        raise InputError(str(files[0].parent), "no image that can be read", "JPEG, PNG or the like")
    figures = {
        "bytes_per_image": Estimate(value=float(np.mean([len(it) for it in pictures]))),
        "kept_share": Estimate(value=float(np.mean(kept))),
    }
    work = sum(sizes) / len(sizes)
    return Seen(unit="images", work_per_step=work, samples_s=times, figures=figures)


def _timed(
    stage: Callable[[Sequence[T]], None], items: Sequence[T], size: Callable[[T], int]
) -> tuple[list[int], tuple[float, ...]]:
    """Bytes of each part, and its seconds as if it had the parts' mean size."""
    ends = np.linspace(0, len(items), min(PARTS, len(items)) + 1).astype(int).tolist()
    parts = [items[start:end] for start, end in pairwise(ends)]
    sizes = [sum(map(size, part)) for part in parts]
    times = []
    for part in parts:
        began = perf_counter()
        stage(part)
        times.append(perf_counter() - began)
    mean = sum(sizes) / len(sizes)
    scaled = (took * mean / max(1, own) for took, own in zip(times, sizes, strict=True))
    return sizes, tuple(scaled)


def _seen(sizes: Sequence[int], times: tuple[float, ...], figures: dict[str, float]) -> Seen:
    return Seen(
        unit="bytes",
        work_per_step=sum(sizes) / len(sizes),
        samples_s=times,
        figures={"bytes": Estimate(value=sum(sizes))}
        | {key: Estimate(value=value) for key, value in figures.items()},
    )


def _texts(case: StudyCase, files: Sequence[Path]) -> list[str]:
    """So many megabytes of texts."""
    wanted, held, texts = case.number("megabytes") * PER_MEGABYTE, 0, []
    for path in files:
        for text in read(path):
            if text.strip():
                texts.append(text)
                held += _bytes(text)
        if held >= wanted:
            break
    return texts


def _up_to(files: Sequence[Path], megabytes: float) -> list[Path]:
    chosen, held = [], 0
    for path in files:
        chosen.append(path)
        held += path.stat().st_size
        if held >= megabytes * PER_MEGABYTE:
            break
    return chosen


def _bytes(text: str) -> int:
    return len(text.encode())
