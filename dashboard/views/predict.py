"""Time, memory and throughput of work that nobody measured, with an interval and a basis."""

from __future__ import annotations

import streamlit as st

from modelworth.dashboard import sources, state
from modelworth.dashboard.parts import predictor_answers as prediction
from modelworth.dashboard.parts import show
from modelworth.dashboard.parts.predictor_answers import Answer, Question
from modelworth.report import charts

words, look = state.words(), state.look()
catalog = sources.catalog()
FIRST_MODEL, FIRST_DEVICE = "llama-3.1-8b", "H100 SXM 80GB"


def asked() -> Question:
    """What to predict."""
    work = show.choice("predict.work", list(prediction.WORKS), "work.{}")
    models = [item.name for item in catalog.models]
    devices = [item.name for item in catalog.accelerators]
    one, two, three, four = st.columns([3, 3, 2, 2])
    model = one.selectbox(words.t("predict.model"), models, models.index(FIRST_MODEL))
    device = two.selectbox(words.t("predict.device"), devices, devices.index(FIRST_DEVICE))
    gpus = three.select_slider(words.t("predict.gpus"), [1, 2, 4, 8, 16, 32, 64, 128, 256, 512])
    precision = four.selectbox(words.t("predict.precision"), prediction.PRECISIONS)
    one, two, three, four = st.columns([3, 3, 2, 2])
    batch = one.number_input(words.t("predict.batch"), 1, 65_536, 16)
    tokens = two.number_input(words.t("predict.tokens"), 1, 1_000_000, 1024)
    new = three.number_input(
        words.t("predict.new_tokens"), 1, 1_000_000, 256, disabled=work != "serve"
    )
    tensor = four.select_slider(words.t("predict.tensor"), [1, 2, 4, 8])
    return Question(model, device, work, gpus, precision, batch, tokens, new, tensor)


def answer(found: Answer) -> None:
    """Throughput with its interval, times, memory."""
    made = found.prediction
    if made.value is None:
        st.warning(show.plain(made.note))
    else:
        unit = prediction_unit(found)
        with st.container(horizontal=True):
            st.metric(words.t("predict.throughput"), words.value(made.value, unit), width="content")
            for key, seconds in (
                ("step", made.step_s),
                ("ttft", made.ttft_s),
                ("tpot", made.tpot_s),
            ):
                if seconds is not None:
                    st.metric(words.t(f"predict.{key}"), words.value(seconds, "s"), width="content")
        interval = words.range(made.low, made.high, unit)
        st.caption(show.say("predict.interval", interval=interval))
        show.basis(made.basis or "assumed")
        if made.note:
            st.caption(show.plain(made.note))
    st.subheader(words.t("predict.memory"), anchor=False)
    parts = [(words.t(f"memory.{name}"), amount) for name, amount in found.parts]
    room = found.accelerator.memory_bytes
    reading = words.t(
        "predict.fits" if found.fits else "predict.too_big",
        used=words.value(float(found.memory.total), "bytes"), room=words.value(room, "bytes"),
    )  # fmt: skip
    show.chart(charts.memory(look, parts, room), "memory", reading)


def prediction_unit(found: Answer) -> str:
    """Unit of the answer, as the catalogues spell it."""
    return "sequences_per_s_per_gpu" if found.case.work == "forward" else "tokens_per_s_per_gpu"


def whole_run(found: Answer) -> None:
    """Days and GPU-hours of a training run."""
    st.subheader(words.t("predict.run"), anchor=False)
    billions = st.number_input(words.t("predict.run_tokens"), 0.001, 1e6, 100.0, format="%.10g")
    run = prediction.training_run(found, billions * prediction.BILLION)
    if run is None:
        return
    with st.container(horizontal=True):
        for key, value, unit in (
            ("days", run.days, "days"), ("gpu_hours", run.device_hours, "gpu_hours"),
            ("goodput", run.goodput.share, "share"), ("mfu", run.utilisation, "share"),
            ("energy", run.energy_kwh, "kwh"),
        ):  # fmt: skip
            st.metric(words.t(f"predict.{key}"), words.value(value, unit), width="content")


@show.fragment
def page() -> None:
    """Question and answer; only these are redrawn."""
    with show.errors_said():
        found = prediction.ask(asked(), catalog)
        answer(found)
        if found.case.work == "train":
            whole_run(found)


@show.fragment
def against() -> None:
    """Predicted against measured, from the store."""
    st.subheader(words.t("predict.against"), anchor=False)
    with show.errors_said():
        rows = prediction.compared(sources.measurements(), catalog)
        if not rows:
            show.empty("predict.nothing_measured")
            return
        chart = charts.agreement(look, rows, "units_per_s_per_gpu")
        show.chart(chart, "agreement", words.t("predict.against.reading", count=len(rows)))


show.heading("predict")
page()
against()
