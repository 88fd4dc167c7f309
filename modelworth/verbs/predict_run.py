"""`modelworth predict --run-tokens`: the best layout on a cluster and the whole training run."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from modelworth.verbs.asked_case import case_of, predictor_of
from modelworth.verbs.predict_display import layout_words, show_parts
from modelworth.verbs.shown import count

if TYPE_CHECKING:
    from modelworth.costmodel.prediction.predictor import Prediction
    from modelworth.costmodel.prediction.training_run import TrainingPlan, TrainingRun


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of a whole training run."""
    plan = parser.add_argument_group("a whole training run: the best layout on --gpus devices")
    plan.add_argument("--run-tokens", type=float, help="tokens of the run; needs --global-batch")
    plan.add_argument("--country", help="for the grid's carbon: a name or an ISO code")
    plan.add_argument("--mtbf-hours", type=float, help="between failures of one device (50,000)")


def plan_run(options: argparse.Namespace) -> int:
    """Plan the run and show it."""
    from modelworth.costmodel.prediction.layouts import BATCH_TOKENS, LAYOUT, sequences_of
    from modelworth.costmodel.prediction.published_runs import days_as_published
    from modelworth.costmodel.prediction.training_run import Reliability, plan_training
    from modelworth.data.catalog import load_catalog

    catalog = load_catalog()
    options.work = "train"
    case = case_of(options, catalog)
    batch = case.global_batch or sequences_of(BATCH_TOKENS, case.tokens, case.gpus)
    grid = catalog.carbon(options.country).gco2_per_kwh if options.country else None
    reliability = None if options.mtbf_hours is None else Reliability(options.mtbf_hours)
    plan = plan_training(
        replace(case, global_batch=int(batch)),
        options.run_tokens,
        predictor_of(options, catalog, [options.gpu]),
        gco2_per_kwh=grid,
        reliability=reliability,
        searched=all(getattr(options, field) is None for field in LAYOUT),
    )
    published = days_as_published(plan)
    if options.json:
        print(json.dumps(_document(plan, published), indent=2))
    else:
        _show(plan, published)
    return 0


def _document(plan: TrainingPlan, published: list[float]) -> dict[str, Any]:
    return {
        "layouts": [_layout(one) for one in (plan.best, *plan.others)],
        "tokens_per_s_per_device": plan.best.tokens_per_s_per_device,
        "run": asdict(plan.run),
        "published_runs_device_hours": [days * plan.run.devices * 24 for days in published],
    }


def _layout(found: Prediction) -> dict[str, Any]:
    names = (
        "data", "tensor", "pipeline", "expert", "context", "virtual", "sharding", "batch",
        "recomputed",
    )  # fmt: skip
    told = ("value", "low", "high", "unit", "step_s", "parts")
    return {
        **{name: getattr(found.case, name) for name in names},
        **{name: getattr(found, name) for name in told},
        "memory_bytes": _held_bytes(found),
    }


def _show(plan: TrainingPlan, published: list[float]) -> None:
    run, case, found = plan.run, plan.best.case, plan.best
    model = case.architecture.name
    print(f"{model}, {count(run.tokens)} tokens on {run.devices:,} × {case.accelerator.name}")
    print(f"  {run.days:,.1f} days, {count(run.device_hours)} GPU-hours{_energy(run)}")
    print("  90% interval of its steps: {:,.1f} to {:,.1f} days".format(*plan.days_interval))
    least, typical, most = published
    print(f"  at the utilisation of published runs: {typical:,.1f} days", end=" ")
    print(f"(nine of ten: {least:,.1f} to {most:,.1f})")
    speed = f"{plan.best.tokens_per_s_per_device:,.4g} tokens/s/GPU in a step"
    print(f"  {speed}, {run.utilisation:.0%} of the dense peak over the run")
    useful = run.goodput
    print(
        f"  goodput {useful.share:.1%}: {useful.failures_per_day:.2g} interruptions a day, "
        f"a checkpoint every {useful.checkpoint_interval_s / 60:.0f} min"
    )
    print(f"  best layout: {_words(plan.best)}")
    show_parts(found)
    for other in plan.others[:2]:
        print(f"  next: {_words(other)}")
    if found.note:
        print(f"  note: {found.note}")


def _energy(run: TrainingRun) -> str:
    if run.energy_kwh is None:
        return "; the board's power isn't known"
    energy = f", {count(run.energy_kwh * 1000, ('TWh', 'GWh', 'MWh', 'kWh'))}"
    return energy if run.carbon_kg is None else f"{energy}, {run.carbon_kg / 1000:,.0f} t CO2e"


def _words(one: Prediction) -> str:
    return f"{layout_words(one.case)}: {one.step_s or 0.0:,.3g} s, {_held_bytes(one) / 1e9:,.0f} GB"


def _held_bytes(one: Prediction) -> float:
    from modelworth.costmodel.prediction.refusal import training_ask

    return float(training_ask(one.case).memory().total)
