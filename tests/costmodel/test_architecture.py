"""Parameters, against transformers on the meta device; laws by hypothesis."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworth.costmodel.architecture.read import read_model
from modelworth.costmodel.architecture.structure import Architecture
from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError
from tests.costmodel.small_models import FAMILIES, build, saved_config, short_config, vision_config

MODELS = load_catalog().models

# Millions of parameters as timm's benchmark tables state them (results/benchmark-infer-amp-nchw).
TIMM_MILLIONS = {
    ("base", 16, 384): 86.86,
    ("large", 16, 224): 304.33,
    ("large", 14, 224): 304.20,
    ("huge", 14, 224): 630.76 + 1.29,  # that one counts without its classifier
    ("giant", 14, 224): 1012.61,
    ("gigantic", 14, 224): 1844.44,
}


@pytest.mark.parametrize("entry", MODELS, ids=lambda entry: entry.name)
def test_shipped_configs_have_the_size_that_transformers_counted(entry):
    """The index was counted on the meta device; tests/data counts it again."""
    model = read_model(entry.config, entry.name)
    assert model.parameters == entry.parameters_total
    assert model.active_parameters == entry.parameters_active
    assert (model.note is None) == (model.stored is None)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_has_the_size_that_transformers_builds(name):
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    with torch.device("meta"):
        built, config = build(name)
    counted = sum(weight.numel() for weight in built.parameters())
    assert read_model(short_config(name)).parameters == counted
    assert read_model(saved_config(name, config)).parameters == counted


@pytest.mark.parametrize(("shape", "millions"), TIMM_MILLIONS.items())
def test_vision_sizes_are_timms(shape, millions):
    assert read_model(vision_config(*shape)).parameters / 1e6 == pytest.approx(millions, rel=2e-4)


@pytest.mark.parametrize("entry", MODELS, ids=lambda entry: entry.name)
def test_parts_add_up(entry):
    model = read_model(entry.config)
    assert sum(model.parameters_by_part.values()) == model.parameters
    assert min(model.parameters_by_part.values()) >= 0
    tables = model.embedding_parameters - (model.patches.matmul_parameters if model.patches else 0)
    vectors = sum(
        block.count
        * (
            block.norms
            + block.attention.vectors
            + block.feed_forward.vectors
            + block.feed_forward.experts * block.feed_forward.expert_vectors
            + (block.cross.vectors if block.cross else 0)
        )
        for block in model.blocks
    )
    vectors += model.final_norms + model.head.vectors
    shared = model.head.shared_parameters
    assert model.matmul_parameters == model.parameters - tables - vectors + shared


def test_tied_head_is_counted_once_but_multiplied():
    config = load_catalog().model("llama-3.1-8b").config
    untied = read_model(config)
    tied = read_model(config | {"tie_word_embeddings": True})
    assert untied.parameters - tied.parameters == 128256 * 4096
    assert untied.matmul_parameters == tied.matmul_parameters


def test_columns_describe_the_same_model_as_the_config():
    """Llama-3.1-8B by the columns of a serving table."""
    by_columns = Architecture.from_columns(
        layers=32, hidden=4096, heads=32, kv_heads=8, head_dim=128, ffn=14336, vocab=128256
    )
    by_config = read_model(load_catalog().model("llama-3.1-8b").config)
    assert by_columns.parameters == by_config.parameters == 8_030_261_248
    assert by_columns.blocks == by_config.blocks


def test_experts_by_columns():
    """Qwen3-235B-A22B; the table has no column for its query and key norms."""
    model = Architecture.from_columns(
        layers=94,
        hidden=4096,
        heads=64,
        kv_heads=4,
        head_dim=128,
        ffn=1536,
        vocab=151936,
        experts=128,
        experts_per_token=8,
    )
    entry = load_catalog().model("qwen3-235b-a22b")
    assert entry.parameters_total - model.parameters == 94 * 2 * 128
    assert entry.parameters_active - model.active_parameters == 94 * 2 * 128


@settings(max_examples=60)
@given(
    st.integers(1, 64),
    st.integers(1, 32),
    st.sampled_from([1, 2, 4]),
    st.integers(1, 512),
    st.integers(1, 5000),
    st.booleans(),
    st.integers(0, 16),
)
def test_more_of_anything_is_never_smaller(layers, heads, group, ffn, vocab, gated, experts):
    shape = {
        "layers": layers,
        "hidden": 64 * heads,
        "heads": heads * group,
        "kv_heads": heads,
        "head_dim": 64,
        "ffn": ffn,
        "vocab": vocab,
        "gated_mlp": gated,
        "experts": experts,
        "experts_per_token": min(2, experts),
    }
    model = Architecture.from_columns(**shape)
    assert model.active_parameters <= model.parameters
    assert model.active_matmul_parameters <= model.matmul_parameters
    for key in ("layers", "ffn", "vocab", "kv_heads"):
        larger = Architecture.from_columns(**shape | {key: shape[key] + 1})
        assert larger.parameters > model.parameters
        assert larger.matmul_parameters > model.matmul_parameters
    if experts:
        more = Architecture.from_columns(**shape | {"experts": experts + 1})
        assert more.parameters > model.parameters
        spread = model.layers * model.hidden  # the router's column for the new expert
        assert more.active_parameters == model.active_parameters + spread


def test_unlisted_family_is_refused_with_a_way_on():
    config = load_catalog().model("llama-3.1-8b").config | {"model_type": "newcomer"}
    with pytest.raises(InputError, match="newcomer") as refused:
        read_model(config)
    assert "modelworth inspect" in str(refused.value)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"hidden_size": None}, "hidden_size"),
        ({"hidden_size": "4096"}, "hidden_size"),
        ({"num_hidden_layers": 0}, "num_hidden_layers"),
        ({"vocab_size": -5}, "vocab_size"),
        ({"vocab_size": True}, "vocab_size"),
        ({"tie_word_embeddings": "yes"}, "tie_word_embeddings"),
        ({"model_type": None}, "model_type"),
        ({"model_type": "mambalike", "mamba_d_state": 16}, "model_type"),
        ({"model_type": "squarer", "hidden_act": "relu2"}, "model_type"),
        ({"model_type": "interleaver", "interleave_moe_layer_step": 2}, "model_type"),
        ({"model_type": "olmo3", "layer_types": ["linear_attention"] * 32}, "layer_types"),
        ({"model_type": "olmo3", "layer_types": ["full_attention"]}, "layer_types"),
        ({"num_attention_heads": 5000, "head_dim": None}, "attention heads"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers"),
        ({"hidden_act": 3}, "hidden_act"),
    ],
)
def test_damaged_configs_are_refused_by_key(change, where):
    config = load_catalog().model("llama-3.1-8b").config | change
    with pytest.raises(InputError, match=where):
        read_model(config)


def test_other_refusals():
    with pytest.raises(InputError, match="config"):
        read_model([1, 2])
    with pytest.raises(InputError, match="word_embed_proj_dim"):
        read_model(short_config("opt") | {"word_embed_proj_dim": 32})
    with pytest.raises(InputError, match="architectures"):
        read_model(short_config("bert") | {"architectures": ["BertForPreTraining"]})


def test_records_are_frozen_and_comparable():
    model = read_model(short_config("llama"))
    assert model == read_model(short_config("llama"))
    assert replace(model, name="other") != model


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10**9),
    st.floats(allow_nan=True),
    st.text(max_size=5),
    st.lists(st.integers(-2, 300), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_damage_is_read_or_refused(data):
    """A config with any value anywhere gives an architecture or a clear refusal."""
    config = short_config(data.draw(st.sampled_from(sorted(FAMILIES))))
    key = data.draw(st.sampled_from(sorted({*config, "layer_types", "rope_scaling", "head_dim"})))
    try:
        model = read_model(config | {key: data.draw(ANYTHING)})
    except InputError:
        return
    assert model.parameters >= model.active_parameters > 0
    assert model.matmul_parameters > 0


LING = {
    **{"model_type": "bailing_moe", "architectures": ["BailingMoeForCausalLM"]},
    **{"hidden_size": 2048, "intermediate_size": 1408, "moe_intermediate_size": 1408},
    **{"num_experts": 64, "num_experts_per_tok": 6, "num_shared_experts": 2, "use_bias": False},
    **{"num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 4},
    **{"vocab_size": 126464, "first_k_dense_replace": 0, "use_qkv_bias": False},
}
SECOND = {
    **{"intermediate_size": 5120, "moe_intermediate_size": 512, "num_shared_experts": 1},
    **{"moe_shared_expert_intermediate_size": 512, "num_experts": 256, "num_experts_per_tok": 8},
    **{"num_hidden_layers": 20, "first_k_dense_replace": 1, "head_dim": 128, "use_qk_norm": True},
    **{"vocab_size": 157184},
}


@pytest.mark.parametrize(
    ("changed", "billions", "active"),
    [({}, 16.8, 2.75), (SECOND, 16.26, 1.43)],
    ids=["Ling-lite-1.5", "Ling-mini-2.0"],
)
def test_ling_is_of_the_size_that_its_makers_publish(changed, billions, active):
    read = read_model({**LING, **changed})
    assert read.parameters / 1e9 == pytest.approx(billions, abs=0.005)
    assert read.active_parameters / 1e9 == pytest.approx(active, abs=0.005)


def test_windows_in_letters_are_those_of_a_number():
    """transformers, Exaone4Config: "LLLG" is the same as 4."""
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 8, "head_dim": 16}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100}
    config = {"model_type": "exaone4", "sliding_window": 32, **sizes, **heads}
    said = [
        read_model({**config, "sliding_window_pattern": pattern}).blocks for pattern in ("LLLG", 4)
    ]
    assert said[0] == said[1]
    assert [block.count for block in said[0]] == [6, 2]
