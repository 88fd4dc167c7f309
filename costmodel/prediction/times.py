"""From columns of cases to times and rates: the one place that knows which formula a work takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelworth.costmodel.prediction.case import Columns, Work
from modelworth.costmodel.prediction.efficiency import Efficiency
from modelworth.costmodel.prediction.serving_steady import Steady, steady_state
from modelworth.costmodel.prediction.shape import Number
from modelworth.costmodel.prediction.step_time import (
    Parts,
    decode_step,
    forward_pass,
    total_s,
    training_pass,
)


@dataclass(frozen=True)
class Times:
    """What cases of one work take.

    Attributes:
        value: units per second and device: tokens (train, prefill, decode), sequences or images
            (forward), new tokens (serve).
        step_s: of the pass that this is; None for serve.
        parts: seconds of its parts.
    """

    value: Number
    step_s: Number | None = None
    tpot_s: Number | None = None
    ttft_s: Number | None = None
    parts: Parts | None = None
    steady: Steady | None = None


def times(work: Work, case: Columns, fit: Efficiency) -> Times:
    """Times of cases of one kind of work."""
    if work == "serve":
        return _serving(case, fit)
    if work == "train":
        parts = training_pass(case.shape, case.device, fit, case.training)
        units = case.batch * case.tokens
    elif work == "decode":
        parts = decode_step(case.shape, case.device, fit, case.batch, case.tokens, case.tensor)
        units = case.batch
    else:
        parts = forward_pass(case.shape, case.device, fit, case.batch, case.tokens, case.tensor)
        units = case.batch * (1 if work == "forward" else case.tokens)
    step_s = total_s(parts)
    per_device = units / step_s / (case.tensor * case.pipeline)
    return Times(per_device, step_s=step_s, parts=parts)


def _serving(case: Columns, fit: Efficiency) -> Times:
    steady = steady_state(
        case.shape,
        case.device,
        fit,
        concurrency=case.batch,
        prompt_tokens=case.tokens,
        new_tokens=case.new_tokens,
        tensor=case.tensor,
        reserves=case.reserves,
    )
    whole_s = steady.ttft_s + steady.tpot_s * np.maximum(case.new_tokens - 1, 0)
    value = case.batch * case.new_tokens / whole_s / case.tensor
    return Times(value, tpot_s=steady.tpot_s, ttft_s=steady.ttft_s, steady=steady)
