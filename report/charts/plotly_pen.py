"""Charts for the browser: plain plotly figures, drawn by the bundle that the page carries."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from modelworth.report.sections.blocks import (
    AreaChart,
    BarChart,
    Bars,
    Chart,
    Histogram,
    Line,
    LineChart,
    mapped,
)

# Okabe and Ito's colours, which colour-blind readers tell apart.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6b7280")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
FONT = "'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Noto Sans', 'PingFang SC', sans-serif"
ROW_PX = 30
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;"}


def figure(given: Chart) -> dict[str, Any]:
    """The chart as plotly's data and layout."""
    chart = mapped(given, inert)
    match chart:
        case LineChart():
            return _lines(chart)
        case AreaChart():
            return _areas(chart)
        case BarChart():
            return _bars(chart)
        case Histogram():
            return _histogram(chart)


def inert(text: str) -> str:
    """Text that plotly shows as it is: it reads tags as markup and dollars as formulas."""
    for character, entity in ENTITIES.items():
        text = text.replace(character, entity)
    return text


def colour(index: int) -> str:
    """Colour of the series with this number."""
    return COLOURS[index % len(COLOURS)]


def veil(hexadecimal: str, opacity: float = 0.18) -> str:
    """The colour as a veil."""
    red, green, blue = (int(hexadecimal[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def _layout(x_title: str, y_title: str, height: int = 360, **more: Any) -> dict[str, Any]:
    axis = {"automargin": True, "gridcolor": "#e5e7eb", "zerolinecolor": "#6b7280"}
    return {
        "height": height,
        "margin": {"l": 12, "r": 16, "t": 32, "b": 12},
        "font": {"family": FONT, "size": 13, "color": "#17212b"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": {"title": {"text": x_title}, **axis},
        "yaxis": {"title": {"text": y_title}, **axis},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "hovermode": "closest",
        **more,
    }


def _lines(chart: LineChart) -> dict[str, Any]:
    data: list[dict[str, Any]] = []
    for index, line in enumerate(chart.lines):
        data += [*_band(chart.x, line, index), _line(chart.x, line, index)]
    layout = _layout(chart.x_title, chart.y_title, showlegend=len(chart.lines) > 1)
    if chart.logarithmic:
        for axis in ("xaxis", "yaxis"):
            layout[axis] |= {"type": "log", "dtick": 1, "exponentformat": "SI"}
    layout["shapes"] = [
        {"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1,
         "line": {"color": "#6b7280", "dash": "dot"}}
        for x, _ in chart.marks
    ]  # fmt: skip
    return {"data": data, "layout": layout}


def _line(x: tuple[float, ...], line: Line, index: int) -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "lines", "name": line.name, "x": x, "y": line.y,
        "line": {"color": colour(index), "dash": DASHES[index % len(DASHES)], "width": 2.4},
    }  # fmt: skip


def _band(x: tuple[float, ...], line: Line, index: int) -> list[dict[str, Any]]:
    if line.low is None or line.high is None:
        return []
    edge = {"type": "scatter", "mode": "lines", "x": x, "line": {"width": 0}, "showlegend": False}
    filled = {"fill": "tonexty", "fillcolor": veil(colour(index)), "name": "P90"}
    return [{**edge, "y": line.low, "name": "P10"}, {**edge, "y": line.high, **filled}]


def _areas(chart: AreaChart) -> dict[str, Any]:
    data = [
        {"type": "scatter", "mode": "lines", "stackgroup": "all", "name": line.name, "x": chart.x,
         "y": line.y, "line": {"width": 0.5, "color": colour(index)},
         "fillcolor": veil(colour(index), 0.75 if index < len(COLOURS) else 0.4)}
        for index, line in enumerate(chart.lines)
    ]  # fmt: skip
    return {"data": data, "layout": _layout(chart.x_title, chart.y_title, 440)}


def _bars(chart: BarChart) -> dict[str, Any]:
    data = [_bar(chart, bars, index) for index, bars in enumerate(chart.series)]
    height = 110 + ROW_PX * len(chart.categories)
    layout = _layout(chart.value_title, "", height, barmode="overlay", bargap=0.3)
    layout["yaxis"] |= {"autorange": "reversed", "type": "category"}
    return {"data": data, "layout": {**layout, "showlegend": len(chart.series) > 1}}


def _bar(chart: BarChart, bars: Bars, index: int) -> dict[str, Any]:
    bar: dict[str, Any] = {
        "type": "bar", "orientation": "h", "name": bars.name, "x": bars.values,
        "y": chart.categories, "marker": {"color": colour(index)},
    }  # fmt: skip
    if bars.low is not None and bars.high is not None:
        above = [_gap(*pair) for pair in zip(bars.high, bars.values, strict=True)]
        below = [_gap(*pair) for pair in zip(bars.values, bars.low, strict=True)]
        bar["error_x"] = {
            "type": "data", "symmetric": False, "color": "#17212b", "thickness": 1.2,
            "array": above, "arrayminus": below,
        }  # fmt: skip
    return bar


def _gap(high: float | None, low: float | None) -> float | None:
    return None if high is None or low is None else high - low


def _histogram(chart: Histogram) -> dict[str, Any]:
    edges = list(pairwise(chart.edges))
    middles = [(low + high) / 2 for low, high in edges]
    colours = [COLOURS[1] if middle < 0 else COLOURS[0] for middle in middles]
    widths = [high - low for low, high in edges]
    bar = {
        "type": "bar", "x": middles, "y": chart.shares, "width": widths,
        "marker": {"color": colours, "line": {"width": 0.5, "color": "#ffffff"}},
    }  # fmt: skip
    layout = _layout(chart.x_title, chart.y_title, bargap=0)
    return {"data": [bar], "layout": layout}
