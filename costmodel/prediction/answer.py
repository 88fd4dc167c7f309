"""All that is known of a case: sizes, memory, time by part, utilisation, energy, cost, interval.

The prediction is the predictor's; what stands beside it here is arithmetic on the same case.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from modelworth.costmodel.architecture.memory import Memory, serving_memory
from modelworth.costmodel.architecture.work import forward_flops, training_flops
from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.columns import columns
from modelworth.costmodel.prediction.energy import facility_power_w, usd_per_million
from modelworth.costmodel.prediction.predictor import Prediction, Predictor
from modelworth.costmodel.prediction.refusal import training_ask, usable_bytes
from modelworth.costmodel.prediction.serving.steady import cached_bytes, kept_tokens
from modelworth.costmodel.prediction.step.coefficients import Tables
from modelworth.costmodel.prediction.step.device import rate_used, weight_bytes
from modelworth.costmodel.prediction.step.model import cache_elements, experts_touched
from modelworth.data.catalog import RentQuote
from modelworth.data.errors import InputError


@dataclass(frozen=True, slots=True)
class Answer:
    """What a case comes to, and what it consists of.

    Attributes:
        memory: on one device; available_bytes: what a model may use of it.
        flops: model FLOPs of one optimizer step, pass, or request.
        bytes_read: weights and cache that one pass reads on all devices; None in training.
        mbu, mfu: of the bandwidth, and of the dense peak at the precision.
        joules_per_unit: at the building's meter; None where the board's power isn't known.
        rent: the catalogue's; None where it has none.
    """

    case: Case
    prediction: Prediction
    memory: Memory
    available_bytes: float
    flops: float
    bytes_read: float | None
    mbu: float | None
    mfu: float | None
    joules_per_unit: float | None
    rent: RentQuote | None

    @property
    def usd_per_million(self) -> float | None:
        """Rent for a million units on devices that are never idle."""
        if self.rent is None or not self.prediction.value:
            return None
        return usd_per_million(self.rent.usd_per_gpu_hour, self.prediction.value)


def answer_of(case: Case, predictor: Predictor) -> Answer:
    """The whole answer; where the case can't be, its prediction has no value and says why."""
    found = predictor.predict(case)
    flops, device = flops_of(case), case.accelerator
    joules = rent = None
    if device.board_power_w is not None and found.value:
        joules = facility_power_w(device.board_power_w) / found.value
    with suppress(InputError):
        rent = predictor.catalog.rent(device.name)
    return Answer(
        case, found, memory_of(case, found, predictor.tables), usable_bytes(case), flops,
        *_bandwidth(case, found, predictor), _mfu(case, found, flops), joules, rent,
    )  # fmt: skip


def memory_of(case: Case, found: Prediction, tables: Tables) -> Memory:
    """What one device holds, as counted where its room was.

    Of a server, or where batches decode: weights, and the cache of the sequences that run together;
    logits and activations live in the engine's workspace.

    Raises:
        InputError: if the device has no rate at all.
    """
    if case.work == "train":
        return training_ask(case).memory()
    model, parts = case.architecture, case.tensor * case.pipeline
    if case.work not in ("serve", "decode"):
        tokens = case.tokens if case.work == "prefill" else 0
        return serving_memory(
            model, case.batch, tokens, case.precision, 2.0, case.tensor, case.pipeline
        )
    work, serving = columns([case], tables), case.work == "serve"
    context = kept_tokens(work) if serving else case.whole
    running = found.running or case.batch / (case.data if serving else 1)
    weights = float(weight_bytes(work.shape, work.device)[0])
    cache = running * float(cached_bytes(work, context)[0])
    return Memory(weights / parts, kv_cache=cache / parts)


def flops_of(case: Case) -> float:
    """Model FLOPs of one optimizer step, pass, or request, of pairs that the mask lets through."""
    model = case.architecture
    if case.work == "train":
        sequences = case.batch * case.data * case.micro_batches
        return float(training_flops(model, sequences, case.tokens, pairs="seen"))
    if case.work == "decode":
        longer = forward_flops(model, 1, case.tokens + 1, pairs="seen")
        return float(case.batch * (longer - forward_flops(model, 1, case.tokens, pairs="seen")))
    sequences = 1.0 if case.work == "serve" else case.batch
    cached = case.tokens * case.prefix_share
    spared = forward_flops(model, sequences, cached, pairs="seen") if cached else 0.0
    return float(forward_flops(model, sequences, case.whole, pairs="seen") - spared)


def _mfu(case: Case, found: Prediction, flops: float) -> float | None:
    """Of the dense peak at the precision that products run in."""
    device = case.accelerator
    if found.value is None or not (found.step_s or case.work == "serve"):
        return None
    peak = device.matmul_flops_per_s[rate_used(device, case.precision)] or np.inf
    if not found.step_s:
        return float(found.value / case.new_tokens * flops / peak)
    devices = case.gpus if case.work == "train" else case.tensor * case.pipeline
    return float(flops / found.step_s / devices / peak)


def _bandwidth(
    case: Case, found: Prediction, predictor: Predictor
) -> tuple[float | None, float | None]:
    """Bytes that a decode pass reads, and the share of the bandwidth that is."""
    if case.work not in ("serve", "decode") or found.value is None:
        return None, None
    work = columns([case], predictor.tables)
    device = work.device
    running = max(found.running or case.batch, 1.0)
    shape = work.shape
    weights = (
        shape.dense_parameters * device.dense_bytes
        + shape.head_parameters * max(device.dense_bytes, 2.0)
        + shape.expert_parameters * experts_touched(shape, running) * device.expert_bytes
    )
    context = case.tokens + (case.new_tokens / 2 if case.work == "serve" else 0)
    cache = running * cache_elements(shape, context) * device.cache_bytes
    read = float((weights + cache)[0])
    devices = case.tensor * case.pipeline
    later = 1 - 1 / case.new_tokens if case.work == "serve" else 1.0  # the first comes of a prompt
    written = later * found.value * case.devices / case.gpus
    passes_per_s = written * devices / (running * case.accepted)
    return read, read * passes_per_s / (devices * case.accelerator.bandwidth_bytes_per_s)
