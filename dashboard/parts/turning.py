"""What would turn the answer: worked out beside the page, after the reader's hand rests.

Each driver is turned over the trials until the verdict's own rule answers otherwise, which takes
longer than a slider may wait. So the page is drawn without it, and this part follows.
"""

from __future__ import annotations

from time import monotonic

import streamlit as st

from modelworth.costmodel.analysis import Analysis
from modelworth.dashboard import sources, state
from modelworth.dashboard.parts import figures, lineage
from modelworth.dashboard.parts.background_jobs import Task

PARTS = (*state.ALWAYS, "flips")
LOOK_EVERY_S = 1.5
REST_S = 1.4
"""How long a plan must stand before work on it begins."""
SEEN, JOB = "turning-seen", "turning-job"


def panel() -> None:
    """The flips of the plan at hand, or that they are being worked out."""
    ready = _found() is not None
    st.fragment(_panel, run_every=None if ready else LOOK_EVERY_S)(ready)


def give_way() -> None:
    """Stop what is worked out for a plan that isn't looked at any more; the new one goes first."""
    lineage.redrawn()
    key, task = st.session_state.get(JOB, ("", None))
    if task is not None and key != state.scenario_hash():
        task.stop()
        del st.session_state[JOB]


def _found() -> Analysis | None:
    mine = state.session()
    return sources.kept(mine.scenario, mine.trials, PARTS)


def _panel(ready: bool) -> None:
    found = _found()
    if found is None:
        st.caption(state.words().t("verdict.flips.waiting"))
        _work()
    elif not ready and not lineage.is_open():
        st.rerun()
    else:
        figures.flips(found, found.verdict.flips)


def _work() -> None:
    """Start when the same plan has been looked at for a while: while a slider moves, nothing."""
    mine, now = state.session(), monotonic()
    key, scenario, trials = state.scenario_hash(), mine.scenario, mine.trials
    seen, since = st.session_state.get(SEEN, ("", now))
    if seen != key:
        st.session_state[SEEN] = (key, now)
    if JOB in st.session_state or seen != key or now - since < REST_S:
        return

    def work(own: Task[None]) -> None:
        found = sources.evaluated(scenario, trials, PARTS, cancelled=own.cancelled)
        sources.keep(scenario, trials, PARTS, found)

    task = Task(work)
    st.session_state[JOB] = (key, task)
    task.start()
