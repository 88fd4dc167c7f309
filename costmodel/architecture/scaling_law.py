"""How good a model of a size gets from an amount of data, and which size is worth training.

loss = E + A/N^α + B/D^β, with N parameters and D tokens (Hoffmann et al. 2022, approach 3). The
default constants are the refit of Besiroglu et al. 2024 (arXiv:2404.10102), whose optimum agrees
with about 20 tokens a parameter; Hoffmann's own are the alternative. Repeated data counts less with
every epoch (Muennighoff et al. 2023, arXiv:2305.16264), and a model that will be used a lot should
be smaller and trained for longer (Sardana et al. 2023, arXiv:2401.00448).

A loss is comparable only within one law: data and tokens differ between them. Training costs
6·N·D FLOPs and use 2·N a token; attention's own FLOPs are left out, as in the fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log
from typing import Any

import numpy as np

from modelworth.data.errors import InputError

Number = Any

TRAINING_FLOPS = 6.0
INFERENCE_FLOPS = 2.0
"""For one parameter and token."""


@dataclass(frozen=True, slots=True)
class LossLaw:
    """A fitted law; `a`, `b` as the fit gives them, not their logarithms.

    Attributes:
        errors: standard errors of (irreducible, a, b, alpha, beta); None where not published.
        unique_halving, size_halving: repetitions after which repeated data, or parameters beyond
            what the data deserves, have lost most of their worth (R* of Muennighoff et al.).
    """

    name: str
    irreducible: float
    a: float
    b: float
    alpha: float
    beta: float
    source: str
    errors: tuple[float | None, ...] = (None,) * 5
    unique_halving: float = 15.387756
    size_halving: float = 5.309743


BESIROGLU = LossLaw(
    "Besiroglu et al. 2024",
    1.8172,
    482.01,
    2085.43,
    0.3478,
    0.3658,
    "arXiv:2404.10102, refit of Hoffmann et al.'s runs",
    (0.03, 124.6, 1293.0, None, None),
)
HOFFMANN = LossLaw(
    "Hoffmann et al. 2022",
    1.6934,
    406.401,
    410.7228,
    0.33917084,
    0.2849083,
    "arXiv:2203.15556, approach 3, unrounded as quoted in arXiv:2404.10102",
)
MUENNIGHOFF = LossLaw(
    "Muennighoff et al. 2023",
    exp(0.6254804),
    exp(6.255414),
    exp(7.3049974),
    0.3526596,
    0.3526596,
    "arXiv:2305.16264, appendix A, for C4",
)
LAWS = {"besiroglu": BESIROGLU, "hoffmann": HOFFMANN, "muennighoff": MUENNIGHOFF}


@dataclass(frozen=True, slots=True)
class Allocation:
    """A model to train: its size, its data, and what both lead to."""

    parameters: float
    tokens: float
    loss: float
    training_flops: float

    @property
    def tokens_per_parameter(self) -> float:
        """Data for each parameter."""
        return self.tokens / self.parameters


def loss(law: LossLaw, parameters: Number, tokens: Number) -> Number:
    """Loss in nats a token; numbers or arrays."""
    return law.irreducible + law.a / parameters**law.alpha + law.b / tokens**law.beta


def effective_tokens(law: LossLaw, tokens: Number, unique_tokens: Number) -> Number:
    """Fresh tokens worth as much as `tokens` drawn from `unique_tokens`.

    D' = U + U·R*·(1 − exp(−R/R*)), with R = D/U − 1 repetitions.
    """
    unique = np.minimum(unique_tokens, tokens)
    repetitions = tokens / unique - 1
    kept = law.unique_halving * -np.expm1(-repetitions / law.unique_halving)
    return unique * (1 + kept)


def data_constrained_loss(
    law: LossLaw, parameters: Number, tokens: Number, unique_tokens: Number
) -> Number:
    """Loss where data repeats: repeated tokens and excess parameters count less.

    Parameters are in excess beyond the optimum for the unique tokens.
    """
    unique = np.minimum(unique_tokens, tokens)
    deserved = np.minimum(_optimal_size_for_data(law, unique), parameters)
    excess = parameters / deserved - 1
    kept = law.size_halving * -np.expm1(-excess / law.size_halving)
    return loss(law, deserved * (1 + kept), effective_tokens(law, tokens, unique_tokens))


def compute_optimal(law: LossLaw, training_flops: float) -> Allocation:
    """The size and data with the lowest loss for a budget, in closed form.

    Raises:
        InputError: if the budget isn't above 0.
    """
    if not training_flops > 0:
        raise InputError("training_flops", training_flops, "above 0")
    budget = training_flops / TRAINING_FLOPS
    parameters = _balance(law) * budget ** (law.beta / (law.alpha + law.beta))
    return _allocation(law, float(parameters), float(budget / parameters))


def optimal_for_loss(law: LossLaw, target_loss: float) -> Allocation:
    """The cheapest training that reaches a loss.

    At the optimum α·A/N^α equals β·B/D^β, so each is a fixed part of what exceeds E.

    Raises:
        InputError: if no model reaches it.
    """
    excess = _reachable(law, target_loss)
    parameters = (law.a * (1 + law.alpha / law.beta) / excess) ** (1 / law.alpha)
    tokens = (law.b * (1 + law.beta / law.alpha) / excess) ** (1 / law.beta)
    return _allocation(law, parameters, tokens)


def tokens_for_loss(law: LossLaw, target_loss: float, parameters: Number) -> Number:
    """Tokens that a model of this size needs to reach a loss.

    Raises:
        InputError: if it can't reach it with any amount of data.
    """
    left = _reachable(law, target_loss) - law.a / parameters**law.alpha
    if np.any(left <= 0):
        smallest = (law.a / (target_loss - law.irreducible)) ** (1 / law.alpha)
        raise InputError("parameters", parameters, f"above {smallest:.3g} for this loss")
    return (law.b / left) ** (1 / law.beta)


def inference_aware_optimal(
    law: LossLaw,
    target_loss: float,
    inference_tokens: float,
    training_cost_per_flop: float = 1.0,
    inference_cost_per_flop: float = 1.0,
) -> Allocation:
    """The size that reaches a loss at the least cost of training and lifelong use together.

    The costs of a FLOP may differ: use runs at a lower utilisation. With no use this is
    `optimal_for_loss`.

    Raises:
        InputError: if no model reaches the loss, or use is negative.
    """
    from scipy.optimize import minimize_scalar

    if not inference_tokens >= 0:
        raise InputError("inference_tokens", inference_tokens, "0 or more")
    start = optimal_for_loss(law, target_loss)
    smallest = (law.a / (target_loss - law.irreducible)) ** (1 / law.alpha)

    def total_cost(log_parameters: float) -> float:
        """Cost of both, in units of the training optimum's FLOPs."""
        parameters = exp(log_parameters)
        tokens = float(tokens_for_loss(law, target_loss, parameters))
        training = TRAINING_FLOPS * parameters * tokens * training_cost_per_flop
        use = INFERENCE_FLOPS * parameters * inference_tokens * inference_cost_per_flop
        return (training + use) / start.training_flops

    bounds = (log(smallest * (1 + 1e-9)), log(start.parameters * (1 + 1e-6)))
    found = minimize_scalar(total_cost, bounds=bounds, method="bounded", options={"xatol": 1e-10})
    parameters = exp(float(found.x))
    return _allocation(law, parameters, float(tokens_for_loss(law, target_loss, parameters)))


def _reachable(law: LossLaw, target_loss: float) -> float:
    """What the target allows beyond the irreducible loss."""
    if not target_loss > law.irreducible:
        allowed = f"above {law.irreducible:.4g}, the loss that no model of this law gets below"
        raise InputError("target_loss", target_loss, allowed)
    return target_loss - law.irreducible


def _balance(law: LossLaw) -> float:
    """G of Hoffmann et al.: (α·A / β·B)^(1/(α+β))."""
    return float((law.alpha * law.a / (law.beta * law.b)) ** (1 / (law.alpha + law.beta)))


def _optimal_size_for_data(law: LossLaw, tokens: Number) -> Number:
    """The size for which `tokens` is the optimal amount of data."""
    balance = _balance(law)
    return balance * (balance * tokens) ** (law.beta / law.alpha)


def _allocation(law: LossLaw, parameters: float, tokens: float) -> Allocation:
    """The record of a size and its data."""
    reached = float(loss(law, parameters, tokens))
    return Allocation(parameters, tokens, reached, TRAINING_FLOPS * parameters * tokens)
