"""The scenario that asks a plan's question of the business model, as YAML."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from modelworth.data.drafts import write_whole
from modelworth.verbs.plan_display import layout_of
from modelworth.verbs.shown import count

if TYPE_CHECKING:
    from modelworth.costmodel.prediction.case import Case
    from modelworth.costmodel.prediction.plan import Choice
    from modelworth.costmodel.prediction.training_run import TrainingPlan

SECONDS_PER_MONTH = 730 * 3600


def write_serving(path: Path, options: argparse.Namespace, choice: Choice) -> None:
    """A scenario that asks the same of the same replica."""
    case = choice.case
    demand = {
        "requests_per_month": options.rate * SECONDS_PER_MONTH,
        "prompt_tokens_per_request": case.tokens,
        "output_tokens_per_request": case.new_tokens,
        "reasoning_factor": 1,
        "cached_share": case.prefix_share,
    }
    asked: dict[str, Any] = {"model": options.model, "accelerator": case.accelerator.name}
    asked |= {"precision": case.precision}
    asked |= {"engine": case.software} if case.software else {}
    question = f"What does serving {options.rate:g} requests per second come to?"
    capacity = asked | _capacity(options, choice)
    _write_sections(path, case, question, {"capacity": capacity, "demand": demand})


def write_training(path: Path, options: argparse.Namespace, plan: TrainingPlan) -> None:
    """A scenario that trains the same model on the same cluster for the same hours."""
    case, share = plan.best.case, plan.run.goodput.share
    capacity = {"model": options.model, "accelerator": case.accelerator.name}
    building = {
        "method": "pretrain", "gpus": case.gpus, "tokens_basis": "given",
        "pretraining_tokens": options.run_tokens, "mfu_basis": "predicted",
        "sequence_tokens": case.tokens, "goodput_basis": "given",
        "goodput_share": {"value": share, "source": "modelworth plan: failures, checkpoints"},
        "batch_tokens": (case.global_batch or 1) * case.tokens,
    }  # fmt: skip
    question = f"What does training on {count(options.run_tokens)} tokens come to?"
    _write_sections(path, case, question, {"capacity": capacity, "building": building})


def _write_sections(
    path: Path, case: Case, question: str, sections: dict[str, dict[str, Any]]
) -> None:
    name = f"{case.architecture.name} on {case.accelerator.name}"
    head = {"text": {"en": {"name": name, "question": question}}, "months": 36}
    document = {**head, "start": f"{datetime.now(UTC):%Y-%m}", **sections}
    write(path, yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


def _capacity(options: argparse.Namespace, choice: Choice) -> dict[str, Any]:
    """What a replica does: predicted anew, or the plan's rates.

    These where prompts are read apart, layers lie on stages or experts are spread, of which a
    scenario knows nothing.
    """
    case, point = choice.case, choice.point
    fresh, per_gpu = case.tokens * (1 - case.prefix_share), point.requests_per_s / case.gpus
    if point.read_per_s is not None:
        prefill, decode = point.read_per_s / case.read_gpus * fresh, per_gpu * case.new_tokens
    elif case.gpus == case.tensor and case.attention_data == 1:
        objective = {"ttft_p95_s": options.ttft, "tpot_p95_s": options.tpot}
        return {"basis": "predicted", "gpus_per_replica": case.gpus, "objective": objective}
    else:
        prefill = per_gpu * fresh / point.prefill_share
        decode = per_gpu * case.new_tokens / (1 - point.prefill_share)
    source = f"modelworth plan: {layout_of(choice)}"
    return {
        "basis": "given",
        "prefill_tokens_per_s_per_gpu": {"value": prefill, "source": source},
        "decode_tokens_per_s_per_gpu": {"value": decode, "source": source},
        "throughput_factor": {"low": 1 / point.factor, "mode": 1, "high": point.factor},
    }


def write(path: Path, text: str) -> None:
    """A text file, and its name on standard error."""
    write_whole(path, text)
    print(f"  written: {path}", file=sys.stderr)
