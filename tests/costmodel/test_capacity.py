"""Where throughput comes from: records, predictions, the catalogue, or the plan itself."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from modelworth.costmodel.business.capacity import resolve
from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.predictor import Predictor
from modelworth.costmodel.prediction.training_run import plan_training
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.costmodel.scenario.drivers import load_drivers
from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError
from tests.costmodel.records import record

DECODE, PREFILL = "capacity.decode_tokens_per_s_per_gpu", "capacity.prefill_tokens_per_s_per_gpu"


def resolved(changes, records=()):
    plan = scenarios.from_document({"months": 12, "start": "2026-12"})
    plan = scenarios.with_overrides(plan, changes)
    return resolve(plan, records, load_catalog())


def pair(**settings):
    return [record("prefill", **settings), record("decode", **settings)]


MEASURED = {"capacity.basis": "measured", "capacity.objective.tpot_p95_s": 0.05}


def test_measured_rates_carry_their_samples_and_ids():
    records = pair()
    found = resolved(MEASURED, records)
    rate = found.settings[DECODE]
    assert rate.value == 800.0
    assert rate.basis == "measured"
    assert rate.measurement_ids == (records[1].id,)
    draws = rate.distribution.ppf(np.linspace(0.001, 0.999, 999))
    assert draws.mean() == pytest.approx(800, rel=1e-3)
    assert draws.std() == pytest.approx(800 * 0.01 / np.sqrt(20), rel=0.15)
    assert {use.id for use in found.measurements} == {item.id for item in records}


def test_the_fastest_within_the_objective_is_taken():
    records = [
        record("prefill"),
        record("decode", batch=8, throughput=400.0, step_s=0.02),
        record("decode", batch=32, throughput=1000.0, step_s=0.04),
        record("decode", batch=128, throughput=2000.0, step_s=0.09),
        record("decode", batch=64, throughput=1500.0, step_s=0.045, p95_s=0.07),
    ]
    assert resolved(MEASURED, records).settings[DECODE].value == 1000.0
    slack = {**MEASURED, "capacity.objective.tpot_p95_s": 0.1}
    assert resolved(slack, records).settings[DECODE].value == 2000.0
    tight = resolved({**MEASURED, "capacity.objective.tpot_p95_s": 0.001}, records)
    assert tight.settings[DECODE].value == 400.0
    assert [finding.id for finding in tight.findings] == ["C04"]


def test_the_largest_model_that_keeps_the_objective_is_taken():
    records = [
        *pair(model="small", parameters=10**7, throughput=900.0, step_s=0.01),
        *pair(model="large", parameters=10**9, throughput=300.0, step_s=0.04),
        *pair(model="huge", parameters=10**10, throughput=30.0, step_s=0.4),
    ]
    found = resolved(MEASURED, records)
    assert {use.model for use in found.measurements} == {"large"}
    named = resolved({**MEASURED, "capacity.model": "small"}, records)
    assert {use.model for use in named.measurements} == {"small"}


def test_an_empty_store_is_said_and_stands_at_the_published_default():
    found = resolved(MEASURED)
    assert [finding.id for finding in found.findings] == ["C01"]
    assert DECODE not in found.settings


def test_what_was_not_measured_is_predicted_and_said():
    named = {**MEASURED, "capacity.model": "llama-3.1-8b", "capacity.accelerator": "H100 SXM 80GB"}
    found = resolved(named)
    assert [finding.id for finding in found.findings] == ["C02"]
    assert found.settings[DECODE].basis in ("interpolated", "extrapolated", "assumed")
    assert found.predictions[0].low < found.predictions[0].value < found.predictions[0].high


def test_both_phases_of_a_prediction_take_its_time_together():
    plan = {
        "capacity.basis": "predicted", "capacity.model": "llama-3.1-8b",
        "capacity.accelerator": "H100 SXM 80GB", "demand.prompt_tokens_per_request": 1000,
        "demand.cached_share": 0.4, "demand.output_tokens_per_request": 200,
        "demand.reasoning_factor": 1.5,
    }  # fmt: skip
    found = resolved(plan)
    seconds = 600 / found.settings[PREFILL].value + 300 / found.settings[DECODE].value
    assert 1 / seconds == pytest.approx(found.predictions[0].value)
    factor = found.settings["capacity.throughput_factor"]
    assert factor.spec["mode"] == 1.0


def test_predictions_need_a_model_and_a_device():
    found = resolved({"capacity.basis": "predicted"})
    assert [finding.id for finding in found.findings] == ["C03"]


def test_a_model_that_does_not_fit_is_refused_with_what_would():
    plan = {
        "capacity.basis": "predicted", "capacity.model": "llama-3.1-70b",
        "capacity.accelerator": "L4",
    }  # fmt: skip
    with pytest.raises(InputError, match="capacity"):
        resolved(plan)


@pytest.mark.parametrize(
    ("family", "unit", "key", "model"),
    [
        ("encoder", "sequences", "capacity.calls_per_s_per_gpu", "bert-base"),
        ("vision", "images", "capacity.calls_per_s_per_gpu", "vit-base"),
    ],
)
def test_encoders_and_vision_answer_calls(family, unit, key, model):
    records = [record("forward", family=family, unit=unit, model=model, throughput=500.0)]
    measured = resolved({"capacity.basis": "measured", "capacity.model": model}, records)
    assert measured.settings[key].value == 500.0
    predicted = resolved({
        "capacity.basis": "predicted", "capacity.model": model, "capacity.accelerator": "L4",
        "demand.prompt_tokens_per_request": 256,
    })  # fmt: skip
    assert predicted.settings[key].value > 10


def test_images_are_generated_by_image_decoders():
    records = [record("generate", family="image-decoder", unit="images", model="dalle-5m",
                      throughput=2.0)]  # fmt: skip
    plan = {"capacity.basis": "measured", "capacity.model": "dalle-5m"}
    assert resolved(plan, records).settings["capacity.images_per_s_per_gpu"].value == 2.0


def test_the_catalogue_prices_a_named_device():
    found = resolved({"capacity.accelerator": "H100 SXM 80GB"}).settings
    rent = found["compute.rent_on_demand_usd_per_gpu_hour"]
    quote = load_catalog().rent("H100 SXM 80GB")
    assert rent.value == quote.usd_per_gpu_hour
    assert rent.basis == "published"
    assert found["building.peak_flops_per_s"].value == pytest.approx(9.89e14, rel=0.01)
    assert found["building.rent_usd_per_gpu_hour"].value <= rent.value
    with pytest.raises(InputError, match="accelerator"):
        resolved({"capacity.accelerator": "H9000"})


def test_a_cpu_is_rented_by_its_cores():
    records = pair(device="Some CPU", device_kind="cpu", cpu_cores=8)
    rent = resolved(MEASURED, records).settings["compute.rent_on_demand_usd_per_gpu_hour"]
    assert rent.value == pytest.approx(8 * 0.045)
    assert rent.basis == "assumed"


def test_published_records_stay_published():
    records = pair(origin="published", citation="a paper")
    assert resolved(MEASURED, records).settings[DECODE].basis == "published"


PRETRAINED = {
    "building.method": "pretrain", "building.mfu_basis": "predicted", "building.gpus": 16384,
    "building.batch_tokens": 16e6, "capacity.model": "llama-3.1-405b",
    "capacity.accelerator": "H100 SXM 80GB",
}  # fmt: skip


def test_predicted_utilisation_of_llama_3_is_what_its_authors_report():
    """38 to 43% at 16,384 H100 (Llama 3 paper), the interval included."""
    found = resolved(PRETRAINED)
    mfu = found.settings["building.mfu_share"]
    assert mfu.basis == "extrapolated"
    assert mfu.spec["low"] < 0.43
    assert mfu.spec["high"] > 0.38
    assert found.settings["building.active_parameters"].value == pytest.approx(405.9e9, rel=0.01)
    assert found.predictions[-1].key == "building.mfu_share"


def test_a_scenario_trains_as_long_as_the_plan_of_the_same_layout():
    """Hours of the final run, the cluster's goodput taken from the plan, to the last digit."""
    case = Case.of(
        "llama-3.1-70b", "H100 SXM 80GB", work="train", gpus=64, tokens=8192, global_batch=256
    )
    planned = plan_training(case, 1e12, Predictor())
    plan = {
        **PRETRAINED, "building.gpus": 64, "building.batch_tokens": 256 * 8192,
        "building.sequence_tokens": 8192, "building.pretraining_tokens": 1e12,
        "capacity.model": "llama-3.1-70b", "building.goodput_basis": "given",
        "building.goodput_share": planned.run.goodput.share, "building.tokens_basis": "given",
    }  # fmt: skip
    document = scenarios.from_document({"months": 12, "start": "2026-12"})
    found = evaluate(scenarios.with_overrides(document, plan), trials=0, parts=())
    hours = found.indicators["final_run_gpu_hours"].base
    assert hours == pytest.approx(planned.run.device_hours, rel=1e-12)
    assert Predictor().predict(planned.best.case).value == planned.best.tokens_per_s_per_device


def test_predicted_utilisation_needs_a_device():
    plan = {key: value for key, value in PRETRAINED.items() if key != "capacity.accelerator"}
    with pytest.raises(InputError, match="accelerator"):
        resolved(plan)


def test_what_the_plan_states_goes_before_a_prediction():
    plan = scenarios.from_document({"months": 12, "start": "2026-12"})
    plan = scenarios.with_overrides(plan, {**PRETRAINED, "building.mfu_share": 0.3})
    figures = evaluate(plan, trials=0, parts=()).drivers
    assert figures["building.mfu_share"].value == 0.3
    assert figures["building.mfu_share"].basis == "assumed"


def test_measured_power_is_a_share_of_the_limit():
    energy = {"valid": True, "mean_power_w": 420.0}
    records = [record("prefill"), record("decode", energy=energy, power_limit_w=700.0)]
    share = resolved(MEASURED, records).settings["compute.power_average_share"]
    assert share.value == pytest.approx(0.6)
    assert share.basis == "measured"


def test_records_of_other_precisions_devices_and_kinds_are_left_out():
    wanted = {**MEASURED, "capacity.precision": "fp8"}
    assert resolved(wanted, pair()).records == ()
    elsewhere = {**MEASURED, "capacity.accelerator": "A100 SXM 80GB"}
    assert DECODE not in resolved(elsewhere, pair()).settings
    alias = {**MEASURED, "capacity.accelerator": "NVIDIA H100 80GB HBM3"}
    assert resolved(alias, pair()).settings[DECODE].value == 800.0
    assert DECODE not in resolved(MEASURED, [record("decode")]).settings
    tokens = [record("forward", family="encoder", model="bert-base")]
    plan = {"capacity.basis": "measured", "capacity.model": "bert-base"}
    assert resolved(plan, tokens).records == ()


def test_one_sample_has_no_spread():
    records = pair(samples_s=(0.02,))
    assert resolved(MEASURED, records).settings[DECODE].distribution is None


def test_a_device_without_a_known_rent_is_said():
    for records, changes in (
        (pair(device="Some GPU", device_kind="cuda"), MEASURED),
        ((), {"capacity.accelerator": "T4"}),
    ):
        assert "C05" in {finding.id for finding in resolved(changes, records).findings}
        own = {**changes, "compute.rent_on_demand_usd_per_gpu_hour": 0.4}
        assert "C05" not in {finding.id for finding in resolved(own, records).findings}


def test_a_bought_device_without_a_known_price_is_said():
    own = {"capacity.accelerator": "H20", "compute.serving": "owned"}
    assert [one.id for one in resolved(own).findings if one.id > "C04"] == ["C08"]
    priced = own | {"compute.purchase_usd_per_gpu": 14_000}
    assert "C08" not in {one.id for one in resolved(priced).findings}
    known = own | {"capacity.accelerator": "H200 SXM 141GB"}
    assert "C08" not in {one.id for one in resolved(known).findings}


def test_a_device_draws_power_in_proportion_to_its_board():
    """H20: 400 W by its datasheet, H100 700 W; both with the same share of a server."""
    key = "compute.power_kw_per_gpu"
    drawn = resolved({"capacity.accelerator": "H20"}).settings[key].value
    assert drawn == pytest.approx(load_drivers()[key].default * 400 / 700)
    assert key not in resolved({"capacity.accelerator": "H100 SXM 80GB"}).settings


def test_own_measurements_go_before_newer_published_ones():
    later = datetime(2027, 1, 1, tzinfo=UTC)
    published = pair(
        device="H200 SXM 141GB", origin="published", citation="a paper", recorded_at=later,
        throughput=9_000.0,
    )  # fmt: skip
    found = resolved(MEASURED, [*pair(), *published])
    assert {use.device for use in found.measurements} == {"H100 SXM 80GB"}


def test_images_of_a_diffusion_model_are_whole_ones():
    """4 denoising steps a second are no images: only `generate` says how many are finished."""
    asked = {"family": "diffusion", "model": "my-dit"}
    records = [
        record("forward", unit="denoising_steps", throughput=400.0, **asked),
        record("generate", unit="images", throughput=2.0, **asked),
    ]
    plan = {"capacity.basis": "measured", "capacity.model": "my-dit"}
    assert resolved(plan, records).settings["capacity.images_per_s_per_gpu"].value == 2.0
    assert "capacity.images_per_s_per_gpu" not in resolved(plan, records[:1]).settings


@pytest.mark.parametrize(("spelt", "meant"), [("bf16", "bfloat16"), ("float16", "float16")])
def test_a_precision_is_taken_as_people_spell_it(spelt, meant):
    document = {"months": 12, "start": "2026-12", "capacity": {"precision": spelt}}
    plan = scenarios.from_document(document)
    assert plan.hardware.precision == meant
