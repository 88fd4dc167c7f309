"""Cases as arrays for the step model, and their times: which formula a kind of work takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields

import numpy as np

from modelworth.costmodel.prediction.case import (
    Case,
    cache_precision,
    factors_of,
    is_static,
    is_unfused,
    is_ungrouped,
)
from modelworth.costmodel.prediction.serving.steady import steady_state
from modelworth.costmodel.prediction.software import has_trait, software_name
from modelworth.costmodel.prediction.step.arrays import Columns, Times
from modelworth.costmodel.prediction.step.coefficients import Coefficients, Tables, resolve
from modelworth.costmodel.prediction.step.device import MIXED_INT4_BYTES, Device, device_of
from modelworth.costmodel.prediction.step.model import Number, shape_of, stack
from modelworth.costmodel.prediction.step.passes import Inference, inference_pass, total_s
from modelworth.costmodel.prediction.step.training import training_step
from modelworth.data.words import Work

MOST_SEQUENCES = 2048
"""Sequences that an engine runs together unless the case says, on each replica of attention: the
largest usual setting."""
MOST_VIRTUAL = 4
DERIVED: dict[str, Callable[[Case], float]] = {
    "batch": lambda case: max(case.batch / (case.data if case.work == "serve" else 1), 1),
    "virtual": lambda case: _virtual(case),
    "gathered": lambda case: case.sharding == "full" and case.data > 1,
    "sharded": lambda case: case.sharding != "none",
    "wide_gradients": lambda case: has_trait(case.software, "wide_gradients"),
    "unfused": is_unfused,
    "ungrouped": is_ungrouped,
    "reserves": lambda case: 1.0 if has_trait(case.software, "reserving") else 0.5,
    "max_sequences": lambda case: case.max_sequences or MOST_SEQUENCES * case.attention_data,
    "checked": lambda case: 1 + case.drafted,
    "static": is_static,
    "queued": lambda case: case.regime == "queued",
}
"""Of one replica a server's sequences; 1 where something holds, else 0; `reserves`: the share of a
request's new tokens that room is kept for."""
NUMBERS = tuple(field.name for field in fields(Columns))[2:]


def columns(cases: Sequence[Case], tables: Tables) -> Columns:
    """Cases of one kind of work as arrays.

    Raises:
        InputError: if a device has no rate at all.
    """
    return columns_on(cases, [device_for(case, tables) for case in cases])


def columns_on(cases: Sequence[Case], devices: Sequence[Device]) -> Columns:
    """The same on devices that are known already."""
    serving = cases[0].kind == "serve"
    shapes = {
        key: shape_of(one, answers_once=serving)
        for key, one in {id(case.architecture): case.architecture for case in cases}.items()
    }
    shape = stack([shapes[id(case.architecture)] for case in cases])
    numbers = [
        [DERIVED[name](case) if name in DERIVED else getattr(case, name) for name in NUMBERS]
        for case in cases
    ]
    return Columns(shape, stack(devices), *np.array(numbers, dtype=float).T)


def coefficients(cases: Sequence[Case], tables: Tables) -> Coefficients:
    """The coefficients of each case, as arrays."""
    return stack([resolve(tables, case.kind, factors_of(case)) for case in cases])


def times(work: Work, case: Columns, fit: Coefficients, near: Number | None = None) -> Times:
    """Times of cases of one kind of work; `near` as in `steady_state`."""
    if work == "serve":
        return steady_state(case, fit, near)
    if work == "train":
        parts = training_step(case, fit)
        step_s = total_s(parts)
        tokens = case.batch * case.tokens * case.micro_batches * case.data
        return Times(tokens / step_s / case.gpus, step_s=step_s, parts=parts)
    decoding, prompts = (case.batch, 0.0) if work == "decode" else (0.0, case.batch)
    asked = Inference(
        decoding, case.tokens, prompts, case.tokens, case.tensor,
        attention_data=case.attention_data, unfused=case.unfused, ungrouped=case.ungrouped,
    )  # fmt: skip
    parts = inference_pass(case.shape, case.device, fit, asked)
    step_s = total_s(parts)
    units = case.batch * (case.tokens if work == "prefill" else 1)
    return Times(units / step_s / case.tensor / case.pipeline, step_s=step_s, parts=parts)


def device_for(case: Case, tables: Tables) -> Device:
    """The accelerator as the case's software uses it.

    Raises:
        InputError: if it has no rate at all.
    """
    llamacpp = software_name(case.software) == "llamacpp"
    return device_of(
        tables,
        case.accelerator,
        case.precision,
        mixed=case.architecture.has_experts,
        training=case.kind == "train",
        cache=cache_precision(case),
        doubled=llamacpp and _is_geforce(case.accelerator.name),
        four_bit_bytes=MIXED_INT4_BYTES if llamacpp else None,
    )


def _is_geforce(name: str) -> bool:
    first, _, rest = name.partition(" ")
    return first == "RTX" and rest.split(" ")[0].isdigit() and "Ada" not in rest


def _virtual(case: Case) -> float:
    """Slices on each pipeline device: as said, else what Megatron's recipes take."""
    if case.pipeline == 1:
        return 1
    if case.virtual is None and software_name(case.software) == "megatron":
        return min(max(case.architecture.layers // case.pipeline, 1), MOST_VIRTUAL)
    return case.virtual or 1
