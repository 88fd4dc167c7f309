"""The sheets of what a workbook can't compute: options and trials, as values, said so."""

from __future__ import annotations

from modelworth.report import said, spent
from modelworth.report.formats.sheets.sheet import AMOUNT, Paper
from modelworth.report.sections import facts
from modelworth.report.sections.blocks import capital

HEAD, FIRST = 3, 4
DIFFERENCES = ("changed", "only_here", "not_here")


def write_options(paper: Paper) -> None:
    """Every option with its figures when exported."""
    t, context = paper.t, paper.context
    paper.begin(t("sheet.options"), t("options.values"), [("A:A", 40.0), ("B:Z", 18.0)])
    results = context.analysis.options or ()
    if not results:
        paper.text(FIRST, 0, t("options.none"))
        return
    keys = [figure.key for figure in max(results, key=lambda one: len(one.figures)).figures]
    heads = [f"{context.name(key)} ({_unit(paper, key)})" for key in keys]
    paper.heads(HEAD, [t("column.option"), *heads, t("column.best"), t("column.holds"),
                        *(t(f"column.{head}") for head in DIFFERENCES)])  # fmt: skip
    for offset, option in enumerate(results):
        row = FIRST + offset
        name = t("board.plan") if option.kind == "plan" else context.option_name(option)
        paper.text(row, 0, capital(name))
        for place, key in enumerate(keys, 1):
            figure = facts.option_figure(option, key)
            if figure is not None and figure.base is not None:
                paper.number(row, place, figure.base, figure.unit)
            elif figure is not None:
                paper.text(row, place, said.figure(context.words, figure), "note")
        if option.probability_best is not None:
            paper.number(row, len(keys) + 1, option.probability_best, "share")
        paper.text(row, len(keys) + 2, t("yes") if option.feasible else t("infeasible"))
        told = said.differences(context.words, option, context.name)
        for place, part in enumerate(told, len(keys) + 3):
            paper.text(row, place, t("list.comma").join(part))
    paper.sheet.set_row(HEAD, 45)
    paper.sheet.freeze_panes(FIRST, 1)


def _unit(paper: Paper, key: str) -> str:
    figure = paper.context.analysis.indicators.get(key)
    return paper.context.words.unit(figure.unit) if figure else paper.context.words.currency


def write_risk(paper: Paper) -> None:
    """How the trials came out, and what each input's uncertainty does."""
    t, context = paper.t, paper.context
    widths = [("A:A", 46.0), ("B:F", 18.0)]
    paper.begin(t("sheet.risk"), t("risk.values"), widths)
    risk = context.analysis.risk
    if risk is None:
        paper.text(FIRST, 0, t("sensitivity.none"))
        return
    loss = context.words.percent(risk.probability_of_loss)
    worst = context.words.money(facts.sign(context) * risk.expected_shortfall_usd)
    key = facts.asked(context, "board.risk.loss")
    paper.text(2, 0, t(f"{key}.size", loss=loss, worst=worst))
    heads = ("driver", "first_order", "total_order", "rank_correlation", "evppi")
    paper.heads(HEAD, [t(f"column.{head}") for head in heads])
    row = FIRST
    for item in risk.influences:
        paper.row(row, context.name(item.driver), (item.first_order, "ratio"),
                  (item.total, "ratio"), (item.rank_correlation, "ratio"),
                  (item.evppi_usd, "usd"))  # fmt: skip
        row += 1
    _histogram(paper, row + 2)


def _histogram(paper: Paper, row: int) -> None:
    """Trials by NPV, as a table and a chart of it."""
    t, risk = paper.t, paper.context.analysis.risk
    assert risk is not None
    heads = (t("risk.from"), t("risk.to"), t("risk.share"))
    paper.heads(row, list(heads))
    ends, counts = spent.outcomes(paper.context.analysis, risk)
    whole = sum(counts) or 1
    edges = zip(ends, ends[1:], counts, strict=False)
    first = row + 1
    for low, high, count in edges:
        row += 1
        paper.row(row, (low, "usd"), (high, "usd"), (count / whole, "share"))
    cells = tuple([paper.name, first, column, row, column] for column in (0, 2))
    axes = ({"name": paper.context.words.currency, "num_format": AMOUNT},
            {"name": t("axis.share_of_trials"), "num_format": "0%"})  # fmt: skip
    paper.chart(
        "column",
        (FIRST, 7),
        {t("risk.share"): cells},
        axes,
        t(facts.asked(paper.context, "chart.npv")),
        (640, 340),
    )
