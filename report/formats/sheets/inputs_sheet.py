"""The Inputs sheet: every driver in a named cell, with unit, range, basis and source."""

from __future__ import annotations

from xlsxwriter.utility import xl_rowcol_to_cell

from modelworth.costmodel.analysis import DriverUse
from modelworth.report.formats.sheets.book import INPUTS_FIRST_ROW, Input, monthly_values
from modelworth.report.formats.sheets.excel_formula import FIRST_COLUMN, HORIZON, RATE
from modelworth.report.formats.sheets.sheet import Paper, pattern
from modelworth.report.sections.blocks import clean
from modelworth.report.sections.evidence import age, distribution, source

WIDTHS = [("A:A", 46.0), ("B:B", 16.0), ("C:C", 24.0), ("D:F", 12.0), ("G:G", 24.0),
          ("H:H", 13.0), ("I:I", 44.0), ("J:J", 8.0), ("K:K", 16.0), ("L:L", 70.0)]  # fmt: skip
VALUE, SOURCE = 1, 11


def write_inputs(paper: Paper) -> None:
    """The whole sheet."""
    t = paper.t
    paper.begin(t("sheet.inputs"), t("inputs.note"), WIDTHS)
    heads = ["driver", "value", "unit", "low", "default", "high", "distribution", "basis", "key",
             "quality", "age", "source"]  # fmt: skip
    paper.heads(INPUTS_FIRST_ROW - 1, [t(f"column.{head}") for head in heads])
    _horizon(paper)
    section = ""
    for given in paper.plan.inputs:
        use = paper.context.analysis.drivers[given.key]
        if use.section != section:
            section = use.section
            paper.text(given.row - 1, 0, t(f"group.{section}"), "group")
        _driver(paper, given, use)
    _monthly(paper)
    paper.sheet.freeze_panes(INPUTS_FIRST_ROW, 1)
    paper.sheet.repeat_rows(INPUTS_FIRST_ROW - 1)
    last = max((given.row for given in paper.plan.inputs), default=INPUTS_FIRST_ROW)
    paper.sheet.print_area(0, 0, last, SOURCE)


def _horizon(paper: Paper) -> None:
    """Months, fixed as the sheets have a column for each; and the rate of another currency."""
    row, months = INPUTS_FIRST_ROW, paper.context.analysis.months
    paper.text(row, 0, paper.t("inputs.months"))
    paper.sheet.write_number(row, VALUE, months, paper.styles["count"])
    paper.text(row, 2, paper.context.words.unit("months"))
    paper.text(row, 8, HORIZON, "quiet")
    _name(paper, HORIZON, row)
    analysis = paper.context.analysis
    if analysis.currency != "USD":
        paper.text(row + 1, 0, paper.t("inputs.rate", currency=analysis.currency))
        rate = analysis.usd_per_currency
        paper.sheet.write_number(row + 1, VALUE, rate, paper.styles["small_entry"])
        paper.text(row + 1, 2, f"USD/{analysis.currency}", "unit")
        paper.text(row + 1, 8, RATE, "quiet")
        _name(paper, RATE, row + 1)


def _name(paper: Paper, key: str, row: int) -> None:
    cell = xl_rowcol_to_cell(row, VALUE, row_abs=True, col_abs=True)
    paper.book.define_name(key, f"='{paper.name}'!{cell}")


def _driver(paper: Paper, given: Input, use: DriverUse) -> None:
    row = given.row
    context = paper.context
    paper.text(row, 0, context.name(given.key) + (" *" if use.changed else ""))
    _value(paper, given, use)
    _range(paper, row, use)
    paper.text(row, 6, distribution(context, use.distribution, use.unit))
    paper.text(row, 7, paper.t(f"basis.{use.basis}"))
    paper.text(row, 8, given.key, "quiet")
    paper.text(row, 9, use.quality or "")
    paper.text(row, 10, age(context, use))
    paper.text(row, SOURCE, source(context, use.source))
    meaning = paper.plan.driver(given.key)
    if meaning:
        paper.note(row, 0, f"{meaning.meaning}. {source(context, use.source)}")


def _range(paper: Paper, row: int, use: DriverUse) -> None:
    """Unit, plausible low and high, and default; a choice has none but its words."""
    known = paper.plan.driver(use.key)
    if known and known.kind in ("choice", "switch"):
        paper.text(row, 2, ", ".join(known.choices) or "0, 1", "unit")
        return
    paper.text(row, 2, paper.context.words.unit(use.unit), "unit")
    for column, number in ((3, use.low), (4, use.default), (5, use.high)):
        if number is not None:
            paper.number(row, column, number, use.unit, use.low, use.high)


def _value(paper: Paper, given: Input, use: DriverUse) -> None:
    """The cell that formulas read: a number, a word of a choice, or where a row by month is."""
    row, known = given.row, paper.plan.driver(given.key)
    kind = known.kind if known else "number"
    if kind == "monthly":
        where = paper.plan.layout.monthly[given.key].row + 1
        paper.text(row, VALUE, paper.t("inputs.by_month", row=where), "note")
        return
    if kind == "choice" and known:
        word = known.word(use.value)
        paper.sheet.write_string(row, VALUE, word, paper.styles["word_entry"])
        rule = {"validate": "list", "source": list(known.choices)}
    elif kind == "switch":
        paper.sheet.write_number(row, VALUE, use.value, paper.styles["count_entry"])
        rule = {"validate": "list", "source": [0, 1]}
    else:
        shape = pattern(use.unit, abs(use.value))
        paper.sheet.write_number(row, VALUE, use.value, paper.styles[f"{shape}_entry"])
        low = known.minimum if known and known.minimum is not None else -1e30
        high = known.maximum if known and known.maximum is not None else 1e30
        rule = {"validate": "decimal", "criteria": "between", "minimum": low, "maximum": high}
    paper.sheet.data_validation(row, VALUE, row, VALUE, rule)
    _name(paper, given.key, row)


def _monthly(paper: Paper) -> None:
    """Drivers with a value for each month, in rows of their own below."""
    places = paper.plan.layout.monthly
    if not places:
        return
    head = min(place.row for place in places.values()) - 1
    months = range(paper.context.analysis.months + 1)
    paper.text(head, 0, paper.t("inputs.monthly"), "group")
    for month in months:
        paper.sheet.write_number(head, FIRST_COLUMN + month, month, paper.styles["head"])
    for key, place in places.items():
        values = monthly_values(paper.context.analysis, key)
        unit = paper.context.analysis.drivers[key].unit
        paper.text(place.row, 0, paper.context.name(key))
        paper.text(place.row, 1, clean(unit))
        paper.text(place.row, 2, key, "quiet")
        style = paper.styles[pattern(unit, max(map(abs, values))) + "_entry"]
        for month in months:
            value = values[min(max(month - 1, 0), len(values) - 1)]
            paper.sheet.write_number(place.row, FIRST_COLUMN + month, value, style)
