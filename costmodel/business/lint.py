"""The linter for plans: 39 traps that plans for large models fall into, each with a guard.

A guard looks at the plan and its figures, and either says nothing or names the trap, the field and
the numbers that its sentence needs. The sentences stand in data/traps.csv in both languages, with
the evidence that people fall into it.
"""

from __future__ import annotations

from modelworth.costmodel.analysis import Finding
from modelworth.costmodel.business.lint_guards import GUARDS
from modelworth.costmodel.business.lint_view import PlanView


def findings(plan: PlanView) -> tuple[Finding, ...]:
    """What is wrong or doubtful about a plan, in the order of the traps."""
    found = (guard(plan) for guard in GUARDS)
    return tuple(finding for finding in found if finding is not None)
