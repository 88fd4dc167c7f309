"""Another tool's tests of single steps: each moves its own kind of prediction, and nothing else."""

import math

import pytest

from modelworth.costmodel.architecture.identity import architecture_of
from modelworth.costmodel.business import capacity_measured
from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.predictor import Predictor, against
from modelworth.costmodel.prediction.served import served_case, served_scales
from modelworth.costmodel.prediction.step.coefficients import shipped_tables
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.data.catalog import load_catalog
from modelworth.data.importers.foreign import read_foreign
from modelworth.data.importers.told import Told
from modelworth.data.measurement import Model
from tests.data.importers.results import LLAMA, written

CATALOG, TABLES = load_catalog(), shipped_tables()
PLAIN = LLAMA | {"gpu_info": "NVIDIA H100 80GB HBM3", "flash_attn": True}
PLAN = {
    "capacity.basis": "measured", "capacity.model": "llama-3.1-8b",
    "capacity.accelerator": "H100 SXM 80GB", "demand.output_tokens_per_request": 128,
    "demand.reasoning_factor": 1, "demand.prompt_tokens_per_request": 512,
    "capacity.objective.ttft_p95_s": 10, "capacity.objective.tpot_p95_s": 1,
}  # fmt: skip


@pytest.fixture
def tests_of(tmp_path):
    """Records of a llama-bench file: (prompt, written, depth, tokens a second, settings)."""

    def read(*tests):
        rows = [
            PLAIN
            | {"n_prompt": prompt, "n_gen": new, "n_depth": depth, "samples_ns": [],
               "avg_ns": round((prompt + new) / per_s * 1e9)}
            | settings
            for prompt, new, depth, per_s, settings in tests
        ]  # fmt: skip
        return read_foreign(written(tmp_path, rows), Told())

    return read


def predicted(records, work, tokens=64.0, **asked):
    case = Case.of("llama-3.1-8b", "H100 SXM 80GB", work=work, precision="int4", tokens=tokens,
                   **asked)  # fmt: skip
    return Predictor(CATALOG, records=records).predict(case)


def test_a_count_of_weights_says_which_model_it_is():
    """Llama 3.1's files have 64 factors of positions more than Llama 3's."""

    def named(weights):
        found = architecture_of(Model(name="llama 8B", family="decoder", parameters_total=weights),
                                CATALOG)  # fmt: skip
        return found and found.name

    assert named(8_030_261_312) == "llama-3.1-8b"
    assert named(8_030_261_248) == "llama-3-8b"
    assert named(8_190_735_360) == "qwen3-8b"
    assert named(7_000_000_000) is None
    assert named(None) is None


def test_each_test_moves_its_own_kind_of_work(tests_of):
    before = {work: predicted((), work, software="llama.cpp").value for work in
              ("prefill", "decode")}  # fmt: skip
    decode = tests_of((0, 128, 0, 0.7 * before["decode"], {}))
    assert before["decode"] > predicted(decode, "decode").value > 0.7 * before["decode"]
    assert predicted(decode, "prefill", software="llama.cpp").value == before["prefill"]
    assert "own tests with llamacpp" in predicted(decode, "decode").note
    other = {"work": "decode", "software": "vllm"}
    assert predicted(decode, **other) == predicted((), **other)


@pytest.mark.parametrize(
    "test",
    [
        (512, 0, 4096, 500.0, {}),  # a prompt at a depth
        (512, 128, 0, 500.0, {}),  # both, one after another
        (0, 128, 0, 5.0, {"n_gpu_layers": 10}),  # most layers on the processor
        (0, 128, 0, 50.0, {"model_type": "llama 8B Q6_K", "model_size": 6_588_000_000}),
        (0, 128, 0, 50.0, {"type_k": "q8_0", "type_v": "q8_0"}),
        (0, 128, 0, 50.0, {"model_n_params": 5_000_000_000}),
        (0, 128, 0, 50.0, {"gpu_info": "A card that nobody knows"}),
    ],
)
def test_unlike_tests_leave_plain_predictions_alone(tests_of, test):
    records = tests_of(test)
    for work in ("prefill", "decode", "serve"):
        asked = {"software": "llama.cpp", "tokens": 512.0}
        assert predicted(records, work, **asked) == predicted((), work, **asked)


def test_of_settings_that_are_free_to_choose_the_fastest_counts(tests_of):
    slow = (512, 0, 0, 3000.0, {"flash_attn": False, "n_ubatch": 64})
    fast = (512, 0, 0, 9000.0, {"flash_attn": True, "n_ubatch": 512})
    (both,) = served_scales(tests_of(slow, fast), CATALOG, TABLES)
    (alone,) = served_scales(tests_of(fast), CATALOG, TABLES)
    assert both == alone


def test_a_depth_is_the_length_that_is_decoded_at(tests_of):
    (record,) = tests_of((0, 128, 16_384, 100.0, {}))
    assert served_case(record, CATALOG).tokens == 16_384 + 64
    (pair,) = against([record], Predictor(CATALOG))
    assert (pair.work, pair.measured) == ("decode", pytest.approx(100.0))


def rates(records, **changes):
    plan = scenarios.from_document({"months": 12, "start": "2026-12"})
    named = {key.replace("__", "."): value for key, value in changes.items()}
    plan = scenarios.with_overrides(plan, {**PLAN, **named})
    found = capacity_measured.evidence(plan, records, CATALOG).settings
    keys = ("prefill_tokens_per_s_per_gpu", "decode_tokens_per_s_per_gpu")
    return [round(found[f"capacity.{key}"].value) for key in keys] if found else None


def test_a_plan_takes_both_rates_of_one_way_of_running(tests_of):
    """8 bits read prompts faster and decode slower: the fastest of each is no server."""
    eight = {"model_type": "llama 8B Q8_0", "model_size": 8_532_000_000}
    records = tests_of((512, 0, 0, 9000.0, {}), (0, 128, 0, 150.0, {}),
                       (512, 0, 0, 9500.0, eight), (0, 128, 0, 110.0, eight))  # fmt: skip
    assert rates(records) in ([9000, 150], [9500, 110])
    assert rates(records[:1] + records[3:]) is None


def test_a_plan_takes_the_depth_nearest_to_its_own(tests_of):
    records = tests_of((512, 0, 0, 9000.0, {}), (512, 0, 8192, 6000.0, {}),
                       (0, 128, 0, 150.0, {}), (0, 128, 8192, 110.0, {}))  # fmt: skip
    assert rates(records) == [9000, 150]
    assert rates(records, demand__prompt_tokens_per_request=2000) == [9000, 150]
    assert rates(records, demand__prompt_tokens_per_request=8000) == [6000, 110]
    assert math.isclose(records[3].result.latency.per_token_s, 1 / 110, rel_tol=1e-6)
