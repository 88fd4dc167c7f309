"""The sections on money: where cost and revenue come from, and what moves the result."""

from __future__ import annotations

import ast
import math

from modelworth.costmodel.analysis import Flip, Influence, Risk, Series, Swing
from modelworth.report import spent
from modelworth.report.sections import facts
from modelworth.report.sections.blocks import (
    BarChart,
    Bars,
    Block,
    Graphic,
    Histogram,
    Line,
    LineChart,
    Paragraph,
    Table,
)
from modelworth.report.sections.context import Context

MOST_BARS = 15
MOST_WORTH, MOST_PARTS = 8, 10
MONTHS_A_YEAR = 12
REVENUE = ("revenue_usd",)
COSTS = facts.COST_LINES
STATEMENT = (
    "revenue_usd", "cost_of_revenue_usd", "gross_profit_usd", "operating_expense_usd",
    "building_usd", "ebitda_usd", "fleet_write_off_usd", "tax_usd", "net_profit_usd",
    "net_cash_usd",
)  # fmt: skip
PROFITS = ("gross_profit_usd", "ebitda_usd", "net_profit_usd")


def economics(context: Context) -> list[Block]:
    """Revenue and cost by year, what they are made of, and how cost moves over time."""
    parts = (_build_up(context, REVENUE, "revenue"), _build_up(context, COSTS, "costs"))
    return [Paragraph(context.t("economics.reading")), *(part for part in parts if part)]


def yearly(context: Context) -> Table | None:
    """Sums over each year; month 0, before opening, has a column of its own.

    What is 0 throughout is left out.
    """
    left_out = PROFITS if facts.is_cost_question(context) else ()
    found = (context.series(key) for key in STATEMENT if key not in left_out)
    series = [line for line in found if line is not None and any(line.base)]
    if not series:
        return None
    t, starts = context.t, range(1, context.analysis.months + 1, MONTHS_A_YEAR)
    heads = (t("column.opening"), *(t("column.year", year=i + 1) for i in range(len(starts))))
    columns = context.heads(("per_year", 2), *((head, 1.2, True) for head in heads))
    rows = tuple(
        (
            context.name(line.key),
            context.value(line.base[0], line.unit),
            *(context.value(sum(line.base[i : i + MONTHS_A_YEAR]), line.unit) for i in starts),
        )
        for line in series
    )
    return Table(columns, rows)


def parts(context: Context, totals: tuple[str, ...]) -> list[Series]:
    """What totals are the sum of, by their formulas: sums inside are opened, the largest first."""
    known = [key for key in totals if key in context.analysis.series]
    open_keys = (
        known if len(known) > 1 else [part for key in known for part in _terms(context, key)]
    )
    while 0 < len(open_keys) < MOST_PARTS:
        by_size = sorted(open_keys, key=lambda part: -_total(context, part))
        inner = next((part for part in by_size if _terms(context, part)), None)
        if inner is None or len(open_keys) + len(_terms(context, inner)) > MOST_PARTS + 1:
            break
        open_keys = [*(part for part in open_keys if part != inner), *_terms(context, inner)]
    shown = [part for part in dict.fromkeys(open_keys) if _total(context, part)]
    shown.sort(key=lambda part: -_total(context, part))
    return [context.analysis.series[part] for part in shown]


def _terms(context: Context, key: str) -> list[str]:
    """Keys of the lines that a formula adds up, empty unless it is such a sum and no more."""
    line = context.analysis.lines.get(key)
    found = _addends(ast.parse(line.formula, mode="eval").body) if line else None
    known = context.analysis.series
    if not found or any(term not in known for term in found):
        return []
    whole, terms = _total(context, key), [term for term in found if _total(context, term)]
    adds_up = math.isclose(sum(_total(context, term) for term in terms), whole, rel_tol=1e-6)
    return terms if adds_up else []


def _addends(node: ast.expr) -> list[str] | None:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _addends(node.left), _addends(node.right)
        return [*left, *right] if left and right else None
    if isinstance(node, ast.Call) and len(node.args) == 3:  # where(applies, sum, 0)
        _, inner, otherwise = node.args
        nothing = isinstance(otherwise, ast.Constant) and otherwise.value == 0
        return _addends(inner) if nothing else None
    return None


def _total(context: Context, key: str) -> float:
    return sum(context.analysis.series[key].base)


def _build_up(context: Context, totals: tuple[str, ...], chart_key: str) -> Graphic | None:
    """The parts of totals over the horizon, the largest on top."""
    found = parts(context, totals)
    if not found:
        return None
    sums = [sum(series.base) for series in found]
    scale = context.scale(found[0].unit, sums)
    names = tuple(context.name(series.key) for series in found)
    title = context.t(f"chart.{chart_key}")
    bars = Bars(title, scale.of(sums))
    chart = BarChart(chart_key, title, scale.title, names, (bars,))
    return Graphic(chart, context.t(f"reading.{chart_key}"))


def costs_over_time(context: Context) -> Graphic | None:
    """What the costs of each month are made of."""
    found = parts(context, COSTS)
    if not found:
        return None
    total = [sum(values) for values in zip(*(series.base[1:] for series in found), strict=True)]
    scale = context.scale(found[0].unit, total)
    chart = LineChart(
        "cost_by_month",
        context.t("chart.cost_by_month"),
        context.t("axis.month"),
        scale.title,
        context.months()[1:],
        tuple(Line(context.name(series.key), scale.of(series.base[1:])) for series in found),
        stacked=True,
    )
    return Graphic(chart, context.t("reading.cost_by_month"))


def sensitivity(context: Context) -> list[Block]:
    """How the trials came out, and the whole tornado."""
    blocks = list[Block]()
    if context.analysis.risk:
        blocks.append(Paragraph(_risk_sentence(context, context.analysis.risk)))
    if context.analysis.tornado:
        blocks.append(tornado(context, MOST_BARS, "tornado_all"))
    return blocks or [Paragraph(context.t("sensitivity.none"))]


def _risk_sentence(context: Context, risk: Risk) -> str:
    return context.t(
        facts.asked(context, "sensitivity.reading"),
        range=facts.cost_range(context), worst=context.words.money(-risk.expected_shortfall_usd),
        trials=f"{risk.trials:,}",
        loss=context.words.percent(risk.probability_of_loss),
        shortfall=context.value(risk.expected_shortfall_usd, "usd"),
        evpi=context.value(risk.evpi_usd, "usd"),
    )  # fmt: skip


def histogram(context: Context) -> Graphic:
    """NPV over the trials; the analysis must have had some."""
    risk = context.analysis.risk
    assert risk is not None
    edges, counts = spent.outcomes(context.analysis, risk)
    scale, trials = context.scale("usd", edges), sum(counts) or 1
    name = context.name(spent.value(context.analysis).key)
    chart = Histogram(
        "npv",
        context.t(facts.asked(context, "chart.npv")),
        f"{name}, {scale.title}",
        context.t("axis.share_of_trials"),
        scale.of(edges),
        tuple(float(f"{100 * count / trials:.4g}") for count in counts),
    )
    return Graphic(chart, context.t(facts.asked(context, "reading.npv")))


def tornado(context: Context, most: int, key: str = "tornado") -> Graphic:
    """Change of NPV with each driver at its low and at its high, the widest on top.

    A driver whose value can turn the answer says where it does.
    """
    npv = context.analysis.indicators.get("npv_usd")
    base = npv.base if npv and npv.base is not None else 0.0
    widest = facts.swings(context)[:most]
    turns = {flip.driver: flip for flip in reversed(facts.turning(context))}
    sign = facts.sign(context)
    lows = [sign * (swing.at_low - base) for swing in widest]
    highs = [sign * (swing.at_high - base) for swing in widest]
    scale = context.scale("usd", [*lows, *highs])
    names = tuple(context.name(swing.driver) for swing in widest)
    details = tuple(_detail(context, swing, turns.get(swing.driver)) for swing in widest)
    series = (
        Bars(context.t("at_low"), scale.of(lows)),
        Bars(context.t("at_high"), scale.of(highs)),
    )
    title = context.t(facts.asked(context, "chart.tornado"))
    axis = context.t(facts.asked(context, "axis.change_of_npv"), unit=scale.title)
    chart = BarChart(key, title, axis, names, series, details)
    return Graphic(chart, context.t("reading.tornado"))


def _detail(context: Context, swing: Swing, turn: Flip | None) -> str:
    """The driver's range, and where it turns the answer."""
    text = f"({context.words.range(swing.low, swing.high, swing.unit)})"
    if turn is None:
        return text
    return text + context.t("tornado.turns", at=context.words.bare(turn.at, turn.unit))


def worth_table(context: Context) -> list[Block]:
    """What to measure next; nothing where no trials ran."""
    t, risk = context.t, context.analysis.risk
    if risk is None or not risk.influences:
        return []
    table = context.table(
        measure_next(risk)[:MOST_WORTH],
        ("driver", 3, lambda one: context.name(one.driver)),
        ("first_order", 1.4, lambda one: _index(context, one.first_order), True),
        ("total_order", 1.4, lambda one: _index(context, one.total), True),
        ("rank_correlation", 1.4, lambda one: _index(context, one.rank_correlation), True),
        ("evppi", 1.6, lambda one: "" if one.evppi_usd is None
         else context.value(one.evppi_usd, "usd"), True),
    )  # fmt: skip
    return [Paragraph(t("reading.influences")), table]


def measure_next(risk: Risk) -> list[Influence]:
    """Drivers by what knowing them is worth, then by their share of the variance."""
    return sorted(
        risk.influences,
        key=lambda influence: (-(influence.evppi_usd or 0.0), -(influence.total or 0.0)),
    )


def _index(context: Context, value: float | None) -> str:
    return "" if value is None else context.words.number(round(value, 3) + 0.0)
