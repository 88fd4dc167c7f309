"""The first page: pick a question, answer about eight things, and see what comes of them."""

from __future__ import annotations

import streamlit as st

from modelworth.costmodel.scenario.scenario import Scenario
from modelworth.dashboard import sources, state
from modelworth.dashboard.guides import Guide, load_guides
from modelworth.dashboard.parts import answers, asks, provenance, show, worked

words = state.words()
LOOK_EVERY_S = 1.0


def kinds() -> None:
    """The kinds of questions, side by side."""
    st.title(words.t("start.title"), anchor=False)
    st.caption(words.t("start.lead"))
    show.grid("kinds", list(load_guides().values()), _tile)


def _tile(guide: Guide) -> None:
    st.button(
        sources.prose(guide.scenario, words.language, "name"), icon=f":material/{guide.icon}:",
        key=f"tile-{guide.key}", width="stretch", on_click=state.open_shipped, args=(guide.key,),
    )  # fmt: skip
    st.caption(show.plain(sources.prose(guide.scenario, words.language, "question")))


def cards() -> None:
    """Worked questions with their answers."""
    st.subheader(words.t("start.worked"), anchor=False)
    worked.start(state.TRIALS, state.ALWAYS)
    ready = worked.finished()
    st.fragment(_cards, run_every=None if ready else LOOK_EVERY_S)(ready)


def _cards(ready: bool) -> None:
    if worked.finished() and not ready:
        st.rerun()
    show.grid("worked", list(worked.questions().items()), _card)


def _card(question: tuple[str, Scenario]) -> None:
    """A question and its answer; opening it leads to the verdict."""
    (name, scenario), found = question, worked.answers()
    title = show.plain(sources.prose(scenario, words.language, "name"))
    if st.button(title, key=f"tile-worked-{name}", width="stretch"):
        state.open_shipped(name)
        st.switch_page("views/verdict.py")
    st.caption(show.plain(sources.prose(scenario, words.language, "question")))
    answers.badge(found.get(name), waiting=name not in found)


def machine() -> None:
    """From a measurement to its price."""
    with st.container(border=True):
        st.markdown(f":material/speed: **{words.t('start.machine')}**")
        measured = not sources.tally().empty
        st.caption(words.t("start.machine.text" if measured else "start.machine.none"))
        if measured and st.button(words.t("start.machine.button"), key="price-machine"):
            state.open_shipped(worked.OWN_MACHINE)
            st.switch_page("views/verdict.py")
        if not measured:
            st.page_link("views/measurements.py", label=words.t("start.measure"))


@show.fragment
def answering() -> None:
    """The questions on one side, the answer on the other: both on one screen."""
    guide = state.guide()
    if guide is None or state.turned("start"):
        st.rerun()
    st.title(show.plain(state.title()), anchor=False)
    st.markdown(show.plain(sources.prose(guide.scenario, words.language, "question")))
    left, right = st.columns([4, 5], gap="large")
    with left:
        st.subheader(words.t("start.answers"), anchor=False)
        found = state.analysis(*answers.PARTS[guide.answer])
        for key in guide.asks:
            asks.ask(key, found)
    with right, st.container(key="answer"):
        answers.lead(guide.answer, found)
        answers.assumed(found, guide.asks)
        answers.further()


if state.guide() is None:
    kinds()
    machine()
    cards()
    provenance.evidence(worked=lambda: worked.table(words))
else:
    st.button(
        words.t("start.other"), icon=":material/arrow_back:", type="tertiary", key="other",
        on_click=state.leave_guide,
    )  # fmt: skip
    answering()
    provenance.footer()
