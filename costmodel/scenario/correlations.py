"""Which uncertain drivers move together where a scenario doesn't say: data/correlations.csv.

A pair that the scenario gives goes before the table's. A default that contradicts the scenario's
own pairs gives way.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from modelworth import data
from modelworth.costmodel.scenario.distributions import Distribution
from modelworth.costmodel.scenario.sampling_plan import plan
from modelworth.costmodel.scenario.scenario import Scenario
from modelworth.data.csv_rows import Row, Text, read_table
from modelworth.data.errors import InputError

PATH = Path(data.__file__).parent / "correlations.csv"
Pair = tuple[str, str, float]


class CorrelationRow(Row):
    """Spearman's rank correlation of two drivers."""

    first: Text
    second: Text
    rank: Annotated[float, Field(gt=-1, lt=1)]
    meaning: Text


@cache
def default_correlations() -> tuple[CorrelationRow, ...]:
    """The table."""
    return tuple(read_table(PATH, CorrelationRow))


def correlations(scenario: Scenario) -> tuple[Pair, ...]:
    """The scenario's pairs, then the table's that it leaves open and that can hold with them."""
    pairs: tuple[Pair, ...] = tuple(scenario.correlations)
    if not scenario.number("simulation.default_correlations"):
        return pairs
    uncertain = {
        key: setting.distribution
        for key, setting in scenario.settings.items()
        if setting.distribution is not None
    }
    given = {frozenset(pair[:2]) for pair in pairs}
    for row in default_correlations():
        known = {row.first, row.second} <= set(uncertain)
        if known and frozenset((row.first, row.second)) not in given:
            wider = (*pairs, (row.first, row.second, row.rank))
            pairs = wider if _possible(uncertain, wider) else pairs
    return pairs


def _possible(uncertain: Mapping[str, Distribution], pairs: tuple[Pair, ...]) -> bool:
    """Whether these can hold together."""
    try:
        plan(uncertain, correlations=pairs, trials=1)
    except InputError:
        return False
    return True
