"""The figures of every shipped scenario and case, held to a table.

A change that is meant to move a figure regenerates the table and says why in its commit:
`python -m tests.costmodel.test_figures_stay`.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.scenario.scenario import FOLDER, load

TABLE = Path(__file__).parent / "tables" / "indicators.json"
DAY = date(2026, 11, 25)
NAMES = sorted(str(path.relative_to(FOLDER))[:-5] for path in FOLDER.rglob("*.yaml"))
FIGURES = json.loads(TABLE.read_text())


def figures_of(name: str) -> dict[str, float | None]:
    """Every indicator's base case, and the median NPV of 256 trials."""
    scenario = load(FOLDER / f"{name}.yaml")
    base = evaluate(scenario, trials=0, parts=("break_even",), today=DAY)
    drawn = evaluate(scenario, trials=256, parts=("risk",), today=DAY)
    figures = {key: figure.base for key, figure in base.indicators.items()}
    return figures | {"p50:npv_usd": drawn.indicators["npv_usd"].p50}


@pytest.mark.parametrize("name", NAMES)
def test_figures_are_those_of_the_table(name):
    figures, table = figures_of(name), FIGURES[name]
    assert _undefined(figures) == _undefined(table)
    assert _defined(figures) == pytest.approx(_defined(table), rel=1e-9)


def _defined(figures: dict[str, float | None]) -> dict[str, float]:
    return {key: value for key, value in figures.items() if value is not None}


def _undefined(figures: dict[str, float | None]) -> set[str]:
    return {key for key, value in figures.items() if value is None}


if __name__ == "__main__":
    TABLE.write_text(json.dumps({name: figures_of(name) for name in NAMES}, indent=1) + "\n")
