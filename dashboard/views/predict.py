"""Time, memory and throughput of work that nobody measured, with an interval and a basis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from modelworth.costmodel.architecture.named import named
from modelworth.costmodel.prediction.training_run import run_of
from modelworth.dashboard import sources, state
from modelworth.dashboard.parts import columns as tables
from modelworth.dashboard.parts import devices, provenance, show
from modelworth.dashboard.parts import predictor_answers as prediction
from modelworth.dashboard.parts.predictor_answers import Answer, Question
from modelworth.data.errors import InputError
from modelworth.data.kept_models import kept_names
from modelworth.report import charts, said

words, look = state.words(), state.look()
catalog = sources.catalog()
BATCH, TOKENS = range(1, 65_537), range(1, 1_000_001)
OFFERED: dict[str, Any] = {
    "work": prediction.WORKS, "gpus": [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
    "model": [*(item.name for item in (*catalog.models, *catalog.described)), *kept_names()],
    "accelerator": [item.name for item in catalog.accelerators], "batch": BATCH, "tokens": TOKENS,
    "new_tokens": TOKENS, "precision": prediction.PRECISIONS, "tensor": [None, 1, 2, 4, 8],
    "software": {name for work in prediction.WORKS for name in prediction.software(work)},
}  # fmt: skip
PLAN, ASK, LAST = "plan-asked", "ask", "predict.asked"
link = st.query_params.get(ASK, "")
opened = prediction.unpacked(link or st.session_state.get(LAST, ""), OFFERED)


def asked() -> Question:
    """What to predict."""
    work = show.choice("predict.work", list(prediction.WORKS), "work.{}", first=opened.work)
    one, two, three, four = st.columns([3, 3, 2, 2])
    model = chosen(one, "model", OFFERED["model"], opened.model)
    device = chosen(two, "device", OFFERED["accelerator"], opened.accelerator)
    gpus = three.select_slider(words.t("predict.gpus"), OFFERED["gpus"], opened.gpus)
    precision = chosen(
        four, "precision", [None, *prediction.PRECISIONS], opened.precision, "stored"
    )
    one, two, three, four, five = st.columns(5)
    batch = one.number_input(words.t("predict.batch"), 1, BATCH[-1], opened.batch)
    tokens = two.number_input(words.t("predict.tokens"), 1, TOKENS[-1], opened.tokens)
    new = three.number_input(
        words.t("predict.new_tokens"), 1, TOKENS[-1], opened.new_tokens, disabled=work != "serve"
    )
    tensor = four.select_slider(
        words.t("predict.tensor"), OFFERED["tensor"], opened.tensor,
        format_func=lambda count: str(count or words.t("predict.found")),
    )  # fmt: skip
    software = chosen(
        five, "software", [None, *prediction.software(work)], opened.software, "unsaid"
    )
    return Question(model, device, work, gpus, precision, batch, tokens, new, tensor, software)


def chosen(column: Any, key: str, options: Sequence[Any], first: Any, none: str = "") -> Any:
    """One of a list; `none` is the message of None."""
    place = options.index(first) if first in options else 0
    return column.selectbox(
        words.t(f"predict.{key}"), options, place,
        format_func=lambda name: name or words.t(f"predict.{none}"),
    )  # fmt: skip


def answer(found: Answer) -> None:
    """Throughput with its interval, times, memory."""
    made = found.prediction
    if made.refusal is not None:
        st.warning(show.plain(prediction.refused(words, made.refusal)))
    else:
        unit = prediction_unit(found)
        show.metrics([
            ("predict.throughput", made.value, unit), ("predict.step", made.step_s, "s"),
            ("predict.ttft", made.ttft_s, "s"), ("predict.tpot", made.tpot_s, "s"),
        ])  # fmt: skip
        interval = words.range(made.low, made.high, unit)
        st.caption(show.say("predict.interval", interval=interval))
        if cut := prediction.degrees(found.case):
            said_so = [f"{words.t(f'layout.{name}')} {count}" for name, count in cut]
            st.caption(show.say("predict.layout", layout=" · ".join(said_so)))
        show.basis(made.basis or "assumed")
        if made.note:
            st.caption(show.plain(said.source(words, made.note)))
    st.subheader(words.t("predict.memory"), anchor=False)
    parts = [(words.t(f"memory.{name}"), held) for name, held in found.memory.parts.items() if held]
    room = found.case.accelerator.memory_bytes
    reading = words.t(
        "predict.fits" if prediction.fits(found) else "predict.too_big",
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
    if found.prediction.value is None:
        return
    run = run_of(found.case, found.prediction.value, billions * prediction.BILLION)
    show.metrics([
        ("predict.days", run.days, "days"), ("predict.gpu_hours", run.device_hours, "gpu_hours"),
        ("predict.goodput", run.goodput.share, "share"), ("predict.mfu", run.utilisation, "share"),
        ("predict.energy", run.energy_kwh, "kwh"),
    ])  # fmt: skip


def parts(question: Question) -> None:
    """What the model consists of."""
    found = named(question.model, catalog)
    shown = [(words.t(f"part.{name}"), float(count))
             for name, count in found.parameters_by_part.items() if count]  # fmt: skip
    active = words.value(float(found.active_parameters), "parameters")
    reading = words.t(
        "predict.parts.reading", total=words.value(float(found.parameters), "parameters"),
        active=active, layers=found.layers,
    )  # fmt: skip
    show.chart(charts.bars(look, shown, "count"), "parts", reading)


def everywhere(question: Question) -> None:
    """The same work on every device of the catalogue: a table, and cost against latency."""
    placed = devices.everywhere(question)
    points = devices.points(placed, words)
    if points:
        units = ("s", prediction_cost(question))
        chart = charts.frontier(look, points, devices.unbeaten(points), units)
        show.chart(chart, "frontier", words.t("predict.devices.reading"))
    tables.shown(devices.table(placed, words, question.work), "devices")


def prediction_cost(question: Question) -> str:
    """Unit of the cost of a million units of work."""
    return "usd" if question.work == "forward" else "usd_per_million_tokens"


def cheapest(question: Question) -> None:
    """The cheapest layout that carries a load within an objective; searched when asked for."""
    if question.work != "serve":
        st.info(words.t("plan.only_serving"))
        return
    with st.form("plan"):
        one, two, three, four = st.columns(4)
        rate = one.number_input(words.t("plan.rate"), 0.001, 1e6, 5.0, format="%g")
        ttft = two.number_input(words.t("plan.ttft"), 0.001, 600.0, 1.0, format="%g")
        tpot = three.number_input(words.t("plan.tpot"), 0.001, 60.0, 0.05, format="%g")
        precisions = four.multiselect(
            words.t("predict.precision"), [None, *prediction.PRECISIONS], [None, "bf16", "fp8"],
            format_func=lambda name: name or words.t("predict.stored"),
        )  # fmt: skip
        asked_for = st.form_submit_button(words.t("plan.search"), type="primary")
    if asked_for:
        st.session_state[PLAN] = (rate, ttft, tpot, tuple(precisions))
    if PLAN not in st.session_state or not st.session_state[PLAN][3]:
        return
    with st.spinner(words.t("plan.searching")):
        plan = devices.cheapest(question, *st.session_state[PLAN])
    best = plan.choices[0]
    st.info(
        "### " + show.say(
            "plan.found", replicas=best.replicas, gpus=best.case.gpus,
            device=best.case.accelerator.name, precision=best.case.precision,
            cost=words.money(best.usd_per_million_tokens), range=devices.gpus_range(best),
        ), icon=":material/savings:",
    )  # fmt: skip
    chart = charts.frontier(
        look, devices.choice_points(plan.best_by_device, words),
        devices.choice_points(plan.frontier, words), ("s", "usd_per_million_tokens"),
    )  # fmt: skip
    show.chart(chart, "plan-frontier", words.t("plan.reading"))
    tables.shown(devices.layouts(plan.best_by_device, words), "plan-layouts")
    if plan.refused:
        with st.expander(words.t("plan.refused", count=len(plan.refused))):
            rows = pd.DataFrame(plan.refused, columns=["device", "precision", "reason"])
            rows["reason"] = [prediction.reason(words, text) for text in rows["reason"]]
            tables.shown(rows, "refused")


@show.fragment
def page() -> None:
    """Question and answer; only these are redrawn."""
    question = asked()
    st.query_params[ASK] = st.session_state[LAST] = prediction.packed(question)
    view = show.choice("predict.view", list(VIEWS), "predict.view.{}", bare=True)
    try:
        VIEWS[view](question)
    except InputError as error:
        st.error(show.plain(prediction.refused(words, error)))
    provenance.evidence(
        devices=lambda: devices.table(devices.everywhere(question), words, question.work)
    )


def one(question: Question) -> None:
    """The work on the device that was chosen."""
    found = prediction.ask(question, catalog)
    answer(found)
    if found.case.work == "train":
        whole_run(found)


def against(question: Question) -> None:  # noqa: ARG001 - of all models alike
    """Predicted against measured, from the store."""
    with st.spinner(words.t("plan.searching")):
        rows = devices.compared(sources.digest())
    if not rows:
        show.empty("predict.nothing_measured")
        return
    chart = charts.agreement(look, rows, "units_per_s_per_gpu")
    show.chart(chart, "agreement", words.t("predict.against.reading", count=len(rows)))


VIEWS = {
    "one": one, "devices": everywhere, "plan": cheapest, "model": parts, "against": against,
}  # fmt: skip


show.heading("predict")
if link and prediction.packed(opened) != link:
    st.warning(words.t("predict.link"))
page()
