"""The report on A4, typeset by typst: vector charts, contents, page numbers, embedded fonts.

The data reach the typesetter as strings and stay text. The file is PDF/A, so every font is in it
and a character that no font shows is an error instead of an empty box. A warning fails it too.
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
from modelworth.report.charts.vega_pen import svg
from modelworth.report.formats.fonts import MONO, typeface
from modelworth.report.sections.blocks import Block, Document, Graphic, mapped
from modelworth.report.words import Words

TEMPLATE = Path(__file__).parent / "templates" / "report.typ"
STANDARD = "a-2u"


def render(document: Document, day: date) -> bytes:
    """The document as PDF.

    Raises:
        ModelworthError: if a font is missing, or the typesetter has anything to complain about.
    """
    face = typeface(document.language)
    printable = mapped(document, face.printable)
    draw = partial(svg, fonts=face.families)
    report = _data(printable, draw) | {"fonts": face.families, "mono": (MONO, *face.families)}
    compiler = typst.Compiler(
        TEMPLATE.read_bytes(),
        sys_inputs={"report": json.dumps(report, ensure_ascii=False)},
    )
    moment = datetime.combine(day, time(12), UTC)
    try:
        made, warnings = compiler.compile_with_warnings(
            format="pdf", pdf_standards=STANDARD, timestamp=moment
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
        **{key: value for key, value in asdict(document).items() if key != "sections"},
        "answer": ("" if language == "zh" else " ").join(document.answer),
        "lang": language,
        "region": region or None,
        "page": words.t("report.page"),
        "contents": words.t("report.contents"),
        "sections": [
            {"title": section.title, "blocks": [_block(block, draw) for block in section.blocks]}
            for section in document.sections
        ],
    }


def _block(block: Block, draw: Callable[..., str]) -> dict[str, Any]:
    if isinstance(block, Graphic):
        drawn = draw(block.chart)
        return {"kind": "Graphic", "title": block.chart.title, "svg": drawn,
                "reading": block.reading}  # fmt: skip
    return {"kind": type(block).__name__, **asdict(block)}
