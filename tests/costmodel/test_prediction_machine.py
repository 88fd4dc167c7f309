"""A machine's own roofline: made-up records of known coefficients, found again and extended."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from modelworth.costmodel.architecture.memory import weights_bytes
from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.columns import columns_on, times
from modelworth.costmodel.prediction.largest_load import Objective, largest_load
from modelworth.costmodel.prediction.own_machine import (
    FIXED,
    case_of,
    fit_for,
    machine_accelerator,
    machine_fits,
)
from modelworth.costmodel.prediction.own_machine import _coefficients as machine_coefficients
from modelworth.costmodel.prediction.own_machine import _device as machine_device
from modelworth.costmodel.prediction.predictor import Predictor, against
from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError
from modelworth.data.measurement import Measurement

CATALOG = load_catalog()
LADDER = ("ladder-1m", "ladder-4m", "ladder-16m", "ladder-48m")
TRUE = (0.6, 0.8, 3e-4)


def record(
    model: str,
    kind: str,
    step_s: float,
    flags: tuple[str, ...] = (),
    precision: str = "float32",
) -> Measurement:
    entry = CATALOG.model(model)
    work = 8 * (1 if kind == "decode" else 256)
    return Measurement(
        recorded_at=datetime(2026, 11, 24, tzinfo=UTC),
        model={"name": model, "family": entry.family, "config": entry.config},
        workload={"kind": kind, "batch": 8, "prompt_tokens": 256, "precision": precision},
        machine={
            "device": "Made-up CPU",
            "kind": "cpu",
            "memory_bytes": 2**34,
            "ceilings": {"matmul_flops_per_s": 1e11, "read_bytes_per_s": 2e10},
        },
        status="ok",
        result={
            "unit": "tokens",
            "work_per_step": work,
            "throughput_per_s": {"value": work / step_s},
            "throughput_per_s_per_device": work / step_s,
            "latency": {"mean_s": step_s, "p50_s": step_s},
            "condition": {"flags": flags},
        },
        provenance={"origin": "measured", "tool": "test"},
    )


def made(model: str, kind: str, scatter: float = 1.0) -> Measurement:
    """A record whose time follows from TRUE."""
    case = case_of(record(model, kind, 1.0))
    found = times(
        case.work, columns_on([case], [machine_device(case)]), machine_coefficients(True, *TRUE)
    )
    return record(model, kind, float(found.step_s[0]) * scatter)


@pytest.mark.parametrize("kind", ["pretrain", "prefill", "decode"])
def test_two_sizes_say_how_long_the_largest_takes(kind):
    small = [made(name, kind) for name in LADDER[:2]]
    largest = made(LADDER[-1], kind)
    (fit,) = machine_fits(small)
    predicted = float(fit.times(case_of(largest)).step_s[0])
    assert predicted == pytest.approx(largest.result.latency.p50_s, rel=0.15)


def test_a_whole_ladder_shows_what_leaving_a_size_out_costs():
    (fit,) = machine_fits([made(name, "prefill") for name in LADDER])
    assert [name for name, _ in fit.errors] == list(fit.measurement_ids)
    assert np.max(np.abs([error for _, error in fit.errors])) < 0.2
    assert fit.device_name == "Made-up CPU"
    assert len(fit.measurement_ids) == 4


def test_beyond_what_was_measured_the_interval_widens():
    (fit,) = machine_fits([made(name, "decode") for name in LADDER[:3]])
    inside, outside = (
        case_of(record(name, "decode", 1.0)) for name in ("ladder-4m", "ladder-160m")
    )
    assert fit.doublings_beyond(inside) == 0
    assert fit.factor90(outside) > fit.factor90(inside)
    records = [made(name, "decode") for name in LADDER[:3]]
    found = Predictor(CATALOG, records=records).predict_all([inside, outside])
    assert [one.basis for one in found] == ["measured", "extrapolated"]
    assert "measurements of this device" in found[1].note


def test_narrow_weights_are_a_case_of_their_own_and_are_read_as_narrow():
    """As `bench --precision int4` records them: never taken for records in bfloat16."""
    formats = ("bfloat16", "int8", "int4")
    records = [record("ladder-48m", "decode", 1.0, precision=one) for one in formats]
    wide, _, narrow = (replace(case_of(one), batch=1) for one in records)
    assert [fit.precision for fit in machine_fits(records)] == ["bf16", "int8", "int4"]
    work = columns_on([wide, narrow], [machine_device(one) for one in (wide, narrow)])
    found = times("decode", work, machine_coefficients(True, *TRUE))
    assert 0.25 < float(found.step_s[1] / found.step_s[0]) < 0.8
    assert weights_bytes(narrow.architecture, "int4") < weights_bytes(wide.architecture, "bf16") / 2


def test_a_flagged_record_counts_for_less():
    clean = [made(name, "prefill") for name in LADDER]
    wrong = record("ladder-16m", "prefill", clean[2].result.latency.p50_s * 3, ("contended",))
    trusted = record("ladder-16m", "prefill", clean[2].result.latency.p50_s * 3)

    def compute(last: Measurement) -> float:
        return machine_fits([*clean[:2], clean[3], last])[0].coefficients.compute

    truth = machine_fits(clean)[0].coefficients.compute
    assert abs(compute(wrong) - truth) <= abs(compute(trusted) - truth) + 1e-9


def test_what_cannot_calibrate_is_left_out():
    bare = made("ladder-1m", "prefill")
    no_ceiling = bare.model_copy(
        update={"machine": bare.machine.model_copy(update={"ceilings": {}})}
    )
    assert machine_fits([made("ladder-1m", "prefill").model_copy(update={"status": "oom"})]) == ()
    with pytest.raises(InputError, match="ceilings"):
        machine_accelerator(
            record("ladder-1m", "prefill", 1.0).model_copy(
                update={
                    "machine": bare.machine.model_copy(
                        update={"ceilings": type(bare.machine.ceilings)()}
                    )
                }
            )
        )
    assert no_ceiling.machine.device == "Made-up CPU"


def test_own_records_carry_the_largest_load():
    records = [made(name, kind) for name in LADDER for kind in ("prefill", "decode")]
    device = machine_accelerator(records[0])
    model = case_of(record("ladder-48m", "decode", 1.0)).architecture
    case = Case.on(model, device, precision="float32", tokens=200, new_tokens=50)
    point = largest_load(case, Objective(5.0, 0.5), Predictor(CATALOG, records=records))
    assert point.requests_per_s > 0
    assert point.basis in ("interpolated", "extrapolated")


def test_a_fit_is_for_its_own_device_precision_and_work():
    records = [made("ladder-1m", "decode"), made("ladder-4m", "decode")]
    (fit,) = machine_fits(records)
    assert fit_for(records, case_of(record("ladder-16m", "decode", 1.0))) == fit
    assert fit_for(records, case_of(record("ladder-16m", "prefill", 1.0))) is None
    assert FIXED.compute > 0


def test_what_was_measured_as_asked_is_given_as_measured():
    records = [made(name, "decode") for name in LADDER[:3]]
    found = Predictor(CATALOG, records=records).predict(case_of(records[1]))
    assert found.basis == "measured"
    assert found.value == pytest.approx(8 / records[1].result.latency.p50_s)
    assert found.step_s == pytest.approx(records[1].result.latency.p50_s)


def test_records_are_set_against_what_others_of_their_machine_predict():
    records = [made(name, "prefill") for name in LADDER]
    pairs = against(records, Predictor(CATALOG, records=records))
    assert [pair.record.id for pair in pairs] == [one.id for one in records]
    for pair in pairs:
        assert pair.predicted == pytest.approx(pair.measured, rel=0.25)
        assert pair.predicted != pair.measured


def test_two_models_of_one_name_are_two_in_a_fit():
    """Files called alike don't join: neither as one size left out, nor as what was measured."""
    alike = [
        one.model_copy(update={"model": one.model.model_copy(update={"name": "config"}), "id": ""})
        for one in (made(name, "decode") for name in LADDER[:3])
    ]
    (fit,) = machine_fits(alike)
    assert len(fit.errors) == 3
    cases = [case_of(one) for one in alike]
    assert [fit.measured_value(case) for case in cases] == [
        pytest.approx(8 / one.result.latency.p50_s) for one in alike
    ]


def test_a_study_on_the_same_device_calibrates_nothing():
    ran = made("ladder-1m", "prefill")
    study = ran.model_copy(update={"workload": ran.workload.model_copy(update={"kind": "study"})})
    assert machine_fits([study]) == ()
    assert machine_fits([study, ran]) == machine_fits([ran])


@pytest.mark.parametrize(
    ("family", "config"),
    [
        ("speech", {"model_type": "whisper"}),
        ("vision-language", "llama-3.1-8b"),
        ("diffusion", {"_class_name": "DiTTransformer2DModel"}),
        ("detector", {"model_type": "rt_detr"}),
    ],
)
def test_records_that_no_step_explains_leave_the_fit_as_it_is(family, config):
    """What hears, sees beside text or draws is passed over, also where its config could be read."""
    own = [record(name, "decode", 1.0) for name in ("ladder-4m", "ladder-16m", "ladder-48m")]
    config = CATALOG.model(config).config if isinstance(config, str) else config
    told = own[1].model.model_copy(update={"family": family, "config": config, "name": "other"})
    other = Measurement.model_validate(
        own[1].model_dump(mode="json", exclude={"id"}) | {"model": told.model_dump(mode="json")}
    )
    assert machine_fits([*own, other]) == machine_fits(own)
    assert machine_fits([other]) == ()
