"""The report on paper, typeset by typst: six pages for the board, then an appendix.

The data reach the typesetter as strings and stay text. The file is PDF/A and PDF/UA: every font is
in it, a character that no font shows is an error instead of an empty box, and a screen reader finds
headings, tables and the words of each chart. A warning fails it too.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime, time
from functools import partial
from pathlib import Path
from typing import Any

import typst

from modelworth.data.errors import ModelworthError
from modelworth.report.brand import Brand
from modelworth.report.charts.vega_pen import svg
from modelworth.report.formats.fonts import MONO, typeface
from modelworth.report.sections.blocks import Block, BoardPage, Document, Graphic, mapped
from modelworth.report.words import Words

TEMPLATE = Path(__file__).parent / "templates" / "report.typ"
STANDARDS = ["a-2a", "ua-1"]
PAPERS = {"a4": "a4", "letter": "us-letter"}


def render(document: Document, day: date, paper: str = "a4") -> bytes:
    """The document as PDF, on one of `PAPERS`.

    Raises:
        ModelworthError: if a font is missing, or the typesetter has anything to complain about.
    """
    face = typeface(document.language)
    printable = mapped(document, face.printable)
    draw = partial(svg, fonts=face.families, colours=document.brand.series)
    report = _data(printable, draw) | {
        "fonts": face.families,
        "mono": (MONO, *face.families),
        "paper": PAPERS[paper],
        "author": document.brand.author or document.brand.organisation or "modelworth",
        "brand": _brand(document.brand, face.printable),
    }
    compiler = typst.Compiler(
        TEMPLATE.read_bytes(),
        sys_inputs={"report": json.dumps(report, ensure_ascii=False)},
    )
    moment = datetime.combine(day, time(12), UTC)
    try:
        made, warnings = compiler.compile_with_warnings(
            format="pdf", pdf_standards=STANDARDS, timestamp=moment
        )
    except typst.TypstError as error:
        raise ModelworthError(f"the typesetter refused the report: {error.message}") from error
    if warnings:
        raise ModelworthError(f"the typesetter warns: {warnings[0].message}")
    assert isinstance(made, bytes)
    return made


def _data(document: Document, draw: Callable[..., str]) -> dict[str, Any]:
    """The document as the template reads it."""
    words = Words(document.language)
    language, _, region = document.language.partition("_")
    return {
        **_plain(document),
        "title": document.title or document.verdict,
        "lang": language,
        "region": region or None,
        "page": words.t("report.page"),
        "appendix": words.t("report.section.appendix"),
        "pages": [_page(page, draw) for page in document.shown_pages()],
        "sections": [
            {"title": section.title, "blocks": [_block(block, draw) for block in section.blocks]}
            for section in document.sections
        ],
    }


def _plain(document: Document) -> dict[str, Any]:
    return {
        "date": document.date, "question": document.question,
        "outcome": document.outcome, "verdict": document.verdict,
        "cards": [asdict(card) for card in document.cards],
        "card_columns": document.card_columns(),
    }  # fmt: skip


def _brand(brand: Brand, printable: Callable[[str], str]) -> dict[str, Any]:
    return {
        "organisation": printable(brand.organisation), "author": printable(brand.author),
        "primary": brand.primary, "logo": list(brand.logo) if brand.logo else None,
    }  # fmt: skip


def _page(page: BoardPage, draw: Callable[..., str]) -> dict[str, Any]:
    return {
        "key": page.key, "title": page.title, "so_what": page.so_what, "sources": page.sources,
        "main": _block(page.main, draw), "more": [_block(block, draw) for block in page.more],
    }  # fmt: skip


def _block(block: Block, draw: Callable[..., str]) -> dict[str, Any]:
    if isinstance(block, Graphic):
        drawn = draw(block.chart)
        return {"kind": "Graphic", "title": block.chart.title, "svg": drawn,
                "reading": block.reading}  # fmt: skip
    return {"kind": type(block).__name__, **asdict(block)}
