"""The whole model against plain Python loops, against its own books, and by its laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworth.costmodel.business.lines import load_lines
from modelworth.costmodel.business.model import Model
from modelworth.costmodel.risk.freed_memory import keep_freed_memory
from modelworth.costmodel.scenario.drivers import load_drivers
from modelworth.data.errors import InputError
from tests.costmodel.plain_model import PlainModel
from tests.costmodel.random_plans import plan

CENT = 0.01


@pytest.mark.parametrize("seed", range(12))
def test_every_line_equals_a_plain_python_loop(seed):
    values = plan(seed)
    model = Model(12 + 5 * seed)
    found = model.run(values, model.formulas)
    plain = PlainModel(model, values)
    for key in model.formulas:
        expected = np.array(plain.all_months(key))
        scale = max(1.0, float(np.nanmax(np.abs(np.where(np.isfinite(expected), expected, 0)))))
        np.testing.assert_allclose(
            found[key][:, 0], expected, rtol=1e-9, atol=1e-9 * scale, err_msg=key
        )


@pytest.mark.parametrize("seed", range(12))
def test_monthly_lines_have_a_value_in_every_month(seed):
    model = Model(24)
    for key, rows in model.run(plan(400 + seed), model.monthly).items():
        assert np.isfinite(rows).all(), key


def test_trials_together_equal_trials_alone():
    plans = [plan(seed) for seed in range(40, 52)]
    uncertain = {
        key: np.array([values[key] for values in plans])
        for key, driver in load_drivers().items()
        if driver.kind in ("number", "integer", "switch", "choice")
    }
    model = Model(48)
    together = model.indicators(uncertain)
    for place, values in enumerate(plans):
        alone = model.indicators({key: values[key] for key in uncertain})
        for key, column in together.items():
            np.testing.assert_allclose(column[place], alone[key][0], rtol=1e-9, err_msg=key)


@pytest.mark.parametrize("seed", range(60))
def test_money_in_is_money_out_and_change_in_cash(seed):
    """Cash, counted directly, against cash derived from net profit: two ways to one figure."""
    model = Model(12 + seed)
    run = model.run(plan(100 + seed), model.formulas)

    def change(key):
        return np.diff(run[key][:, 0], prepend=0.0)

    def at(key):
        return run[key][:, 0]

    derived = (
        at("net_profit_usd") + at("fleet_depreciation_usd") + at("fleet_write_off_usd")
        + at("building_charge_usd") - at("building_usd")
        - change("receivables_usd") + change("payables_usd")
        + change("deferred_revenue_usd") + change("debt_owed_usd")
        - at("capex_usd") + at("fleet_sales_usd")
    )  # fmt: skip
    scale = np.abs(at("cash_in_usd")).max() + np.abs(at("cash_out_usd")).max()
    tolerance = max(CENT, 1e-13 * scale)
    np.testing.assert_allclose(at("net_cash_usd"), derived, atol=tolerance)
    np.testing.assert_allclose(
        at("cash_in_usd") - at("cash_out_usd"), change("cash_balance_usd"), atol=tolerance
    )
    total = run["total_net_profit_usd"][0, 0] - run["total_net_cash_usd"][0, 0]
    assert abs(total) <= tolerance * 100


@pytest.mark.parametrize("seed", range(20))
def test_balance_of_the_fleet(seed):
    model = Model(96)
    values = plan(200 + seed)
    values["compute.serving"] = 1.0
    run = {key: rows[:, 0] for key, rows in model.run(values, model.formulas).items()}
    bought, retired = run["gpus_bought"].sum(), run["gpus_retired"].sum()
    assert bought - retired == pytest.approx(run["gpus_owned"][-1])
    assert (run["gpus_owned"] >= run["gpus"] - 1e-9).all()
    scale = run["capex_usd"].sum() + 1
    spent = run["capex_usd"].sum() - run["fleet_sales_usd"].sum()
    charged = run["fleet_depreciation_usd"].sum() + run["fleet_write_off_usd"].sum()
    assert spent == pytest.approx(charged, abs=1e-9 * scale)
    assert run["fleet_book_usd"].min() >= -1e-9 * scale
    assert run["fleet_book_usd"][-1] == pytest.approx(0, abs=1e-9 * scale)


@pytest.mark.parametrize("seed", range(20))
def test_parts_of_the_serving_cost_add_up_to_the_whole(seed):
    model = Model(36)
    values = plan(300 + seed)
    run = {key: rows[:, 0] for key, rows in model.run(values, model.formulas).items()}
    whole = run["gpu_cost_usd"] + run["bought_usd"]
    np.testing.assert_allclose(run["serving_cost_usd"], whole, rtol=1e-12, atol=1e-6)
    tokens = run["served_prompt_tokens"].sum(), run["served_output_tokens"].sum()
    if min(tokens) > 0:
        by_unit = (
            run["usd_per_million_input_tokens"][0] * tokens[0]
            + run["usd_per_million_output_tokens"][0] * tokens[1]
        ) / 1e6
        assert by_unit == pytest.approx(run["token_cost_usd"].sum(), rel=1e-12)
    assert ((run["utilisation"] >= 0) & (run["utilisation"] <= 1 + 1e-9)).all()


@given(st.floats(1e4, 1e9), st.floats(1.01, 30))
@settings(max_examples=40, deadline=None)
def test_more_volume_on_one_fleet_never_raises_the_unit_cost(requests, more):
    """On a given fleet: the same cost over more tokens. (A staircase of replicas may.)"""
    values = {"capacity.fleet": 2.0, "capacity.given_gpus": 64.0}
    volumes = np.array([requests, requests * more])
    cost = Model(12).indicators(
        {**values, "demand.requests_per_month": volumes}, ["usd_per_million_output_tokens"]
    )["usd_per_million_output_tokens"]
    assert cost[1] <= cost[0] * (1 + 1e-9)


@given(st.floats(1e4, 1e9), st.floats(1.0, 30))
@settings(max_examples=40, deadline=None)
def test_more_volume_never_lowers_the_fleet(requests, more):
    volumes = np.array([requests, requests * more])
    gpus = Model(12).run({"demand.requests_per_month": volumes}, ["gpus"])["gpus"]
    assert (gpus[:, 1] >= gpus[:, 0]).all()


@given(st.floats(0.1, 20), st.floats(0.01, 10))
@settings(max_examples=40, deadline=None)
def test_a_higher_price_at_the_same_volume_never_lowers_npv(price, more):
    prices = np.array([price, price + more])
    values = {
        "revenue.api.price_usd_per_million_output_tokens": prices,
        "demand.requests_per_month": 1e8,
    }
    npv = Model(24).indicators(values, ["npv_usd"])["npv_usd"]
    assert npv[1] >= npv[0]


def test_only_what_is_asked_for_is_computed_and_the_same():
    model, values = Model(60), plan(7)
    alone = model.indicators(values, ["npv_usd"])["npv_usd"]
    assert alone == model.indicators(values)["npv_usd"]
    assert list(model.indicators(values, ["payback_months", "npv_usd"])) == [
        "payback_months", "npv_usd",
    ]  # fmt: skip


def test_every_driver_is_used_or_said_not_to_be():
    used = frozenset().union(*(formula.drivers for formula in Model(12).formulas.values()))
    unused = {key for key, row in load_drivers().items() if key not in used}
    outside = {"verdict", "simulation"}
    stated = {key for key in unused if "stated, not used" in load_drivers()[key].meaning.lower()}
    rest = {key for key in unused - stated if key.split(".")[0] not in outside}
    assert rest <= {
        "capacity.basis", "capacity.objective.ttft_p95_s", "capacity.objective.tpot_p95_s",
        "trust.basis", "building.data_basis", "building.loss_basis",
        "demand.accepted_basis", "demand.accepted_task",
        "demand.market_basis", "building.growth_basis",
        "building.mfu_basis", "building.sequence_tokens", "building.batch_tokens",
        "building.tuning_gain_factor",  # options use it
    }  # fmt: skip


def test_every_line_has_a_unit_and_source():
    for line in load_lines():
        assert line.unit, line.key
        assert line.source, line.key


def test_defaults_lie_in_their_ranges():
    for key, row in load_drivers().items():
        low = -np.inf if row.minimum is None else row.minimum
        high = np.inf if row.maximum is None else row.maximum
        assert low <= row.default <= high, key
        if row.low is not None and row.high is not None:
            assert low <= row.low <= row.high <= high, key
            if row.distribution in ("pert", "lognormal"):
                assert row.low <= row.default <= row.high, key
        if row.kind == "choice":
            assert 0 <= row.default < len(row.choices), key


def test_unknown_drivers_lines_and_horizons_are_refused():
    with pytest.raises(InputError, match=r"demand\.nothing"):
        Model(12).run({"demand.nothing": 1.0}, ["npv_usd"])
    with pytest.raises(InputError, match="no_such_line"):
        Model(12).run({}, ["no_such_line"])
    with pytest.raises(InputError, match="no_such_indicator"):
        Model(12).indicators({}, ["no_such_indicator"])
    for months in (0, 121):
        with pytest.raises(InputError, match="months"):
            Model(months)


def test_freed_memory_is_kept_where_the_c_library_can():
    assert keep_freed_memory() in (True, False)
    assert keep_freed_memory() == keep_freed_memory()
