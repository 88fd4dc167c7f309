"""The report as a presentation: ten slides at most, native charts and tables, nothing overflowing.

The slides pick from the same document as the other formats. What doesn't fit is left out by whole
rows, and the slide says how many.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any

from pptx import Presentation
from pptx.slide import Slide
from pptx.util import Inches

from modelworth.costmodel.analysis import Analysis
from modelworth.report.formats.slides.slide_chart import Box
from modelworth.report.formats.slides.slide_maker import EDGE, FULL, QUIET, SOFT, WIDTH, Maker
from modelworth.report.formats.zips import fixed
from modelworth.report.sections.blocks import Card, Code, Graphic, Paragraph, Table
from modelworth.report.sections.content import compose
from modelworth.report.words import Words

HEIGHT, TOP, BOTTOM = 7.5, 1.45, 6.85
HALF = (FULL - 0.4) / 2
TONES = {"viable": "#00714f", "not_viable": "#b03a00", "depends": "#8a5a00"}
# Latin and Chinese faces that presentation programs have or replace by ones of the same width.
FACES = {"en": ("Arial", ""), "zh_CN": ("Arial", "Microsoft YaHei")}


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


def _question(maker: Maker) -> None:
    document = maker.document
    slide = maker.slide(document.title)
    maker.text(slide, document.question, (EDGE, 1.7, FULL, 2.0), (30, 26, 22, 18, 14))
    tone = TONES[document.outcome]
    maker.text(slide, document.verdict, (EDGE, 3.9, FULL, 0.8), (36, 28), tone, bold=True)
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


def _pair(maker: Maker, title: str, left: Any, right: Any, share: float = 0.5) -> None:
    """A slide of two parts, the left one taking `share`; or of one where the other is missing."""
    found = [part for part in (left, right) if part]
    if not found:
        return
    slide = maker.slide(title)
    gap = 0.4 if len(found) == 2 else 0.0
    first = (FULL - gap) * share if gap else FULL
    boxes = ((EDGE, first), (EDGE + first + gap, FULL - first - gap))
    for part, (start, width) in zip(found, boxes, strict=False):
        _part(maker, slide, part, (start, TOP, width, BOTTOM - TOP))


def _part(maker: Maker, slide: Slide, part: Any, box: Box) -> None:
    if isinstance(part, Graphic):
        maker.chart(slide, part, box)
    elif isinstance(part, Table):
        maker.table(slide, part, box)
    else:
        maker.text(slide, part.text, box, (18, 16, 14, 12))


def _economics(maker: Maker) -> None:
    table = next(maker.blocks("economics", Table), None)
    _pair(maker, maker.t("slide.economics"), maker.graphic("cash"), table, 0.42)


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
        _pair(maker, maker.t("section.options"), table, chart, 0.56)


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
