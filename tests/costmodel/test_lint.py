"""Each trap: a plan that falls into it, and the same plan mended."""

from __future__ import annotations

import string
from datetime import UTC, datetime

import pytest

from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.report.conclusion import sentences
from tests.costmodel.records import record

TODAY = datetime.now(UTC).date().isoformat()
BASE = {
    "months": 36, "start": TODAY[:7],
    "demand": {"requests_per_month": 3e8, "reasoning_factor": 1, "cached_share": 0},
    "compute": {"api_tokens_ratio": 1.1},
}  # fmt: skip
BUILT = {
    "building.method": "pretrain",
    "building.mfu_share": {"low": 0.2, "mode": 0.3, "high": 0.4},
}
PRIVATE = {"building.method": "finetune", "trust.private_training": "lora"}
OWNED = {"compute.serving": "owned"}
SEATS = {"revenue.seats.seats": 500}
RICH = {"revenue": {"api": {"price_usd_per_million_output_tokens": 12}},
        "demand.market_price_fall_factor_per_year": 1.2}  # fmt: skip


def found(changes, records=()):
    """The findings of the base plan with changes, by trap."""
    plan = scenarios.with_overrides(scenarios.from_document(BASE, "plan.yaml"), changes)
    analysis = evaluate(plan, records, trials=0, parts=())
    return {finding.id: finding for finding in analysis.findings}


@pytest.mark.parametrize(
    ("trap", "fallen", "mended"),
    [
        ("T01", {"demand.peak_over_average": 1.0, "demand.burst_factor": 1.0}, {}),
        ("T02", {"capacity.autoscaling_share": 0.95, "capacity.startup_minutes": 0},
         {"capacity.autoscaling_share": 0.3}),
        ("T03", {"capacity.fleet": "given", "capacity.given_gpus": 2},
         {"capacity.fleet": "given", "capacity.given_gpus": 5000}),
        ("T04", {"capacity.prefill_tokens_per_s_per_gpu": 2000,
                 "capacity.decode_tokens_per_s_per_gpu": 2000}, {}),
        ("T06", {**BUILT, "building.mfu_share": 0.9, "building.goodput_share": 0.95}, BUILT),
        ("T06", {**BUILT, "capacity.accelerator": "H100 SXM 80GB",
                 "building.peak_flops_per_s": 1.979e15},
         {**BUILT, "capacity.accelerator": "H100 SXM 80GB"}),
        ("T07", {**BUILT, "building.mfu_share": 0.38}, BUILT),
        ("T08", {**BUILT, "building.research_factor": 1}, BUILT),
        ("T08", {"building.method": "lora", "building.finetune_runs": 1},
         {"building.method": "lora"}),
        ("T09", {**BUILT, "building.goodput_share": 1}, BUILT),
        ("T10", {"revenue.api.paid_share": 1}, {}),
        ("T11", {"revenue": {"api": {"price_usd_per_million_output_tokens": 400}}}, {}),
        ("T12", {**OWNED, "compute.service_life_years": 6}, OWNED),
        ("T13", {**OWNED, "compute.hosting_usd_per_gpu_month": 50}, OWNED),
        ("T13P", {**OWNED, "compute.hosting_includes_power": False,
                  "compute.power_kw_per_gpu": 1.73},
         {**OWNED, "compute.hosting_includes_power": False}),
        ("T13R", {"company.discount_rate_per_year": 0.3,
                  "demand.requests_per_month": {"discrete": {"values": [0, 3e8]}}},
         {"company.discount_rate_per_year": 0.3, "trust.incidents_per_year": 0.1}),
        ("T14", {"company.discount_rate_per_year": 0.02}, {"company.discount_rate_per_year": 0.08}),
        ("T15", {"revenue.seats.seats": 100, "revenue.seats.usage_sigma": 0.3},
         {"revenue.seats.seats": 100}),
        ("T16", {"revenue.price_fall_factor_per_year": 1}, {}),
        ("T16", {"compute.serving": "api", "compute.api_price_fall_factor_per_year": 1},
         {"compute.serving": "api"}),
        ("T17", {"revenue.price_fall_factor_per_year": 1.5, "demand.price_elasticity": 0},
         {"revenue.price_fall_factor_per_year": 1.5}),
        ("T02", {"capacity.autoscaling_share": 0.8}, {"capacity.autoscaling_share": 0.6}),
        ("T01", {"demand.peak_over_average": 1.0, "demand.burst_factor": 1.0},
         {"demand.peak_over_average": 1.0, "demand.burst_factor": 1.0,
          "revenue.api.batch_share": 1, "revenue.api.paid_share": 1,
          "company.receivable_days": -30}),
        ("T10", {"revenue.api.paid_share": 1},
         {"revenue.api.paid_share": 1, "revenue.api.batch_share": 1}),
        ("T13R", {"company.discount_rate_per_year": 0.3, "cases": {"ends": {
            "label": "It ends", "weight": 0.4, "demand.requests_per_month": 0}}},
         {"company.discount_rate_per_year": 0.3, "cases": {"slow": {
             "label": "Slow", "weight": 0.4, "demand.curve": "logistic"}}}),
        ("T05G", {"capacity.decode_tokens_per_s_per_gpu": 12, "capacity.gpus_per_replica": 8},
         {"capacity.decode_tokens_per_s_per_gpu": 300}),
        ("T06S", {**BUILT, "building.peak_flops_per_s": 3.958e15},
         {**BUILT, "building.peak_flops_per_s": 2.25e15}),
        ("T27", {"compute.serving": "api", "demand.requests_per_month": 0,
                 "compute.inference_usd_per_year": 1e6},
         {"compute.serving": "api", "demand.requests_per_month": 0}),
        ("T05G", {"capacity.decode_tokens_per_s_per_gpu": 6.5},
         {"capacity.decode_tokens_per_s_per_gpu": 1000}),
        ("T06S", {**BUILT, "building.peak_flops_per_s": 1.979e15},
         {**BUILT, "building.peak_flops_per_s": 9.89e14}),
        ("T16C", {"months": 60, **SEATS}, {"months": 60, **SEATS,
                                           "revenue.contract_price_change_per_year": -0.1}),
        ("T18", {"compute": {"serving": "api"}, "demand.requests_per_month": 0, **SEATS},
         {"compute": {"serving": "api"}}),
        ("T19", {"demand.cached_share": {"value": 0.8, "source": "our hope"}},
         {"demand.cached_share": {"low": 0.5, "mode": 0.8, "high": 0.9}}),
        ("T20", {"options": {"quality_bar": 0.01}}, {"options": {"quality_bar": 0.8}}),
        ("T24H", {"revenue.internal.staff": 100, "revenue.internal.hours_saved_share": 0.5},
         {"revenue.internal.staff": 100, "revenue.internal.hours_saved_share": 0.05}),
        ("T25", {"company.terminal_multiple": 8, **RICH}, RICH),
        ("T27", {"compute.serving": "api", "compute.api_price_usd_per_million_output_tokens":
                 {"value": 2, "source": "they said it is stable"}},
         {"compute.serving": "api", "compute.api_price_usd_per_million_output_tokens":
          {"low": 1, "mode": 2, "high": 4}}),
        ("T29", {"company.acquisition_usd_per_customer": 5e6,
                 "demand.requests_per_customer_month": 1e6}, RICH),
        ("T19", {"demand.cached_share": 0.6},
         {"demand.cached_share": {"low": 0.4, "mode": 0.6, "high": 0.8}}),
        ("T20", {"options": {}},
         {"options": {"quality_bar": 0.8, "buy_api": {"demand": {"accepted_share": 0.9}}}}),
        ("T21", {"revenue.api.price_usd_per_million_output_tokens": 3},
         {"revenue.api.price_usd_per_million_output_tokens":
          {"value": 3, "source": "our quote", "as_of": TODAY}}),
        ("T24", {"revenue.internal.staff": 100, "revenue.internal.realisation_share": 1},
         {"revenue.internal.staff": 100}),
        ("T24S", {"compute.platform_fte": 0}, {}),
        ("T25", {"company.terminal_multiple": 20, **RICH}, RICH),
        ("T26", {**OWNED, "compute.power_average_share": 1}, OWNED),
        ("T27", {"compute.serving": "api"},
         {"compute.serving": "api", "compute.api_price_usd_per_million_output_tokens":
          {"low": 1, "mode": 2, "high": 4}}),
        ("T27", {"compute.serving": "api", "compute.api_price_fall_factor_per_year": 1.5},
         {"compute.serving": "api",
          "compute.api_price_fall_factor_per_year": {"low": 1, "mode": 1.5, "high": 3}}),
        ("T27", {"compute.serving": "api"},
         {"compute.serving": "api",
          "demand.market_price_fall_factor_per_year": {"low": 0.8, "mode": 1.5, "high": 3}}),
        ("T35", {"currency": "CNY", "usd_per_currency": 7.1},
         {"currency": "CNY", "usd_per_currency": 0.14}),
        ("T35", {"currency": "JPY", "usd_per_currency": 0.7},
         {"currency": "BGN", "usd_per_currency": 7.1}),
        ("T28", PRIVATE, {**PRIVATE, "trust.privacy_accountant": "prv",
                          "trust.batch_sampling": "poisson"}),
    ],
)  # fmt: skip
def test_a_trap_is_found_and_the_mended_plan_is_not(trap, fallen, mended):
    assert trap in found(fallen)
    assert trap not in found(mended)


MEASURED = {
    "capacity.basis": "measured", "demand.prompt_tokens_per_request": 256,
    "capacity.objective.tpot_p95_s": 0.1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("trap", "changes", "fallen", "mended"),
    [
        ("T04L", {"demand.prompt_tokens_per_request": 4000}, {}, {"prompt_tokens": 3000}),
        ("T05", {}, {"batch": 1}, {"batch": 16}),
        ("T22", {}, {"flags": ("contended",)}, {}),
        ("T22", {}, {"effective_samples": 2.0}, {"effective_samples": 20.0}),
        ("T23", {"demand.requests_per_month": 1e9}, {}, {"throughput": 1e7}),
    ],
)
def test_traps_of_measurements(trap, changes, fallen, mended):
    plan = {**MEASURED, **changes}
    for settings, there in ((fallen, True), (mended, False)):
        records = [record("prefill", **settings), record("decode", **{"batch": 16, **settings})]
        assert (trap in found(plan, records)) == there


def test_a_base_case_far_from_the_mean_is_warned_of():
    wide = {
        "demand.requests_per_month": {"lognormal": {"median": 3e8, "sigma": 1.5}},
        "simulation.trials": 512,
    }
    plan = scenarios.with_overrides(scenarios.from_document(BASE, "plan.yaml"), wide)
    drawn = evaluate(plan, parts=("risk",))
    off = abs(drawn.indicators["npv_usd"].base - drawn.indicators["npv_usd"].mean)
    spread = drawn.indicators["npv_usd"].p90 - drawn.indicators["npv_usd"].p10
    far = off > max(0.25 * spread, 0) or off > 0.5 * abs(drawn.indicators["npv_usd"].mean)
    assert ("T30" in {one.id for one in drawn.findings}) == far
    assert far


def test_every_trap_speaks_both_languages_with_the_same_numbers():
    known = sentences("traps")
    assert {f"T{number:02d}" for number in range(1, 29)} <= set(known)
    for row in known.values():
        fields = [
            {name for _, name, _, _ in string.Formatter().parse(text) if name}
            for text in (row.en, row.zh)
        ]
        assert fields[0] == fields[1], row.id


def test_a_careful_plan_has_no_finding():
    careful = {
        "revenue.api.price_usd_per_million_output_tokens":
            {"value": 2, "source": "our price list", "as_of": TODAY},
        "demand.market_price_fall_factor_per_year": 1.2,
        "company.acquisition_revenue_months": 1,
        "options": {"quality_bar": 0.8, "buy_api": {"demand": {"accepted_share": 0.9}}},
    }  # fmt: skip
    assert found(careful) == {}
    assert found(careful | {"options": None})["T20"].severity == "note"
