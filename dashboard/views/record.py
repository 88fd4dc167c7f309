"""One measurement on a page of its own, at an address that doesn't change."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from modelworth.dashboard import sources, state
from modelworth.dashboard.parts import provenance, show
from modelworth.dashboard.parts import record_details as record

words = state.words()

show.heading("record")
with show.errors_said():
    asked = st.query_params.get("record", "")
    typed = st.text_input(words.t("record.id"), asked, key=f"record-{asked}").strip()
    if not typed:
        show.empty("record.none")
    elif sources.store() is None:
        show.empty("measurements.empty", "modelworth bench --suite quick")
    else:
        record.panel(typed)
        st.caption(words.t("record.link"))
        st.code(state.record_link(typed), language=None, wrap_lines=True)
provenance.evidence(
    record=lambda: pd.json_normalize(sources.record(typed).model_dump(mode="json") if typed else [])
)
