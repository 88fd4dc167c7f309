"""What trust costs and changes, and why these figures can be trusted: the published cases."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from modelworth.costmodel import evaluate
from modelworth.costmodel.analysis import Analysis
from modelworth.costmodel.architecture.loss_fit import REACH, LawFit
from modelworth.costmodel.architecture.loss_records import Curve, curves, learned
from modelworth.costmodel.business.chain_quality import TASKS, Quality, by_size
from modelworth.costmodel.business.chain_stages import Stage, stages
from modelworth.costmodel.business.published_cases import Check
from modelworth.costmodel.business.trends import GROWTH, RENT, Trend, by_start, trends
from modelworth.costmodel.business.trust_steps import trust_steps
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.costmodel.scenario.drivers import MARKET
from modelworth.costmodel.scenario.scenario import Scenario
from modelworth.dashboard import sources, state
from modelworth.dashboard.parts import asks, provenance, show
from modelworth.dashboard.parts import columns as tables
from modelworth.report import charts, said

words, look = state.words(), state.look()
CASES = scenarios.FOLDER / "cases"
CORE_HOUR = "compute.cpu_core_usd_per_hour"
OWN = {"price": MARKET, "rent": RENT, "training_compute": GROWTH}
STEERS = {
    "chain": ("trust.basis", "building.data_basis", "building.loss_basis"),
    "learning": ("demand.accepted_basis", "demand.accepted_task"),
    "later": ("demand.years_until_start", "demand.market_basis", "building.growth_basis"),
    "token": (
        "trust.private_training", "trust.confidential_computing", "trust.on_premises",
        "trust.scrubbed_share", "trust.explained_share", "trust.logprobs_share",
    ),
}  # fmt: skip
"""Drivers that decide what a part shows; the plan may lack some."""


def steered(part: str, analysis: Analysis) -> None:
    """The drivers of a part, to be set there."""
    found = [analysis.drivers[key] for key in STEERS[part] if key in analysis.drivers]
    show.grid(part, found, asks.driver)


@show.fragment
def chain() -> None:
    """The chain stage by stage: what each does to net present value and what it rests on."""
    analysis = state.analysis()
    st.subheader(words.t("trust.chain"), anchor=False)
    st.caption(words.t("trust.chain.text"))
    found = stages(analysis, state.values(analysis))
    tables.shown(pd.DataFrame([stage_row(stage) for stage in found]), "chain")
    if not any(stage.measurement_ids for stage in found):
        studied = any(it.study is not None for it in sources.measurements())
        st.caption(words.t("trust.chain.unused" if studied else "trust.chain.unmeasured"))
        if not studied:
            st.code("modelworth study all", language="bash")
    steered("chain", analysis)


def stage_row(stage: Stage) -> dict[str, object]:
    """A stage of the chain; one that the plan hasn't got says so."""
    there = bool(stage.drivers)
    return {
        "stage": words.t(f"stage.{stage.key}"),
        "npv_gain": words.value(stage.npv_gain_usd, "usd") if there else words.t("stage.none"),
        "basis": words.t(f"basis.{stage.basis}") if there else "",
        "decided_by": ", ".join(words.name(key) for key in stage.drivers),
        "runs": ", ".join(show.plain(it[:6]) for it in stage.measurement_ids),
    }


@show.fragment
def learning() -> None:
    """What size and data buy, measured here: curves and table; nothing where nobody studied."""
    analysis = state.analysis()
    records = [it for it in sources.measurements() if it.study is not None]
    usd_per_hour = analysis.drivers[CORE_HOUR].value
    rows = [
        quality_row(task, one, usd_per_hour) for task in TASKS for one in by_size(records, task)
    ]
    if not rows:
        return
    st.subheader(words.t("trust.learning"), anchor=False)
    found = curves(learned(records))
    if found is not None:
        st.caption(words.t("trust.learning.text", reach=f"{REACH:.0f}"))
        drawn(*found)
    st.caption(words.t("trust.quality.text"))
    tables.shown(pd.DataFrame(rows), "quality")
    steered("learning", analysis)


def drawn(law: LawFit, found: tuple[Curve, ...]) -> None:
    """The curves, their reading, and what speaks against the law."""
    last = found[-1]
    tokens, loss = last.inside[-1][:2]
    _, beyond, low, high = last.beyond[-1]
    reading = words.t(
        "trust.learning.reading", runs=len(law.residuals), least=words.number(law.parameters[0]),
        most=words.number(law.parameters[1]), size=words.number(last.parameters),
        loss=f"{loss:.2f}", tokens=words.number(tokens), beyond=f"{beyond:.2f}",
        range=f"{low:.2f}–{high:.2f}",
    )  # fmt: skip
    show.chart(charts.learning(look, found), "learning", reading)
    if law.doubts:
        st.caption(words.t("trust.learning.doubt"))


def quality_row(task: str, found: Quality, usd_per_hour: float) -> dict[str, object]:
    """How often a model of this size is right at a task, and what a right answer costs."""
    seconds, usd = found.seconds_per_accepted, found.usd_per_million_accepted(usd_per_hour)
    right, low, high = map(words.percent, found.right)
    return {
        "task": words.t(f"choice.{task}"),
        "parameters": words.number(found.parameters),
        "right": f"{right} ({low}–{high})",
        "time_per_accepted": "" if seconds is None else words.value(seconds, "s"),
        "usd_per_million_accepted": "" if usd is None else words.money(usd),
    }


@show.fragment
def later() -> None:
    """Trends of published series, and the plan begun in a later year."""
    analysis, scenario = state.analysis(), state.session().scenario
    st.subheader(words.t("trust.trends"), anchor=False)
    st.caption(words.t("trust.trends.text"))
    found = trends(scenario.hardware.accelerator)
    tables.shown(pd.DataFrame([trend_row(analysis, trend) for trend in found]), "trends")
    starts = by_start(analysis.months, scenario.start, state.values(analysis))
    if starts:
        st.caption(words.t("trust.starts.text"))
        rows = [
            {
                "year": str(start.year),
                "npv": words.money(start.npv_usd),
                "market_price": words.percent(start.market_price_index),
                "rent": words.percent(start.rent_index),
                "training_compute": words.percent(start.training_index),
            }
            for start in starts
        ]
        tables.shown(pd.DataFrame(rows), "starts")
    steered("later", analysis)


def trend_row(analysis: Analysis, trend: Trend) -> dict[str, object]:
    """A published series' pace beside the plan's own."""
    own = OWN.get(trend.key)
    return {
        "trend": words.t(f"trend.{trend.key}"),
        "pace": f"{trend.factor_per_year:.2f} ({trend.low:.2f}–{trend.high:.2f})",
        "own_pace": f"{analysis.drivers[own].value:.2f}" if own in analysis.drivers else "",
        "values": trend.count,
        "span": f"{trend.first} – {trend.last}",
    }


@show.fragment
def token() -> None:
    """The cost of a trustworthy token, from bare serving to what customers pay."""
    st.subheader(words.t("trust.token"), anchor=False)
    analysis = state.analysis()
    steps = trust_steps(analysis.months, state.values(analysis))
    if not steps:
        show.empty("trust.no_tokens")
    else:
        named = [(words.t(f"step.{it.key}"), it.usd_per_million_tokens) for it in steps[:-1]]
        chart = charts.waterfall(
            look, [step for step in named if step[1]], words.t("step.price"),
            "usd_per_million_tokens",
        )  # fmt: skip
        show.chart(chart, "trust", words.t("trust.token.reading", months=analysis.months))
    st.caption(words.t("trust.promises"))
    steered("token", analysis)


@st.cache_resource(show_spinner=False)
def checked() -> tuple[tuple[Scenario, tuple[Check, ...]], ...]:
    """Every case with its checks; the cases ship with the project and don't change."""
    cases = [scenarios.load(path) for path in sorted(CASES.glob("*.yaml"))]
    return tuple((case, evaluate.check(case, catalog=sources.catalog())) for case in cases)


def reproduced() -> None:
    """Published cases, computed by the model and put beside what was published."""
    st.subheader(words.t("trust.literature"), anchor=False)
    st.caption(words.t("trust.literature.text"))
    rows = [case_row(case, check) for case, checks in checked() for check in checks]
    if not rows:
        show.empty("trust.no_cases")
        return
    good = sum(check.ok for _, checks in checked() for check in checks)
    st.caption(words.t("trust.literature.count", good=good, all=len(rows)))
    tables.shown(pd.DataFrame(rows), "literature")


def case_row(case: Scenario, check: Check) -> dict[str, object]:
    """A figure that should come out."""
    low, high = f"{check.expectation.low:,.6g}", f"{check.expectation.high:,.6g}"
    return {
        "ok": "✓" if check.ok else "✗",
        "case": sources.prose(case, words.language, "name") or case.name,
        "figure": words.name(check.expectation.key),
        "published": low if low == high else words.t("range", low=low, high=high),
        "found": "" if check.found is None else f"{check.found:,.6g}",
        "deviation": words.value(check.deviation, "share"),
        "tolerance": words.value(check.expectation.tolerance, "share"),
        "source": said.source(words, check.expectation.source),
    }


show.heading("trust")
with show.errors_said():
    chain()
    learning()
    later()
    token()
    reproduced()
provenance.footer()
