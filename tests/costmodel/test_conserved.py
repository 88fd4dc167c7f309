"""Two thousand random requests: nothing beyond the ceilings, no nonsense, monotone laws."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from modelworth.costmodel.architecture.read import read_model
from modelworth.costmodel.prediction.answer import answer_of
from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.predictor import Prediction, Predictor
from modelworth.data.catalog import load_catalog

CATALOG = load_catalog()
PREDICTOR = Predictor(CATALOG)
MODELS = (
    "llama-3.2-1b", "llama-3.1-8b", "llama-3.1-70b", "mixtral-8x7b", "gpt-oss-20b", "gpt-oss-120b",
    "qwen3-30b-a3b", "deepseek-v3", "gemma-2-9b", "falcon-7b", "bert-base", "vit-large", "gpt2",
)  # fmt: skip
READ = {name: read_model(CATALOG.model(name).config, name) for name in MODELS}
SOFTWARE = {
    "serve": ("vllm", "sglang 0.5", "trtllm 1.0", "llama.cpp", "tgi", None),
    "train": ("megatron-bridge 26.04", "llm-foundry", "torchtitan", "maxtext", None),
}
REQUESTS = 2000


def draw(rng: np.random.Generator) -> Case:
    """One request, whether it fits or not."""
    architecture = READ[MODELS[rng.integers(len(MODELS))]]
    generates = architecture.generates
    work = str(
        rng.choice(("serve", "serve", "train", "prefill", "decode") if generates else ("forward",))
    )
    gpus = int(2 ** rng.integers(0, 6))
    asked = {
        "work": work,
        "gpus": gpus,
        "precision": str(rng.choice(("bf16", "fp16", "fp8", "fp4", "int4", "int8", "fp32"))),
        "batch": float(np.exp(rng.uniform(0, np.log(2048 if work == "serve" else 64)))),
        "tokens": float(np.exp(rng.uniform(np.log(4), np.log(60_000)))),
        "new_tokens": float(np.exp(rng.uniform(0, np.log(8000)))),
        "software": SOFTWARE.get(work, (None,))[rng.integers(len(SOFTWARE.get(work, (None,))))],
    }
    if work == "train":
        asked |= _training(rng, gpus, experts=architecture.has_experts)
    if work == "serve":
        asked |= _serving(rng, gpus)
    accelerator = CATALOG.accelerators[rng.integers(len(CATALOG.accelerators))]
    return Case.on(architecture, accelerator, **asked)


def _training(rng: np.random.Generator, gpus: int, *, experts: bool) -> dict[str, object]:
    """How a step is cut, and what it repeats and overlaps."""
    tensor, pipeline, context = (int(2 ** rng.integers(0, most)) for most in (3, 3, 2))
    if gpus % (tensor * pipeline * context):
        tensor = pipeline = context = 1
    data = gpus // (tensor * pipeline * context)
    batch = float(rng.integers(1, 9))
    return {
        "tensor": tensor, "pipeline": pipeline, "context": context, "batch": batch,
        "expert": int(rng.choice((1, min(8, data)))) if experts else 1,
        "virtual": rng.choice((None, 1, 2)) if pipeline > 1 else None,
        "global_batch": float(batch * data * rng.integers(1, 17)),
        "sharding": str(rng.choice(("none", "gradients", "full"))),
        "recomputed": float(rng.choice((0.0, 0.15, 1.0))),
        "overlapped": bool(rng.integers(2)), "compiled": bool(rng.integers(2)),
    }  # fmt: skip


def _serving(rng: np.random.Generator, gpus: int) -> dict[str, object]:
    """How requests come, and what an engine makes of them."""
    pipeline = int(rng.choice((1, 1, min(2, gpus))))
    regime = str(rng.choice(("closed", "queued", "static")))
    read_tensor = int(2 ** rng.integers(0, 4))
    apart = regime != "static" and bool(rng.integers(2))
    tensor = max(gpus // pipeline // int(rng.choice((1, 1, 2))), 1)
    drafted = int(rng.choice((0, 0, 3)))
    return {
        "regime": regime, "read_gpus": read_tensor * int(2 ** rng.integers(0, 4)) * apart,
        "read_tensor": read_tensor,
        "pipeline": pipeline, "tensor": tensor, "prefix_share": float(rng.choice((0.0, 0.5))),
        "max_sequences": rng.choice((None, 64.0)), "memory_share": float(rng.choice((0.5, 0.9))),
        "kv_precision": rng.choice((None, "fp8")), "drafted": drafted,
        "acceptance": 0.7 if drafted else 0.0,
        "attention_data": int(rng.choice((1, 1, tensor))),
    }  # fmt: skip


CASES = [draw(np.random.default_rng(place)) for place in range(REQUESTS)]


@pytest.fixture(scope="module")
def found() -> list[tuple[Case, Prediction]]:
    made = PREDICTOR.predict_all(CASES)
    return [(case, one) for case, one in zip(CASES, made, strict=True) if one.value is not None]


def times_of(one: Prediction) -> list[float]:
    return [seconds for seconds in (one.step_s, one.ttft_s, one.tpot_s) if seconds is not None]


def test_most_requests_can_be_answered_and_no_figure_is_nonsense(found):
    assert len(found) > REQUESTS / 2
    for case, one in found:
        assert 0 < one.low < one.value < one.high < math.inf, case
        assert all(0 <= seconds < math.inf for seconds in times_of(one)), case
        assert all(math.isfinite(seconds) for seconds in one.parts.values()), case
        assert all(seconds >= 0 for name, seconds in one.parts.items() if name != "shared"), case


def test_no_prediction_is_above_what_the_ceilings_allow(found):
    for case, _ in found:
        answer = answer_of(case, PREDICTOR)
        assert answer.mfu is None or 0 <= answer.mfu <= 1, (answer.mfu, case)
        assert answer.mbu is None or 0 <= answer.mbu <= 1, (answer.mbu, case)


def test_what_runs_is_never_said_to_need_more_memory_than_there_is(found):
    for case, _ in found:
        answer = answer_of(case, PREDICTOR)
        held = float(answer.memory.total)
        assert case.work in ("prefill", "forward") or held <= answer.available_bytes * 1.001, case


@pytest.mark.parametrize(
    ("model", "device", "asked"),
    [
        ("llama-2-70b", "H100 SXM 80GB", {"gpus": 8, "batch": 8192, "regime": "queued",
         "tokens": 294, "new_tokens": 294, "software": "tensorrt-llm", "precision": "fp8"}),
        ("llama-3.1-8b", "T4", {"new_tokens": 256}),
        ("deepseek-v3", "H200 SXM 141GB", {"gpus": 16, "expert": 16, "attention_data": 16,
         "batch": 2048, "precision": "fp8", "new_tokens": 1000}),
    ],
)  # fmt: skip
def test_the_cache_that_runs_is_the_cache_that_is_counted(model, device, asked):
    """An 8-bit cache, half an answer, and attention's replicas count in the memory, too."""
    answer = answer_of(Case.of(model, device, **asked), PREDICTOR)
    free = answer.available_bytes - float(answer.memory.total)
    assert free >= 0
    found, held = answer.prediction, answer.memory.kv_cache / answer.prediction.running
    assert found.running + free / held >= found.room * 0.999


def test_refusals_are_about_memory_and_say_what_to_do():
    refused = [one for one in PREDICTOR.predict_all(CASES) if one.value is None]
    words = ("GB", "cache", "made for")
    assert all(any(word in one.note for word in words) for one in refused)
    assert all(one.refusal is not None for one in refused)


@pytest.mark.parametrize("more", ["batch", "tokens"])
def test_more_work_takes_no_less_time(found, more):
    larger = [
        (case, one)
        for case, one in found
        if case.work in ("prefill", "decode", "forward") and case.architecture.patches is None
    ]
    cases = [replace(case, **{more: getattr(case, more) * 1.5}) for case, _ in larger]
    again = PREDICTOR.predict_all(cases)
    pairs = [(one, two) for (_, one), two in zip(larger, again, strict=True) if two.value]
    assert len(pairs) > 50
    assert all(two.step_s >= one.step_s * (1 - 1e-9) for one, two in pairs)


def test_throughput_grows_with_clients_and_with_devices(found):
    closed = [
        (case, one)
        for case, one in found
        if case.work == "serve" and case.regime == "closed" and case.pipeline == 1
    ]
    more = PREDICTOR.predict_all([replace(case, batch=case.batch * 1.5) for case, _ in closed])
    for (case, one), two in zip(closed, more, strict=True):
        assert two.value >= one.value * 0.995, case
    whole = [(case, one) for case, one in closed if not case.read_gpus]  # others cross a server
    wider = [replace(case, gpus=case.gpus * 2, batch=case.batch * 2) for case, _ in whole]
    for (case, one), two in zip(whole, PREDICTOR.predict_all(wider), strict=True):
        assert two.value == pytest.approx(one.value, rel=1e-6), case  # two replicas: as much each


def test_a_longer_prompt_never_serves_more(found):
    served = [(case, one) for case, one in found if case.work == "serve"]
    longer = [replace(case, tokens=case.tokens * 1.5) for case, _ in served]
    for (case, one), two in zip(served, PREDICTOR.predict_all(longer), strict=True):
        assert two.value is None or two.value <= one.value * 1.005, case


def test_a_longer_context_or_prompt_never_comes_sooner(found):
    served = [
        (case, one) for case, one in found if case.work == "serve" and case.regime == "static"
    ]
    longer = [replace(case, tokens=case.tokens * 1.5) for case, _ in served]
    for (case, one), two in zip(served, PREDICTOR.predict_all(longer), strict=True):
        assert two.value is None or two.ttft_s >= one.ttft_s * (1 - 1e-9), case
        assert two.value is None or two.tpot_s >= one.tpot_s * (1 - 1e-9), case


def test_training_gains_from_more_replicas(found):
    """Twice the replicas and the batch: more tokens in all, where replicas exchange already.

    The second replica brings the exchange, FSDP's gathers and the network between servers, each of
    which may cost more than it gains; so replicas fill two servers before they are doubled.
    """
    trained = [
        replace(case, gpus=case.gpus * more, global_batch=case.global_batch * more)
        for case, _ in found
        if case.work == "train"
        for more in [2 * case.accelerator.devices_per_node]
    ]
    assert len(trained) > 50
    wider = [
        replace(case, gpus=case.gpus * 2, global_batch=case.global_batch * 2) for case in trained
    ]
    pairs = zip(PREDICTOR.predict_all(trained), PREDICTOR.predict_all(wider), strict=True)
    for case, (one, two) in zip(trained, pairs, strict=True):
        assert two.value * 2 >= one.value * 0.999, case


def test_a_larger_model_takes_longer(found):
    larger = {"llama-3.2-1b": "llama-3.1-8b", "llama-3.1-8b": "llama-3.1-70b"}
    some = [(case, one) for case, one in found if case.architecture.name in larger]
    again = [replace(case, architecture=READ[larger[case.architecture.name]]) for case, _ in some]
    pairs = zip(some, PREDICTOR.predict_all(again), strict=True)
    compared = [(case, one, two) for (case, one), two in pairs if two.value]
    assert len(compared) > 50
    assert all(two.value < one.value for case, one, two in compared)
