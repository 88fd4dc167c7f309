"""Profit and loss, cash flow and balance sheet, by year or by month."""

from __future__ import annotations

import streamlit as st

from modelworth.costmodel.analysis import Analysis
from modelworth.dashboard import state
from modelworth.dashboard.parts import actuals, lineage, provenance, show, statement_tables
from modelworth.report import charts

words, look = state.words(), state.look()
KINDS = ["profit", "cash", "balance"]
SPANS = ["yearly", "monthly"]


@show.fragment
def statement(analysis: Analysis) -> None:
    """One statement; a line opens what it is made of."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = show.choice("statements.kind", KINDS, "statements.{}", bare=True)
        span = show.choice("statements.span", SPANS, "statements.{}", bare=True)
    table = statement_tables.table(analysis, words, kind, yearly=span == "yearly")
    statement_tables.shown(table, words, f"{kind}-{span}")
    st.caption(words.t(f"statements.{kind}.text", currency=words.currency))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = st.selectbox(
            words.t("statements.line"), [key for key in table["key"] if key in analysis.lines],
            index=None, format_func=words.name, key=f"line-{kind}",
            placeholder=words.t("statements.line.text"), width=360,
        )  # fmt: skip
        if key and st.button(words.t("lineage.open"), icon=":material/account_tree:"):
            lineage.show_for(key)


@show.fragment
def spread(analysis: Analysis) -> None:
    """How sure the value is: the curve of all trials, with the threshold of the rule."""
    if analysis.risk is None:
        return
    st.subheader(words.t("statements.spread"), anchor=False)
    edges, counts = analysis.risk.bin_edges_usd, analysis.risk.bin_counts
    chart = charts.exceedance(look, edges, counts)
    probability = words.value(analysis.verdict.probability_npv_positive, "share")
    show.chart(chart, "exceedance", words.t("statements.spread.text", probability=probability))


show.heading("statements")
with show.errors_said():
    found = state.analysis()
    statement(found)
    spread(found)
    actuals.panel(found)
provenance.footer()
