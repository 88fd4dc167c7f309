"""Plans side by side: their figures, the bridge from one value to the other, their differences."""

from __future__ import annotations

import streamlit as st

from modelworth.dashboard import state
from modelworth.dashboard.parts import columns as tables
from modelworth.dashboard.parts import driver_table, plans, provenance, show
from modelworth.report import charts

words, look = state.words(), state.look()
MOST = 4


def saving() -> None:
    """Keep the plan at hand under a name."""
    with st.form("save-plan", border=True):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.text_input(
                words.t("compare.name"), state.title(), plans.LONGEST_NAME, key="plan.name"
            )
            asked = st.form_submit_button(words.t("compare.save"), icon=":material/save:")
        if asked:
            with show.errors_said():
                key = plans.keep(name)
                st.success(show.say("compare.saved", name=name, hash=key))


def chosen(found: dict[str, plans.Plan]) -> list[plans.Plan]:
    """Which plans stand side by side; the one at hand and the next to begin with."""
    keys = list(found)
    picked = st.multiselect(
        words.t("compare.which"), keys, keys[:2], max_selections=MOST, key="compare.which",
        format_func=lambda key: plans.label(found[key], words),
    )  # fmt: skip
    return [found[key] for key in picked]


def together(listed: list[plans.Plan]) -> None:
    """Figures, bridge and differences."""
    st.dataframe(
        plans.side_by_side(listed, words), hide_index=True, key="side-by-side", height="content"
    )
    if len(listed) < 2:
        show.empty("compare.one")
        return
    first, second = listed[:2]
    differences = driver_table.differences(first.scenario, second.scenario, words)
    if differences.empty:
        st.info(words.t("compare.same"))
        return
    st.subheader(show.say("compare.bridge", first=first.name, second=second.name), anchor=False)
    rows, end = plans.steps(first, second, words)
    show.chart(charts.waterfall(look, rows, end, "usd"), "bridge", words.t("compare.bridge.text"))
    st.subheader(words.t("compare.differences"), anchor=False)
    tables.shown(differences, "plan-differences")


def kept() -> None:
    """Every saved version, to be opened again or sent as a link."""
    listed = plans.saved(words.language)
    st.subheader(words.t("compare.history"), anchor=False)
    if not listed:
        st.caption(words.t("compare.none"))
        return
    picked = tables.shown(plans.history(listed), "plan-history", select=True)
    if picked is None:
        st.caption(words.t("compare.pick"))
        return
    plan = next(one for one in listed if one.key == picked["hash"])
    st.code(state.saved_link(plan.key), language=None, wrap_lines=True)
    if st.button(words.t("compare.open"), icon=":material/folder_open:", key="plan-open"):
        state.start_from(plan.scenario)
        st.switch_page("views/verdict.py")


show.heading("compare")
with show.errors_said():
    saving()
    together_with = chosen(plans.available(words.language))
    if together_with:
        together(together_with)
    kept()
provenance.footer()
