"""The sheets that let a reader check: measurements, sources, and sums that must agree."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from xlsxwriter.utility import xl_rowcol_to_cell

from modelworth.report import said
from modelworth.report.formats.sheets.book import Book
from modelworth.report.formats.sheets.indicators_sheet import FIRST as FIRST_INDICATOR
from modelworth.report.formats.sheets.indicators_sheet import indicator_cell, shown_value
from modelworth.report.formats.sheets.sheet import Paper

HEAD, FIRST = 3, 4
MOST_USERS = 12
TOLERANCE = "0.000001"


def write_measurements(paper: Paper) -> None:
    """Records that the analysis rests on, then the predictions made from them."""
    t, words, analysis = paper.t, paper.context.words, paper.context.analysis
    widths = [("A:B", 30.0), ("C:C", 16.0), ("D:F", 16.0), ("G:G", 16.0), ("H:I", 24.0)]
    paper.begin(t("sheet.measurements"), t("measurements.note"), widths)
    heads = ["model", "device", "work", "throughput", "low", "high", "unit", "recorded", "id"]
    paper.heads(HEAD, [t(f"column.{head}") for head in heads])
    row = FIRST
    for use in analysis.measurements:
        rates = ((rate, "per_s") for rate in (use.throughput_per_s, use.low, use.high))
        paper.row(row, use.model, use.device, words.t(f"kind.{use.kind}"), *rates,
                  f"{use.unit or ''}/s", use.recorded_at, use.id)  # fmt: skip
        row += 1
    row += 2
    paper.text(row - 1, 0, t("section.predictions"), "group")
    heads = ["predicted", "basis", "unit", "value", "low", "high", "note"]
    paper.heads(row, [t(f"column.{head}") for head in heads])
    for use in analysis.predictions:
        row += 1
        values = ((value, use.unit) for value in (use.value, use.low, use.high))
        paper.row(row, paper.context.name(use.key), t(f"basis.{use.basis}"), words.unit(use.unit),
                  *values, said.source(words, use.note))  # fmt: skip


def write_sources(paper: Paper) -> None:
    """Every source once, with what rests on it; then what makes the workbook again."""
    t, analysis = paper.t, paper.context.analysis
    widths = [("A:A", 70.0), ("B:B", 14.0), ("C:C", 10.0), ("D:D", 90.0)]
    paper.begin(t("sheet.sources"), t("sources.note"), widths)
    paper.heads(HEAD, [t(f"column.{head}") for head in ("source", "age", "quality", "used_by")])
    users: dict[tuple[str, str, str], list[str]] = {}
    for key, use in analysis.drivers.items():
        users.setdefault((use.source, use.as_of or "", use.quality or ""), []).append(key)
    for key, line in analysis.lines.items():
        users.setdefault((line.source, "", ""), []).append(key)
    row = FIRST
    for source, keys in sorted(users.items()):
        shown = ", ".join(keys[:MOST_USERS])
        if len(keys) > MOST_USERS:
            shown += f", {t('sources.more', count=len(keys) - MOST_USERS)}"
        paper.row(row, said.source(paper.context.words, source[0]), *source[1:], shown)
        row += 1
    origin = analysis.provenance
    facts = {
        t("reproduce.command"): origin.command,
        t("fact.scenario_sha256"): origin.scenario_sha256,
        t("fact.store_digest"): origin.store_digest or t("no_store"),
        t("fact.store_measurements"): origin.store_measurements,
        t("fact.seed"): origin.seed,
        t("fact.trials"): origin.trials,
        **dict(sorted(origin.versions.items())),
    }
    paper.text(row + 1, 0, t("section.reproduce"), "group")
    for offset, (name, value) in enumerate(facts.items()):
        paper.text(row + 2 + offset, 0, name)
        paper.text(row + 2 + offset, 3, value)


@dataclass(frozen=True, slots=True)
class Check:
    """Two formulas that must give the same, and what they give now."""

    key: str
    left: str
    right: str
    value: float


def write_checks(paper: Paper) -> None:
    """Sums computed a second way, and whether the figures are still those of the export."""
    t = paper.t
    paper.begin(t("sheet.checks"), t("checks.note"),
                [("A:A", 80.0), ("B:C", 22.0), ("D:D", 16.0), ("E:E", 12.0)])  # fmt: skip
    heads = ("check", "one_way", "other_way", "difference", "result")
    paper.heads(HEAD, [t(f"column.{head}") for head in heads])
    row = FIRST
    for check in checks(paper.plan):
        money = paper.styles["plain"]
        paper.text(row, 0, t(f"check.{check.key}"))
        paper.formula(row, 1, f"={check.left}", money, check.value, "usd")
        paper.formula(row, 2, f"={check.right}", money, check.value, "usd")
        _compare(paper, row)
        row += 1
    row += _npv_check(paper, row)
    _since_export(paper, row + 1)


def _npv_check(paper: Paper, row: int) -> int:
    """NPV by the spreadsheet's own function beside the model's; how many rows it took."""
    plan, npv = paper.plan, paper.context.analysis.indicators.get("npv_usd")
    if npv is None or npv.base is None or not plan.has("net_cash_usd", "nominal_rate"):
        return 0
    rate = f"(1+{plan.cell('nominal_rate', paper.name)})^(1/12)-1"
    first, after = plan.first_and_rest("net_cash_usd")
    money = paper.styles["plain"]
    paper.text(row, 0, paper.t("check.npv"))
    paper.formula(row, 1, f"={first}+NPV({rate},{after})", money, npv.base, "usd")
    paper.formula(row, 2, f"={indicator_cell(paper, 'npv_usd')}", money, npv.base, "usd")
    _compare(paper, row)
    return 1


def _compare(paper: Paper, row: int) -> None:
    """The difference of the two cells, and whether it is rounding alone."""
    one, other = (xl_rowcol_to_cell(row, column) for column in (1, 2))
    paper.formula(row, 3, f"=ROUND({one}-{other},4)", paper.styles["plain"], 0.0)
    holds = f"=IF(ABS({one}-{other})<={TOLERANCE}*(1+ABS({one})),{_said(paper.t)})"
    paper.formula(row, 4, holds, paper.styles["good"], paper.t("checks.holds"))


def _said(t: Callable[..., str]) -> str:
    return f'"{t("checks.holds")}","{t("checks.fails")}"'


def _since_export(paper: Paper, row: int) -> None:
    """How many indicators differ from those that modelworth computed."""
    t, count = paper.t, len(paper.context.analysis.indicators)
    sheet = f"'{paper.plan.names['indicators']}'!"
    here, there = (
        f"{sheet}${letter}${FIRST_INDICATOR + 1}:${letter}${FIRST_INDICATOR + count}"
        for letter in "BH"
    )
    paper.text(row, 0, t("checks.defined"))
    defined = len(_numbers(paper))
    paper.formula(row, 1, f"=COUNT({here})", paper.styles["count"], float(defined))
    paper.formula(row, 2, f"=COUNT({there})", paper.styles["count"], float(defined))
    paper.text(row + 1, 0, t("checks.exported"))
    paper.formula(row + 1, 1, f"=SUM({here})", paper.styles["plain"], _sum(paper))
    paper.formula(row + 1, 2, f"=SUM({there})", paper.styles["plain"], _sum(paper))
    one, other = (xl_rowcol_to_cell(row + 1, column) for column in (1, 2))
    same = f'"{t("checks.as_exported")}","{t("checks.changed")}"'
    changed = f"=IF(ABS({one}-{other})<={TOLERANCE}*(1+ABS({other})),{same})"
    paper.formula(row + 1, 4, changed, paper.styles["good"], t("checks.as_exported"))


def _sum(paper: Paper) -> float:
    return sum(_numbers(paper))


def _numbers(paper: Paper) -> list[float]:
    """The indicators that are shown as numbers."""
    figures = paper.context.analysis.indicators.values()
    shown = ((shown_value(paper, figure, figure.base), figure.unit) for figure in figures)
    return [
        paper.own(value, unit)
        for value, unit in shown
        if isinstance(value, float) and math.isfinite(value)
    ]


def checks(plan: Book) -> Iterator[Check]:
    """The checks for which the model has the lines."""
    for key, (left, right) in PAIRS.items():
        if plan.has(*left, *right):
            value = sum(sum(plan.analysis.series[line].base) for line in left)
            yield Check(key, _sum_of(plan, left), _sum_of(plan, right), value)


def _sum_of(plan: Book, lines: tuple[str, ...]) -> str:
    return "+".join(f"SUM({plan.whole(line)})" for line in lines)


#: Totals over all months that must agree, though they are computed along different ways.
PAIRS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "cash": (("net_cash_usd",), ("net_profit_usd", "exit_usd")),
    "serving": (("serving_cost_usd",), ("gpu_cost_usd", "bought_usd")),
    "fleet": (("capex_usd",), ("fleet_depreciation_usd", "fleet_sales_usd", "fleet_write_off_usd")),
    "building": (("building_charge_usd",), ("building_usd",)),
    "receipts": (("collected_usd",), ("external_revenue_usd",)),
    "suppliers": (("suppliers_paid_usd",), ("supplier_cost_usd",)),
}
