"""Cases as arrays: what the step model works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modelworth.costmodel.prediction.case import (
    STATIC,
    WIDE_GRADIENTS,
    Case,
    factors_of,
    is_unfused,
    is_ungrouped,
    software_name,
)
from modelworth.costmodel.prediction.step.coefficients import Coefficients, Tables, resolve
from modelworth.costmodel.prediction.step.device import MIXED_INT4_BYTES, Device, device_of
from modelworth.costmodel.prediction.step.model import Number, Shape, shape_of, stack
from modelworth.costmodel.prediction.step.training import Training

RESERVING = {"trtllm"}
"""Engines that keep room for all tokens of a request from its start."""
MOST_SEQUENCES = 2048
"""Sequences that an engine runs together unless the case says: the largest usual setting."""
NARROW_CACHE = {"trtllm", "habana"}
"""Engines whose checkpoints in 8 bits or fewer keep keys and values in 8 bits, too."""
MOST_VIRTUAL = 4


@dataclass(frozen=True)
class Columns:
    """Cases as arrays; see `Case` for what each is."""

    shape: Shape
    device: Device
    batch: Number
    tokens: Number
    new_tokens: Number
    gpus: Number
    data: Number
    tensor: Number
    pipeline: Number
    expert: Number
    context: Number
    virtual: Number
    micro_batches: Number
    gathered: Number
    sharded: Number
    recomputed: Number
    wide_gradients: Number
    unfused: Number
    ungrouped: Number
    reserves: Number
    max_sequences: Number
    memory_share: Number
    prefix_share: Number
    attention_data: Number
    checked: Number
    accepted: Number
    static: Number
    queued: Number

    @property
    def training(self) -> Training:
        """The training step's part."""
        return Training(
            self.batch, self.tokens, self.micro_batches, self.recomputed, self.data, self.tensor,
            self.pipeline, self.expert, self.context, self.virtual, self.gathered, self.sharded,
            self.unfused, self.wide_gradients,
        )  # fmt: skip


def columns(cases: Sequence[Case], tables: Tables) -> Columns:
    """Cases of one kind of work as arrays.

    Raises:
        InputError: if a device has no rate at all.
    """
    return columns_on(cases, [device_for(case, tables) for case in cases])


def columns_on(cases: Sequence[Case], devices: Sequence[Device]) -> Columns:
    """The same on devices that are known already."""
    serving = cases[0].kind == "serve"
    shapes: dict[int, Shape] = {}
    for case in cases:
        key = id(case.architecture)
        if key not in shapes:
            shapes[key] = shape_of(case.architecture, answers_once=serving)
    shape = stack([shapes[id(case.architecture)] for case in cases])
    numbers = np.array([_numbers(case) for case in cases], dtype=float).T
    return Columns(shape, stack(devices), *numbers)


def coefficients(cases: Sequence[Case], tables: Tables) -> Coefficients:
    """The coefficients of each case, as arrays."""
    return stack([resolve(tables, case.kind, factors_of(case)) for case in cases])


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
        doubled=llamacpp and case.accelerator.name.startswith("RTX ") and _geforce(case),
        four_bit_bytes=MIXED_INT4_BYTES if llamacpp else None,
    )


def cache_precision(case: Case) -> str | None:
    """Precision of cached keys and values: as said, else that of the engine's own checkpoints."""
    narrow = case.precision in ("fp8", "fp4")
    if case.kv_precision is None and narrow and software_name(case.software) in NARROW_CACHE:
        return "fp8"
    return case.kv_precision


def is_static(case: Case) -> bool:
    """Whether its engine runs one batch from its first to its last token."""
    return case.regime == "static" or (
        case.regime == "closed" and software_name(case.software) in STATIC
    )


def _geforce(case: Case) -> bool:
    return case.accelerator.name.split()[1].isdigit() and "Ada" not in case.accelerator.name


def _virtual(case: Case) -> float:
    """Slices on each pipeline device: as said, else what Megatron's recipes take."""
    if case.pipeline == 1:
        return 1.0
    if case.virtual is not None:
        return float(case.virtual)
    if software_name(case.software) == "megatron":
        return float(min(max(case.architecture.layers // case.pipeline, 1), MOST_VIRTUAL))
    return 1.0


def _numbers(case: Case) -> tuple[float, ...]:
    software = software_name(case.software)
    replicas = case.data if case.work == "serve" else 1
    return (
        max(case.batch / replicas, 1),
        case.tokens,
        case.new_tokens,
        case.gpus,
        case.data,
        case.tensor,
        case.pipeline,
        case.expert,
        case.context,
        _virtual(case),
        case.micro_batches,
        float(case.sharding == "full" and case.data > 1),
        float(case.sharding != "none"),
        case.recomputed,
        float(software in WIDE_GRADIENTS),
        float(is_unfused(case)),
        float(is_ungrouped(case)),
        1.0 if software in RESERVING else 0.5,
        case.max_sequences or MOST_SEQUENCES,
        case.memory_share,
        case.prefix_share,
        case.attention_data,
        1.0 + case.drafted,
        case.accepted,
        float(is_static(case)),
        float(case.regime == "queued"),
    )
