"""The report as a presentation: six slides, each with its conclusion as title and one thing below.

Native charts and tables, no text under 12 points, nothing beyond its box. An appendix of tables
follows on demand. What doesn't fit is left out by whole rows, and the slide says how many.
"""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, time
from typing import Any

from pptx import Presentation
from pptx.util import Inches

from modelworth.report.formats.slides.slide_maker import (
    BODY,
    HEIGHT,
    WIDTH,
    Maker,
)
from modelworth.report.formats.zips import fixed
from modelworth.report.sections.blocks import BoardPage, Card, Document, Graphic, Table
from modelworth.report.words import Words

# Latin and Chinese faces that presentation programs have or replace by ones of the same width.
FACES = {"en": ("Arial", ""), "zh_CN": ("Arial", "Microsoft YaHei")}
CARDS, CARD_HEIGHT, GAP = 5, 1.88, 0.1
APPENDIX = ("indicators", "economics", "options", "break_even", "warnings", "assumptions")


def render(document: Document, day: date, *, appendix: bool = False) -> bytes:
    """The presentation as a file."""
    deck = Presentation()
    _prepare(deck, document.language)
    maker = Maker(deck, document, Words(document.language))
    for page in document.pages:
        _slide(maker, page)
    if appendix:
        _appendix(maker)
    return _saved(deck, document, day)


def _saved(deck: Any, document: Document, day: date) -> bytes:
    moment = datetime.combine(day, time(12), UTC).replace(tzinfo=None)
    properties = deck.core_properties
    author = document.brand.author or document.brand.organisation or "modelworth"
    properties.title, properties.author = document.title, author
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


def _slide(maker: Maker, page: BoardPage) -> None:
    """Title, the one chart or table, what follows, where from."""
    slide = maker.slide(page.title, page.sources)
    left, top, width, height = BODY
    if page.key == "answer":
        _cards(maker, slide, maker.document.cards)
        top, height = top + CARD_HEIGHT + GAP, height - CARD_HEIGHT - GAP
    box = (left, top, width, height)
    if isinstance(page.main, Graphic):
        maker.chart(slide, page.main, box)
    else:
        most = 4 if page.key in ("answer", "risks") else 2
        maker.table(slide, page.main, box, most, head=page.key != "answer")
    maker.so_what(slide, page.so_what)


def _cards(maker: Maker, slide: Any, cards: tuple[Card, ...]) -> None:
    """The headline figures in a row."""
    shown = cards[:CARDS]
    width = (BODY[2] - GAP * (len(shown) - 1)) / max(1, len(shown))
    for index, card in enumerate(shown):
        left = BODY[0] + index * (width + GAP)
        maker.card(slide, card, (left, BODY[1], width, CARD_HEIGHT))


def _appendix(maker: Maker) -> None:
    """The tables and charts behind the six, one a slide."""
    for key in APPENDIX:
        section = maker.document.section(key)
        for block in section.blocks if section else ():
            if isinstance(block, Table) and block.rows:
                slide = maker.slide(section.title, maker.document.pages[0].sources)  # type: ignore[union-attr]
                maker.table(slide, block, (*BODY[:3], BODY[3] + 0.8))
            elif isinstance(block, Graphic):
                slide = maker.slide(block.chart.title, maker.document.pages[0].sources)
                maker.chart(slide, block, (*BODY[:3], BODY[3] + 0.8))
