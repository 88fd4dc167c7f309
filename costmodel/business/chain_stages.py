"""The chain from data to viability: what each stage does to net present value, and its basis.

Data, training, deployment, explanation, privacy: a stage's weight is what NPV would gain if the
stage cost nothing and changed nothing, all others as they are. The gains don't add up, as stages
multiply. A stage rests on the weakest basis among the figures that decide its cost and are in use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from modelworth.costmodel.analysis import Analysis
from modelworth.costmodel.business.model import Model
from modelworth.costmodel.business.trust_steps import PROMISES
from modelworth.costmodel.business.usage import weakest
from modelworth.data.words import Basis

FREE: Final[Mapping[str, Mapping[str, float]]] = {
    "data": dict.fromkeys(
        (
            "building.data_purchase_usd", "building.cleaning_usd_per_tb",
            "building.labelled_examples", "building.preference_pairs",
        ),
        0.0,
    ),
    "training": dict.fromkeys(
        (
            "building.rent_usd_per_gpu_hour", "building.server_usd_per_gpu",
            "building.power_kw_per_gpu", "building.provider_usd_per_million_training_tokens",
            "building.staff_months",
        ),
        0.0,
    ),
    "deployment": dict.fromkeys(
        (
            "compute.rent_on_demand_usd_per_gpu_hour", "compute.rent_reserved_usd_per_gpu_hour",
            "compute.rent_spot_usd_per_gpu_hour", "compute.lease_usd_per_month",
            "compute.purchase_usd_per_gpu", "compute.hosting_usd_per_kw_month",
            "compute.hosting_usd_per_gpu_month", "compute.electricity_usd_per_kwh",
            "compute.software_usd_per_gpu_year", "compute.platform_fte",
            "compute.api_price_usd_per_million_input_tokens",
            "compute.api_price_usd_per_million_cached_tokens",
            "compute.api_price_usd_per_million_output_tokens",
            "compute.api_price_usd_per_image", "compute.api_price_usd_per_thousand_calls",
            "compute.large_share", "compute.tools_usd_per_thousand_requests",
        ),
        0.0,
    ),
    "explanation": PROMISES["explanation"],
    "privacy": {**PROMISES["privacy"], "trust.private_training": 0.0},
}  # fmt: skip
"""Stage → drivers, and what they are when the stage is free."""
DECIDING: Final[Mapping[str, tuple[str, ...]]] = {
    "data": ("building.keep_share", "building.bytes_per_token", "building.cleaning_usd_per_tb"),
    "training": ("building.mfu_share", "building.rent_usd_per_gpu_hour"),
    "deployment": (
        "capacity.prefill_tokens_per_s_per_gpu", "capacity.decode_tokens_per_s_per_gpu",
    ),
    "explanation": ("trust.explanation_factor",),
    "privacy": ("trust.private_quality_loss_share",),
}  # fmt: skip
SLOWDOWNS: Final = {
    1: "trust.naive_slowdown_factor",
    2: "trust.ghost_slowdown_factor",
    3: "trust.lora_slowdown_factor",
}
"""Place of the word of `trust.private_training` → the slowdown that it uses."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the chain.

    Attributes:
        npv_gain_usd: what NPV would gain if the stage were free; 0 where the plan hasn't got it.
        drivers: what decides its cost; empty where the plan hasn't got the stage.
        measurement_ids: runs under them.
    """

    key: str
    npv_gain_usd: float
    drivers: tuple[str, ...]
    basis: Basis
    measurement_ids: tuple[str, ...]


def stages(analysis: Analysis, values: Mapping[str, Any]) -> tuple[Stage, ...]:
    """The stages of a plan, from data to privacy."""
    gains = _gains(analysis.months, values)
    return tuple(_stage(analysis, values, key, gain) for key, gain in gains.items())


def _gains(months: int, values: Mapping[str, Any]) -> dict[str, float]:
    """NPV with each stage free, less NPV as it is: one run with a column for each."""
    model = Model(months)
    table: dict[str, Any] = dict(values)
    for place, drivers in enumerate(FREE.values(), 1):
        for key, free in drivers.items():
            column = np.array(table.get(key, model.drivers[key].default), float).reshape(-1)
            if len(column) == 1:
                column = np.full(len(FREE) + 1, column[0])
            column[place] = free
            table[key] = column
    npv = model.indicators(table, ["npv_usd"])["npv_usd"]
    return {key: float(npv[place] - npv[0]) for place, key in enumerate(FREE, 1)}


def _stage(analysis: Analysis, values: Mapping[str, Any], key: str, gain: float) -> Stage:
    if gain == 0:
        return Stage(key, 0.0, (), "assumed", ())
    named = DECIDING[key]
    if key == "privacy":
        way = int(float(values.get("trust.private_training", 0)))
        named = (*named, SLOWDOWNS[way]) if way else ("trust.confidential_loss_share",)
    uses = [analysis.drivers[name] for name in named if name in analysis.drivers]
    ids = dict.fromkeys(it for use in uses for it in use.measurement_ids)
    return Stage(
        key,
        gain,
        tuple(use.key for use in uses),
        weakest(use.basis for use in uses),
        tuple(ids),
    )
