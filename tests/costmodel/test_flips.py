"""Which value of a driver turns an indicator: against running the model at that value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from modelworth.costmodel.business.model import Model
from modelworth.costmodel.risk.flips import (
    Answer,
    along,
    base_case_flips,
    break_even,
    search_range,
    verdict_flips,
)
from modelworth.costmodel.scenario.distribution_kinds import Uniform
from modelworth.costmodel.scenario.drivers import load_drivers

MODEL = Model(12)
PLAN = {
    "demand.requests_per_month": 3e7,
    "revenue.api.price_usd_per_million_output_tokens": 8.0,
    "revenue.price_fall_factor_per_year": 1.0,
    "demand.market_price_fall_factor_per_year": 1.0,
    "demand.requests_per_customer_month": 1e7,
}
PRICE = "revenue.api.price_usd_per_million_output_tokens"


def test_at_the_break_even_the_indicator_is_its_target():
    found, seen = break_even(MODEL, PLAN, PRICE, "npv_usd", 0.0, (0.5, 200.0))
    assert found.values
    for value in found.values:
        npv = MODEL.indicators({**PLAN, PRICE: value}, ["npv_usd"])["npv_usd"][0]
        assert npv == pytest.approx(0, abs=1e-3)
    assert seen.least < 0 < seen.most
    assert (found.driver, found.searched_low, found.searched_high) == (PRICE, 0.5, 200.0)


def test_where_there_is_none_the_range_is_told():
    found, seen = break_even(MODEL, PLAN, PRICE, "npv_usd", 1e15)
    assert found.values == ()
    assert seen.most < 1e15


def test_the_flip_is_the_nearest_break_even():
    (flip,) = base_case_flips(MODEL, PLAN, [PRICE], {"npv_usd": 0.0})
    found, _ = break_even(MODEL, PLAN, PRICE, "npv_usd", 0.0)
    nearest = min(found.values, key=lambda value: abs(value - 8.0), default=None)
    assert (flip.driver, flip.now, flip.at, flip.target) == (PRICE, 8.0, nearest, 0.0)


def test_words_and_switches_have_no_flip():
    assert (
        base_case_flips(MODEL, PLAN, ["compute.serving", "building.refreshes"], {"npv_usd": 0.0})
        == ()
    )


def test_the_search_holds_where_the_driver_stands_and_stays_within_what_is_possible():
    drivers = load_drivers()
    row = drivers["demand.cached_share"]
    assert search_range(row, 0.95) == (row.low, 0.95)
    low, high = search_range(drivers["company.setup_usd"], 5e7)
    assert low <= 5e7 <= high
    prefill = drivers["capacity.prefill_tokens_per_s_per_gpu"]
    assert search_range(prefill, 100.0) == (10.0, 1000.0)


def test_a_price_far_below_its_usual_range_breaks_even_near_itself_on_both_sides():
    """A seat at $2.66: the usual range starts at $10, and by $20 nobody buys any more."""
    seats = "revenue.seats.price_usd_per_month"
    plan = {
        seats: 2.66, "demand.anchor.seat_price_usd_per_month": 2.66, "revenue.seats.seats": 60000,
        "revenue.seats.mean_tokens_per_month": 4e6,
        "demand.requests_per_month": 0, "compute.platform_fte": 6, "compute.serving": 2,
        "company.staff_usd_per_year": 84000, "company.acquisition_usd_per_seat": 4.2,
        "compute.api_price_usd_per_million_input_tokens": 0.28,
        "compute.api_price_usd_per_million_output_tokens": 0.42,
    }  # fmt: skip
    model = Model(36)
    found, _ = break_even(model, plan, seats, "npv_usd", 0.0)
    assert found.searched_low <= 0.266
    assert found.searched_high >= 200
    ((low, high),) = found.reached
    assert low < 2.66 < high
    for place, pays in ((low * 0.99, False), (low * 1.01, True), (high * 1.01, False)):
        npv = model.indicators({**plan, seats: place}, ["npv_usd"])["npv_usd"][0]
        assert (npv > 0) == pays


def test_an_indicator_along_a_driver_is_the_model_with_that_value():
    places = np.array([1.0, 5.0, 20.0])
    found = along(MODEL, PLAN, PRICE, "npv_usd")(places)
    alone = [
        MODEL.indicators({**PLAN, PRICE: value}, ["npv_usd"])["npv_usd"][0] for value in places
    ]
    assert found == pytest.approx(alone)


def test_two_turns_in_one_bracket_are_both_found_and_knowing_may_turn():
    """A rule that is a staircase of the driver: bad below 0.52, open to 0.58, good above."""
    drivers = load_drivers()
    row = drivers["demand.cached_share"]

    def answer(value: float) -> Answer:
        outcome = "not_viable" if value < 0.52 else "depends" if value < 0.58 else "viable"
        return Answer(outcome, "probability_npv_positive", 0.3 if value < 0.52 else 0.7)

    def rule(key: str, values: Sequence[float], quick: bool) -> list[Answer]:
        return [answer(value) for value in values]

    found = verdict_flips(row, 0.62, answer(0.55), rule, Uniform(0.0, 1.0), default=False)
    by_outcome = {flip.becomes: flip for flip in found}
    assert set(by_outcome) == {"viable", "not_viable"}
    assert by_outcome["viable"].at == pytest.approx(0.58, abs=0.003)
    assert by_outcome["viable"].known
    assert by_outcome["not_viable"].at == pytest.approx(0.52, abs=0.003)
    assert not by_outcome["not_viable"].known
