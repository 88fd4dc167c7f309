"""Preparing text for training, stage by stage: filter, remove near-duplicates, pack; and pictures.

Filters are those of Gopher and C4 that need no model (Rae et al. 2021; Raffel et al. 2020): length,
mean word length, symbols, letters, and English by its commonest words. Near-duplicates are found by
MinHash over word shingles with locality-sensitive hashing (Broder 1997), by datasketch. Left out:
filters by a classifier, and anything that downloads a model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from io import BytesIO
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SHINGLE: Final = 5
PERMUTATIONS: Final = 64
SIMILAR: Final = 0.7
"""Jaccard similarity of shingles from which two documents count as one."""
PACKED_TOKENS: Final = 2048
COMMON: Final = frozenset(
    ("the", "be", "to", "of", "and", "that", "have", "with", "is", "in", "for", "not", "on", "this",
     "as", "are", "it", "if", "or", "from", "by", "an", "at", "a")
)  # fmt: skip
_WORD: Final = re.compile(r"[^\W\d_]+")


def good(text: str) -> bool:
    """Whether a text is long, wordy and English enough to train on."""
    words = text.split()
    if not 30 <= len(words) <= 1_000_000:
        return False
    mean_length = sum(map(len, words)) / len(words)
    letters = _WORD.findall(text.lower())
    common = sum(word in COMMON for word in letters)
    symbols = text.count("#") + text.count("...") + text.count("…")
    return (
        2 <= mean_length <= 15
        and symbols <= 0.1 * len(words)
        and len(letters) >= 0.5 * len(words)
        and common >= 0.03 * len(letters)
    )


def shingles(text: str) -> set[bytes]:
    """Runs of five words; of a shorter text the whole."""
    words = _WORD.findall(text.lower())
    count = max(1, len(words) - SHINGLE + 1)
    return {" ".join(words[place : place + SHINGLE]).encode() for place in range(count)}


class Deduplicator:
    """Remembers what it has seen; a text like an earlier one is a duplicate."""

    def __init__(self) -> None:
        from datasketch import MinHashLSH

        self._index = MinHashLSH(threshold=SIMILAR, num_perm=PERMUTATIONS)
        self._sketches: list[Any] = []

    def duplicate(self, text: str) -> bool:
        """Whether an earlier text was like this one; if not, it is remembered."""
        from datasketch import MinHash

        sketch = MinHash(num_perm=PERMUTATIONS)
        sketch.update_batch(list(shingles(text)))
        near = self._index.query(sketch)
        if any(self._sketches[place].jaccard(sketch) >= SIMILAR for place in near):
            return True
        self._index.insert(len(self._sketches), sketch)
        self._sketches.append(sketch)
        return False


def planted(texts: Sequence[str], count: int, rng: np.random.Generator) -> list[tuple[str, bool]]:
    """The texts with copies planted at random places after them; True marks a copy.

    Every second copy is exact; of the others every hundredth word is another.
    """
    made = [(text, False) for text in texts]
    for number in range(count):
        source = int(rng.integers(0, len(made)))
        text = made[source][0]
        copy = text if number % 2 else _altered(text, rng)
        made.insert(int(rng.integers(source + 1, len(made) + 1)), (copy, True))
    return made


def packed(documents: Iterable[Sequence[int]], length: int = PACKED_TOKENS) -> NDArray[np.uint32]:
    """Token ids one after another, an end (0) after each, cut into rows; the rest is left out."""
    parts = [np.append(np.asarray(ids, np.uint32), np.uint32(0)) for ids in documents]
    joined = np.concatenate(parts) if parts else np.zeros(0, np.uint32)
    rows = len(joined) // length
    return joined[: rows * length].reshape(rows, length)


def images(count: int, side: int, rng: np.random.Generator) -> list[bytes]:
    """JPEG files of smooth made-up pictures."""
    from PIL import Image

    made = []
    for _ in range(count):
        small = rng.integers(0, 256, (side // 16, side // 16, 3), dtype=np.uint8)
        picture, file = Image.fromarray(small).resize((side, side)), BytesIO()
        picture.save(file, "JPEG", quality=85)
        made.append(file.getvalue())
    return made


def decoded(content: bytes, side: int) -> NDArray[np.uint8] | None:
    """A picture from its file, resized; None if it is broken or too large to be one."""
    from PIL import Image

    broken = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
    with suppress(*broken), Image.open(BytesIO(content)) as picture:
        return np.asarray(picture.convert("RGB").resize((side, side)))
    return None


def _altered(text: str, rng: np.random.Generator) -> str:
    words = text.split(" ")
    for place in rng.integers(0, len(words), max(1, len(words) // 100)):
        words[place] = "another"
    return " ".join(words)
