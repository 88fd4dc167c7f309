"""Random but possible plans: every driver within its plausible range, every choice anywhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from modelworth.costmodel.scenario.drivers import Driver, load_drivers

SOLD = {
    "revenue.seats.seats": 2_000, "revenue.enterprise.contracts": 20,
    "revenue.images.images_per_month": 50_000, "revenue.calls.calls_per_month": 2_000_000,
    "revenue.finetune.jobs_per_month": 10, "revenue.internal.staff": 500,
    "demand.requests_per_month": 20_000_000, "revenue.seats.free_users": 50_000,
    "revenue.compute.gpus": 100, "company.debt_usd": 1_000_000,
}  # fmt: skip


def plan(seed: int) -> dict[str, Any]:
    """A plan with every driver drawn."""
    rng = np.random.default_rng(seed)
    values = {key: drawn(driver, rng) for key, driver in load_drivers().items()}
    values |= {key: float(rng.integers(0, 2) * most * rng.random()) for key, most in SOLD.items()}
    values["building.months_to_market"] = float(rng.integers(0, 6))
    values["capacity.given_gpus"] = float(rng.integers(1, 200))
    values["demand.ceiling_multiple"] = float(rng.uniform(1, 10))
    values["company.terminal_multiple"] = 0.0
    lives = values["compute.service_life_years"], values["compute.changed_life_years"]
    values["compute.life_change_month"] = float(rng.integers(0, int(12 * min(lives))))
    values["compute.retired_after_months"] *= float(rng.integers(0, 2))
    if values["compute.retired_after_months"]:
        values["compute.life_change_month"] = 0.0
    return values


def drawn(driver: Driver, rng: np.random.Generator) -> Any:
    """A plausible value."""
    if driver.kind == "choice":
        return float(rng.integers(0, len(driver.choices)))
    if driver.kind == "switch":
        return float(rng.integers(0, 2))
    if driver.kind == "monthly":
        return rng.uniform(0, 3, 30).tolist()
    low = driver.default if driver.low is None else driver.low
    high = driver.default if driver.high is None else driver.high
    value = rng.uniform(min(low, high), max(low, high))
    return float(round(value)) if driver.kind == "integer" else float(value)
