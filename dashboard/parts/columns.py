"""Tables for pages: columns named in the reader's language, numbers that still sort as numbers."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from modelworth.dashboard import state
from modelworth.dashboard.parts import show

FORMATS = {
    "parameters_total": "compact", "parameters_active": "compact", "throughput_per_s": "compact",
    "parameters_total_small": "compact", "parameters_total_large": "compact",
    "throughput_per_s_small": "compact", "throughput_per_s_large": "compact",
    "memory_peak_bytes": "bytes", "utilisation": "percent", "p50_s": "%.4g", "p95_s": "%.4g",
    "energy_j_per_unit": "%.4g", "times_larger": "%.1f", "times_slower": "%.1f",
    "usd_per_million_output_tokens": "%.4g", "usd_per_million_sequences": "%.4g",
    "usd_per_million_both_tokens": "%.4g", "usd_per_hour": "%.2f", "per_gpu": "%.4g",
    "ttft_s": "%.3g", "tpot_s": "%.3g", "step_s": "%.3g", "memory_used_bytes": "bytes",
    "memory_room_bytes": "bytes", "usd_per_million_tokens": "%.4g", "load_share": "percent",
    "cached_share": "percent", "input_tokens_per_s": "%.4g", "output_tokens_per_s": "%.4g",
    "in_flight_mean": "%.3g", "waiting_mean": "%.3g", "usd_per_gpu_hour": "%.2f",
    "usd_per_gpu": "localized", "usd_per_kwh": "%.4f",
}  # fmt: skip
NAMED = ("kind", "family", "origin")
"""Columns whose words the catalogues have."""
TIMES = ("recorded_at", "newest")
HEIGHT = 420


def shown(frame: pd.DataFrame, key: str, *, select: bool = False) -> pd.Series | None:
    """Show a table; the row that a reader selected, where that is offered.

    Args:
        frame: what to show; column names are keys of messages under `column.`.
        key: identity of the widget.
        select: whether one row can be selected.
    """
    said = {name: frame[name].map(show.namer(name), "ignore") for name in NAMED if name in frame}
    frame = frame.assign(**said)
    config = {column: _column(column, FORMATS.get(column)) for column in frame.columns}
    height = "content" if len(frame) < 11 else HEIGHT
    event: Any = st.dataframe(
        frame, key=key, hide_index=True, column_config=config, height=height, placeholder="",
        on_select="rerun" if select else "ignore", selection_mode="single-row",
    )  # fmt: skip
    if not select or not event.selection.rows:
        return None
    return frame.iloc[event.selection.rows[0]]


def _column(column: str, form: str | None) -> Any:
    key = f"column.{column}"
    label = state.words().t(key)
    label = column if label == key else label
    if column in TIMES:
        return st.column_config.DatetimeColumn(label, format="YYYY-MM-DD HH:mm")
    if form:
        return st.column_config.NumberColumn(label, format=form)
    return st.column_config.Column(label)
