"""One piece of work to predict, and many of them as columns.

A `Case` is what a person asks for: a model, a device, how many, what to do. `columns` turns cases
into the arrays that `step_time` and `serving` work on. Unknown devices are refused upstream, by the
catalogue; a precision that a device has no rate for falls back to the width it computes in (4-bit
weights on Hopper compute in 16 bits), and is refused where that has none either.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, get_args

import numpy as np

from modelworth.costmodel.architecture.structure import Architecture
from modelworth.costmodel.prediction.efficiency import (
    Efficiency,
    Kind,
    Tables,
    kernel_shares,
    resolve,
)
from modelworth.costmodel.prediction.shape import Device, Number, Shape, shape_of, stack
from modelworth.costmodel.prediction.step_time import Training
from modelworth.data.catalog import Accelerator
from modelworth.data.errors import InputError

Work = Literal["train", "forward", "prefill", "decode", "serve"]
Sharding = Literal["none", "gradients", "full"]

RATES: dict[str, tuple[str, ...]] = {
    "fp32": ("fp32",),
    "tf32": ("tf32", "fp32"),
    "bf16": ("bf16", "fp16", "fp32"),
    "fp16": ("fp16", "bf16", "fp32"),
    "amp": ("fp16", "bf16", "fp32"),
    "fp8": ("fp8", "bf16", "fp16"),
    "int8": ("int8", "bf16", "fp16"),
    "fp4": ("fp4", "bf16", "fp16"),
    "int4": ("bf16", "fp16"),
}
"""Precision asked for → rates it may run at, the first that the device has."""
SPELLINGS = {
    "float32": "fp32",
    "bfloat16": "bf16",
    "float16": "fp16",
    "half": "fp16",
    "mixed": "amp",
    "mxfp4": "fp4",
    "nvfp4": "fp4",
}
WEIGHT_BYTES = {"fp32": 4, "tf32": 4, "fp8": 1, "int8": 1, "fp4": 0.53, "int4": 0.53}
"""For one weight; 4-bit ones carry a scale for each 16 or 32. Others take 2."""
SOFTWARE = {
    "tensorrtllm": "trtllm",
    "trt": "trtllm",
    "composer": "llmfoundry",
    "mosaic": "llmfoundry",
}
KIND: dict[str, Kind] = {
    "train": "train",
    "forward": "forward",
    "prefill": "serve",
    "decode": "serve",
    "serve": "serve",
}


@dataclass(frozen=True, slots=True)
class Case:
    """What to predict.

    Attributes:
        batch: sequences or images in one pass on one data-parallel rank; for `serve` the requests
            kept in flight by the clients of one replica.
        tokens: of a sequence (train, forward), its prompt (prefill, serve) or context (decode).
        new_tokens: generated for each request (serve).
        software: framework or engine, such as `llm-foundry` or `vllm 0.18.0`.
        global_batch: sequences in one optimizer step over all devices.
        recomputed: share of the forward pass that checkpointing repeats.
    """

    work: Work
    architecture: Architecture
    accelerator: Accelerator
    gpus: int = 1
    precision: str = "bf16"
    batch: float = 1
    tokens: float = 1024
    new_tokens: float = 1
    software: str | None = None
    compiled: bool = False
    tensor: int = 1
    pipeline: int = 1
    sharding: Sharding = "none"
    global_batch: float | None = None
    recomputed: float = 0.0

    def __post_init__(self) -> None:
        for name in ("batch", "tokens", "new_tokens", "gpus", "tensor", "pipeline"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 1):
                raise InputError(name, value, "1 or more")
        if self.work not in get_args(Work):
            raise InputError("work", self.work, f"one of {', '.join(get_args(Work))}")
        if self.gpus % (self.tensor * self.pipeline):
            raise InputError("gpus", self.gpus, f"a multiple of {self.tensor * self.pipeline}")

    @property
    def data(self) -> int:
        """Data-parallel ranks."""
        return self.gpus // (self.tensor * self.pipeline)

    @property
    def kind(self) -> Kind:
        """Which coefficients apply."""
        return KIND[self.work]


@dataclass(frozen=True)
class Columns:
    """Cases as arrays."""

    shape: Shape
    device: Device
    batch: Number
    tokens: Number
    new_tokens: Number
    gpus: Number
    data: Number
    tensor: Number
    pipeline: Number
    accumulation: Number
    gathers: Number
    recomputed: Number
    reserves: Number

    @property
    def training(self) -> Training:
        """The training step's part."""
        return Training(
            self.batch, self.tokens, self.accumulation, self.gathers, self.recomputed,
            self.data, self.tensor, self.pipeline,
        )  # fmt: skip


@lru_cache(maxsize=4096)
def software_name(name: str | None) -> str | None:
    """A software's name without its version and without what people spell differently."""
    if not name:
        return None
    words = re.split(r"[\s@=:]+", name.strip().casefold())
    plain = re.sub(r"[^a-z]", "", words[0])
    return SOFTWARE.get(plain, plain) or None


@lru_cache(maxsize=4096)
def version_name(name: str | None) -> str | None:
    """A software's name with its version; None where it has none."""
    words = re.split(r"[\s@=:]+", name.strip().casefold()) if name else []
    return " ".join([software_name(name) or "", *words[1:]]) if len(words) > 1 else None


def precision_name(name: str) -> str:
    """A precision in the project's short words.

    Raises:
        InputError: if it isn't one.
    """
    plain = name.strip().casefold()
    within = [short for short in RATES if short in plain.replace("amp_", "")]
    short = SPELLINGS.get(plain) or (within[0] if within else plain)
    if short not in RATES:
        raise InputError("precision", name, f"one of {', '.join(RATES)}")
    return short


def columns(cases: Sequence[Case], tables: Tables) -> Columns:
    """Cases of one kind of work as arrays.

    Raises:
        InputError: if a device has no rate for the precision, or no link for several devices.
    """
    return columns_on(cases, [device_of(case, tables) for case in cases])


def columns_on(cases: Sequence[Case], devices: Sequence[Device]) -> Columns:
    """The same on devices that are known already."""
    shape = stack([shape_of(case.architecture) for case in cases])
    if cases[0].kind == "serve":
        shape = replace(shape, head_tokens=np.ones(len(cases)))
    numbers = np.array([_numbers(case) for case in cases], dtype=float).T
    return Columns(shape, stack(devices), *numbers)


def efficiencies(cases: Sequence[Case], tables: Tables) -> Efficiency:
    """The coefficients of each case, as arrays."""
    return stack([efficiency_of(case, tables) for case in cases])


def efficiency_of(case: Case, tables: Tables) -> Efficiency:
    """The coefficients of one case."""
    names = factors_of(case)
    return _resolved(tables, case.kind, names)


def factors_of(case: Case) -> tuple[tuple[str, str], ...]:
    """Which factors apply besides the common values: (level, name)."""
    architecture = attention_class(case.accelerator)
    found = [
        ("software", software_name(case.software) or ""),
        ("version", version_name(case.software) or ""),
        ("architecture", architecture),
        ("device", case.accelerator.name),
    ]
    if case.compiled:
        found.append(("software", "compiled"))
    if found[0][1] == "vllm" and case.precision == "fp8" and case.architecture.has_experts:
        found.append(("software", "vllm fp8 blocks"))
    if case.work == "forward" and case.precision != "amp":
        found.append(("software", "uncast"))
    return tuple((level, name) for level, name in found if name)


def attention_class(accelerator: Accelerator) -> str:
    """Architecture as kernels see it: workstation Blackwell isn't the data centre's."""
    if accelerator.architecture == "Blackwell" and accelerator.bandwidth_gb_per_s < 4000:
        return "Blackwell RTX"
    return accelerator.architecture


def device_of(case: Case, tables: Tables) -> Device:
    """The accelerator at the precision of the work.

    Raises:
        InputError: if it has no rate for it, or no link where several devices must talk.
    """
    mixed = case.architecture.has_experts
    device = _device(tables, case.accelerator, precision_name(case.precision), mixed)
    if case.gpus > 1:
        _require_links(case)
    return device


def _require_links(case: Case) -> None:
    device = case.accelerator
    if device.link_gb_per_s is None and device.devices_per_node > 1:
        raise InputError(
            f"{device.name}: link_gb_per_s", "unknown", "given for work on several devices"
        )
    crossing = case.gpus if case.work == "train" else case.tensor * case.pipeline
    if crossing > device.devices_per_node and device.network_gb_per_s is None:
        raise InputError(
            f"{device.name}: network_gb_per_s",
            "unknown",
            f"given for more than the {device.devices_per_node} devices of a node",
        )


@lru_cache(maxsize=4096)
def _device(tables: Tables, accelerator: Accelerator, precision: str, mixed: bool) -> Device:
    rates = accelerator.matmul_flops_per_s
    used = _used(accelerator, precision)
    dense_precision = "bf16" if mixed and precision in ("fp4", "int4") else precision
    dense = _used(accelerator, dense_precision)
    wide = _used(accelerator, "fp32" if precision in ("fp32", "tf32") else "bf16")
    expert_share, _ = kernel_shares(tables, accelerator, used)
    dense_share, _ = kernel_shares(tables, accelerator, dense)
    _, memory_share = kernel_shares(tables, accelerator, "bf16")
    return Device(
        dense_flops_per_s=rates[dense],
        expert_flops_per_s=rates[used],
        attention_flops_per_s=rates[wide],
        kernel_compute=dense_share,
        kernel_expert_compute=expert_share,
        kernel_memory=memory_share,
        bandwidth_bytes_per_s=accelerator.bandwidth_bytes_per_s,
        memory_bytes=accelerator.memory_bytes,
        link_bytes_per_s=accelerator.link_bytes_per_s or accelerator.bandwidth_bytes_per_s,
        network_bytes_per_s=accelerator.network_bytes_per_s or accelerator.bandwidth_bytes_per_s,
        devices_per_node=accelerator.devices_per_node,
        dense_bytes=WEIGHT_BYTES.get(dense_precision, 2),
        expert_bytes=WEIGHT_BYTES.get(precision, 2),
        cache_bytes={"fp32": 4, "tf32": 4, "fp8": 1, "fp4": 1}.get(precision, 2),
        activation_bytes=4.0 if precision in ("fp32", "tf32") else 2.0,
    )


@lru_cache(maxsize=4096)
def _resolved(tables: Tables, kind: Kind, names: tuple[tuple[str, str], ...]) -> Efficiency:
    return resolve(tables, kind, names)


def _used(accelerator: Accelerator, precision: str) -> str:
    """The precision that the products run in."""
    rates = accelerator.matmul_flops_per_s
    for rate in RATES[precision]:
        if rates.get(rate) is not None:
            return rate
    raise InputError(
        f"{accelerator.name}: dense rate at {precision}", "unknown", "given in the catalogue's row"
    )


def _numbers(case: Case) -> tuple[float, ...]:
    per_pass = case.batch * case.data
    accumulation = max((case.global_batch or per_pass) / per_pass, 1)
    gathers = {"full": 3.0, "gradients": 2.0, "none": 2 / accumulation}[case.sharding]
    return (
        case.batch,
        case.tokens,
        case.new_tokens,
        case.gpus,
        case.data,
        case.tensor,
        case.pipeline,
        max(accumulation, 1),
        gathers if case.data > 1 else 0.0,
        case.recomputed,
        1.0 if software_name(case.software) == "trtllm" else 0.5,
    )
