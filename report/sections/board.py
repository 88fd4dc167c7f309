"""The six pages for a board: answer, money, dependence, alternatives, evidence, risks.

Each has one chart or table that shows its title; what a printed page has room for stands in `more`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta

from modelworth.costmodel.analysis import Flip, OptionResult
from modelworth.report import said
from modelworth.report.sections import facts, titles
from modelworth.report.sections.answer import (
    NONE,
    cash_curve,
    criteria,
    options_table,
    reasons,
    volume_chart,
)
from modelworth.report.sections.blocks import (
    Block,
    BoardPage,
    Paragraph,
    Table,
    capital,
    clean,
    prose,
)
from modelworth.report.sections.bridge import bridge
from modelworth.report.sections.context import Context
from modelworth.report.sections.cost_and_revenue import (
    costs_over_time,
    histogram,
    tornado,
    worth_table,
    yearly,
)
from modelworth.report.sections.evidence import details as evidence_details
from modelworth.report.sections.evidence import source

_COMMAND = re.compile(r"[^.。：]*`[^。]*?(?:。|\.(?=\s|$)|$)")
"""A sentence on how to type something, which a board doesn't do."""
MOST_BARS, MOST_OPTIONS, MOST_RISKS, MOST_DRIVERS = 8, 9, 4, 6
OPTION_FIGURES = ("npv_usd", "usd_per_accepted_result", "peak_funding_usd", "payback_months")


def pages(context: Context, day: date) -> tuple[BoardPage, ...]:
    """All six."""
    foot = sources(context)
    built = (
        ("answer", titles.answer(context), _answer(context),
         context.t("board.ask", ask=titles.ask(context, day))),
        ("money", titles.money(context), _money(context), titles.money_follows(context)),
        ("depends", titles.dependence(context), _depends(context), titles.would_change(context)),
        ("others", titles.alternatives(context), _others(context), titles.recommend(context)),
        ("evidence", titles.evidence(context), _evidence(context),
         titles.evidence_follows(context)),
        ("risks", titles.risks(context), _risks(context, day), titles.risks_follow(context, day)),
    )  # fmt: skip
    return tuple(
        BoardPage(
            key, capital(prose(title)), blocks[0], tuple(blocks[1:]), capital(prose(so_what)), foot
        )  # type: ignore[arg-type]
        for key, title, blocks, so_what in built
    )


def sources(context: Context) -> str:
    """What the pages rest on, in one line."""
    analysis, count = context.analysis, len(context.analysis.measurements)
    return clean(
        context.t(
            "board.sources",
            scenario=clean(analysis.scenario, 40),
            digest=analysis.provenance.scenario_sha256[:8],
            trials=f"{analysis.provenance.trials:,}",
            measured=context.t("board.sources.measured", count=count)
            if count
            else context.t("board.sources.unmeasured"),
            base=context.t(f"base_case.{analysis.base_case}"),
        )
    )


def _answer(context: Context) -> list[Block]:
    rows = (
        (context.t("board.row.recommend"), titles.recommend(context)),
        (context.t("board.row.why"), titles.why(context)),
        (context.t("board.row.change"), titles.would_change(context)),
    )
    t = context.t
    columns = context.heads((t("board.row.question"), 1), (t("board.row.answer"), 6))
    cash = cash_curve(context)
    return [Table(columns, rows), criteria(context), *([cash] if cash else [])]


def _money(context: Context) -> list[Block]:
    parts = (bridge(context), yearly(context), costs_over_time(context))
    return [part for part in parts if part]


def _depends(context: Context) -> list[Block]:
    if not context.analysis.tornado:
        return [_turning(context)]
    turning = _turning(context)
    blocks: list[Block] = [tornado(context, MOST_BARS), *([turning] if turning.rows else [])]
    return [*blocks, histogram(context)] if context.analysis.risk else blocks


def _turning(context: Context) -> Table:
    """Where each driver turns the answer, and which were tried in vain."""
    t = context.t
    found = facts.turning(context)
    turning = {flip.driver for flip in found}
    tried = (flip for flip in context.analysis.verdict.flips if flip.at is None)
    found += [flip for flip in tried if flip.driver not in turning]
    return context.table(
        found[:MOST_BARS],
        ("would_flip", 2.6, lambda flip: context.name(flip.driver)),
        ("now", 1.5, lambda flip: context.value(flip.now, flip.unit), True),
        ("flips_at", 2.1, lambda flip: _place(context, flip), True),
        ("becomes", 1.2, lambda flip: t(f"verdict.{flip.becomes}") if flip.becomes else ""),
    )


def _place(context: Context, flip: Flip) -> str:
    """Where the answer is another one; of a base case, where it pays."""
    if flip.at is None:
        return context.t("never_in_range")
    side = said.side(context.words, flip)
    return side if flip.becomes else said.pays(context.words, flip, flip.now) or side


def _others(context: Context) -> list[Block]:
    results = context.analysis.options
    if not results:
        return [criteria(context)]
    blocks: list[Block] = [_options(context), *reasons(context, results)]
    curve = context.analysis.volume_curve
    blocks += [volume_chart(context, curve)] if curve else []
    return [*blocks, _differences(context, results)]


def _differences(context: Context, results: tuple[OptionResult, ...]) -> Table:
    """Every input in which an option differs from the plan, and those that count in one alone."""
    t = context.t
    columns = context.heads(("option", 1.2), ("changed", 2), ("only_here", 2), ("not_here", 2))
    rows = tuple(
        (
            capital(context.option_name(option)),
            *(t("list.comma").join(part) or NONE for part in said.differences(
                context.words, option, context.name)),
        )
        for option in results
        if option.kind == "option" and option.feasible
    )  # fmt: skip
    return Table(columns, rows)


def _options(context: Context) -> Table:
    """The plan and the best of its alternatives."""
    table = options_table(context, OPTION_FIGURES)
    return replace(table, rows=table.rows[:MOST_OPTIONS])


def _evidence(context: Context) -> list[Block]:
    """What the drivers that matter most rest on."""
    drivers, words = context.analysis.drivers, context.words
    known = [bar for bar in facts.swings(context) if bar.driver in drivers][:MOST_DRIVERS]
    table = context.table(
        known,
        ("driver", 2.3, lambda bar: context.name(bar.driver)),
        ("value", 1.6, lambda bar: said.setting(words, drivers[bar.driver]), True),
        ("range", 1.7, lambda bar: words.bare_range(bar.low, bar.high, bar.unit), True),
        ("moves", 1.2, lambda bar: titles.amount(context, bar.at_high - bar.at_low), True),
        ("basis", 1.1, lambda bar: context.t(f"basis.{drivers[bar.driver].basis}")),
        ("source", 2.3, lambda bar: clean(source(context, drivers[bar.driver].source), 48)),
    )
    return [table, Paragraph(_measured(context)), *evidence_details(context)]


def _measured(context: Context) -> str:
    """What was measured and predicted, in a sentence."""
    used, predicted = context.analysis.measurements, context.analysis.predictions
    if not used and not predicted:
        return context.t("board.measured.none")
    devices = ", ".join(dict.fromkeys(clean(use.device, 40) for use in used))
    key = "both" if used and predicted else "measured" if used else "predicted"
    return context.t(
        f"board.measured.{key}", count=len(used), devices=devices, predicted=len(predicted)
    )


def _risks(context: Context, day: date) -> list[Block]:
    """Risks and steps, each with its size and a date."""
    t = context.t
    columns = context.heads(
        (t("board.risk.what"), 2.8), (t("board.risk.size"), 4), (t("board.risk.when"), 1.8),
    )  # fmt: skip
    rows = [*_risk_rows(context), *_steps(context, day)]
    blocks: list[Block] = [Table(columns, tuple(rows))]
    return [*blocks, *worth_table(context)]


def _risk_rows(context: Context) -> list[tuple[str, str, str]]:
    """The loss, the stress of prices, and what the linter warns of."""
    t, risk, found = context.t, context.analysis.risk, []
    if risk is not None:
        loss = context.words.percent(risk.probability_of_loss)
        key = facts.asked(context, "board.risk.loss")
        worst = context.words.money(facts.sign(context) * risk.expected_shortfall_usd)
        found.append((t(key), t(f"{key}.size", loss=loss, worst=worst), ""))
    for one in context.analysis.verdict.criteria:
        fixed = one.reason == "nothing_sold"
        if one.key == "npv_at_price_fall_stress_usd" and not fixed:
            size = t("board.risk.stress.size", npv=context.value(one.value, one.unit))
            found.append((context.name(one.key), size, ""))
    order = ("error", "warning", "note")
    findings = sorted(context.analysis.findings, key=lambda one: order.index(one.severity))
    for finding in findings[: MOST_RISKS - len(found)]:
        told = _COMMAND.sub("", said.finding(context.words, finding))
        said_here = clean(told or said.finding(context.words, finding), 200)
        found.append((t(f"board.risk.{finding.severity}"), said_here, ""))
    return found


def _steps(context: Context, day: date) -> list[tuple[str, str, str]]:
    """What to measure, decide and look at again, with dates."""
    t, first = context.t, facts.first_to_know(context)
    when = [
        context.words.day(day + timedelta(days=count))
        for count in (titles.MEASURE_DAYS, titles.DECIDE_DAYS, titles.REVIEW_DAYS)
    ]
    steps = []
    if first is not None:
        worth = facts.worth_usd(context, first)
        size = t("board.step.measure.size")
        if worth:
            size = t("board.step.measure.worth", worth=context.words.money(worth))
        steps.append((t("board.step.measure", driver=context.name(first)), size, when[0]))
    key = f"board.step.decide.{context.analysis.verdict.outcome}"
    if facts.is_cost_question(context):
        key = "cost.board.step.decide"
    steps.append((t("board.step.decide"), t(key), when[1]))
    steps.append((t("board.step.review"), t("board.step.review.size"), when[2]))
    return steps
