"""The quick suite, started from a page: a process of its own that the page only watches.

One at a time for everyone who uses this server, because two would measure each other.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from modelworth.dashboard import sources, state, team
from modelworth.dashboard.parts import show
from modelworth.dashboard.parts.background_jobs import Process

LOOK_EVERY_S = 1.0


@st.cache_resource(show_spinner=False)
def _board() -> dict[str, Process]:
    """Where the running suite hangs, for all sessions."""
    return {}


def running() -> bool:
    """Whether a suite is being measured now."""
    job = _board().get("suite")
    return job is not None and job.running


def panel() -> None:
    """A button that starts the suite, and how far it is; nothing where nobody may write."""
    if team.read_only():
        return
    words = state.words()
    with st.container(border=True):
        st.subheader(words.t("suite.title"), anchor=False)
        st.write(words.t("suite.text"))
        st.fragment(_watch, run_every=LOOK_EVERY_S if running() else None)()


def _watch() -> None:
    words, job = state.words(), _board().get("suite")
    if job is not None and job.running:
        event = job.last
        st.progress(share(event), text=_text(event))
        st.button(words.t("suite.stop"), on_click=job.stop, icon=":material/stop:")
        return
    if job is not None:
        _finished(job)
    if st.button(words.t("suite.start"), icon=":material/play_arrow:", type="primary"):
        _start()
        st.rerun()


def _finished(job: Process) -> None:
    """Say how it ended, once, and let the page show what is new."""
    words = state.words()
    _board().pop("suite", None)
    sources.forget()
    if job.status == 0:
        state.note("note", words.t("suite.done"))
    else:
        state.note("warning", words.t("suite.failed") + " " + job.said)
    st.rerun()


def _start() -> None:
    team.require_writable()
    if not running():
        command = ["bench", "--suite", "quick", "--progress", "jsonl", "--store"]
        _board()["suite"] = Process([*command, sources.store_url()])


def _text(event: dict[str, Any]) -> str:
    """What runs, which of how many, and how long it will still take."""
    words, label = state.words(), show.plain(event.get("label") or "")
    if not label or not event.get("total"):
        return label or words.t("suite.starting")
    left = words.value(event.get("left_s"), "s")
    return words.t(
        "suite.progress", label=label, index=event["index"], total=event["total"], left=left
    )


def share(event: dict[str, object]) -> float:
    """How much is done, from 0 to 1, as the newest event says."""
    done, total = event.get("index"), event.get("total")
    if not isinstance(done, int | float) or not isinstance(total, int | float) or total <= 0:
        return 0.0
    return min(1.0, max(0.0, done / total))
