"""Layers that look whether their activations are finite, without the look.

In training, DETR's kin ask each layer's activations on the host whether they are finite, and clamp
them if not: the host waits for the device, and no graph can hold the branch. transformers dropped
such a look from Whisper for that (its pull request 36712). Here the same clamp is chosen on the
device, so that values and gradients are what they were.
"""

from __future__ import annotations

import copy
import inspect
from functools import cache, partial
from typing import Any

import torch

LOOK = """        if self.training:
            if not torch.isfinite(hidden_states).all():"""
"""As the layers' own code has it, at its end."""
ROOM = 1000
"""What the clamp stays below the largest number of a format."""


def stop_looking(model: torch.nn.Module) -> None:
    """Let every such layer of a model in training choose its clamp on the device.

    Stacks that would draw whether to skip a layer, at a share of none, don't draw: a draw is a look
    as well (transformers 5.17's Whisper and its kin).
    """
    for layer in list(model.modules()):
        looks = _looks(type(layer))
        if looks or getattr(layer, "layerdrop", None) == 0:
            blind = copy.copy(layer)  # the same parts, but it believes that it doesn't train
            blind.training = False
            layer.forward = partial(_clamped if looks else type(layer).forward, blind)


@cache
def _looks(kind: type[torch.nn.Module]) -> bool:
    return LOOK in inspect.getsource(kind.forward)


def _clamped(layer: torch.nn.Module, *given: Any, **named: Any) -> Any:
    """A layer's output, kept within its number format if not all of it is finite."""
    found = type(layer).forward(layer, *given, **named)
    hidden = found[0] if isinstance(found, tuple) else found
    most = torch.finfo(hidden.dtype).max - ROOM
    hidden = torch.where(torch.isfinite(hidden).all(), hidden, hidden.clamp(-most, most))
    return (hidden, *found[1:]) if isinstance(found, tuple) else hidden
