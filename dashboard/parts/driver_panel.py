"""One driver looked at closely: where it comes from, its distribution as a picture, its months."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from modelworth.costmodel.analysis import Analysis, DriverUse
from modelworth.costmodel.scenario.drivers import load_drivers
from modelworth.dashboard import state
from modelworth.dashboard.parts import lineage, show
from modelworth.report import charts

VOLUMES = "demand.volume_by_month"
CURVE = "demand.curve"
BINS = 48


def panel(found: Analysis, keys: list[str]) -> None:
    """Choose a driver of the table and see all of it."""
    words = state.words()
    key = st.selectbox(
        words.t("driver.look"), keys, index=None, format_func=words.name,
        key="driver.look", placeholder=words.t("driver.look.text"),
    )  # fmt: skip
    if key is None:
        return
    use = found.drivers[key]
    with st.container(border=True):
        left, right = st.columns(2)
        with left:
            st.caption(show.plain(load_drivers()[key].meaning))
            lineage.driver(use)
            if use.changed:
                st.button(
                    words.t("driver.forget"), icon=":material/undo:", on_click=state.forget_driver,
                    args=(key,), key=f"forget-{key}",
                )  # fmt: skip
        with right:
            setting = state.session().scenario.settings.get(key)
            if setting and setting.distribution:
                edges, shares = shape(setting.distribution)
                chart = charts.density(state.look(), edges, shares, use.unit, use.value)
                show.chart(chart, f"density-{key}", words.t("driver.density"))
            elif load_drivers()[key].kind == "monthly":
                months(use)
            else:
                st.caption(words.t("driver.certain"))


def shape(distribution: Any) -> tuple[list[float], list[float]]:
    """Edges and shares of bars of equal width that hold all but the outermost hundredth."""
    drawn = distribution.ppf((np.arange(4096) + 0.5) / 4096)
    low, high = np.quantile(drawn, [0.005, 0.995])
    counts, edges = np.histogram(drawn, BINS, (low, high) if low < high else None)
    return edges.tolist(), (counts / counts.sum()).tolist()


def months(use: DriverUse) -> None:
    """Values month by month, to be typed or pasted."""
    words, plan = state.words(), state.session().scenario
    values = list(use.by_month or (use.value,))
    padded = [*values, *[values[-1]] * (plan.months + 1 - len(values))][: plan.months + 1]
    column = words.t("chart.month")
    edited = st.data_editor(
        pd.DataFrame({column: range(len(padded)), "value": padded}), hide_index=True,
        disabled=[column], key=f"months-{use.key}-{state.session().revision}", height=280,
        placeholder="",
        column_config={"value": st.column_config.NumberColumn(words.name(use.key))},
    )  # fmt: skip
    if st.button(words.t("driver.months.take"), key=f"take-{use.key}"):
        changes: dict[str, Any] = {use.key: [float(value) for value in edited["value"]]}
        if use.key == VOLUMES:
            changes[CURVE] = "table"
        state.change(changes)
        state.session().revision += 1
        st.rerun()
