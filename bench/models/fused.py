"""Linear layers that are given the same input, as one product: query, key and value; gate and up.

A decode step reads each weight once, and one wide matrix is read nearer to the memory's speed than
three narrow ones, in one launch. Which layers go together is seen, not listed: of one module's
linear layers, those that one pass gives the same tensor are a group. Families that ship them fused
(GPT-2, Phi-3), and layers that are called with one input here and another there, have none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Group = tuple[str, ...]
"""Paths of linear layers that are given the same input, in the order of their calls."""


class Wide(torch.nn.Module):
    """Several linear layers as one: gives the first one's output and holds the others'."""

    def __init__(self, parts: list[torch.nn.Linear]) -> None:
        super().__init__()
        self.widths = [part.out_features for part in parts]
        self.layer = torch.nn.Linear(parts[0].in_features, sum(self.widths), device="meta")
        self.layer.weight = _joined([part.weight for part in parts])
        self.layer.bias = _joined_biases(parts)  # type: ignore[assignment]
        self.held: tuple[Tensor, ...] = ()

    def forward(self, given: Tensor) -> Tensor:
        """The first part's output."""
        parts = self.layer(given).split(self.widths, -1)
        self.held = parts[1:]
        return parts[0]


class Rest(torch.nn.Module):
    """The next of the outputs that a wide layer holds."""

    def __init__(self, wide: Wide) -> None:
        super().__init__()
        self._wide = [wide]  # in a list, lest it be a part of the model twice

    def forward(self, given: Tensor) -> Tensor:  # noqa: ARG002 the wide layer was given it
        """What the wide layer computed for this part."""
        (wide,) = self._wide
        part, wide.held = wide.held[0], wide.held[1:]  # no list's pop: PyTorch 2.11 can't trace it
        return part


def fuse_projections(model: torch.nn.Module, run: Callable[[], object]) -> bool:
    """Join, in place, the linear layers that are given the same input; for inference only.

    Args:
        model: a built model in evaluation mode, whole on one device.
        run: one pass of it, on few tokens.

    Returns:
        Whether there was anything to join.
    """
    groups = _groups(_calls(model, run))
    for group in groups:
        layers = [model.get_submodule(path) for path in group]
        wide = Wide(layers)  # type: ignore[arg-type]
        for path, layer in zip(group, (wide, *(Rest(wide) for _ in group[1:])), strict=True):
            model.set_submodule(path, layer)
    return bool(groups)


def _joined_biases(parts: list[torch.nn.Linear]) -> torch.nn.Parameter | None:
    """None where no layer has one; 0 for one that has none beside others, as Whisper's keys."""
    if all(part.bias is None for part in parts):
        return None
    return _joined(
        [part.weight.new_zeros(part.out_features) if part.bias is None else part.bias
         for part in parts]
    )  # fmt: skip


def _joined(tensors: Sequence[Tensor]) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.cat([each.detach() for each in tensors]), requires_grad=False)


def _calls(model: torch.nn.Module, run: Callable[[], object]) -> list[tuple[str, Tensor]]:
    """Paths of linear layers in the order of their calls in a pass, and what each was given."""
    seen: list[tuple[str, Tensor]] = []

    def noting(path: str) -> Callable[[Any, tuple[Tensor, ...]], None]:
        return lambda _, given: seen.append((path, given[0]))

    hooks = [
        module.register_forward_pre_hook(noting(path))
        for path, module in model.named_modules()
        if type(module) is torch.nn.Linear
    ]
    run()
    for hook in hooks:
        hook.remove()
    return seen


def _groups(calls: list[tuple[str, Tensor]]) -> list[Group]:
    """Layers of one module that are always given the same tensor; only groups of several."""
    together: dict[tuple[str, int], list[str]] = defaultdict(list)
    for path, given in calls:
        together[path.rpartition(".")[0], id(given)].append(path)
    found = {tuple(paths) for paths in together.values()}
    times: dict[str, int] = defaultdict(int)
    for group in found:
        for path in group:
            times[path] += 1
    return [group for group in found if len(group) > 1 and max(times[it] for it in group) == 1]
