"""Options side by side: arithmetic by hand, common draws, and every change of the cheapest."""

from __future__ import annotations

import numpy as np
import pytest

from modelworth.costmodel.business.model import Model
from modelworth.costmodel.risk.comparison import FIGURES, _lead, compare, volume_curve
from modelworth.costmodel.risk.sampling import draw
from modelworth.costmodel.scenario.distributions import LogNormal, Pert
from modelworth.costmodel.scenario.options import Choice, Option, read_options
from modelworth.costmodel.scenario.sampling_plan import plan

MODEL = Model(12)
PLAN = {
    "demand.requests_per_month": 2e7,
    "demand.cached_share": 0.0,
    "demand.reasoning_factor": 1.0,
    "compute.platform_fte": 0.0,
    "compute.tools_usd_per_thousand_requests": 0.0,
}
CHOICE = read_options("options", None)
UNCERTAIN = {
    "demand.requests_per_month": LogNormal(2e7, 0.5),
    "compute.rent_on_demand_usd_per_gpu_hour": Pert(1, 3, 6),
}


OWN = Option("plan", ())


def only(*keys: str) -> Choice:
    return Choice(tuple(option for option in CHOICE.options if option.key in keys))


def test_a_lead_is_measured_against_the_two_that_compete_not_the_dearest():
    """290,000 of 2 million is a finding, whatever a model of 5 billion would cost beside it."""
    noise = np.linspace(-1e5, 1e5, 64)
    payoffs = {"buy": noise - 1.7e6, "open": noise - 1.99e6, "absurd": np.full(64, -5e9)}
    lead = _lead(payoffs)
    assert (lead.best, lead.second, lead.clear) == ("buy", "open", True)
    assert lead.mean_usd == pytest.approx(2.9e5)
    near = {"buy": noise - 1.99e6, "open": noise - 1.999e6}  # 0.5%
    assert not _lead(near).clear


def test_each_option_is_the_model_with_its_changes():
    results, _ = compare(MODEL, PLAN, CHOICE, None)
    keys = [option.key for option in CHOICE.options]
    assert [result.key for result in results] == ["plan", *keys, "do_nothing"]
    for option, result in zip((OWN, *CHOICE.options), results[:-1], strict=True):
        alone = MODEL.indicators(option.applied(PLAN), FIGURES)
        for figure in result.figures:
            expected = alone[figure.key][0]
            assert figure.base == (pytest.approx(expected) if np.isfinite(expected) else None)


def test_the_share_of_trials_in_which_each_is_best():
    sampling = plan(UNCERTAIN, trials=512, seed=3)
    results, lead = compare(MODEL, PLAN, CHOICE, sampling)
    table = draw(sampling)
    npv = np.array([
        *(MODEL.indicators({**option.applied(PLAN | table)}, ["npv_usd"])["npv_usd"]
          for option in (OWN, *CHOICE.options)),
        np.zeros(512),
    ])  # fmt: skip
    wins = np.bincount(npv.argmax(axis=0), minlength=len(npv)) / 512
    assert [result.probability_best for result in results] == pytest.approx(wins.tolist())
    p50 = [next(f.p50 for f in result.figures if f.key == "npv_usd") for result in results[:-1]]
    assert p50 == pytest.approx(np.median(npv[:-1], axis=1).tolist())
    first, second = np.argsort(-npv.mean(axis=1))[:2]
    ahead = npv[first] - npv[second]
    assert (lead.best, lead.second) == (results[first].key, results[second].key)
    assert lead.mean_usd == pytest.approx(ahead.mean())
    assert (lead.low_usd, lead.high_usd) == pytest.approx(tuple(np.quantile(ahead, [0.1, 0.9])))


def test_an_option_that_is_not_in_question_is_never_best():
    choice = Choice(CHOICE.options, quality_bar=0.84)
    results = {result.key: result for result in compare(MODEL, PLAN, choice, None)[0]}
    assert not results["pretrain_small"].feasible
    assert results["pretrain_small"].probability_best is None
    assert sum(result.probability_best or 0 for result in results.values()) == pytest.approx(1)


def test_cost_over_volume_by_hand_for_an_interface():
    """One month of volume, prices and repeats by hand; then the sum that months of it are worth."""
    flat = {**PLAN, "demand.growth_per_year": 0.0, "demand.ceiling_multiple": 1.0001,
            "demand.market_price_fall_factor_per_year": 1.25, "company.inflation_per_year": 0.0,
            "compute.platform_fte": 2.0}  # fmt: skip
    curve = volume_curve(MODEL, flat, only("buy_api").options)
    assert curve is not None
    volume, cost = (np.array(side) for side in
                    (curve.requests_per_month, curve.usd_per_month["buy_api"]))  # fmt: skip
    tokens = 1000 * 0.25 + 250 * 2.0  # prompt and output tokens at gpt-5-mini's prices
    api = Model(3)
    per_request = api.run({**flat, "demand.requests_per_month": 1.0}, ["api_price_usd_per_request"])
    earned = 0.7 * per_request["api_price_usd_per_request"][0, 0]  # paid share
    rejected, usual = 1 - 1.05 * 0.85, 0.15  # 5% more results accepted than usual
    repeats = (1 + 0.5 * rejected) / (1 + 0.5 * usual)
    support = 0.05 * (1 + 2 * rejected) / (1 + 2 * usual)
    fees = (support + 0.03) * earned  # support and payment
    month = np.arange(1, MODEL.months + 1)
    worth = 1.12 ** (-month / 12)
    falling = ((1 / 1.25) ** ((month - 1) / 12) * worth).sum() / worth.sum()
    staff = 0.25 * 2 * 220_000 / 12
    by_hand = 1.05 * volume * (tokens / 1e6 * repeats + fees) * falling + staff
    assert cost == pytest.approx(by_hand, rel=1e-3)  # the volume grows by 1 in 10,000
    assert curve.crossings == ()


def test_every_change_of_the_cheapest_is_found_and_is_one():
    options = only("serverless_open_weights", "self_host_rented").options
    stable = {**PLAN, "compute.api_price_fall_factor_per_year": 1.0}
    curve = volume_curve(MODEL, stable, options)
    assert curve is not None
    assert curve.crossings
    cost = "plan_month_total_usd"
    for crossing in curve.crossings:
        sides = crossing.requests_per_month * np.array([1 - 1e-7, 1 + 1e-7])
        table = [
            MODEL.run(
                {**option.applied(stable), "building.months_to_market": 0,
                 "demand.requests_per_month": sides}, [cost],
            )[cost][0]
            for option in options
        ]  # fmt: skip
        names = [options[place].key for place in np.argmin(table, axis=0)]
        assert names == [crossing.before, crossing.after]
    found = [crossing.requests_per_month for crossing in curve.crossings]
    assert found == sorted(found)


def test_what_is_cheapest_in_the_opening_month_need_not_be_over_the_plan():
    """A provider's prices fall threefold a year here, rents hardly."""
    options = only("serverless_open_weights", "self_host_rented").options
    curve = volume_curve(MODEL, PLAN, options)
    at = {key: row[-1] for key, row in curve.usd_per_month.items()}
    opening = {
        option.key: Model(3).indicators(
            {**option.applied(PLAN), "building.months_to_market": 0,
             "demand.requests_per_month": curve.requests_per_month[-1]},
            ["opening_month_total_usd"],
        )["opening_month_total_usd"][0]
        for option in options
    }  # fmt: skip
    assert min(opening, key=opening.get) == "self_host_rented"
    assert min(at, key=at.get) == "serverless_open_weights"


def test_the_volume_is_what_the_plan_sells():
    images = {**PLAN, "demand.requests_per_month": 0.0, "revenue.images.images_per_month": 1e5}
    curve = volume_curve(MODEL, images, only("buy_api", "self_host_rented").options)
    assert curve is not None
    assert curve.driver == "revenue.images.images_per_month"
    assert volume_curve(MODEL, {"demand.requests_per_month": 0.0}, CHOICE.options) is None


@pytest.mark.parametrize("key", ["buy_api", "self_host_owned", "pretrain_small"])
def test_every_input_that_counts_in_one_way_alone_is_named(key):
    """Moved on its own by another run: it moves that side's NPV, and not the other's."""
    (option,) = only(key).options
    found = next(one for one in compare(MODEL, PLAN, only(key), None)[0] if one.key == key)
    plan, other = (MODEL.completed(values) for values in (PLAN, option.applied(PLAN)))

    def moves(values, driver):
        row = MODEL.drivers[driver]
        changed = max(row.minimum or 0, values[driver] / 2)
        changed = round(changed) if row.kind == "integer" else changed
        npv = [MODEL.indicators({**values, driver: value}, ["npv_usd"])["npv_usd"][0]
               for value in (values[driver], changed)]  # fmt: skip
        return npv[1] != pytest.approx(npv[0], rel=1e-12)

    assert found.only_here
    for driver in found.only_here:
        assert moves(other, driver), driver
        assert not moves(plan, driver), driver
    for driver in found.not_here:
        assert moves(plan, driver), driver
        assert not moves(other, driver), driver
    staffed = {**PLAN, "compute.platform_fte": 3.0}
    bought = next(one for one in compare(MODEL, staffed, only("buy_api"), None)[0]
                  if one.key == "buy_api")  # fmt: skip
    assert bought.only_here["compute.api_platform_share"] == 0.25
    assert "compute.api_price_fall_factor_per_year" in bought.only_here


def test_a_fleet_that_leaves_work_undone_is_no_cheap_answer_to_a_question_of_cost():
    """One GPU costs little because it serves little; asked of cost alone it isn't in question."""
    small = {**PLAN, "capacity.fleet": 2.0, "capacity.given_gpus": 1.0}
    assert MODEL.indicators(small, ["served_load_share"])["served_load_share"][0] < 0.5
    results, _ = compare(MODEL, small, only("buy_api"), None, idle=False)
    reasons = {result.key: result.reason for result in results}
    assert reasons == {"plan": "does_less", "buy_api": None}
    allowed = {**small, "verdict.served_share": 0.0}
    results, _ = compare(MODEL, allowed, only("buy_api"), None, idle=False)
    assert [result.reason for result in results] == [None, None]
    assert [one.reason for one in compare(MODEL, small, only("buy_api"), None)[0]] == [None] * 3
