"""Fresh random weights, module by module: a model that was built without storage comes to life.

transformers draws weights where it builds, all at once, after torch drew others in their place.
Here each module gets its storage and is drawn once, in transformers' order and by its own rules, so
that a layer can be sharded over ranks before the next one takes memory, and so that the same seed
gives the same weights however they are spread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

import torch

Placed = WeakValueDictionary[torch.Tensor, torch.Tensor]
"""What stands for which tensor without storage, as long as a model has it: a shard replaces it."""
Then = Callable[[torch.nn.Module], object]


def _nothing(_: torch.nn.Module) -> None:
    """What is done with a module that stays as it is."""


def fill(model: Any, device: torch.device | str, then: Then = _nothing) -> None:
    """Storage and initial weights for a model on the meta device.

    Args:
        model: of transformers, its weights tied or not.
        device: where its weights and buffers will be.
        then: called with each module as soon as all of it is drawn, the innermost first.
    """
    from transformers import initialization

    with torch.no_grad(), initialization.guard_torch_init_functions():
        _visit(model, model, torch.device(device), then, WeakValueDictionary(), set())


def _visit(
    module: torch.nn.Module,
    owner: Any,
    device: torch.device,
    then: Then,
    placed: Placed,
    seen: set[torch.nn.Module],
) -> None:
    """Draw what is inside, then the module itself, by the rules of the model that it is part of."""
    seen.add(module)
    adapted = hasattr(module, "reset_lora_parameters")  # adapters begin by peft's rules, together
    after = _nothing if adapted else then
    for child in module.children():
        if child not in seen:
            inner = child if hasattr(child, "_init_weights") else owner
            _visit(child, inner, device, after, placed, seen)
    for held in (module._parameters, module._buffers):
        for name, tensor in held.items():
            if tensor is not None and tensor.is_meta:
                found = placed.get(tensor)  # a tied weight is met again
                if found is None:
                    found = placed[tensor] = _placed(tensor, device)
                held[name] = found  # type: ignore[assignment]
    owner._init_weights(module)
    if adapted:
        module.reset_lora_parameters("default", init_lora_weights=True)
        for part in reversed(list(module.modules())[1:]):
            then(part)
    then(module)


def _placed(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """The same tensor with storage, 0 where no rule will draw it: YOLOS's tokens begin so, too."""
    zeros = torch.zeros_like(tensor, device=device)
    if isinstance(tensor, torch.nn.Parameter):
        return torch.nn.Parameter(zeros, requires_grad=tensor.requires_grad)
    return zeros
