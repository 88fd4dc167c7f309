"""How many bits a stored weight takes, scales included: one table for the whole project.

Names such as `q4_k_m` are of GGUF files, which mix formats of tensors: their bits are those of one
model, and a file that says its size and how many weights it has says better.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

from pydantic import PositiveFloat

from modelworth.data.csv_rows import Row, Text, read_table
from modelworth.data.errors import InputError

TABLE = Path(__file__).parent / "weight_formats.csv"
SIZES: Final = {"small": "s", "medium": "m", "large": "l"}
OTHER_NAMES: Final = {"f16": "float16", "f32": "float32", "half": "float16"}


class WeightFormat(Row):
    """A format of weights.

    Attributes:
        bits: of one weight, its share of scales and zeros included.
        products: the precision whose rate its products run at or above, in the project's words.
    """

    name: Text
    bits: PositiveFloat
    products: Text


@cache
def weight_formats() -> dict[str, WeightFormat]:
    """The formats by name."""
    return {row.name: row for row in read_table(TABLE, WeightFormat)}


def weight_format(name: str) -> WeightFormat:
    """The format called so; case and dashes don't matter.

    Raises:
        InputError: if there is none.
    """
    key = name.strip().lower().replace("-", "_")
    if key not in weight_formats():
        raise InputError("precision", name, f"one of {', '.join(weight_formats())}")
    return weight_formats()[key]


def named_in(text: str) -> WeightFormat | None:
    """The format that a model's name or type says, as in `qwen2 7B Q4_K - Medium` or `GLM-5-FP8`.

    The longest of several names counts: `nvfp4` is not `fp4`, `q4_k_m` not `q4_k`.
    """
    spelled = re.sub(r"\s+-\s+(small|medium|large)\b", _letter, text.lower())
    words = {OTHER_NAMES.get(word, word) for word in re.split(r"[\s\-/.:,()]+", spelled)}
    found = [row for name, row in weight_formats().items() if name in words]
    return max(found, key=lambda row: len(row.name), default=None)


def _letter(match: re.Match[str]) -> str:
    return f"_{SIZES[match[1]]}"
