"""The sections that answer: summary, indicators, break-even, options, warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelworth.costmodel.analysis import (
    BreakEven,
    Criterion,
    Figure,
    Finding,
    OptionResult,
    VolumeCurve,
)
from modelworth.costmodel.risk.figures import OF_REVENUE
from modelworth.report import said, spent
from modelworth.report.sections import facts
from modelworth.report.sections.blocks import (
    BarChart,
    Bars,
    Block,
    Card,
    Graphic,
    Line,
    LineChart,
    Paragraph,
    Table,
    capital,
    clean,
    prose,
)
from modelworth.report.sections.context import Context

COST_HEADLINES = (
    "npv_usd", "usd_per_accepted_result", "peak_funding_usd", "served_load_share",
    "mean_utilisation_share", "opening_gpus",
)  # fmt: skip
HEADLINES = (
    "npv_usd", "irr_per_year", "payback_months", "peak_funding_usd",
    "gross_margin_second_year_share",
)  # fmt: skip
UNLIKE = {
    "opening": "building.months_to_market", "accepted": "demand.accepted_share", "does_less": "",
}  # fmt: skip
NONE = "–"
LEAST_BAND = 0.03  # of the chart's height
MODIFIED = "mirr_per_year"
CASH = "cash_balance_usd"
MOST_OPTION_FIGURES = 5


def cards(context: Context) -> tuple[Card, ...]:
    """The figures that people ask for first, and in how many trials the plan earns money."""
    shown = [
        Card(context.name(one.key), context.figure(one), clean(said.beside(context.words, one)))
        for one in (facts.to_show(context, headline) for headline in headlines(context))
    ]
    chance = facts.chance(context)
    if chance is not None:
        rule = next(iter(context.analysis.verdict.criteria), None)
        asked = context.words.percent(rule.threshold) if rule else ""
        name, value = context.t("card.chance"), context.words.percent(chance)
        shown.insert(1, Card(name, value, context.t("card.asked", asked=asked)))
    return tuple(shown)


def headlines(context: Context) -> list[Figure]:
    """The figures of a cover; a modified rate of return where no single plain one exists."""
    figures = context.analysis.indicators
    if facts.is_cost_question(context):
        found = (figures[key] for key in COST_HEADLINES if key in figures)
        known = (figure for figure in found if figure.base is not None)
        return [figure for figure in known if figure.base or figure.key != "opening_gpus"]
    shown = [figures[key] for key in HEADLINES if key in figures]
    modified = figures.get(MODIFIED)
    if modified is None or modified.base is None:
        return shown
    return [modified if one.key == "irr_per_year" and one.base is None else one for one in shown]


def criteria(context: Context) -> Table:
    """The conditions of the verdict's rule: what each asks, what came out, whether it holds."""
    words = context.words
    return context.table(
        context.analysis.verdict.criteria,
        ("criterion", 2.6, lambda one: context.name(one.key)),
        ("asked", 1.1, lambda one: context.t("no_limit") if one.threshold >= said.UNLIMITED
         else context.value(one.threshold, one.unit), True),
        ("came_out", 2.2, lambda one: said.came_out(words, context.analysis, one), True),
        ("holds", 1.3, lambda one: holds(context, one)),
    )  # fmt: skip


def holds(context: Context, criterion: Criterion) -> str:
    """Whether a condition holds; a waived one says so and why."""
    if criterion.status != "waived":
        return context.t("yes" if criterion.met else "no")
    reason = context.known(f"report.waiver.{criterion.reason}", criterion.reason or "")
    return context.t("waived", reason=reason)


def cash_curve(context: Context) -> Graphic | None:
    """Cumulative cash by month, with its band where there were trials."""
    series = context.series(CASH)
    if series is None:
        return None
    outer = (series.p10 or (), series.p90 or ())
    scale = context.scale(series.unit, [*series.base, *outer[0], *outer[1]])
    line = Line(
        context.name(series.key),
        scale.of(series.base),
        scale.of(outer[0]) if outer[0] else None,
        scale.of(outer[1]) if outer[1] else None,
        scale.of(series.p50) if series.p50 else None,
    )
    chart = LineChart(
        "cash",
        context.t("chart.cash"),
        context.t("axis.month"),
        scale.title,
        context.months(),
        (line,),
    )
    kind = "cash" if outer[0] else "cash_base"
    if outer[0] and _is_narrow(series.base, *outer):
        kind = "cash_narrow"
    return Graphic(chart, context.t(f"reading.{kind}"))


def _is_narrow(base: Sequence[float], low: Sequence[float], high: Sequence[float]) -> bool:
    """Whether the band is as thin as the line itself, so that none is to be seen."""
    widest = max(above - below for below, above in zip(low, high, strict=True))
    return widest < LEAST_BAND * (max(*base, *high) - min(*base, *low))


def indicators(context: Context) -> list[Block]:
    """Every indicator with its quantiles and basis."""
    t = context.t
    figures = context.analysis.indicators.values()
    shown = [figure for figure in figures if has_meaning(figure) and not is_nothing(figure)]
    words = context.words
    table = context.table(
        shown,
        ("indicator", 3, lambda one: clean(said.name(words, one))),
        ("unit", 1.4, lambda one: words.unit_tail(one.unit)),
        ("base", 1.3, lambda one: said.figure(words, one), True),
        *((f"P{10 + 40 * place}", 1.2, lambda one, place=place: said.quantiles(words, one)[place],
           True) for place in range(3)),
        ("basis", 1.2, lambda one: t(f"basis.{one.basis}")),
    )  # fmt: skip
    partly = [
        t(
            "indicators.partly",
            name=context.name(figure.key),
            share=context.words.percent(figure.share_defined or 0.0),
        )
        for figure in shown
        if figure.in_part and figure.p50 is not None
    ]
    absent = [context.name(figure.key) for figure in figures if not has_meaning(figure)]
    if absent and not facts.is_cost_question(context):
        partly.append(t("indicators.absent", names=t("list.join").join(absent)))
    reading = [Paragraph(t("indicators.reading")), table]
    return [*reading, *(Paragraph(text, "note") for text in partly)]


def has_meaning(figure: Figure) -> bool:
    """Whether a figure has a value, or its lack of one says something."""
    known = figure.base is not None or figure.p50 is not None
    return known or figure.status not in (None, "undefined")


def is_nothing(figure: Figure) -> bool:
    """Whether a figure is 0 in the base case and nearly all trials: the plan has none of it."""
    return all(
        value in (0, None) for value in (figure.base, figure.p10, figure.p50, figure.p90)
    ) and (figure.base == 0)


def break_even(context: Context) -> list[Block]:
    """Where each driver brings its indicator to the target."""
    t = context.t
    if not context.analysis.break_evens:
        return [Paragraph(t("break_even.none"))]
    words, drivers = context.words, context.analysis.drivers

    def pays(found: BreakEven) -> str:
        use = drivers.get(found.driver)
        return said.pays(words, found, use.value) if use and found.values else ""

    table = context.table(
        context.analysis.break_evens,
        ("driver", 2.4, lambda found: context.name(found.driver)),
        ("reaches", 2, lambda found: _reached(context, found)),
        ("at", 2, lambda found: t("list.join").join(
            context.value(at, found.unit) for at in found.values) or t("never_in_range"), True),
        ("pays", 2.2, pays),
        ("searched", 2.6, lambda found: words.range(
            found.searched_low, found.searched_high, found.unit), True),
    )  # fmt: skip
    return [Paragraph(t("break_even.reading")), table]


def _reached(context: Context, found: BreakEven) -> str:
    """The indicator's name and the value that it is brought to."""
    target = context.value(found.target, _unit_of(context, found.indicator))
    return f"{context.name(found.indicator)} = {target}"


def _unit_of(context: Context, indicator: str) -> str:
    figure = context.analysis.indicators.get(indicator)
    return figure.unit if figure else "usd"


def options(context: Context) -> list[Block]:
    """Every figure of the ways to serve the same demand, side by side."""
    t, results = context.t, context.analysis.options
    if not results:
        return [Paragraph(t("options.none"))]
    reading = t(facts.asked(context, "options.reading"))
    keys = [figure.key for figure in results[0].figures]
    table = options_table(context, keys[:MOST_OPTION_FIGURES])
    blocks: list[Block] = [Paragraph(reading), table]
    chart = options_chart(context, results)
    return [*blocks, chart] if chart else blocks


def reasons(context: Context, results: tuple[OptionResult, ...]) -> list[Block]:
    """Why some options aren't in question, each reason once."""
    found: dict[str, list[str]] = {}
    for option in results:
        if not option.feasible and option.reason:
            found.setdefault(_reason(context, option.reason), []).append(
                context.option_name(option)
            )
    joint = context.t("list.join")
    return [
        Paragraph(f"{capital(joint.join(names))}: {why}", "note") for why, names in found.items()
    ]


def _reason(context: Context, reason: str) -> str:
    """Why an option isn't in question."""
    return context.known(f"report.reason.{reason}", prose(reason))


def options_table(context: Context, wanted: Sequence[str]) -> Table:
    """The plan, then its feasible alternatives by NPV, then what isn't feasible: some figures."""
    t, indicators = context.t, context.analysis.indicators
    left_out = OF_REVENUE if facts.is_cost_question(context) else ()
    keys = [key for key in wanted if key in indicators and key not in left_out]
    names = (context.name(facts.to_show(context, indicators[key]).key) for key in keys)
    columns = context.heads(("option", 2.4), *((name, 1.4, True) for name in names),
                            ("best", 1, True))  # fmt: skip
    own, ranked = facts.own(context), [option for option, _ in facts.alternatives(context)]
    other = [one for one in context.analysis.options or () if one not in ranked and one is not own]
    figures = {figure.key: figure for figure in own.figures} if own else indicators
    rows = [_option_row(context, capital(t("board.plan")), figures, keys, own)]
    for option in [*ranked, *sorted(other, key=lambda option: not option.feasible)]:
        name = capital(context.option_name(option))
        figures = {figure.key: figure for figure in option.figures} if option.feasible else {}
        name += "" if option.feasible else f" ({t('infeasible')})"
        rows.append(_option_row(context, name, figures, keys, option))
    return Table(columns, tuple(rows))


def _option_row(
    context: Context,
    name: str,
    figures: Mapping[str, Figure],
    keys: Sequence[str],
    option: OptionResult | None,
) -> tuple[str, ...]:
    """Name, figures without their units, and in how many trials it is best."""
    best = None if option is None else option.probability_best
    shown = "" if best is None else context.words.percent(best)
    return (name, *(_known(context, figures.get(key)) for key in keys), shown)


def alike(context: Context, results: tuple[OptionResult, ...]) -> str:
    """As far as these options do the same: whose opening or share accepted isn't the plan's."""
    groups = {
        f"reading.options.{kind}": [
            context.t("board.plan") if one.kind == "plan" else context.option_name(one)
            for one in results
            if (one.feasible and driver in one.changes) or one.reason == kind
        ]
        for kind, driver in UNLIKE.items()
    }
    told = [
        context.t(key, names=context.t("list.comma").join(names))
        for key, names in groups.items()
        if names
    ]
    return "".join([context.t("reading.options"), *told])


def _known(context: Context, figure: Figure | None) -> str:
    """A figure; a dash where an option has none of it."""
    if figure is None or (figure.base is None and figure.status == "undefined"):
        return NONE
    return clean(said.figure(context.words, facts.to_show(context, figure)))


def options_chart(context: Context, results: tuple[OptionResult, ...]) -> Graphic | None:
    """NPV of each feasible option."""
    value = spent.PRESENT_COST if facts.is_cost_question(context) else "npv_usd"
    npvs = {
        context.option_name(option): figure
        for option in results
        for figure in (facts.to_show(context, one) for one in option.figures)
        if option.feasible and figure.key == value and figure.base is not None
    }
    if not npvs:
        return None
    scale = context.scale("usd", [figure.base or 0.0 for figure in npvs.values()])
    bars = Bars(context.name(value), scale.of(f.base or 0.0 for f in npvs.values()))
    title = context.t(facts.asked(context, "chart.options"))
    chart = BarChart("options", title, scale.title, tuple(npvs), (bars,))
    return Graphic(chart, alike(context, results))


def volume_chart(context: Context, curve: VolumeCurve) -> Graphic:
    """Monthly cost of each option over volume."""
    scale = context.scale("usd", [value for row in curve.usd_per_month.values() for value in row])
    lines = tuple(
        Line(context.option(key), scale.of(row)) for key, row in curve.usd_per_month.items()
    )
    marks = tuple(
        (crossing.requests_per_month, context.option(crossing.after))
        for crossing in curve.crossings
    )
    chart = LineChart(
        "volume",
        context.t("chart.volume"),
        context.name(curve.driver),
        context.t("axis.per_month", unit=scale.title),
        curve.requests_per_month,
        lines,
        logarithmic=True,
        marks=marks,
    )
    return Graphic(chart, context.t("reading.volume" if marks else "reading.volume_no_crossing"))


def warnings(context: Context) -> list[Block]:
    """What the plan's linter found, the gravest first."""
    findings = sorted(context.analysis.findings, key=lambda finding: _gravity(finding))
    if not findings:
        return [Paragraph(context.t("warnings.none"))]
    words = context.words
    table = context.table(
        findings,
        ("severity", 1, lambda one: context.t(f"severity.{one.severity}")),
        ("finding", 5, lambda one: said.finding(words, one)),
        ("where", 2, lambda one: clean(said.path(words, one.path))),
        ("", 0.6, lambda one: clean(one.id)),
    )
    return [table]


def _gravity(finding: Finding) -> int:
    return ("error", "warning", "note").index(finding.severity)
