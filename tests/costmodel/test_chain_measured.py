"""Studies in a plan: what they set, how far they are believed, and where each figure came from."""

from __future__ import annotations

from datetime import date

import pytest

from modelworth.costmodel.architecture.scaling_law import LossLaw, loss
from modelworth.costmodel.business import capacity, chain_data, chain_quality, chain_trust
from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.scenario.scenario import from_document, load, with_overrides
from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError
from modelworth.data.measurement import Interval, Latency, Model, Result, Workload
from modelworth.data.store import parse, serialise
from modelworth.data.study import Estimate, Study
from tests.data.records import made_up

DAY = date(2026, 11, 25)
LAW = LossLaw("made up", 1.2, 400.0, 300.0, 0.4, 0.35, "")


def figure(value, low=None, high=None):
    return Estimate(value=value, low=low, high=high)


def study(name, method, figures, *, size=1_000_000, number=0, rate=1e6, batch=32, **settings):
    """A run of a study that nobody made."""
    family = {"data": "pipeline", "explain": "encoder"}.get(name, "decoder")
    return made_up(
        number,
        case=f"{name}-{method}-{size}-{sorted(settings.items())}",
        model=Model(name=f"net-{size}", family=family, parameters_total=size),
        workload=Workload(kind="study", batch=batch, prompt_tokens=64, precision="float32"),
        study=Study(name=name, method=method, figures=figures, settings=settings, corpus="text"),
        result=Result(
            unit="bytes" if name == "data" else "tokens",
            work_per_step=1,
            throughput_per_s=Interval(value=rate, low=0.8 * rate, high=1.2 * rate),
            throughput_per_s_per_device=rate,
            latency=Latency(mean_s=1 / rate, p50_s=1 / rate),
        ),
    )


def privacy(size=1_000_000):
    """Plain, hooks at two epsilons, ghost, LoRA both ways."""
    right = {"plain": 0.5, "lora": 0.4, "ghost": 0.45, "lora_private": 0.3}
    slow = {"ghost": figure(1.5, 1.4, 1.6), "lora": figure(0.8, 0.8, 0.8),
            "lora_private": figure(1.2, 1.2, 1.2)}  # fmt: skip
    rows = [
        study("privacy", method, {"next_word_share": figure(share)}
              | ({"slowdown_factor": slow[method]} if method in slow else {}), size=size,
              **({"epsilon": 8.0} if "private" in method or method == "ghost" else {}))
        for method, share in right.items()
    ]  # fmt: skip
    return rows + [
        study(
            "privacy",
            "hooks",
            {"next_word_share": figure(share), "slowdown_factor": figure(3.0, 2.5, 3.5)},
            size=size,
            epsilon=epsilon,
        )
        for epsilon, share in ((1.0, 0.25), (8.0, 0.375))
    ]


def explained(size=1_000_000, high=90):
    return [
        study("explain", "integrated_gradients", {"cost_factor": figure(80, 70, high)}, size=size)
    ]


def data():
    stages = {
        "read": (5e8, {}), "filter": (2e7, {"kept_share": figure(0.5)}),
        "deduplicate": (1e6, {"kept_share": figure(0.8)}),
        "tokenise": (4e6, {"tokens": figure(1e6), "bytes_per_token": figure(4.2)}),
        "pack": (1e8, {}),
    }  # fmt: skip
    return [
        study("data", method, figures, rate=rate, megabytes=9, workers=1)
        for method, (rate, figures) in stages.items()
    ]


def ladder(law=LAW):
    rows = []
    for size in (1e5, 3e5, 1e6, 3e6):
        for tokens in (1e6, 3e6, 1e7, 3e7):
            seen = float(loss(law, size, tokens))
            rows.append(
                study("learning", "scratch", {"held_out_loss_nats": figure(seen)}, size=int(size),
                      tokens=int(tokens), unique_tokens=int(tokens))
            )  # fmt: skip
    return rows


def plan(**changes):
    values = {
        "trust.basis": "measured", "building.method": "finetune",
        "building.active_parameters": 5e6, "demand.prompt_tokens_per_request": 100,
    }  # fmt: skip
    return with_overrides(load("base"), {**values, **changes})


def resolved(records, **changes):
    return capacity.resolve(plan(**changes), records, load_catalog())


def test_a_record_of_a_study_keeps_all_it_says():
    record = privacy()[0]
    assert parse(serialise(record)) == record
    assert record.study.figures["next_word_share"].value == 0.5


def test_a_share_above_one_is_no_record():
    with pytest.raises(ValueError, match="between 0 and 1"):
        study("privacy", "plain", {"next_word_share": figure(1.2)})


def test_a_study_and_its_kind_belong_together():
    with pytest.raises(ValueError, match="exactly when"):
        made_up(study=Study(name="data", method="read"))


def test_privacy_and_explanations_come_from_their_runs():
    found = resolved(privacy() + explained(), **{"trust.private_training": "naive"})
    settings = found.settings
    assert settings["trust.naive_slowdown_factor"].value == 3.0
    assert settings["trust.ghost_slowdown_factor"].value == 1.5
    assert settings["trust.lora_slowdown_factor"].value == pytest.approx(1.2 / 0.8)
    assert settings["trust.explanation_factor"].value == 80
    assert settings["trust.reference_epsilon"].value == 8
    assert settings["trust.private_quality_loss_share"].value == pytest.approx(1 - 0.375 / 0.5)
    assert {it.basis for it in settings.values() if it.measurement_ids} == {"measured"}
    assert not [it for it in found.findings if it.id.startswith("S")]


@pytest.mark.parametrize(
    ("way", "epsilon", "lost"),
    [("naive", 1.5, 1 - 0.25 / 0.5), ("naive", 20, 1 - 0.375 / 0.5), ("ghost", 8, 0.1),
     ("lora", 8, 0.25)],
)  # fmt: skip
def test_lost_quality_is_that_of_the_method_and_the_nearest_epsilon(way, epsilon, lost):
    (point,) = chain_trust.quality_loss(privacy(), way, epsilon)
    assert point.ends[0] == pytest.approx(lost)


def test_a_ladder_of_a_million_does_not_steer_seventy_billion_unsaid():
    near = resolved(privacy()).settings["trust.ghost_slowdown_factor"]
    plan_of = {"building.active_parameters": 7e10, "trust.private_training": "ghost"}
    far_plan = resolved(privacy(), **plan_of)
    far = far_plan.settings["trust.ghost_slowdown_factor"]
    assert (near.basis, far.basis) == ("measured", "extrapolated")
    assert far.value == near.value
    assert far.spec["high"] > 2 * near.spec["high"]
    said = {it.path: it.values["factor"] for it in far_plan.findings if it.id == "S02"}
    assert said == {
        "trust.ghost_slowdown_factor": pytest.approx(7e4),
        "trust.private_quality_loss_share": pytest.approx(7e4),
    }


def test_ten_times_beyond_is_still_measured():
    sizes = {9e6: "measured", 1.1e7: "extrapolated", 1.1e5: "measured", 9e4: "extrapolated"}
    for size, basis in sizes.items():
        found = resolved(privacy(), **{"building.active_parameters": size})
        assert found.settings["trust.ghost_slowdown_factor"].basis == basis


def test_the_model_that_is_named_is_the_one_that_is_tuned():
    """Llama 3.2 1B of the catalogue, not the table's default size."""
    found = capacity.resolve(
        with_overrides(load("own_small_or_bought"), {"capacity.basis": "given"}),
        privacy(), load_catalog(),
    )  # fmt: skip
    said = {it.path: it.values["factor"] for it in found.findings if it.id == "S02"}
    assert said["trust.ghost_slowdown_factor"] == pytest.approx(1235.8144)


def test_what_was_not_studied_is_said():
    promised = {"trust.private_training": "naive", "trust.explained_share": 0.1}
    found = resolved([], **promised, **{"building.data_basis": "measured"})
    assert [it.values["study"] for it in found.findings if it.id == "S01"] == [
        "privacy",
        "explain",
        "data",
    ]


def test_what_a_plan_does_not_promise_needs_no_study():
    assert not [it for it in resolved([]).findings if it.id == "S01"]


def test_without_asking_studies_change_nothing():
    scenario = load("base")
    studies = privacy() + explained() + data() + ladder()
    with_studies, without = (
        evaluate(scenario, records, trials=0, parts=(), today=DAY) for records in (studies, ())
    )
    assert with_studies.indicators == without.indicators


def test_core_hours_add_up_by_hand():
    value, low, high = chain_data.core_hours_per_tb(data())
    stages = (1 / 5e8, 1 / 2e7, 0.5 / 1e6, 0.4 / 4e6, 0.4 / 1e8)
    assert value == pytest.approx(1e12 / 3600 * sum(stages))
    assert low < value < high


def test_data_costs_what_its_core_hours_cost():
    found = resolved(data(), **{"building.data_basis": "measured", "trust.basis": "given"})
    usd = load("base").number("compute.cpu_core_usd_per_hour")
    hours = chain_data.core_hours_per_tb(data())[0]
    assert found.settings["building.cleaning_usd_per_tb"].value == pytest.approx(hours * usd)
    assert found.settings["building.keep_share"].value == pytest.approx(0.4)
    assert found.settings["building.bytes_per_token"].value == 4.2
    assert found.settings["building.keep_share"].basis == "extrapolated"  # 100 million tokens


LOSS = {
    "trust.basis": "given", "building.method": "pretrain", "building.loss_basis": "measured",
    "building.tokens_basis": "for_loss", "building.active_parameters": 3e6,
}  # fmt: skip


def test_tokens_for_a_loss_come_from_the_law_measured_here():
    target = float(loss(LAW, 3e6, 1e8))
    scenario = plan(**LOSS, **{"building.target_loss": target})
    analysis = evaluate(scenario, ladder(), trials=0, parts=(), today=DAY)
    assert analysis.drivers["building.loss_floor"].basis == "measured"
    assert len(analysis.drivers["building.loss_floor"].measurement_ids) == 16
    (use,) = [it for it in analysis.predictions if it.key == "building.target_loss"]
    assert use.low <= target <= use.high
    assert use.value == pytest.approx(target, rel=0.001)


def test_a_loss_that_the_law_never_reaches_is_refused():
    with pytest.raises(InputError, match="a loss that the measured law reaches"):
        resolved(ladder(), **LOSS, **{"building.target_loss": 1.0})


def test_measured_trust_moves_npv_and_its_lineage_ends_at_the_records():
    changes = {"trust.private_training": "naive", "trust.explained_share": 0.5}
    records = privacy() + explained()
    given, measured = (
        evaluate(plan(**changes, **{"trust.basis": basis}), records, trials=0, parts=(), today=DAY)
        for basis in ("given", "measured")
    )
    assert measured.indicators["npv_usd"].base != given.indicators["npv_usd"].base
    reached, todo = set(), [measured.indicators["npv_usd"].line]
    while todo:
        line = measured.lines.get(todo.pop())
        new = set(line.uses) - reached if line else set()
        reached |= new
        todo += new
    ids = {
        record
        for key in reached & set(measured.drivers)
        for record in measured.drivers[key].measurement_ids
    }
    assert ids == {it.id for it in measured.measurements}
    assert ids <= {it.id for it in records}
    assert measured.drivers["trust.explanation_factor"].basis == "measured"


def test_the_tornado_knows_the_measured_drivers():
    analysis = evaluate(
        plan(**{"trust.private_training": "naive", "trust.explained_share": 1}),
        privacy() + explained(high=900),
        trials=64,
        parts=("risk", "sensitivity"),
        today=DAY,
    )
    assert "trust.explanation_factor" in {bar.driver for bar in analysis.tornado}
    assert "trust.explanation_factor" in {it.driver for it in analysis.risk.influences}


def test_a_model_that_nobody_trains_loses_no_quality_to_private_training():
    bought = {"building.method": "none", "trust.basis": "given"}
    npv = [
        evaluate(plan(**changes), trials=0, parts=(), today=DAY).indicators["npv_usd"].base
        for changes in ({**bought, "trust.private_training": "naive"}, bought)
    ]
    assert npv[0] == npv[1]


def graded(shares=((1e5, 0.2), (1e6, 0.4)), task="question"):
    """A task whose share right grows by size; each result takes 1 ms at the larger size."""
    rows = [
        study("learning", "task", {"accuracy_share": figure(share, share - 0.1, share + 0.1),
              "forward_s": figure(size * 1e-9)}, size=int(size), task=task, examples=9000)
        for size, share in shares
    ]  # fmt: skip
    fewer = study("learning", "task", {"accuracy_share": figure(0.01)}, size=int(1e6), task=task,
                  examples=10)  # fmt: skip
    return [fewer, *rows]


MEASURED = {"demand.accepted_basis": "measured", "demand.accepted_task": "question"}


def asked(records, **changes):
    """The accepted share of a plan that states none itself."""
    scenario = plan(**{"trust.basis": "given", **MEASURED, **changes})
    document = {key: value for key, value in scenario.document.items() if key != "demand"}
    document["demand"] = {
        key: value for key, value in scenario.document["demand"].items() if key != "accepted_share"
    }
    found = capacity.resolve(from_document(document), records, load_catalog())
    return found.settings.get("demand.accepted_share"), found.findings


def test_quality_between_two_sizes_lies_on_the_line_in_the_logarithm():
    share, _ = asked(graded(), **{"building.active_parameters": 10**5.5})
    assert share.value == pytest.approx(0.3)
    assert (share.spec["low"], share.spec["high"]) == pytest.approx((0.2, 0.4))
    assert share.basis == "measured"
    assert len(share.measurement_ids) == 2  # the run that saw less doesn't count


def test_quality_far_beyond_the_sizes_studied_is_extrapolated_and_said():
    near, _ = asked(graded(), **{"building.active_parameters": 9e6})
    far, findings = asked(graded(), **{"building.active_parameters": 1e9})
    assert (near.basis, far.basis) == ("measured", "extrapolated")
    assert near.value == far.value == pytest.approx(0.4)
    assert far.spec["high"] - far.spec["low"] > near.spec["high"] - near.spec["low"]
    assert [it.values["factor"] for it in findings if it.id == "S02"] == [pytest.approx(1000)]


def test_a_task_that_nobody_studied_is_said():
    share, findings = asked(graded(task="translation"))
    assert share is None
    assert [it.path for it in findings if it.id == "S01"] == ["demand.accepted_basis"]


def test_a_right_result_costs_its_time_over_the_share_right():
    small, large = chain_quality.by_size(graded(), "question")
    assert small.seconds_per_accepted == pytest.approx(1e-4 / 0.2)
    assert large.usd_per_million_accepted(0.36) == pytest.approx(1e-3 / 0.4 * 100)


def test_measured_quality_moves_npv_and_its_lineage_ends_at_the_records():
    changes = {**MEASURED, "trust.basis": "given", "building.active_parameters": 1e6}
    base = plan(**changes)
    document = {**base.document, "demand": {
        key: value for key, value in base.document["demand"].items() if key != "accepted_share"
    }}  # fmt: skip
    good, bad = (
        evaluate(from_document(document), graded(shares), trials=0, parts=(), today=DAY)
        for shares in (((1e6, 0.8),), ((1e6, 0.4),))
    )
    assert good.indicators["npv_usd"].base > bad.indicators["npv_usd"].base
    assert good.drivers["demand.accepted_share"].basis == "measured"
    assert len(good.drivers["demand.accepted_share"].measurement_ids) == 1
    assert {it.id for it in good.measurements} == {
        *good.drivers["demand.accepted_share"].measurement_ids
    }
