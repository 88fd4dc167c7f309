"""Where a page's figures come from, said on demand, and all of them to take away."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pandas as pd
import streamlit as st

from modelworth.costmodel.analysis import Analysis
from modelworth.dashboard import sources, state
from modelworth.dashboard.parts import money_lines as money
from modelworth.dashboard.parts import show


def footer() -> None:
    """What makes the figures of this page again, and their table; for pages about the plan."""
    if part := _opened():
        with part, show.errors_said():
            found = state.analysis()
            _said(found)
            _offered(figures=money.figures_csv(found), monthly=money.csv(found))


def evidence(**tables: Callable[[], pd.DataFrame]) -> None:
    """Which store and which facts this page shows, and its tables; for pages about evidence.

    Args:
        tables: made when the part is open, by the last part of their message's key.
    """
    if part := _opened():
        with part, show.errors_said():
            words, facts = state.words(), sources.catalog()
            count = words.number(int(sources.tally()["count"].sum()))
            digest = sources.digest()[:12] or "–"
            st.caption(show.say("provenance.store", count=count, digest=digest))
            st.caption(show.say(
                "provenance.facts", devices=len(facts.accelerators), models=len(facts.models),
                rents=len(facts.rents), day=max(row.as_of for row in facts.rents),
            ))  # fmt: skip
            st.caption(f"modelworth {version('modelworth')}")
            _offered(**{name: made().to_csv(index=False) for name, made in tables.items()})


def _opened() -> Any:
    label = state.words().t("provenance.title")
    return show.folded(label, "provenance", ":material/info:")


def _offered(**tables: str) -> None:
    """A button for each table, made before it is pressed.

    What Streamlit makes at the press is lost when the page is drawn anew meanwhile.
    """
    with st.container(horizontal=True):
        for name, made in tables.items():
            st.download_button(
                state.words().t(f"provenance.{name}"), made, f"{name}.csv", "text/csv",
                icon=":material/download:", key=f"{name}-csv", on_click="ignore",
            )  # fmt: skip
    show.choice(show.PICTURE, show.PICTURES, "format.{}")
    st.caption(state.words().t("provenance.charts"))


def _said(found: Analysis) -> None:
    words, origin = state.words(), found.provenance
    lines = [
        words.t(
            "provenance.trials", trials=f"{origin.trials:,}", seed=origin.seed,
            plan=origin.scenario_sha256[:12],
        ),
        words.t("provenance.store", count=origin.store_measurements,
                digest=(origin.store_digest or "–")[:12]),
        words.t(
            "provenance.basis",
            measured=len(found.measurements), predicted=len(found.predictions),
            drivers=len(found.drivers),
        ),
        ", ".join(f"{name} {version}" for name, version in origin.versions.items()),
    ]  # fmt: skip
    for line in lines:
        st.caption(show.plain(line))
    st.code(origin.command, language="bash", wrap_lines=True)
