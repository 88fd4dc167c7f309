"""The facts under the figures: devices, prices, power, models, drivers; with source and age."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from modelworth.dashboard import sources, state
from modelworth.dashboard.parts import columns as tables
from modelworth.dashboard.parts import facts, provenance, show

words = state.words()


@show.fragment
def page() -> None:
    """One table at a time."""
    table = show.choice("data.table", list(facts.ROW_TYPES), "data.table.{}")
    catalog = sources.catalog()
    if st.toggle(words.t("data.edit"), key="data.edit"):
        edit(table)
        return
    found = facts.aged(catalog, table, datetime.now(UTC).date())
    old = int(found["stale"].sum())
    st.caption(words.t("data.rows", rows=len(found), old=old))
    tables.shown(found, f"facts-{table}")
    provenance.evidence(table=lambda: facts.frame(catalog, table))


def edit(table: str) -> None:
    """A copy to change and take away; the shipped table stays as it is."""
    st.caption(words.t("data.edit.text"))
    edited = st.data_editor(
        facts.frame(sources.catalog(), table), key=f"edit-{table}", num_rows="dynamic",
        hide_index=True, placeholder="",
    )  # fmt: skip
    with show.errors_said():
        st.download_button(
            words.t("data.download"), facts.checked_copy(edited, table), f"{table}.csv",
            "text/csv", icon=":material/download:", on_click="ignore",
        )  # fmt: skip


show.heading("data")
page()
