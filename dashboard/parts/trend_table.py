"""Trends of published series, and the plan begun in a later year."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from modelworth.costmodel.analysis import Analysis
from modelworth.costmodel.business.trends import GROWTH, RENT, Trend, by_start, trends
from modelworth.costmodel.scenario.drivers import MARKET
from modelworth.dashboard import state
from modelworth.dashboard.parts import columns, driver_cards

OWN = {"price": MARKET, "rent": RENT, "training_compute": GROWTH}
STEERS = ("demand.years_until_start", "demand.market_basis", "building.growth_basis")


def shown(analysis: Analysis) -> None:
    """The two tables and the drivers that decide them."""
    words, scenario = state.words(), state.session().scenario
    st.subheader(words.t("trust.trends"), anchor=False)
    st.caption(words.t("trust.trends.text"))
    found = trends(scenario.hardware.accelerator)
    columns.shown(pd.DataFrame([_row(analysis, trend) for trend in found]), "trends")
    starts = by_start(analysis.months, scenario.start, state.values(analysis))
    if starts:
        st.caption(words.t("trust.starts.text"))
        rows = [
            {
                "year": str(start.year),
                "npv": words.money(start.npv_usd),
                "market_price": words.percent(start.market_price_index),
                "rent": words.percent(start.rent_index),
                "training_compute": words.percent(start.training_index),
            }
            for start in starts
        ]
        columns.shown(pd.DataFrame(rows), "starts")
    driver_cards.grid(analysis, [key for key in STEERS if key in analysis.drivers])


def _row(analysis: Analysis, trend: Trend) -> dict[str, object]:
    words, own = state.words(), OWN.get(trend.key)
    return {
        "trend": words.t(f"trend.{trend.key}"),
        "pace": f"{trend.factor_per_year:.2f} ({trend.low:.2f}–{trend.high:.2f})",
        "own_pace": f"{analysis.drivers[own].value:.2f}" if own in analysis.drivers else "",
        "values": trend.count,
        "span": f"{trend.first} – {trend.last}",
    }
