"""A case on its way to becoming work: what to build, on which device, in which number formats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import distributed

from modelworth.bench.models.distributed import load_cut, spread
from modelworth.bench.models.low_precision import STORED
from modelworth.bench.models.narrow_limits import require_possible
from modelworth.bench.models.zoo import Blueprint, build, describe
from modelworth.bench.work import flops
from modelworth.bench.work.attention import public_name
from modelworth.bench.work.attention_kernel import Choice
from modelworth.bench.work.inputs import Asked, work_of
from modelworth.bench.work.kernel_flops import kernel_flops
from modelworth.bench.work.task import Step, Task, Work
from modelworth.data.errors import InputError
from modelworth.data.measurement import Layout, Workload
from modelworth.data.words import TRAINING

F = TypeVar("F", bound=Callable[..., Any])
DTYPES = {
    "float32": torch.float32,
    "tf32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    **dict.fromkeys(STORED, torch.bfloat16),
}
"""Of what isn't a stored weight; narrower formats are of weights, or of a product's factors."""
COMPILE_MODES = (None, "default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")


@dataclass(frozen=True, slots=True)
class Job:
    """What the makers of steps are given.

    Attributes:
        dtype: of inputs and of matrix products (`tf32` is float32 whose products are rounded).
        generator: source of all random inputs, on the device.
    """

    case: Task
    blueprint: Blueprint
    device: torch.device
    dtype: torch.dtype
    generator: torch.Generator

    @property
    def workload(self) -> Workload:
        """The case's workload."""
        return self.case.workload

    @property
    def layout(self) -> Layout:
        """How the work is spread over devices."""
        return self.case.workload.layout

    def asked(self, config: Any) -> Asked:
        """The inputs that its model of this config takes."""
        return Asked(self.blueprint, config, self.workload, self.device, self.generator)

    @property
    def birthplace(self) -> torch.device:
        """Where this rank builds its model: without storage if it will hold a part of it only.

        A model that brings its own code, or isn't of transformers, is built whole.
        """
        foreign = self.case.trust_remote_code or self.blueprint.family == "diffusion"
        cut = self.layout.splits_weights and not foreign
        return torch.device("meta") if cut else self.device

    def spread(self, model: Any, *, trained: bool) -> Any:
        """The model as this rank holds it, with the weights that were asked for."""
        model = spread(model, self.layout, self.device, self.dtype, trained=trained)
        if self.blueprint.pretrained and self.birthplace != self.device:
            load_cut(model, partial(build, self.blueprint, "cpu", model.dtype))
        return model


def job_of(case: Task, blueprint: Blueprint, device: torch.device) -> Job:
    """The job of a case.

    Raises:
        InputError: if its precision or compile mode isn't one that a step can run in.
    """
    workload = case.workload
    dtype = DTYPES.get(workload.precision)
    if dtype is None:
        raise InputError("workload.precision", workload.precision, f"one of {', '.join(DTYPES)}")
    if dtype is torch.float16 and workload.kind in TRAINING and workload.layout.fully_sharded:
        raise InputError("workload.precision", "float16", "bfloat16 or float32 where FSDP shards")
    if workload.compile_mode not in COMPILE_MODES:
        allowed = ", ".join(str(mode) for mode in COMPILE_MODES)
        raise InputError("workload.compile_mode", workload.compile_mode, f"one of {allowed}")
    capability = torch.cuda.get_device_capability(device) if device.type == "cuda" else None
    require_possible(workload, blueprint, device.type, capability)
    generator = torch.Generator(device).manual_seed(case.seed + _data_rank(workload.layout))
    return Job(case, blueprint, device, dtype, generator)


def _data_rank(layout: Layout) -> int:
    """This rank's place along the data dimension: ranks that share a tensor share their inputs."""
    rank = distributed.get_rank() if distributed.is_initialized() else 0
    return rank // layout.tensor


def compile_mode(workload: Workload) -> str | None:
    """The mode a step is compiled in; None where it isn't.

    A step that is captured into a CUDA graph as a whole is compiled without graphs of its own.
    """
    if not workload.compiled:
        return None
    mode = workload.compile_mode or "default"
    if workload.cuda_graphs:
        return {
            "reduce-overhead": "default",
            "max-autotune": "max-autotune-no-cudagraphs",
        }.get(mode, mode)
    return mode


def compiled(function: F, workload: Workload) -> F:
    """The function, compiled for fixed shapes if the workload says so."""
    mode = compile_mode(workload)
    return function if mode is None else torch.compile(function, mode=mode, dynamic=False)  # type: ignore[return-value]


def graph_breaks() -> tuple[str, ...]:
    """Places in the models' code where what has been compiled here falls back to Python."""
    from torch._dynamo.utils import graph_break_reasons

    places = [why.user_stack[-1] for why in graph_break_reasons if why.user_stack]
    return tuple(dict.fromkeys(f"{Path(one.filename).name}:{one.lineno}" for one in places))


def parameter_bytes(model: torch.nn.Module, *, trained_only: bool = False) -> int:
    """Storage of a model's parameters on this rank, each once."""
    from torch.distributed.tensor import DTensor

    total = 0
    for weight in model.parameters():
        local = weight.to_local() if isinstance(weight, DTensor) else weight
        if weight.requires_grad or not trained_only:
            total += local.numel() * local.element_size()
    return total


def work_made(job: Job, model: Any, step: Step, attention: Choice, **known: Any) -> Work:
    """A step with what it is worth on this rank, and what else is known of it."""
    unit, done = work_of(job.blueprint, model.config, job.workload)
    share, used = job.layout.tensor, getattr(model.config, "_attn_implementation", "sdpa")
    counted = flops.model_flops(job.blueprint, job.workload)
    kernels = kernel_flops(job.blueprint, job.workload, public_name(used))
    return Work(
        step=step,
        unit=unit,
        work_per_step=done / share,
        model=describe(job.blueprint),
        model_flops_per_step=None if counted is None else counted / share,
        kernel_flops_per_step=None if kernels is None else kernels / share,
        attention=public_name(used),
        attention_kernel=attention.kernel,
        attention_s=attention.seconds,
        compiled=job.workload.compiled,
        compile_mode=compile_mode(job.workload),
        weights_bytes=parameter_bytes(model),
        **known,
    )
