"""What an analysis found, in sentences of both languages made from its own figures.

A worked question keeps no conclusion and no number beside its data: they would go stale. The
sentences stand in data/findings.csv; which of them are said follows from the analysis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

from pydantic import Field

from modelworth import data
from modelworth.costmodel.analysis import Analysis
from modelworth.data.csv_rows import Row, Text, read_table

PATH: Final = Path(data.__file__).parent / "findings.csv"
#: unit cost → its sentence, the first that the plan has
UNITS: Final = (
    ("usd_per_million_output_tokens", "output"),
    ("usd_per_thousand_calls", "calls"),
    ("usd_per_image", "image"),
    ("serving_cost_per_seat_usd", "seat"),
)
LARGE: Final = {"en": ((1e9, "billion "), (1e6, "million ")), "zh_CN": ((1e8, "亿"), (1e4, "万"))}
CURRENCIES: Final = {"USD": "美元", "CNY": "元", "EUR": "欧元"}


class Sentence(Row):
    """A sentence in both languages, with places for figures."""

    id: Text
    en: Text
    zh: Text = Field(alias="zh_CN")


@cache
def sentences() -> dict[str, Sentence]:
    """The sentences by id."""
    return {row.id: row for row in read_table(PATH, Sentence)}


def finding(analysis: Analysis, language: str) -> str:
    """The finding in a language: `en` or `zh_CN`."""
    table = sentences()
    said = [
        (table[key].en if language == "en" else table[key].zh).format(**values)
        for key, values in _said(analysis, language)
    ]
    return (" " if language == "en" else "").join(said)


def _said(analysis: Analysis, language: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Which sentences, and their figures."""

    def money(usd: float | None) -> str:
        return _money((usd or 0.0) / analysis.usd_per_currency, analysis.currency, language)

    npv, verdict = analysis.indicators["npv_usd"], analysis.verdict
    if verdict.question == "cost":
        cost = npv.base if npv.mean is None else npv.mean
        yield "cost", {"months": str(analysis.months), "cost": money(-(cost or 0.0))}
    elif verdict.probability_npv_positive is None:
        yield "base", {"npv": money(npv.base)}
    else:
        chance = _percent(verdict.probability_npv_positive)
        trials = f"{analysis.provenance.trials:,}"
        yield verdict.outcome, {"probability": chance, "trials": trials}
        ends = {"p10": npv.p10, "p50": npv.p50, "p90": npv.p90}
        yield "spread", {key: money(value) for key, value in ends.items()}
    for one in verdict.criteria:
        if one.key == "served_load_share" and not one.met and one.value is not None:
            yield "unserved", {"served": _percent(one.value), "asked": _percent(one.threshold)}
    margin = analysis.indicators["gross_margin_second_year_share"]
    middle = margin.base if margin.p50 is None else margin.p50
    if middle is not None and verdict.question == "business":
        yield "margin", {"margin": _percent(middle)}
    yield from _costs(analysis, money)
    payback = analysis.indicators["payback_months"]
    never = None if payback.share_defined is None else 1 - payback.share_defined
    if verdict.probability_npv_positive is not None and never:
        yield "never", {"never": _percent(never)}
    if verdict.defaults is not None:
        yield "defaults", {"share": _percent(verdict.defaults.share)}


def _costs(
    analysis: Analysis, money: Callable[[float | None], str]
) -> Iterator[tuple[str, dict[str, str]]]:
    """The plan's unit cost by convention, and how busy its GPUs are."""
    for key, sentence in UNITS:
        figure = analysis.indicators[key]
        if figure.base and figure.opening and figure.last:
            ends = {"opening": figure.opening, "average": figure.base, "last": figure.last}
            yield sentence, {name: money(value) for name, value in ends.items()}
            break
    busy = analysis.indicators["mean_utilisation_share"].base
    if busy is not None:
        yield "busy", {"utilisation": _percent(busy)}


def _percent(share: float) -> str:
    return f"{share:.0%}" if abs(share) >= 0.1 or share == 0 else f"{share:.1%}"


def _money(amount: float, currency: str, language: str) -> str:
    """An amount to three digits, in millions or 万, with its currency."""
    scale, word = next(
        ((size, name) for size, name in LARGE[language] if abs(amount) >= size), (1.0, "")
    )
    number = amount / scale
    digits = f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"
    if language == "en":
        return f"{digits} {word}{currency}"
    return f"{digits} {word}{CURRENCIES.get(currency, currency)}"
