"""Reads what a PDF shows: size of every piece of text, and the place of every word by poppler."""

from __future__ import annotations

import math
import shutil
import subprocess
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pypdf

PROGRAM = shutil.which("pdftotext")
EMU_PER_PT = 12_700
TOLERANCE_PT = 2.5  # poppler's boxes are as tall as the face, which is more than its letters are


@dataclass(frozen=True)
class Box:
    """A rectangle on a page in points from its top left, with the text that stands in it."""

    left: float
    top: float
    right: float
    bottom: float
    text: str = ""
    loose: float = 1.0  # how far the letters may stand off the ends: punctuation is half empty

    def holds(self, other: Box) -> bool:
        """Whether the other one lies inside."""
        across = self.left - TOLERANCE_PT <= other.left and other.right <= self.right + TOLERANCE_PT
        return across and (
            self.top - TOLERANCE_PT <= other.top and other.bottom <= self.bottom + TOLERANCE_PT
        )

    def core(self) -> Box:
        """What the letters surely fill."""
        inset = (self.bottom - self.top) / 4
        left, right = self.left + self.loose, self.right - self.loose
        return Box(left, self.top + inset, right, self.bottom - inset, self.text)

    def meets(self, other: Box) -> bool:
        """Whether the two share some ground."""
        across = max(self.left, other.left) < min(self.right, other.right)
        return across and max(self.top, other.top) < min(self.bottom, other.bottom)


def sizes(path: Path, pages: int) -> Iterator[tuple[float, str]]:
    """Size and text of each piece on the first pages, however it is turned."""
    found: list[tuple[float, str]] = []

    def note(text, current, matrix, font, size):
        if text.strip():
            scale = math.hypot(current[2], current[3]) * math.hypot(matrix[2], matrix[3])
            found.append((size * scale, text))

    for page in pypdf.PdfReader(path).pages[:pages]:
        page.extract_text(visitor_text=note)
    yield from found


def words(path: Path) -> list[tuple[Box, list[Box]]]:
    """Each page and its words, in the order in which they are drawn."""
    assert PROGRAM, "poppler is missing: apt-get install poppler-utils"
    command = [PROGRAM, "-raw", "-bbox", str(path), "-"]
    read = subprocess.run(command, capture_output=True, check=True).stdout
    found = []
    for page in ET.fromstring(read).findall(".//{*}page"):
        whole = Box(0, 0, float(page.get("width", 0)), float(page.get("height", 0)))
        found.append((whole, [_word(word) for word in page.findall("{*}word")]))
    return found


def _word(found: ET.Element) -> Box:
    sides = (float(found.get(side, 0)) for side in ("xMin", "yMin", "xMax", "yMax"))
    left, top, right, bottom = sides
    text = found.text or ""
    chinese = any(unicodedata.east_asian_width(letter) in "WFA" for letter in text)
    empty = text.endswith("\u200b")  # a place to break, for which poppler reckons a width
    loose = (bottom - top) / 2 if chinese or empty else 1.0
    return Box(left, top, right, bottom, unicodedata.normalize("NFKC", text), loose)


def overlaps(places: Sequence[Box]) -> list[tuple[str, str]]:
    """Pairs of words that lie on one another."""
    cores = [place.core() for place in places]
    return [(one.text, other.text) for one, other in combinations(cores, 2) if one.meets(other)]


def boxes(slide: Any) -> tuple[list[Box], list[Box]]:
    """The boxes of a slide that hold text, cells one by one, and those of its charts."""
    texts, charts = [], []
    for shape in slide.shapes:
        sides = (shape.left, shape.top, shape.left + shape.width, shape.top + shape.height)
        left, top, right, bottom = (side / EMU_PER_PT for side in sides)
        if shape.has_chart:
            charts.append(Box(left, top, right, bottom))
        elif shape.has_table:
            texts += _cells(shape.table, left, top)
        elif shape.has_text_frame:
            texts.append(Box(left, top, right, bottom, shape.text_frame.text))
    return texts, charts


def _cells(table: Any, left: float, top: float) -> Iterator[Box]:
    for r, row in enumerate(table.rows):
        at, height = left, row.height / EMU_PER_PT
        for c, column in enumerate(table.columns):
            width = column.width / EMU_PER_PT
            yield Box(at, top, at + width, top + height, table.cell(r, c).text)
            at += width
        top += height


def beyond(slide: Any, places: Sequence[Box]) -> list[str]:
    """Words that lie outside the box that they belong to, and texts that aren't whole."""
    texts, charts = boxes(slide)
    letters = [(letter, place) for place in places for letter in place.text]
    whole, at, wrong = "".join(letter for letter, _ in letters), 0, []
    for box in texts:
        wanted = "".join(unicodedata.normalize("NFKC", box.text).split())
        start = whole.find(wanted, at)
        if start < 0:
            wrong.append(f"not whole: {box.text}")
            continue
        wrong += _outside(letters[at:start], charts)
        at = start + len(wanted)
        wrong += _outside(letters[start:at], [box])
    return wrong + _outside(letters[at:], charts)


def _outside(letters: Sequence[tuple[str, Box]], within: Sequence[Box]) -> list[str]:
    found = dict.fromkeys(place for _, place in letters)
    return [place.text for place in found if not any(box.holds(place) for box in within)]
