"""Whether a model fits on its devices, and if not, why not and what would.

An ask that can't be met is answered in one line that a person can act on: how much the model needs,
what there is, and the nearest number of devices, batch or layout that fits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from modelworth.costmodel.architecture.activations import Checkpointing, Kernels
from modelworth.costmodel.architecture.memory import (
    RESERVE_SHARE,
    Memory,
    serving_memory,
    training_memory,
    weights_bytes,
)
from modelworth.costmodel.architecture.sharding import ONE_DEVICE, Sharding
from modelworth.costmodel.architecture.structure import Architecture
from modelworth.data.errors import InputError

SERVING_SPREADS = ((2, 1), (4, 1), (8, 1), *((8, 2**power) for power in range(1, 6)))
"""Tensor degrees and pipeline stages proposed for serving, in order: tensor parallelism in a node,
then stages of whole nodes."""

MOST_REPLICAS = 65_536


@dataclass(frozen=True, slots=True)
class Fit:
    """What a device would hold and whether it can.

    Attributes:
        available_bytes: of one device, less what driver, buffers and fragments take.
        reason: why it doesn't fit, with the nearest that does; None where it fits.
    """

    memory: Memory
    available_bytes: float
    reason: str | None = None

    @property
    def fits(self) -> bool:
        """Whether it fits."""
        return self.reason is None


@dataclass(frozen=True, slots=True)
class ServingAsk:
    """A model to be served, with the cache of `batch` sequences of `context` tokens."""

    architecture: Architecture
    precision: str = "bf16"
    batch: int = 1
    context: int = 0
    cache_bytes: float = 2

    def memory(self, tensor: int = 1, pipeline: int = 1) -> Memory:
        """What one of tensor × pipeline devices holds."""
        return serving_memory(
            self.architecture,
            self.batch,
            self.context,
            self.precision,
            self.cache_bytes,
            tensor,
            pipeline,
        )


@dataclass(frozen=True, slots=True)
class TrainingAsk:
    """A training step of `batch` sequences of `tokens` tokens on each replica."""

    architecture: Architecture
    batch: int
    tokens: int | None = None
    precision: str = "bf16"
    optimizer: str = "adamw"
    sharding: Sharding = ONE_DEVICE
    checkpointing: Checkpointing = "none"
    kernels: Kernels = "fused"
    trainable_parameters: int | None = None

    def memory(self) -> Memory:
        """What one device holds."""
        return training_memory(
            self.architecture,
            self.batch,
            self.tokens,
            precision=self.precision,
            optimizer=self.optimizer,
            sharding=self.sharding,
            checkpointing=self.checkpointing,
            kernels=self.kernels,
            trainable_parameters=self.trainable_parameters,
        )


def unservable(architecture: Architecture, work: str, tokens: float) -> InputError | None:
    """Why a model can't do a kind of work on that many tokens at all, or None.

    `work` in the project's words: serve, prefill and decode write text; forward and train don't.
    """
    if work in ("serve", "prefill", "decode") and not architecture.generates:
        what = "an image model" if architecture.patches is not None else f"an {architecture.family}"
        found = f"{what}, which doesn't write tokens"
        return InputError(architecture.name, found, advice="ask for --work forward")
    longest = architecture.longest
    if longest is None or architecture.patches is not None or tokens <= longest:
        return None
    found = f"{tokens:,.0f} tokens; it was made for {longest:,}"
    return InputError(architecture.name, found, advice=f"ask for {longest:,} tokens or fewer")


def available_bytes(memory_bytes: float) -> float:
    """What a model may use of a device's memory."""
    return memory_bytes * (1 - RESERVE_SHARE)


def serving_fit(ask: ServingAsk, memory_bytes: float, devices: int = 1) -> Fit:
    """Whether weights and cache fit on `devices` devices in tensor parallelism."""
    available = available_bytes(memory_bytes)
    memory = ask.memory(devices)
    if memory.total <= available:
        return Fit(memory, available)
    weights = weights_bytes(ask.architecture, ask.precision)
    needed = f"{_size(ask.architecture)} in {ask.precision} needs"
    if memory.weights > available:
        needed += f" {_gb(weights)} for weights alone"
    else:
        each = " a device" if devices > 1 else ""
        cache = f"{_gb(memory.kv_cache)} of it for {ask.batch:,} × {ask.context:,} tokens"
        needed += f" {_gb(memory.total)}{each}, {cache}"
    nearest = _nearest_serving(ask, memory_bytes, devices)
    return Fit(memory, available, f"{needed}; {_held(devices, memory_bytes)}; {nearest}")


def largest_batch(ask: ServingAsk, memory_bytes: float, devices: int = 1) -> int:
    """Sequences of `ask.context` tokens that fit beside the weights; 0 if the weights don't."""
    none = replace(ask, batch=0).memory(devices).total
    one = replace(ask, batch=1).memory(devices).total - none
    return max(0, int((available_bytes(memory_bytes) - none) // one))


def training_fit(ask: TrainingAsk, memory_bytes: float) -> Fit:
    """Whether the step fits."""
    available = available_bytes(memory_bytes)
    memory = ask.memory()
    if memory.total <= available:
        return Fit(memory, available)
    devices = ask.sharding.devices
    state = memory.weights + memory.gradients + memory.optimizer
    each = " a device" if devices > 1 else ""
    what = f"training {_size(ask.architecture)} in {ask.precision} with {ask.optimizer} needs"
    if state > available:
        needed = f"{what} {_gb(state)}{each} for weights, gradients and optimizer alone"
    else:
        rest = memory.activations + memory.logits
        needed = f"{what} {_gb(memory.total)}{each}, {_gb(rest)} of it activations and logits"
    nearest = _nearest_training(ask, available)
    return Fit(memory, available, f"{needed}; {_held(devices, memory_bytes)}; {nearest}")


def _nearest_serving(ask: ServingAsk, memory_bytes: float, devices: int) -> str:
    """The largest batch and the fewest devices that would do."""
    advice = []
    if ask.batch > 1 and (most := largest_batch(ask, memory_bytes, devices)):
        advice.append(f"fits with {most:,} sequences")
    for tensor, pipeline in SERVING_SPREADS:
        count = tensor * pipeline
        held = ask.memory(tensor, pipeline).total
        if count > devices and held <= available_bytes(memory_bytes):
            stages = f" and {pipeline} pipeline stages" if pipeline > 1 else ""
            advice.append(f"fits on {count} with tensor parallelism{stages}")
            break
    return ", or ".join(advice) or f"doesn't fit on {count} either"


def _nearest_training(ask: TrainingAsk, available: float) -> str:
    """The smallest change that would do: checkpointing, one sequence at a time, more replicas."""
    lean = replace(ask, checkpointing="full")
    if lean.memory().total <= available:
        return "fits with full checkpointing"
    lean = replace(lean, batch=1)
    if lean.memory().total <= available:
        return "fits with full checkpointing and one sequence at a time"
    replicas = 2
    while replicas <= MOST_REPLICAS:
        spread = replace(lean, sharding=Sharding(data=replicas, zero_stage=3))
        if spread.memory().total <= available:
            return f"fits on {replicas} with FSDP, full checkpointing and one sequence a device"
        replicas *= 2
    return "a single layer's activations don't fit: shorter sequences or tensor parallelism"


def _size(architecture: Architecture) -> str:
    """The model's parameters as people say them: 70B, 1.24B, 125M."""
    parameters = architecture.parameters
    scale, unit = next(
        (scale, unit)
        for scale, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1.0, ""))
        if parameters >= scale
    )
    value = parameters / scale
    return f"{int(value)}{unit}" if value >= 20 else f"{value:.3g}{unit}"


def _gb(amount: float) -> str:
    """Bytes in decimal gigabytes."""
    return f"{amount / 1e9:,.0f} GB" if amount >= 10e9 else f"{amount / 1e9:.2g} GB"


def _held(devices: int, memory_bytes: float) -> str:
    """What there is, as vendors label it."""
    return f"{devices} × {memory_bytes / 2**30:.0f} GB"
