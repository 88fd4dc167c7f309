"""What can't be, with the reason and the nearest that can: no rate, no link, no room.

Weights must fit; a server needs room for one whole request beside them, a decode step for its
batch; training needs at least its weights, gradients and the leanest optimizer in common use. What
a framework needs beyond that isn't refused here: `memory` tells it in full.
"""

from __future__ import annotations

from modelworth.costmodel.prediction.case import Case, device_of
from modelworth.costmodel.prediction.efficiency import Tables
from modelworth.costmodel.prediction.serving_steady import cache_room
from modelworth.costmodel.prediction.shape import Device, shape_of, weight_bytes
from modelworth.data.errors import InputError

USABLE_SHARE = 0.95
"""Of a device's memory; the driver and the framework take the rest."""
WORKING_BYTES, STATE_BYTES = 2, 10
"""For one parameter in training: 16-bit weight; gradient, float32 copy, one float32 moment."""
MOST_DEVICES = 2**20


def refused(case: Case, tables: Tables) -> InputError | None:
    """Why a case can't be, or None."""
    try:
        device = device_of(case, tables)
    except InputError as error:
        return error
    return _no_room_for_weights(case, device) or _no_room_for_work(case, device)


def _no_room_for_weights(case: Case, device: Device) -> InputError | None:
    weights = float(weight_bytes(shape_of(case.architecture), device))
    room = case.accelerator.memory_bytes * USABLE_SHARE
    split = case.tensor * case.pipeline
    if case.work == "train" and case.sharding == "full":
        split = case.gpus
    if weights / split <= room:
        return None
    needed = next(n for n in _doublings() if weights / n <= room or n >= MOST_DEVICES)
    return InputError(
        f"{case.architecture.name} in {case.precision}",
        f"needs {weights / 1e9:.0f} GB for weights alone; {split} × "
        f"{case.accelerator.memory_gib:g} GB",
        f"spread over more devices: it fits on {needed} with tensor parallelism",
    )


def _no_room_for_work(case: Case, device: Device) -> InputError | None:
    if case.work == "train":
        return _no_room_for_state(case)
    if case.work in ("serve", "decode"):
        return _no_room_for_cache(case, device)
    return None


def _no_room_for_state(case: Case) -> InputError | None:
    parameters = case.architecture.parameters / (case.tensor * case.pipeline)
    room = case.accelerator.memory_bytes * USABLE_SHARE

    def each(data: int) -> float:
        working = WORKING_BYTES / (data if case.sharding == "full" else 1)
        return parameters * (working + STATE_BYTES / (data if case.sharding != "none" else 1))

    if each(case.data) <= room:
        return None
    fits = next((n for n in _doublings() if each(n) <= room), None)
    more = f"on {fits} data-parallel devices" if fits else "with full sharding"
    return InputError(
        f"training {case.architecture.name}",
        f"needs {each(case.data) / 1e9:.0f} GB a device for weights, gradients and optimizer; "
        f"{case.accelerator.memory_gib:g} GB each",
        f"spread further: it may fit {more}, or with more tensor parallelism",
    )


def _no_room_for_cache(case: Case, device: Device) -> InputError | None:
    serving = case.work == "serve"
    context = case.tokens + (case.new_tokens if serving else 0)
    wanted = 1.0 if serving else case.batch
    shape = shape_of(case.architecture)
    room = float(cache_room(shape, device, float(case.tensor), context, USABLE_SHARE))
    if room >= wanted:
        return None
    most = int(room * context / wanted)
    return InputError(
        f"{case.architecture.name} on {case.gpus} × {case.accelerator.name}",
        f"{wanted:.0f} sequences of {context:.0f} tokens",
        f"of {most} tokens or fewer, or on more devices: the cache has no more room",
    )


def _doublings() -> list[int]:
    return [2**power for power in range(21)]
