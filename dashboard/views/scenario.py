"""The business question and its drivers, to be set, compared, undone, saved and shared."""

from __future__ import annotations

import streamlit as st

from modelworth.costmodel.analysis import Analysis
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.dashboard import state
from modelworth.dashboard.parts import answers, driver_panel, driver_table, provenance, show
from modelworth.dashboard.parts import columns as tables
from modelworth.dashboard.parts import scenario_files as exchange
from modelworth.report import spent

words = state.words()
MATTERS = driver_table.MATTERS


def toolbar() -> None:
    """Templates, undo, files and the link."""
    mine = state.session()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall"):
        exchange.templates()
        st.button(
            words.t("scenario.undo"), icon=":material/undo:", on_click=state.undo,
            disabled=not mine.past, key="undo",
        )  # fmt: skip
        st.button(
            words.t("scenario.reset"), icon=":material/restart_alt:", on_click=state.reset,
            disabled=mine.scenario.sha256 == mine.base.sha256,
        )  # fmt: skip
        st.download_button(
            words.t("scenario.download"), scenarios.to_yaml(mine.scenario),
            f"{mine.scenario.name}.yaml", "application/yaml", icon=":material/download:",
            on_click="ignore",
        )  # fmt: skip
        with st.popover(words.t("scenario.share"), icon=":material/link:"):
            exchange.sharing()
        with st.popover(words.t("scenario.upload"), icon=":material/upload:"):
            exchange.uploading()
        with st.popover(words.t("scenario.text"), icon=":material/code:"):
            exchange.writing()


def strip(analysis: Analysis) -> None:
    """What the scenario comes to, while it is being changed."""
    npv, outcome = analysis.indicators["npv_usd"], analysis.verdict.outcome
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        if spent.is_cost(analysis):
            st.markdown(answers.cost(analysis))
            return
        st.badge(words.t(f"outcome.{outcome}"), color=answers.OUTCOMES[outcome])
        st.markdown(
            show.say(
                "scenario.strip",
                npv=words.value(npv.base, npv.unit),
                probability=words.value(analysis.verdict.probability_npv_positive, "share"),
            )
        )


@show.fragment
def page() -> None:
    """The table of what matters or of a topic, one driver closely, and what differs."""
    if state.turned("scenario"):
        st.rerun()
    toolbar()
    analysis = state.analysis()
    strip(analysis)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        topic = st.pills(
            words.t("scenario.section"), (MATTERS, *exchange.SECTIONS), default=MATTERS,
            format_func=lambda one: words.t(f"section.{one}"), key="scenario.section",
        )  # fmt: skip
        wanted = st.text_input(
            words.t("scenario.search"), key="scenario.search", icon=":material/search:", width=220
        )
        only = st.toggle(words.t("scenario.only_changed"), key="scenario.only_changed")
    keys = driver_table.found_drivers(analysis, words, topic or MATTERS, wanted, only_changed=only)
    if keys:
        place = f"{topic}-{wanted}-{only}"
        driver_table.show(analysis, keys, place)
        st.caption(words.t("scenario.table"))
        driver_panel.panel(analysis, keys)
    else:
        show.empty("scenario.nothing")
    st.subheader(words.t("scenario.changes"), anchor=False)
    differences = driver_table.differences(state.session().base, state.session().scenario, words)
    if differences.empty:
        st.caption(words.t("scenario.no_changes"))
    else:
        tables.shown(differences, "changes")


show.heading("scenario")
page()
provenance.footer()
