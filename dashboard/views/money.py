"""Where the money comes from and goes: by month, for a unit, and where it breaks even."""

from __future__ import annotations

import streamlit as st

from modelworth.costmodel.analysis import Analysis
from modelworth.costmodel.risk.maps import indicator_map
from modelworth.dashboard import state
from modelworth.dashboard.parts import columns as tables
from modelworth.dashboard.parts import lineage, provenance, show
from modelworth.dashboard.parts import money_lines as money
from modelworth.report import charts, spent

words, look = state.words(), state.look()


@show.fragment
def profit(analysis: Analysis) -> None:
    """Profit and loss by month, as bars and as a table."""
    st.subheader(words.t("money.profit"), anchor=False)
    added, taken, result = money.profit_series(analysis)
    first = money.first_profit(result) or words.t("status.never")
    cost = spent.is_cost(analysis)
    reading = words.t("money.cost.reading" if cost else "money.profit.reading", month=first)
    show.chart(charts.months(look, added, taken, result), "profit", reading)


@show.fragment
def unit(analysis: Analysis) -> None:
    """What a unit of revenue is spent on, or of what the cost of a unit is made."""
    cost = ".cost" if spent.is_cost(analysis) else ""
    st.subheader(words.t(f"money.unit{cost}"), anchor=False)
    month = st.slider(words.t("chart.month"), 1, analysis.months, analysis.months, key="unit_month")
    steps = money.unit_steps(analysis, words, month)
    if not steps:
        show.empty("money.no_revenue")
        return
    chart = charts.waterfall(look, steps, words.t(f"money.left{cost}"), "usd")
    show.chart(chart, "unit", words.t(f"money.unit{cost}.reading"))


@show.fragment
def breaks(analysis: Analysis) -> None:
    """Two drivers against an indicator, and the line where it reaches its target."""
    st.subheader(words.t("money.map"), anchor=False)
    names = money.map_drivers(analysis)
    with st.container(horizontal=True):
        across = _pick("money.map.across", names, 0)
        up = _pick("money.map.up", [name for name in names if name != across], 0)
        indicator = _pick("money.map.indicator", list(money.MAP_TARGETS), 0)
    found = indicator_map(analysis.months, state.values(analysis), across, up, indicator)
    target, unit = money.MAP_TARGETS[indicator], analysis.indicators[indicator].unit
    first, second = analysis.drivers[across], analysis.drivers[up]
    chart = charts.heat(
        look, (across, first.unit, found.across), (up, second.unit, found.up), found.rows,
        (indicator, unit, target), (first.value, second.value),
    )  # fmt: skip
    reading = words.t(
        "money.map.reading", indicator=words.name(indicator), target=words.value(target, unit)
    )
    show.chart(chart, "map", reading)
    if analysis.break_evens:
        st.caption(words.t("money.break_evens"))
        tables.shown(money.break_even_table(analysis, words), "break-evens")


def _pick(key: str, options: list[str], first: int) -> str:
    """One of many keys, by name."""
    return st.selectbox(words.t(key), options, index=first, format_func=words.name, key=key)


@show.fragment
def table(analysis: Analysis) -> None:
    """All monthly lines of a section, with a download."""
    st.subheader(words.t("money.table"), anchor=False)
    section = show.choice("money.section", money.sections(analysis), "section.{}")
    frame = money.monthly(analysis, words, section)
    picked = tables.shown(frame, f"monthly-{section}", select=True)
    line = "" if picked is None else str(picked["key"])
    if line != st.session_state.get("opened-line", "") and line:
        lineage.show_for(line)
    st.session_state["opened-line"] = line


show.heading("money")
with show.errors_said():
    found = state.analysis("break_even")
    profit(found)
    unit(found)
    if not spent.is_cost(found):
        breaks(found)
    table(found)
provenance.footer()
