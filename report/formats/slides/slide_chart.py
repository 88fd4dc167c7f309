"""Charts of a presentation: native ones, whose numbers a reader can edit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lxml import etree
from pptx.chart.chart import Chart as NativeChart
from pptx.chart.data import CategoryChartData, XyChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import XL_CHART_TYPE, XL_LEGEND_POSITION, XL_TICK_LABEL_POSITION
from pptx.enum.dml import MSO_LINE
from pptx.oxml.ns import qn
from pptx.shapes.shapetree import SlideShapes
from pptx.util import Inches, Pt

from modelworth.report.palette import AXIS, GRID, dash
from modelworth.report.sections.blocks import (
    BarChart,
    BridgeChart,
    Chart,
    Histogram,
    LineChart,
)
from modelworth.report.text_fit import width_em

STROKES = {
    "solid": MSO_LINE.SOLID, "dash": MSO_LINE.DASH, "dot": MSO_LINE.ROUND_DOT,
    "dashdot": MSO_LINE.DASH_DOT, "longdash": MSO_LINE.LONG_DASH,
    "longdashdot": MSO_LINE.LONG_DASH_DOT,
}  # fmt: skip
TEXT_PT = 13
MOST_NAMES_SHARE = 0.5  # of a bar chart's width, for the names of its bars
Box = tuple[float, float, float, float]
Colours = Sequence[str]


def add_chart(shapes: SlideShapes, chart: Chart, box: Box, colours: Colours) -> Any:
    """Draw the chart natively in `box` (left, top, width, height in inches); its frame."""
    match chart:
        case LineChart():
            frame = (_areas if chart.stacked else _lines)(shapes, chart, box, colours)
        case BarChart():
            frame = _bars(shapes, chart, box, colours)
        case BridgeChart():
            frame = _bridge(shapes, chart, box, colours)
        case Histogram():
            frame = _histogram(shapes, chart, box, colours)
    frame.chart.has_title = False
    for number in frame.chart._chartSpace.iter(qn("c:axId"), qn("c:crossAx")):
        number.set("val", number.get("val").lstrip("-"))  # the schema wants it unsigned
    return frame


def colour(colours: Colours, index: int) -> str:
    """Colour of the series with this number."""
    return colours[index % len(colours)]


def rgb(hexadecimal: str) -> RGBColor:
    """A colour as the library wants it."""
    return RGBColor.from_string(hexadecimal.removeprefix("#").upper())


def _place(shapes: SlideShapes, kind: XL_CHART_TYPE, box: Box, data: Any) -> Any:
    frame: Any = shapes.add_chart(kind, *(Inches(side) for side in box), data)
    native: NativeChart = frame.chart
    native.font.size = Pt(TEXT_PT)
    native.has_legend = len(native.plots[0].series) > 1
    if native.has_legend:
        native.legend.position = XL_LEGEND_POSITION.BOTTOM
        native.legend.include_in_layout = False
        native.legend.font.size = Pt(TEXT_PT)
    return frame


def _by_name(
    shapes: SlideShapes, kind: XL_CHART_TYPE, box: Box, names: Sequence[str],
    rows: Sequence[tuple[str, Sequence[float | None]]],
) -> Any:  # fmt: skip
    """A chart with a value for each name; the axis of level bars starts at the bottom."""
    data = CategoryChartData()
    data.categories = names
    for name, values in rows:
        data.add_series(name, values)
    return _place(shapes, kind, box, data)


def _axis_titles(native: NativeChart, across: str, up: str) -> None:
    for axis, title in ((native.category_axis, across), (native.value_axis, up)):
        axis.has_title = bool(title)
        if title:
            axis.axis_title.text_frame.text = title
            axis.axis_title.text_frame.paragraphs[0].font.size = Pt(TEXT_PT)
            axis.axis_title.text_frame.paragraphs[0].font.bold = False
        axis.format.line.color.rgb = rgb(AXIS)
        axis.tick_label_position = XL_TICK_LABEL_POSITION.LOW
        axis.tick_labels.font.size = Pt(TEXT_PT)
    native.value_axis.major_gridlines.format.line.color.rgb = rgb(GRID)
    native.category_axis.has_major_gridlines = False


def _lines(shapes: SlideShapes, chart: LineChart, box: Box, colours: Colours) -> Any:
    data = XyChartData()
    styles: list[tuple[str, MSO_LINE, float]] = []
    for index, line in enumerate(chart.lines):
        edges = [("P90", line.high), ("P10", line.low)]
        rows = [(line.name, line.y, 2.5), *((name, y, 1.25) for name, y in edges if y)]
        for name, y, weight in rows:
            series = data.add_series(name)
            for x, value in zip(chart.x, y, strict=True):
                if not chart.logarithmic or (x > 0 and value > 0):
                    series.add_data_point(x, value)
            main = weight > 2
            stroke = STROKES[dash(index)] if main else MSO_LINE.DASH
            styles.append((colour(colours, index), stroke, weight))
    frame = _place(shapes, XL_CHART_TYPE.XY_SCATTER_LINES_NO_MARKERS, box, data)
    native = frame.chart
    for series, (shade, stroke, weight) in zip(native.plots[0].series, styles, strict=True):
        series.smooth = False
        series.format.line.color.rgb = rgb(shade)
        series.format.line.width = Pt(weight)
        series.format.line.dash_style = stroke
    _axis_titles(native, chart.x_title, chart.y_title)
    if chart.logarithmic:
        _logarithmic(native)
    else:
        native.category_axis.minimum_scale = min(chart.x)
        native.category_axis.maximum_scale = max(chart.x)
    return frame


def _logarithmic(native: NativeChart) -> None:
    for axis in (native.category_axis, native.value_axis):
        scaling = axis._element.find(qn("c:scaling"))
        base = etree.SubElement(scaling, qn("c:logBase"))
        base.set("val", "10")
        scaling.insert(0, base)
        axis.tick_labels.number_format = "0E+0" if axis is native.category_axis else "General"
        axis.tick_labels.number_format_is_linked = False


def _areas(shapes: SlideShapes, chart: LineChart, box: Box, colours: Colours) -> Any:
    rows = [(line.name, line.y) for line in chart.lines]
    names = [f"{x:g}" for x in chart.x]
    frame = _by_name(shapes, XL_CHART_TYPE.AREA_STACKED, box, names, rows)
    native = frame.chart
    _fill(native, colours)
    _axis_titles(native, chart.x_title, chart.y_title)
    _label_every(native, max(1, len(chart.x) // 12))
    return frame


def _label_every(native: NativeChart, step: int) -> None:
    """Label only some of the categories."""
    axis = native.category_axis._element
    for tag in ("c:tickLblSkip", "c:tickMarkSkip"):
        for old in axis.findall(qn(tag)):
            axis.remove(old)
        skip = etree.Element(qn(tag))
        skip.set("val", str(step))
        axis.find(qn("c:noMultiLvlLbl")).addprevious(skip)


def _bars(shapes: SlideShapes, chart: BarChart, box: Box, colours: Colours) -> Any:
    names = chart.names(" ")
    rows = [(bars.name, bars.values[::-1]) for bars in chart.series]
    frame = _by_name(shapes, XL_CHART_TYPE.BAR_CLUSTERED, box, names[::-1], rows)
    native = frame.chart
    plot: Any = native.plots[0]
    plot.overlap, plot.gap_width = 100, 45
    _fill(native, colours)
    _axis_titles(native, "", chart.value_title)
    _room_for_names(native, names, box[2])
    return frame


def _bridge(shapes: SlideShapes, chart: BridgeChart, box: Box, colours: Colours) -> Any:
    """Bars that hang between where a step starts and ends: stacked on one without a fill."""
    names = [f"{name}  {text}" for name, text in zip(chart.names, chart.shown, strict=True)]
    spans = [(min(ends), max(ends)) for ends in chart.spans()][::-1]
    rows = [
        ("0", [max(low, 0) or min(high, 0) for low, high in spans]),
        ("+", [max(high, 0) - max(low, 0) for low, high in spans]),
        ("-", [min(low, 0) - min(high, 0) for low, high in spans]),
    ]
    frame = _by_name(shapes, XL_CHART_TYPE.BAR_STACKED, box, names[::-1], rows)
    native = frame.chart
    native.has_legend = False
    plot: Any = native.plots[0]
    plot.overlap, plot.gap_width = 100, 40
    plot.series[0].format.fill.background()
    kinds = list(zip(chart.totals, chart.amounts, strict=True))[::-1]
    for series in list(plot.series)[1:]:
        series.invert_if_negative = False
        for index, (total, amount) in enumerate(kinds):
            fill = series.points[index].format.fill
            fill.solid()
            shade = colour(colours, 0 if amount >= 0 else 1)
            fill.fore_color.rgb = rgb(shade if not total or amount < 0 else colour(colours, 2))
    _axis_titles(native, "", chart.value_title)
    _room_for_names(native, names, box[2])
    return frame


def _room_for_names(native: NativeChart, names: Sequence[str], width_in: float) -> None:
    """Fix the plot's place, so that names of bars have room and programs don't cut them."""
    longest = max(map(width_em, names), default=0.0) * TEXT_PT / 72 + 0.3
    share = min(MOST_NAMES_SHARE, longest / width_in)
    area = native._chartSpace.chart.plotArea
    for old in area.findall(qn("c:layout")):
        area.remove(old)
    layout = etree.Element(qn("c:layout"))
    manual = etree.SubElement(layout, qn("c:manualLayout"))
    height = 0.72 if native.has_legend else 0.82
    values = {"layoutTarget": "inner", "xMode": "edge", "yMode": "edge", "x": round(share, 4),
              "y": 0.01, "w": round(0.97 - share, 4), "h": height}  # fmt: skip
    for tag, value in values.items():
        etree.SubElement(manual, qn(f"c:{tag}")).set("val", str(value))
    area.insert(0, layout)


def _histogram(shapes: SlideShapes, chart: Histogram, box: Box, colours: Colours) -> Any:
    middles = [(low + high) / 2 for low, high in zip(chart.edges, chart.edges[1:], strict=False)]
    names, rows = [_short(middle) for middle in middles], [(chart.y_title, chart.shares)]
    frame = _by_name(shapes, XL_CHART_TYPE.COLUMN_CLUSTERED, box, names, rows)
    native = frame.chart
    plot: Any = native.plots[0]
    plot.gap_width = 4
    _label_every(native, max(1, len(middles) // 8))
    _fill(native, colours)
    for index, middle in enumerate(middles):
        if middle < 0:
            point = plot.series[0].points[index]
            point.format.fill.solid()
            point.format.fill.fore_color.rgb = rgb(colour(colours, 1))
    _axis_titles(native, chart.x_title, chart.y_title)
    return frame


def _short(value: float) -> str:
    """A number as an axis shows it, with a sign that doesn't break from it."""
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return text.replace("-", "−")


def _fill(native: NativeChart, colours: Colours) -> None:
    for index, series in enumerate(native.plots[0].series):
        series.format.fill.solid()
        series.format.fill.fore_color.rgb = rgb(colour(colours, index))
        if hasattr(series, "invert_if_negative"):
            series.invert_if_negative = False
