"""What a stage weighs: held to the plan computed again without it."""

from __future__ import annotations

from datetime import date

import pytest

from modelworth.costmodel.business.chain_stages import FREE, stages
from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.risk.maps import values_of
from modelworth.costmodel.scenario.scenario import load, with_overrides
from tests.costmodel.test_chain_measured import explained, privacy

DAY = date(2026, 11, 25)
WHOLE = {
    "building.method": "finetune", "building.active_parameters": 5e6, "trust.basis": "measured",
    "trust.private_training": "naive", "trust.explained_share": 0.5,
}  # fmt: skip


def analysed(changes, records=()):
    scenario = with_overrides(load("base"), changes)
    found = evaluate(scenario, records, trials=0, parts=(), today=DAY)
    return scenario, found


def weighed(changes, records=()):
    scenario, found = analysed(changes, records)
    return {stage.key: stage for stage in stages(found, values_of(found, scenario))}


@pytest.mark.parametrize("key", ["data", "training", "deployment", "explanation"])
def test_a_stage_weighs_what_npv_gains_without_it(key):
    records = privacy() + explained()
    npv = [
        analysed(changes, records)[1].indicators["npv_usd"].base
        for changes in (WHOLE, {**WHOLE, **FREE[key]})
    ]
    weight = weighed(WHOLE, records)[key].npv_gain_usd
    assert weight == pytest.approx(npv[1] - npv[0], rel=1e-9, abs=1e-6)
    assert weight > 0


def test_privacy_weighs_its_slowdown_and_lost_quality():
    records = privacy()
    with_it, without = (
        analysed({**WHOLE, "trust.private_training": way}, records)[1].indicators["npv_usd"].base
        for way in ("naive", "none")
    )
    assert weighed(WHOLE, records)["privacy"].npv_gain_usd == pytest.approx(without - with_it)


def test_measured_stages_name_their_runs():
    found = weighed(WHOLE, privacy() + explained())
    assert found["explanation"].basis == found["privacy"].basis == "measured"
    assert found["explanation"].measurement_ids == (explained()[0].id,)
    assert "trust.naive_slowdown_factor" in found["privacy"].drivers
    assert found["data"].basis == "assumed"


def test_a_stage_that_the_plan_lacks_weighs_nothing():
    found = weighed({"building.method": "none"})
    for key in ("data", "training", "explanation", "privacy"):
        assert (found[key].npv_gain_usd, found[key].drivers) == (0, ())
