"""Inference steps: forward passes, prefill, decode at a fixed context, whole generations.

Weights are in the precision of the work. Serving needs only the last position's logits after a
prompt, so prefill computes no others; a forward pass computes all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from modelworth.bench.models import zoo
from modelworth.bench.models.families import FAMILIES, USUAL_STEPS
from modelworth.bench.models.grids import worked_out
from modelworth.bench.models.low_precision import STORED, lower_weights
from modelworth.bench.work import flops
from modelworth.bench.work.attention import SPLIT, implementation
from modelworth.bench.work.attention_kernel import Choice, Noted, choose, using
from modelworth.bench.work.blueprint import Job, compiled, work_made
from modelworth.bench.work.decode import Decoder, graphed
from modelworth.bench.work.diffusion import Denoiser
from modelworth.bench.work.estimated_memory import state_bytes, transient_bytes
from modelworth.bench.work.inputs import forward_batch, in_format, options
from modelworth.bench.work.task import Step, Work
from modelworth.data.errors import InputError


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What is known of a step before it first runs: its peak of memory, its attention's kernel."""

    peak_bytes: int | None
    attention: Choice


ANSWERS = ("logits", "pred_boxes", "logits_per_image", "sample")


def prepare_forward(job: Job) -> Work:
    """One pass over a whole batch."""
    config = zoo.transformers_config(job.blueprint)
    attention = implementation(job.workload.attention, config, growing=False)
    model: Any = zoo.build(job.blueprint, job.birthplace, job.dtype, attention)
    model = job.spread(model, trained=False)
    bits = lower_weights(model, job.workload.precision)
    batch = in_format(forward_batch(job.asked(config)), job.dtype)
    arguments = options(job.blueprint, config, batch)
    batch |= worked_out(model, batch)

    def run() -> tuple[Tensor, ...]:
        return answer(model(**batch, **arguments))

    forward = compiled(run, job.workload)
    asked = job.workload.attention_kernel
    seen = _foreseen(job, model, batch, lambda one, given: one(**given, **arguments), asked=asked)

    def step() -> None:
        with torch.inference_mode(), using(seen.attention.kernel):
            forward()

    return _work(job, model, step, seen, weight_bits=bits)


def answer(found: Any) -> tuple[Tensor, ...]:
    """What a pass is for; a compiler leaves out the rest."""
    parts = [getattr(found, name, None) for name in ANSWERS]
    return tuple([each for each in parts if each is not None])


def prepare_prefill(job: Job) -> Work:
    """Reading a prompt into the cache, up to the first token."""
    decoder = _decoder(job, growing=False)
    seen = _of_prompt(job, decoder)
    decoder.prefill()
    return _decoder_work(job, decoder, decoder.prefill, seen)


def prepare_decode(job: Job) -> Work:
    """One token for each sequence at a fixed context."""
    decoder = _decoder(job, growing=False)
    context = decoder.size.context
    decoder.hold(context)
    seen = _of_token(job, decoder)
    step, captured = graphed(decoder, job)
    weight_bytes = decoder.weight_bits / 8 if decoder.weight_bits else None
    moved = flops.decode_bytes(job.blueprint, job.workload, job.dtype.itemsize, weight_bytes)
    return _decoder_work(
        job,
        decoder,
        step,
        seen,
        reset=lambda: decoder.rewind(context),
        bytes_per_step=moved / job.layout.tensor,
        cuda_graphs=captured,
    )


def prepare_generate(job: Job) -> Work:
    """A whole generation: the prompt, then token after token."""
    if job.blueprint.family == "diffusion":
        return _prepare_denoising(job)
    decoder, seen, advance, captured = writer(job)
    steps = decoder.size.new - 1

    def decode() -> None:
        for _ in range(steps):
            advance()

    def generate() -> None:
        decoder.prefill()
        decode()

    return _decoder_work(
        job,
        decoder,
        generate,
        seen,
        parts=(("prefill", decoder.prefill), ("decode", decode)),
        cuda_graphs=captured,
    )


def writer(job: Job) -> tuple[Decoder, Foreseen, Step, bool]:
    """A decoder whose prompt is read, the step that writes a token, and whether it is captured."""
    decoder = _decoder(job, growing=True)
    seen = replace(_of_prompt(job, decoder), attention=_of_token(job, decoder).attention)
    decoder.prefill()
    return decoder, seen, *graphed(decoder, job)


def _prepare_denoising(job: Job) -> Work:
    """Whole images, each pass one level of noise less."""
    model: Any = zoo.build(job.blueprint, job.birthplace, job.dtype)
    bits = lower_weights(model, job.workload.precision)
    batch = in_format(forward_batch(job.asked(model.config)), job.dtype)
    denoiser = Denoiser(model, batch, job.workload.denoising_steps or USUAL_STEPS)
    step = compiled(denoiser.step, job.workload)
    seen = _foreseen(job, model, batch, lambda one, given: one(**given))

    def generate() -> None:
        with using(seen.attention.kernel):
            denoiser.generate(step)

    return _work(job, model, generate, seen, weight_bits=bits)


def _decoder(job: Job, *, growing: bool) -> Decoder:
    """A decoder with as many places as the work needs."""
    if "decode" not in FAMILIES[job.blueprint.family].kinds:
        found = f"{job.workload.kind} of {job.blueprint.name}, a {job.blueprint.family}"
        raise InputError("workload.kind", found, "forward or a kind of training")
    return Decoder(job, growing=growing)


def _of_prompt(job: Job, decoder: Decoder) -> Foreseen:
    """What reading the prompt takes; its attention then runs by the kernel that was chosen."""
    asked, run = job.workload.attention_kernel, decoder.first_logits_of
    seen = _foreseen(
        job,
        decoder.model,
        decoder.given,
        lambda model, given: run(model, **given),
        decoder.cache_tensors(),
        asked=None if asked == SPLIT and job.workload.kind == "generate" else asked,
    )
    decoder.prompt_kernel = seen.attention.kernel
    return seen


def _of_token(job: Job, decoder: Decoder) -> Foreseen:
    """What a single token takes; its attention then runs by the kernel that was chosen."""
    run = decoder.logits_of
    seen = _foreseen(
        job,
        decoder.model,
        {"input_ids": decoder.token},
        lambda model, given: run(model, **given),
        decoder.cache_tensors(),
        asked=job.workload.attention_kernel,
        splits=decoder.splits,
    )
    decoder.attend_by(seen.attention.kernel)
    return seen


def _decoder_work(job: Job, decoder: Decoder, step: Step, seen: Foreseen, **known: Any) -> Work:
    """A decoder's step."""
    cache = decoder.cache_bytes()
    if seen.peak_bytes is not None:
        seen = replace(seen, peak_bytes=seen.peak_bytes + cache)
    return _work(
        job,
        decoder.model,
        step,
        seen,
        fused_projections=decoder.fused,
        weight_bits=decoder.weight_bits,
        cache_bytes=cache,
        **known,
    )


def _foreseen(
    job: Job,
    model: Any,
    batch: Mapping[str, Tensor],
    run: Callable[..., Any],
    kept: Sequence[Tensor] = (),
    *,
    asked: str | None = None,
    splits: bool = False,
) -> Foreseen:
    """A pass on tensors without storage: what it takes, and the kernel for the calls it makes."""
    noted, transient = Noted(), None

    def without_gradients(stand_in: Any, given: dict[str, Tensor]) -> None:
        with torch.inference_mode():
            run(stand_in, given)

    if job.layout.devices == 1:
        transient = transient_bytes(model, batch, without_gradients, kept, noted)
    peak = None if transient is None else state_bytes(model) + transient
    return Foreseen(peak, choose(noted.calls, job.device, asked, splits=splits))


def _work(job: Job, model: Any, step: Step, seen: Foreseen, **known: Any) -> Work:
    """A step of inference."""
    stored = STORED.get(job.workload.precision)
    known |= {"quantization": stored, "predicted_bytes": seen.peak_bytes}
    return work_made(job, model, step, seen.attention, **known)
