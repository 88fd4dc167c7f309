"""Mixed precision for what autocast passes over: the fused experts of a mixture.

Autocast lowers linear layers and matrix products; the grouped product of routed experts isn't among
them, so that experts ran in float32 in a record that said bfloat16. Here their float32 weights are
read through a cast, and what enters them is cast, too; gradients reach the float32 weights.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.utils import parametrize

from modelworth.bench.models.size import is_experts


class Cast(torch.nn.Module):
    """A weight as a number format sees it."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self._dtype = dtype

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """The weight in the format."""
        return weight.to(self._dtype)


def lower_experts(model: torch.nn.Module, dtype: torch.dtype) -> None:
    """Let the products of routed experts run in `dtype`, as autocast lets all others."""
    for module in list(model.modules()):
        names = [
            name
            for name, weight in module.named_parameters(recurse=False)
            if is_experts(name, weight) and weight.is_floating_point()
        ]
        for name in names:
            parametrize.register_parametrization(module, name, Cast(dtype), unsafe=True)
        if names:
            module.register_forward_pre_hook(_cast_first(dtype))


def _cast_first(dtype: torch.dtype) -> Any:
    """A hook that casts the first input, the hidden states."""

    def hook(_: torch.nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return (inputs[0].to(dtype), *inputs[1:])

    return hook
