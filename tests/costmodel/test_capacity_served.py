"""Load tests of servers as capacity: the sound decide and are cited, others change nothing."""

from datetime import UTC, datetime

import pytest

from modelworth.costmodel.architecture.identity import identity
from modelworth.costmodel.business.capacity import resolve
from modelworth.costmodel.prediction.served import as_stored, judgements, served_scales
from modelworth.costmodel.prediction.step.coefficients import shipped_tables
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError
from modelworth.data.importers.told import Told
from modelworth.data.measurement import Model
from tests.costmodel.records import record
from tests.costmodel.served_records import served

CATALOG = load_catalog()
DECODE, PREFILL = "capacity.decode_tokens_per_s_per_gpu", "capacity.prefill_tokens_per_s_per_gpu"
FACTOR = "capacity.throughput_factor"
PLAN = {
    "capacity.basis": "measured", "capacity.model": "llama-3.1-8b",
    "capacity.accelerator": "H100 SXM 80GB", "demand.prompt_tokens_per_request": 512,
    "demand.output_tokens_per_request": 512, "demand.reasoning_factor": 1,
    "demand.cached_share": 0, "capacity.objective.ttft_p95_s": 1.0,
    "capacity.objective.tpot_p95_s": 0.04,
}  # fmt: skip


def resolved(records, **changes):
    plan = scenarios.from_document({"months": 12, "start": "2026-12"})
    named = {key.replace("__", "."): value for key, value in changes.items()}
    return resolve(scenarios.with_overrides(plan, {**PLAN, **named}), records, CATALOG)


def requests_per_s(found, prompt=512, new=512):
    """On one device, of a plan's requests one after another."""
    settings = found.settings
    return 1 / (prompt / settings[PREFILL].value + new / settings[DECODE].value)


def test_a_sound_run_decides_and_is_cited():
    run = served(output_per_s=4096.0)
    found = resolved([run])
    assert requests_per_s(found) == pytest.approx(8.0)
    assert found.settings[DECODE].basis == "measured"
    assert found.settings[DECODE].measurement_ids == (run.id,)
    assert [use.id for use in found.measurements] == [run.id]
    assert not found.findings
    spread = found.settings[FACTOR].spec
    assert (spread["low"], spread["high"]) == (pytest.approx(1 / 1.1), pytest.approx(1.1))


@pytest.mark.parametrize(
    "load",
    [
        {"concurrency_limit": 256},
        {"requests_failed": 50},
        {"client_bound": True},
        {"cached_share": 0.5},
        {"requests_ok": 40, "duration_s": 40 / (4000 / 512)},
        {"concurrency_limit": None, "mode": None},
        {"mode": "open", "concurrency_limit": None, "rate_per_s": 4000 / 512},
    ],
)
def test_an_unsound_run_changes_neither_capacity_nor_prediction(load):
    unsound = served(load={**{"concurrency_limit": 32}, **load})
    assert resolved([unsound]).settings == resolved([]).settings
    assert [finding.id for finding in resolved([unsound]).findings] == ["C06", "C02"]
    sound = served(output_per_s=4100.0)
    assert resolved([sound, unsound]).settings == resolved([sound]).settings
    predicted = {"capacity__basis": "predicted"}
    assert resolved([unsound], **predicted).settings == resolved([], **predicted).settings
    assert served_scales([unsound], CATALOG, shipped_tables()) == ()


def test_a_sweep_is_read_where_the_objective_is_met():
    """TPOT 10, 20 and 40 ms at 16, 32 and 64 in flight: 30 ms at 16 × 2^log2(3)."""
    curve = [
        served(held, rate, tpot_s=held * 0.010 / 16)
        for held, rate in ((16, 3000.0), (32, 4500.0), (64, 6000.0))
    ]
    found = resolved(curve, capacity__objective__tpot_p95_s=0.03)
    assert set(found.settings[DECODE].measurement_ids) == {curve[1].id, curve[2].id}
    assert 4500 < 512 * requests_per_s(found) < 6000
    loose = resolved(curve, capacity__objective__tpot_p95_s=0.1)
    assert 512 * requests_per_s(loose) == pytest.approx(6000)
    tight = resolved(curve, capacity__objective__tpot_p95_s=0.001)
    assert [finding.id for finding in tight.findings] == ["C04"]
    assert 512 * requests_per_s(tight) == pytest.approx(3000)


def test_points_of_a_rate_sweep_count_beside_the_one_that_breaks_the_objective():
    paced = {"mode": "open", "concurrency_limit": None, "sweep": "a"}
    low = served(16, 3000.0, tpot_s=0.01, load={**paced, "rate_per_s": 3000 / 512})
    high = served(48, 6000.0, tpot_s=0.09, load={**paced, "rate_per_s": 6000 / 512})
    assert resolved([low]).settings == resolved([]).settings
    found = resolved([low, high])
    assert 3000 < 512 * requests_per_s(found) < 6000
    assert found.settings[DECODE].basis == "measured"


def test_rates_are_of_one_device():
    assert requests_per_s(resolved([served(output_per_s=4096.0, count=2)])) == pytest.approx(4.0)
    found = resolved([served(output_per_s=4096.0, count=2)])
    assert found.settings["capacity.gpus_per_replica"].value == 2


def test_other_lengths_are_carried_over_by_the_predictor_with_a_wider_interval():
    run = served(output_per_s=4096.0)
    long = {"demand__prompt_tokens_per_request": 4096, "demand__output_tokens_per_request": 512}
    longer = {**long, "demand__prompt_tokens_per_request": 16_384}
    found, further = resolved([run], **long), resolved([run], **longer)
    assert found.settings[DECODE].basis == "extrapolated"
    assert requests_per_s(further, 16_384) < requests_per_s(found, 4096) < 8.0
    widths = [it.settings[FACTOR].spec["high"] for it in (resolved([run]), found, further)]
    assert widths == sorted(widths)
    assert len(set(widths)) == 3


def test_lengths_between_measured_ones_are_interpolated():
    runs = [served(output_per_s=4096.0), served(output_per_s=3000.0, prompt=2048, new=1024)]
    found = resolved(
        runs, demand__prompt_tokens_per_request=1024, demand__output_tokens_per_request=700
    )
    assert found.settings[DECODE].basis == "interpolated"


def test_an_unknown_model_is_not_carried_to_other_lengths():
    run = served(output_per_s=4096.0, model="someone/their-own")
    named = {"capacity__model": "someone/their-own", "capacity__basis": "measured"}
    assert requests_per_s(resolved([run], **named)) == pytest.approx(8.0)


def test_one_run_from_two_files_counts_once():
    twins = [served(citation=f"file {name}") for name in ("a.json", "b.json")]
    (once,) = served_scales(twins[:1], CATALOG, shipped_tables())
    (twice,) = served_scales(twins, CATALOG, shipped_tables())
    assert once == twice
    assert len(resolved(twins).measurements) == 1


SMALL = {"model_type": "llama", "hidden_size": 128, "num_hidden_layers": 2,
         "num_attention_heads": 4, "intermediate_size": 256, "vocab_size": 1000}  # fmt: skip


def test_two_models_of_one_name_never_join():
    large = {**SMALL, "hidden_size": 512, "num_hidden_layers": 6}
    one, other = (Model(name="config", family="decoder", config=it) for it in (SMALL, large))
    renamed = Model(name="another", family="decoder", config={**SMALL, "torch_dtype": "float16"})
    assert identity(one, CATALOG) != identity(other, CATALOG)
    assert identity(one, CATALOG) == identity(renamed, CATALOG)
    steps = [
        record("prefill", model="config").model_copy(update={"model": one, "id": ""}),
        record("decode", model="config").model_copy(update={"model": other, "id": ""}),
    ]
    plan = {"capacity__model": None, "capacity__accelerator": None}
    assert DECODE not in resolved(steps, **plan).settings


def test_a_model_is_found_under_any_of_its_names():
    run = served(output_per_s=4096.0, model="meta-llama/Llama-3.1-8B-Instruct")
    assert requests_per_s(resolved([run])) == pytest.approx(8.0)
    config = CATALOG.model("llama-3.1-8b").config
    own = served(output_per_s=4096.0, model="checkpoint", config=config)
    assert requests_per_s(resolved([own])) == pytest.approx(8.0)
    other = served(output_per_s=4096.0, model="llama-3.1-8b", config=SMALL)
    assert [finding.id for finding in resolved([other]).findings] == ["C02"]


def test_the_newest_run_of_an_unnamed_model_is_taken_where_no_steps_are():
    run = served(output_per_s=4096.0, recorded_at=datetime(2026, 12, 1, tzinfo=UTC))
    plan = {"capacity__model": None, "capacity__accelerator": None}
    assert requests_per_s(resolved([run], **plan)) == pytest.approx(8.0)
    steps = [record("prefill"), record("decode")]
    assert {use.kind for use in resolved([run, *steps], **plan).measurements} == {
        "prefill", "decode",
    }  # fmt: skip


def test_prompts_read_faster_than_the_device_computes_are_no_capacity():
    """8 requests/s × 16,384 tokens × 15 GFLOP = 2 PFLOP/s of one H100's 989 TFLOP/s."""
    cached = served(output_per_s=4096.0, prompt=16_384)
    assert "C06" in {finding.id for finding in resolved([cached]).findings}
    assert served_scales([cached], CATALOG, shipped_tables()) == ()
    assert served_scales([served(output_per_s=4096.0)], CATALOG, shipped_tables())


GUESSING = {"drafting": {"method": "EAGLE3", "drafted": 3, "tokens_per_pass": 3.1}}


def test_a_server_that_guesses_ahead_is_taken_only_for_want_of_a_plain_one():
    plain, quick = served(output_per_s=4096.0), served(output_per_s=12_288.0, workload=GUESSING)
    assert resolved([plain, quick]).settings == resolved([plain]).settings
    found = resolved([quick])
    assert requests_per_s(found) == pytest.approx(24.0)
    assert [finding.id for finding in found.findings] == ["C07"]
    assert "EAGLE3 guessed ahead" in found.settings[DECODE].source


def test_runs_with_another_cache_make_another_curve():
    runs = [served(output_per_s=rate, workload={"cache_format": name})
            for rate, name in ((4096.0, "bf16"), (5120.0, "fp8"))]  # fmt: skip
    found = resolved(runs)
    assert requests_per_s(found) == pytest.approx(10.0)
    assert found.settings[DECODE].measurement_ids == (runs[1].id,)
    assert "fp8 cache" in found.settings[DECODE].source


def changed(record, **parts):
    """A record with parts of it replaced, None for what a tool doesn't say."""
    fields = record.model_dump(exclude={"id"})
    for path, value in parts.items():
        *holders, last = path.split("__")
        holder = fields
        for one in holders:
            holder = holder[one]
        holder[last] = value
    return type(record).model_validate(fields)


@pytest.mark.parametrize(("held", "is_missed"), [(4096.0, True), (32.0, False)])
def test_a_run_without_a_tokens_times_keeps_an_objective_only_by_its_requests(held, is_missed):
    """4,096 in flight at 26 requests/s take 157 s each: 308 ms a token; 32 take 1.2 s: 2.4 ms."""
    silent = {"result__latency__first_token_s": None, "result__latency__per_token_s": None}
    silent |= {"result__serving__ttft": None, "result__serving__tpot": None}
    silent["result__serving__output_tokens"] = 20_000 * 512
    run = changed(served(held, 26 * 512.0, load={"requests_ok": 20_000}), **silent)
    found = resolved([changed(run, load__duration_s=20_000 / 26)])
    assert [finding.id for finding in found.findings] == ["C04"] * is_missed
    if is_missed:
        (missed,) = found.findings
        assert missed.values["measured_s"] == pytest.approx(4096 / 26 / 511, rel=0.01)


def test_short_answers_count_by_their_mean_not_by_its_whole_number():
    """1.4 tokens an answer at 109.76 tokens/s are 78.4 answers a second."""
    run = changed(served(8.0, 109.76, new=1), result__serving__output_tokens=1400)
    run = changed(run, load__duration_s=1000 / 78.4, load__in_flight_mean=8.0)
    run = changed(run, result__serving__e2e={"mean_s": 8 / 78.4}, result__latency__mean_s=8 / 78.4)
    asked = {"demand__output_tokens_per_request": 1.4}
    assert requests_per_s(resolved([run], **asked), new=1.4) == pytest.approx(78.4)


def test_a_run_of_narrow_weights_is_judged_and_read_beside_others():
    """Weights of 4 bits are multiplied in 16: no rate of products in 4 bits is asked for."""
    narrow = changed(served(), workload__precision="int4", workload__quantization="W4A16")
    sound = served(output_per_s=4100.0)
    assert judgements([narrow], CATALOG)[narrow.id].sound
    assert resolved([sound, narrow]).settings == resolved([sound]).settings


def test_imported_weights_are_as_the_checkpoint_stores_them():
    """gpt-oss-120b is published in MXFP4, Llama 3.1 in 16 bits; 70 B of these are 141 GB."""
    narrow = as_stored(served(model="openai/gpt-oss-120b"), CATALOG, Told())
    assert narrow.workload.precision == "fp4"
    wide = served(model="meta-llama/Llama-3.1-70B-Instruct")
    with pytest.raises(InputError, match=r"141 GB.*\n.*--count"):
        as_stored(wide, CATALOG, Told())
    assert as_stored(wide, CATALOG, Told(count=1)) == wide
    assert as_stored(served(), CATALOG, Told()) == served()
