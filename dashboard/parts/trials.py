"""How many trials are drawn: set here, run in the background where they are many."""

from __future__ import annotations

import streamlit as st

from modelworth.costmodel.analysis import Analysis
from modelworth.dashboard import sources, state
from modelworth.dashboard.parts import show
from modelworth.dashboard.parts.background_jobs import Task

CHOICES = [500, 2_000, 10_000, 50_000, 100_000]
MANY = 10_000
PARTS = (*state.ALWAYS, "sensitivity")
LOOK_EVERY_S = 0.5


def panel() -> None:
    """Choose how many; from `MANY` on they run beside the page, which shows how far they are."""
    words, mine = state.words(), state.session()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        count = st.segmented_control(
            words.t("trials.count"), CHOICES, default=mine.trials, required=True, key="trials",
            format_func=words.number,
        )  # fmt: skip
    if count == mine.trials:
        return
    if count < MANY:
        _take(count)
        return
    if "trials-task" not in st.session_state:
        _start(count)
    st.fragment(_watch, run_every=LOOK_EVERY_S)(count)
    st.stop()


def _take(count: int) -> None:
    state.session().trials = count
    st.rerun()


def _start(count: int) -> None:
    scenario = state.session().scenario

    def work(task: Task[Analysis]) -> Analysis:
        return sources.evaluated(
            scenario, count, PARTS, progress=task.report, cancelled=task.cancelled
        )

    task: Task[Analysis] = Task(work)
    st.session_state["trials-task"] = task
    task.start()


def _watch(count: int) -> None:
    words = state.words()
    task: Task[Analysis] = st.session_state["trials-task"]
    if task.running:
        done = words.number(task.done * count)
        text = words.t("trials.running", done=done, total=words.number(count))
        st.progress(min(1.0, task.done), text=text)
        st.button(words.t("trials.stop"), icon=":material/stop:", on_click=task.stop)
        return
    del st.session_state["trials-task"]
    if task.result is None:
        if task.error and not task.stopped:
            state.note("error", show.plain(task.error))
        st.session_state.pop("trials", None)
        st.rerun()
    sources.keep(state.session().scenario, count, PARTS, task.result)
    _take(count)
