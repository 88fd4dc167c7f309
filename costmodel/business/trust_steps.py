"""What makes up the price of a token that can be trusted, from bare GPU time to the margin.

The scenario is computed again with one promise after another put in: all GPU time busy; then
headroom for the latency objective; then the load's peaks; then spares; then privacy, explanations,
and people and papers. Each step's cost is what the total grows by, in USD per million tokens served
over the horizon, so the steps add up to the price. Of a scenario that serves no tokens there is
nothing to say. The order matters where steps multiply; this one follows a request on its way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from modelworth.costmodel.business.model import Model

#: a promise → the drivers that make it, and what they are while it isn't made
PROMISES: Final[Mapping[str, Mapping[str, float]]] = {
    "service_level": {"capacity.headroom_share": 1.0, "demand.burst_factor": 1.0},
    "idle": {"demand.peak_over_average": 1.0},
    "redundancy": {
        "capacity.spare_replicas": 0.0,
        "capacity.minimum_replicas": 1.0,
        "capacity.regions": 1.0,
    },
    "privacy": {
        "trust.confidential_computing": 0.0,
        "trust.on_premises": 0.0,
        "trust.scrubbed_share": 0.0,
    },
    "explanation": {"trust.explained_share": 0.0, "trust.logprobs_share": 0.0},
    "compliance": {
        "trust.high_risk_systems": 0.0,
        "trust.compliance_usd_per_system_year": 0.0,
        "trust.audit_usd_per_year": 0.0,
        "trust.incidents_per_year": 0.0,
        "trust.reviewed_share": 0.0,
    },
}
GROWING: Final = (
    "gpu_cost_usd", "bought_usd", "scrubbing_usd", "review_usd", "compliance_usd", "incidents_usd",
)  # fmt: skip
BUSY: Final = ("input_usage_usd", "output_usage_usd", "bought_usd")
#: the model itself; what is left before tax; what customers pay
ENDS: Final = ("building_charge_usd", "profit_before_tax_usd", "revenue_usd")
TOKENS: Final = ("served_prompt_tokens", "served_output_tokens")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the waterfall, in USD per million tokens; `price` is the sum of the others."""

    key: str
    usd_per_million_tokens: float


def trust_steps(months: int, values: Mapping[str, Any]) -> tuple[Step, ...]:
    """The steps from bare serving to the price; empty where no tokens are served."""
    model = Model(months)
    table = _variants(model, values)
    keys = {*GROWING, *BUSY, *TOKENS, *ENDS}
    found = {key: rows.sum(axis=0) for key, rows in model.run(table, keys).items()}
    tokens = found[TOKENS[0]] + found[TOKENS[1]]
    if not (np.isfinite(tokens) & (tokens > 0)).all():
        return ()
    per_million = {key: row / tokens * 1e6 for key, row in found.items()}
    bare = float(sum(per_million[key][0] for key in BUSY))
    totals = sum(per_million[key] for key in GROWING)
    steps = [Step("bare", bare), Step("whole_gpus", float(totals[0]) - bare)]
    steps += [
        Step(promise, float(totals[place + 1] - totals[place]))
        for place, promise in enumerate(PROMISES)
    ]
    model_cost, profit, price = (float(per_million[key][-1]) for key in ENDS)
    company = price - float(totals[-1]) - model_cost - profit
    ends = {"model": model_cost, "company": company, "margin": profit, "price": price}
    return (*steps, *(Step(key, amount) for key, amount in ends.items()))


def _variants(model: Model, values: Mapping[str, Any]) -> dict[str, Any]:
    """All drivers, those of promises as an array: none made, then one more in each column."""
    table = dict(values)
    for place, drivers in enumerate(PROMISES.values()):
        for key, neutral in drivers.items():
            made = float(values.get(key, model.drivers[key].default))
            column = np.full(len(PROMISES) + 1, made)
            column[: place + 1] = neutral
            table[key] = column
    return table
