"""The Indicators sheet: each figure computed live, beside what modelworth found for it.

The rate of return is the spreadsheet's own IRR, sought from the one that the model found. There may
be several; a live count of the flows' changes of sign says where there can be no more than one, or
no more than when the model searched.
"""

from __future__ import annotations

from itertools import pairwise

from xlsxwriter.utility import xl_rowcol_to_cell

from modelworth.costmodel.analysis import Figure
from modelworth.costmodel.business.indicators import INDICATORS
from modelworth.costmodel.risk.figures import MEANINGFUL_RATE
from modelworth.report import said
from modelworth.report.formats.sheets.sheet import Paper

WIDTHS = [("A:A", 46.0), ("B:B", 18.0), ("C:C", 26.0), ("D:F", 15.0), ("G:G", 14.0), ("H:H", 18.0),
          ("I:I", 34.0), ("J:J", 4.0)]  # fmt: skip
FIRST, HEAD = 4, 3
KEY_COLUMN = 8
DISCOUNT = "company.discount_rate_per_year"
NONE = '"n/a"'
LADDER = (0.5, -0.1, -0.2, -0.3, -0.45, -0.6)
"""Monthly rates from which a rate of return is sought, the last one first."""
WORDS = ("never", "not_meaningful")


def write_indicators(paper: Paper) -> None:
    """The whole sheet."""
    t, figures = paper.t, paper.context.analysis.indicators
    paper.begin(t("sheet.indicators"), t("indicators.note"), WIDTHS)
    heads = ["indicator", "live", "unit", "p10", "p50", "p90", "basis", "exported", "key"]
    paper.heads(HEAD, [t(f"column.{head}") for head in heads])
    for offset, figure in enumerate(figures.values()):
        _figure(paper, FIRST + offset, figure)
    paper.sheet.freeze_panes(FIRST, 1)
    paper.sheet.repeat_rows(HEAD)
    paper.sheet.print_area(0, 0, FIRST + len(figures) - 1, KEY_COLUMN)


def indicator_cell(paper: Paper, key: str) -> str:
    """Where an indicator stands, as seen from any sheet."""
    row = FIRST + list(paper.context.analysis.indicators).index(key)
    cell = xl_rowcol_to_cell(row, 1, row_abs=True, col_abs=True)
    return f"'{paper.plan.names['indicators']}'!{cell}"


def _figure(paper: Paper, row: int, figure: Figure) -> None:
    context = paper.context
    paper.text(row, 0, context.name(figure.key))
    style = paper.style(figure.unit, figure.base, figure.p10, figure.p90)
    formula = live(paper, figure)
    shown = shown_value(paper, figure, figure.base)
    if formula:
        paper.formula(row, 1, formula, style, shown, figure.unit)
    else:
        paper.shown(row, 1, shown, figure.unit)
    paper.text(row, 2, context.words.unit(figure.unit), "unit")
    for place, value in ((3, figure.p10), (4, figure.p50), (5, figure.p90)):
        if value is not None:
            paper.shown(row, place, shown_value(paper, figure, value), figure.unit, figure.base)
    paper.text(row, 6, paper.t(f"basis.{figure.basis}"))
    paper.shown(row, 7, shown, figure.unit)
    paper.text(row, KEY_COLUMN, figure.key, "quiet")
    status = context.status(figure)
    if status:
        paper.note(row, 1, status)


def shown_value(paper: Paper, figure: Figure, value: float | None) -> float | str | None:
    """A value of the figure; the word where there is none, or where a return means nothing."""
    if value is None and figure.status in WORDS:
        return said.figure(paper.context.words, figure)
    return value


def live(paper: Paper, figure: Figure) -> str | None:
    """The indicator's formula: its line, or the rate of return of its cash flow."""
    known = INDICATORS.get(figure.key)
    line = (known.line if known else figure.line) or figure.key
    if not paper.plan.has(line):
        return None
    if known is None or known.method is None:
        cell = paper.plan.cell(line, paper.name)
        never = said.never(paper.context.words, figure)
        return f'=IF(ISNUMBER({cell}),{cell},"{never}")' if figure.status == "never" else f"={cell}"
    flows = paper.plan.whole(line)
    if figure.key == "mirr_per_year":
        monthly = f"(1+{DISCOUNT})^(1/12)-1"
        return _guarded(paper, f"(1+MIRR({flows},{monthly},{monthly}))^12-1")
    yearly = _guarded(paper, f"(1+{_monthly_rate(flows, figure)})^12-1")
    most, base = 1, paper.context.analysis.by_month(line)
    if figure.base is not None:
        most = max(most, sum(before * after < 0 for before, after in pairwise(base)))
    before, after = (
        paper.plan.span(line, *ends) for ends in ((0, len(base) - 2), (1, len(base) - 1))
    )
    changes = f"SUMPRODUCT(--({before}*{after}<0))"
    return f"=IF({changes}<={most},{yearly.removeprefix('=')},{NONE})"


def _monthly_rate(flows: str, figure: Figure) -> str:
    """IRR sought from what the model found, else from a ladder: programs give up far from it."""
    known = [] if figure.base is None else [(1 + figure.base) ** (1 / 12) - 1]
    text = f"IRR({flows})"
    for start in (*LADDER, *known):
        text = f"IFERROR(IRR({flows},{start!r}),{text})"
    return text


def _guarded(paper: Paper, rate: str) -> str:
    """The yearly rate, or that it means nothing, or none where there is none."""
    absurd = f'"{paper.context.words.t("status.not_meaningful")}"'
    return f"=IFERROR(IF({rate}<={MEANINGFUL_RATE:g},{rate},{absurd}),{NONE})"
