"""What all sheets of the workbook share: styles, heads, safe cells, and set-up for printing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from modelworth.report.formats.sheets.book import Book
from modelworth.report.formats.sheets.excel_formula import UNDEFINED
from modelworth.report.palette import GRID, INK, QUIET, RULE, SOFT
from modelworth.report.said import UNLIMITED
from modelworth.report.sections.blocks import clean
from modelworth.report.sections.context import Context

ENTRY = "#fff8e1"
CASE = "plan.case"
FORMATS = {
    "share": "0.0%",
    "count": "#,##0",
    "small": "0.0###",
    "plain": "#,##0.00",
    "money": "#,##0;[Red]-#,##0",
    "price": "#,##0.00##",
    "wide": "[>=1E+12]0.0E+00;[<=-1E+12]-0.0E+00;#,##0",
}
HEAD = {"bold": True, "font_color": QUIET, "bottom": 1, "bg_color": SOFT, "text_wrap": True}
BOX = {"bg_color": ENTRY, "border": 1, "border_color": RULE}
PAPER_A4 = 9
TITLE_HEIGHT = 24
AMOUNT = "#,##0"
GRID_LINES = {"visible": True, "line": {"color": GRID}}
Cells = list[str | int]
"""Sheet, first row and column, last row and column."""
Axis = Mapping[str, object]
"""Of a native chart: its name, and what else xlsxwriter may be told."""


def add_styles(book: Workbook) -> dict[str, Format]:
    """Every cell format of the workbook by name."""
    base = {"font_name": "Arial", "font_size": 10, "font_color": INK, "valign": "top"}
    styles = {
        "title": book.add_format({**base, "font_size": 16, "bold": True}),
        "note": book.add_format({**base, "font_color": QUIET}),
        "head": book.add_format({**base, **HEAD}),
        "group": book.add_format({**base, "bold": True, "font_size": 11}),
        "text": book.add_format(base),
        "unit": book.add_format({**base, "align": "left", "indent": 1}),
        "quiet": book.add_format({**base, "font_color": QUIET, "font_size": 8}),
        "good": book.add_format({**base, "bold": True, "font_color": "#00714f"}),
        "bad": book.add_format({**base, "bold": True, "font_color": "#b03a00"}),
    }
    for name, shape in FORMATS.items():
        cell = {**base, "num_format": shape, "align": "right"}
        styles[name] = book.add_format(cell)
        styles[f"{name}_entry"] = book.add_format({**cell, **BOX})
    big = {**base, "font_size": 14, "bold": True}
    styles["big"] = book.add_format({**big, "text_wrap": True})
    styles["wrapped"] = book.add_format({**base, "text_wrap": True})
    for name in ("money", "share", "count", "plain"):
        styles[f"{name}_big"] = book.add_format({**big, "num_format": FORMATS[name]})
    styles["word_entry"] = book.add_format({**base, **BOX, "align": "right"})
    return styles


def pattern(unit: str, largest: float) -> str:
    """The name of the number format that shows a quantity of that size best."""
    if unit == "share":
        return "share"
    if unit == "usd":
        return "money"
    if largest >= 10_000:
        return "count"
    return "plain" if largest >= 10 else "price" if unit.startswith("usd") else "small"


def is_money(unit: str) -> bool:
    """Whether a quantity of this unit is an amount of money, or one per something."""
    return unit.lower().startswith("usd")


def finite(value: float | None) -> float | str:
    """What stands in a cell: the number, or the word for there being none."""
    return UNDEFINED.strip('"') if value is None or not math.isfinite(value) else float(value)


@dataclass(frozen=True, slots=True)
class Paper:
    """One sheet under way."""

    book: Workbook
    sheet: Worksheet
    styles: dict[str, Format]
    context: Context
    plan: Book
    key: str
    day: date

    @property
    def name(self) -> str:
        """The word on its tab."""
        return self.plan.names[self.key]

    def t(self, key: str, **values: object) -> str:
        """A message of the report's."""
        return self.context.t(key, **values)

    def own(self, value: float, unit: str) -> float:
        """An amount of USD in the workbook's currency; what has no limit, or isn't money, as is."""
        if not is_money(unit) or abs(value) >= UNLIMITED:
            return value
        return value / self.context.words.usd_per_currency

    def style(self, unit: str, *values: float | None) -> Format:
        """The number format for a quantity that takes these values."""
        known = [
            abs(self.own(value, unit))
            for value in values
            if value is not None and math.isfinite(value)
        ]
        return self.styles[pattern(unit, max(known, default=0.0))]

    def text(self, row: int, column: int, text: object, style: str = "text") -> None:
        """A cell of text, whatever its first character is."""
        self.sheet.write_string(row, column, clean(text, 4000), self.styles[style])

    def number(
        self, row: int, column: int, value: float | None, unit: str, *among: float | None
    ) -> None:
        """A cell with a number, or with the word for none."""
        shown, style = finite(value), self.style(unit, value, *among)
        if value is not None and value >= UNLIMITED:
            shown = self.t("no_limit")
        if isinstance(shown, str):
            self.text(row, column, shown, "note")
        else:
            self.sheet.write_number(row, column, self.own(shown, unit), style)

    def row(self, row: int, *cells: str | tuple[float | None, str]) -> None:
        """Texts, and numbers with their units, from the first column on; an unknown one is left."""
        for column, cell in enumerate(cells):
            if isinstance(cell, str):
                self.text(row, column, cell)
            elif cell[0] is not None:
                self.number(row, column, *cell)

    def shown(
        self, row: int, column: int, value: float | str | None, unit: str, *among: float | None
    ) -> None:
        """A cell with a number, or with words in its place."""
        if isinstance(value, str):
            self.text(row, column, value, "note")
        else:
            self.number(row, column, value, unit, *among)

    def formula(
        self, row: int, column: int, formula: str, style: Format | None, value: float | str | None,
        unit: str = "",
    ) -> None:  # fmt: skip
        """A formula with the value it has now."""
        shown = value if isinstance(value, str) else finite(value)
        shown = shown if isinstance(shown, str) else self.own(shown, unit)
        self.sheet.write_formula(row, column, formula, style, shown)

    def chart(
        self, kind: str, at: tuple[int, int], series: Mapping[str, tuple[Cells, Cells]],
        axes: tuple[Axis, Axis], title: str = "", size: tuple[int, int] = (760, 320),
    ) -> None:  # fmt: skip
        """A native chart at a cell, of named rows of cells: what stands across, and the values."""
        chart: Any = self.book.add_chart({"type": kind})
        shape = {"line": {"width": 2}} if kind == "line" else {"gap": 50 if len(series) > 1 else 5}
        for name, (across, values) in series.items():
            chart.add_series({"name": name, "categories": across, "values": values, **shape})
        chart.set_x_axis({"label_position": "low", **axes[0]})
        chart.set_y_axis({"num_format": AMOUNT, "major_gridlines": GRID_LINES, **axes[1]})
        chart.set_legend({"position": "bottom"} if len(series) > 1 else {"none": True})
        if title:
            chart.set_title({"name": title, "name_font": {"size": 12}})
        chart.set_size({"width": size[0], "height": size[1]})
        self.sheet.insert_chart(*at, chart)

    def begin(self, title: str, note: str, widths: list[tuple[str, float]]) -> None:
        """Title, note, widths of columns, and set-up for print."""
        self.text(0, 0, title, "title")
        self.sheet.set_row(0, TITLE_HEIGHT)
        self.text(1, 0, note, "note")
        for columns, width in widths:
            self.sheet.set_column(f"{columns}", width)
        self.sheet.hide_gridlines(2)
        self.sheet.set_landscape()
        self.sheet.set_paper(PAPER_A4)
        self.sheet.set_margins(0.5, 0.5, 0.7, 0.7)
        self.sheet.set_footer("&L&8&A&R&8&P / &N")
        self.sheet.fit_to_pages(1, 0)

    def heads(self, row: int, titles: list[str], first: int = 0) -> None:
        """A row of column heads."""
        for offset, title in enumerate(titles):
            self.text(row, first + offset, title, "head")

    def note(self, row: int, column: int, text: str) -> None:
        """A note that opens when pointing at the cell."""
        size: dict[str, Any] = {"x_scale": 2.2, "y_scale": 1.2, "author": "modelworth"}
        self.sheet.write_comment(row, column, clean(text, 1000), size)
