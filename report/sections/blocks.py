"""What a document is made of: sections of paragraphs, tables and charts, as plain data.

`content` fills these from an analysis, and every format draws them in its own way, so no two
formats can disagree. All text is already in the reader's language and safe to print (`clean`);
all numbers in charts are already in the unit that their axis title names.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

from modelworth.report.brand import UNBRANDED, Brand

Piece = TypeVar("Piece")
LONGEST_PROSE = 2_000
LONGEST_NAME = 160
# Controls that reorder text on screen: a name could show as another one.
REORDERING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text; `tone` says how loud it is."""

    text: str
    tone: str = "plain"  # plain, lead, note, warning


@dataclass(frozen=True, slots=True)
class Code:
    """Commands to copy, one a line."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """Head of a table's column; `share` is its part of the table's width."""

    title: str
    share: float = 1.0
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of formatted cells under columns."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a line chart, with a band where `low` and `high` are given.

    Attributes:
        middle: medians, where they are known besides the base case in `y`.
    """

    name: str
    y: tuple[float, ...]
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None
    middle: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class LineChart:
    """Lines over a common x.

    Attributes:
        marks: vertical lines with a word each.
        stacked: whether they stand on one another as areas, for amounts that add up.
    """

    key: str
    title: str
    x_title: str
    y_title: str
    x: tuple[float, ...]
    lines: tuple[Line, ...]
    logarithmic: bool = False
    marks: tuple[tuple[float, str], ...] = ()
    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Bars:
    """One series of a bar chart, a value for each category; None leaves a gap."""

    name: str
    values: tuple[float | None, ...]
    low: tuple[float | None, ...] | None = None
    high: tuple[float | None, ...] | None = None


@dataclass(frozen=True, slots=True)
class BarChart:
    """Horizontal bars, the first category on top; several series share a row's middle.

    Attributes:
        details: what each category's name is followed by, where there is room in a second line.
    """

    key: str
    title: str
    value_title: str
    categories: tuple[str, ...]
    series: tuple[Bars, ...]
    details: tuple[str, ...] = ()

    def names(self, joint: str) -> tuple[str, ...]:
        """Each category with its detail."""
        if not self.details:
            return self.categories
        return tuple(map(joint.join, zip(self.categories, self.details, strict=True)))


@dataclass(frozen=True, slots=True)
class Histogram:
    """Shares of trials between edges; what lies below 0 is drawn as a loss."""

    key: str
    title: str
    x_title: str
    y_title: str
    edges: tuple[float, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class BridgeChart:
    """From one amount to another in steps, top to bottom: a bar is a step, or a total from zero.

    Attributes:
        amounts: what each step adds; for a total, where it stands.
        totals: which of the bars are totals.
        shown: each amount as text.
    """

    key: str
    title: str
    value_title: str
    names: tuple[str, ...]
    amounts: tuple[float, ...]
    totals: tuple[bool, ...]
    shown: tuple[str, ...]

    def spans(self) -> tuple[tuple[float, float], ...]:
        """Where each bar starts and where it ends."""
        found, at = [], 0.0
        for amount, total in zip(self.amounts, self.totals, strict=True):
            start = 0.0 if total else at
            at = start + amount
            found.append((start, at))
        return tuple(found)


Chart = LineChart | BarChart | Histogram | BridgeChart


@dataclass(frozen=True, slots=True)
class Graphic:
    """A chart with the sentence that says how to read it."""

    chart: Chart
    reading: str


Block = Paragraph | Code | Table | Graphic


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of the document."""

    key: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class BoardPage:
    """One of the six pages for a board: a conclusion, what shows it, what follows, where from.

    Attributes:
        title: a sentence with a number or a verdict.
        main: the chart or table that shows it; the slide has nothing else.
        more: what a printed page has room for besides.
        so_what: what follows for the decision.
    """

    key: str
    title: str
    main: Graphic | Table
    more: tuple[Block, ...]
    so_what: str
    sources: str


@dataclass(frozen=True, slots=True)
class Card:
    """A headline figure: name, value, and its range or status in small print."""

    name: str
    value: str
    detail: str


@dataclass(frozen=True, slots=True)
class Document:
    """The whole report in one language.

    Attributes:
        outcome: the verdict's identifier, for colour; `verdict` is the word for it.
        pages: the six that a board reads; `sections` are what stands behind them.
        with_pages: whether running formats show them; slides always do.
    """

    language: str
    title: str
    date: str
    question: str
    outcome: str
    verdict: str
    cards: tuple[Card, ...]
    pages: tuple[BoardPage, ...]
    sections: tuple[Section, ...]
    brand: Brand = UNBRANDED
    with_pages: bool = True

    def shown_pages(self) -> tuple[BoardPage, ...]:
        """The board's pages where the reader asked for them."""
        return self.pages if self.with_pages else ()

    def answer(self) -> Document:
        """The first page alone."""
        return replace(self, pages=self.pages[:1], sections=(), with_pages=True)

    def card_columns(self) -> int:
        """Cards beside each other, so that none is alone in its row."""
        count = len(self.cards)
        return 3 if count > 4 else max(1, count)

    def section(self, key: str) -> Section | None:
        """The section of that key, if the document has it."""
        return next((section for section in self.sections if section.key == key), None)

    def charts(self) -> tuple[Chart, ...]:
        """All charts in reading order."""
        blocks = [block for page in self.shown_pages() for block in (page.main, *page.more)]
        blocks += [block for section in self.sections for block in section.blocks]
        charts = (block.chart for block in blocks if isinstance(block, Graphic))
        return tuple({chart.key: chart for chart in charts}.values())


def mapped(piece: Piece, change: Callable[[str], str]) -> Piece:
    """The document, or a part of it, with every text in it changed."""
    part: Any = piece
    if isinstance(part, Brand):
        return piece
    if isinstance(part, str):
        part = change(part)
    elif isinstance(part, tuple):
        part = tuple(mapped(inner, change) for inner in part)
    elif is_dataclass(part) and not isinstance(part, type):
        inner = {field.name: mapped(getattr(part, field.name), change) for field in fields(part)}
        part = type(part)(**inner)
    changed: Piece = part
    return changed


def clean(text: object, longest: int = LONGEST_NAME) -> str:
    """Outside text as one line without controls, cut at `longest` characters with an ellipsis."""
    kept = "".join(_printable(character) for character in str(text))
    line = re.sub(r"\s+", " ", kept).strip()
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def prose(text: object) -> str:
    """Outside prose, cut where nobody would read on."""
    return clean(text, LONGEST_PROSE)


def capital(text: str) -> str:
    """The text with its first letter as a capital."""
    return text[:1].upper() + text[1:]


def _printable(character: str) -> str:
    """The character, a space for a control, nothing for what reorders or can't be encoded."""
    if character in REORDERING:
        return ""
    category = unicodedata.category(character)
    if category in ("Cs", "Co", "Cn"):
        return ""
    return " " if category in ("Cc", "Zl", "Zp") else character
