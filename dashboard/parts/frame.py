"""What stands around every page: login, navigation, the sidebar and notices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from modelworth.costmodel.business.lint_guards_reading import usual_rates
from modelworth.dashboard import state, team
from modelworth.dashboard.parts import show
from modelworth.report.words import LANGUAGES, Words

VIEWS = Path(__file__).parents[1] / "views"
STYLE = Path(__file__).parents[1] / "style.css"
ICON = Path(__file__).parents[1] / "icon.svg"
OWN_WORDS = """<style>
[data-testid="stFileUploaderDropzoneInstructions"] { display: none; }
[data-testid="stFileUploaderDropzone"] button [data-testid="stMarkdownContainer"],
[data-testid="InputInstructions"] { font-size: 0; }
[data-testid="stFileUploaderDropzone"] button [data-testid="stMarkdownContainer"]::after {
  content: "%s"; font-size: 0.9rem; }
[data-testid="InputInstructions"]::after { content: "%s"; font-size: 0.75rem; }
</style>"""
"""Streamlit has no setting for these; a style can say others in their place."""
PAGES = {
    "begin": {"start": "flag"},
    "answer": {
        "verdict": "gavel",
        "scenario": "tune",
        "money": "payments",
        "statements": "table_chart",
        "risk": "casino",
    },
    "compare": {"options": "alt_route", "compare": "compare_arrows", "trust": "shield"},
    "evidence": {
        "measurements": "speed",
        "record": "fact_check",
        "meter": "electric_meter",
        "predict": "insights",
        "trends": "trending_down",
        "data": "database",
    },
    "share": {"report": "description"},
}


def require_login() -> None:
    """Let nobody past who isn't logged in, where an identity provider is configured."""
    if not team.sign_in() or st.user.get("is_logged_in"):
        return
    words = state.words()
    st.title("modelworth", anchor=False)
    st.write(words.t("login.text"))
    st.button(words.t("login.button"), on_click=st.login, type="primary")
    st.stop()


def pages(words: Words) -> dict[str, list[Any]]:
    """The pages by group, titled in the reader's language, at addresses that don't change."""
    return {
        words.t(f"group.{group}"): [
            st.Page(
                VIEWS / f"{name}.py",
                title=words.t(f"page.{name}"),
                icon=f":material/{icon}:",
                url_path=name,
                default=name == "start",
            )
            for name, icon in entries.items()
        ]
        for group, entries in PAGES.items()
    }


def style() -> None:
    """The house's look, and the words of Streamlit's own that a reader sees, in their language."""
    st.html(STYLE)
    words = state.words()
    if words.language != "en":
        st.html(OWN_WORDS % (words.t("frame.upload"), words.t("frame.enter")))


def sidebar(listed: dict[str, list[Any]]) -> None:
    """The pages, language, the scenario at hand, and the way back.

    The pages are links of our own: Streamlit's list of them isn't one to a screen reader.
    """
    words = state.words()
    with st.sidebar:
        for place, (group, entries) in enumerate(listed.items()):
            with st.container(key=f"nav-{place}"):
                st.caption(group)
                for page in entries:
                    st.page_link(page, width="stretch")
        st.caption(show.say("sidebar.scenario", name=state.title()))
        st.button(
            words.t("scenario.undo"), icon=":material/undo:", on_click=state.undo,
            key="undo-everywhere", type="tertiary",
        )  # fmt: skip
        st.segmented_control(
            words.t("sidebar.language"),
            list(LANGUAGES),
            default=words.language,
            required=True,
            format_func=LANGUAGES.__getitem__,
            key="language",
            on_change=lambda: state.speak(st.session_state["language"]),
        )
        currency()


def currency() -> None:
    """In which money everything is said, and what a unit of it is worth."""
    words, plan, revision = state.words(), state.session().scenario, state.session().revision
    rates = {"USD": 1.0, **usual_rates(), plan.currency: plan.usd_per_currency}
    chosen, rate = f"currency-{revision}", f"rate-{revision}"
    st.selectbox(
        words.t("sidebar.currency"), list(rates), list(rates).index(plan.currency), key=chosen,
        on_change=lambda: _take_money(st.session_state[chosen], rates[st.session_state[chosen]]),
    )  # fmt: skip
    if plan.currency != "USD":
        st.number_input(
            words.t("asks.rate", currency=plan.currency), 1e-6, 1e6, plan.usd_per_currency,
            key=rate, format="%.10g",
            on_change=lambda: _take_money(plan.currency, st.session_state[rate]),
        )  # fmt: skip


def _take_money(currency: str, usd_per_currency: float) -> None:
    state.change({"currency": currency, "usd_per_currency": usd_per_currency})
    state.session().revision += 1


def notices() -> None:
    """What was refused or done since the last look, said once."""
    for notice in state.take_notices():
        show.SEVERITIES[notice.severity](show.plain(notice.text))
