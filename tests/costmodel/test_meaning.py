"""What the lines mean, on plans of one's own: each figure worked out by other arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest
import yaml
from scipy.stats import norm

from modelworth.costmodel.evaluate import assumptions
from modelworth.costmodel.scenario import scenario

PLAN = {
    "demand": "requests_per_month: 1000000, growth_per_year: 0, prompt_tokens_per_request: 1000,"
    " output_tokens_per_request: 200, cached_share: 0, reasoning_factor: 1, retry_share: 0,"
    " curve: table, volume_by_month: [1]",
    "revenue": "release_step_share: 0",
    "compute": "serving: rented",
    "capacity": "prefill_tokens_per_s_per_gpu: 5000, decode_tokens_per_s_per_gpu: 800,"
    " throughput_factor: 1, software_gain_factor_per_year: 1",
    "building": "method: none, months_to_market: 0",
    "company": "inflation_per_year: 0, support_share: 0, payment_fee_share: 0, general_share: 0",
}
MONTH = np.arange(1, 31)


def lines(*keys: str, months: int = 30, **more: str) -> list[np.ndarray]:
    """Lines of the plan with these changes, from the first month on."""
    plan = {"text": {"en": {"name": "tried"}}, "months": months, "start": "2026-12"}
    for part, text in PLAN.items():
        plan[part] = {
            **yaml.safe_load(f"{{{text}}}"),
            **yaml.safe_load(f"{{{more.get(part, '')}}}"),
        }
    basis = assumptions(scenario.loads(yaml.safe_dump(plan)), {})
    found = basis.model.run(basis.values, keys)
    return [np.ravel(np.broadcast_to(found[key], (months + 1, 1)))[1:] for key in keys]


def test_own_and_bought_prices_follow_one_path_and_may_leave_it():
    own, bought = lines("price_index", "vendor_price_index", compute="serving: api",
                        demand="market_price_fall_factor_per_year: 2")  # fmt: skip
    assert own == pytest.approx(2.0 ** (-(MONTH - 1) / 12))
    assert bought == pytest.approx(own)
    own, bought = lines("price_index", "vendor_price_index", compute="serving: api",
                        revenue="price_fall_factor_per_year: 1.3",
                        demand="market_price_fall_factor_per_year: 2")  # fmt: skip
    assert own == pytest.approx(1.3 ** (-(MONTH - 1) / 12))
    assert bought == pytest.approx(2.0 ** (-(MONTH - 1) / 12))


@pytest.mark.parametrize(
    ("stream", "price", "anchor", "line"),
    [
        ("seats: {{seats: 1000, price_usd_per_month: {}}}", 20, "seat_price_usd_per_month",
         "seats"),
        ("calls: {{calls_per_month: 1000000, price_usd_per_thousand_calls: {}}}", 1,
         "call_price_usd_per_thousand", "calls"),
        ("images: {{images_per_month: 100000, price_usd_per_image: {}}}", 0.01, "image_price_usd",
         "images"),
        ("enterprise: {{contracts: 10, contract_usd_per_year: {}}}", 100000,
         "contract_usd_per_year", "contracts"),
        ("compute: {{gpus: 100, price_usd_per_gpu_hour: {}}}", 3, "gpu_hour_price_usd",
         "sold_use_share"),
        ("finetune: {{jobs_per_month: 10, price_usd_per_million_tokens: {}}}", 5,
         "finetune_price_usd_per_million_tokens", "finetune_jobs"),
    ],
)  # fmt: skip
def test_demand_answers_a_price_a_fifth_dearer_in_every_stream(stream, price, anchor, line):
    elastic = f"price_elasticity: -1.2, churn_per_month: 0, anchor: {{{anchor}: {price}}}"
    (kept,) = lines(line, demand=elastic, revenue=stream.format(price))
    (dearer,) = lines(line, demand=elastic, revenue=stream.format(1.2 * price))
    beyond = max(0, math.log(1.2) - math.log(1.5))  # the elasticity was seen as far as 1.5 times
    assert dearer[0] / kept[0] == pytest.approx(math.exp(-1.2 * math.log(1.2) * (1 + beyond)))


@pytest.mark.parametrize(
    ("gpus", "peak", "burst"), [(2, 2.5, 1.5), (3, 2.5, 1.5), (1, 1.5, 2.0), (4, 4.0, 1.3)]
)
def test_a_given_fleet_serves_what_it_can_hour_by_hour(gpus, peak, burst):
    """A day of 1,000 moments, each with 2,000 minutes of its own, cut off at what the fleet can."""
    (served,) = lines(
        "served_share", months=1,
        demand=f"requests_per_month: 10000000, peak_over_average: {peak}, burst_factor: {burst}",
        capacity=f"fleet: given, given_gpus: {gpus}, headroom_share: 0.8",
    )  # fmt: skip
    mean = 1e7 * (1000 / 5000 + 200 / 800) / (730 * 3600)
    day = (1 + np.cos(2 * np.pi * (np.arange(1000) + 0.5) / 1000)) / 2
    low, high = 0.0, 200.0
    for _ in range(60):
        power = (low + high) / 2
        low, high = (power, high) if 1 / np.mean(day**power) < peak else (low, power)
    hours = mean * day**power / np.mean(day**power)
    z = norm.ppf(0.99)
    sigma = z - math.sqrt(z * z - 2 * math.log(burst))
    minutes = np.exp(sigma * norm.ppf((np.arange(2000) + 0.5) / 2000) - sigma**2 / 2)
    simulated = np.minimum(hours[:, None] * minutes, 0.8 * gpus).mean() / mean
    assert served[0] == pytest.approx(simulated, rel=0.025)


def test_a_reservation_is_paid_to_its_end_at_the_price_of_its_month():
    gpus, held, paid = lines(
        "serving_gpus", "reserved_gpus", "reserved_usd",
        demand="requests_per_month: 50000000, volume_by_month: [4, 4, 4, 2, 2, 1]",
        compute="rent_reserved_usd_per_gpu_hour: 2, reserved_share: 1, reservation_months: 12,"
        " rent_overhead_share: 0, rent_fall_factor_per_year: 1.5",
    )  # fmt: skip
    contracts: list[tuple[float, float, int]] = []
    for month in MONTH:
        contracts = [one for one in contracts if one[2] > month]
        short = gpus[month - 1] - sum(count for count, _, _ in contracts)
        if short > 0:
            contracts.append((short, 2 * 1.5 ** (-(month - 1) / 12), month + 12))
        assert held[month - 1] == pytest.approx(sum(count for count, _, _ in contracts))
        bill = 730 * sum(count * price for count, price, _ in contracts)
        assert paid[month - 1] == pytest.approx(bill)


def test_interrupted_spot_hours_are_paid_and_lost():
    rent, hours = lines(
        "rent_usd", "gpu_hours",
        compute="rent_on_demand_usd_per_gpu_hour: 3, rent_spot_usd_per_gpu_hour: 1,"
        " spot_share: 0.5, spot_interruption_share: 0.2, rent_overhead_share: 0,"
        " rent_fall_factor_per_year: 1",
    )  # fmt: skip
    assert rent / hours == pytest.approx(np.full(30, 0.5 * 3 + 0.5 * 1 / 0.8))


def test_reasoning_tiers_and_batches_count_on_both_sides():
    served, earned, bought = lines(
        "served_requests", "api_revenue_usd", "bought_usd",
        demand="reasoning_factor: 5, market_price_fall_factor_per_year: 1",
        revenue="api: {price_usd_per_million_input_tokens: 1,"
        " price_usd_per_million_output_tokens: 5, reasoning_billed_share: 0.5, paid_share: 1,"
        " discount_share: 0, batch_share: 0, long_share: 0.3, long_price_factor: 2}",
        compute="serving: api, api_price_usd_per_million_input_tokens: 0.5,"
        " api_price_usd_per_million_output_tokens: 2, api_tokens_ratio: 1, api_long_share: 0.2,"
        " api_long_price_factor: 1.5, api_batch_share: 0.25, api_batch_discount_share: 0.5,"
        " api_cache_write_share: 0",
    )  # fmt: skip
    sold = (1000 * 1 + 200 * 5 * (1 + 4 * 0.5)) / 1e6 * (1 + 0.3)
    assert earned == pytest.approx(served * sold)
    price = (1000 * 0.5 + 1000 * 2) / 1e6 * (1 + 0.2 * 0.5) * (1 - 0.25 * 0.5)
    assert bought == pytest.approx(served * price)


def test_losses_lower_the_tax_of_later_years_and_no_month_pays_for_a_year_without_profit():
    profit, tax = lines(
        "profit_before_tax_usd", "tax_usd", months=36,
        demand="requests_per_month: 0, volume_by_month: {1: 1, 12: 1, 13: 4, 36: 4},"
        " market_price_fall_factor_per_year: 1",
        revenue="products: {usd_per_year: 120000, direct_cost_usd_per_year: 0}",
        compute="serving: api, platform_fte: 0",
        company="general_usd_per_month: 30000, tax_rate_share: 0.25, loss_carry_forward: true,"
        " loss_offset_limit_share: 0.8, acquisition_usd_per_customer: 0",
    )  # fmt: skip
    carried, expected = 0.0, np.zeros(36)
    for year in range(3):
        earned = profit[12 * year : 12 * year + 12].sum()
        used = min(carried, 0.8 * max(0.0, earned))
        expected[12 * year + 11] = 0.25 * max(0.0, earned - used)
        carried += -min(0.0, earned) - used
    assert expected.any()
    assert tax == pytest.approx(expected)


def test_the_first_entry_of_a_table_is_the_first_month():
    (volume,) = lines("market_volume", months=5, demand="volume_by_month: [1, 2, 3]")
    assert list(volume) == [1, 2, 3, 3, 3]
