"""Where a page's figures come from, said on demand, and all of them to take away."""

from __future__ import annotations

import streamlit as st

from modelworth.costmodel.analysis import Analysis
from modelworth.dashboard import state
from modelworth.dashboard.parts import money_lines as money
from modelworth.dashboard.parts import show


def footer() -> None:
    """What makes the figures of this page again, and their table."""
    words = state.words()
    with show.errors_said(), st.expander(words.t("provenance.title"), icon=":material/info:"):
        _said(state.analysis())
        with st.container(horizontal=True):
            st.download_button(
                words.t("provenance.figures"), lambda: money.figures_csv(state.analysis()),
                "figures.csv", "text/csv", icon=":material/download:", key="figures-csv",
                on_click="ignore",
            )  # fmt: skip
            st.download_button(
                words.t("provenance.months"), lambda: money.csv(state.analysis()),
                "monthly.csv", "text/csv", icon=":material/download:", key="months-csv",
                on_click="ignore",
            )  # fmt: skip


def _said(found: Analysis) -> None:
    words, origin = state.words(), found.provenance
    lines = [
        words.t(
            "provenance.trials", trials=words.number(origin.trials), seed=origin.seed,
            plan=origin.scenario_sha256[:12],
        ),
        words.t("provenance.store", count=origin.store_measurements,
                digest=(origin.store_digest or "–")[:12]),
        words.t(
            "provenance.basis",
            measured=len(found.measurements), predicted=len(found.predictions),
            drivers=len(found.drivers),
        ),
        ", ".join(f"{name} {version}" for name, version in origin.versions.items()),
    ]  # fmt: skip
    for line in lines:
        st.caption(show.plain(line))
    st.code(origin.command, language="bash")
    st.caption(words.t("provenance.charts"))
