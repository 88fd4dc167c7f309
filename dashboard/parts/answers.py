"""What a guided question comes to: the leading figure of its kind, and what it rests on."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from modelworth.costmodel.analysis import Analysis, OptionResult
from modelworth.dashboard import state
from modelworth.dashboard.parts import asks, figures, option_rows, show
from modelworth.dashboard.parts import columns as tables
from modelworth.report import charts, said, spent
from modelworth.report.words import Words

PARTS: dict[str, tuple[str, ...]] = {
    "verdict": (), "options": ("options",), "volume": ("break_even",), "training": (),
}  # fmt: skip
VOLUME = "demand.requests_per_month"
PRICE = "revenue.api.price_usd_per_million_output_tokens"
TRAINING = ("building_total_usd", "final_run_usd", "final_run_gpu_hours", "final_run_days")
OUTCOMES = {"viable": "green", "depends": "orange", "not_viable": "red"}
ICONS = {"viable": ":material/check_circle:", "depends": ":material/help:",
         "not_viable": ":material/cancel:"}  # fmt: skip
HEAVIEST = 3
FURTHER = ("verdict", "scenario", "money", "risk", "options", "report")


def badge(found: Analysis | None, *, waiting: bool) -> None:
    """A question's answer in a few words."""
    words = state.words()
    if found is None:
        st.caption(words.t("start.waiting" if waiting else "start.no_answer"))
        return
    outcome = found.verdict.outcome
    sure = words.value(found.verdict.probability_npv_positive, "share")
    npv = found.indicators["npv_usd"]
    money = Words(words.language, found.currency, found.usd_per_currency)
    mark = show.mark(words.t(f"outcome.{outcome}"), OUTCOMES[outcome], ICONS[outcome])
    text = show.say("start.sure", probability=sure, npv=money.value(npv.base, npv.unit))
    st.caption(f"{mark} {text}")


def lead(kind: str, found: Analysis) -> None:
    """The answer of this kind of question."""
    {"verdict": _verdict, "options": _options, "volume": _volume, "training": _training}[kind](
        found
    )


def box(found: Analysis) -> None:
    """The verdict and how sure it is, in its colour."""
    words, verdict = state.words(), found.verdict
    sure = words.value(verdict.probability_npv_positive, "share")
    text = show.say(
        f"verdict.{verdict.outcome}", probability=sure,
        trials=f"{found.provenance.trials:,}",
    )  # fmt: skip
    draw = {"viable": st.success, "depends": st.warning, "not_viable": st.error}[verdict.outcome]
    draw(f"### {words.t(f'outcome.{verdict.outcome}')}\n\n{text}", icon=ICONS[verdict.outcome])


def _verdict(found: Analysis) -> None:
    words = state.words()
    box(found)
    figures.row(figures.five(found), "start")
    series = found.series[state.CASH]
    show.chart(charts.band(state.look(), series), "start-cash", words.t("start.cash"))


def _volume(found: Analysis) -> None:
    """From which volume on it pays at this price, or why none does."""
    words = state.words()
    by_driver = {one.driver: one for one in found.break_evens}
    volume, price = by_driver.get(VOLUME), by_driver.get(PRICE)
    now = found.drivers[VOLUME]
    cost = found.indicators["usd_per_million_output_tokens"]
    if volume and volume.values:
        key = "start.volume.found"
        pays = said.pays(words, volume, now.value)
        text = show.say(key, pays=pays, now=said.driver_value(words, VOLUME, now.value))
    elif volume:
        span = words.range(volume.searched_low, volume.searched_high, volume.unit)
        text = show.say("start.volume.none", span=span)
    else:
        text = words.t("start.volume.unknown")
    st.info(f"### {text}", icon=":material/balance:")
    if price and price.values:
        pays = said.pays(words, price, found.drivers[PRICE].value)
        st.markdown(show.say("start.price.found", pays=pays))
    st.caption(show.say("start.cost", cost=words.value(cost.base, cost.unit)))
    _verdict(found)


def cost(found: Analysis) -> str:
    """What a plan without revenue costs; which way is cheapest stands among its options."""
    words, figure = state.words(), spent.value(found)
    base = words.money(figure.base)
    return show.say(
        "verdict.cost", cost=base, months=found.months,
        range=words.range(figure.p10, figure.p90, figure.unit) or base,
    )  # fmt: skip


def cheapest(found: Analysis) -> bool:
    """Say which option is the cheapest, by how much and how often; False where none can be."""
    words, ranked = state.words(), option_rows.ranked(found.options or ())
    if not ranked:
        show.empty("options.none")
        return False
    st.info(f"### {show.plain(option_rows.headline(found, words))}", icon=":material/alt_route:")
    st.caption(option_rows.certainty(ranked, words))
    return True


def _options(found: Analysis) -> None:
    """Which option is the cheapest, and all of them in a table."""
    words, options = state.words(), found.options or ()
    if not cheapest(found):
        return
    spans = _spans(option_rows.ranked(options))
    tables.shown(option_rows.table(options, words), "start-options")
    show.chart(
        charts.option_costs(state.look(), spans), "start-option-costs",
        words.t("start.options.reading"),
    )  # fmt: skip
    infeasible(options)


def infeasible(options: Sequence[OptionResult]) -> None:
    """Which options can't be chosen, and why."""
    words = state.words()
    for one in options:
        if not one.feasible:
            name, reason = option_rows.name(one, words), option_rows.reason(one, words)
            st.warning(show.say("options.infeasible", name=name, reason=reason))


def _spans(ranked: Sequence[OptionResult]) -> list[tuple[str, float, float | None, float | None]]:
    words = state.words()
    return [
        (option_rows.name(one, words), npv.base, npv.p10, npv.p90)
        for one in ranked
        if (npv := one.figures[0]).base is not None
    ]


def _training(found: Analysis) -> None:
    """What the model costs, how long its final run takes, and which driver makes that unsure."""
    words = state.words()
    total = found.indicators["building_total_usd"]
    days = found.indicators["final_run_days"]
    text = show.say(
        "start.training", total=words.value(total.base, total.unit),
        range=words.range(total.p10, total.p90, total.unit), days=words.value(days.base, days.unit),
    )  # fmt: skip
    st.info(f"### {text}", icon=":material/model_training:")
    figures.row([found.indicators[key] for key in TRAINING], "start")
    if found.tornado:
        value, bars = spent.value(found), spent.swings(found, found.tornado[:7])
        chart = charts.tornado(state.look(), bars, value.base or 0.0, value.unit)
        show.chart(chart, "start-tornado", words.t("start.training.reading"))


def assumed(found: Analysis, asked: Sequence[str]) -> None:
    """The defaults that nobody looked at and that weigh most, each to be set here."""
    words = state.words()
    defaults = found.verdict.defaults
    listed = [one.driver for one in (defaults.drivers if defaults else ())]
    listed = [key for key in listed if key not in asked][:HEAVIEST]
    st.subheader(words.t("start.assumed"), anchor=False)
    if not listed:
        st.caption(words.t("start.assumed.none"))
        return
    share = words.value(defaults.share if defaults else None, "share")
    st.caption(show.say("start.assumed.text", share=share))
    for key in listed:
        asks.driver(found.drivers[key])


def further() -> None:
    """Where to go from the answer."""
    words = state.words()
    st.caption(words.t("start.further"))
    with st.container(horizontal=True):
        for name in FURTHER:
            st.page_link(f"views/{name}.py", label=words.t(f"page.{name}"))
