"""Profit and loss, cash flow and balance sheet, by year or by month."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from modelworth.costmodel.analysis import Analysis
from modelworth.costmodel.business.statements import Kind, periods, statement
from modelworth.dashboard import state
from modelworth.dashboard.parts import actuals, entry, lineage, provenance, show
from modelworth.report import charts, spent

words, look = state.words(), state.look()
KINDS = ["profit", "cash", "balance"]
SPANS = ["yearly", "monthly"]
ROW_PX = 35


@show.fragment
def one(analysis: Analysis) -> None:
    """One statement; a line opens what it is made of."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = show.choice("statements.kind", KINDS, "statements.{}", bare=True)
        span = show.choice("statements.span", SPANS, "statements.{}", bare=True)
    lines = table(analysis, kind, yearly=span == "yearly")
    shown(lines, f"{kind}-{span}")
    st.caption(words.t(f"statements.{kind}.text", currency=words.currency))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = st.selectbox(
            words.t("statements.line"), [key for key in lines["key"] if key in analysis.lines],
            index=None, format_func=words.name, key=f"line-{kind}",
            placeholder=words.t("statements.line.text"), width=360,
        )  # fmt: skip
        if key and st.button(words.t("lineage.open"), icon=":material/account_tree:"):
            lineage.show_for(key)


def table(found: Analysis, kind: Kind, *, yearly: bool) -> pd.DataFrame:
    """A statement's lines with their values in whole units of the plan's money."""
    rows = statement(kind, found.series, yearly=yearly)
    heads = [head(month, yearly=yearly) for month in periods(found.months, yearly=yearly)]
    return pd.DataFrame(
        {
            "line": ("" if row.sort == "item" else "▸ ") + name(row.key),
            **{
                at: round(entry.shown(value, "usd", words))
                for at, value in zip(heads, row.values, strict=True)
            },
            "key": row.key,
        }
        for row in rows
    )


def name(key: str) -> str:
    """What a line is called; three stocks are no lines of the model."""
    text = words.t(f"statements.line.{key}")
    return words.name(key) if text == f"statements.line.{key}" else text


def head(month: int, *, yearly: bool) -> str:
    """What a period is called, by its last month."""
    if month == 0:
        return words.t("statements.before")
    if yearly:
        return words.t("statements.year", year=-(-month // 12))
    return words.t("column.month", month=month)


def shown(frame: pd.DataFrame, place: str) -> None:
    """The table with its first column held in place."""
    column: Any = st.column_config
    heads = [one for one in frame.columns if one not in ("line", "key")]
    config = {
        "line": column.TextColumn(words.t("column.line"), pinned=True, width="medium"),
        "key": None,
        **{one: column.NumberColumn(one, format="localized") for one in heads},
    }
    st.dataframe(
        frame, hide_index=True, column_config=config, key=f"statement-{place}", placeholder="",
        height=ROW_PX * (len(frame) + 1) + 3,
    )  # fmt: skip


@show.fragment
def spread(analysis: Analysis) -> None:
    """How sure the value is: the curve of all trials, with the threshold of the rule."""
    if analysis.risk is None or spent.is_cost(analysis):
        return  # a cost has no threshold to be above
    st.subheader(words.t("statements.spread"), anchor=False)
    edges, counts = analysis.risk.bin_edges_usd, analysis.risk.bin_counts
    chart = charts.exceedance(look, edges, counts)
    probability = words.value(analysis.verdict.probability_npv_positive, "share")
    show.chart(chart, "exceedance", words.t("statements.spread.text", probability=probability))


show.heading("statements")
with show.errors_said():
    found = state.analysis()
    one(found)
    spread(found)
    actuals.panel(found)
provenance.footer()
