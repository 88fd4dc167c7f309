"""What a plan is said not to use moves nothing: the model itself is asked."""

from __future__ import annotations

import numpy as np
import pytest

from modelworth.costmodel.business.model import Model
from modelworth.costmodel.evaluate import assumptions, evaluate
from modelworth.costmodel.scenario import scenario
from modelworth.report.sections.in_use import in_use
from tests.report.conftest import DAY

SCENARIOS = ("internal_copilot", "enterprise_on_premises", "pretrain_foundation")


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_driver_left_out_moves_npv_by_nothing(name):
    """Each is set 7% higher; only those at 0 (which a change would switch on) are passed by."""
    analysis = evaluate(scenario.load(name), trials=0, parts=(), today=DAY)
    used = in_use(analysis)
    model = Model(analysis.months)
    values = {
        key: use.by_month or use.value
        for key, use in analysis.drivers.items()
        if key in model.drivers
    }
    npv = model.indicators(values, ["npv_usd"])["npv_usd"][0]
    assert npv == pytest.approx(analysis.indicators["npv_usd"].base, rel=1e-9)
    left_out = [
        key for key in values
        if key not in used.drivers and model.drivers[key].kind == "number" and values[key]
    ]  # fmt: skip
    assert len(left_out) > 40
    for key in left_out:
        moved = model.indicators({**values, key: values[key] * 1.07}, ["npv_usd"])["npv_usd"][0]
        assert moved == npv, key


def test_each_line_has_its_months_or_its_one_figure():
    given = scenario.load("base")
    analysis = evaluate(given, trials=0, parts=(), today=DAY)
    model, values = Model(analysis.months), assumptions(given, {}).values
    for key, rows in model.run(values, model.formulas).items():
        wanted = np.where(np.isfinite(rows[:, 0]), rows[:, 0], np.nan)
        assert analysis.by_month(key) == pytest.approx(wanted, nan_ok=True), key
