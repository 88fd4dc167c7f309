"""The options of an analysis, put together for a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from modelworth.costmodel.analysis import Analysis, Crossing, OptionResult
from modelworth.report import said
from modelworth.report.words import Words


def name(option: OptionResult, words: Words) -> str:
    """What an option is called: its own label, else the catalogue's name."""
    return option.label or words.t(f"option.{option.key}")


def ranked(options: Sequence[OptionResult]) -> list[OptionResult]:
    """The options that can be chosen, the best value first."""
    possible = [one for one in options if one.feasible and one.figures[0].base is not None]
    return sorted(possible, key=lambda one: -(one.figures[0].base or 0.0))


def headline(found: Analysis, words: Words) -> str:
    """The best option and its lead over the next, with its spread over the trials."""
    names = {one.key: name(one, words) for one in found.options or ()}
    lead = found.lead
    if lead is None:
        return words.t("options.only", name=next(iter(names.values()), ""))
    span = words.range(lead.low_usd, lead.high_usd, "usd")
    return words.t(
        "options.headline" if lead.clear else "options.even", name=names[lead.best],
        next=names[lead.second], lead=words.money(lead.mean_usd), months=found.months,
        range=span or words.money(lead.mean_usd),
    )  # fmt: skip


def certainty(options: Sequence[OptionResult], words: Words) -> str:
    """How often each option is the best, the likeliest first."""
    shares = [f"{called} {words.percent(share)}" for called, share in likelihood(options, words)]
    return words.t("options.often", shares=", ".join(shares)) if shares else ""


def table(options: Sequence[OptionResult], words: Words) -> pd.DataFrame:
    """A row an option: how often it is best, the range of its value, and a column a figure."""
    return pd.DataFrame(
        {
            "option": name(option, words),
            "probability_best": words.value(option.probability_best, "share"),
            "range": said.spread(words, option.figures[0]),
            **{words.name(one.key): said.whole_figure(words, one) for one in option.figures},
        }
        for option in options
    )


def crossings(
    found: Sequence[Crossing], words: Words, unit: str, names: Mapping[str, str]
) -> pd.DataFrame:
    """From which volume, in `unit`, on which option is the cheapest."""
    return pd.DataFrame(
        {
            "from_volume": words.value(one.requests_per_month, unit),
            "cheapest": names.get(one.after, one.after),
            "instead_of": names.get(one.before, one.before),
        }
        for one in found
    )


def likelihood(options: Sequence[OptionResult], words: Words) -> list[tuple[str, float]]:
    """Share of trials in which each option is best, likeliest first; those with none left out."""
    shares = [(name(one, words), one.probability_best) for one in options if one.probability_best]
    return sorted(shares, key=lambda row: -row[1])


def reason(option: OptionResult, words: Words) -> str:
    """Why an option can't be chosen."""
    key = f"report.reason.{option.reason}"
    text = words.t(key)
    return text if text != key else (option.reason or "").replace("_", " ")
