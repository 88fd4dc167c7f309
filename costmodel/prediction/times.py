"""From columns of cases to times and rates: the one place that knows which formula a work takes."""

from __future__ import annotations

from modelworth.costmodel.prediction.serving.steady import steady_state
from modelworth.costmodel.prediction.step.arrays import Columns, Times
from modelworth.costmodel.prediction.step.coefficients import Coefficients
from modelworth.costmodel.prediction.step.passes import Inference, inference_pass, total_s
from modelworth.costmodel.prediction.step.training import training_step
from modelworth.data.words import Work


def times(work: Work, case: Columns, fit: Coefficients) -> Times:
    """Times of cases of one kind of work."""
    if work == "serve":
        return steady_state(case, fit)
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
