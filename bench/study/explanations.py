"""Four ways to say which positions of an input decided, and how good such an answer is.

Integrated gradients (Sundararajan et al. 2017), gradient times input (Shrikumar et al. 2016) and
sampled Shapley values (Štrumbelj & Kononenko 2010) by Captum; attention rollout (Abnar & Zuidema
2020). Deletion and insertion scores are those of Petsiuk et al. 2018: the mean probability of the
class while the positions that matter most are taken away, or put into an empty input.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

from modelworth.bench.study.examples import MASK
from modelworth.bench.study.nets import Net

STEPS: Final = 50
"""Of integrated gradients: Captum's default."""
SHAPLEY_ORDERS: Final = 8

Explain = Callable[[Net, Tensor, Tensor, Tensor], Tensor]
"""Net, inputs, the same emptied, class of each input → what each position adds."""


def emptied(inputs: Tensor) -> Tensor:
    """Inputs in which nothing is said: the mask's token, or patches of zeros."""
    if inputs.is_floating_point():
        return torch.zeros_like(inputs)
    return torch.full_like(inputs, MASK)


def integrated_gradients(net: Net, inputs: Tensor, empty: Tensor, classes: Tensor) -> Tensor:
    """Gradients along the straight line from the empty input, times what changed."""
    from captum.attr import IntegratedGradients

    found: Tensor = IntegratedGradients(net.answer).attribute(
        _states(net, inputs),
        baselines=_states(net, empty),
        target=classes,
        n_steps=STEPS,
        internal_batch_size=STEPS * len(inputs),
    )
    return found.sum(-1).detach()


def gradient_input(net: Net, inputs: Tensor, empty: Tensor, classes: Tensor) -> Tensor:
    """The gradient at the input, times the input."""
    from captum.attr import InputXGradient

    del empty
    found: Tensor = InputXGradient(net.answer).attribute(_states(net, inputs), target=classes)
    return found.sum(-1).detach()


@torch.no_grad()
def attention_rollout(net: Net, inputs: Tensor, empty: Tensor, classes: Tensor) -> Tensor:
    """Attention followed through all layers, half of each kept for what passes beside it."""
    del empty, classes
    states, flow = net.embedded(inputs), None
    for block in net.blocks:
        weights = block.weights(states).mean(1)
        mixed = (weights + torch.eye(weights.shape[-1], device=weights.device)) / 2
        flow = mixed if flow is None else mixed @ flow
        states = block(states)
    assert flow is not None
    return flow.mean(1)


@torch.no_grad()
def shapley(net: Net, inputs: Tensor, empty: Tensor, classes: Tensor) -> Tensor:
    """What a position adds, averaged over random orders in which positions come in."""
    from captum.attr import ShapleyValueSampling

    kept = torch.ones(inputs.shape[:2], device=inputs.device)

    def answer(mask: Tensor) -> Tensor:
        repeats = len(mask) // len(inputs)
        shape = (repeats, *([1] * (inputs.ndim - 1)))
        there = mask.bool() if inputs.ndim == 2 else mask.bool()[..., None]
        return net(torch.where(there, inputs.repeat(shape), empty.repeat(shape)))

    found: Tensor = ShapleyValueSampling(answer).attribute(
        kept, target=classes, n_samples=SHAPLEY_ORDERS, perturbations_per_eval=8
    )
    return found.detach()


METHODS: Final[dict[str, Explain]] = {
    "integrated_gradients": integrated_gradients,
    "gradient_input": gradient_input,
    "attention_rollout": attention_rollout,
    "shapley": shapley,
}


@torch.no_grad()
def completeness_gaps(
    net: Net, inputs: Tensor, empty: Tensor, classes: Tensor, attributions: Tensor
) -> Tensor:
    """How far attributions are from adding up to the change of the answer, as a share of it."""
    every = torch.arange(len(inputs), device=inputs.device)
    change = (net(inputs) - net(empty))[every, classes]
    return (attributions.sum(1) - change).abs() / change.abs().clamp(min=1e-6)


@torch.no_grad()
def perturbed(
    net: Net, inputs: Tensor, empty: Tensor, classes: Tensor, attributions: Tensor
) -> tuple[float, float]:
    """Deletion and insertion scores, the mean over inputs and steps."""
    order = attributions.argsort(1, descending=True)
    ranks = order.argsort(1)
    every = torch.arange(len(inputs), device=inputs.device)
    left, put = [], []
    for count in range(inputs.shape[1] + 1):
        first = (ranks < count) if inputs.ndim == 2 else (ranks < count)[..., None]
        for kept, values in ((~first, left), (first, put)):
            shown = torch.where(kept, inputs, empty)
            values.append(net(shown).softmax(-1)[every, classes].mean().item())
    return sum(left) / len(left), sum(put) / len(put)


def _states(net: Net, inputs: Tensor) -> Tensor:
    return net.embedded(inputs).detach()
