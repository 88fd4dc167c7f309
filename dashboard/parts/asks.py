"""What a guide asks: each answer a field in plain words, its range and its source beside it.

An answer is a change of the plan at hand, made at once. Fields that stand for several drivers (a
provider's prices, a country) are in `SPECIAL`; every other ask is one driver.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import streamlit as st

from modelworth.costmodel.analysis import Analysis, DriverUse
from modelworth.costmodel.scenario.drivers import load_drivers
from modelworth.dashboard import levers, sources, state
from modelworth.dashboard.parts import entry, lineage, offers, show
from modelworth.report import said

MONTHS = (3, 120)
LARGE_SHARE = "options.small_with_router.compute.large_share"
BOUGHT = "options.buy_api.price"
LARGE = "options.small_with_router.large_price"
SCENARIO = "the scenario"
LONGEST = 90
Changes = Callable[[str], dict[str, Any]]


def ask(key: str, found: Analysis) -> None:
    """One question of a guide."""
    if key in SPECIAL:
        SPECIAL[key](key)
    else:
        driver(found.drivers[key])


def label(key: str) -> str:
    """The question in plain words, else the driver's name."""
    words = state.words()
    text = words.t(f"ask.{key}")
    return words.name(key) if text == f"ask.{key}" else text


def driver(use: DriverUse) -> None:
    """A driver to be set, with its range and where it comes from."""
    words, row, key = state.words(), load_drivers()[use.key], _widget(use.key)
    if row.kind == "choice":
        st.selectbox(
            label(use.key), row.choices, int(use.value), key=key, on_change=_taker(use.key, key),
            format_func=lambda choice: words.t(f"choice.{choice}"),
        )  # fmt: skip
    elif row.kind == "switch":
        st.toggle(label(use.key), bool(use.value), key=key, on_change=_taker(use.key, key))
    else:
        left, right = st.columns([5, 2], vertical_alignment="bottom", gap="small")
        with left:
            field(use, label(use.key), key)
        with right, st.popover(words.t("asks.range"), width="stretch"):
            ranged(use)
    with st.container(horizontal=True, vertical_alignment="center", gap="xxsmall"):
        st.caption(_known(use), width="content")
        lineage.button(use.key, "ask")


def field(use: DriverUse, text: str, key: str) -> None:
    """A driver's number under the words `text`, in percent or the reader's money where it is such.

    A change goes to the plan at once.
    """
    words, row = state.words(), load_drivers()[use.key]
    whole, unit = row.kind == "integer", words.unit(use.unit)
    value = entry.shown(use.value, use.unit, words)
    bounds = [_bound(end, use.unit, whole=whole) for end in (row.minimum, row.maximum)]
    st.number_input(
        f"{text} ({unit})" if unit else text, *bounds, int(value) if whole else value, key=key,
        step=1 if whole else _step(value), format="%d" if whole else "%.10g",
        on_change=_setter(use, key),
    )  # fmt: skip


def _step(value: float) -> float:
    """A tenth of the value's magnitude, so that a press on + or − is felt."""
    return 10.0 ** (math.floor(math.log10(abs(value))) - 1) if value else 1.0


def _bound(value: float | None, unit: str, *, whole: bool) -> float | int | None:
    if value is None:
        return None
    return int(value) if whole else entry.shown(value, unit, state.words())


def _setter(use: DriverUse, widget: str) -> Callable[[], None]:
    def changed() -> None:
        wanted = entry.kept(st.session_state[widget], use.unit, state.words())
        setting = state.session().scenario.settings.get(use.key)
        spec = setting.spec if setting else None
        kept = levers.moved(spec, use.value, wanted)
        whole = load_drivers()[use.key].kind == "integer"
        state.set_driver(use.key, int(kept) if whole and isinstance(kept, float) else kept)

    return changed


def _known(use: DriverUse) -> str:
    """The range that the plan reckons with, and where the figure comes from."""
    words, spec = state.words(), use.distribution or {}
    span = words.bare_range(spec.get("low"), spec.get("high"), use.unit)
    parts = [show.say("asks.between", range=span)] if span else []
    mine = state.session()
    if use.source not in ("", SCENARIO):
        source = said.source(words, use.source)
        cut = source[:LONGEST].rstrip(" ,;，；") + " …" if len(source) > LONGEST else source
        parts.append(show.say("asks.source", source=cut))
    elif mine.scenario.settings.get(use.key) == mine.base.settings.get(use.key):
        parts.append(words.t("asks.filled"))
    else:
        parts.append(words.t("asks.yours"))
    return " · ".join(parts)


def ranged(use: DriverUse) -> None:
    """Low, likely and high, to be set together."""
    words, spec = state.words(), use.distribution or {}
    start = {"low": spec.get("low", use.low), "mode": use.value, "high": spec.get("high", use.high)}
    with st.form(f"asks-range-{use.key}-{state.session().revision}", border=False):
        typed = {
            end: st.number_input(
                words.t(f"driver.{end}"), format="%.10g",
                value=entry.shown(use.value if value is None else value, use.unit, words),
            )
            for end, value in start.items()
        }  # fmt: skip
        if st.form_submit_button(words.t("driver.apply"), type="primary"):
            kept = {end: entry.kept(value, use.unit, words) for end, value in typed.items()}
            state.set_driver(use.key, kept)
            state.session().revision += 1
            st.rerun()
    span = words.range(use.low, use.high, use.unit)
    if span:
        st.caption(show.say("driver.plausible", range=span))


def _widget(key: str) -> str:
    return f"ask-{key}-{state.session().revision}"


def _taker(key: str, widget: str) -> Callable[[], None]:
    """What takes a widget's answer into the plan as it is."""
    return lambda: state.set_driver(key, st.session_state[widget])


def _pick(
    key: str,
    names: Sequence[str],
    now: str | None,
    changes: Changes,
    placeholder: str | None = None,
) -> None:
    """One of many names; the changes that it makes go to the plan."""
    widget = _widget(key)
    listed = list(names) if now in names or now is None else [now, *names]

    def picked() -> None:
        if (name := st.session_state[widget]) is not None:
            state.change(changes(name))

    place = None if now is None else listed.index(now)
    st.selectbox(label(key), listed, place, key=widget, placeholder=placeholder, on_change=picked)


def _model(key: str) -> None:
    names = [item.name for item in sources.catalog().models if item.family == "decoder"]
    _pick(key, names, state.session().scenario.hardware.model, lambda name: {key: name})


def _accelerator(key: str) -> None:
    names = [item.name for item in sources.catalog().accelerators]
    _pick(key, names, state.session().scenario.hardware.accelerator, lambda name: {key: name})


def _months(key: str) -> None:
    widget = _widget(key)
    st.number_input(
        label(key), *MONTHS, state.session().scenario.months, key=widget,
        on_change=_taker(key, widget),
    )  # fmt: skip


def _provider(key: str) -> None:
    """A provider's model: its prices go to the plan, or to the options that buy it."""
    words, now = state.words(), offers.now(state.session().scenario, key)
    changes = partial(offers.changes, key)
    _pick(key, offers.listed(), now, changes, words.t("asks.provider"))
    price = offers.said(words, now) if now else ""
    if price:
        st.caption(show.plain(price))


def _large_share(key: str) -> None:
    widget = _widget(key)
    found = offers.reached(state.session().scenario, LARGE_SHARE)
    now = entry.shown(found if isinstance(found, float | int) else 0.2, "share", state.words())
    st.number_input(
        f"{label(key)} (%)", 0.0, 100.0, now, key=widget, format="%.10g",
        on_change=lambda: state.change(
            {LARGE_SHARE: entry.kept(st.session_state[widget], "share", state.words())}
        ),
    )  # fmt: skip


def _country(key: str) -> None:
    """Where it runs: the price of power and the carbon of the grid, from the dated tables."""
    known = offers.countries(sources.catalog())
    set_to = state.session().scenario.settings.get("compute.carbon_g_per_kwh")
    now = next((name for name, one in known.items() if set_to and one[0] == set_to.source), None)
    _pick(key, list(known), now, lambda name: known[name][1], state.words().t("asks.country"))


SPECIAL: dict[str, Callable[[str], None]] = {
    "capacity.model": _model, "capacity.accelerator": _accelerator, "months": _months,
    "api_price": _provider, "bought": _provider, "large": _provider, "large_share": _large_share,
    "country": _country,
}  # fmt: skip
