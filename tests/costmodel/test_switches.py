"""Switches of a config that add or drop parameters: read as its class builds it, or refused."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from modelworth.bench.models.inspect_build import build_bare
from modelworth.costmodel.architecture.read import known_types, knows, read_model
from modelworth.data.errors import InputError
from modelworth.verbs.inspect_rows import default_config

TURNED = [
    ("phi", "qk_layernorm", True),
    ("stablelm", "qk_layernorm", True),
    ("stablelm", "use_parallel_residual", True),
    ("seed_oss", "attention_out_bias", True),
    ("ernie4_5", "use_bias", True),
    ("helium", "attention_bias", True),
    ("deepseek_v2", "mlp_bias", True),
    ("deepseek_v32", "mlp_bias", True),
    ("deepseek_v4", "mlp_bias", True),
    ("glm4_moe", "attention_bias", True),
    ("glm4_moe", "use_qk_norm", True),
    ("mt5", "is_gated_act", False),
    ("t5", "is_gated_act", True),
    ("distilbert", "tie_word_embeddings", False),
    ("opt", "do_layer_norm_before", False),
    ("opt", "layer_norm_elementwise_affine", False),
]
LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_decoder_layers")
LAYERS += ("encoder_layers", "decoder_layers", "depth")
LISTS = ("layer_types", "mlp_layer_types", "layers_block_type", "indexer_types")
COUNTED = ("bias", "tie_", "norm", "gated", "parallel", "swiglu", "guidance", "embeddings")


def shrunk(config):
    """Two layers and eight experts."""
    found = {}
    for key, value in config.items():
        if isinstance(value, dict):
            found[key] = shrunk(value)
        elif key in LAYERS and isinstance(value, int):
            found[key] = 2
        elif key in ("num_experts", "num_local_experts", "n_routed_experts") and value:
            found[key] = min(value, 8)
        elif key not in LISTS:
            found[key] = value
    return found


def hold(kind, key, value):
    """A type with one key set: reading against building, where both answer."""
    config = shrunk(default_config(kind)) | {key: value}
    try:
        read = read_model(config).parameters
        model = build_bare(config, kind).model
    except InputError:
        return
    assert read == sum({id(each): each.numel() for each in model.parameters()}.values()), key


@pytest.mark.parametrize(("kind", "key", "value"), TURNED)
def test_a_switch_that_was_missed_once(kind, key, value):
    hold(kind, key, value)


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted({kind for kind in known_types() if kind.islower()}))
def test_every_switch_of_every_type_that_is_read(kind):
    config = default_config(kind)
    if config is None or not knows(config):
        return  # a part of a model, or a type that transformers lacks
    for key, value in config.items():
        if isinstance(value, bool) and any(word in key for word in COUNTED):
            hold(kind, key, not value)
