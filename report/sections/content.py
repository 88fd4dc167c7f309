"""The document that every format draws: which sections there are, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from modelworth.costmodel.analysis import Analysis
from modelworth.data.errors import InputError
from modelworth.report import said
from modelworth.report.brand import UNBRANDED, Brand
from modelworth.report.sections import answer, evidence, facts
from modelworth.report.sections import cost_and_revenue as money
from modelworth.report.sections.blocks import Block, Document, Section, clean, mapped, prose
from modelworth.report.sections.board import pages
from modelworth.report.sections.context import Context
from modelworth.report.words import LANGUAGES, Words

BUILDERS: dict[str, Callable[[Context], list[Block]]] = {
    "indicators": answer.indicators,
    "economics": money.economics,
    "break_even": answer.break_even,
    "options": answer.options,
    "sensitivity": money.sensitivity,
    "measurements": evidence.measurements,
    "predictions": evidence.predictions,
    "warnings": answer.warnings,
    "assumptions": evidence.assumptions,
    "formulas": evidence.formulas,
    "reproduce": evidence.reproduce,
}
PAGES = "summary"
SECTIONS = (PAGES, *BUILDERS)


def check_language_and_sections(language: str, sections: Sequence[str] | None) -> None:
    """Refuse a language or section that isn't known.

    Raises:
        InputError: if there is one.
    """
    if language not in LANGUAGES:
        raise InputError("language", language, f"one of {', '.join(LANGUAGES)}")
    for section in sections or ():
        if section not in SECTIONS:
            raise InputError("sections", section, f"some of {', '.join(SECTIONS)}")


def compose(
    analysis: Analysis,
    language: str,
    day: date,
    sections: Sequence[str] | None = None,
    brand: Brand = UNBRANDED,
) -> Document:
    """The analysis as a document in `language`; all sections unless some are named.

    Raises:
        InputError: if the language or a section is unknown.
    """
    check_language_and_sections(language, sections)
    currency = (analysis.currency, analysis.usd_per_currency)
    if brand.currency and brand.usd_per_currency:
        currency = (brand.currency, brand.usd_per_currency)
    context = Context(analysis, Words(language, *currency))
    wanted = [key for key in BUILDERS if not sections or key in sections]
    outcome, word = facts.verdict(context)
    document = Document(
        language=language,
        title=clean(context.prose("name") or analysis.scenario),
        date=context.words.day(day),
        question=prose(context.prose("question")),
        outcome=outcome,
        verdict=context.t(f"verdict.{word}"),
        cards=answer.cards(context),
        pages=pages(context, day),
        sections=tuple(
            Section(key, context.t(f"section.{key}"), tuple(BUILDERS[key](context)))
            for key in wanted
        ),
        brand=brand,
        with_pages=not sections or PAGES in sections,
    )
    return mapped(document, said.signed)
