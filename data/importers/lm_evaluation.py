"""EleutherAI's lm-evaluation-harness: what a model scored, beside how many questions a second.

The time is that of the whole evaluation, loading included, so the rate is a lower bound and never a
capacity. Groups repeat their tasks' questions; only tasks are counted.
Read: lm_eval/evaluator.py and loggers/evaluation_tracker.py, 0.4.2 to 0.4.9.
"""

from __future__ import annotations

import re
from typing import Any, Final

from modelworth.data.errors import InputError
from modelworth.data.importers.read import (
    Json,
    at,
    count,
    each_object,
    first,
    list_at,
    moment,
    number,
    object_at,
    positive,
    text,
)
from modelworth.data.importers.told import (
    Timed,
    Told,
    cited,
    device_name,
    model_of,
    named,
    stored_format,
)
from modelworth.data.measurement import Layout, Machine, Measurement, Workload
from modelworth.data.quality import Score
from modelworth.data.words import precision

TOOL: Final = "lm-evaluation-harness"


def _is_run(one: Json) -> bool:
    return bool(object_at(one, "results")) and ("n-shot" in one or "versions" in one)


knows, runs = each_object(_is_run, lambda one: one)


def measurement(one: Json, told: Told, where: str) -> Measurement:
    """An evaluation as a record.

    Raises:
        InputError: if it doesn't say how long it took, or a device, a model, a date isn't given.
    """
    config = object_at(one, "config")
    arguments = _arguments(config.get("model_args"))
    ran = named(
        where,
        told.device or device_name(_device(one)),
        told.model or text(first(one, "model_name")) or text(arguments.get("pretrained")),
        moment(one.get("date")) or told.date,
    )
    seconds = positive(one.get("total_evaluation_time_seconds"))
    asked = sum(_samples(one, task) or 0 for task in object_at(one, "n-samples"))
    if seconds is None or not asked:
        missing = "total_evaluation_time_seconds" if seconds is None else "n-samples"
        raise InputError(where, f"no {missing}", "an evaluation that says it (0.4.3 or later)")
    tensor, copies = _degree(arguments, "tensor", "tp"), _degree(arguments, "data", "dp")
    devices = told.count or tensor * copies
    split = Layout(tensor=tensor, data=copies)
    layout = split if split.devices == devices else Layout(tensor=devices)
    return Measurement(
        recorded_at=ran.date,
        model=model_of(ran.model, count(config.get("model_num_parameters")) or None),
        workload=_workload(config, arguments, told, ran.model, layout),
        machine=Machine(device=ran.device, kind="other", count=devices),
        status="ok",
        result=Timed(unit="sequences", work=asked, mean_s=seconds, quality=_scores(one)).result(
            devices
        ),
        provenance=cited(TOOL, one, text(one.get("lm_eval_version")), text(one.get("git_hash"))),
    )


def _arguments(value: Any) -> dict[str, Any]:
    """`pretrained=org/model,dtype=bfloat16`, or the same as an object."""
    if isinstance(value, dict):
        return value
    parts = (part.partition("=") for part in str(value or "").split(","))
    return {key.strip(): found.strip() for key, equals, found in parts if equals}


def _degree(arguments: dict[str, Any], name: str, short: str) -> int:
    """How many ways, as vLLM and SGLang spell it; 1 where it isn't said."""
    return count(first(arguments, f"{name}_parallel_size", f"{short}_size")) or 1


def _device(one: Json) -> str | None:
    """The first device of the environment's description."""
    found = re.search(r"GPU 0: ([^\n(]+)", str(one.get("pretty_env_info") or ""))
    return None if found is None else text(found[1])


def _scores(one: Json) -> tuple[Score, ...]:
    """Each task's metrics, with their standard errors."""
    found: list[Score] = []
    for task, values in object_at(one, "results").items():
        metrics = values if isinstance(values, dict) else {}
        for metric, value in metrics.items():
            plain, comma, filter_ = metric.partition(",")
            scored = number(value)
            if scored is None or plain.endswith("_stderr") or plain in ("alias", "sample_len"):
                continue
            error = number(metrics.get(f"{plain}_stderr{comma}{filter_}"))
            found.append(
                Score(
                    task=task,
                    metric=metric,
                    value=scored,
                    standard_error=error,
                    samples=_samples(one, task),
                )
            )
    return tuple(found)


def _samples(one: Json, task: str) -> int | None:
    return count(first(at(one, "n-samples", task), "effective", "original"))


def _workload(
    config: Json, arguments: dict[str, Any], told: Told, model: str, layout: Layout
) -> Workload:
    sizes = list_at(config, "batch_sizes")
    batch = count(config.get("batch_size")) or count(sizes[0] if sizes else None) or told.batch
    dtype = text(config.get("model_dtype")) or text(arguments.get("dtype"))
    stored = stored_format((dtype or "").removeprefix("torch."), model)
    engine = text(config.get("model"))
    return Workload(
        kind="forward",
        batch=batch or 1,
        precision=told.precision or (precision(stored.products) if stored else "bfloat16"),
        engine="transformers" if engine in (None, "hf") else engine,
        layout=layout,
    )
