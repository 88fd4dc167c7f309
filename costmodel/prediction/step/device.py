"""A device as the numbers that a step needs, at the precision of the work."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from modelworth.costmodel.prediction.step.coefficients import Tables, achieved
from modelworth.costmodel.prediction.step.model import Number, Shape
from modelworth.data.catalog import Accelerator
from modelworth.data.errors import InputError

RATES: dict[str, tuple[str, ...]] = {
    "fp32": ("fp32", "tf32", "bf16", "fp16"),
    "tf32": ("tf32", "fp32", "bf16", "fp16"),
    "bf16": ("bf16", "fp16", "fp32"),
    "fp16": ("fp16", "bf16", "fp32"),
    "amp": ("fp16", "bf16", "fp32"),
    "fp8": ("fp8", "bf16", "fp16", "fp32"),
    "int8": ("int8", "bf16", "fp16", "fp32"),
    "fp4": ("fp4", "bf16", "fp16", "fp32"),
    "int4": ("bf16", "fp16", "fp32"),
}
"""Precision asked for → rates it may run at, the first that the device has."""
WEIGHT_BYTES = {"fp32": 4, "tf32": 4, "fp8": 1, "int8": 1, "fp4": 0.5625, "int4": 0.5625}
"""For one weight; 4-bit ones carry a scale for each 16 or 32. Others take 2."""
MIXED_INT4_BYTES = 4.9 / 8
"""llama.cpp's Q4_K_M: 4.9 bits for each weight on average."""
MESHED = ("CDNA 3", "CDNA 4", "Gaudi 2", "Gaudi 3", "Ascend 910B")
"""Architectures with links to each other device of a server, where others share a switch."""
DEVICES_PER_SERVER = 8
"""Where a device's row has no link, its server is assumed to hold this many over PCIe."""
PCIE_BYTES_PER_S = 25e9
ETHERNET_BYTES_PER_S = 12.5e9
"""Links where a device's row has none: PCIe 4 and 100 Gbit/s, with a note on the prediction."""


@dataclass(frozen=True)
class Device:
    """An accelerator as a step sees it.

    Attributes:
        dense_flops_per_s, expert_flops_per_s, wide_flops_per_s: datasheet peaks of the dense
            products, of the experts' and of what runs in 16 bits: attention and the head.
        dense_share, expert_share, wide_share: of these peaks, reached by the best products.
        memory_share: of the bandwidth, reached while weights are read.
        link_bytes_per_s, network_bytes_per_s: to a device in the node, and outside.
        dense_bytes, expert_bytes, cache_bytes, activation_bytes: of one weight, one expert's
            weight, one cached number, one number of an activation.
        quantised: 1 where activations are scaled to a narrow format before products, else 0.
        meshed: 1 where each pair of a server's devices has links of its own, else 0.
    """

    dense_flops_per_s: Number
    expert_flops_per_s: Number
    wide_flops_per_s: Number
    dense_share: Number
    expert_share: Number
    wide_share: Number
    memory_share: Number
    bandwidth_bytes_per_s: Number
    memory_bytes: Number
    link_bytes_per_s: Number
    network_bytes_per_s: Number
    devices_per_node: Number
    dense_bytes: Number
    expert_bytes: Number
    cache_bytes: Number
    activation_bytes: Number = 2.0
    quantised: Number = 0.0
    meshed: Number = 0.0


@lru_cache(maxsize=4096)
def device_of(
    tables: Tables,
    accelerator: Accelerator,
    precision: str,
    *,
    mixed: bool,
    training: bool = False,
    cache: str | None = None,
    doubled: bool = False,
    four_bit_bytes: float | None = None,
) -> Device:
    """The accelerator at a precision.

    `mixed` models have experts, whose weights alone are held in 4 bits; `cache` is the precision of
    keys and values where it isn't 16 bits; `doubled` is for GeForce boards that accumulate in 16
    bits, at twice the rate of their row.

    Raises:
        InputError: if it has no dense rate at all.
    """
    rates = accelerator.matmul_flops_per_s
    used = rate_used(accelerator, precision)
    apart = mixed and not training and precision in ("fp4", "int4")
    dense_precision = "bf16" if apart else precision
    dense = rate_used(accelerator, dense_precision)
    full = precision in ("fp32", "tf32")
    wide = rate_used(accelerator, precision if full else "bf16")
    shares = {name: achieved(tables, accelerator, name)[0] for name in (used, dense, wide)}
    factor = 2.0 if doubled else 1.0
    weight = 2.0 if training else WEIGHT_BYTES.get(precision, 2)
    if four_bit_bytes and precision == "int4":
        weight = four_bit_bytes
    server = accelerator.devices_per_node if accelerator.link_bytes_per_s else DEVICES_PER_SERVER
    return Device(
        dense_flops_per_s=(rates[dense] or 0.0) * factor,
        expert_flops_per_s=(rates[used] or 0.0) * factor,
        wide_flops_per_s=(rates[wide] or 0.0) * factor,
        dense_share=shares[dense],
        expert_share=shares[used],
        wide_share=shares[wide],
        memory_share=achieved(tables, accelerator, "bf16")[1],
        bandwidth_bytes_per_s=accelerator.bandwidth_bytes_per_s,
        memory_bytes=accelerator.memory_bytes,
        link_bytes_per_s=accelerator.link_bytes_per_s or PCIE_BYTES_PER_S,
        network_bytes_per_s=accelerator.network_bytes_per_s or ETHERNET_BYTES_PER_S,
        devices_per_node=server,
        dense_bytes=2.0 if apart else weight,
        expert_bytes=weight,
        cache_bytes=WEIGHT_BYTES.get(cache or "bf16", 2) if not full else 4.0,
        activation_bytes=4.0 if full else 2.0,
        quantised=float(used in ("fp8", "int8", "fp4")),
        meshed=float(accelerator.architecture in MESHED),
    )


def rate_used(accelerator: Accelerator, precision: str) -> str:
    """The precision that products run in on a device.

    Raises:
        InputError: if it has no dense rate at all.
    """
    rates = accelerator.matmul_flops_per_s
    for rate in RATES[precision]:
        if rates.get(rate) is not None:
            return rate
    raise InputError(
        f"{accelerator.name}: dense rate at {precision}",
        "unknown",
        "given in the catalogue's row, or by --matmul-tflops",
    )


def weight_bytes(shape: Shape, device: Device) -> Number:
    """Bytes of all weights as they are stored; embedding tables and the head in 16 bits."""
    experts = shape.expert_parameters * shape.experts
    rest = shape.parameters - experts - shape.dense_parameters
    tables = np.maximum(rest, 0) * np.maximum(device.dense_bytes, 2)
    return tables + shape.dense_parameters * device.dense_bytes + experts * device.expert_bytes
