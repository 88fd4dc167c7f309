"""What can be measured in fp8, int8 and int4, told before anything is built or probed.

Compute capabilities are those of PyTorch's kernels: fp8 products from 8.9, int4 weights from 8.0.
"""

from __future__ import annotations

from modelworth.bench.models.families import EXPERTS
from modelworth.bench.models.zoo import Blueprint
from modelworth.data.errors import InputError
from modelworth.data.measurement import Workload
from modelworth.data.words import SHORT, TRAINING, Family, Precision

NARROW: tuple[Precision, ...] = ("fp8", "int8", "int4")
WEIGHTS_ONLY: tuple[Precision, ...] = ("int8", "int4")
"""Formats of weights alone, whose products run in bfloat16."""
NEEDED: dict[Precision, tuple[int, int]] = {"fp8": (8, 9), "int4": (8, 0)}
"""CUDA's compute capability at least."""
DECODERS: tuple[Family, ...] = ("decoder", "image-decoder")
CPU = "cpu"


def require_possible(
    workload: Workload, blueprint: Blueprint, device: str, capability: tuple[int, int] | None
) -> None:
    """Refuse a narrow format that the work, the model or the device doesn't have.

    Args:
        workload: in any format.
        blueprint: of the model.
        device: a GPU's name, or `cpu`.
        capability: CUDA's; None: unknown, and taken to be enough, or a processor.

    Raises:
        InputError: with what would do.
    """
    precision, kind, layout = workload.precision, workload.kind, workload.layout
    if precision not in NARROW:
        return
    instead, routed = None, any(blueprint.config.get(key) for key in EXPERTS)
    if kind in TRAINING:
        whole = blueprint.family in DECODERS and kind != "finetune_lora" and not routed
        if not (whole and precision == "fp8" and _has(precision, device, capability)):
            hint = "fp8 trains a dense decoder whole on a GPU of capability 8.9 (H100, L40S)"
            instead = f"bf16, fp16 or fp32; {hint}"
        elif layout.tensor > 1:
            instead = "bf16, or layers that aren't split (--data-parallel, --fully-sharded)"
    elif not _has(precision, device, capability):
        instead = _others(device, capability)
    elif layout.splits_weights:
        instead = "bf16, or the whole model on each device (--data-parallel)"
    if instead is not None:
        what = f"a mixture's {kind}" if routed else f"{kind} of a {blueprint.family}"
        raise InputError("precision", f"{SHORT[precision]}, {what} on {device}", instead)


def _has(precision: Precision, device: str, capability: tuple[int, int] | None) -> bool:
    """Whether the device has a kernel for it; a GPU that doesn't tell is taken at its word."""
    if device == CPU:
        return precision in WEIGHTS_ONLY
    needed = NEEDED.get(precision)
    return needed is None or capability is None or capability >= needed


def _others(device: str, capability: tuple[int, int] | None) -> str:
    able = [SHORT[one] for one in NARROW if _has(one, device, capability)]
    where = "on a processor" if device == CPU else f"with its compute capability {capability}"
    return f"{', '.join(able)} or bf16 {where}"
