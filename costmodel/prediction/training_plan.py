"""From a model, a cluster and a number of tokens to the best layout and the whole run.

`layout` searches, `step_time` says how long a pass takes, `training_run` adds failures, energy and
carbon. Compute times are the calibrated ones of one device without its communication, which the
layout adds; so a cluster that nobody measured is as sure as its devices' own times and its links.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelworth.costmodel.architecture.work import training_flops
from modelworth.costmodel.prediction.case import Case, columns, efficiencies
from modelworth.costmodel.prediction.collective_table import fabric_of
from modelworth.costmodel.prediction.efficiency import Tables, shipped_tables
from modelworth.costmodel.prediction.layout import Cluster, Job, PassSeconds, Plan, best_layouts
from modelworth.costmodel.prediction.step_time import training_pass
from modelworth.costmodel.prediction.training_run import (
    LLAMA_3,
    Hardware,
    Reliability,
    TrainingRun,
    run_at_speed,
)
from modelworth.data.catalog import Accelerator, Catalog, load_catalog
from modelworth.data.errors import InputError

COMPUTE = ("products", "attention", "activations", "fixed")
"""Parts of a training pass that a layout doesn't add itself."""

FORWARD_SHARE = 1 / 3
"""Of a training pass: the backward pass takes twice the forward one."""


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """The best layout, those that come next, and the run it makes.

    Attributes:
        tokens_per_s_per_device: speed of the best layout's steps.
        note: where links were taken from another device; None: measured on this one.
    """

    best: Plan
    others: tuple[Plan, ...]
    tokens_per_s_per_device: float
    run: TrainingRun
    note: str | None


def plan_training(
    job: Job,
    accelerator: Accelerator,
    devices: int,
    run_tokens: float,
    *,
    gco2_per_kwh: float | None = None,
    reliability: Reliability = LLAMA_3,
    software: str | None = None,
    catalog: Catalog | None = None,
    tables: Tables | None = None,
) -> TrainingPlan:
    """The layout that trains fastest, and what training on `run_tokens` tokens takes with it.

    Raises:
        InputError: if no layout fits, a rate or link isn't known, or a number isn't above 0.
    """
    if devices < 1:
        raise InputError("devices", devices, "1 or more")
    fabric = fabric_of(accelerator, known=(catalog or load_catalog()).accelerators)
    cluster = Cluster(devices, accelerator.memory_bytes, accelerator.bandwidth_bytes_per_s, fabric)
    pass_s = pass_seconds(job, accelerator, software, tables or shipped_tables())
    best, *others = best_layouts(job, cluster, pass_s)
    step_tokens = job.global_batch * job.length
    speed = step_tokens / best.time.total_s / devices
    peak = accelerator.matmul_flops_per_s.get(job.precision)
    if peak is None:
        where = f"{accelerator.name}: dense rate at {job.precision}"
        raise InputError(where, "unknown", "given in the catalogue's row")
    hardware = Hardware(devices, peak, accelerator.board_power_w, gco2_per_kwh)
    steps = run_tokens / step_tokens
    flops = steps * training_flops(job.architecture, job.global_batch, job.length, pairs="seen")
    run = run_at_speed(run_tokens, speed, flops, hardware, reliability)
    return TrainingPlan(best, tuple(others), speed, run, fabric.note)


def pass_seconds(
    job: Job, accelerator: Accelerator, software: str | None, tables: Tables
) -> PassSeconds:
    """Forward time of the whole model on one device by the calibrated step times."""

    def seconds(micro_batch: int, tensor: int) -> float:
        """Without communication, the optimizer and waiting."""
        case = Case(
            "train",
            job.architecture,
            accelerator,
            gpus=tensor,
            precision=job.precision,
            batch=micro_batch,
            tokens=job.length,
            software=software,
            tensor=tensor,
        )
        work = columns([case], tables)
        parts = training_pass(work.shape, work.device, efficiencies([case], tables), work.training)
        return float(sum(parts[name][0] for name in COMPUTE)) * FORWARD_SHARE

    return seconds
