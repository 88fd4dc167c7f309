"""Scenarios in and out: templates, uploads, links, saving under a hash."""

from __future__ import annotations

import hashlib

import streamlit as st

from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.dashboard import sources, state
from modelworth.dashboard.parts import show
from modelworth.data.errors import InputError, ModelworthError

SECTIONS = ("demand", "revenue", "capacity", "compute", "building", "trust", "company", "cash")
MOST_BYTES = 1_000_000


@st.cache_resource(show_spinner=False)
def _names(language: str) -> dict[str, str]:
    """Shipped scenarios: file name → what it is called."""
    shipped = scenarios.shipped()
    return {name: sources.prose(scenarios.load(name), language, "name") or name for name in shipped}


def templates() -> None:
    """Start from a shipped question."""
    words = state.words()
    names = _names(words.language)
    st.selectbox(
        words.t("scenario.template"), list(names), format_func=names.__getitem__, index=None,
        key=f"template-{state.session().revision}", placeholder=words.t("scenario.template.text"),
        on_change=_take_template, width=220,
    )  # fmt: skip


def _take_template() -> None:
    name = st.session_state[f"template-{state.session().revision}"]
    if name:
        state.start_from(scenarios.load(name))


def sharing() -> None:
    """A link that carries the scenario, and one that finds it in this store."""
    words = state.words()
    st.caption(words.t("scenario.link.text"))
    st.code(state.link(), language=None, wrap_lines=True)
    if sources.store() is not None and st.button(words.t("scenario.save")):
        with show.errors_said():
            key = sources.save_scenario(scenarios.to_yaml(state.session().scenario))
            st.caption(show.say("scenario.saved", hash=key))
            st.code(f"?saved={key}", language=None)


def uploading() -> None:
    """A YAML file instead of what is at hand."""
    words = state.words()
    file = st.file_uploader(words.t("scenario.file"), type=["yaml", "yml"], key="scenario-file")
    if file is None:
        return
    content = file.getvalue()
    mark = hashlib.sha256(content).hexdigest()
    if st.session_state.get("scenario-uploaded") == mark:
        return
    st.session_state["scenario-uploaded"] = mark
    try:
        state.start_from(scenarios.loads(_text(file.name, content), file.name))
        state.note("note", words.t("scenario.uploaded"))
    except ModelworthError as error:
        state.note("error", str(error))
    st.rerun()


def writing() -> None:
    """The plan as YAML, to be read, changed and taken."""
    words, mine = state.words(), state.session()
    typed = st.text_area(
        "YAML", scenarios.to_yaml(mine.scenario), height=420, width=640,
        label_visibility="collapsed", key=f"yaml-{mine.scenario.sha256[:12]}-{mine.revision}",
    )  # fmt: skip
    if st.button(words.t("scenario.yaml.take"), type="primary", key="yaml-take"):
        try:
            content = _text("YAML", typed.encode())
            opened = scenarios.loads(content, f"{mine.scenario.name}.yaml")
            base = mine.base
            state.start_from(opened, mine.origin)
            mine.base = base
        except ModelworthError as error:
            state.note("error", str(error))
        st.rerun()


def _text(name: str, content: bytes) -> str:
    if len(content) > MOST_BYTES:
        raise InputError(name, f"{len(content)} bytes", f"at most {MOST_BYTES} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InputError(name, "not UTF-8", "text in UTF-8") from error
