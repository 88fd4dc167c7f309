"""A whole training run: the best layout, its days, energy and carbon, and the cluster to rent.

`layouts` searches, the predictor says how long a step takes. A run takes as long as its tokens at
that speed, divided by goodput: the part of wall-clock time that becomes progress. Failures come at
a constant rate for each device, so a cluster of n fails n times as often. Each costs the work since
the last checkpoint and a restart; each checkpoint costs its own time. For exponential failures the
expected time of an interval τ with checkpoint δ, restart R and mean time between failures M is
(Daly 2006, equation 20)

    M · exp(R/M) · (exp((τ + δ)/M) − 1),

whose best τ is M·(1 + W(−exp(−1 − δ/M))) with Lambert's W; √(2·δ·M) (Young 1974) is its first term.
Clusters double until their deadline is met, each laid out anew; rent is the catalogue's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import exp, expm1

import numpy as np
import scipy

from modelworth.costmodel.architecture.fits import unservable
from modelworth.costmodel.architecture.work import training_flops
from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.energy import energy_kwh
from modelworth.costmodel.prediction.layouts import BATCH_TOKENS, best_layouts, sequences_of
from modelworth.costmodel.prediction.predictor import Prediction, Predictor
from modelworth.costmodel.prediction.step.device import rate_used
from modelworth.data.catalog import Accelerator
from modelworth.data.errors import InputError

FLOPS_PER_PARAMETER_AND_TOKEN = 6.0
HOURS_PER_DAY = 24.0
HOPELESS = 500.0
"""Mean times between failures without a checkpoint after which none is ever reached."""
CLUSTERS = sorted({2**power for power in range(15)} | {3 * 2**power for power in range(3, 13)})
"""Devices tried: powers of two, and the steps between them of whole servers."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """How often devices fail and what that costs.

    The defaults are Llama 3's: 419 unexpected interruptions in 54 days on 16,384 H100, one in
    50,700 device-hours (Grattafiori et al. 2024, arXiv:2407.21783, section 3.3). Kokolis et al.
    2024 (arXiv:2410.21680) found one in 29,500 and one in 82,000 in two fleets of A100, and one in
    8,100 in jobs of 1,024 devices. What a restart and a checkpoint take is set so that the same run
    has the nine tenths of effective time that its authors state.

    Attributes:
        device_mtbf_hours: mean time between interruptions of one device, all causes.
        restart_s: from the interruption to the first new step.
        checkpoint_s: time that a checkpoint keeps the devices from working.
    """

    device_mtbf_hours: float = 50_000.0
    restart_s: float = 480.0
    checkpoint_s: float = 10.0

    def __post_init__(self) -> None:
        if not self.device_mtbf_hours > 0:
            raise InputError("device_mtbf_hours", self.device_mtbf_hours, "above 0")
        for name in ("restart_s", "checkpoint_s"):
            if not getattr(self, name) >= 0:
                raise InputError(name, getattr(self, name), "0 or more")


@dataclass(frozen=True, slots=True)
class Goodput:
    """Where the time goes, as parts of 1.

    Attributes:
        share: becomes progress.
        checkpoint_interval_s: the work between two checkpoints that wastes least.
        failures_per_day: of the whole cluster.
    """

    share: float
    checkpoint_interval_s: float
    failures_per_day: float


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """What a run takes.

    Attributes:
        utilisation: model FLOPs over the devices' dense peak, for the whole duration.
        energy_kwh, carbon_kg: None where the board's power, or the grid, isn't known.
    """

    tokens: float
    devices: int
    training_flops: float
    days: float
    device_hours: float
    goodput: Goodput
    utilisation: float
    energy_kwh: float | None = None
    carbon_kg: float | None = None


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """A run in its best layout.

    Attributes:
        others: the layouts that come next.
        usd: rent of the run's devices; None where it wasn't asked for.
    """

    best: Prediction
    others: tuple[Prediction, ...]
    run: TrainingRun
    usd: float | None = None

    @property
    def days_interval(self) -> tuple[float, float]:
        """The 90% interval of the run's days."""
        factor = (self.best.high or 1.0) / (self.best.value or 1.0)
        return self.run.days / factor, self.run.days * factor


def goodput(
    devices: int, reliability: Reliability | None = None, interval_s: float | None = None
) -> Goodput:
    """Part of the time that becomes progress, with the best checkpoint interval or a given one.

    A checkpoint that costs nothing is written all the time, and only restarts are lost.
    """
    reliability = reliability or Reliability()
    mtbf_s = reliability.device_mtbf_hours * 3600 / devices
    if interval_s is None:
        interval_s = best_checkpoint_interval_s(mtbf_s, reliability.checkpoint_s)
    exposure = (interval_s + reliability.checkpoint_s) / mtbf_s
    kept = 0.0 if exposure > HOPELESS else 1.0
    if 0 < exposure <= HOPELESS:
        kept = interval_s / mtbf_s / expm1(exposure)
    restarted = exp(-reliability.restart_s / mtbf_s)
    return Goodput(kept * restarted, interval_s, HOURS_PER_DAY * 3600 / mtbf_s)


def best_checkpoint_interval_s(mtbf_s: float, checkpoint_s: float) -> float:
    """Work between checkpoints that makes a run shortest."""
    if checkpoint_s == 0:
        return 0.0
    spent = checkpoint_s / mtbf_s
    if spent < 1e-7:  # the closed form loses its digits: Daly's series
        return float(np.sqrt(2 * checkpoint_s * mtbf_s) - checkpoint_s * 2 / 3)
    return float(mtbf_s * (1 + scipy.special.lambertw(-np.exp(-1 - spent)).real))


def run_of(
    case: Case,
    value: float,
    run_tokens: float,
    gco2_per_kwh: float | None = None,
    reliability: Reliability | None = None,
) -> TrainingRun:
    """The whole run of a case whose steps have a known speed, as a prediction's `value` says it.

    Raises:
        InputError: if tokens or speed aren't above 0, or failures leave no progress.
    """
    for name, number in (("--run-tokens", run_tokens), ("speed", value)):
        if not number > 0:
            raise InputError(name, number, "above 0")
    useful, device = goodput(case.gpus, reliability), case.accelerator
    if useful.share < 1e-6:
        found = f"{case.gpus} devices, {useful.failures_per_day:.0f} failures a day"
        raise InputError("reliability", found, "such that a checkpoint is ever reached")
    seconds = run_tokens / (value * case.unit_tokens * case.gpus) / useful.share
    hours = seconds / 3600 * case.gpus
    per_token = training_flops(case.architecture, 1, case.tokens, pairs="seen") / case.tokens
    flops = float(per_token) * run_tokens
    peak = device.matmul_flops_per_s[rate_used(device, case.precision)] or 0.0
    kwh = None if device.board_power_w is None else energy_kwh(hours, device.board_power_w)
    return TrainingRun(
        tokens=run_tokens, devices=case.gpus, training_flops=flops,
        days=seconds / 3600 / HOURS_PER_DAY, device_hours=hours, goodput=useful,
        utilisation=flops / (seconds * (peak * case.gpus)), energy_kwh=kwh,
        carbon_kg=None if kwh is None or gco2_per_kwh is None else kwh * gco2_per_kwh / 1000,
    )  # fmt: skip


def plan_training(
    case: Case,
    run_tokens: float,
    predictor: Predictor,
    *,
    gco2_per_kwh: float | None = None,
    reliability: Reliability | None = None,
    searched: bool = True,
) -> TrainingPlan:
    """The layout that trains fastest, and what training on `run_tokens` tokens takes with it.

    Not `searched`: the case's own layout is taken.

    Raises:
        InputError: if no layout fits, a rate isn't known, or a number isn't above 0.
    """
    found = best_layouts(case, predictor) if searched else [predictor.require(case)]
    best, *others = found
    run = run_of(best.case, best.value or 0.0, run_tokens, gco2_per_kwh, reliability)
    return TrainingPlan(best, tuple(others), run)


@dataclass(frozen=True, slots=True)
class Aim:
    """What the run must keep: tokens, in steps of about so many, and a deadline or a budget."""

    run_tokens: float
    batch_tokens: float = BATCH_TOKENS
    days: float | None = None
    budget_usd: float | None = None


def plan_clusters(
    case: Case, aim: Aim, predictor: Predictor, devices: Sequence[Accelerator]
) -> list[TrainingPlan]:
    """For each device the best cluster: cheapest within the deadline, quickest within the budget.

    Without either, the smallest that holds the model. Sorted by rent.

    Raises:
        InputError: if no device's cluster keeps the aim.
    """
    if (never := unservable(case.architecture, "train", case.tokens)) is not None:
        raise never
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
        batch = sequences_of(aim.batch_tokens, case.tokens, gpus)
        if gpus > batch * 64:
            return
        asked = replace(case, gpus=gpus, global_batch=batch)
        try:
            plan = plan_training(asked, aim.run_tokens, predictor)
        except InputError:
            continue
        yield replace(plan, usd=plan.run.device_hours * rent)
