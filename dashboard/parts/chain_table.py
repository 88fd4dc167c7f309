"""The chain stage by stage: what each does to net present value and what it rests on."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from modelworth.costmodel.analysis import Analysis
from modelworth.costmodel.business.chain_stages import Stage, stages
from modelworth.dashboard import state
from modelworth.dashboard.parts import columns, driver_cards, show

BASES = ("trust.basis", "building.data_basis", "building.loss_basis")


def shown(analysis: Analysis) -> None:
    """The table, and where its figures may come from."""
    words = state.words()
    st.subheader(words.t("trust.chain"), anchor=False)
    st.caption(words.t("trust.chain.text"))
    found = stages(analysis, state.values(analysis))
    columns.shown(pd.DataFrame([_row(stage) for stage in found]), "chain")
    if not any(stage.measurement_ids for stage in found):
        st.caption(words.t("trust.chain.unmeasured"))
        st.code("modelworth study all", language="bash")
    driver_cards.grid(analysis, [key for key in BASES if key in analysis.drivers])


def _row(stage: Stage) -> dict[str, object]:
    words = state.words()
    there = bool(stage.drivers)
    return {
        "stage": words.t(f"stage.{stage.key}"),
        "npv_gain": words.value(stage.npv_gain_usd, "usd") if there else words.t("stage.none"),
        "basis": words.t(f"basis.{stage.basis}") if there else "",
        "decided_by": ", ".join(words.name(key) for key in stage.drivers),
        "runs": ", ".join(show.plain(it[:6]) for it in stage.measurement_ids),
    }
