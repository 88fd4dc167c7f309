"""The models that the catalogue describes: the figures of their built classes and publications."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelworth.costmodel.architecture.description import describe
from modelworth.costmodel.architecture.families_multimodal import TEXT_TYPES
from modelworth.costmodel.architecture.fits import unservable
from modelworth.costmodel.architecture.plausible import ACTIVATIONS, require_plausible
from modelworth.costmodel.architecture.read import _part, known_types, read_model
from modelworth.costmodel.architecture.structure import Architecture
from modelworth.costmodel.architecture.work import (
    kv_cache_bytes,
    prediction_flops,
    training_flops,
)
from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError

DESCRIBED = load_catalog().described

# Billions of parameters that a token uses, as their makers state them.
ACTIVE = {
    "deepseek-v4-flash": 13,
    "llama-4-maverick-17b-128e-instruct": 17,
    "kimi-k2-instruct": 32,
    "qwen3-235b-a22b-nvfp4": 22,
    "glm-5": 40,
    "deepseek-r1": 37,
}


def of(name: str) -> Architecture:
    """A model of the catalogue."""
    entry = load_catalog().model(name)
    return read_model(entry.config, entry.name)


@pytest.mark.parametrize("entry", DESCRIBED, ids=lambda entry: entry.name)
def test_a_description_is_what_the_index_says(entry):
    model = read_model(entry.config, entry.name)
    assert model.parameters == entry.parameters_total
    assert model.active_parameters == entry.parameters_active
    assert describe(model) == entry.config
    if model.stored is not None:
        assert sum(part.parameters for part in model.stored.parts) == model.parameters


@pytest.mark.parametrize(("name", "billions"), ACTIVE.items())
def test_active_parameters_are_as_published(name, billions):
    model = of(name)
    within = model.active_parameters - model.embedding_parameters, model.active_parameters
    assert within[0] / 1e9 * 0.97 <= billions <= within[1] / 1e9 * 1.03


def test_nemotron_super_has_half_of_the_layers_it_came_from():
    model = of("llama-3.3-nemotron-super-49b-v1")
    assert model.parameters / 1e9 == pytest.approx(49.9, abs=0.05)
    assert sum(block.attention.heads > 0 for block in model.blocks for _ in block.at) == 49


@pytest.mark.parametrize(("name", "gflops"), [("gpt-oss-120b", 34.5), ("deepseek-v4-flash", 92.8)])
def test_training_flops_are_as_published(name, gflops):
    """Windows and choices counted, the causal half not taken off, the prediction layer in."""
    model, tokens = of(name), 4096
    spent = training_flops(model, 1, tokens, pairs="reach")
    spent += 3 * prediction_flops(model, tokens, "reach")
    assert spent / tokens / 1e9 == pytest.approx(gflops, rel=0.005)


def test_caches_are_as_published():
    assert kv_cache_bytes(of("deepseek-r1"), 1, 1000) == 1000 * 61 * (512 + 64) * 2
    windowed = of("gpt-oss-120b")
    near, far = kv_cache_bytes(windowed, 1, 128), kv_cache_bytes(windowed, 1, 1128)
    assert near == 36 * 128 * 2 * 8 * 64 * 2
    assert far - near == 18 * 1000 * 2 * 8 * 64 * 2


def test_what_a_model_is_not_for_is_refused():
    assert "doesn't write" in str(unservable(of("bert-base"), "serve", 128))
    assert "doesn't write" in str(unservable(of("vit-base"), "decode", 1))
    assert "1,024" in str(unservable(of("gpt2"), "serve", 65_536))
    assert unservable(of("gpt2"), "serve", 1024) is None
    assert unservable(of("t5-small"), "serve", 4096) is None


@pytest.mark.parametrize(
    "change",
    [
        {"hidden_size": -1024},
        {"vocab_size": 10**18},
        {"vocab_size": 10**400},
        {"num_hidden_layers": 10**6},
        {"encoder_layers": 10**8},
        {"image_size": 10**9},
        {"vision_config": {"hidden_size": 10**12}},
        {"layer_types": ["full_attention"] * 300_000},
    ],
)
def test_absurd_sizes_are_refused_before_anything_is_built(change):
    with pytest.raises(InputError):
        require_plausible({"model_type": "something", "hidden_size": 64, **change})


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("sew", {"num_conv_pos_embedding_groups": 0}),
        ("cohere2_moe", {"sliding_window_pattern": 0}),
        ("umt5", {"d_kv": -1}),
        ("levit", {"num_attention_heads": [-1, -1, -1]}),
        ("wav2vec2", {"conv_dim": [512] * 1000}),
        ("idefics3_vision", {"hidden_act": "nonsense"}),
        ("laguna", {"max_position_embeddings": "abc"}),
        ("beit", {"auxiliary_num_convs": None}),
        ("perceiver", {"self_attention_widening_factor": float("nan")}),
        ("clip", {"text_config": {"max_position_embeddings": [1, 2]}}),
        ("llava", {"text_config": {"model_type": "llama", "attention_bias": "yes"}}),
        ("parakeet_ctc", {"encoder_config": {"subsampling_conv_stride": True}}),
    ],
    ids=str,
)
def test_a_value_that_a_type_does_not_take_is_refused_before_anything_is_built(kind, change):
    require_plausible({"model_type": kind})
    with pytest.raises(InputError):
        require_plausible({"model_type": kind, **change})


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("t5", {"feed_forward_proj": "gated-gelu"}),
        ("gemma3n_text", {"intermediate_size": [64, 96]}),
        ("yolos", {"image_size": [512, 864]}),
        ("mamba", {"time_step_rank": "auto"}),
        ("wav2vec2", {"conv_dim": [32, 24]}),
        ("deberta-v2", {"max_relative_positions": -1, "position_buckets": 256}),
        ("llava", {"vision_feature_layer": -2}),
        ("glm_moe_dsa", {"routed_scaling_factor": 1}),
    ],
    ids=str,
)
def test_a_value_that_a_type_takes_is_taken(kind, change):
    require_plausible({"model_type": kind, **change})


@pytest.mark.slow
def test_the_defaults_of_every_type_are_taken():
    """But Aya Vision's, whose own towers' heads don't divide."""
    pytest.importorskip("transformers")
    from docs.model_rows import default_config, types

    for kind in set(types()) - {"aya_vision"}:
        if config := default_config(kind):
            require_plausible(config)


def test_activations_are_those_of_transformers():
    activations = pytest.importorskip("transformers.activations")
    assert set(activations.ACT2FN) == ACTIVATIONS


@pytest.mark.parametrize(
    "change",
    [
        {"modelworth_architecture": 2},
        {"hidden": -1},
        {"blocks": []},
        {"blocks": [{"count": 1}]},
        {"extra": 1},
        {"head": {"matmul_parameters": True, "outputs": 1}},
        {"family": "fish"},
    ],
)
def test_a_damaged_description_is_refused(change):
    with pytest.raises(InputError):
        read_model({**describe(of("glm-5")), **change})


def test_the_page_of_models_is_what_reading_knows():
    """Its counts come from built classes; reading gives them again, without torch."""
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text("utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines()]
    read = {row[0].strip("`"): row for row in rows if row and row[-1].startswith("read")}
    parts = {
        *TEXT_TYPES,
        "nemotron",
        "nemotron_h",
        "deepseek_v2",
    }  # their defaults alone aren't a model
    assert len(read) >= 80
    for kind, row in read.items():
        if kind in parts:
            continue
        found = _part({"model_type": kind}, kind)
        assert f"{found.parameters:,}" == row[2], kind
        assert f"{found.active_parameters:,}" == row[3], kind
    for kind in known_types():
        assert f"`{kind}`" in page, kind
