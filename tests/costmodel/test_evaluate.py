"""The analysis: one object, the same for the same inputs, and consistent in itself."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import pytest

from modelworth.costmodel.analysis_json import plain
from modelworth.costmodel.business.indicators import INDICATORS
from modelworth.costmodel.business.model import Model
from modelworth.costmodel.business.usage import weakest
from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.data.errors import InputError
from tests.costmodel.records import record

PLAN = {
    "months": 24, "start": "2026-12", "text": {"en": {"name": "A plan"}},
    "demand": {
        "requests_per_month": {"low": 1e8, "mode": 3e8, "high": 6e8}, "reasoning_factor": 1,
        "growth_per_year": {"low": 0.1, "mode": 0.5, "high": 1.0},
        "requests_per_customer_month": 1e8,
    },
    "revenue": {"api": {"price_usd_per_million_output_tokens": 6}},
    "simulation": {"trials": 512, "seed": 3},
}  # fmt: skip


ANCHOR = "demand.anchor.output_price_usd_per_million_tokens"


def plan(changes=None):
    return scenarios.with_overrides(scenarios.from_document(PLAN, "plan.yaml"), changes or {})


@pytest.fixture(scope="module")
def analysis():
    return evaluate(plan(), today=date(2026, 11, 24))


def test_every_indicator_is_there_in_its_order(analysis):
    assert list(analysis.indicators) == list(INDICATORS)
    for key, figure in analysis.indicators.items():
        assert figure.unit == INDICATORS[key].unit
        if figure.p50 is not None:
            assert figure.p10 <= figure.p50 <= figure.p90
        assert figure.base is None or np.isfinite(figure.base)
        assert figure.base is not None or figure.status


def test_the_base_case_is_the_models_own(analysis):
    values = {"demand.requests_per_month": plan().number("demand.requests_per_month"),
              "demand.growth_per_year": plan().number("demand.growth_per_year"),
              "demand.reasoning_factor": 1, "demand.requests_per_customer_month": 1e8,
              "company.acquisition_basis": 1,  # no cost of winning a customer is stated
              "revenue.api.price_usd_per_million_output_tokens": 6}  # fmt: skip
    expected = Model(24).indicators(values)
    for key, figure in analysis.indicators.items():
        if figure.base is not None:
            assert figure.base == expected[key][0]


def test_the_same_seed_gives_the_same_analysis(analysis):
    again = evaluate(plan(), today=date(2026, 11, 24))
    assert again == analysis
    other = evaluate(plan(), seed=4, parts=("risk",))
    assert other.indicators["npv_usd"].base == analysis.indicators["npv_usd"].base
    assert other.indicators["npv_usd"].p50 != analysis.indicators["npv_usd"].p50
    assert evaluate(plan(), seed=0, parts=("risk",)).provenance.seed == 0


def test_series_have_a_value_for_each_month_and_bands_around_the_middle(analysis):
    for series in analysis.series.values():
        assert len(series.base) == 25
    cash = analysis.series["cash_balance_usd"]
    assert all(low <= high for low, high in zip(cash.p10, cash.p90, strict=True))
    assert cash.base[-1] == pytest.approx(analysis.indicators["total_net_cash_usd"].base)


def test_risk_and_verdict_speak_of_the_same_trials(analysis):
    assert analysis.risk.trials == 512
    assert sum(analysis.risk.bin_counts) == 512
    positive = analysis.verdict.probability_npv_positive
    assert positive == pytest.approx(1 - analysis.risk.probability_of_loss)
    assert analysis.provenance.trials == 512
    assert {swing.driver for swing in analysis.tornado}


def test_drivers_say_where_they_come_from(analysis):
    used = analysis.drivers
    assert used["demand.growth_per_year"].changed
    assert used["demand.growth_per_year"].distribution == PLAN["demand"]["growth_per_year"]
    assert not used["company.tax_rate_share"].changed
    assert used["compute.pue"].basis == "published"
    assert used["compute.pue"].stale_days > 365
    assert used["demand.growth_per_year"].basis == "assumed"
    assert used["demand.growth_per_year"].stale_days is None
    assert analysis.indicators["npv_usd"].basis == "assumed"
    for line in analysis.lines.values():
        assert set(line.uses) <= set(analysis.lines) | set(used)


def test_figures_lead_to_their_formula(analysis):
    for figure in analysis.indicators.values():
        assert figure.line in analysis.lines


def test_json_has_no_number_that_json_lacks(analysis):
    text = json.dumps(plain(analysis), allow_nan=False)
    again = json.loads(text)
    assert again["indicators"]["npv_usd"]["base"] == analysis.indicators["npv_usd"].base
    assert again["verdict"]["outcome"] == analysis.verdict.outcome


def test_without_uncertainty_or_trials_there_is_a_base_case_alone():
    settled = plan({"demand.requests_per_month": 1e8, "demand.growth_per_year": 0.5})
    certain = evaluate(settled, parts=("risk", "sensitivity"))
    assert certain.risk is None
    assert certain.indicators["npv_usd"].p50 is None
    none = evaluate(plan(), trials=0, parts=())
    assert none.risk is None
    assert none.tornado == ()
    assert none.break_evens == ()
    assert none.options is None


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"revenue.api.price_usd_per_million_output_tokens": 40,
          "verdict.price_fall_stress_factor_per_year": 3}, "viable"),
        ({"revenue.api.price_usd_per_million_output_tokens": 0.1}, "not_viable"),
        ({"revenue.api.price_usd_per_million_output_tokens": 40, "verdict.peak_funding_usd": 1,
          "company.setup_usd": 1e5}, "depends"),
        ({"revenue.api.price_usd_per_million_output_tokens": 40,
          "verdict.gross_margin_share": 0.999}, "depends"),
    ],
)  # fmt: skip
def test_the_verdict_follows_its_rule(changes, outcome):
    own = {
        ANCHOR: changes["revenue.api.price_usd_per_million_output_tokens"],
        "company.acquisition_usd_per_customer": 12_000,
    }
    found = evaluate(plan({**changes, **own}), parts=("risk",)).verdict
    assert found.outcome == outcome
    probability = found.probability_npv_positive
    met = {criterion.key: criterion.met for criterion in found.criteria}
    assert (outcome == "viable") == (all(met.values()) and probability > 0.3)
    assert met["probability_npv_positive"] == (probability >= 0.7)


def test_a_flip_is_where_npv_is_nothing(analysis):
    for flip in analysis.verdict.flips:
        if flip.at is not None:
            changed = evaluate(plan({flip.driver: flip.at}), trials=0, parts=())
            scale = abs(analysis.indicators["total_revenue_usd"].base)
            assert abs(changed.indicators["npv_usd"].base) < 0.02 * scale


def test_measured_capacity_shows_its_records():
    records = [record("prefill"), record("decode")]
    found = evaluate(plan({"capacity.basis": "measured"}), records, trials=256, parts=("risk",))
    driver = found.drivers["capacity.decode_tokens_per_s_per_gpu"]
    assert driver.basis == "measured"
    assert driver.measurement_ids == (records[1].id,)
    assert {use.id for use in found.measurements} == {item.id for item in records}
    assert found.provenance.store_measurements == 2
    assert "capacity.decode_tokens_per_s_per_gpu" in {item.driver for item in found.risk.influences}


def test_progress_is_told_and_can_be_stopped():
    told = []
    evaluate(plan(), parts=("risk",), progress=lambda done, trials: told.append((done, trials)))
    assert told[-1] == (512, 512)
    with pytest.raises(Exception, match="stopped"):
        evaluate(plan(), parts=("risk",), cancelled=lambda: True)


def test_the_weakest_basis_counts():
    assert weakest(["measured", "published"]) == "published"
    assert weakest(["measured", "assumed", "published"]) == "assumed"
    assert weakest(["measured"]) == "measured"
    assert weakest([]) == "assumed"


def test_wrong_trials_and_seeds_are_refused():
    with pytest.raises(InputError, match="trials"):
        evaluate(plan(), trials=-5)
    with pytest.raises(InputError, match="seed"):
        evaluate(plan(), seed=-1)


@pytest.mark.parametrize(
    ("as_of", "days"),
    [
        ("2026", 327),
        ("2026-11", 23),
        ("2026-11-24", 0),
        ("genai-prices 0.2", None),
        ("2026-02-30", None),
    ],
)
def test_age_counts_from_the_first_day_meant(as_of, days):
    price = {"value": 3, "source": "our quote", "as_of": as_of}
    changed = plan({"revenue.api.price_usd_per_million_output_tokens": price})
    found = evaluate(changed, trials=0, parts=(), today=date(2026, 11, 24))
    assert found.drivers["revenue.api.price_usd_per_million_output_tokens"].stale_days == days
