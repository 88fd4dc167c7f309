"""Puts texts, charts and tables on slides, each within its box."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from lxml import etree
from pptx.dml.color import RGBColor
from pptx.enum.shapes import MSO_SHAPE
from pptx.enum.text import MSO_ANCHOR, MSO_AUTO_SIZE, PP_ALIGN
from pptx.oxml.ns import qn
from pptx.slide import Slide
from pptx.util import Inches, Pt

from modelworth.report.formats.slides.slide_chart import Box, add_chart, rgb
from modelworth.report.palette import INK, QUIET, RULE, SOFT, TONES
from modelworth.report.sections.blocks import Card, Document, Graphic, Table
from modelworth.report.text_fit import fitted, line_in, lines
from modelworth.report.words import Words

WIDTH, HEIGHT, EDGE = 13.333, 7.5, 0.6
FULL = WIDTH - 2 * EDGE
TITLE = (EDGE, 0.35, FULL, 1.0)
BODY = (EDGE + 0.1, 1.6, FULL - 0.2, 4.3)
SO_WHAT = (EDGE, 6.02, FULL, 0.72)
FOOT = (EDGE, 6.8, FULL - 1.9, 0.62)
LOGO = (WIDTH - EDGE - 1.7, 6.86, 1.05, 0.42)
NUMBER = (WIDTH - EDGE - 0.6, 6.86, 0.6, 0.32)
LEAST_PT = 12.0
CELL_SIZES_PT, CELL_PAD_IN = (16.0, 15.0, 14.0, 13.0, LEAST_PT), 0.08
SHORT = 11
BOLD_WIDER = 1.14


@dataclass(frozen=True, slots=True)
class Maker:
    """Puts things on slides."""

    deck: Any
    document: Document
    words: Words

    def t(self, key: str, **values: object) -> str:
        """A message of the report's."""
        return self.words.t(f"report.{key}", **values)

    def slide(self, title: str, sources: str) -> Slide:
        """A slide with its title, a rule under it, and its foot."""
        slide: Slide = self.deck.slides.add_slide(self.deck.slide_layouts[5])
        holder: Any = slide.shapes.title
        holder.left, holder.top, holder.width, holder.height = (Inches(side) for side in TITLE)
        holder.text_frame.vertical_anchor = MSO_ANCHOR.MIDDLE
        primary = self.document.brand.primary
        self._fill(holder.text_frame, title, TITLE, (26, 24, 22, 20, 18), primary, bold=True)
        self._block(slide, (EDGE + 0.1, TITLE[1] + TITLE[3] + 0.06, FULL - 0.2, 0.04), primary)
        self._foot(slide, sources)
        return slide

    def _foot(self, slide: Slide, sources: str) -> None:
        """Where the figures are from, whose it is, which slide."""
        brand = self.document.brand
        whose = " · ".join(filter(None, (brand.organisation, brand.author, self.document.date)))
        self.text(slide, f"{whose} · {sources}", FOOT, (LEAST_PT,), QUIET)
        self.text(slide, str(len(self.deck.slides)), NUMBER, (LEAST_PT,), QUIET, right=True)
        if brand.logo:
            left, top, width, height = (Inches(side) for side in LOGO)
            picture = slide.shapes.add_picture(io.BytesIO(brand.logo), left, top, height=height)
            if picture.width > width:
                picture.height = int(picture.height * width / picture.width)
                picture.width = width
            _described(picture, brand.organisation)

    def _block(self, slide: Slide, box: Box, shade: str) -> Any:
        """A plain coloured rectangle."""
        shape = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, *(Inches(side) for side in box))
        shape.fill.solid()
        shape.fill.fore_color.rgb = rgb(shade)
        shape.line.fill.background()
        shape._element.remove(shape._element.find(qn("p:style")))  # which would cast a shadow
        return shape

    def so_what(self, slide: Slide, text: str) -> None:
        """What follows from the slide, on a band of its own."""
        self._block(slide, (SO_WHAT[0] + 0.1, SO_WHAT[1], 0.07, SO_WHAT[3]), self.tone)
        box = (SO_WHAT[0] + 0.17, SO_WHAT[1], SO_WHAT[2] - 0.27, SO_WHAT[3])
        self.text(slide, text, box, (18, 17, 16, 15, 14, 13, LEAST_PT), fill=SOFT, middle=True)

    @property
    def tone(self) -> str:
        """Colour of the verdict."""
        return TONES[self.document.outcome]

    def card(self, slide: Slide, card: Card, box: Box) -> None:
        """A headline figure: name, value, range."""
        left, top, width, height = box
        self._block(slide, box, SOFT)
        self.text(slide, card.name, (left, top + 0.03, width, 0.33), (13, LEAST_PT), QUIET)
        value = (left, top + 0.33, width, 0.46)
        self.text(
            slide,
            card.value,
            value,
            (26, 22, 18, 15, LEAST_PT),
            self.document.brand.primary,
            bold=True,
        )
        self.text(slide, card.detail, (left, top + 0.78, width, height - 0.8), (LEAST_PT,), QUIET)

    def text(
        self, slide: Slide, text: str, box: Box, sizes: tuple[float, ...], shade: str = INK,
        *, bold: bool = False, right: bool = False, fill: str | None = None, middle: bool = False,
    ) -> None:  # fmt: skip
        """A text box, in the largest of `sizes` that fits."""
        shape = slide.shapes.add_textbox(*(Inches(side) for side in box))
        if fill:
            shape.fill.solid()
            shape.fill.fore_color.rgb = rgb(fill)
        if middle:
            shape.text_frame.vertical_anchor = MSO_ANCHOR.MIDDLE
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
        # Chinese punctuation would hang out of its box.
        paragraph._p.get_or_add_pPr().set("hangingPunct", "0")
        run = paragraph.add_run()
        run.text = text
        run.font.size, run.font.bold, run.font.color.rgb = Pt(size), bold, rgb(shade)
        run._r.get_or_add_rPr().set("lang", self.document.language.replace("_", "-"))

    def chart(self, slide: Slide, graphic: Graphic, box: Box) -> None:
        """A native chart as wide as its box."""
        frame = add_chart(slide.shapes, graphic.chart, box, self.document.brand.series)
        _described(frame, f"{graphic.chart.title}. {graphic.reading}")

    def table(
        self, slide: Slide, table: Table, box: Box, most_lines: int = 2, *, head: bool = True
    ) -> None:
        """A native table of the rows that fit; the number left out stands under it."""
        left, top, width, room = box
        total = sum(column.share for column in table.columns)
        widths = [width * column.share / total for column in table.columns]
        titles = (tuple(column.title for column in table.columns),) if head else ()
        rows = (*titles, *table.rows)
        size = _cell_size(rows, widths, room, most_lines)
        heights = [_row_height(row, widths, size, most_lines) for row in rows]
        count = _rows_that_fit(heights, room)
        heights = _spread(heights[:count], room)
        inches = (Inches(side) for side in (left, top, width, sum(heights)))
        frame: Any = slide.shapes.add_table(count, len(widths), *inches)
        native = frame.table
        _plain_style(frame)
        for index, share in enumerate(widths):
            native.columns[index].width = Inches(share)
        for r, row in enumerate(rows[:count]):
            native.rows[r].height = Inches(heights[r])
            for c, cell in enumerate(row):
                numeric = table.columns[c].numeric
                shown = _cell_text(cell, widths[c], size, most_lines)
                self._cell(native.cell(r, c), shown, size, numeric=numeric, head=head and r == 0)
        left_out = len(rows) - count
        if left_out:
            note = self.t("slide.more_rows", count=left_out)
            where = (left, top + room - 0.3, width, 0.3)
            self.text(slide, note, where, (LEAST_PT,), QUIET)

    def _cell(self, cell: Any, text: str, size: float, *, numeric: bool, head: bool) -> None:
        cell.margin_left = cell.margin_right = Inches(CELL_PAD_IN)
        cell.margin_top = cell.margin_bottom = Inches(0.035)
        cell.fill.solid()
        cell.fill.fore_color.rgb = rgb(SOFT) if head else RGBColor(255, 255, 255)
        _ruled(cell)
        cell.vertical_anchor = MSO_ANCHOR.MIDDLE
        paragraph = cell.text_frame.paragraphs[0]
        cell.text_frame.word_wrap = True
        paragraph.alignment = PP_ALIGN.RIGHT if numeric else PP_ALIGN.LEFT
        # An empty cell would be as tall as 18 points: a space that keeps its size isn't empty.
        self._run(paragraph, text or "\u00a0", size, QUIET if head else INK, bold=head)


def _described(shape: Any, text: str) -> None:
    """Give a picture or chart the words that a screen reader says."""
    shape._element.xpath(".//p:cNvPr")[0].set("descr", text)


def _cell_size(
    rows: tuple[tuple[str, ...], ...], widths: list[float], room: float, most_lines: int
) -> float:
    """The largest size at which all rows fit and no cell is crowded; else the best there is."""
    cells = [(cell, width) for row in rows for cell, width in zip(row, widths, strict=True)]

    def crowded(size: float) -> int:
        return sum(
            _cell_lines(cell, width, size) > (1 if len(cell) <= SHORT else most_lines)
            for cell, width in cells
        )

    def beyond(size: float) -> int:
        heights = [_row_height(row, widths, size, most_lines) for row in rows]
        return len(rows) - _rows_that_fit(heights, room)

    return min(CELL_SIZES_PT, key=lambda size: (beyond(size), crowded(size), -size))


def _cell_lines(text: str, width: float, size: float) -> int:
    return lines(text, (width - 2 * CELL_PAD_IN) / BOLD_WIDER, size)


def _cell_text(text: str, width: float, size: float, most_lines: int) -> str:
    """The text of a cell, of a line more than `most_lines` at most."""
    room = (most_lines + 1) * line_in(text, size) + 0.001
    return fitted(text, (width - 2 * CELL_PAD_IN) / BOLD_WIDER, room, (size,))[0]


def _row_height(row: tuple[str, ...], widths: list[float], size: float, most_lines: int) -> float:
    shown = (
        (_cell_text(cell, width, size, most_lines), width)
        for cell, width in zip(row, widths, strict=True)
    )
    heights = (_cell_lines(text, width, size) * line_in(text, size) for text, width in shown)
    return max(heights) + 0.1


def _spread(heights: list[float], room: float) -> list[float]:
    """Rows a little taller where there is room, so that a short table fills its slide."""
    spare = max(0.0, room - sum(heights) - 0.3)
    more = min(0.16, spare / len(heights))
    return [height + more for height in heights]


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
