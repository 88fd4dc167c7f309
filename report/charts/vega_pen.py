"""Charts on paper and in wikis: Vega-Lite specifications, turned into SVG without a browser."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

import vl_convert

from modelworth.report.charts.plotly_pen import COLOURS
from modelworth.report.sections.blocks import AreaChart, BarChart, Chart, Histogram, LineChart

VEGA_LITE = "v5.20"
WIDTH, HEIGHT, ROW = 600, 175, 20
INK = "#17212b"
DASHES = ([1, 0], [6, 3], [2, 2], [6, 2, 2, 2], [10, 3], [10, 2, 2, 2])


def svg(chart: Chart, fonts: Sequence[str] = ("sans-serif",)) -> str:
    """The chart as SVG, its text in the first of `fonts` that has it."""
    spec = {**_common(", ".join(fonts)), **_body(chart)}
    return str(vl_convert.vegalite_to_svg(json.dumps(spec), vl_version=VEGA_LITE))


def _common(font: str) -> dict[str, Any]:
    axis = {"labelColor": INK, "titleColor": INK, "gridColor": "#e5e7eb", "domainColor": "#9aa5b1",
            "tickColor": "#9aa5b1", "labelFontSize": 10, "titleFontSize": 10,
            "titleFontWeight": "normal", "labelLimit": 260, "titleLimit": 500}  # fmt: skip
    legend = {"orient": "top", "title": None, "labelFontSize": 10, "labelLimit": 230,
              "columns": 3, "symbolType": "stroke", "labelColor": INK}  # fmt: skip
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": WIDTH,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "background": None,
        "padding": 4,
        "config": {
            "font": font,
            "view": {"stroke": None},
            "axis": axis,
            "legend": legend,
            "range": {"category": list(COLOURS)},
        },
    }


def _body(chart: Chart) -> dict[str, Any]:
    match chart:
        case LineChart():
            return _lines(chart)
        case AreaChart():
            return _areas(chart)
        case BarChart():
            return _bars(chart)
        case Histogram():
            return _histogram(chart)


def _quantity(field: str, title: str, **scale: Any) -> dict[str, Any]:
    return {
        "field": field, "type": "quantitative", "title": title, "scale": {"nice": True} | scale,
    }  # fmt: skip


def _order(names: list[str], *, single: bool) -> dict[str, Any]:
    """Colour by series in the given order; no legend for one alone."""
    scale = {"domain": names, "range": [COLOURS[i % len(COLOURS)] for i in range(len(names))]}
    shown: dict[str, Any] = {"legend": None} if single else {}
    return {"field": "series", "type": "nominal", "scale": scale, **shown}


def _lines(chart: LineChart) -> dict[str, Any]:
    names = [line.name for line in chart.lines]
    rows = _line_rows(chart)
    kind = {"type": "log"} if chart.logarithmic else {"zero": False}
    x = _quantity("x", chart.x_title, **kind, nice=False)
    y = _quantity("y", chart.y_title, **kind, nice=not chart.logarithmic)
    if chart.logarithmic:
        short = "replace(format(datum.value, '~s'), 'G', 'B')"
        x["axis"] = {"labelExpr": short, "values": _decades(row["x"] for row in rows)}
        y["axis"] = {"format": "~g", "values": _decades(row["y"] for row in rows)}
    colour = _order(names, single=len(names) == 1)
    dashes = {"domain": names, "range": [DASHES[i % len(DASHES)] for i in range(len(names))]}
    dash = colour | {"scale": dashes}
    encoding = {"x": x, "y": y, "color": colour, "strokeDash": dash}
    line = {"mark": {"type": "line", "strokeWidth": 2}, "encoding": encoding}
    layers = [line, *_marks(chart)]
    if any("low" in row for row in rows):
        low = _quantity("low", chart.y_title)
        band = {"x": x, "y": low, "y2": {"field": "high"}, "color": colour}
        layers.insert(0, {"mark": {"type": "area", "opacity": 0.2}, "encoding": band})
    if not chart.logarithmic:
        zero = {"mark": {"type": "rule", "color": "#9aa5b1"}, "encoding": {"y": {"datum": 0}}}
        layers.insert(0, zero)
    return {"height": HEIGHT, "data": {"values": rows}, "layer": layers}


def _line_rows(chart: LineChart) -> list[dict[str, Any]]:
    """Points of all lines, without those that a logarithmic axis can't show."""
    return [
        {"x": x, "y": y, "series": line.name}
        | ({"low": line.low[i], "high": line.high[i]} if line.low and line.high else {})
        for line in chart.lines
        for i, (x, y) in enumerate(zip(chart.x, line.y, strict=True))
        if not chart.logarithmic or (x > 0 and y > 0)
    ]


def _decades(values: Iterable[Any]) -> list[float]:
    """Powers of ten that a logarithmic axis is ticked at."""
    exponents = [math.log10(value) for value in values]
    if not exponents:
        return []
    least, most = math.floor(min(exponents)), math.ceil(max(exponents))
    return [10.0**power for power in range(least, most + 1)]


def _marks(chart: LineChart) -> list[dict[str, Any]]:
    if not chart.marks:
        return []
    data = {"values": [{"mark": x, "word": word} for x, word in chart.marks]}
    where = {"x": {"field": "mark", "type": "quantitative"}}
    rule = {"mark": {"type": "rule", "strokeDash": [2, 2], "color": "#6b7280"}, "encoding": where}
    return [{"data": data, **rule}]


def _areas(chart: AreaChart) -> dict[str, Any]:
    names = [line.name for line in chart.lines]
    rows = [
        {"x": x, "y": y, "series": line.name, "place": place}
        for place, line in enumerate(chart.lines)
        for x, y in zip(chart.x, line.y, strict=True)
    ]
    y = _quantity("y", chart.y_title) | {"stack": "zero"}
    x = _quantity("x", chart.x_title)
    x["scale"]["nice"] = False
    colour = _order(names, single=len(names) == 1)
    if "legend" not in colour:
        colour["legend"] = {"symbolType": "square"}
    encoding = {
        "x": x,
        "y": y,
        "color": colour,
        "order": {"field": "place", "type": "quantitative"},
    }
    return {"height": 260, "data": {"values": rows}, "mark": {"type": "area"}, "encoding": encoding}


def _bars(chart: BarChart) -> dict[str, Any]:
    names = [bars.name for bars in chart.series]
    rows = []
    for bars in chart.series:
        for i, (category, value) in enumerate(zip(chart.categories, bars.values, strict=True)):
            row: dict[str, Any] = {"category": category, "value": value, "series": bars.name}
            if bars.low and bars.high and bars.low[i] is not None and bars.high[i] is not None:
                row |= {"low": bars.low[i], "high": bars.high[i]}
            rows.append(row)
    y = {"field": "category", "type": "nominal", "sort": None, "title": None,
         "axis": {"labelLimit": 300, "ticks": False}}  # fmt: skip
    colour = _order(names, single=len(names) == 1)
    if "legend" not in colour:
        colour["legend"] = {"symbolType": "square"}
    bar = {"mark": {"type": "bar", "height": {"band": 0.7}},
           "encoding": {"y": y, "color": colour,
                        "x": _quantity("value", chart.value_title) | {"stack": None}}}  # fmt: skip
    layers: list[dict[str, Any]] = [bar]
    if any("low" in row for row in rows):
        span = {"y": y, "x": _quantity("low", chart.value_title), "x2": {"field": "high"}}
        layers.append({"mark": {"type": "rule", "color": INK}, "encoding": span})
    height = ROW * len(set(chart.categories)) + 10
    return {"height": height, "data": {"values": rows}, "layer": layers}


def _histogram(chart: Histogram) -> dict[str, Any]:
    rows = [
        {"low": low, "high": high, "share": share, "loss": (low + high) / 2 < 0}
        for low, high, share in zip(chart.edges, chart.edges[1:], chart.shares, strict=False)
    ]
    colour = {"condition": {"test": "datum.loss", "value": COLOURS[1]}, "value": COLOURS[0]}
    encoding = {
        "x": _quantity("low", chart.x_title) | {"bin": {"binned": True}},
        "x2": {"field": "high"},
        "y": _quantity("share", chart.y_title),
        "color": colour,
    }
    return {"height": HEIGHT, "data": {"values": rows}, "mark": "bar", "encoding": encoding}
