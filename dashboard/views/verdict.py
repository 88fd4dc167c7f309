"""Is it a good business? The answer by the stated rule, how sure, and what would change it."""

from __future__ import annotations

import streamlit as st

from modelworth.costmodel.analysis import Analysis
from modelworth.costmodel.analysis_answer import Criterion
from modelworth.dashboard import state
from modelworth.dashboard.parts import answers, figures, provenance, show, turning
from modelworth.report import charts, said, spent
from modelworth.report.conclusion import conclusion

words, look = state.words(), state.look()
LEVERS = 3
WIDEST = 7
MARKS = {
    "met": ":green[:material/check:]",
    "missed": ":red[:material/close:]",
    "waived": ":gray[:material/remove:]",
    "unknown": ":gray[:material/question_mark:]",
}


@show.fragment
def page() -> None:
    """Everything here depends on every lever, so it is redrawn as a whole and without the rest.

    Charts are sent before all that stands around them: the browser takes longest over those.
    """
    turning.give_way()
    with show.errors_said():
        analysis = state.analysis()
        answer, levers, cards = st.container(), st.container(border=True), st.container()
        pictures(analysis)
        with levers:
            st.caption(words.t("verdict.levers"))
            state.levers_for(analysis, analysis.verdict.drivers[:LEVERS], "verdict")
        with answer:
            verdict(analysis)
        with cards:
            figures.row(figures.five(analysis), "verdict")
        reasons(analysis)


def verdict(analysis: Analysis) -> None:
    """The answer in one box."""
    if spent.is_cost(analysis):
        st.info(f"### {answers.cost(analysis)}", icon=":material/payments:")
        return
    answers.box(analysis)
    st.caption(show.plain(conclusion(words, analysis)))


def pictures(analysis: Analysis) -> None:
    """The cash curve and what drives the answer."""
    left, right = st.columns([5, 4])
    with left:
        st.subheader(words.t("verdict.cash"), anchor=False)
        series = analysis.series[state.CASH]
        low = min(range(len(series.base)), key=series.base.__getitem__)
        figure = charts.band(look, series, marks=[(low, words.money(series.base[low]))])
        reading = words.t("verdict.cash.reading", low=words.money(series.base[low]), month=low)
        show.chart(figure, "cash", reading)
    with right:
        st.subheader(words.t("verdict.drivers"), anchor=False)
        if not analysis.tornado:
            show.empty("verdict.no_drivers")
            return
        bars = spent.swings(analysis, analysis.tornado[:WIDEST])
        value = spent.value(analysis)
        chart = charts.tornado(look, bars, value.base or 0.0, value.unit)
        widest, of = words.name(bars[0].driver), words.name(value.key)
        show.chart(chart, "tornado", words.t("verdict.drivers.reading", driver=widest, of=of))


def reasons(analysis: Analysis) -> None:
    """What would flip it, or which way is cheapest; the rule, and the linter's warnings."""
    cost = spent.is_cost(analysis)
    st.subheader(words.t("verdict.cost.options" if cost else "verdict.flips"), anchor=False)
    turning.panel("options" if cost else "flips")
    if cost:
        st.page_link("views/options.py", label=words.t("page.options"))
    left, right = st.columns(2)
    with left:
        st.subheader(words.t("verdict.rule"), anchor=False)
        st.markdown("\n\n".join(criterion(analysis, one) for one in analysis.verdict.criteria))
    with right:
        st.subheader(words.t("verdict.warnings"), anchor=False)
        if analysis.findings:
            figures.findings(analysis.findings)
        else:
            st.info(words.t("verdict.no_warnings"))


def criterion(analysis: Analysis, one: Criterion) -> str:
    """A condition of the rule, and whether it is met."""
    why = f" ({words.t(f'waived.{one.reason}')})" if one.reason else ""
    return f"{MARKS[one.status]} {show.plain(said.condition(words, analysis, one) + why)}"


st.title(show.plain(state.title()), anchor=False)
st.markdown(show.plain(state.prose("question")))
page()
provenance.footer()
