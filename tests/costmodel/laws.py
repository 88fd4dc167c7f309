"""Published laws of loss, as oracles of what is fitted and found."""

from __future__ import annotations

from math import exp

from modelworth.costmodel.architecture.scaling_law import LossLaw

BESIROGLU = LossLaw(
    "Besiroglu et al. 2024", 1.8172, 482.01, 2085.43, 0.3478, 0.3658, "arXiv:2404.10102"
)
HOFFMANN = LossLaw(
    "Hoffmann et al. 2022, approach 3, unrounded as quoted in arXiv:2404.10102",
    *(1.6934, 406.401, 410.7228, 0.33917084, 0.2849083),
    "arXiv:2203.15556",
)
MUENNIGHOFF = LossLaw(
    "Muennighoff et al. 2023, for C4",
    *(exp(0.6254804), exp(6.255414), exp(7.3049974), 0.3526596, 0.3526596),
    "arXiv:2305.16264",
)
