"""What a running server's tokens cost: from the windows that `modelworth meter` kept.

The page itself asks no address; it shows what the command line has read and kept.
"""

from __future__ import annotations

import streamlit as st

from modelworth.dashboard import sources, state
from modelworth.dashboard.parts import columns as tables
from modelworth.dashboard.parts import metered_windows as meter
from modelworth.dashboard.parts import offers, provenance, show
from modelworth.dashboard.parts import record_details as record
from modelworth.data.importers.judging import largest_rate
from modelworth.data.measurement import Measurement
from modelworth.report import charts
from modelworth.report.charts import Point

words, look = state.words(), state.look()
MOST_WINDOWS = 400
UNIT = "usd_per_million_tokens"


@show.fragment
def page() -> None:
    """One endpoint: cost now and over time, its load, and what the same would cost elsewhere."""
    kept = meter.by_endpoint(sources.newest(MOST_WINDOWS, suite=meter.SUITE))
    if not kept:
        show.empty("meter.none", "modelworth meter http://127.0.0.1:8000 --watch")
    else:
        metered(kept)
    provenance.evidence(windows=lambda: sources.frame(MOST_WINDOWS, suite=[meter.SUITE]))


def metered(kept: dict[str, list[Measurement]]) -> None:
    """The windows of one endpoint, priced by a rent."""
    one, two, three = st.columns([3, 2, 3])
    endpoint = one.selectbox(words.t("meter.endpoint"), list(kept), key="meter-endpoint")
    last = kept[endpoint][-1]
    known = offers.rent(sources.catalog(), last.machine.device)
    usd = two.number_input(
        words.t("meter.rent"), 0.0, 1e6, known, format="%g", key=f"meter-rent-{endpoint}",
        help=words.t("meter.rent.help", device=last.machine.device),
    )  # fmt: skip
    offer = three.selectbox(
        words.t("meter.offer"), offers.listed(), index=None, key="meter-offer",
        placeholder=words.t("meter.offer.none"),
    )  # fmt: skip
    if usd is None:
        st.info(words.t("meter.no_rent"))
        return
    tests = sources.newest(sources.NEWEST, suite="load", status="ok")
    most = largest_rate(tests, sources.judgements(), endpoint)
    found = meter.windows(kept[endpoint], usd, most)
    if not found:
        show.empty("meter.idle")
        return
    costs(found, usd, most, offer)
    over_time(found)


def costs(found: list[meter.Window], usd: float, most: float | None, offer: str | None) -> None:
    """What all windows together come to."""
    total = meter.together(found, usd, most)
    shown = [
        ("meter.reserved", total.reserved, UNIT),
        ("meter.output_alone", total.output_alone, UNIT),
        ("meter.at_capacity", total.at_capacity, UNIT),
        ("meter.load_share", total.load_share, "share"),
        ("meter.idle_usd", total.idle_usd_per_hour, "usd_per_hour"),
    ]
    if offer:
        shown.append(("meter.elsewhere", meter.elsewhere(found, offers.price(offer)), UNIT))
    show.metrics(shown)
    st.caption(words.t("meter.reading"))
    if most is None:
        st.caption(words.t("meter.no_capacity"))


def over_time(found: list[meter.Window]) -> None:
    """Cost by window, and the windows themselves."""
    points = [
        Point(one.record.recorded_at.isoformat(), one.cost.reserved,
              f"{one.record.recorded_at:%Y-%m-%d %H:%M}: {words.value(one.cost.reserved, UNIT)}",
              key=one.record.id)
        for one in found if one.cost.reserved is not None
    ]  # fmt: skip
    show.chart(charts.history(look, points, UNIT), "meter", words.t("meter.chart"))
    picked = tables.shown(meter.table(found).iloc[::-1], "meter-windows", select=True)
    if picked is not None:
        record.panel(str(picked["id"]))


show.heading("meter")
page()
