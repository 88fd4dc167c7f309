"""Puts texts, charts and tables on slides, each within its box."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lxml import etree
from pptx.dml.color import RGBColor
from pptx.enum.text import MSO_ANCHOR, MSO_AUTO_SIZE, PP_ALIGN
from pptx.oxml.ns import qn
from pptx.slide import Slide
from pptx.util import Inches, Pt

from modelworth.report.formats.slides.slide_chart import Box, add_chart, rgb
from modelworth.report.formats.slides.text_fit import fitted, line_in, lines
from modelworth.report.sections.blocks import Document, Graphic, Table
from modelworth.report.words import Words

WIDTH, EDGE = 13.333, 0.6
FULL = WIDTH - 2 * EDGE
INK, QUIET, SOFT, RULE = "#17212b", "#5b6673", "#f4f6f8", "#dde2e8"
CELL_SIZES_PT, CELL_PAD_IN = (11.0, 10.0, 9.0), 0.08
MOST_LINES, SHORT = 2, 11
BOLD_WIDER = 1.08


@dataclass(frozen=True, slots=True)
class Maker:
    """Puts things on slides."""

    deck: Any
    document: Document
    words: Words

    def t(self, key: str, **values: object) -> str:
        """A message of the report's."""
        return self.words.t(f"report.{key}", **values)

    def slide(self, title: str) -> Slide:
        """A slide with its title and foot."""
        slide: Slide = self.deck.slides.add_slide(self.deck.slide_layouts[5])
        holder: Any = slide.shapes.title
        holder.left, holder.top = Inches(EDGE), Inches(0.45)
        holder.width, holder.height = Inches(FULL), Inches(0.8)
        holder.text_frame.vertical_anchor = MSO_ANCHOR.MIDDLE
        self._fill(holder.text_frame, title, (EDGE, 0.45, FULL, 0.8), (28, 24, 20, 16), bold=True)
        number = len(self.deck.slides)
        foot = f"{self.document.date} · {self.document.title}"
        self.text(slide, foot, (EDGE, 7.0, FULL - 1, 0.3), (10,), QUIET)
        place = (WIDTH - EDGE - 0.8, 7.0, 0.8, 0.3)
        self.text(slide, str(number), place, (10,), QUIET, right=True)
        return slide

    def text(
        self, slide: Slide, text: str, box: Box, sizes: tuple[float, ...], shade: str = INK,
        *, bold: bool = False, right: bool = False, fill: str | None = None,
    ) -> None:  # fmt: skip
        """A text box, in the largest of `sizes` that fits."""
        shape = slide.shapes.add_textbox(*(Inches(side) for side in box))
        if fill:
            shape.fill.solid()
            shape.fill.fore_color.rgb = rgb(fill)
        self._fill(shape.text_frame, text, box, sizes, shade, bold=bold, right=right)

    def _fill(
        self, frame: Any, text: str, box: Box, sizes: tuple[float, ...], shade: str = INK,
        *, bold: bool = False, right: bool = False,
    ) -> None:  # fmt: skip
        frame.word_wrap, frame.auto_size = True, MSO_AUTO_SIZE.NONE
        frame.margin_left = frame.margin_right = Inches(0.1)
        frame.margin_top = frame.margin_bottom = Inches(0.03)
        room = (box[2] - 0.22) / (BOLD_WIDER if bold else 1)
        shown, size = fitted(text, room, box[3] - 0.06, sizes)
        paragraph = frame.paragraphs[0]
        paragraph.alignment = PP_ALIGN.RIGHT if right else PP_ALIGN.LEFT
        self._run(paragraph, shown, size, shade, bold=bold)

    def _run(
        self, paragraph: Any, text: str, size: float, shade: str, *, bold: bool = False
    ) -> None:
        run = paragraph.add_run()
        run.text = text
        run.font.size, run.font.bold, run.font.color.rgb = Pt(size), bold, rgb(shade)
        run._r.get_or_add_rPr().set("lang", self.document.language.replace("_", "-"))

    def chart(self, slide: Slide, graphic: Graphic, box: Box) -> None:
        """A native chart under its title, with the sentence that reads it below."""
        left, top, width, height = box
        self.text(slide, graphic.chart.title, (left, top, width, 0.36), (14, 12), bold=True)
        add_chart(slide.shapes, graphic.chart, (left, top + 0.36, width, height - 1.0))
        foot = (left, top + height - 0.6, width, 0.6)
        self.text(slide, graphic.reading, foot, (12, 11, 10), QUIET)

    def table(self, slide: Slide, table: Table, box: Box) -> None:
        """A native table of the rows that fit; the number left out stands under it."""
        left, top, width, room = box
        total = sum(column.share for column in table.columns)
        widths = [width * column.share / total for column in table.columns]
        rows = (tuple(column.title for column in table.columns), *table.rows)
        size = _cell_size(rows, widths)
        heights = [_row_height(row, widths, size) for row in rows]
        count = _rows_that_fit(heights, room)
        place = (left, top, width, sum(heights[:count]))
        inches = (Inches(side) for side in place)
        frame: Any = slide.shapes.add_table(count, len(widths), *inches)
        native = frame.table
        _plain_style(frame)
        for index, share in enumerate(widths):
            native.columns[index].width = Inches(share)
        for r, row in enumerate(rows[:count]):
            native.rows[r].height = Inches(heights[r])
            for c, cell in enumerate(row):
                numeric = table.columns[c].numeric
                shown = _cell_text(cell, widths[c], size)
                self._cell(native.cell(r, c), shown, size, numeric=numeric, head=r == 0)
        left_out = len(table.rows) - (count - 1)
        if left_out:
            note = self.t("slide.more_rows", count=left_out)
            where = (left, top + room - 0.3, width, 0.3)
            self.text(slide, note, where, (10,), QUIET)

    def _cell(self, cell: Any, text: str, size: float, *, numeric: bool, head: bool) -> None:
        cell.margin_left = cell.margin_right = Inches(CELL_PAD_IN)
        cell.margin_top = cell.margin_bottom = Inches(0.035)
        cell.fill.solid()
        cell.fill.fore_color.rgb = rgb(SOFT) if head else RGBColor(255, 255, 255)
        _ruled(cell)
        paragraph = cell.text_frame.paragraphs[0]
        cell.text_frame.word_wrap = True
        paragraph.alignment = PP_ALIGN.RIGHT if numeric else PP_ALIGN.LEFT
        # An empty cell would be as tall as 18 points: a space that keeps its size isn't empty.
        self._run(paragraph, text or "\u00a0", size, QUIET if head else INK, bold=head)

    def blocks(self, section: str, kind: type) -> Iterator[Any]:
        """The section's blocks of a kind."""
        found = self.document.section(section)
        return (block for block in (found.blocks if found else ()) if isinstance(block, kind))

    def graphic(self, *keys: str) -> Graphic | None:
        """The first of these charts that the document has."""
        graphics = {
            block.chart.key: block
            for section in self.document.sections
            for block in section.blocks
            if isinstance(block, Graphic)
        }
        return next((graphics[key] for key in keys if key in graphics), None)


def _cell_size(rows: tuple[tuple[str, ...], ...], widths: list[float]) -> float:
    """The size at which the fewest cells need too many lines; the largest such."""
    cells = [(cell, width) for row in rows for cell, width in zip(row, widths, strict=True)]

    def crowded(size: float) -> int:
        return sum(_cell_lines(cell, width, size) > _allowed(cell) for cell, width in cells)

    return min(CELL_SIZES_PT, key=lambda size: (crowded(size), -size))


def _allowed(text: str) -> int:
    return 1 if len(text) <= SHORT else MOST_LINES


def _cell_lines(text: str, width: float, size: float) -> int:
    return lines(text, (width - 2 * CELL_PAD_IN) / BOLD_WIDER, size)


def _cell_text(text: str, width: float, size: float) -> str:
    """The text of a cell, of three lines at most."""
    room = (MOST_LINES + 1) * line_in(text, size) + 0.001
    return fitted(text, (width - 2 * CELL_PAD_IN) / BOLD_WIDER, room, (size,))[0]


def _row_height(row: tuple[str, ...], widths: list[float], size: float) -> float:
    shown = (
        (_cell_text(cell, width, size), width) for cell, width in zip(row, widths, strict=True)
    )
    heights = (_cell_lines(text, width, size) * line_in(text, size) for text, width in shown)
    return max(heights) + 0.1


def _rows_that_fit(heights: list[float], room: float) -> int:
    """How many rows fit, with space for a note where some don't."""
    if sum(heights) <= room:
        return len(heights)
    taken, count = heights[0], 1
    while count < len(heights) and taken + heights[count] <= room - 0.65:
        taken, count = taken + heights[count], count + 1
    return count


def _ruled(cell: Any) -> None:
    """Thin lines above and under the cell and none at its sides."""
    properties = cell._tc.get_or_add_tcPr()
    sides = []
    for side in ("lnL", "lnR", "lnT", "lnB"):
        line = etree.Element(qn(f"a:{side}"), w="6350")
        if side in ("lnT", "lnB"):
            fill = etree.SubElement(line, qn("a:solidFill"))
            etree.SubElement(fill, qn("a:srgbClr"), val=RULE.removeprefix("#").upper())
        else:
            etree.SubElement(line, qn("a:noFill"))
        sides.append(line)
    for place, line in enumerate(sides):
        properties.insert(place, line)


def _plain_style(frame: Any) -> None:
    """No banding and no coloured head: the cells' own colours are enough."""
    properties = frame._element.graphic.graphicData.tbl.tblPr
    for flag in ("bandRow", "firstRow"):
        properties.set(flag, "0")
    style = properties.find(qn("a:tableStyleId"))
    if style is not None:
        style.text = "{2D5ABB26-0587-4C30-8999-92F81FD0307C}"  # no style, no grid
