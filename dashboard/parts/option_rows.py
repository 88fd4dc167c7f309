"""The options of an analysis, put together for a page."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from modelworth.costmodel.analysis import Analysis, Crossing, DriverUse, OptionResult
from modelworth.report import said
from modelworth.report.words import Words


def table(options: Sequence[OptionResult], words: Words) -> pd.DataFrame:
    """A row an option, a column a figure, formatted for the reader."""
    rows = []
    for option in options:
        chance = option.probability_best
        rows.append(
            {
                "option": words.t(f"option.{option.key}"),
                **{words.name(one.key): said.figure(words, one) for one in option.figures},
                "probability_best": words.value(chance, "share"),
            }
        )
    return pd.DataFrame(rows)


def crossings(found: Sequence[Crossing], words: Words, unit: str) -> pd.DataFrame:
    """From which volume, in `unit`, on which option is the cheapest."""
    return pd.DataFrame(
        {
            "from_volume": words.value(one.requests_per_month, unit),
            "cheapest": words.t(f"option.{one.after}"),
            "instead_of": words.t(f"option.{one.before}"),
        }
        for one in found
    )


def likelihood(options: Sequence[OptionResult]) -> dict[str, float]:
    """Share of trials in which each option is best, likeliest first; those with none left out."""
    shares = {option.key: option.probability_best for option in options if option.probability_best}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def reason(option: OptionResult, words: Words) -> str:
    """Why an option can't be chosen."""
    key = f"report.reason.{option.reason}"
    text = words.t(key)
    return text if text != key else (option.reason or "").replace("_", " ")


def volume(analysis: Analysis) -> DriverUse | None:
    """The driver that the curve's volume counts, with the scenario's own value."""
    curve = analysis.volume_curve
    return analysis.drivers.get(curve.driver) if curve else None
