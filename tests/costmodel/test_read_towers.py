"""Qwen2-VL, Qwen2.5-VL and DINOv2 are read as their classes are built."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from modelworth.bench.models.inspect import inspected
from modelworth.bench.models.inspect_build import build_bare
from modelworth.costmodel.architecture.read import read_model
from modelworth.costmodel.architecture.work import forward_flops, image_tokens
from modelworth.data.errors import InputError

TEXT = {"hidden_size": 96, "intermediate_size": 128, "num_hidden_layers": 2, "vocab_size": 500}
TEXT |= {"num_attention_heads": 6, "num_key_value_heads": 2, "max_position_embeddings": 1024}
TEXT |= {"rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]}}
EARLY = {"depth": 2, "embed_dim": 64, "mlp_ratio": 3, "num_heads": 4, "hidden_size": 96}
LATE = {"depth": 2, "hidden_size": 64, "intermediate_size": 100, "num_heads": 4}
LATE |= {"out_hidden_size": 96, "window_size": 56}
DINO = {"hidden_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
REGISTERS = {"model_type": "dinov2_with_registers", **DINO}
CASES = [
    {"model_type": "qwen2_vl", **TEXT, "vision_config": EARLY},
    {"model_type": "qwen2_vl", "text_config": TEXT, "vision_config": EARLY | {"depth": 1}},
    {"model_type": "qwen2_5_vl", **TEXT, "vision_config": LATE},
    {"model_type": "qwen2_5_vl", **TEXT, "vision_config": LATE, "tie_word_embeddings": True},
    {"model_type": "qwen2_5_vl", **TEXT, "vision_config": LATE | {"temporal_patch_size": 1}},
    {"model_type": "dinov2", **DINO},
    {"model_type": "dinov2", **DINO, "use_swiglu_ffn": True, "architectures": ["Dinov2Model"]},
    {"model_type": "dinov2", **DINO, "qkv_bias": False, "image_size": 518, "num_labels": 9},
    REGISTERS,
    {**REGISTERS, "num_register_tokens": 7, "architectures": ["Dinov2WithRegistersModel"]},
]


@pytest.mark.parametrize("config", CASES, ids=range(len(CASES)))
def test_parameters_are_those_of_the_built_class(config):
    weights = {id(weight): weight.numel() for weight in build_bare(config, "x").model.parameters()}
    assert read_model(config).parameters == sum(weights.values())


@pytest.mark.parametrize("place", [5, 6, 8])
def test_flops_of_an_image_are_those_that_a_pass_counts(place):
    found = inspected(CASES[place], "x")
    assert forward_flops(read_model(CASES[place]), 1) == pytest.approx(found.flops, rel=0.01)


def test_an_image_is_as_many_tokens_as_its_merged_patches():
    model = read_model(CASES[2])
    assert image_tokens(model, 280)[0] == 100  # patches of 14 pixels, joined by two


@pytest.mark.parametrize(
    "wrong",
    [{"vision_config": None}, {"vision_config": {**LATE, "depth": 0}}, {"hidden_size": "96"}],
    ids=range(3),
)
def test_a_damaged_config_is_refused(wrong):
    with pytest.raises(InputError):
        read_model({**CASES[2], **wrong})


def test_a_decoder_without_its_tower_says_what_is_missing():
    """Qwen3.5's own tower, as wide towards the decoder as that is."""
    text = {"hidden_size": 96, "intermediate_size": 128, "num_hidden_layers": 4}
    text |= {"num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 500}
    config = {"model_type": "qwen3_5", "text_config": text}
    (named, missing), *_ = read_model(config).uncounted
    stated = read_model({**config, "vision_config": {"out_hidden_size": 96}}).uncounted
    assert "left out" in named
    assert missing == stated[0][1] > 10**8
