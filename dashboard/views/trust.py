"""What trust costs and changes, and why these figures can be trusted: the published cases."""

from __future__ import annotations

import streamlit as st

from modelworth.costmodel.analysis import Analysis
from modelworth.costmodel.business.trust_steps import trust_steps
from modelworth.dashboard import state
from modelworth.dashboard.parts import (
    chain_table,
    driver_cards,
    learned,
    provenance,
    show,
    trend_table,
)
from modelworth.dashboard.parts import columns as tables
from modelworth.dashboard.parts import published_cases as literature
from modelworth.report import charts

words, look = state.words(), state.look()
PRIVACY = (
    "trust.private_training", "trust.confidential_computing", "trust.on_premises",
    "trust.scrubbed_share", "trust.explained_share", "trust.logprobs_share",
)  # fmt: skip


@show.fragment
def token() -> None:
    """The cost of a trustworthy token, and the promises that make it."""
    st.subheader(words.t("trust.token"), anchor=False)
    analysis = state.analysis()
    steps = trust_steps(analysis.months, state.values(analysis))
    if not steps:
        show.empty("trust.no_tokens")
    else:
        waterfall(analysis, [(step.key, step.usd_per_million_tokens) for step in steps[:-1]])
    st.caption(words.t("trust.promises"))
    driver_cards.grid(analysis, list(PRIVACY))


def waterfall(analysis: Analysis, steps: list[tuple[str, float]]) -> None:
    """From bare serving to the price that customers pay."""
    named = [(words.t(f"step.{key}"), amount) for key, amount in steps if amount]
    chart = charts.waterfall(look, named, words.t("step.price"), "usd_per_million_tokens")
    show.chart(chart, "trust", words.t("trust.token.reading", months=analysis.months))


@show.fragment
def chain() -> None:
    """The chain from data to privacy."""
    chain_table.shown(state.analysis())


@show.fragment
def learning() -> None:
    """What size and data buy, measured here."""
    learned.shown(state.analysis())


@show.fragment
def later() -> None:
    """Trends, and the plan begun later."""
    trend_table.shown(state.analysis())


def reproduced() -> None:
    """Published cases beside what the model gives."""
    st.subheader(words.t("trust.literature"), anchor=False)
    st.caption(words.t("trust.literature.text"))
    table = literature.table(words)
    if table.empty:
        show.empty("trust.no_cases")
        return
    good = int((table["ok"] == "✓").sum())
    st.caption(words.t("trust.literature.count", good=good, all=len(table)))
    tables.shown(table, "literature")


show.heading("trust")
with show.errors_said():
    chain()
    learning()
    later()
    token()
    reproduced()
provenance.footer()
