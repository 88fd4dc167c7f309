"""What follows the verdict: worked out beside the page, after the reader's hand rests.

What would turn the answer (each driver is moved over the trials until the verdict's own rule
answers otherwise), or of a question of cost, which way is the cheapest. Both take longer than a
slider may wait. So the page is drawn without them, and this part follows.
"""

from __future__ import annotations

from time import monotonic

import streamlit as st

from modelworth.costmodel.analysis import Analysis
from modelworth.dashboard import sources, state
from modelworth.dashboard.parts import answers, figures, lineage
from modelworth.dashboard.parts.background_jobs import Task

LOOK_EVERY_S = 1.5
REST_S = 1.4
"""How long a plan must stand before work on it begins."""
SEEN, JOB = "turning-seen", "turning-job"


def panel(part: str) -> None:
    """The `flips` or `options` of the plan at hand, or that they are being worked out."""
    ready = _found(part) is not None
    st.fragment(_panel, run_every=None if ready else LOOK_EVERY_S)(part, ready)


def give_way() -> None:
    """Stop what is worked out for a plan that isn't looked at any more; the new one goes first."""
    lineage.redrawn()
    key, task = st.session_state.get(JOB, ("", None))
    if task is not None and key != state.scenario_hash():
        task.stop()
        del st.session_state[JOB]


def _found(part: str) -> Analysis | None:
    mine = state.session()
    return sources.kept(mine.scenario, mine.trials, (*state.ALWAYS, part))


def _panel(part: str, ready: bool) -> None:
    found = _found(part)
    if found is None:
        st.caption(state.words().t(f"verdict.{part}.waiting"))
        _work((*state.ALWAYS, part))
    elif not ready and not lineage.is_open():
        st.rerun()
    elif part == "options":
        answers.cheapest(found)
    else:
        figures.flips(found, found.verdict.flips)


def _work(parts: tuple[str, ...]) -> None:
    """Start when the same plan has been looked at for a while: while a slider moves, nothing."""
    mine, now = state.session(), monotonic()
    key, scenario, trials = state.scenario_hash(), mine.scenario, mine.trials
    seen, since = st.session_state.get(SEEN, ("", now))
    if seen != key:
        st.session_state[SEEN] = (key, now)
    if JOB in st.session_state or seen != key or now - since < REST_S:
        return

    def work(own: Task[None]) -> None:
        found = sources.evaluated(scenario, trials, parts, cancelled=own.cancelled)
        sources.keep(scenario, trials, parts, found)

    task = Task(work)
    st.session_state[JOB] = (key, task)
    task.start()
