"""Text from files and links: what may stand in it, and how it is shown.

A text is valid Unicode without control characters, lone surrogates, and marks that turn the
direction of what follows: none of these is part of any name, and each can disturb a terminal, a
page or a store. A line feed and a tab are text.
"""

from __future__ import annotations

from typing import Final

from modelworth.data.errors import InputError

LONGEST: Final = 20_000
_ALLOWED: Final = frozenset("\n\t\r")
_TURNING: Final = frozenset(
    map(chr, (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))
)


def check_text(text: str, where: str, longest: int = LONGEST) -> str:
    """The text, if it is plain.

    Raises:
        InputError: if it holds such a character, or is too long.
    """
    if len(text) > longest:
        raise InputError(where, f"{len(text):,} characters", f"at most {longest:,} characters")
    for place, character in enumerate(text):
        if not is_plain(character):
            found = f"character U+{ord(character):04X} at place {place + 1}"
            raise InputError(where, found, "text without control characters or direction marks")
    return text


def is_plain(character: str) -> bool:
    """Whether a character may stand in a text."""
    code = ord(character)
    if code < 0x20 or 0x7F <= code <= 0x9F:
        return character in _ALLOWED
    return not 0xD800 <= code <= 0xDFFF and character not in _TURNING
