"""What ran where, how fast, and how near to what the hardware can do."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from modelworth.dashboard import sources, state
from modelworth.dashboard.parts import columns as tables
from modelworth.dashboard.parts import quick_suite as suite
from modelworth.dashboard.parts import record_details as record
from modelworth.dashboard.parts import record_frames as measured
from modelworth.dashboard.parts import show, upload
from modelworth.report import charts
from modelworth.report.charts import QUANTITIES

words, look = state.words(), state.look()
COLUMNS = [
    "recorded_at", "model", "parameters_total", "kind", "batch", "prompt_tokens", "precision",
    "device", "count", "throughput_per_s", "unit", "p50_s", "p95_s", "memory_peak_bytes",
    "utilisation", "energy_j_per_unit", "origin", "judged", "flags", "id",
]  # fmt: skip


@show.fragment
def explore(everything: pd.DataFrame) -> None:
    """Filters, the chart of a quantity against size, and what it rests on."""
    rows = measured.newest(filters(everything).keep(everything))
    with st.container(horizontal=True):
        quantity = show.choice("measurements.quantity", list(QUANTITIES), "quantity.{}")
        group = show.choice(
            "measurements.group", ["kind", "device", "family", "model"], "column.{}"
        )
    if rows.dropna(subset=["parameters_total", QUANTITIES[quantity].column]).empty:
        show.empty("measurements.nothing")
        return
    figure = charts.scaling(look, rows, QUANTITIES[quantity], group)
    if quantity == "throughput":
        charts.ceiling_marks(figure, look, rows, group)
    picked = st.plotly_chart(
        figure, key="scaling", on_select="rerun", selection_mode="points",
        config={"displayModeBar": False}, alt=words.t(f"quantity.{quantity}.reading"),
    )  # fmt: skip
    st.caption(words.t(f"quantity.{quantity}.reading"))
    if points := picked.selection.points:
        opened(str(points[0]["customdata"][0]))


def opened(record_id: str) -> None:
    """A record on this page, with the address of its own page."""
    record.panel(record_id)
    st.code(state.record_link(record_id), language=None, wrap_lines=True)


def filters(rows: pd.DataFrame) -> measured.Filters:
    """Choices by machine, family, work and origin."""
    columns = st.columns(4)
    picked = [
        column.multiselect(
            words.t(f"column.{name}"), measured.choices(rows, name), key=f"filter.{name}",
            placeholder=words.t("measurements.all"), default=measured.first_choice(rows, name),
            format_func=show.namer(name),
        )
        for column, name in zip(columns, ("device", "family", "kind", "origin"), strict=True)
    ]  # fmt: skip
    return measured.Filters(*(tuple(values) for values in picked))


@show.fragment
def users(rows: pd.DataFrame) -> None:
    """How many tokens a second a device gives against how many each user gets."""
    made = measured.generation(rows)
    if made.empty:
        show.empty("measurements.no_generation")
        return
    points = measured.interactivity(made, sources.catalog(), words)
    show.chart(
        charts.interactivity(look, points), "interactivity", words.t("measurements.users.reading")
    )


@show.fragment
def sizes(rows: pd.DataFrame) -> None:
    """Large models against small ones."""
    table = measured.large_and_small(rows)
    if table.empty:
        show.empty("measurements.one_size")
        return
    tables.shown(table, "sizes")


@show.fragment
def records(rows: pd.DataFrame) -> None:
    """The records behind it all; one of them opens on a click."""
    classes = {key: words.t(f"judge.{one.kind}") for key, one in sources.judgements().items()}
    table = rows.assign(judged=rows["id"].map(classes))
    picked = tables.shown(table[COLUMNS].iloc[::-1], "records", select=True)
    if picked is not None:
        opened(str(picked["id"]))


VIEWS = {"size": explore, "user": users, "pair": sizes, "all": records}

show.heading("measurements")
with show.errors_said():
    frame = sources.frame()
    if frame.empty:
        show.empty("measurements.empty", "modelworth bench --suite quick")
    else:
        good = measured.prepare(frame)
        st.caption(measured.summary(frame, words))
        view = show.choice("measurements.view", list(VIEWS), "measurements.tab.{}", bare=True)
        VIEWS[view](good)
        failed = frame[frame["status"] != "ok"]
        if not failed.empty:
            with st.expander(words.t("measurements.failed", count=len(failed))):
                tables.shown(
                    failed[["model", "kind", "batch", "device", "status", "reason"]], "failed"
                )
suite.panel()
upload.panel()
