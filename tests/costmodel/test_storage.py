"""How checkpoints store their weights: true bits by their own files, scales included."""

from __future__ import annotations

import pytest

from modelworth.costmodel.architecture.fits import ServingAsk, serving_fit
from modelworth.costmodel.architecture.memory import weights_bytes
from modelworth.costmodel.architecture.quantization import scheme_of
from modelworth.costmodel.architecture.read import read_model
from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError
from modelworth.data.weight_formats import weight_formats
from tests.costmodel.small_models import short_config

LLAMA = load_catalog().model("llama-3.1-8b").config
LAYERS = 32 * (4096 * 128 * (2 * 32 + 2 * 8) + 3 * 4096 * 14336)
TOTAL = 8_030_261_248


def stored(words: dict, config: dict = LLAMA):
    """What is stored under these words of a quantization_config."""
    model = read_model({**config, "quantization_config": words})
    assert sum(part.parameters for part in model.stored.parts) == model.parameters
    return model.stored


AMD = {"dtype": "fp4", "qscheme": "per_group", "group_size": 32}
HALF = {"nbits": 4, "group_size": 64}
GROUP = {"num_bits": 4, "type": "int", "group_size": 32, "symmetric": True}


@pytest.mark.parametrize(
    ("words", "bits", "precision"),
    [
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, 8 + 32 / 128**2, "fp8"),
        ({"quant_method": "fp8"}, 8, "fp8"),
        ({"quant_algo": "FP8", "quant_method": "modelopt"}, 8, "fp8"),
        ({"quant_algo": "NVFP4", "group_size": 16}, 4.5, "fp4"),
        (
            {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True},
            4.15625,
            "int4",
        ),
        ({"quant_method": "gptq", "bits": 8, "group_size": 128}, 8.1875, "int8"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, 4.5, "int4"),
        ({"quant_method": "intel/auto-round", "bits": 4, "group_size": 128}, 4.15625, "int4"),
        ({"quant_method": "quark", "global_quant_config": {"weight": AMD}}, 4.25, "fp4"),
        ({"quant_method": "torchao", "quant_type": "int8_weight_only"}, 8, "int8"),
        ({"quant_method": "torchao", "quant_type": {"default": {"_type": "Float8X"}}}, 8, "fp8"),
        ({"quant_method": "hqq", "quant_config": {"weight_quant_params": HALF}}, 4.5, "int4"),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, 8, "int8"),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"group_0": {"weights": GROUP}},
            },
            4.5,
            "int4",
        ),
    ],
)
def test_products_of_the_layers_are_narrow_and_the_rest_stays_wide(words, bits, precision):
    found = stored(words)
    assert found.precision == precision
    expected = LAYERS * bits / 8 + (TOTAL - LAYERS) * 2
    assert found.weights_bytes == pytest.approx(expected, rel=1e-12)


def test_listed_modules_stay_wide():
    one = {"quant_algo": "NVFP4", "ignore": ["lm_head", "model.layers.3.self_attn*"]}
    attention = 4096 * 128 * (2 * 32 + 2 * 8)
    saved = stored({"quant_algo": "NVFP4"}).weights_bytes
    assert stored(one).weights_bytes - saved == pytest.approx(attention * (16 - 4.5) / 8)
    wild = {"quant_method": "compressed-tensors", "config_groups": {"g": {"weights": GROUP}}}
    wild["ignore"] = ["re:.*mlp\\.(gate|up)_proj.*"]
    kept = 32 * 2 * 4096 * 14336
    less = stored({**wild, "ignore": []}).weights_bytes
    assert stored(wild).weights_bytes - less == pytest.approx(kept * (16 - 4.5) / 8)


ATTENTION, NETWORK = 4096 * 128 * (2 * 32 + 2 * 8), 3 * 4096 * 14336
"""Weights of one layer."""


def test_patterns_may_say_the_model_that_holds_the_layers():
    wild = {"quant_method": "compressed-tensors", "config_groups": {"g": {"weights": GROUP}}}
    kept = {**wild, "ignore": ["re:model\\.layers\\.0\\.self_attn\\.qkv_proj"]}
    wider = stored(kept).weights_bytes - stored(wild).weights_bytes
    assert wider == pytest.approx(4096 * 128 * (32 + 2 * 8) * (16 - 4.5) / 8)


def test_modules_that_gptq_and_auto_round_store_otherwise():
    four = {"quant_method": "gptq", "bits": 4, "group_size": 128}
    apart = {"-:.*self_attn.*": {}, "+:.*layers\\.0\\.mlp.*": {"bits": 8}}
    more = stored({**four, "dynamic": apart}).weights_bytes - stored(four).weights_bytes
    each = 4 + 20 / 128
    wider = 32 * ATTENTION * (16 - each) + NETWORK * (8 + 24 / 128 - each)
    assert more == pytest.approx(wider / 8)
    said = {"model.layers.3.self_attn.o_proj": {"bits": 16}}
    round_ = {**four, "quant_method": "auto-round"}
    more = stored({**round_, "extra_config": said}).weights_bytes - stored(round_).weights_bytes
    assert more == pytest.approx(4096 * 4096 * (16 - each) / 8)


def test_mlx_stores_embedding_and_head_so_too():
    """4.5 bits a weight, as mlx_lm.convert says of 4 bits in groups of 64; vectors stay in 16."""
    four, vectors = {"group_size": 64, "bits": 4}, 65 * 4096
    found = stored(four)
    assert found.weights_bytes == pytest.approx(((TOTAL - vectors) * 4.5 + vectors * 16) / 8)
    old = read_model({**LLAMA, "quantization": four}).stored
    assert old == found
    own = {**four, "model.layers.0.mlp.up_proj": {"group_size": 64, "bits": 8}, "lm_head": False}
    more = 4096 * 14336 * 4 + 4096 * 128256 * 11.5
    assert stored(own).weights_bytes - found.weights_bytes == pytest.approx(more / 8)


ENGINE = "re:.*attn.*(fused_wqa_wkv|wq_b|wo_a|wo_b)$"


def test_attention_of_deepseek_v4_by_its_engines_names():
    narrow = {"weights": {"num_bits": 8, "type": "float"}, "targets": [ENGINE]}
    words = {"quant_method": "compressed-tensors", "config_groups": {"g": narrow}}
    model = read_model({**short_config("deepseek_v4"), "quantization_config": words})
    held = sum(part.parameters for part in model.stored.parts if part.bits == 8)
    assert held > 0.9 * model.parameters_by_part["attention"]


def test_experts_stay_narrow_beside_networks_that_are_wide():
    """Kimi's list of what stays wide names dense networks and shared experts, not routed ones."""
    ignored = [
        "re:.*self_attn.*",
        "re:.*shared_experts.*",
        "re:.*mlp\\.(gate|up|gate_up|down)_proj.*",
    ]
    wild = {"quant_method": "compressed-tensors", "config_groups": {"g": {"weights": GROUP}}}
    config = short_config("deepseek-v3")
    model = read_model({**config, "quantization_config": {**wild, "ignore": ignored}})
    held = {part.part: part.bits for part in model.stored.parts if part.bits < 16}
    assert held == {"experts": 4.5}
    narrow = next(part.parameters for part in model.stored.parts if part.bits == 4.5)
    assert narrow == 3 * 4 * 3 * 64 * 32  # three layers of four experts


def test_gpt_oss_120b_is_as_large_as_its_files_and_fits_one_h100():
    words = {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn"]}
    config = load_catalog().model("gpt-oss-120b").config
    model = read_model({**config, "quantization_config": words})
    gibibytes = weights_bytes(model, model.own_precision) / 2**30
    assert gibibytes == pytest.approx(60.8, rel=2e-3)  # arXiv:2508.10925, table 1
    assert serving_fit(ServingAsk(model, model.own_precision), 80 * 2**30).fits
    assert not serving_fit(ServingAsk(model, "bf16"), 80 * 2**30).fits


def test_experts_that_say_their_precision_alone_are_narrow():
    """DeepSeek V4's files say `expert_dtype`; 4 bits and a scale of 8 for each 32 weights."""
    config = {**LLAMA, "model_type": "deepseek_v3", "n_routed_experts": 8, "expert_dtype": "fp4"}
    stored_experts = read_model(config).stored
    narrow = [part for part in stored_experts.parts if part.bits < 16]
    assert {part.bits for part in narrow} == {4.25}
    assert sum(part.parameters for part in narrow) == (32 - 3) * 8 * 3 * 4096 * 2048
    with pytest.raises(InputError, match="expert_dtype"):
        read_model({**config, "expert_dtype": ["fp4"]})


def test_the_precision_asked_for_overrules():
    model = read_model({**LLAMA, "quantization_config": {"quant_method": "fp8"}})
    assert weights_bytes(model, "bf16") == 2 * TOTAL
    assert weights_bytes(model, "fp8") == model.stored.weights_bytes < TOTAL * 1.2


def test_cache_precision_is_read():
    scheme = {"num_bits": 8, "type": "float"}
    assert stored({"quant_algo": "FP8", "kv_cache_scheme": scheme}).cache_precision == "fp8"
    assert stored({"quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8"}).cache_precision == "fp8"
    assert stored({"quant_method": "fp8"}).cache_precision is None


@pytest.mark.parametrize(
    "words",
    [
        {"quant_method": "secret"},
        {"quant_method": "fp8", "weight_block_size": [0, 128]},
        {"quant_method": "awq", "bits": -4},
        {"quant_algo": "FP3"},
        {"quant_algo": "MIXED_PRECISION"},
        {"config_groups": {"g": {"weights": {"num_bits": "four"}}}},
        {"quant_algo": "NVFP4", "ignore": "lm_head"},
        {"quant_algo": "NVFP4", "ignore": ["re:("]},
        {"quant_method": "quark"},
        {"quant_method": "quark", "global_quant_config": {"weight": 4}},
        {"quant_method": "quark", "global_quant_config": {}, "layer_quant_config": [1]},
        {"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": 4}}},
        {"quant_method": "torchao", "quant_type": [4]},
        {"quant_method": "gptq", "bits": 4, "dynamic": ["-:x"]},
        {"bits": 4, "group_size": 64, "mode": "secret"},
        {"bits": True, "group_size": 64},
        [1],
    ],
)
def test_a_form_that_is_not_known_is_refused(words):
    with pytest.raises(InputError):
        stored(words)


def test_bits_are_those_of_gguf():
    constants = pytest.importorskip("gguf.constants")
    for kind, (block, size) in constants.GGML_QUANT_SIZES.items():
        row = weight_formats().get(kind.name.lower())
        if row is not None and row.source.startswith("GGML"):
            assert row.bits == size * 8 / block


WRONG = [
    {"quant_method": "awq", "bits": 4, "group_size": 1.5},
    {"quant_method": "gptq", "bits": 6, "group_size": 128},
    {"quant_method": "gptq", "bits": 4, "group_size": 0},
    {"quant_method": "bitsandbytes", "load_in_4bit": True, "load_in_8bit": True},
    {"quant_method": "bitsandbytes"},
    {"quant_method": "modelopt"},
    {"quant_method": "compressed-tensors", "config_groups": {"g": None}},
    {"quant_method": "compressed-tensors", "config_groups": {"g": {"weights": []}}},
    {
        "quant_method": "compressed-tensors",
        "config_groups": {"g": {"weights": {"num_bits": 8, "type": "nonsense"}}},
    },
    {"quant_method": "fp8", "kv_cache_scheme": {"num_bits": 8, "type": "x"}, "quant_algo": "FP8"},
]


@pytest.mark.parametrize("words", WRONG, ids=str)
def test_words_on_quantisation_that_say_nothing_certain_are_refused(words):
    with pytest.raises(InputError):
        scheme_of({"quantization_config": words})


def test_words_of_modelopt_are_the_same_within_a_part_of_their_own():
    words = {"quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8", "group_size": 16}
    inner = {"quant_method": "modelopt", "quantization": words}
    assert scheme_of({"quantization_config": inner}) == scheme_of({"quantization_config": words})
    wide = {"quant_method": "compressed-tensors", "config_groups": {"g": {"weights": {}}}}
    wide["config_groups"]["g"]["weights"] = {"num_bits": 16, "type": "float"}
    assert scheme_of({"quantization_config": wide}).rule.precision == "bf16"
