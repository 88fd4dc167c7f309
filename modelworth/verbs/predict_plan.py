"""`modelworth predict --run-tokens`: the best layout on a cluster and the whole training run."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from modelworth.data.errors import InputError

if TYPE_CHECKING:
    from modelworth.costmodel.architecture.structure import Architecture
    from modelworth.costmodel.prediction.layout import Plan
    from modelworth.costmodel.prediction.training_plan import TrainingPlan
    from modelworth.costmodel.prediction.training_run import TrainingRun
    from modelworth.data.catalog import Accelerator

PARTS = ("compute_s", "bubble_s", "tensor_s", "pipeline_s", "data_s", "expert_s", "optimizer_s")


def add_plan_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of a whole training run."""
    plan = parser.add_argument_group("a whole training run: the best layout on --gpus devices")
    plan.add_argument("--run-tokens", type=float, help="tokens of the run; needs --global-batch")
    plan.add_argument("--country", help="for the grid's carbon: a name or an ISO code")
    plan.add_argument("--mtbf-hours", type=float, help="between failures of one device (50,000)")


def plan_run(
    options: argparse.Namespace, architecture: Architecture, accelerator: Accelerator
) -> int:
    """Plan the run and show it."""
    from modelworth.costmodel.prediction.layout import Job
    from modelworth.costmodel.prediction.training_plan import plan_training
    from modelworth.costmodel.prediction.training_run import LLAMA_3, Reliability, run_by_prior
    from modelworth.costmodel.prediction.training_run_table import hardware_of, utilisation_prior
    from modelworth.data.catalog import load_catalog

    if options.global_batch is None or options.global_batch < 1:
        found = "missing" if options.global_batch is None else options.global_batch
        raise InputError("--global-batch", found, "sequences in an optimizer step, 1 or more")
    catalog = load_catalog()
    grid = catalog.carbon(options.country).gco2_per_kwh if options.country else None
    reliability = LLAMA_3 if options.mtbf_hours is None else Reliability(options.mtbf_hours)
    tokens = None if architecture.patches else int(options.sequence)
    job = Job(architecture, int(options.global_batch), tokens, options.precision)
    plan = plan_training(
        job,
        accelerator,
        options.gpus,
        options.run_tokens,
        gco2_per_kwh=grid,
        reliability=reliability,
        software=options.software,
        catalog=catalog,
    )
    prior = utilisation_prior(catalog=catalog)
    rule = run_by_prior(
        options.run_tokens,
        architecture.active_parameters,
        hardware_of(accelerator, options.gpus, grid),
        prior,
    )
    worst, best = prior.interval()
    rule_hours = [
        rule.device_hours * prior.typical / share for share in (best, prior.typical, worst)
    ]
    if options.json:
        print(json.dumps({**asdict(plan), "published_runs_device_hours": rule_hours}, indent=2))
    else:
        _show(plan, architecture, accelerator, rule_hours)
    return 0


def _show(
    plan: TrainingPlan,
    architecture: Architecture,
    accelerator: Accelerator,
    rule_hours: list[float],
) -> None:
    run = plan.run
    print(
        f"{architecture.name}, {_count(run.tokens)} tokens on {run.devices:,} × {accelerator.name}"
    )
    print(f"  {run.days:,.1f} days, {_count(run.device_hours)} GPU-hours{_energy(run)}")
    speed = f"{plan.tokens_per_s_per_device:,.4g} tokens/s/GPU in a step"
    print(f"  {speed}, {run.utilisation:.0%} of the dense peak over the run")
    useful = run.goodput
    print(
        f"  goodput {useful.share:.1%}: {useful.failures_per_day:.2g} interruptions a day, "
        f"a checkpoint every {useful.checkpoint_interval_s / 60:.0f} min"
    )
    low, typical, high = (_count(hours) for hours in rule_hours)
    usual = f"{typical} GPU-hours (nine of ten: {low} to {high})"
    print(f"  at the utilisation of published runs: {usual}")
    print(f"  best layout: {_words(plan.best)}")
    for name in PARTS:
        seconds = getattr(plan.best.time, name)
        if seconds > 0.005 * plan.best.time.total_s:
            share = seconds / plan.best.time.total_s
            print(f"    {name.removesuffix('_s'):<14}{seconds:>10.4g} s {share:>6.0%}")
    for other in plan.others[:2]:
        print(f"  next: {_words(other)}")
    if plan.note:
        print(f"  note: {plan.note}")


def _energy(run: TrainingRun) -> str:
    if run.energy_kwh is None:
        return "; the board's power isn't known"
    energy = f", {_count(run.energy_kwh * 1000, ('TWh', 'GWh', 'MWh', 'kWh'))}"
    return energy if run.carbon_kg is None else f"{energy}, {run.carbon_kg / 1000:,.0f} t CO2e"


def _words(plan: Plan) -> str:
    """A layout as its engineers would say it."""
    cut = plan.layout.sharding
    degrees: dict[str, Any] = {
        "data": cut.data,
        "tensor": cut.tensor,
        "pipeline": cut.pipeline,
        "expert": cut.expert,
    }
    words = [f"{name} {degree}" for name, degree in degrees.items() if degree > 1] or ["one device"]
    if cut.data > 1:
        words.append({0: "replicated", 1: "ZeRO 1", 2: "ZeRO 2", 3: "FSDP"}[cut.zero_stage])
    if cut.slices > 1:
        words.append(f"{cut.slices} slices a stage")
    words.append(f"micro-batch {plan.layout.micro_batch}")
    if plan.layout.checkpointing != "none":
        words.append(f"{plan.layout.checkpointing} checkpointing")
    return f"{', '.join(words)}: {plan.time.total_s:,.3g} s, {plan.memory.total / 1e9:,.0f} GB"


def _count(number: float, units: tuple[str, ...] = ("T", "B", "M", "k")) -> str:
    """A large number with the unit that people read."""
    for size, unit in zip((1e12, 1e9, 1e6, 1e3), units, strict=True):
        if number >= size:
            return f"{number / size:,.3g} {unit}"
    return f"{number:,.3g}"
