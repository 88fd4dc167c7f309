"""Pieces of a page that several pages share: figures with their lineage, charts, notices.

Text that comes from data never reaches Markdown unescaped, and nothing here allows HTML.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

import plotly.graph_objects as go
import streamlit as st

from modelworth.dashboard import state
from modelworth.data.errors import InputError, ModelworthError

T = TypeVar("T")
BASIS_COLOURS = {
    "measured": "green",
    "interpolated": "blue",
    "extrapolated": "violet",
    "published": "gray",
    "assumed": "orange",
}
PICTURE, PICTURES = "show.pictures", ["png", "svg"]
LOCALE = "house"
SAVES = ("Download plot as a PNG", "Download plot")
"""What plotly calls the camera, by the picture's format."""
SEVERITIES = {"error": st.error, "warning": st.warning, "note": st.info}
MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~$:&])")
ADDRESS = re.compile(r"(https?:(?=//)|www(?=\.)|@(?=\w))", re.IGNORECASE)
JOINER = "\N{WORD JOINER}"
"""Has no width; an address with one in it isn't made a link, which escaping can't prevent."""


def plain(text: object) -> str:
    """Text for Markdown that shows exactly as it is: no formatting, formulas, links or emoji."""
    inert = ADDRESS.sub(rf"\1{JOINER}", str(text).replace("\n", " "))
    return MARKDOWN.sub(r"\\\1", inert)


def say(key: str, **values: object) -> str:
    """A message for Markdown; what is put into it is shown as it is."""
    return state.words().t(key, **{name: plain(value) for name, value in values.items()})


def heading(key: str) -> None:
    """A page's title and the sentence under it that says what it answers."""
    words = state.words()
    st.title(words.t(f"{key}.title"), anchor=False)
    st.caption(words.t(f"{key}.lead"))


def config(key: str) -> dict[str, object]:
    """A chart that can be taken away as a picture, in the format that this reader has chosen."""
    words, form = state.words(), st.session_state.get(PICTURE, PICTURES[0])
    told = dict.fromkeys(SAVES, words.t("show.picture", format=form.upper()))
    return {
        "displaylogo": False, "responsive": True, "modeBarButtons": [["toImage"]],
        "locale": LOCALE, "locales": {LOCALE: {"dictionary": told}},
        "toImageButtonOptions": {"format": form, "filename": f"modelworth-{key}", "scale": 2},
    }  # fmt: skip


def chart(figure: go.Figure, key: str, reading: str = "") -> None:
    """A chart, and under it the sentence that a reader without eyes for it needs."""
    st.plotly_chart(figure, key=key, theme=None, config=config(key), alt=reading or None)
    if reading:
        st.caption(reading)


def empty(key: str, command: str | None = None) -> None:
    """What to do where there is nothing to show yet."""
    words = state.words()
    with st.container(border=True):
        st.subheader(words.t(f"{key}.title"), anchor=False)
        st.write(words.t(f"{key}.text"))
        if command:
            st.code(command, language="bash", wrap_lines=True)


def folded(label: str, key: str, icon: str | None = None) -> Any:
    """A part that opens on demand, once it is open: what is folded is neither made nor sent."""
    part = st.expander(label, icon=icon, key=key, on_change="rerun")
    return part if part.open else None


def metrics(figures: Iterable[tuple[str, float | None, str]]) -> None:
    """Figures side by side, those that are known: message, value and unit of each."""
    words = state.words()
    with st.container(horizontal=True):
        for key, value, unit in figures:
            if value is not None:
                about = words.t(f"{key}.help")
                told = None if about == f"{key}.help" else about
                st.metric(words.t(key), words.value(value, unit), help=told, width="content")


def grid(key: str, items: Sequence[T], draw: Callable[[T], None]) -> None:
    """Cards side by side, as many as there is room for, those of a row of one height."""
    with st.container(key=f"grid-{key}"):
        for item in items:
            with st.container(border=True, height="stretch", gap="xxsmall"):
                draw(item)


def refused(error: ModelworthError) -> None:
    """What was wrong: where, what was found, what is allowed."""
    if isinstance(error, InputError):
        found = str(error.found)[:300]
        st.error(say("refused", where=error.where, found=found, allowed=error.allowed))
    else:
        st.error(plain(error))


@contextmanager
def errors_said() -> Iterator[None]:
    """Errors that a person can be told in two lines are told so; others are defects."""
    try:
        yield
    except ModelworthError as error:
        refused(error)


def fragment(part: Callable[..., None]) -> Callable[..., None]:
    """A part of a page that is redrawn alone, and says its own errors."""

    @wraps(part)
    def careful(*arguments: object) -> None:
        with errors_said():
            part(*arguments)

    return st.fragment(careful)


def basis(name: str) -> None:
    """A mark that says what a figure rests on."""
    st.badge(state.words().t(f"basis.{name}"), color=BASIS_COLOURS[name])


def mark(text: str, colour: str, icon: str = "") -> str:
    """A badge as Markdown, for the middle of a text."""
    return f":{colour}-badge[{icon} {plain(text)}]"


def namer(column: str) -> Callable[[str], str]:
    """How values of a column are shown: kinds and origins in words, the rest as recorded."""
    naming = {"kind": "kind.{}", "origin": "origin.{}", "family": "family.{}"}.get(column)
    words = state.words()
    return (lambda value: words.t(naming.format(value))) if naming else str


def choice(
    key: str, options: list[str], naming: str, *, bare: bool = False, first: str | None = None
) -> str:
    """One of a few, side by side.

    Args:
        key: message of the label, and identity of the widget.
        options: identifiers.
        naming: message of an option, with {} where the identifier goes.
        bare: without the label above.
        first: what is chosen to begin with; the first of them where it isn't said.
    """
    words = state.words()
    return st.segmented_control(
        words.t(key), options, default=first or options[0], required=True, key=key,
        format_func=lambda option: words.t(naming.format(option)),
        label_visibility="collapsed" if bare else "visible",
    )  # fmt: skip
