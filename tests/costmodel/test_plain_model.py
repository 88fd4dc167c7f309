"""Every line of the model against the same formulas as a plain Python program, trial by trial.

The program is the benchmark's baseline: it shares the text of the formulas with the model, and
nothing of how the model computes them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.plain_model import npv_and_irr, plain_program
from modelworth.costmodel.business.model import Model
from modelworth.costmodel.risk.sampling import draw
from modelworth.costmodel.scenario import scenario
from modelworth.costmodel.scenario.distributions import Pert
from modelworth.costmodel.scenario.drivers import choices, load_drivers
from modelworth.costmodel.scenario.sampling_plan import plan

DRIVERS = load_drivers()
MONTHLY = frozenset(key for key, row in DRIVERS.items() if row.kind == "monthly")
SEATS_AND_IMAGES = {
    "revenue.seats.seats": 500.0,
    "revenue.enterprise.contracts": 10.0,
    "revenue.images.images_per_month": 1e5,
    "revenue.calls.calls_per_month": 1e6,
    "revenue.finetune.jobs_per_month": 3.0,
    "revenue.internal.staff": 200.0,
    "trust.explained_share": 0.02,
    "trust.reviewed_share": 0.01,
}
CHOICES: tuple[dict[str, Any], ...] = (
    {},
    {**SEATS_AND_IMAGES, "compute.serving": 1.0, "building.method": 3.0},
    {**SEATS_AND_IMAGES, "compute.serving": 2.0, "compute.large_share": 0.2},
    {"compute.serving": 1.0, "compute.depreciation": 1.0, "building.accounting": 1.0,
     "building.method": 2.0, "building.months_to_market": 3.0, "company.terminal_multiple": 4.0},
    {"demand.curve": 1.0, "capacity.fleet": 1.0, "revenue.seats.seats": 50.0,
     "revenue.seats.over_cap": 2.0, "company.rates": 1.0},
    {"demand.curve": 2.0, "demand.volume_by_month": (1.0, 1.0, 2.0, 4.0), "capacity.fleet": 2.0,
     "company.loss_carry_forward": 0.0},
)  # fmt: skip
UNCERTAIN = {
    key: Pert(row.low, row.default, row.high)
    for key, row in DRIVERS.items()
    if row.kind == "number"
    and row.low is not None
    and row.high is not None
    and row.low < row.high
    and row.low <= row.default <= row.high
}


def plain_lines(model: Model, keys: list[str], values: dict[str, Any]) -> dict[str, list[float]]:
    fixed = model.completed(values)
    fixed |= {key: np.ravel(fixed[key]).tolist() for key in MONTHLY}
    trial = plain_program(model.formulas, choices(DRIVERS), MONTHLY, keys)
    return trial(fixed, model.months)


@pytest.mark.parametrize("values", CHOICES, ids=range(len(CHOICES)))
def test_all_lines_are_what_a_plain_program_makes_of_them(values):
    model = Model(30)
    keys = list(model.formulas)
    uncertain = {key: row for key, row in UNCERTAIN.items() if key not in values}
    table = draw(plan(uncertain, trials=8, seed=7))
    found = model.run({**values, **table}, keys)
    for place in (0, 5):
        one = {key: float(column[place]) for key, column in table.items()}
        plain = plain_lines(model, keys, {**values, **one})
        for key in keys:
            np.testing.assert_allclose(
                found[key][:, place], plain[key], rtol=1e-8, atol=1e-9, err_msg=key
            )


@pytest.mark.parametrize("name", scenario.shipped())
def test_npv_and_rate_of_a_shipped_scenario_are_those_of_numpy_financial(name):
    found = scenario.load(name)
    model = Model(found.months)
    values = {key: setting.value for key, setting in found.settings.items()}
    plain = plain_lines(model, ["net_cash_usd", "nominal_rate"], values)
    rate = (1 + plain["nominal_rate"][0]) ** (1 / 12) - 1
    npv, irr = npv_and_irr(plain["net_cash_usd"], rate)
    ours = model.indicators(values, ["npv_usd", "irr_per_year"])
    assert ours["npv_usd"][0] == pytest.approx(npv)
    if np.isfinite(ours["irr_per_year"][0]):
        assert ours["irr_per_year"][0] == pytest.approx(irr)
