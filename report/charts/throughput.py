"""Charts of measurements and predictions: points with error bars beside the hardware's ceiling."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from modelworth.report.charts.base import MARKERS, Look, axis, figure
from modelworth.report.charts.sketch import Sketch

MOST_GROUPS = 7
"""Colours and markers that can be told apart; further groups share the last."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A column of the measurements, as an axis shows it; `low` and `high` name its interval."""

    column: str
    unit: str
    low: str | None = None
    high: str | None = None
    log: bool = True


THROUGHPUT = Quantity("throughput_per_s", "per_s", "throughput_low", "throughput_high")
QUANTITIES = {
    "throughput": THROUGHPUT,
    "latency": Quantity("p50_s", "s", None, "p95_s"),
    "memory": Quantity("memory_peak_bytes", "bytes"),
    "energy": Quantity("energy_j_per_unit", "j_per_unit"),
    "utilisation": Quantity("utilisation", "share", log=False),
}


def scaling(
    look: Look,
    frame: pd.DataFrame,
    quantity: Quantity,
    group: str,
    behind: Sequence[tuple[float, float, str]] = (),
) -> go.Figure:
    """A quantity against parameters, a series for each value of the column `group`.

    The customdata of every point begins with the id of its record. `behind` are parameters, value
    and words of what others published, drawn faintly. Over a throughput stands a dash for what the
    measured ceiling of the hardware would allow.
    """
    rows = frame.dropna(subset=["parameters_total", quantity.column])
    chart = figure(look, height=420)
    if behind:
        chart.add_scatter(
            x=[row[0] for row in behind], y=[row[1] for row in behind], mode="markers",
            name=look.words.t("origin.published"),
            customdata=[["", safe(row[2])] for row in behind],
            marker={"size": 6, "color": look.faint(look.quiet, 0.55)},
            hovertemplate="%{customdata[1]}<extra></extra>",
        )  # fmt: skip
    for index, (name, part) in enumerate(rows.groupby(group, sort=True, observed=True)):
        part = part.sort_values("parameters_total")
        chart.add_scatter(
            x=part["parameters_total"], y=part[quantity.column], mode="markers",
            name=_label(look, group, name),
            marker={"size": 9, "symbol": _marker(index), "color": _colour(look, index)},
            error_y=_errors(part, quantity),
            customdata=_cards(look, part, quantity),
            hovertemplate="%{customdata[1]}<br>%{customdata[2]}: %{customdata[3]}<extra></extra>",
        )  # fmt: skip
    if quantity is THROUGHPUT and not rows.empty:
        _ceilings(chart, look, rows, group)
    chart.update_layout(
        xaxis=axis(
            look, "parameters", [*rows["parameters_total"], *(row[0] for row in behind)], log=True
        ),
        yaxis=axis(
            look, quantity.unit, [*rows[quantity.column], *(row[1] for row in behind)],
            log=quantity.log,
        ),
    )  # fmt: skip
    return chart.done()


def _colour(look: Look, index: int) -> str:
    return look.colour(min(index, MOST_GROUPS - 1))


def _marker(index: int) -> str:
    return MARKERS[min(index, MOST_GROUPS - 1)]


def _errors(part: pd.DataFrame, quantity: Quantity) -> dict[str, object] | None:
    """Distances from the value to the ends of its interval, where it has one."""
    if quantity.high is None:
        return None
    value = part[quantity.column]
    below = value - part[quantity.low] if quantity.low else value * 0
    return {
        "type": "data",
        "array": (part[quantity.high] - value).fillna(0),
        "arrayminus": below.fillna(0),
        "thickness": 1.5,
    }


def _cards(look: Look, part: pd.DataFrame, quantity: Quantity) -> list[list[str]]:
    """Of each point: its record, and what a reader sees on touching it."""
    words = look.words
    columns = (part[name].tolist() for name in ("id", "model", "device", "kind", quantity.column))
    return [
        [key, safe(f"{model} · {device}"), words.t(f"kind.{kind}"), words.value(at, quantity.unit)]
        for key, model, device, kind, at in zip(*columns, strict=True)
    ]


def _label(look: Look, group: str, name: object) -> str:
    """What a group is called: kinds and families in words, the rest as recorded."""
    naming = {"kind": "kind.{}", "family": "family.{}"}.get(group)
    return look.words.t(naming.format(name)) if naming else safe(str(name), longest=32)


def safe(text: str, longest: int = 60) -> str:
    """Text from a record that plotly shows as it is: no tags, no line of its own length."""
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    return cut.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _ceilings(chart: Sketch, look: Look, frame: pd.DataFrame, group: str) -> None:
    rows = frame.dropna(subset=["ceiling_per_s"])
    for index, (name, part) in enumerate(rows.groupby(group, sort=True, observed=True)):
        colour = _colour(look, index)
        chart.add_scatter(
            x=part["parameters_total"], y=part["ceiling_per_s"], mode="markers",
            hoverinfo="skip", showlegend=False, customdata=[[key] for key in part["id"].tolist()],
            name=look.words.t("chart.ceiling", name=safe(str(name))),
            marker={"symbol": "line-ew", "size": 14, "line": {"color": colour, "width": 2}},
        )  # fmt: skip


def curves(
    look: Look,
    rows: Sequence[tuple[str, str, float, float, str]],
    units: tuple[str, str] = ("tokens_per_s_per_user", "tokens_per_s_per_device"),
    objective: float | None = None,
) -> go.Figure:
    """How one quantity is paid for with another, a line for each model and device.

    Args:
        look: the reader's words and ground.
        rows: series, record id, across, up, and what a reader sees on touching the point.
        units: of both axes.
        objective: the most that the quantity upwards may be, drawn as a line.
    """
    chart = figure(look, height=420)
    names = sorted({row[0] for row in rows})
    for index, name in enumerate(names):
        part = sorted((row for row in rows if row[0] == name), key=lambda row: row[2])
        chart.add_scatter(
            x=[row[2] for row in part], y=[row[3] for row in part], mode="lines+markers",
            name=safe(name), line={"color": _colour(look, index)},
            marker={"size": 9, "symbol": _marker(index)},
            customdata=[[row[1], row[4]] for row in part],
            hovertemplate="%{customdata[1]}",
        )  # fmt: skip
    if objective is not None:
        chart.add_hline(objective, {"color": look.bad, "width": 2, "dash": "dash"})
    ends = [objective] if objective is not None else []
    chart.update_layout(
        xaxis=axis(look, units[0], [row[2] for row in rows], log=True),
        yaxis=axis(look, units[1], [*ends, *(row[3] for row in rows)], log=True),
    )
    return chart.done()


def agreement(look: Look, rows: Sequence[tuple[str, float, float]], unit: str) -> go.Figure:
    """Predicted against measured, with the line on which both agree.

    Args:
        look: the reader's words and ground.
        rows: label, measured, predicted.
        unit: of both.
    """
    values = [value for _, *pair in rows for value in pair]
    chart = figure(look, height=400, legend=False)
    if values:
        ends = [min(values) * 0.8, max(values) * 1.25]
        line = {"color": look.quiet, "dash": "dash"}
        chart.add_scatter(x=ends, y=ends, mode="lines", line=line, hoverinfo="skip")
    chart.add_scatter(
        x=[measured for _, measured, _ in rows], y=[predicted for *_, predicted in rows],
        mode="markers", marker={"size": 10, "color": look.good, "symbol": "diamond"},
        customdata=[
            [safe(name), look.words.value(measured, unit), look.words.value(predicted, unit)]
            for name, measured, predicted in rows
        ],
        hovertemplate="%{customdata[0]}<br>%{customdata[1]} → %{customdata[2]}<extra></extra>",
    )  # fmt: skip
    chart.update_layout(
        xaxis=axis(look, unit, values, log=True), yaxis=axis(look, unit, values, log=True)
    )
    chart.update_layout(xaxis={"title": {"text": look.words.t("chart.measured")}})
    chart.update_layout(yaxis={"title": {"text": look.words.t("chart.predicted")}})
    return chart.done()


def memory(look: Look, parts: Sequence[tuple[str, float]], capacity: float | None) -> go.Figure:
    """What fills a device's memory, part by part, beside what it has."""
    chart = figure(look, height=170)
    for index, (name, amount) in enumerate(parts):
        text = look.words.value(amount, "bytes")
        chart.add_bar(
            y=[""], x=[amount], orientation="h", name=f"{name} {text}",
            marker={"color": look.colour(index)}, hovertemplate=f"{name}: {text}<extra></extra>",
        )  # fmt: skip
    used = sum(amount for _, amount in parts)
    if capacity:
        chart.add_vline(
            x=capacity, line={"color": look.bad, "width": 3},
            text=look.words.value(capacity, "bytes"),
        )  # fmt: skip
    chart.update_layout(
        barmode="stack", xaxis=axis(look, "bytes", [used, capacity or used]),
        yaxis={"showticklabels": False, "fixedrange": True},
    )  # fmt: skip
    return chart.done()


def samples(look: Look, seconds: Sequence[float], most_bins: int = 30) -> go.Figure:
    """How long the timed steps took, in bins: two for each doubling of their number, and one."""
    bins = min(most_bins, 1 + round(2 * math.log2(len(seconds))))
    counts, edges = pd.cut(pd.Series(seconds), bins=bins, retbins=True, labels=False)
    tally = counts.value_counts().to_dict()
    middles = [(low + high) / 2 for low, high in itertools.pairwise(edges)]
    chart = figure(look, height=260, legend=False)
    heights = [int(tally.get(index, 0)) for index in range(bins)]
    ticks = [edges[0] + share * (edges[-1] - edges[0]) for share in (0.1, 0.5, 0.9)]
    chart.add_bar(
        x=middles, y=heights, marker={"color": look.good},
        customdata=[look.words.value(middle, "s") for middle in middles],
        hovertemplate="%{customdata}: %{y}<extra></extra>",
    )  # fmt: skip
    chart.update_layout(
        bargap=0.02,
        xaxis={
            **axis(look, "s", middles), "range": [edges[0], edges[-1]], "tickvals": ticks,
            "ticktext": [look.words.value(tick, "s") for tick in ticks],
        },
        yaxis=axis(look, "count", heights),
    )  # fmt: skip
    return chart.done()
