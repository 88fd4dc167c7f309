"""A driver as a card to set it: number, word or switch, its range, basis and source."""

from __future__ import annotations

from typing import Any

import streamlit as st

from modelworth.costmodel.analysis import Analysis, DriverUse
from modelworth.costmodel.scenario.drivers import Driver, load_drivers
from modelworth.dashboard import state
from modelworth.dashboard.parts import lineage, show

ACROSS = 3
SCREEN = {"share": 100.0}
"""What a unit is multiplied by on screen: shares are entered as percentages."""


def grid(analysis: Analysis, keys: list[str]) -> None:
    """Cards side by side."""
    for start in range(0, len(keys), ACROSS):
        columns = st.columns(ACROSS)
        for column, key in zip(columns, keys[start : start + ACROSS], strict=False):
            with column:
                card(analysis.drivers[key])


def card(use: DriverUse) -> None:
    """One driver."""
    words, driver = state.words(), load_drivers()[use.key]
    with st.container(border=True, height="stretch", gap="xxsmall"):
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
    label, changed = words.name(use.key), _setter(driver, key)
    meaning = show.plain(f"{driver.meaning} ({driver.unit})")
    if driver.kind == "choice":
        st.selectbox(
            label, driver.choices, index=int(use.value), key=key, on_change=changed, help=meaning,
            format_func=lambda choice: words.t(f"choice.{choice}"),
        )  # fmt: skip
    elif driver.kind == "switch":
        st.toggle(label, value=bool(use.value), key=key, on_change=changed, help=meaning)
    elif driver.kind == "monthly":
        st.caption(f"{label}: {words.t('driver.monthly')}")
    else:
        whole = driver.kind == "integer"
        scale = SCREEN.get(driver.unit, 1.0)
        st.number_input(
            f"{label} ({words.unit(use.unit)})", value=_shown(use.value, scale, whole), key=key,
            min_value=_shown(driver.minimum, scale, whole),
            max_value=_shown(driver.maximum, scale, whole),
            step=1 if whole else None, format="%d" if whole else "%.10g",
            help=meaning, on_change=changed,
        )  # fmt: skip


def _shown(value: float | None, scale: float, whole: bool) -> float | int | None:
    """A number as the widget shows it: whole, or in the unit of the screen without stray digits."""
    if value is None:
        return None
    return int(value) if whole else float(f"{value * scale:.12g}")


def _setter(driver: Driver, widget: str) -> Any:
    scale = SCREEN.get(driver.unit)

    def changed() -> None:
        value = st.session_state[widget]
        state.set_driver(driver.key, float(f"{value / scale:.12g}") if scale else value)

    return changed


def details(use: DriverUse) -> None:
    """Source, records and uncertainty of a driver, in a dialog."""
    title = state.words().name(use.key)
    st.dialog(title, width="medium")(_details)(use)


def _details(use: DriverUse) -> None:
    lineage.driver(use)
    driver = load_drivers()[use.key]
    if driver.kind in ("number", "integer") and driver.section != "cash":
        _uncertainty(use)
    if use.changed and st.button(state.words().t("driver.forget"), icon=":material/undo:"):
        state.forget_driver(use.key)
        st.rerun()


def _uncertainty(use: DriverUse) -> None:
    """Give the driver a range instead of a number."""
    words, scale = state.words(), SCREEN.get(use.unit, 1.0)
    st.divider()
    st.caption(words.t("driver.uncertainty", unit=words.unit(use.unit)))
    spec = use.distribution if set(use.distribution or ()) == {"low", "mode", "high"} else {}
    start = {"low": use.low, "mode": use.value, "high": use.high}
    with st.form(f"range-{use.key}", border=False):
        columns = st.columns(3)
        values = {
            end: column.number_input(
                words.t(f"driver.{end}"), format="%.10g", key=f"{end}-{use.key}",
                value=_shown(spec.get(end, start[end]) or 0.0, scale, whole=False),
            )
            for column, end in zip(columns, start, strict=True)
        }  # fmt: skip
        if st.form_submit_button(words.t("driver.apply"), type="primary"):
            wanted = {end: float(f"{value / scale:.12g}") for end, value in values.items()}
            state.set_driver(use.key, wanted)
            st.rerun()
