"""The Inputs sheet: every driver in a named cell, with unit, range, basis and source.

What moves the result most stands first, with three cases that the choice on the summary switches
between; then what the plan uses; then all other drivers, folded.
"""

from __future__ import annotations

from xlsxwriter.utility import xl_rowcol_to_cell

from modelworth.costmodel.analysis import DriverUse
from modelworth.costmodel.business.settled import BASIS, STATED
from modelworth.costmodel.scenario.drivers import ANCHORS, FOLLOWS
from modelworth.report.formats.sheets.book import INPUTS_FIRST_ROW, Input
from modelworth.report.formats.sheets.excel_formula import FIRST_COLUMN, HORIZON, RATE
from modelworth.report.formats.sheets.sheet import CASE, Paper, is_money, pattern
from modelworth.report.said import UNLIMITED
from modelworth.report.sections.evidence import age, distribution, source

WIDTHS = [("A:A", 46.0), ("B:B", 16.0), ("C:C", 24.0), ("D:F", 12.0), ("G:G", 24.0),
          ("H:H", 13.0), ("I:I", 44.0), ("J:J", 8.0), ("K:K", 16.0), ("L:L", 70.0)]  # fmt: skip
VALUE, LOW, BASE, HIGH, LAST_PRINTED, SOURCE = 1, 3, 4, 5, 7, 11


def write_inputs(paper: Paper) -> None:
    """The whole sheet."""
    t = paper.t
    note = t("inputs.note", currency=paper.context.words.currency)
    if paper.context.analysis.predictions or paper.context.analysis.measurements:
        note += " " + t("inputs.predicted")
    paper.begin(t("sheet.inputs"), note, WIDTHS)
    heads = ["driver", "value", "unit", "low", "default", "high", "distribution", "basis", "key",
             "quality", "age", "source"]  # fmt: skip
    paper.heads(INPUTS_FIRST_ROW - 1, [t(f"column.{head}") for head in heads])
    _horizon(paper)
    group, folded = "", False
    for given in paper.plan.inputs:
        if (given.group, given.folded) != (group, folded):
            if given.folded and not folded:
                paper.text(given.row - 2, 0, t("inputs.unused"), "group")
            _group(paper, given)
            group, folded = given.group, given.folded
        if given.folded:
            paper.sheet.set_row(given.row, None, None, {"level": 1, "hidden": True})
        _driver(paper, given, paper.context.analysis.drivers[given.key])
    _monthly(paper)
    paper.sheet.outline_settings(True, False)  # the sign to unfold stands above
    paper.sheet.freeze_panes(INPUTS_FIRST_ROW, 1)
    paper.sheet.repeat_rows(INPUTS_FIRST_ROW - 1)
    last = max((given.row for given in paper.plan.inputs), default=INPUTS_FIRST_ROW)
    paper.sheet.print_area(0, 0, last, LAST_PRINTED)


def _group(paper: Paper, given: Input) -> None:
    """The head of a group; that of the cases names their columns."""
    row = given.row - 1
    if given.folded:
        paper.sheet.set_row(row, None, None, {"level": 1, "hidden": True})
    if given.group != "cases":
        paper.text(row, 0, paper.t(f"group.{given.group}"), "group")
        return
    paper.text(row, 0, paper.t("inputs.cases"), "group")
    for column, name in ((LOW, "low"), (BASE, "base"), (HIGH, "high")):
        paper.text(row, column, paper.t(f"case.{name}"), "head")


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
    if given.group == "cases":
        _case(paper, given, use)
    else:
        _value(paper, given, use)
    _range(paper, given, use)
    paper.text(row, 6, distribution(context, use.distribution, use.unit))
    paper.text(row, 7, paper.t(f"basis.{use.basis}"))
    paper.text(row, 8, given.key, "quiet")
    paper.text(row, 9, use.quality or "")
    paper.text(row, 10, age(context, use))
    paper.text(row, SOURCE, source(context, use.source))
    meaning = paper.plan.driver(given.key)
    if meaning and context.words.language == "en":
        paper.note(row, 0, f"{meaning.meaning}. {source(context, use.source)}")


def _range(paper: Paper, given: Input, use: DriverUse) -> None:
    """Unit, plausible low and high, and default; a choice has none but its words."""
    known, row = paper.plan.driver(use.key), given.row
    if known and known.kind in ("choice", "switch"):
        paper.text(row, 2, ", ".join(known.choices) or "0, 1", "unit")
        return
    paper.text(row, 2, paper.context.words.unit(use.unit), "unit")
    if given.group == "cases":
        return
    for column, number in ((LOW, use.low), (BASE, use.default), (HIGH, use.high)):
        if number is not None:
            paper.number(row, column, number, use.unit, use.low, use.high)


def _case(paper: Paper, given: Input, use: DriverUse) -> None:
    """Three cells to set, and the one that formulas read: whichever the chosen case names."""
    row, case = given.row, paper.plan.cases[given.key]
    cells = {column: xl_rowcol_to_cell(row, column) for column in (LOW, BASE, HIGH)}
    for column, value in ((LOW, case.low), (BASE, use.value), (HIGH, case.high)):
        _entry(paper, given, use, row, column, value)
    low, high = (f'{CASE}="{paper.t(f"case.{name}")}"' for name in ("low", "high"))
    formula = f"=IF({low},{cells[LOW]},IF({high},{cells[HIGH]},{cells[BASE]}))"
    paper.formula(row, VALUE, formula, paper.style(use.unit, use.value), use.value, use.unit)
    _name(paper, given.key, row)


def _value(paper: Paper, given: Input, use: DriverUse) -> None:
    """The cell that formulas read: a number, a word of a choice, or where a row by month is."""
    row, known = given.row, paper.plan.driver(given.key)
    kind = known.kind if known else "number"
    if kind == "monthly":
        where = paper.plan.layout.monthly[given.key].row + 1
        paper.text(row, VALUE, paper.t("inputs.by_month", row=where), "note")
        return
    _entry(paper, given, use, row, VALUE, use.value)
    _name(paper, given.key, row)


def _entry(paper: Paper, given: Input, use: DriverUse, row: int, column: int, value: float) -> None:
    """A cell to set, with what it may hold."""
    known = paper.plan.driver(given.key)
    kind = known.kind if known else "number"
    if kind == "choice" and known:
        word, style, formula = known.word(value), paper.styles["word_entry"], _acquired(paper, use)
        if formula:
            paper.formula(row, column, formula, style, word)
        else:
            paper.sheet.write_string(row, column, word, style)
        rule = {"validate": "list", "source": list(known.choices)}
    elif kind == "switch":
        paper.sheet.write_number(row, column, value, paper.styles["count_entry"])
        rule = {"validate": "list", "source": [0, 1]}
    else:
        formula = followed(paper, use) if column in (VALUE, BASE) else None
        _put(paper, row, column, use.unit, value, formula=formula)
        rate = paper.context.analysis.usd_per_currency if is_money(use.unit) else 1.0
        low = known.minimum / rate if known and known.minimum is not None else -1e30
        high = known.maximum / rate if known and known.maximum is not None else 1e30
        rule = {"validate": "decimal", "criteria": "between", "minimum": low, "maximum": high}
    paper.sheet.data_validation(row, column, row, column, rule)


def _put(
    paper: Paper, row: int, column: int, unit: str, value: float, largest: float | None = None,
    formula: str | None = None,
) -> None:  # fmt: skip
    """A number to set, or the formula that gives it."""
    size = abs(paper.own(value if largest is None else largest, unit))
    style = paper.styles[f"{pattern(unit, size)}_entry"]
    if formula := formula or converted(paper, unit, value):
        paper.formula(row, column, formula, style, value, unit)
    else:
        paper.sheet.write_number(row, column, value, style)


def converted(paper: Paper, unit: str, value: float) -> str | None:
    """An amount that the plan states in USD, over the rate; None where there is none to divide by.

    What stands for no limit isn't an amount.
    """
    rate = paper.context.analysis.usd_per_currency
    if rate == 1 or not value or not is_money(unit) or abs(value) >= UNLIMITED:
        return None
    return f"={value:.15g}/{RATE}"


def followed(paper: Paper, use: DriverUse) -> str | None:
    """The formula of a driver that takes another's value until it is given one of its own.

    The price at which volume holds stays: when the own price is changed, demand answers it, as it
    does to `--set`.
    """
    target = FOLLOWS.get(use.key)
    if use.changed or target not in paper.context.analysis.drivers:
        return None
    if use.key in ANCHORS.values():
        return None
    return f"={target}"


def _acquired(paper: Paper, use: DriverUse) -> str | None:
    """How winning customers is paid, as `settled` has it: as stated once a cost is set."""
    drivers = paper.context.analysis.drivers
    if use.key != BASIS or use.changed or not all(key in drivers for key in STATED):
        return None
    known = paper.plan.driver(BASIS)
    if known is None or known.word(use.value) != "revenue":
        return None
    known_costs = {key: drivers[key] for key in STATED}
    stated = ",".join(
        f"{key}<>{(converted(paper, one.unit, one.value) or f'={one.value!r}')[1:]}"
        for key, one in known_costs.items()
    )
    return f'=IF(OR({stated}),"{known.word(known.default)}","revenue")'


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
        use = paper.context.analysis.drivers[key]
        values = use.by_month or (use.value,)
        unit = use.unit
        paper.text(place.row, 0, paper.context.name(key))
        paper.text(place.row, 1, paper.context.words.unit(unit))
        paper.text(place.row, 2, key, "quiet")
        for month in months:
            value = values[min(max(month - 1, 0), len(values) - 1)]
            _put(paper, place.row, FIRST_COLUMN + month, unit, value, max(map(abs, values)))
