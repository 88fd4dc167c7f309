"""Charts over the calendar and of what is bought with what: history, market, cost against speed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from modelworth.report.charts.base import GRID, MARKERS, Look, axis, figure
from modelworth.report.charts.sketch import Sketch
from modelworth.report.charts.throughput import safe


@dataclass(frozen=True, slots=True)
class Point:
    """A value with its interval, where a chart puts it; `said` is what a reader sees touching it.

    Attributes:
        place: a day as YYYY-MM-DD (or a time), or a number.
        mark: `slower` or `faster` where it differs from the one before.
    """

    place: str | float
    value: float
    said: str
    low: float | None = None
    high: float | None = None
    mark: str = ""
    key: str = ""


def _dates(form: str = "%Y-%m-%d") -> dict[str, object]:
    """An axis of days that says them the same way in every language."""
    return {"type": "date", "tickformat": form, "nticks": 6, **GRID, "showgrid": False}


def _errors(points: Sequence[Point]) -> dict[str, object]:
    return {
        "type": "data", "symmetric": False, "thickness": 1.5,
        "array": [max(0.0, (p.high if p.high is not None else p.value) - p.value) for p in points],
        "arrayminus": [max(0.0, p.value - (p.low if p.low is not None else p.value))
                       for p in points],
    }  # fmt: skip


def _scatter(chart: Sketch, points: Sequence[Point], **trace: object) -> None:
    chart.add_scatter(
        x=[point.place for point in points], y=[point.value for point in points],
        customdata=[[point.key, safe(point.said, 120)] for point in points],
        hovertemplate="%{customdata[1]}<extra></extra>", **trace,
    )  # fmt: skip


def history(look: Look, points: Sequence[Point], unit: str) -> go.Figure:
    """One case measured again and again: its value over time, with what became slower or faster."""
    chart = figure(look, height=340)
    _scatter(
        chart, points, mode="lines+markers", name=look.words.t("chart.measured"),
        line={"color": look.good, "width": 2}, marker={"size": 8}, error_y=_errors(points),
    )  # fmt: skip
    marks = (("slower", look.bad, "triangle-down"), ("faster", look.series[2], "triangle-up"))
    for mark, colour, symbol in marks:
        marked = [point for point in points if point.mark == mark]
        if marked:
            _scatter(
                chart, marked, mode="markers", name=look.words.t(f"chart.{mark}"),
                marker={"size": 15, "symbol": symbol, "color": colour},
            )  # fmt: skip
    ends = [end for p in points for end in (p.value, p.low, p.high) if end is not None]
    chart.update_layout(xaxis=_dates(), yaxis=axis(look, unit, ends))
    return chart.done()


def market(
    look: Look, past: Sequence[tuple[str, Sequence[Point]]], ahead: Sequence[Point], unit: str
) -> go.Figure:
    """What something cost by date, and the path that the plan takes it to follow."""
    chart = figure(look, height=400)
    for index, (name, points) in enumerate(past):
        _scatter(
            chart, points, mode="markers", name=safe(name, 40),
            marker={"size": 8, "symbol": MARKERS[index % len(MARKERS)],
                    "color": look.colour(index + 1)},
        )  # fmt: skip
    if ahead:
        _scatter(
            chart, ahead, mode="lines" if len(ahead) > 1 else "markers",
            name=look.words.t("trends.path"), line={"color": look.good, "width": 3},
            marker={"size": 13, "symbol": "star", "color": look.good},
        )  # fmt: skip
    values = [point.value for _, points in past for point in points]
    values += [point.value for point in ahead]
    chart.update_layout(xaxis=_dates("%Y-%m"), yaxis=axis(look, unit, values, log=True))
    return chart.done()


def frontier(
    look: Look, points: Sequence[Point], best: Sequence[Point], units: tuple[str, str]
) -> go.Figure:
    """Cost against latency with intervals: every device, and those that nothing beats on both.

    Args:
        look: the reader's words and ground.
        points: a device each, at `place`.
        best: the frontier, drawn as a line.
        units: of place and value.
    """
    chart = figure(look, height=420)
    _scatter(
        chart, points, mode="markers", name=look.words.t("plan.devices"), error_y=_errors(points),
        marker={"size": 9, "color": look.quiet},
    )  # fmt: skip
    ordered = sorted(best, key=lambda point: point.place)
    _scatter(
        chart, ordered, mode="lines+markers", name=look.words.t("plan.frontier"),
        line={"color": look.good, "width": 2.5}, marker={"size": 11, "symbol": "diamond"},
        error_y=_errors(ordered),
    )  # fmt: skip
    every = [*points, *best]
    places = [float(point.place) for point in every]
    ends = [end for p in every for end in (p.value, p.low, p.high) if end]
    chart.update_layout(
        xaxis={**axis(look, units[0], places), "title": {"text": look.words.t("plan.axis")}},
        yaxis=axis(look, units[1], ends, log=True),
    )
    return chart.done()
