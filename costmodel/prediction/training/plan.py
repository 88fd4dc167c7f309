"""From a model, devices and a number of tokens to the best layout, the whole run and its cluster.

`layouts` searches, the predictor says how long a step takes, `run` adds failures, energy and
carbon. So a plan, a case and a scenario say the same of the same layout. Clusters double until
their deadline is met, each laid out anew; rent is the catalogue's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from modelworth.costmodel.architecture.work import training_flops
from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.layouts import Planned, best_layouts
from modelworth.costmodel.prediction.predictor import Predictor
from modelworth.costmodel.prediction.refusal import training_ask
from modelworth.costmodel.prediction.step.device import rate_used
from modelworth.costmodel.prediction.training import run as runs
from modelworth.data.catalog import Accelerator
from modelworth.data.errors import InputError

CLUSTERS = tuple(2**power for power in range(15))


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """The best layout, those that come next, and the run it makes.

    Attributes:
        tokens_per_s_per_device: speed of the best layout's steps.
        usd: rent of the run's devices; None where it wasn't asked for.
    """

    best: Planned
    others: tuple[Planned, ...]
    tokens_per_s_per_device: float
    run: runs.TrainingRun
    usd: float | None = None

    @property
    def days_interval(self) -> tuple[float, float]:
        """The 90% interval of the run's days."""
        found = self.best.prediction
        factor = (found.high or 1.0) / (found.value or 1.0)
        return self.run.days / factor, self.run.days * factor


@dataclass(frozen=True, slots=True)
class Aim:
    """What the run must keep: tokens, and a deadline or a budget, or neither."""

    run_tokens: float
    days: float | None = None
    budget_usd: float | None = None


def plan_training(
    case: Case,
    run_tokens: float,
    predictor: Predictor,
    *,
    gco2_per_kwh: float | None = None,
    reliability: runs.Reliability = runs.LLAMA_3,
    searched: bool = True,
) -> TrainingPlan:
    """The layout that trains fastest, and what training on `run_tokens` tokens takes with it.

    Not `searched`: the case's own layout is taken.

    Raises:
        InputError: if no layout fits, a rate isn't known, or a number isn't above 0.
    """
    if searched:
        best, *others = best_layouts(case, predictor)
    else:
        best, others = Planned(case, predictor.require(case), training_ask(case).memory()), []
    images = best.case.architecture.patches is not None
    speed = (best.prediction.value or 0.0) * (best.case.tokens if images else 1)
    run = run_of(best.case, speed, run_tokens, gco2_per_kwh, reliability)
    return TrainingPlan(best, tuple(others), speed, run)


def run_of(
    case: Case,
    tokens_per_s_per_device: float,
    run_tokens: float,
    gco2_per_kwh: float | None = None,
    reliability: runs.Reliability = runs.LLAMA_3,
) -> runs.TrainingRun:
    """The whole run of a case whose steps have a known speed.

    Raises:
        InputError: if the device has no rate, or a number isn't above 0.
    """
    device = case.accelerator
    peak = device.matmul_flops_per_s[rate_used(device, case.precision)] or 0.0
    hardware = runs.Hardware(case.gpus, peak, device.board_power_w, gco2_per_kwh)
    per_token = training_flops(case.architecture, 1, case.tokens, pairs="seen") / case.tokens
    flops = float(per_token) * run_tokens
    return runs.run_at_speed(run_tokens, tokens_per_s_per_device, flops, hardware, reliability)


def plan_clusters(
    case: Case, aim: Aim, predictor: Predictor, devices: Sequence[Accelerator]
) -> list[TrainingPlan]:
    """For each device the best cluster: cheapest within the deadline, quickest within the budget.

    Without either, the smallest that holds the model. Sorted by rent.

    Raises:
        InputError: if no device's cluster keeps the aim.
    """
    found: list[TrainingPlan] = []
    for device in devices:
        kept = (
            plan
            for plan in _clusters(replace(case, accelerator=device), aim, predictor)
            if aim.days is None or plan.run.days <= aim.days
            if aim.budget_usd is None or (plan.usd or 0.0) <= aim.budget_usd
        )
        if aim.budget_usd is None:
            best = next(kept, None)
        else:
            best = min(kept, key=lambda plan: plan.run.days, default=None)
        found += [] if best is None else [best]
    if not found:
        raise InputError(
            "plan", f"no cluster up to {CLUSTERS[-1]:,} devices keeps it",
            advice="allow more days (--days) or money (--budget-usd), or name other devices",
        )  # fmt: skip
    return sorted(found, key=lambda plan: plan.usd or 0.0)


def _clusters(case: Case, aim: Aim, predictor: Predictor) -> Iterator[TrainingPlan]:
    """Plans of larger and larger clusters of one device with their rent; none without one."""
    try:
        rent = predictor.catalog.rent(case.accelerator.name).usd_per_gpu_hour
    except InputError:
        return
    for gpus in CLUSTERS:
        if gpus > (case.global_batch or 1) * 64:
            return
        try:
            plan = plan_training(replace(case, gpus=gpus), aim.run_tokens, predictor)
        except InputError:
            continue
        yield replace(plan, usd=plan.run.device_hours * rent)
