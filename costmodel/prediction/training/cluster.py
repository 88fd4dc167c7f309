"""The cluster for a training run: the cheapest within a deadline, or the quickest within a budget.

Clusters double until the deadline is met; each is laid out anew (`plan`). Rent is the catalogue's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.predictor import Predictor
from modelworth.costmodel.prediction.training.plan import TrainingPlan, plan_training
from modelworth.data.catalog import Accelerator
from modelworth.data.errors import InputError

CLUSTERS = tuple(2**power for power in range(15))


@dataclass(frozen=True, slots=True)
class Aim:
    """What the run must keep: tokens, and a deadline or a budget, or neither."""

    run_tokens: float
    days: float | None = None
    budget_usd: float | None = None


@dataclass(frozen=True, slots=True)
class ClusterChoice:
    """One cluster with its plan and rent; low and high are the 90% interval of the days."""

    case: Case
    plan: TrainingPlan
    usd: float
    low_days: float
    high_days: float


def plan_clusters(
    case: Case, aim: Aim, predictor: Predictor, devices: Sequence[Accelerator]
) -> list[ClusterChoice]:
    """For each device the best cluster: cheapest within the deadline, quickest within the budget.

    Without either, the smallest that holds the model. Sorted by rent.

    Raises:
        InputError: if no device's cluster keeps the aim.
    """
    found = [
        choice
        for device in devices
        if (choice := _of_device(replace(case, accelerator=device), aim, predictor)) is not None
    ]
    if not found:
        raise InputError(
            "plan", f"no cluster up to {CLUSTERS[-1]:,} devices keeps it",
            advice="allow more days (--days) or money (--budget-usd), or name other devices",
        )  # fmt: skip
    return sorted(found, key=lambda one: one.usd)


def _of_device(case: Case, aim: Aim, predictor: Predictor) -> ClusterChoice | None:
    """The best cluster of one device; None where it has no rent or none keeps the aim."""
    try:
        rent = predictor.catalog.rent(case.accelerator.name).usd_per_gpu_hour
    except InputError:
        return None
    best: ClusterChoice | None = None
    for gpus in CLUSTERS:
        if gpus > (case.global_batch or 1) * 64:
            break
        try:
            plan = plan_training(replace(case, gpus=gpus), aim.run_tokens, predictor)
        except InputError:
            continue
        choice = _choice(plan, rent)
        if aim.budget_usd is not None:
            if choice.usd <= aim.budget_usd and (best is None or _days(choice) < _days(best)):
                best = choice
        elif aim.days is None or _days(choice) <= aim.days:
            return choice
    return best


def _choice(plan: TrainingPlan, rent: float) -> ClusterChoice:
    found, days = plan.best.prediction, plan.run.days
    factor = (found.high or 1.0) / (found.value or 1.0)
    usd = plan.run.device_hours * rent
    return ClusterChoice(plan.best.case, plan, usd, days / factor, days * factor)


def _days(choice: ClusterChoice) -> float:
    return choice.plan.run.days
