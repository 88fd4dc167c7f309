"""Options added, copied, changed and taken away on the page, as the scenario's `options` part.

What an option changes is a table of drivers and values, as data/options.csv writes them: a number,
a word, `x0.5` for half of the plan's own. Whose prices it pays is chosen beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from modelworth.costmodel.scenario import options
from modelworth.costmodel.scenario.drivers import load_drivers
from modelworth.costmodel.scenario.scenario import Scenario, put
from modelworth.dashboard import state
from modelworth.dashboard.parts import entry, offers
from modelworth.data.errors import InputError
from modelworth.report.words import Words

NO_PRICE = "–"
LONGEST_LABEL = 60


def own(plan: Scenario) -> dict[str, Any]:
    """The plan's `options` part."""
    return dict(plan.document.get("options") or {})


def kept(plan: Scenario) -> list[str]:
    """Keys of the options that are compared, the table's first."""
    mine, table = own(plan), options.table_rows()
    added = [key for key in mine if key not in table and key != "quality_bar"]
    return [*(key for key in table if mine.get(key) is not False), *added]


def changes_of(plan: Scenario, key: str) -> dict[str, str]:
    """What an option changes, the table's rows under the plan's own, as text."""
    found = {
        driver: _on_screen(driver, text)
        for driver, text in options.table_rows(plan.hardware.model).get(key, {}).items()
    }
    written = own(plan).get(key)
    if isinstance(written, Mapping):
        plain = {name: value for name, value in written.items() if name != "label"}
        found |= {driver: _on_screen(driver, value) for driver, value in options.flat("", plain)}
    return found


def _on_screen(key: str, value: Any) -> str:
    """A value as the table writes it, a share as a percentage."""
    if key in options.PRICES and isinstance(value, Mapping):
        return f"{value['provider']}: {value['model']}"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    row = load_drivers().get(key)
    if row is None or row.unit != "share" or text.startswith("x"):
        return text
    return f"{float(text) * 100:.12g}%"


def key_for(label: str, taken: Iterable[str]) -> str:
    """A key from a label, as the scenario allows one, that no other option has."""
    plain = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")[:30]
    start = plain if plain[:1].isalpha() else f"option_{plain}".rstrip("_")
    known, key, count = set(taken), start, 2
    while key in known or key in options.RESERVED:
        key, count = f"{start}_{count}", count + 1
    return key


def written(rows: Mapping[str, str], label: str | None) -> dict[str, Any]:
    """An option as the scenario's document holds it.

    Raises:
        InputError: if a driver isn't known or a value can't be read.
    """
    made: dict[str, Any] = {"label": label} if label else {}
    for key, text in rows.items():
        if key in options.PRICES:
            provider, _, model = text.partition(": ")
            made[key] = {"provider": provider, "model": model}
        else:
            put(made, key.split("."), _value(key, text.strip()))
    return made


def _value(key: str, text: str) -> Any:
    row = load_drivers().get(key)
    if row is None:
        raise InputError("options", key, "a driver of data/drivers.csv")
    if (row.kind == "number" and text.startswith("x")) or (row.kind == "choice" and "|" in text):
        return text
    return entry.read(text, row, Words("en"))


def panel() -> None:
    """The options of the plan, each to be changed, copied or taken away, and a way to add one."""
    words, plan = state.words(), state.session().scenario
    st.subheader(words.t("options.edit"), anchor=False)
    st.caption(words.t("options.edit.text"))
    listed = kept(plan)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = st.selectbox(
            words.t("options.edit.which"), listed, key=f"option-pick-{state.session().revision}",
            format_func=lambda one: label_of(plan, one, words), width=360,
        )  # fmt: skip
        if st.button(words.t("options.change"), icon=":material/edit:", key="option-change"):
            open_dialog(key, copying=False)
        if st.button(words.t("options.copy"), icon=":material/content_copy:", key="option-copy"):
            open_dialog(key, copying=True)
        st.button(
            words.t("options.remove"), icon=":material/delete:", key="option-remove",
            on_click=remove, args=(key,), disabled=len(listed) < 2,
        )  # fmt: skip
    gone = [one for one in options.table_rows() if own(plan).get(one) is False]
    if gone:
        picked = st.pills(
            words.t("options.back"), gone, key=f"option-back-{state.session().revision}",
            format_func=lambda one: words.t(f"option.{one}"),
        )  # fmt: skip
        if picked:
            _take(picked, None)
            st.rerun()


def label_of(plan: Scenario, key: str, words: Words) -> str:
    """What an option is called."""
    written = own(plan).get(key)
    label = written.get("label") if isinstance(written, Mapping) else None
    return str(label) if label else words.t(f"option.{key}")


def remove(key: str) -> None:
    """Leave a shipped option out, or drop one of the plan's own."""
    _take(key, False if key in options.table_rows() else None)


def _take(key: str, value: Any) -> None:
    """Set an option in the plan; None drops what the plan says about it."""
    document = state.draft()
    part = dict(document.get("options") or {})
    part.pop(key, None)
    if value is not None:
        part[key] = value
    state.exchange({**document, "options": part})


def open_dialog(key: str, *, copying: bool) -> None:
    """The dialog in which an option is written."""
    title = state.words().t("options.copy" if copying else "options.change")
    st.dialog(title, width="large")(_dialog)(key, copying)


def _dialog(key: str, copying: bool) -> None:
    words, plan = state.words(), state.session().scenario
    mine = copying or key not in options.table_rows()
    label = label_of(plan, key, words)
    if copying:
        label = words.t("options.copy.of", name=label)
    if mine:
        label = st.text_input(
            words.t("options.label"), label, max_chars=LONGEST_LABEL, key="option-label"
        )
    rows = changes_of(plan, key)
    prices = {name: _price(name, rows.get(name)) for name in options.PRICES}
    drivers = {name: text for name, text in rows.items() if name not in options.PRICES}
    table = st.data_editor(
        pd.DataFrame({"driver": list(drivers), "value": list(drivers.values())}), hide_index=True,
        num_rows="dynamic", key=f"option-rows-{key}-{copying}", width="stretch", placeholder="",
        column_config={
            "driver": st.column_config.SelectboxColumn(
                words.t("column.driver"), options=list(load_drivers()), required=True,
                format_func=words.name, width="large",
            ),
            "value": st.column_config.TextColumn(
                words.t("column.value"), required=True, help=words.t("options.value.help")
            ),
        },
    )  # fmt: skip
    if st.button(words.t("options.take"), type="primary", key="option-take"):
        typed = {str(row.driver): str(row.value) for row in table.itertuples() if row.driver}
        typed |= {name: offer for name, offer in prices.items() if offer}
        try:
            made = written(typed, label.strip() if mine else None)
        except InputError as error:
            st.error(str(error))
            return
        _take(key_for(label, kept(plan)) if copying else key, made)
        st.rerun()


def _price(name: str, now: str | None) -> str | None:
    """Whose prices the option pays."""
    words, known = state.words(), [NO_PRICE, *offers.listed()]
    if now and now not in known:
        known.insert(1, now)
    found = st.selectbox(
        words.t(f"options.{name}"), known, known.index(now) if now else 0, key=f"option-{name}"
    )
    return None if found == NO_PRICE else found
