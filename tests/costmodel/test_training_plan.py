"""From model and cluster to layout and run: measured steps, published runs, one figure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelworth.costmodel.architecture.structure import Architecture
from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.layouts import (
    best_layouts,
    laid_out,
    layouts,
    sequences_of,
)
from modelworth.costmodel.prediction.predictor import Predictor
from modelworth.costmodel.prediction.refusal import refused, training_ask
from modelworth.costmodel.prediction.training_run import Reliability, plan_training, run_of
from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError

CATALOG = load_catalog()
PREDICTOR = Predictor(CATALOG)

# mosaicml/llm-foundry@8c8dd48, scripts/train/benchmarking/README.md: the fastest rows of runs that
# needed no recomputation, sequences of 2,048 tokens: shape, GPU, count, batch, tokens per second.
MEASURED = [
    ((12, 768, 12), "A100 SXM 40GB", 8, 208, 136_334),
    ((24, 1024, 16), "A100 SXM 40GB", 64, 1152, 52_689),
    ((24, 2048, 16), "H100 SXM 80GB", 16, 320, 46_037),
    ((32, 2560, 20), "H100 SXM 80GB", 16, 160, 24_142),
]


def ask(model: str, gpus: int, batch: int, tokens: int, gpu: str = "H100", **more) -> Case:
    return Case.of(model, gpu, work="train", gpus=gpus, global_batch=batch, tokens=tokens, **more)


@pytest.mark.parametrize(("shape", "gpu", "count", "batch", "rate"), MEASURED)
def test_best_layout_is_about_as_fast_as_the_best_measured(shape, gpu, count, batch, rate):
    layers, hidden, heads = shape
    model = Architecture.from_columns(
        layers=layers, hidden=hidden, heads=heads, ffn=4 * hidden, vocab=50368, gated_mlp=False,
        tied=True,
    )  # fmt: skip
    case = Case.on(
        model, CATALOG.accelerator(gpu), work="train", gpus=count, global_batch=batch,
        tokens=2048, software="llm-foundry",
    )  # fmt: skip
    plan = plan_training(case, 1e11, PREDICTOR)
    assert plan.best.tokens_per_s_per_device == pytest.approx(rate, rel=0.15)


@pytest.mark.parametrize(
    ("gpus", "data", "tokens", "mfu"),
    [(8192, 64, 8192, 0.43), (16_384, 128, 8192, 0.41), (16_384, 8, 131_072, 0.38)],
)
def test_llama_405b_reaches_its_published_utilisation(gpus, data, tokens, mfu):
    """Grattafiori et al. 2024, table 4: tensor 8, pipeline 16, context 1 or 16."""
    context = 16 if tokens > 100_000 else 1
    batch = 16 * 2**20 // tokens
    case = ask(
        "llama-3.1-405b", gpus, batch, tokens, tensor=8, pipeline=16, context=context, virtual=8,
        sharding="gradients",
    )  # fmt: skip
    assert case.data == data
    run = run_of(case, float(PREDICTOR.times([case]).value[0]), 1e12)
    utilisation = run.utilisation / run.goodput.share
    assert utilisation == pytest.approx(mfu, rel=0.1)


def test_deepseek_v3_takes_about_its_published_hours():
    """DeepSeek-AI 2024: 2.79M H800-hours for 14.8T tokens; pipeline 16, experts over 64."""
    case = ask(
        "deepseek-v3", 2048, 15_360, 4096, gpu="H800", pipeline=16, expert=64, precision="fp8",
        sharding="gradients", virtual=2, overlapped=True,
    )  # fmt: skip
    run = run_of(case, float(PREDICTOR.times([case]).value[0]), 14.8e12)
    assert run.device_hours == pytest.approx(2.79e6, rel=0.2)


def test_a_case_a_search_and_a_plan_say_the_same_to_the_last_digit():
    """Llama-3.1-70B on 64 H100: data 16, tensor 4, FSDP."""
    wanted = ask(
        "llama-3.1-70b", 64, 256, 8192, tensor=4, sharding="full", recomputed=1.0, virtual=1
    )
    assert wanted in list(layouts(wanted))
    given = plan_training(wanted, 1e12, PREDICTOR, searched=False)
    alone = PREDICTOR.predict(wanted)
    searched = float(PREDICTOR.times([replace(wanted, batch=2), wanted]).value[1])
    assert given.best.tokens_per_s_per_device == alone.value == searched
    best = plan_training(wanted, 1e12, PREDICTOR)
    assert PREDICTOR.predict(best.best.case).value == best.best.tokens_per_s_per_device


def test_plan_and_run_agree():
    plan = plan_training(ask("llama-3.1-8b", 64, 512, 8192), 1e12, PREDICTOR, gco2_per_kwh=400)
    step_s = plan.best.step_s
    assert plan.best.tokens_per_s_per_device == pytest.approx(512 * 8192 / step_s / 64)
    assert sum(plan.best.parts.values()) == pytest.approx(step_s)
    days = 1e12 / (512 * 8192) * step_s / 86_400 / plan.run.goodput.share
    assert plan.run.days == pytest.approx(days)
    assert plan.run.carbon_kg == pytest.approx(plan.run.energy_kwh * 0.4)
    assert 0.2 < plan.run.utilisation < 0.7
    assert all(other.step_s >= step_s for other in plan.others)


def test_the_search_finds_what_trying_all_finds():
    case = ask("llama-3.1-8b", 16, 64, 4096)
    best = best_layouts(case, PREDICTOR)[0]
    fitting = [one for one in layouts(case) if refused([one], PREDICTOR.tables) == [None]]
    values = [one.value for one in PREDICTOR.predict_all(fitting)]
    assert best.value == max(values)


def test_unreliable_devices_take_longer():
    case = ask("llama-3.1-8b", 64, 512, 8192)
    usual = plan_training(case, 1e12, PREDICTOR).run.days
    worse = plan_training(case, 1e12, PREDICTOR, reliability=Reliability(500)).run.days
    assert worse > usual * 1.01


def test_what_cannot_be_held_is_refused_with_what_would():
    with pytest.raises(InputError, match="give more devices"):
        plan_training(ask("llama-3.1-70b", 8, 64, 4096), 1e12, PREDICTOR)
    with pytest.raises(InputError, match="global_batch"):
        best_layouts(Case.of("gpt2", "H100", work="train", gpus=8), PREDICTOR)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"batch": 1}, "fits on 2 with FSDP"),
        ({"gpus": 8, "batch": 1}, "weights, gradients and optimizer alone"),  # replicas, not shards
        ({"gpus": 8, "sharding": "full", "batch": 4, "tokens": 8192}, "full checkpointing"),
    ],
)
def test_a_training_case_without_room_says_what_fits(changes, words):
    case = Case.of("llama-3.1-8b", "H100", work="train", **changes)
    assert words in str(refused([case], PREDICTOR.tables)[0])


@pytest.mark.parametrize(
    "changes",
    [
        {"batch": 4, "tokens": 8192, "recomputed": 1.0},
        {"batch": 1, "tokens": 8192},
        {"batch": 2, "tokens": 8192, "recomputed": 0.5},
    ],
)
def test_a_training_case_with_room_is_not_refused(changes):
    case = Case.of("llama-3.1-8b", "H100", work="train", gpus=8, sharding="full", **changes)
    assert refused([case], PREDICTOR.tables) == [None]


@pytest.mark.parametrize("gpus", [24, 48, 100, 3072])
def test_a_batch_that_nobody_says_is_one_that_the_devices_share(gpus):
    case = Case.of("llama-3.1-8b", "H100 SXM 80GB", CATALOG, work="train", gpus=gpus, tokens=8192)
    found = laid_out(case, Predictor(CATALOG))
    assert found.global_batch % found.data == 0
    assert 2e6 < found.global_batch * 8192 < 8e6 * 1.1
    with pytest.raises(InputError, match="don't divide among"):
        best_layouts(replace(case, global_batch=511), Predictor(CATALOG))


def test_a_batch_is_the_power_of_two_nearest_to_what_is_asked():
    """4e6 / 8192 is 488: 512, not 256."""
    assert sequences_of(4e6, 8192, 64) == 512
    assert sequences_of(4e6, 8192, 96) == 3 * 128


def test_gradients_stay_whole_on_pipeline_stages():
    """Megatron-Core's documentation: 6 + 12/d bytes a parameter, of which 4 are gradients
    that the distributed optimizer doesn't divide; ZeRO 2 divides them."""
    asked = {"work": "train", "gpus": 64, "tensor": 4, "sharding": "gradients", "global_batch": 256}
    staged, flat = (
        training_ask(Case.of("llama-3.1-70b", "H100 SXM 80GB", CATALOG, pipeline=stages, **asked))
        for stages in (2, 1)
    )
    assert staged.memory().gradients == pytest.approx(70.6e9 / 8 * 4, rel=0.05)
    assert flat.memory().gradients == pytest.approx(70.6e9 / 4 / 16 * 4, rel=0.05)
