"""Charts that compare: options over volume with their crossings, and one driver against another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from modelworth.costmodel.analysis import Crossing, VolumeCurve
from modelworth.report.charts.base import (
    Look,
    add_bars,
    add_line,
    axis,
    figure,
    with_bars,
    wrapped,
)
from modelworth.report.charts.sketch import Sketch
from modelworth.report.palette import dash

MOST_SHOWN = 0.8
"""Share of a map's cells that differ in colour; the extreme ones are drawn at full strength."""
WIDE = 100.0
"""From which ratio on an axis is logarithmic, as the values of a map are then spaced."""


def volume(
    look: Look,
    curve: VolumeCurve,
    unit: str = "requests_per_month",
    now: float | None = None,
    names: Mapping[str, str] | None = None,
) -> go.Figure:
    """Monthly cost of every option over volume, both axes logarithmic.

    Args:
        look: the reader's words and ground.
        curve: costs by option.
        unit: what the volume counts.
        now: the volume of the scenario, drawn as a line.
        names: what options are called; None: as the catalogue calls them.
    """
    chart = figure(look, height=390 + 12 * len(curve.usd_per_month))
    for index, (key, costs) in enumerate(curve.usd_per_month.items()):
        name, shade = _called(look, key, names), look.colour(index)
        line = ("usd", costs)
        add_line(chart, look, curve.requests_per_month, line, name,
                 color=shade, width=2.5, dash=dash(index))  # fmt: skip
    costs = [cost for series in curve.usd_per_month.values() for cost in series]
    chart.update_layout(
        hovermode="x unified",
        xaxis=axis(look, unit, curve.requests_per_month, log=True),
        yaxis=axis(look, "usd_per_month", [cost for cost in costs if cost], log=True),
    )
    _crossings(chart, look, curve.crossings, curve)
    if now:
        chart.add_vline(x=now, line={"color": look.quiet, "dash": "dot", "width": 2})
    return chart.done()


def _crossings(
    chart: Sketch, look: Look, crossings: Sequence[Crossing], curve: VolumeCurve
) -> None:
    """A ring where the cheapest option changes."""
    points = [
        (crossing.requests_per_month, _cost_at(curve, crossing.after, crossing.requests_per_month))
        for crossing in crossings
    ]
    chart.add_scatter(
        x=[x for x, _ in points], y=[y for _, y in points], mode="markers",
        name=look.words.t("chart.crossing"),
        marker={"size": 13, "symbol": "circle-open", "color": look.bad, "line": {"width": 3}},
        customdata=[look.words.number(x) for x, _ in points],
        hovertemplate="%{customdata}",
    )  # fmt: skip


def _cost_at(curve: VolumeCurve, option: str, requests: float) -> float:
    """The option's drawn cost at the grid point nearest to `requests`."""
    grid = curve.requests_per_month
    nearest = min(range(len(grid)), key=lambda index: abs(grid[index] - requests))
    return curve.usd_per_month[option][nearest]


def heat(
    look: Look,
    across: tuple[str, str, Sequence[float]],
    up: tuple[str, str, Sequence[float]],
    grid: Sequence[Sequence[float]],
    result: tuple[str, str, float],
    now: tuple[float, float],
) -> go.Figure:
    """An indicator over two drivers, with the line where it reaches its target.

    Args:
        look: the reader's words and ground.
        across: key, unit and values of the horizontal driver.
        up: the same of the vertical one.
        grid: the indicator; a row for each value of `up`.
        result: the indicator's key, unit and target.
        now: where the scenario stands.
    """
    words = look.words
    (x_key, x_unit, xs), (y_key, y_unit, ys), (key, unit, target) = across, up, result
    texts = [[words.value(value, unit) for value in row] for row in grid]
    away = sorted(abs(value - target) for row in grid for value in row if value == value)
    reach = away[int(MOST_SHOWN * (len(away) - 1))] if away else 1.0
    chart = figure(look, height=460, legend=False)
    chart.add_heatmap(
        x=xs, y=ys, z=grid, zmid=target, zmin=target - reach, zmax=target + reach,
        colorscale=[[0, look.bad], [0.5, "#1a232d" if look.dark else "#ffffff"], [1, look.good]],
        customdata=texts, showscale=False,
        hovertemplate=f"{words.name(key)}: %{{customdata}}<extra></extra>",
    )  # fmt: skip
    chart.add_contour(
        x=xs, y=ys, z=grid, showscale=False, hoverinfo="skip",
        contours={"start": target, "end": target, "size": 1, "coloring": "none"},
        line={"color": look.quiet, "width": 3, "dash": "dash"},
    )  # fmt: skip
    _here(chart, look, now, xs)
    chart.update_layout(xaxis=_spanned(look, x_unit, xs), yaxis=_spanned(look, y_unit, ys))
    chart.update_layout(xaxis={"title": {"text": _titled(look, x_key, x_unit)}})
    chart.update_layout(yaxis={"title": {"text": _titled(look, y_key, y_unit)}})
    return chart.done()


def _here(chart: Sketch, look: Look, now: tuple[float, float], across: Sequence[float]) -> None:
    """A cross where the scenario stands, its word on the side that has room."""
    side = "middle right" if now[0] < across[len(across) // 2] else "middle left"
    chart.add_scatter(
        x=[now[0]], y=[now[1]], mode="markers+text", text=[f" {look.words.t('chart.now')} "],
        textposition=side, hoverinfo="skip",
        marker={"size": 14, "symbol": "x", "color": "#ffffff" if look.dark else "#17212b"},
    )  # fmt: skip


def _spanned(look: Look, unit: str, values: Sequence[float]) -> dict[str, Any]:
    """An axis over exactly these values, logarithmic where they are spaced so."""
    low, high = min(values), max(values)
    log = low > 0 and high / low > WIDE
    ends = [math.log10(low), math.log10(high)] if log else [low, high]
    return {**axis(look, unit, values, log=log), "range": ends, "showgrid": False}


def _titled(look: Look, key: str, unit: str) -> str:
    return f"{look.words.name(key)} ({look.words.unit(unit)})"


def _called(look: Look, key: str, names: Mapping[str, str] | None) -> str:
    return names[key] if names and key in names else look.words.t(f"option.{key}")


def option_costs(
    look: Look, rows: Sequence[tuple[str, float, float | None, float | None]]
) -> go.Figure:
    """What each option comes to, with its range over the trials; the best on top.

    Args:
        look: the reader's words and ground.
        rows: name, value in the base case, 10th and 90th percentile; the best first.
    """
    words, shown = look.words, list(reversed(rows))
    chart = figure(look, height=90 + 44 * len(rows), legend=False)
    values = [row[1] for row in shown]
    add_bars(
        chart, [wrapped(row[0], 24) for row in shown], values, list(map(words.money, values)),
        marker={"color": [look.good if value >= 0 else look.bad for value in values]},
        error_x={
            "type": "data", "symmetric": False, "color": look.quiet, "thickness": 2,
            "array": [0 if high is None else high - value for _, value, _, high in shown],
            "arrayminus": [0 if low is None else value - low for _, value, low, _ in shown],
        },
    )  # fmt: skip
    ends = [end for _, value, low, high in shown for end in (value, low, high) if end is not None]
    return with_bars(chart, look, "usd", ends, 3, x={"title": {"text": words.name("npv_usd")}})
