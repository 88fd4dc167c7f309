"""The report as a presentation: ten slides at most, native charts and tables, nothing overflowing.

The slides pick from the same document as the other formats. What doesn't fit is left out by whole
rows, and the slide says how many.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from pptx import Presentation
from pptx.dml.color import RGBColor
from pptx.enum.text import MSO_ANCHOR, MSO_AUTO_SIZE, PP_ALIGN
from pptx.oxml.ns import qn
from pptx.slide import Slide
from pptx.util import Inches, Pt

from costmodel.analysis import Analysis
from dashboard.report.blocks import Card, Chart, Code, Document, Graphic, Paragraph, Table
from dashboard.report.content import compose
from dashboard.report.slide_chart import Box, add_chart, rgb
from dashboard.report.text_fit import LINE, POINTS_PER_INCH, fitted, height_in, lines
from dashboard.report.zips import fixed
from dashboard.words import Words

WIDTH, HEIGHT, EDGE = 13.333, 7.5, 0.6
TOP, BOTTOM = 1.45, 6.85
FULL = WIDTH - 2 * EDGE
HALF = (FULL - 0.4) / 2
INK, QUIET, SOFT = "#17212b", "#5b6673", "#f4f6f8"
TONES = {"viable": "#00714f", "not_viable": "#b03a00", "depends": "#8a5a00"}
CELL_PT, CELL_PAD_IN = 11.0, 0.08
FACES = {"en": ("Calibri", ""), "zh_CN": ("Calibri", "Microsoft YaHei")}


def render(analysis: Analysis, language: str, day: date) -> bytes:
    """The presentation as a file."""
    document = compose(analysis, language, day)
    deck = Presentation()
    _prepare(deck, language)
    maker = Maker(deck, document, Words(language))
    for build in SLIDES:
        build(maker)
    moment = datetime.combine(day, time(12), UTC).replace(tzinfo=None)
    properties = deck.core_properties
    properties.title, properties.author = document.title, "modelworth"
    properties.last_modified_by, properties.revision = "modelworth", 1
    properties.created = properties.modified = moment
    file = io.BytesIO()
    deck.save(file)
    return fixed(file.getvalue(), day)


def _prepare(deck: Any, language: str) -> None:
    """Widen the default template to 16:9 and set its fonts."""
    ratio = Inches(WIDTH) / deck.slide_width
    deck.slide_width, deck.slide_height = Inches(WIDTH), Inches(HEIGHT)
    master = deck.slide_masters[0]
    for holder in (master, *master.slide_layouts):
        for shape in holder.placeholders:
            shape.left, shape.width = int(shape.left * ratio), int(shape.width * ratio)
    theme = next(part for part in master.part.rels.values() if part.reltype.endswith("/theme"))
    latin, asian = FACES[language]
    blob = theme.target_part.blob.decode()
    for tag in ("majorFont", "minorFont"):
        start = blob.index(f"<a:{tag}>")
        end = blob.index(f"</a:{tag}>")
        faces = f'<a:{tag}><a:latin typeface="{latin}"/><a:ea typeface="{asian}"/>'
        blob = blob[:start] + faces + '<a:cs typeface=""/>' + blob[end:]
    theme.target_part._blob = blob.encode()


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

    def text(  # noqa: PLR0913 - a text box has this many properties
        self, slide: Slide, text: str, box: Box, sizes: tuple[float, ...], shade: str = INK,
        *, bold: bool = False, right: bool = False, fill: str | None = None,
    ) -> None:  # fmt: skip
        """A text box, in the largest of `sizes` that fits."""
        shape = slide.shapes.add_textbox(*(Inches(side) for side in box))
        if fill:
            shape.fill.solid()
            shape.fill.fore_color.rgb = rgb(fill)
        self._fill(shape.text_frame, text, box, sizes, shade, bold=bold, right=right)

    def _fill(  # noqa: PLR0913
        self, frame: Any, text: str, box: Box, sizes: tuple[float, ...], shade: str = INK,
        *, bold: bool = False, right: bool = False,
    ) -> None:  # fmt: skip
        frame.word_wrap, frame.auto_size = True, MSO_AUTO_SIZE.NONE
        frame.margin_left = frame.margin_right = Inches(0.1)
        frame.margin_top = frame.margin_bottom = Inches(0.03)
        shown, size = fitted(text, box[2] - 0.22, box[3] - 0.06, sizes)
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
        head = tuple(column.title for column in table.columns)
        heights = [_row_height(row, widths) for row in (head, *table.rows)]
        count = _rows_that_fit(heights, room)
        frame = slide.shapes.add_table(
            count, len(widths), Inches(left), Inches(top), Inches(width), Inches(sum(heights[:count]))
        )  # fmt: skip
        native = frame.table
        _plain_style(frame)
        for index, size in enumerate(widths):
            native.columns[index].width = Inches(size)
        for r, row in enumerate((head, *table.rows)[:count]):
            native.rows[r].height = Inches(heights[r])
            for c, cell in enumerate(row):
                numeric = table.columns[c].numeric
                self._cell(native.cell(r, c), cell, widths[c], numeric=numeric, head=r == 0)
        left_out = len(table.rows) - (count - 1)
        if left_out:
            note = self.t("slide.more_rows", count=left_out)
            where = (left, top + sum(heights[:count]) + 0.05, width, 0.3)
            self.text(slide, note, where, (10,), QUIET)

    def _cell(self, cell: Any, text: str, width: float, *, numeric: bool, head: bool) -> None:
        cell.margin_left = cell.margin_right = Inches(CELL_PAD_IN)
        cell.margin_top = cell.margin_bottom = Inches(0.035)
        cell.fill.solid()
        cell.fill.fore_color.rgb = rgb(SOFT) if head else RGBColor(255, 255, 255)
        paragraph = cell.text_frame.paragraphs[0]
        cell.text_frame.word_wrap = True
        paragraph.alignment = PP_ALIGN.RIGHT if numeric else PP_ALIGN.LEFT
        shown = _cell_text(text, width)
        self._run(paragraph, shown, CELL_PT, QUIET if head else INK, bold=head)

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


def _cell_text(text: str, width: float) -> str:
    """The text of a cell, of three lines at most."""
    room = 3 * CELL_PT * LINE / POINTS_PER_INCH
    return fitted(text, width - 2 * CELL_PAD_IN, room + 0.001, (CELL_PT,))[0]


def _row_height(row: tuple[str, ...], widths: list[float]) -> float:
    tallest = max(
        lines(_cell_text(cell, width), width - 2 * CELL_PAD_IN, CELL_PT)
        for cell, width in zip(row, widths, strict=True)
    )
    return tallest * CELL_PT * LINE / POINTS_PER_INCH + 0.09


def _rows_that_fit(heights: list[float], room: float) -> int:
    """How many rows fit, with space for a note where some don't."""
    if sum(heights) <= room:
        return len(heights)
    taken, count = heights[0], 1
    while count < len(heights) and taken + heights[count] <= room - 0.35:
        taken, count = taken + heights[count], count + 1
    return count


def _plain_style(frame: Any) -> None:
    """No banding and no coloured head: the cells' own colours are enough."""
    properties = frame._element.graphic.graphicData.tbl.tblPr
    for flag in ("bandRow", "firstRow"):
        properties.set(flag, "0")
    style = properties.find(qn("a:tableStyleId"))
    if style is not None:
        style.text = "{5940675A-B579-460E-94D1-54222C63F5DA}"  # thin grid, no fill


def _question(maker: Maker) -> None:
    document = maker.document
    slide = maker.slide(document.title)
    maker.text(slide, document.question, (EDGE, 1.7, FULL, 2.0), (30, 26, 22, 18, 14))
    maker.text(slide, document.verdict, (EDGE, 3.9, FULL, 0.8), (36, 28), TONES[document.outcome], bold=True)  # fmt: skip
    maker.text(slide, document.answer[0], (EDGE, 4.7, FULL, 1.3), (20, 18, 16, 14))


def _verdict(maker: Maker) -> None:
    document = maker.document
    slide = maker.slide(maker.t("slide.verdict", verdict=document.verdict))
    answer = ("" if document.language == "zh_CN" else " ").join(document.answer)
    maker.text(slide, answer, (EDGE, TOP, FULL, 1.35), (18, 16, 14, 12), fill=SOFT)
    _cards(maker, slide, document.cards)
    tables = list(maker.blocks("summary", Table))
    for index, table in enumerate(tables[:2]):
        maker.table(slide, table, (EDGE + index * (HALF + 0.4), 4.75, HALF, BOTTOM - 4.75))


def _cards(maker: Maker, slide: Slide, cards: tuple[Card, ...]) -> None:
    width = (FULL - 0.2 * 5) / 6
    for index, card in enumerate(cards[:6]):
        left = EDGE + index * (width + 0.2)
        maker.text(slide, card.name, (left, 3.0, width, 0.52), (12, 11, 10, 9), QUIET)
        maker.text(slide, card.value, (left, 3.5, width, 0.5), (22, 18, 14, 12), bold=True)
        maker.text(slide, card.detail, (left, 4.0, width, 0.5), (11, 10, 9), QUIET)


def _pair(maker: Maker, title: str, left: Any, right: Any) -> None:
    """A slide of two halves, or one whole where the other is missing."""
    found = [part for part in (left, right) if part]
    if not found:
        return
    slide = maker.slide(title)
    width = FULL if len(found) == 1 else HALF
    for index, part in enumerate(found):
        _part(maker, slide, part, (EDGE + index * (HALF + 0.4), TOP, width, BOTTOM - TOP))


def _part(maker: Maker, slide: Slide, part: Any, box: Box) -> None:
    if isinstance(part, Graphic):
        maker.chart(slide, part, box)
    elif isinstance(part, Table):
        maker.table(slide, part, box)
    else:
        maker.text(slide, part.text, box, (18, 16, 14, 12))


def _economics(maker: Maker) -> None:
    table = next(maker.blocks("economics", Table), None)
    _pair(maker, maker.t("slide.economics"), maker.graphic("cash"), table)


def _build_up(maker: Maker) -> None:
    left, right = maker.graphic("costs"), maker.graphic("revenue", "cost_by_month")
    _pair(maker, maker.t("section.economics"), left, right)


def _measured(maker: Maker) -> None:
    left = maker.graphic("throughput") or next(maker.blocks("measurements", Paragraph), None)
    right = next(maker.blocks("predictions", Table), None)
    _pair(maker, maker.t("slide.measured"), left, right)


def _options(maker: Maker) -> None:
    table = next(maker.blocks("options", Table), None)
    chart = maker.graphic("volume", "options")
    if table or chart:
        _pair(maker, maker.t("section.options"), table, chart)


def _risks(maker: Maker) -> None:
    _pair(maker, maker.t("slide.risks"), maker.graphic("npv"), maker.graphic("tornado"))


def _next(maker: Maker) -> None:
    table = next(maker.blocks("sensitivity", Table), None)
    found = next(maker.blocks("break_even", Table), None)
    _pair(maker, maker.t("slide.next"), table, found)


def _assumptions(maker: Maker) -> None:
    slide = maker.slide(maker.t("section.assumptions"))
    counted = next(maker.blocks("assumptions", Paragraph), None)
    if counted:
        maker.text(slide, counted.text, (EDGE, TOP, FULL, 0.8), (16, 14, 12))
    tables = list(maker.blocks("assumptions", Table))
    if not tables:
        return
    rows = [row for table in tables for row in table.rows]
    rows.sort(key=lambda row: not row[0].endswith("*"))  # what the scenario sets comes first
    table = Table(tables[0].columns, tuple(rows))
    maker.table(slide, table, (EDGE, TOP + 0.9, FULL, BOTTOM - TOP - 0.9))


def _close(maker: Maker) -> None:
    slide = maker.slide(maker.t("slide.close"))
    findings = next(maker.blocks("warnings", Table), None)
    box = (EDGE, TOP, FULL, 3.5)
    part = findings or next(maker.blocks("warnings", Paragraph), None)
    if part:
        _part(maker, slide, part, box)
    reading = next(maker.blocks("reproduce", Paragraph), None)
    code = next(maker.blocks("reproduce", Code), None)
    if reading and code:
        maker.text(slide, reading.text, (EDGE, 5.2, FULL, 0.5), (14, 12), QUIET)
        maker.text(slide, code.lines[0], (EDGE, 5.75, FULL, 1.0), (14, 12, 10), fill=SOFT)


SLIDES: tuple[Callable[[Maker], None], ...] = (
    _question, _verdict, _economics, _build_up, _measured, _options, _risks, _next,
    _assumptions, _close,
)  # fmt: skip
