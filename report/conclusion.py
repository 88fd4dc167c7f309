"""What an analysis found, in sentences of both languages made from its own figures.

A worked question keeps no conclusion and no number beside its data: they would go stale. The
sentences stand in data/conclusions.csv; which of them are said follows from the analysis.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from pydantic import Field

from modelworth import data
from modelworth.costmodel.analysis import Analysis
from modelworth.data.csv_rows import Row, Text, read_table
from modelworth.report.words import Words

FOLDER: Final = Path(data.__file__).parent
#: unit cost → its sentence, the first that the plan has
UNITS: Final = (
    ("usd_per_million_output_tokens", "output"),
    ("usd_per_thousand_calls", "calls"),
    ("usd_per_image", "image"),
    ("serving_cost_per_seat_usd", "seat"),
)


class Sentence(Row):
    """A sentence in both languages, with places for figures."""

    id: Text
    en: Text
    zh: Text = Field(alias="zh_CN")


@cache
def sentences(table: str) -> dict[str, Sentence]:
    """The sentences of a table of data/ by id: `conclusions`, or `traps`, the linter's."""
    return {row.id: row for row in read_table(FOLDER / f"{table}.csv", Sentence)}


def conclusion(words: Words, analysis: Analysis) -> str:
    """What the plan comes to, in the words' language and the plan's currency."""
    words = Words(words.language, analysis.currency, analysis.usd_per_currency)
    table, english = sentences("conclusions"), words.language == "en"
    said = [
        (table[key].en if english else table[key].zh).format(**values)
        for key, values in _said(words, analysis)
    ]
    return (" " if english else "").join(said)


def _said(words: Words, analysis: Analysis) -> Iterator[tuple[str, dict[str, str]]]:
    """Which sentences, and their figures."""
    money, percent = words.money, words.percent
    npv, verdict = analysis.indicators["npv_usd"], analysis.verdict
    if verdict.question == "cost":
        cost = npv.base if npv.mean is None else npv.mean
        yield "cost", {"months": str(analysis.months), "cost": money(-(cost or 0.0))}
    elif verdict.probability_npv_positive is None:
        yield "base", {"npv": money(npv.base or 0.0)}
    else:
        chance = percent(verdict.probability_npv_positive)
        trials = f"{analysis.provenance.trials:,}"
        yield verdict.outcome, {"probability": chance, "trials": trials}
        ends = {"p10": npv.p10, "p50": npv.p50, "p90": npv.p90}
        yield "spread", {key: money(value or 0.0) for key, value in ends.items()}
    for one in verdict.criteria:
        if one.key == "served_load_share" and not one.met and one.value is not None:
            yield "unserved", {"served": percent(one.value), "asked": percent(one.threshold)}
    margin = analysis.indicators["gross_margin_second_year_share"]
    middle = margin.base if margin.p50 is None else margin.p50
    if middle is not None and verdict.question == "business":
        yield "margin", {"margin": percent(middle)}
    yield from _costs(words, analysis)
    payback = analysis.indicators["payback_months"]
    never = None if payback.share_defined is None else 1 - payback.share_defined
    if verdict.probability_npv_positive is not None and never:
        yield "never", {"never": percent(never)}
    if verdict.defaults is not None:
        moved = "cost_defaults" if verdict.question == "cost" else "defaults"
        yield moved, {"share": percent(verdict.defaults.share)}


def _costs(words: Words, analysis: Analysis) -> Iterator[tuple[str, dict[str, str]]]:
    """The plan's unit cost by convention, and how busy its GPUs are."""
    for key, sentence in UNITS:
        figure = analysis.indicators[key]
        if figure.base and figure.opening and figure.last:
            ends = {"opening": figure.opening, "average": figure.base, "last": figure.last}
            yield sentence, {name: words.money(value) for name, value in ends.items()}
            break
    busy = analysis.indicators["mean_utilisation_share"].base
    if busy is not None:
        yield "busy", {"utilisation": words.percent(busy)}
