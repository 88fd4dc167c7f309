"""Documents for those who don't open a dashboard: choose, make, look, download."""

from __future__ import annotations

import streamlit as st

from modelworth.dashboard import state
from modelworth.dashboard.parts import documents, provenance, show
from modelworth.report.files import FORMATS
from modelworth.report.sections.content import SECTIONS
from modelworth.report.words import LANGUAGES

words = state.words()
PREVIEW_HEIGHT = 720


def choose() -> tuple[list[str], str, list[str]]:
    """Formats, language and sections."""
    left, right = st.columns([1, 2])
    with left:
        language = st.segmented_control(
            words.t("report_page.language"), list(LANGUAGES), default=words.language,
            required=True, format_func=LANGUAGES.__getitem__, key="report.language",
        )  # fmt: skip
    with right:
        formats = st.pills(
            words.t("report_page.formats"), list(FORMATS), selection_mode="multi",
            default=["html"], format_func=str.upper, key="report.formats",
        )  # fmt: skip
    sections = st.pills(
        words.t("report_page.sections"), list(SECTIONS), selection_mode="multi",
        default=list(SECTIONS), key="report.sections",
        format_func=lambda section: words.t(f"report.section.{section}"),
    )  # fmt: skip
    return formats, language, sections


def offer(made: list[documents.Document]) -> None:
    """Downloads, what failed, and a preview of the HTML."""
    with st.container(horizontal=True):
        for document in made:
            if document.error is None:
                st.download_button(
                    f"{document.format.upper()} · {words.value(len(document.content), 'bytes')}",
                    document.content, document.name, document.mime, on_click="ignore",
                    icon=":material/download:", key=f"take-{document.format}",
                )  # fmt: skip
    for document in made:
        if document.error is not None:
            format_name = document.format.upper()
            st.error(show.say("report_page.failed", format=format_name, reason=document.error))
    html = next((one for one in made if one.format == "html" and one.content), None)
    if html:
        st.iframe(documents.preview(html), height=PREVIEW_HEIGHT)


@show.fragment
def page() -> None:
    """The choices stay usable while documents are at hand."""
    formats, language, sections = choose()
    label = words.t("report_page.make")
    ready = bool(formats and sections)
    if st.button(label, type="primary", icon=":material/description:", disabled=not ready):
        with st.spinner(words.t("report_page.making")):
            full = state.analysis("sensitivity", "break_even", "options")
            made = documents.make(full, formats, language, sections)
        st.session_state["documents"] = (state.scenario_hash(), made)
    about, made = st.session_state.get("documents", ("", []))
    if made and about != state.scenario_hash():
        st.warning(words.t("report_page.outdated"))
    offer(made)


show.heading("report_page")
with show.errors_said():
    page()
provenance.footer()
