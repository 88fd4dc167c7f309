"""Narrow numbers with their scales, and routed experts that are stored so.

transformers keeps all experts of a layer in one stacked tensor. A few tokens read the experts that
they are routed to, gathered in the narrow format; many tokens read all, widened for PyTorch's
grouped product. Either way products run in the format of the model.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import parametrize

from modelworth.bench.models.size import is_experts
from modelworth.data.words import Precision

GROUPS = (128, 64, 32)
"""Weights that share a scale in int4: the first that divides a row."""
LARGEST_E4M3 = 448.0
SMALLEST = 1e-12
NAME = "modelworth_narrow"
"""How transformers knows the way that such experts run."""


def group_of(width: int) -> int:
    """Weights of a row that share a scale in int4."""
    return next(group for group in GROUPS if width % group == 0)


def to_bytes(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Rows in int8, and a scale for each."""
    scale = weight.abs().amax(-1, keepdim=True).float().clamp(min=SMALLEST) / 127
    return (weight.float() / scale).round().to(torch.int8), scale


def to_float8(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Rows in e4m3, and a scale for each."""
    scale = weight.abs().amax(-1, keepdim=True).float().clamp(min=SMALLEST) / LARGEST_E4M3
    return (weight.float() / scale).to(torch.float8_e4m3fn), scale


def to_digits(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Rows as numbers of 0 to 15; scale and zero of each group, a pair a group."""
    parts = weight.float().unflatten(-1, (-1, group_of(weight.shape[-1])))
    low, high = parts.amin(-1), parts.amax(-1)
    scale = (high - low).clamp(min=1e-6) / 15
    digits = ((parts - low[..., None]) / scale[..., None]).round().clamp(0, 15)
    steps = torch.stack([scale, low + 8 * scale], -1).to(weight.dtype)
    return digits.flatten(-2).to(torch.int32), steps


class Stored(torch.nn.Module):
    """A weight's two tensors, packed and scale, and how they become the weight that it was."""

    def __init__(self, precision: Precision, dtype: torch.dtype) -> None:
        super().__init__()
        self._precision, self._dtype = precision, dtype

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """What is stored."""
        if self._precision == "int4":
            digits, steps = to_digits(weight)
            return (digits[..., ::2] | digits[..., 1::2] << 4).to(torch.uint8), steps
        packed, scale = (to_bytes if self._precision == "int8" else to_float8)(weight)
        return packed, scale.to(self._dtype)

    def forward(self, packed: Tensor, scale: Tensor) -> Tensor:
        """What products read."""
        if self._precision != "int4":
            return packed.to(self._dtype) * scale
        digits = torch.stack([packed & 15, packed >> 4], -1).flatten(-2).to(self._dtype)
        parts = (digits - 8).unflatten(-1, (scale.shape[-2], -1))
        return (parts * scale[..., :1] + scale[..., 1:]).flatten(-2)


def store_experts(model: Any, precision: Precision) -> bool:
    """Store the routed experts of a model in a narrow format, in place; whether it has any."""
    from transformers.integrations.moe import ExpertsInterface

    ExpertsInterface.register(NAME, _run)
    found = False
    for module in list(model.modules()):
        for name, weight in list(module.named_parameters(recurse=False)):
            if is_experts(name, weight) and weight.ndim == 3 and weight.shape[-1] % GROUPS[-1] == 0:
                weight.requires_grad_(False)
                how = Stored(precision, weight.dtype)
                parametrize.register_parametrization(module, name, how, unsafe=True)
                if hasattr(module, "is_transposed"):  # it asks how to run
                    module.config._experts_implementation = NAME
                found = True
    return found


def is_stored_experts(module: torch.nn.Module) -> bool:
    """Whether a module holds what a layer's experts are stored in."""
    return isinstance(module, parametrize.ParametrizationList) and isinstance(module[0], Stored)


def _run(experts: Any, hidden: Tensor, chosen: Tensor, shares: Tensor) -> Tensor:
    """The experts' answers, by the products that read least."""
    from transformers.integrations.moe import (
        batched_mm_experts_forward,
        grouped_mm_experts_forward,
    )

    if chosen.numel() < experts.num_experts:
        return batched_mm_experts_forward(_Chosen(experts), hidden, chosen, shares)
    return grouped_mm_experts_forward(experts, hidden, chosen, shares)


class _Chosen:
    """A layer's experts of whose stored weights only those are read that are asked for."""

    def __init__(self, experts: torch.nn.Module) -> None:
        self._experts = experts

    def __getattr__(self, name: str) -> Any:
        stored: Any = self._experts.parametrizations
        return _Rows(stored[name]) if name in stored else getattr(self._experts, name)


class _Rows:
    """A stored weight, of which some experts are read."""

    def __init__(self, stored: Any) -> None:
        self._stored = stored

    def __getitem__(self, index: Tensor) -> Tensor:
        widened: Tensor = self._stored[0](
            self._stored.original0[index], self._stored.original1[index]
        )
        return widened
