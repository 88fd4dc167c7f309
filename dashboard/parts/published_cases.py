"""Published cases, computed by the model and put beside what was published."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from modelworth.costmodel.business.model import Model
from modelworth.costmodel.business.published_cases import Check, check_case
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.costmodel.scenario.scenario import Scenario
from modelworth.report import said
from modelworth.report.words import Words

FOLDER = scenarios.FOLDER / "cases"


@st.cache_resource(show_spinner=False)
def _checked() -> tuple[tuple[Scenario, tuple[Check, ...]], ...]:
    """Every case with its checks; the cases ship with the project and don't change."""
    found = []
    for path in sorted(FOLDER.glob("*.yaml")):
        case = scenarios.load(path)
        values = {key: setting.value for key, setting in case.settings.items()}
        found.append((case, check_case(Model(case.months), values, case.expected)))
    return tuple(found)


def table(words: Words) -> pd.DataFrame:
    """A row for each figure that should come out."""
    rows = []
    for case, checks in _checked():
        prose = case.text.get(words.language) or next(iter(case.text.values()), {})
        rows += [
            {
                "ok": "✓" if check.ok else "✗",
                "case": prose.get("name", case.name),
                "figure": words.name(check.expectation.key),
                "published": _range(words, check),
                "found": "" if check.found is None else f"{check.found:,.6g}",
                "deviation": words.value(check.deviation, "share"),
                "tolerance": words.value(check.expectation.tolerance, "share"),
                "source": said.source(words, check.expectation.source),
            }
            for check in checks
        ]
    return pd.DataFrame(rows)


def _range(words: Words, check: Check) -> str:
    low, high = check.expectation.low, check.expectation.high
    if low == high:
        return f"{low:,.6g}"
    return words.t("range", low=f"{low:,.6g}", high=f"{high:,.6g}")
