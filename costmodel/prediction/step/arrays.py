"""What the step model works on, and what it gives: cases as arrays, and their times."""

from __future__ import annotations

from dataclasses import dataclass

from modelworth.costmodel.prediction.step.device import Device
from modelworth.costmodel.prediction.step.model import Number, Shape


@dataclass(frozen=True)
class Columns:
    """Cases as arrays: `Case` and `columns.DERIVED` say what each is."""

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


@dataclass(frozen=True)
class Times:
    """What cases of one work take.

    Attributes:
        value: units per second and device: tokens (train, prefill, decode), sequences or images
            (forward), new tokens (serve).
        step_s: of the pass, or optimizer step, that this is; None for serve.
        parts: seconds of its parts; for serve those of one request on the replica's devices.
        requests_per_s, running, room: of a server's replica: requests, sequences that decode
            together, and those that the cache has room for.
    """

    value: Number
    step_s: Number | None = None
    tpot_s: Number | None = None
    ttft_s: Number | None = None
    parts: dict[str, Number] | None = None
    requests_per_s: Number | None = None
    running: Number | None = None
    room: Number | None = None
