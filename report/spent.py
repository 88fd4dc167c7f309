"""A question of cost as its reader asks it: what is spent, in present value, not a negative NPV."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from modelworth.costmodel.analysis import Analysis, Figure, Risk, Swing

PRESENT_COST = "present_cost_usd"


def is_cost(analysis: Analysis) -> bool:
    """Whether only the cheapest way is sought, without revenue."""
    return analysis.verdict.question == "cost"


def sign(analysis: Analysis) -> int:
    """What makes of a net present value the figure that is asked for: cost is spent."""
    return -1 if is_cost(analysis) else 1


def figure(analysis: Analysis, one: Figure) -> Figure:
    """A figure as it is asked for."""
    if one.key != "npv_usd" or not is_cost(analysis):
        return one
    base, low, middle, high, mean = (
        None if value is None else -value
        for value in (one.base, one.p90, one.p50, one.p10, one.mean)
    )
    return replace(one, key=PRESENT_COST, base=base, p10=low, p50=middle, p90=high, mean=mean)


def value(analysis: Analysis) -> Figure:
    """The plan's net present value, or what it costs."""
    return figure(analysis, analysis.indicators["npv_usd"])


def swings(analysis: Analysis, bars: Iterable[Swing]) -> list[Swing]:
    """Bars of the tornado about that value."""
    by = sign(analysis)
    return [replace(bar, at_low=by * bar.at_low, at_high=by * bar.at_high) for bar in bars]


def outcomes(analysis: Analysis, risk: Risk) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Edges and counts of the bars of that value over the trials, in rising order."""
    by = sign(analysis)
    return tuple(by * edge for edge in risk.bin_edges_usd[::by]), risk.bin_counts[::by]
