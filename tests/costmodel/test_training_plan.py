"""From model and cluster to layout and run: measured steps, published runs, refusals."""

from __future__ import annotations

import pytest

from modelworth.costmodel.architecture.structure import Architecture
from modelworth.costmodel.prediction.layout import Job
from modelworth.costmodel.prediction.training_plan import plan_training
from modelworth.costmodel.prediction.training_run import Reliability
from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError

CATALOG = load_catalog()

# mosaicml/llm-foundry@8c8dd48, scripts/train/benchmarking/README.md: the fastest rows of runs that
# needed no recomputation, sequences of 2,048 tokens: shape, GPU, count, batch, tokens per second.
MEASURED = [
    ((12, 768, 12), "A100 SXM 40GB", 8, 208, 136_334),
    ((24, 1024, 16), "A100 SXM 40GB", 64, 1152, 52_689),
    ((24, 2048, 16), "H100 SXM 80GB", 16, 320, 46_037),
    ((32, 2560, 20), "H100 SXM 80GB", 16, 160, 24_142),
]


def shipped(model: str, batch: int, tokens: int) -> Job:
    return Job(Architecture.from_config(CATALOG.model(model).config), batch, tokens)


@pytest.mark.parametrize(("shape", "gpu", "count", "batch", "rate"), MEASURED)
def test_best_layout_is_about_as_fast_as_the_best_measured(shape, gpu, count, batch, rate):
    layers, hidden, heads = shape
    model = Architecture.from_columns(
        layers=layers,
        hidden=hidden,
        heads=heads,
        ffn=4 * hidden,
        vocab=50368,
        gated_mlp=False,
        tied=True,
    )
    job = Job(model, batch, 2048)
    plan = plan_training(job, CATALOG.accelerator(gpu), count, 1e11, software="llm-foundry")
    assert plan.tokens_per_s_per_device == pytest.approx(rate, rel=0.15)


def test_llama_405b_takes_about_its_published_hours():
    """Grattafiori et al. 2024 and its model card: 15.6T tokens, 30.84M H100-hours, 16,384 devices
    in tensor 8, pipeline 16, data 128."""
    plan = plan_training(
        shipped("llama-3.1-405b", 2048, 8192), CATALOG.accelerator("H100"), 16_384, 15.6e12
    )
    cut = plan.best.layout.sharding
    assert (cut.tensor, cut.pipeline, cut.data) == (8, 16, 128)
    assert plan.run.device_hours == pytest.approx(30.84e6, rel=0.25)


def test_plan_and_run_agree():
    job = shipped("llama-3.1-8b", 512, 8192)
    accelerator = CATALOG.accelerator("H100")
    plan = plan_training(job, accelerator, 64, 1e12, gco2_per_kwh=400)
    step_s = plan.best.time.total_s
    assert plan.tokens_per_s_per_device == pytest.approx(512 * 8192 / step_s / 64)
    days = 1e12 / (512 * 8192) * step_s / 86_400 / plan.run.goodput.share
    assert plan.run.days == pytest.approx(days)
    assert plan.run.carbon_kg == pytest.approx(plan.run.energy_kwh * 0.4)
    assert 0.2 < plan.run.utilisation < 0.7
    assert plan.note is None
    assert all(other.time.total_s >= step_s for other in plan.others)


def test_unreliable_devices_take_longer():
    job = shipped("llama-3.1-8b", 512, 8192)
    item = CATALOG.accelerator("H100")
    usual = plan_training(job, item, 64, 1e12).run.days
    worse = plan_training(job, item, 64, 1e12, reliability=Reliability(500)).run.days
    assert worse > usual * 1.01


def test_links_taken_from_another_device_are_named():
    plan = plan_training(shipped("gpt2", 64, 1024), CATALOG.accelerator("RTX 4090"), 4, 1e10)
    assert "RTX PRO 6000 Server" in plan.note


def test_refusals():
    job = shipped("llama-3.1-70b", 64, 4096)
    with pytest.raises(InputError, match="fits on 32 with FSDP"):
        plan_training(job, CATALOG.accelerator("H100"), 8, 1e12)
    with pytest.raises(InputError, match="devices"):
        plan_training(job, CATALOG.accelerator("H100"), 0, 1e12)
    with pytest.raises(InputError, match="network_gb_per_s"):
        plan_training(shipped("gpt2", 64, 1024), CATALOG.accelerator("RTX 4090"), 16, 1e10)
