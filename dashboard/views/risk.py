"""How sure are we, what makes it unsure, and what is worth measuring next."""

from __future__ import annotations

import streamlit as st

from modelworth.costmodel.analysis import Analysis, Risk
from modelworth.dashboard import state
from modelworth.dashboard.parts import provenance, show, trials
from modelworth.report import charts, spent

words, look = state.words(), state.look()
MOST = 12


def spread(analysis: Analysis, risk: Risk) -> None:
    """The distribution of NPV."""
    value, cost = spent.value(analysis), spent.is_cost(analysis)
    show.metrics([("risk.dearest", -risk.expected_shortfall_usd, "usd")] if cost else [
        ("risk.loss", risk.probability_of_loss, "share"),
        ("risk.shortfall", risk.expected_shortfall_usd, "usd"),
        ("risk.evpi", risk.evpi_usd, "usd"),
    ])  # fmt: skip
    marks = [
        (at, f"P{share} {words.money(at)}")
        for share, at in ((10, value.p10), (50, value.p50), (90, value.p90))
        if at is not None
    ]
    chart = charts.histogram(look, *spent.outcomes(analysis, risk), marks)
    reading = words.t(
        "risk.spread.cost" if cost else "risk.spread.reading",
        loss=words.percent(risk.probability_of_loss),
        range=words.range(value.p10, value.p90, "usd"), trials=f"{risk.trials:,}",
    )  # fmt: skip
    show.chart(chart, "spread", reading)


def causes(analysis: Analysis, risk: Risk) -> None:
    """Which drivers make it unsure, seen four ways."""
    view = show.choice("risk.view", ["tornado", "sobol", "evppi", "rank"], "risk.{}")
    found = risk.influences
    if view == "tornado":
        value = spent.value(analysis)
        bars = spent.swings(analysis, analysis.tornado[:MOST])
        chart = charts.tornado(look, bars, value.base or 0.0, value.unit)
    elif view == "sobol":
        rows = [
            (words.name(one.driver), one.first_order, one.total)
            for one in found
            if one.first_order is not None and one.total is not None
        ]
        names = (words.t("risk.first_order"), words.t("risk.total"))
        chart = charts.pairs(look, rows[:MOST], names, "share")
    else:
        column, unit = ("evppi_usd", "usd") if view == "evppi" else ("rank_correlation", "ratio")
        rows = [(words.name(one.driver), getattr(one, column)) for one in found]
        chart = charts.bars(look, [row for row in rows if row[1] is not None][:MOST], unit)
    show.chart(
        chart,
        f"causes-{view}",
        words.t(f"risk.{view}.reading", of=words.name(spent.value(analysis).key)),
    )


def next_measurement(risk: Risk) -> None:
    """What to find out before deciding, and what that is worth."""
    worth = [one for one in risk.influences if one.evppi_usd]
    best = max(worth, key=lambda one: one.evppi_usd or 0.0, default=None)
    if best is None:
        st.info(words.t("risk.nothing_to_measure"))
        return
    driver, value = words.name(best.driver), words.money(best.evppi_usd or 0.0)
    st.info(show.say("risk.measure_next", driver=driver, value=value), icon=":material/lightbulb:")


show.heading("risk")
with show.errors_said():
    trials.panel()
    full = state.analysis("sensitivity")
    if full.risk is None:
        show.empty("risk.none")
    else:
        spread(full, full.risk)
        next_measurement(full.risk)
        causes(full, full.risk)
provenance.footer()
