"""Charts of uncertainty: what might come out, and which driver does it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import plotly.graph_objects as go

from modelworth.costmodel.analysis import Swing
from modelworth.report.charts.base import Look, add_bars, axis, figure, with_bars, wrapped


def tornado(look: Look, swings: Sequence[Swing], base: float, unit: str) -> go.Figure:
    """The indicator with one driver at a time at its low and its high, widest on top."""
    words = look.words
    ordered = sorted(swings, key=lambda swing: abs(swing.at_high - swing.at_low))
    names = [wrapped(words.name(swing.driver), 24) for swing in ordered]
    chart = figure(look, height=90 + 34 * max(1, len(ordered)))
    ends = (
        ("chart.at_low", look.series[4], [(s.low, s.at_low) for s in ordered]),
        ("chart.at_high", look.series[0], [(s.high, s.at_high) for s in ordered]),
    )
    for name, colour, pairs in ends:
        texts = [
            [words.value(value, swing.unit), words.value(reached, unit)]
            for (value, reached), swing in zip(pairs, ordered, strict=True)
        ]
        add_bars(
            chart, names, [reached - base for _, reached in pairs], texts, base=base,
            name=words.t(name), marker={"color": colour},
            hovertemplate="%{y} = %{customdata[0]}: %{customdata[1]}<extra></extra>",
        )  # fmt: skip
    chart.add_vline(x=base, line={"color": look.quiet, "width": 2})
    values = [value for swing in ordered for value in (swing.at_low, swing.at_high)]
    low, high = min([*values, base]), max([*values, base])
    room = 0.05 * (high - low or 1.0)
    reach = {"range": [low - room, high + room]}
    return with_bars(chart, look, unit, [*values, base], 2, x=reach, barmode="overlay")


def histogram(
    look: Look, edges: Sequence[float], counts: Sequence[int], marks: Sequence[tuple[float, str]]
) -> go.Figure:
    """Binned outcomes in USD: losses in another colour and hatched, and lines at the quantiles."""
    words = look.words
    chart = figure(look, legend=False)
    middles = [(low + high) / 2 for low, high in itertools.pairwise(edges)]
    trials = sum(counts) or 1
    chart.add_bar(
        x=middles, y=[count / trials for count in counts],
        width=[high - low for low, high in itertools.pairwise(edges)],
        marker={
            "color": [look.bad if middle < 0 else look.good for middle in middles],
            "pattern": {"shape": ["/" if middle < 0 else "" for middle in middles]},
            "line": {"width": 0},
        },
        customdata=[
            [words.range(low, high, "usd"), words.percent(count / trials)]
            for low, high, count in zip(edges, edges[1:], counts, strict=False)
        ],
        hovertemplate="%{customdata[0]}: %{customdata[1]}<extra></extra>",
    )  # fmt: skip
    for row, (value, text) in enumerate(marks):
        chart.add_vline(x=value, line={"color": look.quiet, "dash": "dash", "width": 2})
        chart.add_annotation(
            x=value, y=1.17 - 0.08 * row, yref="paper", text=text, showarrow=False,
            xanchor="left", xshift=4, yanchor="bottom",
        )  # fmt: skip
    chart.update_layout(
        bargap=0,
        margin={"t": 70},
        xaxis=axis(look, "usd", edges, wanted=3),
        yaxis=axis(look, "share", [count / trials for count in counts]),
    )
    chart.add_vline(x=0, line={"color": look.quiet, "width": 1})
    return chart.done()


def exceedance(look: Look, edges: Sequence[float], counts: Sequence[int]) -> go.Figure:
    """The share of trials whose value is at least so much, with the threshold of 0."""
    words, trials = look.words, sum(counts) or 1
    left = [1.0, *(1 - done / trials for done in itertools.accumulate(counts))]
    chart = figure(look, height=280, legend=False)
    chart.add_scatter(
        x=list(edges), y=left, mode="lines", line={"color": look.good, "width": 3},
        fill="tozeroy", fillcolor=look.faint(look.good),
        customdata=[
            [words.money(edge), words.percent(share)]
            for edge, share in zip(edges, left, strict=True)
        ],
        hovertemplate="%{customdata[0]}: %{customdata[1]}<extra></extra>",
    )  # fmt: skip
    chart.add_vline(x=0, line={"color": look.bad, "width": 2, "dash": "dash"})
    chart.update_layout(
        xaxis={**axis(look, "usd", edges, wanted=3), "title": {"text": words.name("npv_usd")}},
        yaxis={**axis(look, "share", [0, 1]), "title": {"text": words.t("chart.at_least")}},
    )
    return chart.done()


def density(
    look: Look, edges: Sequence[float], shares: Sequence[float], unit: str, now: float
) -> go.Figure:
    """How a driver is distributed: shares of bars of equal width, a line at the base case."""
    words = look.words
    chart = figure(look, height=220, legend=False)
    chart.add_bar(
        x=[(low + high) / 2 for low, high in itertools.pairwise(edges)], y=list(shares),
        width=[high - low for low, high in itertools.pairwise(edges)],
        marker={"color": look.good, "line": {"width": 0}},
        customdata=[words.range(low, high, unit) for low, high in itertools.pairwise(edges)],
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    chart.add_vline(x=now, line={"color": look.bad, "width": 2})
    ends = [edges[0], edges[-1]]
    chart.update_layout(
        bargap=0,
        xaxis={**axis(look, unit, ends), "range": ends, "showgrid": False},
        yaxis={"visible": False, "fixedrange": True},
    )
    return chart.done()


def bars(look: Look, rows: Sequence[tuple[str, float]], unit: str, *, colour: int = 0) -> go.Figure:
    """Named amounts, the largest on top."""
    ordered = sorted(rows, key=lambda row: row[1])
    texts = [look.words.value(amount, unit) for _, amount in ordered]
    chart = figure(look, height=60 + 32 * max(1, len(rows)), legend=False)
    amounts = [amount for _, amount in ordered]
    add_bars(
        chart, [name for name, _ in ordered], amounts, texts, text=texts,
        marker={"color": look.colour(colour)}, textposition="outside",
        constraintext="none", cliponaxis=False,
    )  # fmt: skip
    return with_bars(chart, look, unit, [*amounts, max([*amounts, 0.0]) * 1.15])


def pairs(
    look: Look, rows: Sequence[tuple[str, float, float]], names: tuple[str, str], unit: str
) -> go.Figure:
    """Two amounts for each name, side by side: first-order and total Sobol index, for one."""
    ordered = sorted(rows, key=lambda row: row[2])
    chart = figure(look, height=90 + 40 * max(1, len(rows)))
    for place, name in enumerate(names):
        amounts = [row[place + 1] for row in ordered]
        texts = [look.words.value(amount, unit) for amount in amounts]
        shade = {"color": look.colour(0 if place == 0 else 4)}
        add_bars(chart, [row[0] for row in ordered], amounts, texts, name=name, marker=shade,
                 hovertemplate="%{y}: %{customdata}")  # fmt: skip
    ends = [value for row in ordered for value in row[1:]]
    return with_bars(chart, look, unit, ends, barmode="group")
