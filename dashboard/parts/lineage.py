"""What a figure rests on: its formula, the lines and drivers in it, the measurement under those.

A dialog that opens on any figure and lets a reader walk down, step by step, to a record or source.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from modelworth.costmodel.analysis import Analysis, DriverUse, Figure, LineUse
from modelworth.dashboard import state
from modelworth.dashboard.parts import record_details as record
from modelworth.dashboard.parts import show
from modelworth.report import charts, said

PATH, OPEN = "lineage", "lineage-open"


def button(key: str, place: str) -> None:
    """A small button that opens the lineage of `key`; `place` tells two on one page apart."""
    about = state.words().t("lineage.open")
    if st.button(
        "", key=f"why-{place}-{key}", help=about, icon=":material/account_tree:", type="tertiary"
    ):
        show_for(key)


def show_for(key: str) -> None:
    """Open the dialog on `key`."""
    st.session_state[PATH] = [key]
    st.session_state[OPEN] = True
    title = state.words().t("lineage.title")
    st.dialog(title, width="large", on_dismiss=redrawn)(_dialog)()


def is_open() -> bool:
    """Whether a reader has the dialog before them, which a redraw of the whole page would close."""
    return OPEN in st.session_state


def redrawn() -> None:
    """The page is drawn anew, or the dialog was closed: there is none."""
    st.session_state.pop(OPEN, None)


def _dialog() -> None:
    path: list[str] = st.session_state[PATH]
    analysis, words = state.analysis(), state.words()
    if len(path) > 1:
        back = words.t("lineage.back", name=words.name(path[-2]))
        st.button(back, icon=":material/arrow_back:", type="tertiary", on_click=path.pop)
    key = path[-1]
    st.subheader(show.plain(words.name(key)), anchor=False)
    if key in analysis.drivers:
        driver(analysis.drivers[key])
        return
    figure = analysis.indicators.get(key)
    if figure is not None:
        _indicator(figure)
    line = analysis.lines.get(key) or (figure and analysis.lines.get(figure.line or ""))
    if line:
        _line(analysis, line)


def _indicator(figure: Figure) -> None:
    words = state.words()
    st.markdown(f"**{show.plain(words.value(figure.base, figure.unit))}**")
    span = words.range(figure.p10, figure.p90, figure.unit)
    if span:
        st.caption(show.say("figure.range", range=span))
    show.basis(figure.basis)


def _line(analysis: Analysis, line: LineUse) -> None:
    words = state.words()
    st.code(f"{line.key} = {line.formula}", language="python", wrap_lines=True)
    if line.source:
        st.caption(show.plain(said.source(words, line.source)))
    if series := analysis.series.get(line.key):
        show.chart(charts.band(state.look(), series), f"lineage-{line.key}")
    if line.uses:
        st.caption(words.t("lineage.uses"))
        _steps(analysis, line.uses)


def _steps(analysis: Analysis, keys: Sequence[str]) -> None:
    """What a line uses, each a step further down."""
    words = state.words()
    for key in keys:
        use = analysis.drivers.get(key)
        shown = f": {said.driver_value(words, use.key, use.value)}" if use else ""
        mark = f" ({words.t(f'basis.{use.basis}')})" if use else ""
        st.button(
            show.plain(words.name(key) + shown + mark), type="tertiary",
            icon=":material/tune:" if use else ":material/function:",
            key=f"step-{len(st.session_state[PATH])}-{key}",
            on_click=st.session_state[PATH].append, args=(key,),
        )  # fmt: skip


def driver(use: DriverUse) -> None:
    """Everything known of a driver: value, range, source, age, and the records under it."""
    words = state.words()
    st.markdown(f"**{show.plain(said.driver_value(words, use.key, use.value))}**")
    with st.container(horizontal=True):
        show.basis(use.basis)
        if use.quality:
            st.badge(words.t(f"quality.{use.quality}"), color="gray")
        if use.changed:
            st.badge(words.t("driver.changed"), color="blue")
    if use.low is not None:
        st.markdown(show.say("driver.range", range=words.range(use.low, use.high, use.unit)))
    if use.default is not None:
        st.markdown(show.say("driver.default", value=words.value(use.default, use.unit)))
    if use.distribution is not None:
        st.markdown(show.say("driver.distribution", spec=use.distribution))
    if use.source:
        source = said.source(words, use.source)
        st.markdown(show.say("driver.source", source=source, day=use.as_of or ""))
    if use.stale_days is not None and use.stale_days > state.STALE_DAYS:
        st.warning(show.say("driver.stale", days=use.stale_days))
    for measurement_id in use.measurement_ids[:3]:
        record.panel(measurement_id)
