"""Plans kept under a name, with their history; and two of them side by side.

A name may be saved again and again: every version stays, and the newest stands for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
import streamlit as st

from modelworth.costmodel.analysis import Analysis
from modelworth.costmodel.risk import maps
from modelworth.costmodel.risk.bridge import HORIZON, Side, bridge
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.costmodel.scenario.scenario import Scenario
from modelworth.dashboard import sources, state
from modelworth.dashboard.parts import worked
from modelworth.data.errors import InputError
from modelworth.report import said, spent
from modelworth.report.words import Words

LONGEST_NAME = 80
AT_HAND = "at hand"
SHOWN_STEPS = 9
SIDE_BY_SIDE = (
    "npv_usd", "payback_months", "peak_funding_usd", "gross_margin_share", "total_revenue_usd",
    "total_net_profit_usd", "building_total_usd", "usd_per_million_output_tokens",
    "usd_per_accepted_result", "mean_utilisation_share", "peak_fleet_gpus",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan that can be compared; `saved` is None for the one at hand and the shipped ones."""

    key: str
    name: str
    scenario: Scenario
    saved: datetime | None = None


@st.cache_data(max_entries=4, show_spinner=False)
def _read(rows: tuple[tuple[str, datetime, str], ...]) -> list[tuple[str, datetime, Scenario]]:
    """The saved texts that still are scenarios."""
    found = []
    for key, moment, text in rows:
        try:
            found.append((key, moment, scenarios.loads(text, f"{key}.yaml")))
        except InputError:
            continue
    return found


def saved(language: str) -> list[Plan]:
    """Every saved version, the newest first."""
    return [
        Plan(key, sources.prose(scenario, language, "name") or key[:8], scenario, moment)
        for key, moment, scenario in _read(sources.saved_scenarios())
    ]


def available(language: str) -> dict[str, Plan]:
    """What can be compared: the plan at hand, the newest of each saved name, the shipped ones."""
    at_hand = Plan(AT_HAND, state.title(), state.session().scenario)
    newest: dict[str, Plan] = {}
    for plan in saved(language):
        newest.setdefault(plan.name, plan)
    shipped = [
        Plan(name, sources.prose(scenario, language, "name"), scenario)
        for name, scenario in worked.questions().items()
    ]
    return {plan.key: plan for plan in (at_hand, *newest.values(), *shipped)}


def keep(name: str) -> str:
    """Save the plan at hand under a name; the hash that finds it.

    Raises:
        InputError: if the name is empty or too long.
    """
    name = name.strip()
    if not 0 < len(name) <= LONGEST_NAME:
        raise InputError("name", name[:LONGEST_NAME], f"1 to {LONGEST_NAME} characters")
    document = state.draft()
    prose = document.get("text") or {state.session().language: {}}
    document["text"] = {language: {**found, "name": name} for language, found in prose.items()}
    plan = scenarios.from_document(document, state.session().scenario.name)
    return sources.save_scenario(scenarios.to_yaml(plan))


def label(plan: Plan, words: Words) -> str:
    """A plan's name, and since when it is saved or that it is the one at hand."""
    if plan.key == AT_HAND:
        return words.t("compare.at_hand", name=plan.name)
    return f"{plan.name} · {words.day(plan.saved)}" if plan.saved else plan.name


def analysed(plan: Plan) -> Analysis:
    """What is found out about a plan.

    Raises:
        ModelworthError: if it can't be evaluated.
    """
    return sources.analysis(plan.scenario, state.session().trials, state.ALWAYS)


def side_by_side(plans: Sequence[Plan], words: Words) -> pd.DataFrame:
    """A row a figure, a column a plan; what a plan can't say is said in its column."""
    found = [(plan, analysed(plan)) for plan in plans]
    rows = [_verdicts(found, words)]
    chances = [words.value(one.verdict.probability_npv_positive, "share") for _, one in found]
    rows.append([words.t("compare.chance"), *chances])
    for key in SIDE_BY_SIDE:
        cells = [said.figure(words, one.indicators[key]) for _, one in found]
        unit = words.unit_tail(found[0][1].indicators[key].unit)
        rows.append([words.name(key) + (f" ({unit})" if unit else ""), *cells])
    names = [words.t("column.figure"), *(label(plan, words) for plan in plans)]
    return pd.DataFrame(rows, columns=_different(names))


def _different(names: Sequence[str]) -> list[str]:
    """Column names that no two columns share."""
    return [name if name not in names[:place] else f"{name} ({place})"
            for place, name in enumerate(names)]  # fmt: skip


def _verdicts(found: Sequence[tuple[Plan, Analysis]], words: Words) -> list[str]:
    answers = [
        words.t("compare.cost") if spent.is_cost(one) else words.t(f"outcome.{one.verdict.outcome}")
        for _, one in found
    ]
    return [words.t("column.verdict"), *answers]


def steps(first: Plan, second: Plan, words: Words) -> tuple[list[tuple[str, float]], str]:
    """The bridge from one plan's value to the other's, its smaller steps together."""
    start, found, _ = bridge(_side(first), _side(second))
    large = sorted(found, key=lambda step: -abs(step.usd))[:SHOWN_STEPS]
    names = {HORIZON: words.t("compare.horizon")}
    rows = [(first.name, start)]
    rows += [
        (names.get(step.driver) or words.name(step.driver), step.usd)
        for step in found
        if step in large
    ]
    rest = sum(step.usd for step in found if step not in large)
    if rest:
        rows.append((words.t("compare.rest", count=len(found) - len(large)), rest))
    return rows, second.name


def _side(plan: Plan) -> Side:
    found = analysed(plan)
    return Side(found.months, maps.values_of(found, plan.scenario))


def history(plans: Sequence[Plan]) -> pd.DataFrame:
    """Every saved version as a table."""
    rows = [(plan.name, plan.saved, plan.scenario.months, plan.key) for plan in plans]
    return pd.DataFrame(rows, columns=["plan", "saved", "months", "hash"])
