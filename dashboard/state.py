"""The one place that holds what a reader has set: language, notices, and the scenario at hand.

Everything lives in one typed object in Streamlit's session state, so that two readers never see
each other's. Pages ask here; what takes time is cached in `sources`, keyed on content.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Literal

import streamlit as st

from dashboard.charts import Look
from dashboard.words import LANGUAGES, Words, best_language

LANGUAGE = "MODELWORTH_LANGUAGE"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a reader must be told once."""

    severity: Literal["error", "warning", "note"]
    text: str


@dataclass(slots=True)
class Session:
    """What one reader has set."""

    language: str = "en"
    notices: list[Notice] = field(default_factory=list)


def session() -> Session:
    """This reader's session."""
    if "session" not in st.session_state:
        st.session_state["session"] = Session(language=_first_language())
    return st.session_state["session"]


def _first_language() -> str:
    """From the address, the command line or the browser, in this order."""
    asked = st.query_params.get("lang")
    if asked in LANGUAGES:
        return asked
    return os.environ.get(LANGUAGE) or best_language(st.context.locale)


def begin() -> None:
    """Take over what the address says, once for each address."""
    session()


def speak(language: str) -> None:
    """Change the language, also in the address."""
    session().language = language
    st.query_params["lang"] = language


def words() -> Words:
    """This reader's words."""
    return Words(session().language)


def look() -> Look:
    """This reader's words and ground, for charts."""
    return Look(words(), dark=st.context.theme.type == "dark")


def note(severity: Literal["error", "warning", "note"], text: str) -> None:
    """Tell the reader at the top of the page, once."""
    session().notices.append(Notice(severity, text))


def take_notices() -> list[Notice]:
    """What is to be told now."""
    told = session().notices
    session().notices = []
    return told
