"""From columns of cases to times and rates: the one place that knows which formula a work takes."""

from __future__ import annotations

from dataclasses import dataclass

from modelworth.costmodel.prediction.columns import Columns
from modelworth.costmodel.prediction.serving.steady import Steady, steady_state
from modelworth.costmodel.prediction.step.coefficients import Coefficients
from modelworth.costmodel.prediction.step.model import Number
from modelworth.costmodel.prediction.step.passes import Inference, Parts, inference_pass, total_s
from modelworth.costmodel.prediction.step.training import training_step
from modelworth.data.words import Work


@dataclass(frozen=True)
class Times:
    """What cases of one work take.

    Attributes:
        value: units per second and device: tokens (train, prefill, decode), sequences or images
            (forward), new tokens (serve).
        step_s: of the pass, or optimizer step, that this is; None for serve.
        parts: seconds of its parts; for serve those of one request on the replica's devices.
    """

    value: Number
    step_s: Number | None = None
    tpot_s: Number | None = None
    ttft_s: Number | None = None
    parts: Parts | None = None
    steady: Steady | None = None


def times(work: Work, case: Columns, fit: Coefficients) -> Times:
    """Times of cases of one kind of work."""
    if work == "serve":
        return _serving(case, fit)
    if work == "train":
        parts = training_step(case.shape, case.device, fit, case.training)
        step_s = total_s(parts)
        tokens = case.batch * case.tokens * case.micro_batches * case.data
        return Times(tokens / step_s / case.gpus, step_s=step_s, parts=parts)
    decoding = work == "decode"
    asked = Inference(
        decoding=case.batch if decoding else 0.0,
        context=case.tokens,
        prompts=0.0 if decoding else case.batch,
        prompt=case.tokens,
        tensor=case.tensor,
        attention_data=case.attention_data,
        unfused=case.unfused,
        ungrouped=case.ungrouped,
    )
    parts = inference_pass(case.shape, case.device, fit, asked)
    step_s = total_s(parts)
    units = case.batch * (case.tokens if work == "prefill" else 1)
    return Times(units / step_s / case.tensor / case.pipeline, step_s=step_s, parts=parts)


def _serving(case: Columns, fit: Coefficients) -> Times:
    steady = steady_state(case, fit)
    devices = case.tensor * case.pipeline
    value = steady.requests_per_s * case.new_tokens / devices
    return Times(
        value, tpot_s=steady.tpot_s, ttft_s=steady.ttft_s, parts=steady.parts, steady=steady
    )
