"""The model as a workbook with live formulas: it opens on a summary; change an input, and it moves.

Inputs are the only constants that a formula reads; every formula comes from the text that the
model itself is computed from. Money is in the report's currency, at a rate that is a cell: inputs
that the plan states in USD are divided by it. The model is homogeneous in money (a test holds it to
that): with every amount divided, each formula gives its amounts divided and all else as before, so
the formulas stay as they are. The value that the model computed is stored beside
each formula, for viewers that don't recalculate. Text from data is written as text, never as a
formula or a link.
"""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any

import xlsxwriter

from modelworth.costmodel.analysis import Analysis
from modelworth.report.brand import UNBRANDED, Brand
from modelworth.report.formats.sheets.book import Book
from modelworth.report.formats.sheets.evidence_sheet import (
    write_checks,
    write_measurements,
    write_sources,
)
from modelworth.report.formats.sheets.indicators_sheet import write_indicators
from modelworth.report.formats.sheets.inputs_sheet import write_inputs
from modelworth.report.formats.sheets.lines_sheets import write_lines
from modelworth.report.formats.sheets.outcome_sheets import write_options, write_risk
from modelworth.report.formats.sheets.sheet import Paper, add_styles
from modelworth.report.formats.sheets.summary_sheet import write_summary
from modelworth.report.formats.sheets.years_sheet import write_years
from modelworth.report.sections.blocks import clean
from modelworth.report.sections.context import Context
from modelworth.report.words import Words

ORDER = (
    "summary", "inputs", "years", "demand", "capacity", "revenue", "costs", "cash_flow",
    "indicators", "options", "risk", "measurements", "sources", "checks",
)  # fmt: skip
SAFE = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


def render(analysis: Analysis, language: str, day: date, brand: Brand = UNBRANDED) -> bytes:
    """The workbook as a file."""
    if brand.currency and brand.usd_per_currency:
        rate = brand.usd_per_currency
        analysis = replace(analysis, currency=brand.currency, usd_per_currency=rate)
    words = Words(language, analysis.currency, analysis.usd_per_currency)
    context = Context(analysis, words)
    names = {key: context.t(f"sheet.{key}") for key in ORDER}
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True, "nan_inf_to_errors": False, **SAFE}) as book:
        book.set_properties(_properties(context, day, brand))
        book.set_calc_mode("auto")
        plan = Book(context, names)
        styles = add_styles(book)
        papers = {
            key: Paper(book, book.add_worksheet(names[key]), styles, context, plan, key, day)
            for key in ORDER
        }
        _write(papers)
        papers["summary"].sheet.activate()
    return file.getvalue()


def _write(papers: dict[str, Paper]) -> None:
    write_summary(papers["summary"])
    write_inputs(papers["inputs"])
    write_years(papers["years"])
    for key in ("demand", "capacity", "revenue", "costs", "cash_flow"):
        write_lines(papers[key])
    write_indicators(papers["indicators"])
    write_options(papers["options"])
    write_risk(papers["risk"])
    write_measurements(papers["measurements"])
    write_sources(papers["sources"])
    write_checks(papers["checks"])


def _properties(context: Context, day: date, brand: Brand) -> dict[str, Any]:
    return {
        "title": clean(context.prose("name") or context.analysis.scenario),
        "author": brand.author or brand.organisation or "modelworth",
        "comments": context.t("reproduce.reading"),
        "created": datetime.combine(day, time(12), UTC).replace(tzinfo=None),
    }
