"""How much room text takes, estimated without its font, so that slides never overflow.

Widths are those of DejaVu Sans, the widest face that programs put in Arial's place; a wide
(Chinese) character takes one em.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

LINE, WIDE_LINE = 1.22, 1.46  # height of a line in ems: Latin, and with Chinese in it
MIXED_GAP = 0.5  # ems that programs put around a Latin word in Chinese text
POINTS_PER_INCH = 72.0
_NARROW = frozenset(" iljftrI.,:;'|!()[]/-·’‘")
_WIDEST = frozenset("@%mMwW—…×−")


def width_em(text: str) -> float:
    """Width of a text on one line, in ems."""
    return sum(_character_em(character) for character in text)


def _character_em(character: str) -> float:
    if unicodedata.east_asian_width(character) in ("W", "F"):
        return 1.0
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0.0
    if character in _NARROW:
        return 0.37
    if character in _WIDEST:
        return 0.98
    return 0.73 if character.isupper() or character in "+<=>~" else 0.62


def lines(text: str, width_in: float, size_pt: float) -> int:
    """Lines that the text takes in a column of that width."""
    room = width_in * POINTS_PER_INCH / size_pt
    taken, filled = 1, 0.0
    mixed = MIXED_GAP if _wide(text) else 0.0
    for piece in _pieces(text):
        gap = mixed if not _wide(piece) and not piece.isspace() else 0.0
        need = width_em(piece) + gap
        if filled + width_em(piece.rstrip()) + gap <= room:
            filled += need
            continue
        if filled:
            taken, filled = taken + 1, 0.0
        while need > room:
            taken, need = taken + 1, need - room
        filled = need
    return taken


def _pieces(text: str) -> list[str]:
    """What stays together on a line: words with their space, wide characters alone."""
    return re.findall(r"[⺀-鿿＀-￯]|[^\s⺀-鿿＀-￯]+\s*|\s+", text)


def height_in(text: str, width_in: float, size_pt: float) -> float:
    """Height of the text set in a column of that width."""
    return lines(text, width_in, size_pt) * line_in(text, size_pt)


def line_in(text: str, size_pt: float) -> float:
    """Height of one line of the text; Chinese faces stand taller."""
    return size_pt * (WIDE_LINE if _wide(text) else LINE) / POINTS_PER_INCH


def _wide(text: str) -> bool:
    return any(unicodedata.east_asian_width(character) in ("W", "F") for character in text)


def fitted(
    text: str, width_in: float, room_in: float, sizes_pt: Sequence[float]
) -> tuple[str, float]:
    """The text and the largest of `sizes_pt` at which it fits; shortened at the smallest."""
    for size in sizes_pt:
        if height_in(text, width_in, size) <= room_in:
            return text, size
    size = sizes_pt[-1]
    kept = text
    while len(kept) > 1 and height_in(kept + "…", width_in, size) > room_in:
        kept = kept[: int(len(kept) * 0.95)].rstrip()
    return kept + "…", size
