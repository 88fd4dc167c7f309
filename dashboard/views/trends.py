"""What tokens, GPU hours and training cost by date, and the path that the plan takes for them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from modelworth.costmodel.business import market
from modelworth.dashboard import state
from modelworth.dashboard.parts import columns as tables
from modelworth.dashboard.parts import lineage, provenance, show
from modelworth.data.history import past_training_costs
from modelworth.report import charts, said
from modelworth.report.charts import Point

words, look = state.words(), state.look()
RENT = "compute.rent_on_demand_usd_per_gpu_hour"
TOTAL = "building_total_usd"
UNITS = {"price": "usd_per_million_tokens", "rent": "usd_per_gpu_hour"}
FACTORS = {"price": "demand.market_price_fall_factor_per_year",
           "rent": "compute.rent_fall_factor_per_year"}  # fmt: skip


@show.fragment
def path(key: str) -> None:
    """A price of the market: what it was, and what the plan takes it to become."""
    found = state.analysis()
    one = next(each for each in found.market if each.key == key)
    unit = UNITS[key]
    level = found.drivers[RENT].value if key == "rent" else one.past[-1].usd
    start = state.session().scenario.start
    ahead = [Point(day, usd, f"{day[:7]}: {words.value(usd, unit)}")
             for day, usd in market.ahead(one, start, level)]  # fmt: skip
    past = [Point(day(row.date), row.usd, f"{row.date} · {row.name}: "
                  f"{words.value(row.usd, unit)}") for row in one.past]  # fmt: skip
    st.subheader(words.t(f"trends.{key}"), anchor=False)
    fall = said.driver_value(words, FACTORS[key], one.fall_factor_per_year)
    reading = words.t(f"trends.{key}.reading", fall=fall)
    name = words.t("trends.past")
    if key == "rent":
        own = state.session().scenario.hardware.accelerator or words.t("trends.rent.own")
        name = ", ".join(sorted({row.name.split(",")[0] for row in one.past}))
        reading = show.say("trends.rent.devices", past=name, own=own) + " " + reading
    chart = charts.market(look, [(name, past)], ahead, unit)
    show.chart(chart, f"trend-{key}", reading)
    if FACTORS[key] in found.drivers:
        lineage.button(FACTORS[key], f"trend-{key}")
    rows(f"trend-{key}", [
        {"as_of": row.date, "name": row.name, "value": row.usd, "source": row.source}
        for row in one.past
    ])  # fmt: skip


def day(text: str) -> str:
    """A date as a day; a month or a year is its first."""
    return f"{text}-01-01"[:10] if len(text) == 4 else f"{text}-01"[:10]


@show.fragment
def training() -> None:
    """What final training runs cost, and what the plan spends on its own."""
    found = state.analysis()
    known = [row for row in past_training_costs() if row.cloud_cost_usd]
    past = [Point(day(row.date), row.cloud_cost_usd or 0.0,
                  f"{row.date} · {row.model}: {words.value(row.cloud_cost_usd, 'usd')}")
            for row in known]  # fmt: skip
    spent = found.indicators[TOTAL].base
    own = [Point(day(state.session().scenario.start), spent, words.name(TOTAL))] if spent else []
    st.subheader(words.t("trends.training"), anchor=False)
    chart = charts.market(look, [(words.t("trends.past"), past)], own, "usd")
    show.chart(chart, "trend-training", words.t("trends.training.reading"))
    rows("trend-training", [
        {"as_of": row.date, "name": row.model, "value": row.cloud_cost_usd, "status": row.status,
         "source": row.source} for row in known
    ])  # fmt: skip


def rows(key: str, listed: Sequence[dict[str, object]]) -> None:
    """The dated rows behind a chart, with their sources; the table's own button takes them away."""
    if part := show.folded(words.t("trends.rows", count=len(listed)), f"{key}-rows"):
        with part:
            tables.shown(pd.DataFrame(listed).iloc[::-1], key)


show.heading("trends")
with show.errors_said():
    path("price")
    path("rent")
    training()
provenance.footer()
