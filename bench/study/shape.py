"""What a study's net consists of, told without importing torch."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import PositiveInt

from modelworth.data.errors import InputError
from modelworth.data.record import Record

HEAD_WIDTH = 16
WIDE = 512


class Shape(Record):
    """What a net consists of.

    Attributes:
        sees: `tokens` for text, `patches` for images.
        vocabulary: tokens, or values of a flattened patch.
        length: positions.
        answers: classes; None makes a language model.
        causal: whether a position sees only what is before it.
    """

    sees: Literal["tokens", "patches"] = "tokens"
    vocabulary: PositiveInt
    length: PositiveInt
    width: PositiveInt
    layers: PositiveInt
    heads: PositiveInt
    answers: PositiveInt | None = None
    causal: bool = True

    @property
    def name(self) -> str:
        """Width and layers, such as `64x4`."""
        return f"{self.width}x{self.layers}"


def size(text: str) -> tuple[int, int]:
    """Width and layers from `64x4`; the width is a multiple of a head's.

    Raises:
        InputError: if it isn't of that form.
    """
    found = re.fullmatch(r"(\d+)x(\d+)", text.strip())
    width, layers = (int(found[1]), int(found[2])) if found else (0, 0)
    if not width or not layers or width % HEAD_WIDTH:
        allowed = f"WIDTHxLAYERS such as 64x4, the width a multiple of {HEAD_WIDTH}"
        raise InputError("--sizes", text, allowed)
    return width, layers


def heads(width: int) -> int:
    """Attention heads of a width: 16 wide in small nets, 64 in large ones."""
    return width // (64 if width >= WIDE and width % 64 == 0 else HEAD_WIDTH)
