"""The linter for plans: 38 traps that plans for large models fall into, each with a guard.

A guard looks at the plan and its figures, and either says nothing or names the trap, the field and
the numbers that its sentence needs. The sentences stand in data/traps.csv in both languages, with
the evidence that people fall into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from pydantic import Field

from modelworth import data
from modelworth.costmodel.analysis import Finding
from modelworth.costmodel.business.lint_guards import GUARDS
from modelworth.costmodel.business.lint_view import PlanView
from modelworth.data.csv_rows import Row, Text, read_table

PATH: Final = Path(data.__file__).parent / "traps.csv"


class Trap(Row):
    """A trap's sentence in both languages, with its evidence."""

    id: Text
    en: Text
    zh: Text = Field(alias="zh_CN")


def findings(plan: PlanView) -> tuple[Finding, ...]:
    """What is wrong or doubtful about a plan, in the order of the traps."""
    found = (guard(plan) for guard in GUARDS)
    return tuple(finding for finding in found if finding is not None)


@cache
def traps() -> Mapping[str, Trap]:
    """The traps by id."""
    return {row.id: row for row in read_table(PATH, Trap)}
