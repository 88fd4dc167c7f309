"""The sheets of monthly lines: a formula in every cell, months across."""

from __future__ import annotations

from modelworth.report import said
from modelworth.report.formats.sheets.book import FIRST_ROW, Row
from modelworth.report.formats.sheets.excel_formula import FIRST_COLUMN, MONTH_ROW, column
from modelworth.report.formats.sheets.sheet import Paper

WIDTHS = [("A:A", 46.0), ("B:B", 18.0), ("C:C", 34.0)]
CHARTED = {
    "demand": ("requests",),
    "revenue": ("revenue_usd", "external_revenue_usd"),
    "costs": ("cost_of_revenue_usd", "operating_expense_usd", "building_usd"),
    "cash_flow": ("cash_balance_usd",),
    "capacity": ("utilisation",),
}


def write_lines(paper: Paper) -> None:
    """One sheet."""
    months = paper.context.analysis.months
    widths = [*WIDTHS, (f"{column(0)}:{column(months)}", 12.0)]
    paper.begin(paper.t(f"sheet.{paper.key}"), paper.t("lines.note"), widths)
    paper.heads(MONTH_ROW, [paper.t(f"column.{head}") for head in ("month", "unit", "key")])
    for month in range(months + 1):
        paper.sheet.write_number(MONTH_ROW, FIRST_COLUMN + month, month, paper.styles["head"])
    last = FIRST_ROW
    for section, rows in paper.plan.lines(paper.key):
        paper.text(rows[0].row - 1, 0, paper.t(f"group.{section}"), "group")
        for row in rows:
            _line(paper, row)
            if row.key not in paper.plan.used.lines:
                paper.sheet.set_row(row.row, None, None, {"level": 1, "hidden": True})
        last = rows[-1].row
    paper.sheet.outline_settings(True, False)
    paper.sheet.freeze_panes(MONTH_ROW + 1, FIRST_COLUMN)
    paper.sheet.repeat_rows(MONTH_ROW)
    paper.sheet.repeat_columns(0, 1)
    paper.sheet.fit_to_pages(2, 0)
    _chart(paper, last + 3)


def _line(paper: Paper, row: Row) -> None:
    style = paper.style(row.unit, *row.values)
    paper.text(row.row, 0, paper.context.name(row.key))
    formula = paper.context.analysis.lines[row.key].formula
    paper.note(row.row, 0, f"{formula}  [{said.source(paper.context.words, row.source)}]")
    paper.text(row.row, 1, paper.context.words.unit(row.unit))
    paper.text(row.row, 2, row.key, "quiet")
    for month, (formula, value) in enumerate(zip(row.formulas, row.values, strict=True)):
        paper.formula(row.row, FIRST_COLUMN + month, formula, style, value)


def _chart(paper: Paper, row: int) -> None:
    """A native chart of the sheet's main lines, from their cells."""
    keys = [key for key in CHARTED.get(paper.key, ()) if paper.plan.has(key)]
    keys = [key for key in keys if paper.plan.layout.places[key].sheet == paper.name]
    if not keys:
        return
    chart = paper.book.add_chart({"type": "line"})
    months = paper.context.analysis.months
    last = FIRST_COLUMN + months
    for key in keys:
        place = paper.plan.layout.places[key]
        chart.add_series(
            {
                "name": paper.context.name(key),
                "categories": [paper.name, MONTH_ROW, FIRST_COLUMN, MONTH_ROW, last],
                "values": [paper.name, place.row, FIRST_COLUMN, place.row, last],
                "line": {"width": 2},
            }
        )
    unit = paper.context.words.unit(paper.context.analysis.lines[keys[0]].unit)
    chart.set_x_axis({"name": paper.t("axis.month"), "label_position": "low", "interval_unit": 6})
    chart.set_y_axis(
        {"name": unit, "major_gridlines": {"visible": True, "line": {"color": "#e5e7eb"}}}
    )
    chart.set_legend({"position": "bottom"} if len(keys) > 1 else {"none": True})
    chart.set_title({"name": ", ".join(map(paper.context.name, keys)), "name_font": {"size": 12}})
    chart.set_size({"width": 760, "height": 320})
    paper.sheet.insert_chart(row, 0, chart)
