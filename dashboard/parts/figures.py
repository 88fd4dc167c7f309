"""Figures of the analysis as readers meet them: value, range, basis, and the way to its lineage."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from modelworth.costmodel.analysis import Analysis, Figure, Finding, Flip
from modelworth.dashboard import state
from modelworth.dashboard.parts import lineage, show
from modelworth.report import said, spent

CARD = 165
JOINT = "\u2060"  # a minus stays with its amount
FLIP = 215
ASSUMED = "assumed"
FIRST_FOUR = ("npv_usd", "gross_margin_share", "payback_months", "peak_funding_usd")
OF_COST = ("npv_usd", "peak_funding_usd", "served_load_share", "mean_utilisation_share")
UNIT_COSTS = (
    "usd_per_million_output_tokens", "usd_per_image", "usd_per_thousand_calls",
    "usd_per_accepted_result",
)  # fmt: skip


def row(figures: Iterable[Figure], place: str) -> None:
    """Figures side by side, as many as there is room for; what nothing is said of is assumed."""
    st.caption(state.words().t("figure.row"))
    with st.container(horizontal=True, gap="small", key=f"figures-{place}"):
        for figure in figures:
            one(figure, place)


def five(analysis: Analysis) -> list[Figure]:
    """What most readers ask for first: value, margin, payback, funding, and what a unit costs.

    Where only the cost is asked for: value, funding, what is served, how busy the GPUs are.
    """
    asked = OF_COST if spent.is_cost(analysis) else FIRST_FOUR
    known = (spent.figure(analysis, analysis.indicators[key]) for key in asked)
    found = [one for one in known if asked is FIRST_FOUR or one.base is not None]
    costs = (analysis.indicators[key] for key in UNIT_COSTS)
    return [*found, *[figure for figure in costs if figure.base][:1]]


def one(figure: Figure, place: str) -> None:
    """One figure: its name, its value in the base case, its range over the trials, its basis."""
    words = state.words()
    with st.container(border=True, height="stretch", width=CARD, gap="xxsmall"):
        st.metric(show.plain(words.name(figure.key)), said.figure(words, figure))
        rests = words.t(f"basis.{figure.basis}")
        mark = show.mark(rests, show.BASIS_COLOURS[figure.basis])
        st.caption(spread(figure) + ("" if figure.basis == ASSUMED else f" {mark}"))
        lineage.button("npv_usd" if figure.key == spent.PRESENT_COST else figure.key, place)


def spread(figure: Figure) -> str:
    """Unit, months and range of a figure over the trials, as Markdown."""
    words = state.words()
    unit, spread = words.unit_tail(figure.unit), said.signed(said.beside(words, figure), JOINT)
    if unit:  # said once
        spread = " ".join(spread.replace(f" {unit}", "").replace(unit, "").split())
    said_here = (unit, said.convention(words, figure), spread)
    return show.plain(" · ".join(filter(None, said_here))) or "–"


def flips(analysis: Analysis, listed: Iterable[Flip]) -> None:
    """The values at which the verdict would be another, a box for each driver."""
    words = state.words()
    found: dict[str, list[Flip]] = {}
    for flip in sorted(listed, key=lambda flip: flip.at or 0.0):
        if flip.at is not None:
            found.setdefault(flip.driver, []).append(flip)
    if not found:
        st.info(words.t("verdict.no_flips"))
        return
    with st.container(horizontal=True, gap="small", key="flips"):
        for turning in found.values():
            with st.container(border=True, height="stretch", width=FLIP):
                st.markdown(show.plain(said.turning(words, analysis, turning)))


def findings(listed: Iterable[Finding]) -> None:
    """What the plan's linter says, gravest first."""
    words = state.words()
    order = list(show.SEVERITIES)
    for finding in sorted(listed, key=lambda finding: order.index(finding.severity)):
        text = said.finding(words, finding).replace("`", "")
        show.SEVERITIES[finding.severity](f"**{finding.id}** {show.plain(text)}")
