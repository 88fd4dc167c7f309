"""A driver as a card to set it: number, word or switch, its range, basis and source."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from modelworth.costmodel.analysis import Analysis, DriverUse
from modelworth.costmodel.scenario.drivers import Driver, load_drivers
from modelworth.dashboard import state
from modelworth.dashboard.parts import asks, lineage, show


def grid(analysis: Analysis, keys: list[str]) -> None:
    """Cards side by side."""
    if keys:
        show.grid(keys[0], [analysis.drivers[key] for key in keys], card)


def card(use: DriverUse) -> None:
    """One driver."""
    words, driver = state.words(), load_drivers()[use.key]
    _input(driver, use)
    span = words.bare_range(use.low, use.high, use.unit)
    if span and driver.kind not in ("choice", "switch", "monthly"):
        st.caption(show.say("driver.plausible", range=span))
    with st.container(horizontal=True, vertical_alignment="center", gap="xxsmall"):
        show.basis(use.basis)
        if use.distribution is not None:
            st.badge(words.t("driver.uncertain"), color="blue")
        label, key = words.t("driver.more"), f"more-{use.key}"
        if st.button(label, key=key, type="tertiary", icon=":material/more_horiz:"):
            details(use)


def _input(driver: Driver, use: DriverUse) -> None:
    """The widget for its kind; a change goes to the scenario at once."""
    words = state.words()
    key = f"set-{use.key}-{state.session().revision}"
    label = words.name(use.key)
    meaning = show.plain(f"{driver.meaning} ({driver.unit})") if words.language == "en" else None
    if driver.kind == "choice":
        st.selectbox(
            label, driver.choices, index=int(use.value), key=key, on_change=_setter(driver, key),
            help=meaning, format_func=lambda choice: words.t(f"choice.{choice}"),
        )  # fmt: skip
    elif driver.kind == "switch":
        st.toggle(
            label, value=bool(use.value), key=key, on_change=_setter(driver, key), help=meaning
        )
    elif driver.kind == "monthly":
        st.caption(f"{label}: {words.t('driver.monthly')}")
    else:
        asks.field(use, label, key, meaning)


def _setter(driver: Driver, widget: str) -> Callable[[], None]:
    return lambda: state.set_driver(driver.key, st.session_state[widget])


def details(use: DriverUse) -> None:
    """Source, records and uncertainty of a driver, in a dialog."""
    title = state.words().name(use.key)
    st.dialog(title, width="medium")(_details)(use)


def _details(use: DriverUse) -> None:
    lineage.driver(use)
    driver = load_drivers()[use.key]
    if driver.kind in ("number", "integer") and driver.section != "cash":
        st.divider()
        asks.ranged(use)
    if use.changed and st.button(state.words().t("driver.forget"), icon=":material/undo:"):
        state.forget_driver(use.key)
        st.rerun()
