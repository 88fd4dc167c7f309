"""Rules of thumb that a prediction has to beat: `RULES` says which."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from modelworth.costmodel.prediction.columns import columns
from modelworth.costmodel.prediction.fit.least_squares import Array
from modelworth.costmodel.prediction.fit.observed import Observed
from modelworth.costmodel.prediction.step.coefficients import Tables, shipped_rates
from modelworth.costmodel.prediction.step.device import weight_bytes
from modelworth.costmodel.prediction.step.model import (
    attention_flops,
    cache_elements,
    experts_touched,
)

SIMPLE_MFU, SIMPLE_BANDWIDTH = 0.4, 0.8
RULES = (
    f"Training: 6·N·D at {SIMPLE_MFU:.0%} of the dense peak. Forward passes: 2 FLOPs a "
    "multiply-add at the same share. Serving: bytes of weights and cache over "
    f"{SIMPLE_BANDWIDTH:.0%} of the bandwidth."
)


def simple_logs(observed: Sequence[Observed]) -> Array:
    """ln(rule / measured) of rows of one kind of work."""
    cases = [one.case for one in observed]
    work = columns(cases, Tables(shipped_rates(), ()))
    shape, device = work.shape, work.device
    used = shape.expert_parameters * shape.experts_per_token
    active = shape.dense_parameters + shape.head_parameters + used
    if cases[0].kind == "serve":
        touched = shape.expert_parameters * experts_touched(shape, work.batch)
        unread = shape.expert_parameters * shape.experts - touched
        weights = weight_bytes(shape, device) - unread * device.expert_bytes
        context = work.tokens + work.new_tokens / 2
        cache = work.batch * cache_elements(shape, context) * device.cache_bytes
        bandwidth = SIMPLE_BANDWIDTH * device.bandwidth_bytes_per_s * work.tensor
        value = work.batch / ((weights + cache) / bandwidth) / work.tensor
    elif cases[0].kind == "train":
        value = SIMPLE_MFU * device.dense_flops_per_s / (6 * active)
    else:
        flops = 2 * active * work.tokens + attention_flops(shape, work.tokens)
        value = SIMPLE_MFU * device.dense_flops_per_s / flops
    measured = np.array([one.value for one in observed])
    logs = np.log(np.asarray(value) / measured)
    return np.where(np.isfinite(logs), logs, math.nan)
