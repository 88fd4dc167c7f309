"""Charts of a presentation: native ones, whose numbers a reader can edit."""

from __future__ import annotations

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

from modelworth.report.charts.plotly_pen import colour
from modelworth.report.sections.blocks import AreaChart, BarChart, Chart, Histogram, LineChart

GREY = "#9aa5b1"
DASHES = (MSO_LINE.SOLID, MSO_LINE.DASH, MSO_LINE.ROUND_DOT, MSO_LINE.DASH_DOT,
          MSO_LINE.LONG_DASH, MSO_LINE.LONG_DASH_DOT)  # fmt: skip
Box = tuple[float, float, float, float]


def add_chart(shapes: SlideShapes, chart: Chart, box: Box) -> None:
    """Draw the chart natively in `box` (left, top, width, height in inches)."""
    match chart:
        case LineChart():
            native = _lines(shapes, chart, box)
        case AreaChart():
            native = _areas(shapes, chart, box)
        case BarChart():
            native = _bars(shapes, chart, box)
        case Histogram():
            native = _histogram(shapes, chart, box)
    native.font.size = Pt(11)
    native.has_title = False


def rgb(hexadecimal: str) -> RGBColor:
    """A colour as the library wants it."""
    return RGBColor.from_string(hexadecimal.removeprefix("#").upper())


def _place(shapes: SlideShapes, kind: XL_CHART_TYPE, box: Box, data: Any) -> NativeChart:
    frame = shapes.add_chart(kind, *(Inches(side) for side in box), data)
    native: NativeChart = frame.chart  # type: ignore[attr-defined]
    native.has_legend = len(native.plots[0].series) > 1
    if native.has_legend:
        native.legend.position = XL_LEGEND_POSITION.BOTTOM
        native.legend.include_in_layout = False
        native.legend.font.size = Pt(10)
    return native


def _axis_titles(native: NativeChart, across: str, up: str) -> None:
    for axis, title in ((native.category_axis, across), (native.value_axis, up)):
        axis.has_title = bool(title)
        if title:
            axis.axis_title.text_frame.text = title
            axis.axis_title.text_frame.paragraphs[0].font.size = Pt(11)
            axis.axis_title.text_frame.paragraphs[0].font.bold = False
        axis.format.line.color.rgb = rgb(GREY)
        axis.tick_label_position = XL_TICK_LABEL_POSITION.LOW
        axis.tick_labels.font.size = Pt(11)
    native.value_axis.major_gridlines.format.line.color.rgb = rgb("#e5e7eb")
    native.category_axis.has_major_gridlines = False


def _lines(shapes: SlideShapes, chart: LineChart, box: Box) -> NativeChart:
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
            dash = DASHES[index % len(DASHES)] if main else MSO_LINE.DASH
            styles.append((colour(index), dash, weight))
    native = _place(shapes, XL_CHART_TYPE.XY_SCATTER_LINES_NO_MARKERS, box, data)
    for series, (shade, dash, weight) in zip(native.plots[0].series, styles, strict=True):
        series.smooth = False
        series.format.line.color.rgb = rgb(shade)
        series.format.line.width = Pt(weight)
        series.format.line.dash_style = dash
    _axis_titles(native, chart.x_title, chart.y_title)
    if chart.logarithmic:
        _logarithmic(native)
    else:
        native.category_axis.minimum_scale = min(chart.x)
        native.category_axis.maximum_scale = max(chart.x)
    return native


def _logarithmic(native: NativeChart) -> None:
    for axis in (native.category_axis, native.value_axis):
        scaling = axis._element.find(qn("c:scaling"))
        base = etree.SubElement(scaling, qn("c:logBase"))
        base.set("val", "10")
        scaling.insert(0, base)
        axis.tick_labels.number_format = "0E+0" if axis is native.category_axis else "General"
        axis.tick_labels.number_format_is_linked = False


def _areas(shapes: SlideShapes, chart: AreaChart, box: Box) -> NativeChart:
    data = CategoryChartData()
    data.categories = [f"{x:g}" for x in chart.x]
    for line in chart.lines:
        data.add_series(line.name, line.y)
    native = _place(shapes, XL_CHART_TYPE.AREA_STACKED, box, data)
    _fill(native)
    _axis_titles(native, chart.x_title, chart.y_title)
    _label_every(native, max(1, len(chart.x) // 12))
    return native


def _label_every(native: NativeChart, step: int) -> None:
    """Label only some of the categories."""
    axis = native.category_axis._element
    for tag in ("c:tickLblSkip", "c:tickMarkSkip"):
        for old in axis.findall(qn(tag)):
            axis.remove(old)
        skip = etree.Element(qn(tag))
        skip.set("val", str(step))
        axis.find(qn("c:noMultiLvlLbl")).addprevious(skip)


def _bars(shapes: SlideShapes, chart: BarChart, box: Box) -> NativeChart:
    left, top, width, height = box
    box = (left, top, width, min(height, 1.1 + 0.55 * len(chart.categories)))
    data = CategoryChartData()
    data.categories = chart.categories[::-1]  # the axis starts at the bottom
    for bars in chart.series:
        data.add_series(bars.name, bars.values[::-1])
    native = _place(shapes, XL_CHART_TYPE.BAR_CLUSTERED, box, data)
    plot: Any = native.plots[0]
    plot.overlap, plot.gap_width = 100, 45
    _fill(native)
    _axis_titles(native, "", chart.value_title)
    return native


def _histogram(shapes: SlideShapes, chart: Histogram, box: Box) -> NativeChart:
    data = CategoryChartData()
    middles = [(low + high) / 2 for low, high in zip(chart.edges, chart.edges[1:], strict=False)]
    data.categories = [_short(middle) for middle in middles]
    data.add_series(chart.y_title, chart.shares)
    native = _place(shapes, XL_CHART_TYPE.COLUMN_CLUSTERED, box, data)
    plot: Any = native.plots[0]
    plot.gap_width = 4
    _label_every(native, max(1, len(middles) // 8))
    _fill(native)
    for index, middle in enumerate(middles):
        if middle < 0:
            point = plot.series[0].points[index]
            point.format.fill.solid()
            point.format.fill.fore_color.rgb = rgb(colour(1))
    _axis_titles(native, chart.x_title, chart.y_title)
    return native


def _short(value: float) -> str:
    """A number as an axis shows it, with a sign that doesn't break from it."""
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return text.replace("-", "−")


def _fill(native: NativeChart) -> None:
    for index, series in enumerate(native.plots[0].series):
        series.format.fill.solid()
        series.format.fill.fore_color.rgb = rgb(colour(index))
        if hasattr(series, "invert_if_negative"):
            series.invert_if_negative = False
