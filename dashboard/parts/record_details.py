"""One measurement, whole: what ran, on what, what came out, where it comes from."""

from __future__ import annotations

import streamlit as st

from modelworth.dashboard import sources, state
from modelworth.dashboard.parts import show
from modelworth.data.errors import ModelworthError
from modelworth.data.measurement import Measurement, Result
from modelworth.report import charts

FEW_SAMPLES = 8
PERCENTILES = ("p50", "p90", "p95", "p99")


def panel(record_id: str) -> None:
    """The record with this id, in a frame of its own."""
    try:
        measurement = sources.record(record_id)
    except ModelworthError as error:
        show.refused(error)
        return
    words = state.words()
    work, machine = measurement.workload, measurement.machine
    with st.container(border=True):
        st.subheader(show.plain(measurement.model.name), anchor=False)
        st.caption(
            f"{words.t(f'kind.{work.kind}')} · {show.plain(machine.device)} × {machine.count} · "
            f"{work.precision} · {words.day(measurement.recorded_at)}"
        )
        if measurement.result:
            _outcome(measurement.result)
        else:
            st.warning(show.plain(measurement.reason))
        _judged(measurement)
        _origin(measurement)
        with st.expander(words.t("record.all")):
            st.json(measurement.model_dump(mode="json", exclude_none=True), expanded=1)


def _outcome(result: Result) -> None:
    words = state.words()
    speed = result.throughput_per_s
    memory = result.memory.allocated_peak_bytes or result.memory.host_peak_bytes
    energy = result.energy.energy_j_per_unit if result.energy and result.energy.valid else None
    show.metrics([
        ("column.throughput_per_s", speed.value, f"{result.unit}_per_s"),
        ("column.p50_s", result.latency.p50_s, "s"), ("column.memory_peak_bytes", memory, "bytes"),
        ("column.mfu", result.mfu, "share"), ("column.mbu", result.mbu, "share"),
        ("column.energy_j_per_unit", energy, f"j_per_{result.unit}"),
    ])  # fmt: skip
    interval = words.range(speed.low, speed.high, f"{result.unit}_per_s")
    st.caption(words.t("record.interval", interval=interval or words.t("unknown")))
    for flag in result.condition.flags:
        st.badge(words.t(f"flag.{flag}"), color="orange", icon=":material/warning:")
    if len(result.samples_s) >= FEW_SAMPLES:
        reading = words.t("record.samples", count=len(result.samples_s))
        show.chart(charts.samples(state.look(), result.samples_s), "samples", reading)
        return
    known = [(name.upper(), getattr(result.latency, f"{name}_s")) for name in PERCENTILES]
    known = [row for row in known if row[1] is not None]
    if len(known) > 1:
        show.chart(charts.bars(state.look(), known, "s"), "latency", words.t("record.latency"))


def _judged(measurement: Measurement) -> None:
    """Whether the run may stand for a capacity, and the arithmetic that says so."""
    found = sources.judgements().get(measurement.id)
    if found is None:
        return
    words = state.words()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(words.t("record.judged"), width="content")
        st.badge(words.t(f"judge.{found.kind}"), color="green" if found.sound else "orange")
    st.caption(show.plain(found.arithmetic))


def _origin(measurement: Measurement) -> None:
    words, origin = state.words(), measurement.provenance
    st.badge(
        words.t(f"origin.{origin.origin}"), color="green" if origin.citation is None else "gray"
    )
    if origin.citation:
        st.caption(show.plain(origin.citation))
    if origin.command:
        st.code(origin.command, language=None, wrap_lines=True)
    st.caption(f"{words.t('record.id')} {measurement.id}")
