"""From a model, a cluster and a number of tokens to the best layout and the whole run.

`layouts` searches, the predictor says how long a step takes, `run` adds failures, energy and
carbon. So a plan, a case and a scenario say the same of the same layout.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelworth.costmodel.architecture.work import training_flops
from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.predictor import Predictor
from modelworth.costmodel.prediction.refusal import training_ask
from modelworth.costmodel.prediction.step.device import rate_used
from modelworth.costmodel.prediction.training.layouts import Planned, best_layouts
from modelworth.costmodel.prediction.training.run import (
    LLAMA_3,
    Hardware,
    Reliability,
    TrainingRun,
    run_at_speed,
)
from modelworth.data.errors import InputError


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """The best layout, those that come next, and the run it makes.

    Attributes:
        tokens_per_s_per_device: speed of the best layout's steps.
    """

    best: Planned
    others: tuple[Planned, ...]
    tokens_per_s_per_device: float
    run: TrainingRun


def plan_training(
    case: Case,
    run_tokens: float,
    predictor: Predictor,
    *,
    gco2_per_kwh: float | None = None,
    reliability: Reliability = LLAMA_3,
    searched: bool = True,
) -> TrainingPlan:
    """The layout that trains fastest, and what training on `run_tokens` tokens takes with it.

    Not `searched`: the case's own layout is taken.

    Raises:
        InputError: if no layout fits, a rate isn't known, or a number isn't above 0.
    """
    if case.gpus < 1:
        raise InputError("devices", case.gpus, "1 or more")
    if searched:
        best, *others = best_layouts(case, predictor)
    else:
        best, others = given_layout(case, predictor), []
    speed = tokens_per_s(best)
    run = run_of(best.case, speed, run_tokens, gco2_per_kwh, reliability)
    return TrainingPlan(best, tuple(others), speed, run)


def given_layout(case: Case, predictor: Predictor) -> Planned:
    """The case's own layout.

    Raises:
        InputError: if it can't be, with the reason.
    """
    return Planned(case, predictor.require(case), training_ask(case).memory())


def tokens_per_s(planned: Planned) -> float:
    """Tokens (or patches) a second and device of a predicted layout."""
    images = planned.case.architecture.patches is not None
    return (planned.prediction.value or 0.0) * (planned.case.tokens if images else 1)


def run_of(
    case: Case,
    tokens_per_s_per_device: float,
    run_tokens: float,
    gco2_per_kwh: float | None = None,
    reliability: Reliability = LLAMA_3,
) -> TrainingRun:
    """The whole run of a case whose steps have a known speed.

    Raises:
        InputError: if the device has no rate, or a number isn't above 0.
    """
    device = case.accelerator
    peak = device.matmul_flops_per_s[rate_used(device, case.precision)] or 0.0
    hardware = Hardware(case.gpus, peak, device.board_power_w, gco2_per_kwh)
    per_token = training_flops(case.architecture, 1, case.tokens, pairs="seen") / case.tokens
    flops = float(per_token) * run_tokens
    return run_at_speed(run_tokens, tokens_per_s_per_device, flops, hardware, reliability)
