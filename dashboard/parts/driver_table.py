"""Drivers as a dense table that is edited in place: what matters first, the rest by topic.

Cells are text as people write it (12%, 2.5M, yes), so that a column can be pasted from a
spreadsheet; what is typed is read by `entry` and checked by the scenario. A row keeps its place
while it is edited, whatever its weight becomes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import pandas as pd
import streamlit as st

from modelworth.costmodel.analysis import Analysis, DriverUse
from modelworth.costmodel.scenario.drivers import load_drivers
from modelworth.costmodel.scenario.scenario import Scenario
from modelworth.dashboard import levers, state
from modelworth.dashboard.parts import entry
from modelworth.data.errors import InputError
from modelworth.report import said
from modelworth.report.words import Words

ROW_PX, MOST_ROWS, NUMBER_PX = 35, 22, 100
ENDS = ("low", "high")
EDITED = ("value", *ENDS)
MATTERS = "matters"
THREE = ("low", "mode", "high")


def weights(found: Analysis) -> dict[str, float]:
    """How far each driver moves the value within its range, the widest being 1."""
    widths = {swing.driver: abs(swing.at_high - swing.at_low) for swing in found.tornado}
    most = max(widths.values(), default=0.0)
    return {key: width / most for key, width in widths.items()} if most else {}


def what_matters(found: Analysis) -> list[str]:
    """Drivers that move the value, and those that the plan sets, the heaviest first."""
    heavy = weights(found)
    mine = [key for key, use in found.drivers.items() if use.changed and key not in heavy]
    return [*sorted(heavy, key=lambda key: -heavy[key]), *mine]


def frame(found: Analysis, keys: Sequence[str], words: Words) -> pd.DataFrame:
    """A row a driver, everything as text but its weight."""
    drivers, heavy = load_drivers(), weights(found)
    rows = [_row(found.drivers[key], heavy.get(key), words) for key in keys]
    return pd.DataFrame(rows, index=[drivers[key].key for key in keys])


def _row(use: DriverUse, weight: float | None, words: Words) -> dict[str, Any]:
    driver, spec = load_drivers()[use.key], use.distribution or {}
    plain = driver.kind in ("number", "integer")
    return {
        "driver": words.name(use.key),
        "value": words.t("driver.monthly") if driver.kind == "monthly"
        else entry.written(use.value, driver, words),
        "low": entry.written(spec.get("low"), driver, words) if plain else "",
        "high": entry.written(spec.get("high"), driver, words) if plain else "",
        "unit": words.unit(use.unit) if plain else "",
        "span": picture(use) if plain else None,
        "weight": weight,
        "basis": words.t(f"basis.{use.basis}"),
        "source": said.source(words, use.source),
    }  # fmt: skip


def picture(use: DriverUse) -> str | None:
    """The plausible range, the plan's own range in it and its value, as an image of a cell's shape.

    A table draws images as high as its rows and cuts off what is wider than the column.
    """
    spec = use.distribution or {}
    known = [use.low, use.high, use.value, spec.get("low"), spec.get("high")]
    ends = [end for end in known if end is not None]
    low, high = min(ends), max(ends)
    if low == high:
        return None
    places = {end: 5 + 74 * (end - low) / (high - low) for end in ends}
    first = places[spec["low"]] if spec.get("low") is not None else places[use.value]
    last = places[spec["high"]] if spec.get("high") is not None else places[use.value]
    drawn = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="84" height="28">'
        '<rect x="5" y="13" width="74" height="2" fill="#9aa5b1"/>'
        f'<rect x="{first:.1f}" y="11" width="{max(1.0, last - first):.1f}" height="6" '
        'fill="#2b83c2"/>'
        f'<circle cx="{places[use.value]:.1f}" cy="14" r="5" fill="#e69f00"/></svg>'
    )
    return f"data:image/svg+xml,{quote(drawn)}"


def show(found: Analysis, keys: Sequence[str], place: str) -> None:
    """The table of these drivers; a change goes to the plan at once."""
    words, mine = state.words(), state.session()
    key = f"table-{place}-{mine.revision}"
    order = st.session_state.setdefault(f"order-{key}", list(keys))
    if set(order) != set(keys):
        order = st.session_state[f"order-{key}"] = list(keys)
    table = frame(found, order, words)
    st.data_editor(
        table, key=key, hide_index=True, num_rows="fixed", column_config=_columns(words),
        placeholder="",
        disabled=[name for name in table.columns if name not in EDITED],
        height=ROW_PX * min(MOST_ROWS, len(order) + 1) + 3,
        on_change=lambda: take(found, order, st.session_state[key]["edited_rows"]),
    )  # fmt: skip


def _columns(words: Words) -> dict[str, Any]:
    column = st.column_config
    return {
        "driver": column.TextColumn(words.t("column.driver"), width="medium", pinned=True),
        "value": column.TextColumn(words.t("column.value"), width=NUMBER_PX),
        "low": column.TextColumn(words.t("driver.low"), width=NUMBER_PX),
        "high": column.TextColumn(words.t("driver.high"), width=NUMBER_PX),
        "unit": column.TextColumn(words.t("column.unit"), width=130),
        "span": column.ImageColumn(words.t("asks.range"), width=NUMBER_PX),
        "weight": column.ProgressColumn(
            words.t("column.weight"), min_value=0, max_value=1, format=" ", width="small",
            help=words.t("column.weight.help"),
        ),
        "basis": column.TextColumn(words.t("column.basis"), width="small"),
        "source": column.TextColumn(words.t("column.source"), width="medium"),
    }  # fmt: skip


def take(found: Analysis, order: Sequence[str], edited: Mapping[int, Mapping[str, Any]]) -> None:
    """Make the edits of a table changes of the plan; what can't be read is said."""
    words, changes = state.words(), {}
    try:
        for place, cells in edited.items():
            use = found.drivers[order[int(place)]]
            changes[use.key] = changed(use, cells, words)
    except InputError as error:
        state.note("error", str(error))
        state.session().revision += 1
        return
    state.change(changes)


def changed(use: DriverUse, cells: Mapping[str, Any], words: Words) -> Any:
    """A driver's value in the scenario after the cells of its row were typed over.

    Raises:
        InputError: if a cell can't be read, or the driver can't have a range.
    """
    driver, spec = load_drivers()[use.key], use.distribution
    value: Any = use.value
    if "value" in cells:
        value = entry.read(str(cells["value"] or ""), driver, words)
        if not isinstance(value, float | int) or isinstance(value, bool):
            return value
        spec = levers.moved(spec, use.value, value) if spec else None
        spec = spec if isinstance(spec, dict) else None
    typed = {end: str(cells[end] or "").strip() for end in ENDS if end in cells}
    if not typed:
        return spec or value
    kept = dict(spec) if spec and set(spec) <= set(THREE) else {}
    ends = {end: _end(driver, text, words) for end, text in typed.items()}
    ranged = {"low": kept.get("low"), "high": kept.get("high"), **ends}
    if ranged["low"] is None and ranged["high"] is None:
        return value
    low = value if ranged["low"] is None else ranged["low"]
    high = value if ranged["high"] is None else ranged["high"]
    return {"low": low, "mode": value, "high": high}


def _end(driver: Any, text: str, words: Words) -> float | None:
    """An end of a range; None where the cell was emptied."""
    if not text:
        return None
    found = entry.read(text, driver, words)
    if isinstance(found, str | bool):
        raise InputError(words.name(driver.key), text, driver.allowed)
    return found


def found_drivers(
    analysis: Analysis, words: Words, section: str, wanted: str, *, only_changed: bool
) -> list[str]:
    """Keys of the drivers to show: of the section, or of all where something is searched for."""
    text = wanted.strip().casefold()
    if section == MATTERS and not text:
        listed = what_matters(analysis)
        return [key for key in listed if analysis.drivers[key].changed or not only_changed]
    found = []
    for key, use in analysis.drivers.items():
        here = text in f"{words.name(key)} {key}".casefold() if text else use.section == section
        if here and (use.changed or not only_changed):
            found.append(key)
    return found


def differences(base: Scenario, now: Scenario, words: Words) -> pd.DataFrame:
    """A row for each driver on which two scenarios don't agree."""
    keys = {**base.settings, **now.settings}
    drivers = load_drivers()
    rows = [
        {
            "driver": words.name(key),
            "before": _shown(base, words, key),
            "now": _shown(now, words, key),
            "key": key,
        }
        for key in drivers
        if key in keys and base.settings.get(key) != now.settings.get(key)
    ]
    return pd.DataFrame(rows)


def _shown(scenario: Scenario, words: Words, key: str) -> str:
    """The value, with its range where it has one."""
    text = said.driver_value(words, key, scenario.number(key))
    setting = scenario.settings.get(key)
    spec = (setting.spec if setting else None) or {}
    span = words.range(spec.get("low"), spec.get("high"), load_drivers()[key].unit)
    return f"{text} ({span})" if span else text
