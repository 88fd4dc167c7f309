"""Text from files and links: what may stand in it, and how it is shown.

A text is valid Unicode without control characters, lone surrogates, and marks that turn the
direction of what follows: none of these is part of any name, and each can disturb a terminal, a
page or a store. A line feed and a tab are text.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from typing import Final

from modelworth.data.errors import InputError

LONGEST: Final = 20_000
LONGEST_NAME: Final = 200
_NOT_PLAIN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def check_text(text: str, where: str, longest: int = LONGEST) -> str:
    """The text, if it is plain.

    Raises:
        InputError: if it holds such a character, or is too long.
    """
    if len(text) > longest:
        raise InputError(where, f"{len(text):,} characters", f"at most {longest:,} characters")
    fault = _NOT_PLAIN.search(text)
    if fault is not None:
        found = f"character U+{ord(fault[0]):04X} at place {fault.start() + 1}"
        raise InputError(where, found, "text without control characters or direction marks")
    return text


def plain_or_none(found: object, longest: int) -> str | None:
    """What a server or a file calls something, where it is text and plain."""
    with suppress(InputError):
        return check_text(found, "text", longest) if isinstance(found, str) else None
    return None


def plain_number(text: str) -> float:
    """The number that a text is, as other programs write it; NaN where it is none.

    Python alone would also take digits of other scripts, and an underscore between digits.
    """
    try:
        return float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        return math.nan
