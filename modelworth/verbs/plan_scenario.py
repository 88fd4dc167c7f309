"""The scenario that asks a plan's question of the business model, as YAML."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from modelworth.data.drafts import write_whole
from modelworth.verbs.predict_display import count

if TYPE_CHECKING:
    from modelworth.costmodel.prediction.case import Case
    from modelworth.costmodel.prediction.plan import Choice
    from modelworth.costmodel.prediction.training_run import TrainingPlan

SECONDS_PER_MONTH = 730 * 3600


def write_serving(path: Path, options: argparse.Namespace, choice: Choice, layout: str) -> None:
    """A scenario that asks the same of the same replica.

    Of two pools, pipeline stages or spread experts it takes the plan's rates as given.
    """
    case = choice.case
    demand = {
        "requests_per_month": f"{options.rate * SECONDS_PER_MONTH:.12g}",
        "prompt_tokens_per_request": f"{case.tokens:g}",
        "output_tokens_per_request": f"{case.new_tokens:g}",
        "reasoning_factor": "1",
        "cached_share": f"{case.prefix_share:g}",
    }
    question = f"What does serving {options.rate:g} requests per second come to?"
    _write_sections(
        path, case, question, {"capacity": _capacity(options, choice, layout), "demand": demand}
    )


def write_training(path: Path, options: argparse.Namespace, plan: TrainingPlan) -> None:
    """A scenario that trains the same model on the same cluster for the same hours."""
    case, share = plan.best.case, plan.run.goodput.share
    capacity = {"model": options.model, "accelerator": case.accelerator.name}
    building = {
        "method": "pretrain", "gpus": f"{case.gpus}", "tokens_basis": "given",
        "pretraining_tokens": f"{options.run_tokens:.12g}", "mfu_basis": "predicted",
        "sequence_tokens": f"{case.tokens:g}", "goodput_basis": "given",
        "goodput_share": f'{{value: {share!r}, source: "modelworth plan: failures, checkpoints"}}',
        "batch_tokens": f"{(case.global_batch or 1) * case.tokens:.12g}",
    }  # fmt: skip
    question = f"What does training on {count(options.run_tokens)} tokens come to?"
    _write_sections(path, case, question, {"capacity": capacity, "building": building})


def _write_sections(
    path: Path, case: Case, question: str, sections: dict[str, dict[str, str]]
) -> None:
    name = f"{case.architecture.name} on {case.accelerator.name}"
    words = {"name": json.dumps(name), "question": json.dumps(question)}
    lines = ["text:", "  en:", *(f"    {key}: {value}" for key, value in words.items())]
    lines += ["months: 36", "start: 2026-12"]
    for section, fields in sections.items():
        lines += [f"{section}:", *(f"  {key}: {value}" for key, value in fields.items())]
    write(path, "\n".join(lines) + "\n")


def _capacity(options: argparse.Namespace, choice: Choice, layout: str) -> dict[str, str]:
    """The scenario's fields of capacity, as YAML writes them."""
    case, point = choice.case, choice.point
    asked = {"model": options.model, "accelerator": case.accelerator.name}
    asked["precision"] = case.precision
    if case.software:
        asked["engine"] = case.software
    plain = case.gpus == case.tensor and case.attention_data == 1
    if point.read_per_s is None and plain:
        objective = f"{{ttft_p95_s: {options.ttft:g}, tpot_p95_s: {options.tpot:g}}}"
        predicted = {"basis": "predicted", "gpus_per_replica": f"{case.gpus}"}
        return asked | predicted | {"objective": objective}
    fresh, per_gpu = case.tokens * (1 - case.prefix_share), point.requests_per_s / case.gpus
    if point.read_per_s is None:
        read, written = point.prefill_share, 1 - point.prefill_share
        rates = {"prefill": per_gpu * fresh / read, "decode": per_gpu * case.new_tokens / written}
    else:
        read = point.read_per_s / case.read_gpus
        rates = {"prefill": read * fresh, "decode": per_gpu * case.new_tokens}
    source = f"modelworth plan: {layout}"
    return asked | {
        "basis": "given",
        **{
            f"{phase}_tokens_per_s_per_gpu": f'{{value: {rate:.6g}, source: "{source}"}}'
            for phase, rate in rates.items()
        },
        "throughput_factor": f"{{low: {1 / point.factor:.4g}, mode: 1, high: {point.factor:.4g}}}",
    }


def write(path: Path, text: str) -> None:
    """A text file, and its name on standard error."""
    write_whole(path, text)
    print(f"  written: {path}", file=sys.stderr)
