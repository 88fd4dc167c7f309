"""Whether a training case that somebody asks for can be held, before its time is predicted.

Rows of measured tables aren't asked: they ran. The count is that of mixed-precision AdamW with
fused kernels; leaner optimizers are told apart by nobody's columns.
"""

from __future__ import annotations

from typing import Literal

from modelworth.costmodel.architecture.activations import Checkpointing
from modelworth.costmodel.architecture.fits import TrainingAsk, training_fit
from modelworth.costmodel.architecture.sharding import Sharding
from modelworth.costmodel.prediction.case import Case
from modelworth.data.errors import InputError

ZERO_STAGES: dict[str, Literal[0, 2, 3]] = {"none": 0, "gradients": 2, "full": 3}


def training_refusal(case: Case) -> InputError | None:
    """Why the case doesn't fit, with the nearest that does; None if it does."""
    sharding = Sharding(
        data=case.data,
        tensor=case.tensor,
        pipeline=case.pipeline,
        zero_stage=ZERO_STAGES[case.sharding] if case.data > 1 else 0,
    )
    ask = TrainingAsk(
        case.architecture,
        max(1, int(case.batch)),
        int(case.tokens),
        precision=case.precision,
        sharding=sharding,
        checkpointing=_checkpointing(case.recomputed),
    )
    fit = training_fit(ask, case.accelerator.memory_bytes)
    if fit.reason is None:
        return None
    need, held, nearest = fit.reason.rsplit("; ", 2)
    return InputError(case.architecture.name, f"{need}; {held}", f"held: it {nearest}")


def _checkpointing(recomputed: float) -> Checkpointing:
    """The way of checkpointing that repeats about this share of the forward pass."""
    return "none" if recomputed < 0.25 else "alternate" if recomputed < 0.75 else "full"
