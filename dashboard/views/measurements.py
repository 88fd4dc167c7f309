"""What ran where, how fast, and how near to what the hardware can do.

What there is comes from the store's index; records are read only for what a reader looks at, the
newest first and at most as many as a chart can show.
"""

from __future__ import annotations

import pandas as pd
import streamlit as st

from modelworth.dashboard import sources, state
from modelworth.dashboard.parts import columns as tables
from modelworth.dashboard.parts import provenance, show, upload
from modelworth.dashboard.parts import quick_suite as suite
from modelworth.dashboard.parts import record_details as record
from modelworth.dashboard.parts import record_frames as measured
from modelworth.report import charts
from modelworth.report.charts import QUANTITIES

words, look = state.words(), state.look()
COLUMNS = [
    "recorded_at", "model", "parameters_total", "kind", "batch", "prompt_tokens", "precision",
    "device", "count", "throughput_per_s", "unit", "p50_s", "p95_s", "memory_peak_bytes",
    "utilisation", "energy_j_per_unit", "origin", "judged", "flags", "id",
]  # fmt: skip
FAILED = ["recorded_at", "model", "kind", "batch", "device", "status", "reason", "id"]
FILTERS = ("family", "kind", "device", "model")
OBJECTIVE_S = {"tpot": 0.05, "ttft": 1.0, "e2e": 20.0}
MOST_FAILED = 200
MOST_REPEATS = 100
KEPT = "measurements.filters"


def filters(tally: pd.DataFrame) -> dict[str, list[str]]:
    """Choices by family, work, machine and model; families don't compare, so one to begin with.

    They are kept for the other views, also what one of these doesn't offer.
    """
    kept, picked = st.session_state.setdefault(KEPT, {}), {}
    for column, name in zip(st.columns(len(FILTERS)), FILTERS, strict=True):
        listed, key = measured.choices(tally, name), f"filter.{name}"
        seen, unseen = kept.get(name, (listed[:1] if name == "family" else [], []))
        now = [*st.session_state.get(key, seen), *unseen]
        st.session_state[key] = [value for value in now if value in listed]
        picked[name] = column.multiselect(
            words.t(f"column.{name}"), listed, key=key,
            placeholder=words.t("measurements.all"), format_func=show.namer(name),
        )  # fmt: skip
        kept[name] = picked[name], [value for value in now if value not in listed]
    return picked


def read(tally: pd.DataFrame, **only: list[str]) -> pd.DataFrame:
    """The newest records that the filters let through, and a word where there are more."""
    chosen = filters(tally) | only
    rows = measured.prepare(sources.frame(measured.MOST_POINTS, status=["ok"], **chosen))
    counted = tally
    for name, values in chosen.items():
        counted = counted[counted[name].isin(values)] if values else counted
    there = int(counted["count"].sum())
    if there > len(rows):
        shown, count = words.number(len(rows)), words.number(there)
        st.caption(words.t("measurements.newest", shown=shown, count=count))
    return rows


@show.fragment
def explore(tally: pd.DataFrame) -> None:
    """The chart of a quantity against size, and what it rests on."""
    rows = measured.newest(read(tally))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        quantity = show.choice("measurements.quantity", list(QUANTITIES), "quantity.{}")
        group = show.choice(
            "measurements.group", ["kind", "device", "family", "model"], "column.{}"
        )
        behind = quantity == "throughput" and st.toggle(words.t("measurements.behind"), value=True)
    if rows.dropna(subset=["parameters_total", QUANTITIES[quantity].column]).empty:
        show.empty("measurements.nothing")
        return
    others = measured.published(list(rows["kind"].unique()), sources.catalog()) if behind else []
    figure = charts.scaling(look, rows, QUANTITIES[quantity], group, others)
    points(figure, "scaling", words.t(f"quantity.{quantity}.reading"))


def points(figure: object, key: str, reading: str) -> None:
    """A chart whose points open their record."""
    picked = st.plotly_chart(
        figure, key=key, theme=None, on_select="rerun", selection_mode="points",
        config=show.config(key), alt=reading,
    )  # fmt: skip
    st.caption(reading)
    if picked.selection.points and (found := str(picked.selection.points[0]["customdata"][0])):
        opened(found)


def opened(record_id: str) -> None:
    """A record on this page, with the address of its own page."""
    record.panel(record_id)
    st.code(state.record_link(record_id), language=None, wrap_lines=True)


@show.fragment
def users(tally: pd.DataFrame) -> None:
    """How many tokens a second a device gives against how many each user gets."""
    made = measured.generation(read(tally))
    if made.empty:
        show.empty("measurements.no_generation")
        return
    rows = measured.interactivity(made, sources.catalog(), words)
    points(charts.curves(look, rows), "interactivity", words.t("measurements.users.reading"))


@show.fragment
def loads(tally: pd.DataFrame) -> None:
    """Throughput against latency under load, with the objective drawn in."""
    rows = read(tally[tally["kind"] == "serve"], kind=["serve"])
    there = measured.percentiles(rows)
    if not there:
        show.empty("measurements.no_load", "modelworth load http://127.0.0.1:8000")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        latency = show.choice("measurements.latency", list(there), "latency.{}")
        percentile = show.choice("measurements.percentile", there[latency], "percentile.{}")
        objective = st.number_input(
            words.t("measurements.objective"), 0.001, 600.0, OBJECTIVE_S[latency], format="%g",
            key=f"objective-{latency}",
        )  # fmt: skip
    found = measured.loaded(rows, f"{latency}_{percentile}_s", words)
    alike = [f"{latency}_{each}_s" for each in there[latency]]
    if left := len(rows.dropna(subset=alike, how="all")) - len(found):
        st.caption(words.t("measurements.loads.left", count=left))
    chart = charts.curves(look, found, ("tokens_per_s_per_device", "s"), objective)
    points(chart, "loads", words.t("measurements.loads.reading"))


@show.fragment
def crossed(tally: pd.DataFrame) -> None:
    """Models by machines, a column for each kind of work."""
    what = show.choice("measurements.pivot", ["count", "throughput"], "pivot.{}")
    if what == "count":
        tables.shown(measured.pivot(tally, words), "pivot-count")
    else:
        tables.shown(measured.newest_pivot(read(tally), words), "pivot-throughput")


@show.fragment
def over_time(tally: pd.DataFrame) -> None:
    """One case that was measured again and again."""
    cases = measured.repeated(read(tally))
    if not cases:
        show.empty("measurements.no_repeats")
        return
    case = st.selectbox(
        words.t("measurements.case"), list(cases), format_func=cases.__getitem__, key="case"
    )
    again = measured.history(sources.newest(MOST_REPEATS, case=case, status="ok"), words)
    marked = sum(point.mark == "slower" for point in again)
    points(
        charts.history(look, again, "per_s"), "history",
        words.t("measurements.history.reading", count=len(again), slower=marked),
    )  # fmt: skip


@show.fragment
def sizes(tally: pd.DataFrame) -> None:
    """Large models against small ones."""
    table = measured.large_and_small(read(tally))
    if table.empty:
        show.empty("measurements.one_size")
        return
    tables.shown(table, "sizes")


@show.fragment
def records(tally: pd.DataFrame) -> None:
    """The records behind it all; one of them opens on a click."""
    rows = read(tally)
    classes = {key: words.t(f"judge.{one.kind}") for key, one in sources.judgements().items()}
    table = rows.assign(judged=rows["id"].map(classes))
    picked = tables.shown(table[COLUMNS].iloc[::-1], "records", select=True)
    if picked is not None:
        opened(str(picked["id"]))


def failed(tally: pd.DataFrame) -> None:
    """The newest runs that failed, and why."""
    count = measured.failures(tally)
    label = words.t("measurements.failed", count=words.number(count))
    if count and (part := show.folded(label, "failures")):
        with part:
            kinds = [status for status in tally["status"].unique() if status != "ok"]
            tables.shown(sources.frame(MOST_FAILED, status=kinds)[FAILED].iloc[::-1], "failed")


VIEWS = {
    "pivot": crossed, "size": explore, "user": users, "load": loads, "history": over_time,
    "pair": sizes, "all": records,
}  # fmt: skip
"""The first is drawn from the index alone, and without what draws charts."""

show.heading("measurements")
with show.errors_said():
    every = sources.tally()
    if every.empty:
        show.empty("measurements.empty", "modelworth bench --suite quick")
    else:
        st.caption(measured.summary(every, words))
        view = show.choice("measurements.view", list(VIEWS), "measurements.tab.{}", bare=True)
        VIEWS[view](every[every["status"] == "ok"])
        failed(every)
suite.panel()
upload.panel()
provenance.evidence(measurements=lambda: sources.frame(measured.MOST_POINTS))
