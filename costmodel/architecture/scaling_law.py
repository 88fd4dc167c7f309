"""How good a model of a size gets from an amount of data, and which size is worth training.

loss = E + A/N^α + B/D^β, with N parameters and D tokens (Hoffmann et al. 2022), of a law
that `loss_fit` finds. Repeated data counts less with every epoch (Muennighoff et al. 2023,
arXiv:2305.16264).

A loss is comparable only within one law: data and tokens differ between them. Training costs 6·N·D
FLOPs; attention's own are left out, as in the fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from modelworth.data.errors import InputError

Number = Any

TRAINING_FLOPS = 6.0
"""For one parameter and token."""


@dataclass(frozen=True, slots=True)
class LossLaw:
    """A fitted law; `a`, `b` as the fit gives them, not their logarithms.

    Attributes:
        unique_halving: repetitions after which repeated data have lost most of their worth (R* of
            Muennighoff et al.).
    """

    name: str
    irreducible: float
    a: float
    b: float
    alpha: float
    beta: float
    source: str
    unique_halving: float = 15.387756


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


def compute_optimal(law: LossLaw, training_flops: float) -> tuple[float, float]:
    """The size and the data with the lowest loss for a budget, in closed form.

    N = (α·A / β·B)^(1/(α+β)) · (FLOPs / 6)^(β/(α+β)): G of Hoffmann et al., times a power.

    Raises:
        InputError: if the budget isn't above 0.
    """
    if not training_flops > 0:
        raise InputError("training_flops", training_flops, "above 0")
    budget, both = training_flops / TRAINING_FLOPS, law.alpha + law.beta
    balance = (law.alpha * law.a / (law.beta * law.b)) ** (1 / both)
    parameters = float(balance * budget ** (law.beta / both))
    return parameters, budget / parameters


def tokens_for_loss(law: LossLaw, target_loss: float, parameters: Number) -> Number:
    """Tokens that a model of this size needs to reach a loss.

    Raises:
        InputError: if it can't reach it with any amount of data.
    """
    if not target_loss > law.irreducible:
        allowed = f"above {law.irreducible:.4g}, the loss that no model of this law gets below"
        raise InputError("target_loss", target_loss, allowed)
    left = target_loss - law.irreducible - law.a / parameters**law.alpha
    if np.any(left <= 0):
        smallest = (law.a / (target_loss - law.irreducible)) ** (1 / law.alpha)
        raise InputError("parameters", parameters, f"above {smallest:.3g} for this loss")
    return (law.b / left) ** (1 / law.beta)
