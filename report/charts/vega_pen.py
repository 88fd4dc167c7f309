"""Charts on paper and in wikis: Vega-Lite specifications, turned into SVG without a browser."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import vl_convert

from modelworth.report.palette import AXIS, DASHES, GRID, INK, LIGHT, QUIET
from modelworth.report.sections.blocks import (
    BarChart,
    BridgeChart,
    Chart,
    Histogram,
    LineChart,
)
from modelworth.report.text_fit import width_em

VEGA_LITE = "v6.4"
WIDTH, HEIGHT, ROW, TWO_LINES, NAMES_PX = 600, 160, 20, 26, 330
NARROW = 340  # what a chart as wide as its page has on a telephone
TEXT_PX, SYMBOL_PX, LABEL_PX, AXIS_PX = 11, 40, 260, 50
ANY_FONT, FONT = "sans-serif", 'font-family="{}"'
RANGE = (("middle", "P50"), ("low", "P10"), ("high", "P90"))
AT_END = {"titleAnchor": "end"}  # a long title has more room under the names of the bars
Colours = Sequence[str]


def svg(chart: Chart, fonts: Sequence[str] = (ANY_FONT,), colours: Colours = LIGHT) -> str:
    """The chart as SVG, its text in the first of `fonts` that has it."""
    return _drawn(chart, tuple(colours)).replace(
        FONT.format(ANY_FONT), FONT.format(", ".join(fonts))
    )


@lru_cache(maxsize=64)
def _drawn(chart: Chart, colours: Colours) -> str:
    """Drawn once for all formats; measuring in a face with Chinese would take six times as long."""
    return drawn(specification(chart, (ANY_FONT,), colours))


def drawn(spec: dict[str, Any]) -> str:
    """A Vega-Lite specification as SVG."""
    return str(vl_convert.vegalite_to_svg(json.dumps(spec), vl_version=VEGA_LITE))


def specification(
    chart: Chart, fonts: Sequence[str], colours: Colours, width: int | str = WIDTH
) -> dict[str, Any]:
    """The chart as a Vega-Lite specification."""
    room = width if isinstance(width, int) else NARROW
    return {**_common(", ".join(fonts), colours), "width": width, **_body(chart, colours, room)}


def _common(font: str, colours: Colours) -> dict[str, Any]:
    axis = {"labelColor": INK, "titleColor": INK, "gridColor": GRID, "domainColor": AXIS,
            "tickColor": AXIS, "labelFontSize": TEXT_PX, "titleFontSize": TEXT_PX,
            "titleFontWeight": "normal", "labelLimit": 260, "titleLimit": 500}  # fmt: skip
    legend = {"orient": "top", "title": None, "labelFontSize": TEXT_PX, "labelLimit": LABEL_PX,
              "symbolType": "stroke", "labelColor": INK}  # fmt: skip
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "autosize": {"type": "fit-x", "contains": "padding"},
        "background": None,
        "padding": 4,
        "config": {
            "font": font,
            "lineBreak": "\n",
            "view": {"stroke": None},
            "axis": axis,
            "axisX": {"tickCount": {"expr": "ceil(width / 80)"}},
            "legend": legend,
            "range": {"category": list(colours)},
        },
    }


def _body(chart: Chart, colours: Colours, room: int) -> dict[str, Any]:
    match chart:
        case LineChart():
            return (_areas if chart.stacked else _lines)(chart, colours, room)
        case BarChart():
            return _bars(chart, colours, room)
        case BridgeChart():
            return _bridge(chart, colours)
        case Histogram():
            return _histogram(chart, colours)


def _quantity(field: str, title: str, **scale: Any) -> dict[str, Any]:
    return {
        "field": field, "type": "quantitative", "title": title, "scale": {"nice": True} | scale,
    }  # fmt: skip


def _order(names: list[str], colours: Colours, room: int, symbol: str = "stroke") -> dict[str, Any]:
    """Colour by series in the given order; the legend has as many columns as fit in `room`."""
    scale = {"domain": names, "range": [colours[i % len(colours)] for i in range(len(names))]}
    widest = min(LABEL_PX, max(map(width_em, names), default=0.0) * TEXT_PX) + SYMBOL_PX
    columns = max(1, math.floor(room / widest))
    shown = {"symbolType": symbol, "columns": columns} if len(names) > 1 else None
    return {"field": "series", "type": "nominal", "scale": scale, "legend": shown}


def _lines(chart: LineChart, colours: Colours, room: int) -> dict[str, Any]:
    names = [line.name for line in chart.lines]
    rows = _line_rows(chart)
    kind = {"type": "log"} if chart.logarithmic else {"zero": False}
    x = _quantity("x", chart.x_title, **kind, nice=False)
    y = _quantity("y", chart.y_title, **kind, nice=not chart.logarithmic)
    if chart.logarithmic:
        short = "replace(format(datum.value, '~s'), 'G', 'B')"
        x["axis"] = {"labelExpr": short, "values": _decades(row["x"] for row in rows)}
        y["axis"] = {"format": "~g", "values": _decades(row["y"] for row in rows)}
    colour = _order(names, colours, room - AXIS_PX)
    strokes = tuple(DASHES.values())
    dashes = {"domain": names, "range": [strokes[i % len(strokes)] for i in range(len(names))]}
    dash = colour | {"scale": dashes}
    encoding = {"x": x, "y": y, "color": colour, "strokeDash": dash}
    line = {"mark": {"type": "line", "strokeWidth": 2}, "encoding": encoding}
    layers = [line, *_marks(chart), _points(chart, x, y, colour)]
    if any("low" in row for row in rows):
        low = _quantity("low", chart.y_title)
        band = {"x": x, "y": low, "y2": {"field": "high"}, "color": colour}
        layers.insert(0, {"mark": {"type": "area", "opacity": 0.2}, "encoding": band})
    if not chart.logarithmic:
        zero = {"mark": {"type": "rule", "color": AXIS}, "encoding": {"y": {"datum": 0}}}
        layers.insert(0, zero)
    return {"height": HEIGHT, "data": {"values": rows}, "layer": layers}


def _points(
    chart: LineChart, x: dict[str, Any], y: dict[str, Any], colour: dict[str, Any]
) -> dict[str, Any]:
    """Unseen points that say their values when pointed at: base, median and range."""
    shown = [_tip("x", chart.x_title), _tip("y", chart.y_title)]
    shown += [
        _tip(key, name) for key, name in RANGE if any(key in row for row in _line_rows(chart))
    ]
    if len(chart.lines) > 1:
        shown.insert(0, _tip("series", ""))
    if len(chart.lines) == 1 and not chart.logarithmic:
        wide = {"type": "rule", "opacity": 0, "strokeWidth": WIDTH / max(1, len(chart.x))}
        return {"mark": wide, "encoding": {"x": x, "tooltip": shown}}
    unseen = {"type": "point", "opacity": 0, "size": 300, "filled": True}
    return {"mark": unseen, "encoding": {"x": x, "y": y, "color": colour, "tooltip": shown}}


def _tip(field: str, title: str) -> dict[str, Any]:
    """One line of what is said when a mark is pointed at."""
    words = {"type": "nominal"} if field in ("series", "category", "name", "shown") else {
        "type": "quantitative", "format": ".4~s"}  # fmt: skip
    return {"field": field, "title": title, **words}


def _line_rows(chart: LineChart) -> list[dict[str, Any]]:
    """Points of all lines, without those that a logarithmic axis can't show."""
    return [
        {"x": x, "y": y, "series": line.name}
        | ({"low": line.low[i], "high": line.high[i]} if line.low and line.high else {})
        | ({"middle": line.middle[i]} if line.middle else {})
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
    rule = {"mark": {"type": "rule", "strokeDash": [2, 2], "color": QUIET}, "encoding": where}
    return [{"data": data, **rule}]


def _areas(chart: LineChart, colours: Colours, room: int) -> dict[str, Any]:
    names = [line.name for line in chart.lines]
    rows = [
        {"x": x, "y": y, "series": line.name, "place": place}
        for place, line in enumerate(chart.lines)
        for x, y in zip(chart.x, line.y, strict=True)
    ]
    y = _quantity("y", chart.y_title) | {"stack": "zero"}
    x = _quantity("x", chart.x_title)
    x["scale"]["nice"] = False
    colour = _order(names, colours, room - AXIS_PX, "square")
    tips = [_tip("series", ""), _tip("x", chart.x_title), _tip("y", chart.y_title)]
    order = {"field": "place", "type": "quantitative"}
    encoding = {"x": x, "y": y, "color": colour, "order": order, "tooltip": tips}
    return {"height": HEIGHT, "data": {"values": rows}, "mark": {"type": "area"},
            "encoding": encoding}  # fmt: skip


def _bars(chart: BarChart, colours: Colours, room: int) -> dict[str, Any]:
    names = [bars.name for bars in chart.series]
    rows, categories = [], chart.names("\n")
    for bars in chart.series:
        for i, (category, value) in enumerate(zip(categories, bars.values, strict=True)):
            row: dict[str, Any] = {"category": category, "value": value, "series": bars.name}
            if bars.low and bars.high and bars.low[i] is not None and bars.high[i] is not None:
                row |= {"low": bars.low[i], "high": bars.high[i]}
            rows.append(row)
    y = {"field": "category", "type": "nominal", "sort": None, "title": None,
         "axis": {"labelLimit": NAMES_PX, "ticks": False}}  # fmt: skip
    widest = max(map(width_em, (*chart.categories, *chart.details)), default=0.0)
    taken = min(NAMES_PX, widest * TEXT_PX)
    colour = _order(names, colours, room - math.ceil(taken), "square")
    tips = [_tip("category", ""), _tip("series", ""), _tip("value", chart.value_title)]
    x = _quantity("value", chart.value_title) | {"stack": None, "axis": AT_END}
    bar = {"mark": {"type": "bar", "height": {"band": 0.7}},
           "encoding": {"y": y, "color": colour, "tooltip": tips,
                        "x": x}}  # fmt: skip
    layers: list[dict[str, Any]] = [bar]
    if any("low" in row for row in rows):
        span = {"y": y, "x": _quantity("low", chart.value_title), "x2": {"field": "high"}}
        layers.append({"mark": {"type": "rule", "color": INK}, "encoding": span})
    height = (TWO_LINES if chart.details else ROW) * len(set(categories)) + 10
    return {"height": height, "data": {"values": rows}, "layer": layers}


def _bridge(chart: BridgeChart, colours: Colours) -> dict[str, Any]:
    """Bars that hang between where a step starts and ends, their amounts beside the names."""
    rows = [
        {"name": f"{name}  {shown}", "start": start, "end": end,
         "kind": 2 if total and amount >= 0 else 0 if amount >= 0 else 1}
        for name, shown, amount, total, (start, end) in zip(
            chart.names, chart.shown, chart.amounts, chart.totals, chart.spans(), strict=True
        )
    ]  # fmt: skip
    y = {"field": "name", "type": "nominal", "sort": None, "title": None,
         "axis": {"labelLimit": NAMES_PX, "ticks": False}}  # fmt: skip
    scale = {"domain": [0, 1, 2], "range": [colours[i % len(colours)] for i in range(3)]}
    colour = {"field": "kind", "type": "nominal", "scale": scale, "legend": None}
    x = _quantity("start", chart.value_title) | {"axis": AT_END}
    bar = {"mark": {"type": "bar", "height": {"band": 0.7}},
           "encoding": {"y": y, "x": x, "x2": {"field": "end"}, "color": colour,
                        "tooltip": [_tip("name", "")]}}  # fmt: skip
    zero = {"mark": {"type": "rule", "color": AXIS}, "encoding": {"x": {"datum": 0}}}
    return {"height": ROW * len(rows) + 10, "data": {"values": rows}, "layer": [bar, zero]}


def _histogram(chart: Histogram, colours: Colours) -> dict[str, Any]:
    rows = [
        {"low": low, "high": high, "share": share, "loss": (low + high) / 2 < 0}
        for low, high, share in zip(chart.edges, chart.edges[1:], chart.shares, strict=False)
    ]
    colour = {"condition": {"test": "datum.loss", "value": colours[1]}, "value": colours[0]}
    encoding = {
        "x": _quantity("low", chart.x_title) | {"bin": {"binned": True}},
        "x2": {"field": "high"},
        "y": _quantity("share", chart.y_title),
        "color": colour,
        "tooltip": [_tip("low", chart.x_title), _tip("high", ""), _tip("share", chart.y_title)],
    }
    return {"height": HEIGHT, "data": {"values": rows}, "mark": "bar", "encoding": encoding}
