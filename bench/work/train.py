"""Training steps: pre-training, full fine-tuning and fine-tuning of low-rank adapters.

A step runs all accumulated micro-batches forward and backward, then AdamW, fused where the device
has it. In bfloat16 the master weights, their gradients and AdamW's moments stay float32 and the
products run under autocast (in float16 a scaler keeps small gradients, and skips a step in which
any overflows); frozen weights below adapters are in the format itself. Fine-tuning has
pre-training's objective; what it costs depends on shapes alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from modelworth.bench.models import distributed, zoo
from modelworth.bench.models.adapters import add_lora
from modelworth.bench.models.families import FAMILIES
from modelworth.bench.models.fresh import fill
from modelworth.bench.models.grids import worked_out
from modelworth.bench.models.low_precision import train_in_fp8
from modelworth.bench.models.mixed import lower_experts
from modelworth.bench.models.steady import stop_looking
from modelworth.bench.work.attention import CAUSAL, implementation
from modelworth.bench.work.attention_kernel import Noted, choose, using
from modelworth.bench.work.blueprint import Job, compiled, parameter_bytes, work_made
from modelworth.bench.work.chunked_loss import chunk_loss, chunk_rows
from modelworth.bench.work.estimated_memory import state_bytes, transient_bytes
from modelworth.bench.work.inputs import Asked, Batch, forward_batch, training_batch
from modelworth.bench.work.losses import loss_of
from modelworth.bench.work.task import Work
from modelworth.data.errors import InputError

LEARNING_RATE = 1e-4
OPTIMIZERS = (None, "adamw", "adamw_fused")
ADAM_BYTES = 8
"""Two float32 moments a trained parameter."""

Loss = Callable[[Batch], torch.Tensor]


class TrainingStep:
    """One optimizer step; `loss` holds the last micro-batch's, still on the device."""

    def __init__(
        self,
        model: torch.nn.Module,
        loss_of_batch: Loss,
        batches: Sequence[Batch],
        optimizer: torch.optim.Optimizer,
        *,
        scaler: torch.amp.GradScaler,
        clip_norm: float | None = None,
        kernel: str | None = None,
    ) -> None:
        self.model, self.optimizer = model, optimizer
        self.loss: torch.Tensor | None = None
        self._pending: torch.Tensor | None = None
        self._loss_of_batch, self._batches = loss_of_batch, batches
        self._scaler, self._clip_norm, self._kernel = scaler, clip_norm, kernel

    def __call__(self) -> None:
        """Run every micro-batch, then the optimizer."""
        self.accumulate()
        self.update()

    @property
    def phases(self) -> tuple[tuple[str, Callable[[], None]], ...]:
        """The pieces of a step in their order; micro-batches go together."""
        if len(self._batches) > 1:
            return ("micro_batches", self.accumulate), ("optimizer", self.update)
        return ("forward", self.forward), ("backward", self.backward), ("optimizer", self.update)

    def forward(self) -> None:
        """The loss of the first micro-batch, with what its gradients need."""
        with using(self._kernel):
            self._pending = self._loss_of_batch(self._batches[0])

    def backward(self) -> None:
        """Gradients of that loss."""
        pending, self._pending = self._pending, None
        assert pending is not None, "forward comes first"
        with using(self._kernel):  # what is computed again is computed in the same way
            self._scaler.scale(pending).backward()
        self.loss = pending.detach()

    def update(self) -> None:
        """Clip the gradients if asked, move the weights and forget the gradients."""
        if self._clip_norm is not None:
            self._scaler.unscale_(self.optimizer)
            distributed.clip_gradients(self.model, self._clip_norm)
        self._scaler.step(self.optimizer)
        self._scaler.update()
        self.optimizer.zero_grad(set_to_none=True)

    def accumulate(self) -> None:
        """Gradients of the mean loss over all micro-batches."""
        last = len(self._batches) - 1
        for index, batch in enumerate(self._batches):
            summed = distributed.gradients_summed(self.model, now=index == last)
            with summed, using(self._kernel):
                loss = self._loss_of_batch(batch) / len(self._batches)
                self._scaler.scale(loss).backward()
        self.loss = loss.detach() * len(self._batches)


def prepare(job: Job) -> Work:
    """The training step of a case."""
    model = _model(job)
    batches = _batches(job, model)
    causal = job.blueprint.family in CAUSAL
    chunked = causal and job.workload.chunked_loss is not False and chunk_loss(model)
    model = job.spread(model, trained=True)
    optimizer = _optimizer(job, model)
    trained = parameter_bytes(model, trained_only=True)
    moments, noted = trained // 4 * ADAM_BYTES, Noted()
    predicted = _predicted_bytes(job, model, batches, moments, noted)
    choice = choose(noted.calls, job.device, job.workload.attention_kernel, trained=True)
    step = TrainingStep(
        model,
        _loss(job, model),
        batches,
        optimizer,
        scaler=torch.amp.GradScaler(job.device.type, enabled=job.dtype is torch.float16),
        clip_norm=job.workload.clip_norm,
        kernel=choice.kernel,
    )
    return work_made(
        job,
        model,
        step,
        choice,
        phases=step.phases,
        chunked_loss=chunked if causal else None,
        gradients_bytes=trained,
        optimizer_bytes=moments,
        logits_bytes=_logits_bytes(job, model, chunked),
        predicted_bytes=predicted,
    )


def _model(job: Job) -> Any:
    """The model in training mode, with adapters and checkpointing as asked, on this rank alone."""
    workload = job.workload
    lora = workload.kind == "finetune_lora"
    dtype = job.dtype if lora else torch.float32
    config = zoo.transformers_config(job.blueprint)
    attention = implementation(workload.attention, config, growing=False)
    drawn = lora and not (job.blueprint.pretrained or job.case.trust_remote_code)
    born = torch.device("meta") if drawn else job.birthplace  # adapters are drawn beside weights
    model: Any = zoo.build(job.blueprint, born, dtype, attention)
    if lora:
        model = add_lora(model, workload.lora_rank)
        if born != job.birthplace:
            fill(model, job.device)
    elif job.dtype is not torch.float32 and not job.layout.fully_sharded:
        lower_experts(model, job.dtype)
    if workload.precision == "fp8":
        train_in_fp8(model)
    if workload.activation_checkpointing:
        enable_checkpointing(model)
    model.train()
    stop_looking(model)
    return model


def enable_checkpointing(model: Any) -> None:
    """Keep each layer's input only, and compute the rest again in the backward pass."""
    enable = getattr(model, "activation_checkpointing_enable", None)
    try:
        (enable or model.gradient_checkpointing_enable)({"use_reentrant": False})
    except ValueError as error:
        raise InputError("workload.activation_checkpointing", True, f"off ({error})") from error


def _loss(job: Job, model: Any) -> Loss:
    """The forward pass and its loss, compiled if asked."""

    def run(batch: Batch) -> torch.Tensor:
        with _products(job):
            return loss_of(job.blueprint, model, batch)

    return compiled(run, job.workload)


def _products(job: Job) -> AbstractContextManager[Any]:
    """The number format of matrix products."""
    if job.dtype is torch.float32 or job.layout.fully_sharded:  # FSDP casts by its own policy
        return nullcontext()
    return torch.autocast(job.device.type, dtype=job.dtype)


def _batches(job: Job, model: Any) -> list[Batch]:
    """The micro-batches of one step."""
    asked = job.asked(model.config)
    drawn = [training_batch(asked) for _ in range(job.workload.gradient_accumulation)]
    return [batch | worked_out(model, batch) for batch in drawn]


def _optimizer(job: Job, model: torch.nn.Module) -> torch.optim.Optimizer:
    """AdamW over what is trained, fused on devices that have it."""
    asked = job.workload.optimizer
    if asked not in OPTIMIZERS:
        raise InputError("workload.optimizer", asked, "adamw")
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    parameters = [{"params": weights} for weights in distributed.by_mesh(trained)]
    fused = asked != "adamw"
    return torch.optim.AdamW(parameters, lr=LEARNING_RATE, fused=fused)


def _logits_bytes(job: Job, model: Any, chunked: bool) -> int | None:
    """Storage of the logits in float32, in which the loss is taken: a micro-batch's, or a chunk's.

    None where the compiler may have fused them away: what was never made is no part of the peak.
    """
    if job.workload.compiled:
        return None
    vocabulary = getattr(model.config, "vocab_size", None)
    if "prompt_tokens" not in FAMILIES[job.blueprint.family].sizes or vocabulary is None:
        return None
    asked = Asked(job.blueprint, model.config, job.workload, torch.device("meta"))
    shapes = forward_batch(asked)
    rows = int(list(shapes.values())[-1].numel())
    return (min(rows, chunk_rows(vocabulary)) if chunked else rows) * vocabulary * 4


def _predicted_bytes(
    job: Job, model: Any, batches: list[Batch], optimizer_bytes: int, noted: Noted
) -> int | None:
    """Expected peak: what stays, and the most that a forward and backward pass makes.

    What attention the pass calls is noted.
    """
    if job.layout.devices > 1:
        return None

    def run(stand_in: Any, batch: Batch) -> None:
        for _ in batches[:2]:  # the second meets the first one's gradients
            with _products(job):
                loss = loss_of(job.blueprint, stand_in, batch)
            loss.backward()

    transient = transient_bytes(model, batches[0], run, noting=noted)
    return None if transient is None else state_bytes(model) + optimizer_bytes + transient
