"""Analyses that the report's tests share."""

from __future__ import annotations

from datetime import date

import pytest

from modelworth.costmodel.analysis import Analysis
from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.scenario import scenario
from tests.report import sample

DAY = date(2026, 11, 24)


@pytest.fixture(scope="session")
def small() -> Analysis:
    """The business worked out by hand."""
    return sample.analysis()


@pytest.fixture(scope="session")
def base() -> Analysis:
    """The shipped base scenario, without measurements."""
    return evaluate(scenario.load("base"), trials=256, today=DAY)


@pytest.fixture(scope="session")
def shipped() -> dict[str, Analysis]:
    """Every shipped scenario, with a few trials."""
    names = scenario.shipped()
    return {name: evaluate(scenario.load(name), trials=64, today=DAY) for name in names}
