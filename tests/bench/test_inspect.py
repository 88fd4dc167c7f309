"""What `inspect` describes is what transformers builds, counts and keeps."""

from __future__ import annotations

import json

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from modelworth.bench.models.inspect import inspected  # noqa: E402
from modelworth.bench.models.inspect_build import build_bare  # noqa: E402
from modelworth.costmodel.architecture.description import describe  # noqa: E402
from modelworth.costmodel.architecture.read import read_model  # noqa: E402
from modelworth.costmodel.architecture.work import forward_flops, kv_cache_bytes  # noqa: E402
from modelworth.data.errors import InputError  # noqa: E402
from tests.costmodel.small_models import FAMILIES, short_config  # noqa: E402

ONCE = ("deepseek_v4", "gemma4_text", "llama4_text", "nemotron_h", "qwen3_next", "qwen3_vl")
KINDS = (*ONCE, "glm_moe_dsa", "gpt_oss", "mixtral", "bert", "t5", "vit")
WIDE = {"max_position_embeddings": 1024}
"""So long that three lengths fit, as in every real config."""


def config_of(name: str) -> dict:
    """A small config of a family."""
    config = short_config(name)
    if "text_config" in config:
        return {**config, "text_config": config["text_config"] | WIDE}
    return config | ({} if "max_position_embeddings" in config or name == "vit" else WIDE)


@pytest.mark.parametrize("name", [name for name in KINDS if name in FAMILIES])
def test_built_and_read_agree_in_parameters_flops_and_cache(name):
    if name in ("nemotron_h", "glm_moe_dsa") and transformers.__version__ < "5.23":
        pytest.skip("transformers 5.17 scans without products, and keeps keys and values unfolded")
    config = config_of(name)
    read = read_model(config)
    built = read_model(inspected(config, name).description)
    assert built.parameters == read.parameters
    assert built.active_parameters == read.active_parameters
    length, source = (None, 0) if read.patches else (768, 256)
    expected = forward_flops(read, 1, length, source)
    assert forward_flops(built, 1, length, source) == pytest.approx(expected, rel=0.02)
    kept = kv_cache_bytes(read, 1, 4096)
    assert kv_cache_bytes(built, 1, 4096) == pytest.approx(kept, rel=0.02)


def test_a_description_survives_json():
    made = read_model(inspected(config_of("deepseek_v4"), "small").description)
    again = read_model(json.loads(json.dumps(describe(made))))
    assert again == made


def test_parameters_are_those_of_the_built_class():
    config = {"model_type": "whisper"}
    built = build_bare(config, "whisper")
    counted = sum(weight.numel() for weight in built.model.parameters())
    assert read_model(inspected(config, "whisper").description).parameters == counted


@pytest.mark.parametrize("kind", ["mamba", "mamba2", "jamba"])
def test_a_state_does_not_grow(kind):
    small = {"num_hidden_layers": 4, "hidden_size": 64, "vocab_size": 96}
    if kind == "mamba2":
        small |= {"num_heads": 8, "head_dim": 16, "n_groups": 2, "state_size": 16}
    if kind == "jamba":
        small |= {"num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 96}
        small |= {"attn_layer_period": 4, "attn_layer_offset": 1, "use_mamba_kernels": False}
    model = read_model(inspected({"model_type": kind, **small}, kind).description)
    state = kv_cache_bytes(model, 1, 0)
    each = kv_cache_bytes(model, 1, 1001) - kv_cache_bytes(model, 1, 1000)
    assert state > 0
    assert each == (2 * 2 * 16 * 2 if kind == "jamba" else 0)


def test_a_whole_number_where_its_class_wants_a_point_is_built():
    config = {"model_type": "mamba2", "num_hidden_layers": 1, "layer_norm_epsilon": 1}
    assert build_bare(config, "whole").settings.layer_norm_epsilon == 1.0
    with pytest.raises(InputError):
        build_bare(config | {"layer_norm_epsilon": 10**400}, "huge")


def test_what_cannot_be_built_is_refused():
    with pytest.raises(InputError, match="nemotron-nas"):
        inspected({"model_type": "nemotron-nas", "auto_map": {"AutoModel": "x.Y"}}, "nas")


def test_sizes_that_the_class_does_not_read_are_refused():
    """A multimodal type's text sizes at the top would leave the text part at its defaults."""
    flat = {"model_type": "qwen3_vl", "hidden_size": 256, "num_hidden_layers": 2}
    with pytest.raises(InputError, match=r"text_config.*Not read: hidden_size, num_hidden_layers"):
        inspected(flat, "flat")
    with pytest.raises(InputError, match="Not read: num_experts"):
        inspected({"model_type": "step3p7", "num_experts": 16}, "flat")
    inspected({"model_type": "qwen3_vl", "text_config": {"num_hidden_layers": 2}}, "nested")


def test_experts_whose_rows_share_a_matrix_are_told_apart():
    """DBRX: 132 B parameters, 36 B of them used by a token (Databricks' announcement, 2024-03)."""
    attention = {"kv_n_heads": 8, "rope_theta": 500_000}
    experts = {"ffn_hidden_size": 10_752, "moe_num_experts": 16, "moe_top_k": 4}
    shape = {"d_model": 6_144, "n_layers": 40, "n_heads": 48, "vocab_size": 100_352}
    config = {"model_type": "dbrx", **shape, "attn_config": attention, "ffn_config": experts}
    model = read_model(inspected(config, "dbrx").description)
    assert model.parameters == pytest.approx(132e9, rel=0.01)
    assert model.active_parameters == pytest.approx(36e9, rel=0.02)
