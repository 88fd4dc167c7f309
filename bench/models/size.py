"""How many parameters a built model has, and which of them a token meets in matrix products."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import torch

from modelworth.bench.models.families import EXPERTS


@dataclass(frozen=True, slots=True)
class Size:
    """Parameters of a model.

    Attributes:
        active: of those, used by one token, the input embedding included.
        matmul: used by one token in matrix products: without the input embedding, with the output
            head even when tied, with the share of the experts that a token meets.
    """

    total: int
    active: int
    matmul: int


def size_of(model: torch.nn.Module) -> Size:
    """Parameters of a built model."""
    share = expert_share(getattr(model, "config", None))
    total = sum(weight.numel() for weight in model.parameters())
    matmul, idle = 0.0, 0.0
    for module in model.modules():
        for name, weight in module.named_parameters(recurse=False):
            if is_matrix(module, name, weight):
                matmul += weight.numel()
            elif is_experts(name, weight):
                idle += weight.numel() * (1 - share)
                matmul += weight.numel() * share if weight.ndim == 3 else 0
    return Size(total, round(total - idle), round(matmul))


def is_matrix(module: torch.nn.Module, name: str, weight: torch.Tensor) -> bool:
    """Whether a parameter is the matrix of a product: a layer's weight, unless it is looked up."""
    return name == "weight" and weight.ndim > 1 and not isinstance(module, torch.nn.Embedding)


def is_experts(name: str, weight: torch.Tensor) -> bool:
    """Whether a parameter holds all experts of a layer, which transformers fuses into one."""
    return weight.ndim > 1 and re.fullmatch(r"\w+_proj(_bias)?", name) is not None


def expert_share(config: Any) -> float:
    """The share of the routed experts that one token meets; 1 for a dense model."""
    experts = next((getattr(config, key) for key in EXPERTS if getattr(config, key, None)), None)
    met = getattr(config, "num_experts_per_tok", None)
    return met / experts if experts and met else 1.0
