"""What the learning study found, as a page shows it: curves with their law, and quality by size."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from modelworth.costmodel.analysis import Analysis
from modelworth.costmodel.architecture.loss_fit import REACH, LawFit
from modelworth.costmodel.architecture.loss_records import Curve, curves, learned
from modelworth.costmodel.business.chain_quality import TASKS, Quality, by_size
from modelworth.dashboard import sources, state
from modelworth.dashboard.parts import columns, driver_cards, show
from modelworth.report import charts

CORE_HOUR = "compute.cpu_core_usd_per_hour"
STEERS = ("demand.accepted_basis", "demand.accepted_task")


def shown(analysis: Analysis) -> None:
    """Curves and table; nothing where nobody studied."""
    words = state.words()
    records = [it for it in sources.measurements() if it.study is not None]
    rows = [
        _row(task, one, analysis.drivers[CORE_HOUR].value)
        for task in TASKS
        for one in by_size(records, task)
    ]
    if not rows:
        return
    st.subheader(words.t("trust.learning"), anchor=False)
    found = curves(learned(records))
    if found is not None:
        st.caption(words.t("trust.learning.text", reach=f"{REACH:.0f}"))
        drawn(*found)
    st.caption(words.t("trust.quality.text"))
    columns.shown(pd.DataFrame(rows), "quality")
    driver_cards.grid(analysis, [key for key in STEERS if key in analysis.drivers])


def drawn(law: LawFit, found: tuple[Curve, ...]) -> None:
    """The curves, their reading, and what speaks against the law."""
    words = state.words()
    last = found[-1]
    tokens, loss = last.inside[-1][:2]
    _, beyond, low, high = last.beyond[-1]
    reading = words.t(
        "trust.learning.reading", runs=len(law.residuals), least=words.number(law.parameters[0]),
        most=words.number(law.parameters[1]), size=words.number(last.parameters),
        loss=f"{loss:.2f}", tokens=words.number(tokens), beyond=f"{beyond:.2f}",
        range=f"{low:.2f}–{high:.2f}",
    )  # fmt: skip
    show.chart(charts.learning(state.look(), found), "learning", reading)
    if law.doubts:
        st.caption(words.t("trust.learning.doubt"))


def _row(task: str, found: Quality, usd_per_hour: float) -> dict[str, object]:
    words = state.words()
    seconds, usd = found.seconds_per_accepted, found.usd_per_million_accepted(usd_per_hour)
    return {
        "task": words.t(f"choice.{task}"),
        "parameters": words.number(found.parameters),
        "right": f"{words.percent(found.right[0])} "
        f"({words.percent(found.right[1])}–{words.percent(found.right[2])})",
        "time_per_accepted": "" if seconds is None else words.value(seconds, "s"),
        "usd_per_million_accepted": "" if usd is None else words.money(usd),
    }
