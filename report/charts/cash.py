"""Charts of money over months and of what makes up a unit: from series and steps to a figure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import plotly.graph_objects as go

from modelworth.costmodel.analysis import Series
from modelworth.report.charts.base import (
    Look,
    add_bars,
    add_line,
    axis,
    figure,
    month_axis,
    with_bars,
    wrapped,
)

TEXT_ROOM = 0.3
"""Room right of the bars for the amounts, as a share of what the bars span."""


def band(
    look: Look,
    series: Series,
    *,
    marks: Sequence[tuple[int, str]] = (),
    seen: Sequence[tuple[int, float]] = (),
) -> go.Figure:
    """One line over the months with its 10 to 90% band, and months worth a word.

    Args:
        look: the reader's words and ground.
        series: values for month 0 on.
        marks: month and what happens in it.
        seen: month and what it came to.
    """
    chart, months = figure(look), list(range(len(series.base)))
    if series.p10 and series.p90:
        edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
        chart.add_scatter(x=months, y=series.p90, **edge)
        veil = {**edge, "showlegend": True, "name": look.words.t("chart.band")}
        fill = look.faint(look.good, 0.22)
        chart.add_scatter(x=months, y=series.p10, fill="tonexty", fillcolor=fill, **veil)
    drawn = (("median", series.p50, 1.5, "dot"), ("base_case", series.base, 3, "solid"))
    for key, values, width, dash in drawn:
        if values:
            name = look.words.t(f"chart.{key}")
            line = (series.unit, values)
            add_line(chart, look, months, line, name, color=look.good, width=width, dash=dash)
    for month, text in marks:
        chart.add_scatter(
            x=[month], y=[series.base[month]], mode="markers+text", text=[text],
            textposition="top left" if month > len(months) / 2 else "top right",
            showlegend=False, hoverinfo="skip",
            marker={"size": 10, "color": look.bad, "symbol": "diamond"},
        )  # fmt: skip
    if seen:
        chart.add_scatter(
            x=[month for month, _ in seen], y=[value for _, value in seen], mode="markers",
            name=look.words.t("chart.actual"),
            marker={"size": 9, "color": look.bad, "symbol": "diamond"},
            customdata=[look.words.value(value, series.unit) for _, value in seen],
            hovertemplate="%{customdata}",
        )  # fmt: skip
    chart.add_hline(y=0, line={"color": look.quiet, "width": 1})
    spread = [*series.base, *(series.p10 or ()), *(series.p90 or ()), *(value for _, value in seen)]
    chart.update_layout(
        xaxis=month_axis(look, len(months) - 1),
        yaxis=axis(look, series.unit, spread),
        hovermode="x unified",
    )
    return chart.done()


def months(
    look: Look,
    added: Sequence[Series],
    taken: Sequence[Series],
    result: Series | None = None,
) -> go.Figure:
    """What comes in upwards, what goes out downwards, and what is left as a line.

    Args:
        look: the reader's words and ground.
        added: series shown as they are, stacked upwards.
        taken: costs, positive in the model, stacked downwards.
        result: series drawn over the bars.
    """
    chart = figure(look, height=380)
    tops = [0.0] * (len(added[0].base) if added else len(taken[0].base))
    for index, (series, sign) in enumerate([(s, 1) for s in added] + [(s, -1) for s in taken]):
        values = [sign * value for value in series.base]
        chart.add_bar(
            x=list(range(len(values))), y=values, name=look.words.name(series.key),
            marker={"color": look.colour(index), "pattern": {"shape": "" if sign > 0 else "/"}},
            customdata=[look.words.value(value, series.unit) for value in series.base],
            hovertemplate="%{customdata}",
        )  # fmt: skip
        tops = [top + max(value, 0.0) for top, value in zip(tops, values, strict=True)]
    depths = [-sum(column) for column in zip(*(s.base for s in taken), strict=True)] or [0.0]
    if result:
        name, line = look.words.name(result.key), (result.unit, result.base)
        add_line(chart, look, range(len(result.base)), line, name, color=look.quiet, width=3)
    unit = (added or taken)[0].unit
    chart.update_layout(
        barmode="relative", hovermode="x unified", bargap=0.1,
        xaxis=month_axis(look, len(tops) - 1),
        yaxis=axis(look, unit, [*tops, *depths, *(result.base if result else ())]),
    )  # fmt: skip
    return chart.done()


def waterfall(look: Look, steps: Sequence[tuple[str, float]], total: str, unit: str) -> go.Figure:
    """Steps that add up to a total, floating bars from top to bottom: names stay level.

    Args:
        look: the reader's words and ground.
        steps: label and signed amount; a cost is negative where the total is what remains.
        total: label of the last bar.
        unit: of every amount.
    """
    chart = figure(look, height=60 + 36 * (len(steps) + 1), legend=False)
    levels = [0.0, *accumulate(amount for _, amount in steps)]
    bars = [(name, before, amount, look.good if amount >= 0 else look.bad)
            for (name, amount), before in zip(steps, levels, strict=False)]  # fmt: skip
    reached = levels[-1]
    bars.append((total, 0.0, reached, look.series[2] if reached >= 0 else look.bad))
    texts = [look.words.money(amount) for _, _, amount, _ in bars]
    add_bars(
        chart, [wrapped(name, 24) for name, *_ in bars],
        [abs(amount) for _, _, amount, _ in bars], texts,
        base=[min(before, before + amount) for _, before, amount, _ in bars],
        marker={"color": [colour for *_, colour in bars]},
        text=texts, textposition="outside", constraintext="none", cliponaxis=False,
    )  # fmt: skip
    chart.add_vline(x=0, line={"color": look.quiet, "width": 1})
    low, high = min(levels), max(levels)
    room = TEXT_ROOM * (high - low or 1.0)
    reached_right = {"range": [low, high + room]}
    return with_bars(chart, look, unit, levels, 3, x=reached_right, yaxis={"autorange": "reversed"})
