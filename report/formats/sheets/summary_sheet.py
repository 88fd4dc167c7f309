"""The sheet that the workbook opens on: what comes out now, by which rule, what to change first."""

from __future__ import annotations

from modelworth.costmodel.analysis import Criterion, Figure
from modelworth.report.formats.sheets.excel_formula import FIRST_COLUMN, MONTH_ROW
from modelworth.report.formats.sheets.indicators_sheet import indicator_cell, shown_value
from modelworth.report.formats.sheets.sheet import CASE, Paper
from modelworth.report.said import AT_MOST, came_out
from modelworth.report.sections import facts, titles
from modelworth.report.sections.answer import headlines, holds
from modelworth.report.sections.blocks import capital, clean

WIDTHS = [("A:A", 46.0), ("B:G", 19.0)]
CASH = "cash_balance_usd"
MOST_CHANGES = 5
CASE_ROW, FIGURES_ROW = 5, 8


def write_summary(paper: Paper) -> None:
    """The whole sheet."""
    context = paper.context
    paper.begin(clean(context.prose("name") or context.analysis.scenario), "", WIDTHS)
    paper.sheet.set_portrait()
    texts = (
        (clean(context.prose("question"), 400), "wrapped", 30),
        (capital(titles.answer(context)), "big", 40),
        (capital(titles.recommend(context)), "wrapped", 42),
        (capital(titles.would_change(context)), "wrapped", 42),
    )
    for row, (text, style, height) in enumerate(texts, 1):
        paper.sheet.merge_range(row, 0, row, 6, text, paper.styles[style])
        paper.sheet.set_row(row, height)
    _choice(paper)
    row = _figures(paper)
    row = _rule(paper, row + 1)
    row = _changes(paper, row + 1)
    if paper.plan.has(CASH):
        _chart(paper, row + 1)
    paper.sheet.print_area(0, 0, row + 18, 6)
    paper.sheet.fit_to_pages(1, 1)


def _choice(paper: Paper) -> None:
    """The drop-down that switches all cases at once, and what the plan does now in words."""
    t = paper.t
    cases = [t(f"case.{name}") for name in ("low", "base", "high")]
    paper.text(CASE_ROW, 0, t("summary.case"), "group")
    paper.sheet.write_string(CASE_ROW, 1, cases[1], paper.styles["word_entry"])
    rule = {"validate": "list", "source": cases}
    paper.sheet.data_validation(CASE_ROW, 1, CASE_ROW, 1, rule)
    paper.book.define_name(CASE, f"='{paper.name}'!$B${CASE_ROW + 1}")
    paper.text(CASE_ROW, 2, t("summary.case.note"), "note")
    npv = paper.context.analysis.indicators.get("npv_usd")
    if npv is None or facts.is_cost_question(paper.context):
        return
    earns, loses = t("summary.earns"), t("summary.loses")
    formula = f'=IF({indicator_cell(paper, "npv_usd")}>0,"{earns}","{loses}")'
    now = earns if (npv.base or 0) > 0 else loses
    paper.text(CASE_ROW + 1, 0, t("summary.now"), "group")
    paper.formula(CASE_ROW + 1, 1, formula, paper.styles["group"], now)


def _figures(paper: Paper) -> int:
    """The headline figures, live and as exported; the row after."""
    t = paper.t
    heads = ("indicator", "live", "unit", "base", "p50", "p10", "p90")
    paper.heads(FIGURES_ROW, [t(f"column.{head}") for head in heads])
    row = FIGURES_ROW + 1
    for figure in headlines(paper.context):
        _figure(paper, row, figure)
        row += 1
    paper.text(row, 0, _money(paper), "note")
    return row + 1


def _money(paper: Paper) -> str:
    """What is live and in which currency, with its rate where that isn't the dollar."""
    analysis = paper.context.analysis
    text = paper.t("summary.values", currency=analysis.currency)
    if analysis.currency == "USD":
        return text
    return (
        f"{text} {paper.t('inputs.rate', currency=analysis.currency)}: "
        f"{analysis.usd_per_currency:g} USD"
    )


def _figure(paper: Paper, row: int, figure: Figure) -> None:
    paper.text(row, 0, paper.context.name(figure.key))
    style = paper.style(figure.unit, figure.base, figure.p10, figure.p50, figure.p90)
    shown = shown_value(paper, figure, figure.base)
    paper.formula(row, 1, f"={indicator_cell(paper, figure.key)}", style, shown, figure.unit)
    paper.text(row, 2, paper.context.words.unit(figure.unit), "unit")
    paper.shown(row, 3, shown, figure.unit)
    for place, value in enumerate((figure.p50, figure.p10, figure.p90), 4):
        if value is not None:
            paper.shown(row, place, shown_value(paper, figure, value), figure.unit)


def _rule(paper: Paper, row: int) -> int:
    """The verdict's conditions: asked, as exported, and in the base case now where it is live."""
    t = paper.t
    paper.text(row, 0, t("summary.rule"), "group")
    heads = ("criterion", "asked", "unit", "came_out", "live", "holds")
    paper.heads(row + 1, [t(f"column.{head}") for head in heads])
    row += 2
    for one in paper.context.analysis.verdict.criteria:
        paper.text(row, 0, paper.context.name(one.key))
        paper.number(row, 1, one.threshold, one.unit)
        paper.text(row, 2, paper.context.words.unit(one.unit), "unit")
        paper.text(row, 3, came_out(paper.context.words, paper.context.analysis, one), "wrapped")
        _live(paper, row, one)
        row += 1
    return row


def _live(paper: Paper, row: int, one: Criterion) -> None:
    """The condition in the base case now; nothing where only trials can say."""
    figure = paper.context.analysis.indicators.get(one.key)
    yes, no = paper.t("yes"), paper.t("no")
    cell = indicator_cell(paper, one.key) if figure else ""
    if figure is not None and figure.base is not None:
        style = paper.style(one.unit, figure.base)
        paper.formula(row, 4, f"={cell}", style, figure.base, one.unit)
    if figure is None or figure.base is None or one.status == "waived":
        paper.text(row, 5, holds(paper.context, one))
        return
    sign = "<=" if one.key in AT_MOST else ">="
    held = figure.base <= one.threshold if sign == "<=" else figure.base >= one.threshold
    formula = f'=IF({cell}{sign}{paper.own(one.threshold, one.unit)!r},"{yes}","{no}")'
    paper.formula(row, 5, formula, paper.styles["text"], yes if held else no)


def _changes(paper: Paper, row: int) -> int:
    """The inputs that move the result most: what they are now, and where they lead."""
    t, context = paper.t, paper.context
    paper.text(row, 0, t("summary.change"), "group")
    heads = [t(f"column.{head}") for head in ("driver", "value", "unit")]
    paper.heads(row + 1, [*heads, t("summary.worse"), t("summary.better"), t("column.moves")])
    row += 2
    for bar in facts.swings(context)[:MOST_CHANGES]:
        use = context.analysis.drivers.get(bar.driver)
        if use is None or bar.driver not in paper.plan.cases:
            continue
        paper.text(row, 0, context.name(bar.driver))
        style = paper.style(bar.unit, use.value)
        paper.formula(row, 1, f"={bar.driver}", style, use.value, bar.unit)
        paper.text(row, 2, context.words.unit(bar.unit), "unit")
        worse, better = sorted((bar.at_low, bar.at_high))
        for place, value in ((3, worse), (4, better), (5, better - worse)):
            paper.number(row, place, value, "usd")
        row += 1
    paper.text(row, 0, t("summary.change.note"), "note")
    return row + 1


def _chart(paper: Paper, row: int) -> None:
    """The balance of cash by month, from its cells."""
    sheet, last = paper.plan.names["cash_flow"], FIRST_COLUMN + paper.context.analysis.months
    cash = paper.plan.layout.places[CASH].row
    cells = tuple([sheet, line, FIRST_COLUMN, line, last] for line in (MONTH_ROW, cash))
    across = {"name": paper.t("axis.month"), "interval_unit": 6}
    axes = across, {"name": paper.context.words.currency}
    series = {paper.context.name(CASH): cells}
    paper.chart("line", (row, 0), series, axes, paper.t("chart.cash"), (980, 300))
