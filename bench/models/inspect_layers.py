"""The layers of a built model, and what each of its parameters is.

A layer is an item of a list of modules; lists inside a layer (its experts) belong to it. Every
tensor is counted once, where it is first met, so that the parts add up to the model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

Role = Literal["mixer", "cross", "network", "experts", "router", "vectors"]
CROSS = re.compile(r"cross_?att|encoder_attn|encdecattention|crossattention", re.IGNORECASE)
MIXER = re.compile(
    r"att|mixer|mamba|ssm|conv|rwkv|retention|recurrent|temporal|fourier|time_mix|delta|lru",
    re.IGNORECASE,
)
EXPERTS = re.compile(r"expert", re.IGNORECASE)
ROUTER = re.compile(r"router|(^|\.)gate$|gating|classifier\.layer", re.IGNORECASE)
CHOSEN_PER_TOKEN = (
    *("top_k", "num_experts_per_tok", "num_experts_per_token", "topk", "moe_k", "moe_topk"),
    *("top_k_experts", "num_selected_experts"),
)


@dataclass
class Layer:
    """One layer of a stack.

    Attributes:
        path: of its module.
        mixer: name of the module in it that mixes tokens.
        parameters: by role; those already counted elsewhere left out.
        experts: how many a token chooses among; 0: none.
        chosen: of those, used by a token.
    """

    path: str
    place: int
    parameters: dict[Role, int] = field(default_factory=dict)
    mixer: str = ""
    expert_vectors: int = 0
    experts: int = 0
    chosen: int = 0

    def of(self, role: Role) -> int:
        """Parameters of a role."""
        return self.parameters.get(role, 0)


def layers_of(model: Any, seen: set[int]) -> list[Layer]:
    """Every layer of every stack, in order; `seen` collects the tensors that they hold."""
    return [_layer(model, path, place, module, seen) for path, place, module in _stacked(model, "")]


def _stacked(module: Any, path: str) -> Iterator[tuple[str, int, Any]]:
    """The items of the outermost lists that hold layers."""
    for name, child in module.named_children():
        inner = f"{path}.{name}" if path else name
        if isinstance(child, torch.nn.ModuleList) and not EXPERTS.search(name):
            for place, item in enumerate(child):
                if isinstance(item, torch.nn.ModuleList):
                    yield from _listed(item, f"{inner}.{place}")
                    continue
                deeper = list(_stacked(item, f"{inner}.{place}"))
                if deeper and _share(item, deeper) > 0.5:
                    yield from deeper
                elif any(True for _ in item.parameters()):
                    yield f"{inner}.{place}", place, item
        else:
            yield from _stacked(child, inner)


def _listed(items: Any, path: str) -> Iterator[tuple[str, int, Any]]:
    """The layers of a list within a list."""
    for place, item in enumerate(items):
        if isinstance(item, torch.nn.ModuleList):
            yield from _listed(item, f"{path}.{place}")
        elif any(True for _ in item.parameters()):
            yield f"{path}.{place}", place, item


def _share(item: Any, deeper: list[tuple[str, int, Any]]) -> float:
    """The share of a module's parameters that equal layers inside it hold: it is a stage."""
    whole = sum(weight.numel() for weight in item.parameters())
    inside = sum(weight.numel() for _, _, one in deeper for weight in one.parameters())
    alike = len(deeper) > 1 and len({type(one) for _, _, one in deeper}) == 1
    return inside / whole if whole and alike else 0.0


def _layer(model: Any, path: str, place: int, module: Any, seen: set[int]) -> Layer:
    """One layer with its parameters by role."""
    found = Layer(path, place)
    for name, weight in module.named_parameters():
        if id(weight) in seen:
            continue
        seen.add(id(weight))
        role = _role(module, name, weight)
        found.parameters[role] = found.parameters.get(role, 0) + weight.numel()
        if role == "mixer":
            found.mixer = found.mixer or name.partition(".")[0]
    found.experts = _expert_count(module)
    if found.experts:
        found.expert_vectors = _expert_vectors(module)
        found.chosen = min(_chosen(module, model.config), found.experts)
    return found


def _role(module: Any, name: str, weight: torch.Tensor) -> Role:
    """What a parameter of a layer is for."""
    owner, _, last = name.rpartition(".")
    routed = bool(EXPERTS.search(owner)) and "shared" not in owner
    if routed and not ROUTER.search(owner.rpartition(".")[2]):
        return "experts"
    if not is_matrix(module, name, weight):
        return "vectors"
    if ROUTER.search(owner) or (last == "weight" and owner.endswith("gate")):
        return "router"
    if CROSS.search(owner):
        return "cross"
    return "mixer" if MIXER.search(owner) else "network"


def is_matrix(module: Any, name: str, weight: torch.Tensor) -> bool:
    """Whether a parameter is multiplied with tokens, rather than looked up, added or scaled by."""
    owner = module.get_submodule(name.rpartition(".")[0])
    if isinstance(owner, torch.nn.Embedding) or weight.ndim < 2:
        return False
    convolution = isinstance(owner, torch.nn.modules.conv._ConvNd)
    if convolution and owner.groups > 1 and owner.groups == owner.in_channels:
        return False  # a depthwise one multiplies no two channels: its FLOPs are counted apart
    return name.endswith("weight") or min(weight.shape) > 8


def _expert_count(module: Any) -> int:
    """How many experts a layer has."""
    for name, child in module.named_modules():
        last = name.rpartition(".")[2]
        if not EXPERTS.search(last) or "shared" in last:
            continue
        if isinstance(child, torch.nn.ModuleList):
            return len(child)
        fused = [one for one in child.parameters(recurse=False) if one.ndim == 3]
        if fused:
            return fused[0].shape[0]
        stated = getattr(child, "num_experts", None)  # DBRX keeps all experts' rows in one matrix
        if isinstance(stated, int) and any(True for _ in child.parameters()):
            return stated
    return 0


def _expert_vectors(module: Any) -> int:
    """Parameters of the experts that no product uses."""
    return sum(
        weight.numel()
        for name, weight in module.named_parameters()
        if EXPERTS.search(name) and "shared" not in name and name.endswith("bias")
    )


def _chosen(module: Any, config: Any) -> int:
    """How many experts a token uses."""
    for holder in (*module.modules(), config.get_text_config(), config):
        for name in CHOSEN_PER_TOKEN:
            value = getattr(holder, name, None)
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
    return 1
