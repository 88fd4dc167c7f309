"""How values of the analysis are said: a driver that is a word, a condition of the rule."""

from __future__ import annotations

from modelworth.costmodel.analysis import Analysis, Criterion, Figure
from modelworth.costmodel.scenario.drivers import load_drivers
from modelworth.report.words import Words

UNLIMITED = 1e15
"""A bound so far out that the plan sets none."""


def figure(words: Words, one: Figure) -> str:
    """A figure's value in the base case, or why there is none."""
    if one.base is None and one.status:
        return words.t(f"status.{one.status}")
    return words.bare(one.base, one.unit)


def driver_value(words: Words, key: str, value: float) -> str:
    """A driver's value: the word of a choice or switch, else the number with its unit."""
    driver = load_drivers()[key]
    if driver.kind == "switch":
        return words.t("choice.true" if value else "choice.false")
    if driver.kind == "choice":
        return words.t(f"choice.{driver.word(value)}")
    return words.value(value, driver.unit)


def criterion(words: Words, one: Criterion) -> str:
    """What a condition of the verdict's rule asks and what came out."""
    key = f"criterion.{one.key}" if one.threshold < UNLIMITED else "criterion.unlimited"
    return words.t(
        key,
        name=words.name(one.key),
        threshold=words.value(one.threshold, one.unit),
        value=words.value(one.value, one.unit),
    )


def unit_of(analysis: Analysis, key: str) -> str:
    """Unit of an indicator, a series or a driver."""
    for table in (analysis.indicators, analysis.series, analysis.drivers, analysis.lines):
        if key in table:
            return str(table[key].unit)
    return "ratio"
