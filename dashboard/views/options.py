"""Pre-train, fine-tune, host or buy: the same demand served in several ways."""

from __future__ import annotations

import streamlit as st

from modelworth.costmodel.analysis import Analysis
from modelworth.dashboard import state
from modelworth.dashboard.parts import answers, option_editor, provenance, show
from modelworth.dashboard.parts import columns as tables
from modelworth.dashboard.parts import option_rows as options
from modelworth.report import charts

words, look = state.words(), state.look()


def volumes(analysis: Analysis, names: dict[str, str]) -> None:
    """Monthly cost over volume, with the crossings."""
    curve = analysis.volume_curve
    counted = curve and analysis.drivers.get(curve.driver)
    if curve is None or counted is None:
        return
    st.subheader(words.t("options.volume"), anchor=False)
    chart = charts.volume(look, curve, counted.unit, now=counted.value, names=names)
    show.chart(chart, "volume", words.t("options.volume.reading"))
    if curve.crossings:
        found = options.crossings(curve.crossings, words, counted.unit, names)
        tables.shown(found, "crossings")


show.heading("options")
with show.errors_said():
    found = state.analysis("options")
    if not found.options:
        show.empty("options.none")
    else:
        called = {one.key: options.name(one, words) for one in found.options}
        st.info(f"### {show.plain(options.headline(found, words))}", icon=":material/alt_route:")
        best = options.likelihood(found.options, words)
        if best:
            st.subheader(words.t("options.best"), anchor=False)
            reading = words.t("options.best.reading", trials=f"{found.provenance.trials:,}")
            show.chart(charts.bars(look, best, "share"), "likelihood", reading)
        st.subheader(words.t("options.compared"), anchor=False)
        tables.shown(options.table(found.options, words), "options")
        answers.infeasible(found.options)
        option_editor.panel()
        volumes(found, called)
provenance.footer()
