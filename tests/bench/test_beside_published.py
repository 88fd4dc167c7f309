"""Runs beside published ones: hand arithmetic on the shipped table, and nothing where none is near.

The records are made up for these tests and say so.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from modelworth.costmodel.prediction.published_rows import beside
from modelworth.data.catalog import load_catalog
from modelworth.data.measurement import (
    Interval,
    Latency,
    Machine,
    Measurement,
    Model,
    Provenance,
    Result,
    Workload,
)
from modelworth.data.serving import Serving
from modelworth.data.store import open_store
from tests.bench.test_bench_verbs import typed


def record(model, device, value, unit="tokens", count=1, serving=None, **workload):
    """A made-up run: `value` units a second and device."""
    asked = {"batch": 1, "precision": "bfloat16", **workload}
    interval = Interval(value=value * count)
    return Measurement(
        recorded_at=datetime(2026, 11, 26, tzinfo=UTC),
        suite="made up",
        model=model if isinstance(model, Model) else Model(name=model, family="decoder"),
        workload=Workload(**asked),
        machine=Machine(device=device, kind="cuda", count=count),
        status="ok",
        result=Result(
            unit=unit, work_per_step=1, throughput_per_s=interval,
            throughput_per_s_per_device=value, latency=Latency(mean_s=1, p50_s=1), serving=serving,
        ),
        provenance=Provenance(origin="measured", tool="a test"),
    )  # fmt: skip


TRAINED = record(
    "llama-3.1-8b", "NVIDIA H100 80GB HBM3", 4665.1, kind="pretrain", batch=1, prompt_tokens=8192
)
H100, FOUNDRY = "H100 SXM 80GB", "llm-foundry"


def test_training_of_the_same_model_is_divided():
    """Torchtitan's 4,809.4 tokens/s a GPU at 64 GPUs and batch 12: 4,665.1 are 97%."""
    found = beside(TRAINED, load_catalog())
    assert (found.row.software, found.row.device, found.scaled) == ("torchtitan", H100, False)
    assert found.ratio == pytest.approx(4665.1 / 4809.4, rel=1e-9)
    assert found.differs == ("batch 1, not 12", "devices 1, not 64")


def test_another_model_of_this_size_is_compared_by_tokens_and_parameters():
    """1,315,723,264 parameters for MPT-1B's 1,315,950,592: alike; 1.2 billion: scaled."""
    asked = {"kind": "pretrain", "batch": 12, "prompt_tokens": 2048}
    near = beside(record("gpt3-1.3b", H100, 40_000, **asked), load_catalog())
    assert (near.row.model, near.row.software, near.scaled) == ("mpt-1b", FOUNDRY, False)
    assert near.ratio == pytest.approx(40_000 / 44_123, rel=1e-9)
    smaller = Model(name="mine", family="decoder", parameters_total=1_200_000_000)
    far = beside(record(smaller, H100, 40_000, **asked), load_catalog())
    assert far.scaled
    assert far.ratio == pytest.approx(40_000 * 1.2e9 / (44_123 * 1_315_950_592), rel=1e-9)


def test_serving_is_compared_by_what_is_written_at_a_like_batch():
    """8B in bfloat16, 64 in flight, 4,096 + 128: 932.27 output tokens/s in the table."""
    told = Serving(output_tokens_per_s=1000.0)
    asked = {"kind": "serve", "prompt_tokens": 4096, "new_tokens": 128}
    served = record("llama-3.1-8b", H100, 5, serving=told, concurrency=64, **asked)
    found = beside(served, load_catalog())
    assert found.ratio == pytest.approx(1000 / 932.27, rel=1e-9)
    alone = record("llama-3.1-8b", H100, 5, serving=told, concurrency=1, **asked)
    assert "alike" in beside(alone, load_catalog()).reason


def test_images_are_compared_at_their_length():
    """ViT-L/14 at 224² on a 4090: 257 tokens, 671.42 images/s under mixed precision."""
    model = Model(
        name="mine", family="vision", parameters_total=304_200_000,
        config={"patch_size": 14, "image_size": 224},
    )  # fmt: skip
    asked = {"kind": "forward", "batch": 1024, "precision": "float16"}
    seen = record(model, "NVIDIA GeForce RTX 4090", 600.0, unit="images", **asked)
    found = beside(seen, load_catalog())
    assert (found.row.software, found.row.tokens) == ("timm", 257)
    assert found.ratio == pytest.approx(600 / 671.42, rel=1e-9)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"device": "AMD EPYC"}, "on AMD EPYC"),
        ({"kind": "decode"}, "no decode"),
        ({"unit": "audio_seconds", "kind": "generate"}, "no generate in audio_seconds"),
        ({"unit": "denoising_steps", "kind": "forward"}, "no forward in denoising_steps"),
        ({"precision": "float32"}, "alike"),
        ({"model": "gpt3-6.7b"}, None),
        ({"model": "an unknown one"}, "size of its model"),
        ({"model": "bert-large"}, "alike"),
        ({"prompt_tokens": 512}, "alike"),
    ],
)
def test_what_is_not_alike_has_no_figure(changed, said):
    asked = {
        "model": "llama-3.1-8b", "device": H100, "value": 4000.0, "kind": "pretrain", "batch": 12,
        "prompt_tokens": 4096,
    } | changed  # fmt: skip
    found = beside(record(**asked), load_catalog())
    assert (found.row is None) == (said is not None)
    assert (said or "") in (found.reason or "")


def test_the_command_says_the_share_its_source_and_its_date(tmp_path, capsys):
    url = str(tmp_path / "made-up.db")
    unlike = record("llama-3.1-8b", H100, 90.0, kind="decode", prompt_tokens=2048)
    with open_store(url) as store:
        store.add_all([TRAINED, unlike])
    status, out, _ = typed(capsys, "compare-runs", "published", "made up", "--store", url)
    assert status == 0
    assert "97% of what torchtitan published for llama-3.1-8b: 4,809.4 tokens/s/GPU" in out
    assert "source: " in out
    assert "(2026-11)" in out
    assert "nothing comparable was published: no decode in tokens was published" in out
    command = ("compare-runs", "published", TRAINED.id, "--store", url, "--json")
    _, out, _ = typed(capsys, *command)
    assert json.loads(out)["ratio"] == pytest.approx(0.97, abs=0.001)
    assert json.loads(out)["published"]["software"] == "torchtitan"
    status, _, _ = typed(capsys, "compare-runs", "published", unlike.id, "--store", url)
    assert status == 1
