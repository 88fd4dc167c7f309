"""From a case to work that can be timed: `prepare` resolves the model and makes the step."""

from __future__ import annotations

from collections.abc import Callable

import torch

from modelworth.bench.models import zoo
from modelworth.bench.work import infer as work_infer
from modelworth.bench.work import train as work_train
from modelworth.bench.work.blueprint import Job, job_of
from modelworth.bench.work.task import Task, Work
from modelworth.data.errors import InputError
from modelworth.data.words import TRAINING

MAKERS: dict[str, Callable[[Job], Work]] = {
    **dict.fromkeys(TRAINING, work_train.prepare),
    "forward": work_infer.prepare_forward,
    "prefill": work_infer.prepare_prefill,
    "decode": work_infer.prepare_decode,
    "generate": work_infer.prepare_generate,
}


def prepare(case: Task, device: torch.device | str) -> Work:
    """The case as work on this rank's device.

    Raises:
        InputError: if there is no such model, or it can't do this work in this way.
        ModelworthError: if the step can't be made ready.
    """
    maker = MAKERS.get(case.workload.kind)
    if maker is None:
        raise InputError("workload.kind", case.workload.kind, f"one of {', '.join(MAKERS)}")
    blueprint = zoo.resolve(
        case.model,
        config=case.config,
        pretrained=case.weights == "pretrained",
        trust_remote_code=case.trust_remote_code,
    )
    torch.manual_seed(case.seed)
    return maker(job_of(case, blueprint, torch.device(device)))
