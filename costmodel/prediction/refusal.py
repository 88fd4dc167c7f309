"""What can't be, with the reason and the nearest that can: no rate, no room.

Weights must fit; a server needs room for one whole request beside them, a decode step and a
server of one batch at a time for all of it; training what `architecture.fits` counts for
mixed-precision AdamW with fused kernels.
Rows of measured tables ran: they are refused only where not even weights and the leanest optimizer
fit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from modelworth.costmodel.architecture.activations import Checkpointing
from modelworth.costmodel.architecture.fits import (
    TrainingAsk,
    available_bytes,
    training_fit,
    unservable,
)
from modelworth.costmodel.architecture.sharding import Sharding
from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.columns import columns, device_for
from modelworth.costmodel.prediction.serving.steady import cache_room
from modelworth.costmodel.prediction.software import software_name
from modelworth.costmodel.prediction.step.coefficients import Tables
from modelworth.costmodel.prediction.step.device import Device, weight_bytes
from modelworth.costmodel.prediction.step.model import Shape, shape_of
from modelworth.data.errors import InputError

USABLE_SHARE = 0.97
"""Of a device's memory; the driver takes the rest."""
LEAN_BYTES = 6
"""For one parameter in training: 16-bit weight and gradient, two 8-bit moments."""


def refused(cases: Sequence[Case], tables: Tables, *, ran: bool = False) -> list[InputError | None]:
    """Why each case can't be, or None. `ran`: they are rows of a table of what did."""
    found = [_refused(case, tables, ran=ran) for case in cases]
    held = [] if ran else [
        place
        for place, case in enumerate(cases)
        if found[place] is None and case.work in ("serve", "decode")
    ]  # fmt: skip
    if not held:
        return found
    asked = [cases[place] for place in held]
    work, whole = columns(asked, tables), np.array([case.whole for case in asked])
    batched = (work.static > 0) | np.array([case.work == "decode" for case in asked])
    wanted = np.where(batched, work.batch, 1.0)
    for place, most, least in zip(held, cache_room(work, whole, USABLE_SHARE), wanted, strict=True):
        if most < least:
            found[place] = _no_room(cases[place], float(least), float(most))
    return found


def _refused(case: Case, tables: Tables, *, ran: bool) -> InputError | None:
    """The same of one case, its cache left aside."""
    if not ran and (reason := unservable(case.architecture, case.work, case.whole)) is not None:
        return reason
    try:
        device = device_for(case, tables)
    except InputError as error:
        return error
    if (reader := case.reader) is not None and (reason := _refused(reader, tables, ran=False)):
        return reason
    shape = shape_of(case.architecture)
    if case.work == "train":
        return _training(case, shape, ran=ran)
    return _weights(case, shape, device)


def spread(case: Case, tables: Tables) -> Case:
    """A server's case as it must have run where its row names too few devices for its experts.

    Attention then is a replica's own while experts lie on several replicas: on the fewest that
    hold them, each with the row's load. Other cases stay as they are.
    """
    if not case.architecture.has_experts:
        return case
    weights = float(weight_bytes(shape_of(case.architecture), device_for(case, tables)))
    devices = fewest(weights, case.accelerator.memory_bytes * USABLE_SHARE)
    own = case.tensor * case.pipeline
    if devices <= own or case.attention_data > 1:
        return case
    more = devices // own
    return replace(
        case, gpus=case.gpus * more, tensor=case.tensor * more, attention_data=more,
        batch=case.batch * more,
    )  # fmt: skip


def fewest(weights: float, room: float) -> int:
    """Devices that hold so many bytes, a power of two."""
    return 1 << max(0, math.ceil(math.log2(weights / room)))


def usable_bytes(case: Case) -> float:
    """What a device's memory has room for; an engine takes a part of it, as the case says."""
    memory_bytes = case.accelerator.memory_bytes
    if case.work in ("serve", "decode"):
        return memory_bytes * USABLE_SHARE
    return available_bytes(memory_bytes)


def zero_stage(case: Case) -> Literal[0, 1, 2, 3]:
    """What the data-parallel replicas divide, as ZeRO counts it.

    Gradients stay whole where they are summed over micro-batches of pipeline stages, and in
    Megatron's distributed optimizer.
    """
    if case.data == 1 or case.sharding == "none":
        return 0
    if case.sharding == "full":
        return 3
    return 1 if case.pipeline > 1 or software_name(case.software) == "megatron" else 2


def training_ask(case: Case) -> TrainingAsk:
    """The step whose memory is asked for: the case's layout as the memory model has it."""
    recomputed = case.recomputed
    kept: Checkpointing = (
        "none" if recomputed < 0.25 else "alternate" if recomputed < 0.75 else "full"
    )
    sharding = Sharding(
        data=case.data, tensor=case.tensor * case.context, pipeline=case.pipeline,
        expert=case.expert, zero_stage=zero_stage(case),
        slices=case.virtual or 1,
    )  # fmt: skip
    narrow = case.precision in ("fp8", "fp4", "int8", "int4")
    return TrainingAsk(
        case.architecture, max(1, int(case.batch)), int(case.tokens),
        precision="bf16" if narrow else case.precision, sharding=sharding, checkpointing=kept,
    )  # fmt: skip


def _training(case: Case, shape: Shape, *, ran: bool) -> InputError | None:
    if ran:
        held = float(shape.parameters) * LEAN_BYTES / case.gpus
        if held <= case.accelerator.memory_bytes:
            return None
    elif (case.global_batch or math.inf) < case.batch * case.data:
        return InputError(
            "global_batch", case.global_batch,
            f"{case.batch * case.data:g} or more: a micro-batch of {case.batch:g} on each of "
            f"{case.data} replicas",
        )  # fmt: skip
    fit = training_fit(training_ask(case), case.accelerator.memory_bytes)
    if fit.reason is None:
        return None
    return InputError(
        case.architecture.name,
        fit.reason,
        advice="lay it out so, give more devices (--gpus), or leave the layout to be found "
        "(--global-batch without --tensor, --sharding and the like)",
    )


def _weights(case: Case, shape: Shape, device: Device) -> InputError | None:
    weights = float(weight_bytes(shape, device))
    room = case.accelerator.memory_bytes * USABLE_SHARE
    split = case.tensor * case.pipeline
    if weights / split <= room:
        return None
    needed = fewest(weights, room)
    return InputError(
        f"{case.architecture.name} in {case.precision}",
        f"{weights / 1e9:.0f} GB for weights alone; {split} × {case.accelerator.memory_gib:g} GB",
        advice=f"it fits on {needed}: give --gpus {needed} or more, or a narrower --precision",
    )


def _no_room(case: Case, wanted: float, room: float) -> InputError:
    most = int(room * case.whole / wanted)
    return InputError(
        f"{case.architecture.name} on {case.gpus} × {case.accelerator.name}",
        f"{wanted:.0f} sequences of {case.whole:.0f} tokens",
        advice=f"the cache has no more room: give {most} tokens or fewer, or more devices",
    )
