"""Reads what a PDF shows: size and place of every piece of text, as `pdftotext` finds them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pypdf

PROGRAM = shutil.which("pdftotext")


@dataclass(frozen=True)
class Glyph:
    """A piece of text on a page, with the size that it is printed in."""

    page: int
    text: str
    size_pt: float
    inside: bool


def glyphs(path: Path) -> Iterator[Glyph]:
    """Every piece of text of the file, transformations applied."""
    for number, page in enumerate(pypdf.PdfReader(path).pages, 1):
        width, height = float(page.mediabox.width), float(page.mediabox.height)
        found: list[Glyph] = []

        def note(text, current, matrix, font, size, found=found, number=number, w=width, h=height):
            if text.strip():
                scale = abs(current[3] * matrix[3]) or abs(current[1] * matrix[2])
                x = matrix[4] * current[0] + matrix[5] * current[2] + current[4]
                y = matrix[4] * current[1] + matrix[5] * current[3] + current[5]
                found.append(Glyph(number, text, size * scale, 0 <= x <= w and 0 <= y <= h))

        page.extract_text(visitor_text=note)
        yield from found


def right_edges(path: Path) -> Iterator[tuple[int, float, float, str]]:
    """Page, right edge and page width of every word, by poppler."""
    assert PROGRAM, "poppler is missing: apt-get install poppler-utils"
    command = [PROGRAM, "-bbox", str(path), "-"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    page, width = 0, 0.0
    for line in text.splitlines():
        if "<page " in line:
            page, width = page + 1, float(line.split('width="')[1].split('"')[0])
        if "<word " in line:
            right = float(line.split('xMax="')[1].split('"')[0])
            yield page, right, width, line.split(">")[1].split("<")[0]
