"""Keys of a config that add or drop parameters: read as its class builds it, or refused."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from modelworth.costmodel.architecture.read import read_model
from tests.costmodel.perturbed import difference, kinds, usual, variants

EVERY = 23
"""Of a type's cases, so many apart, that the slow test takes; its first place differs by type."""
ONCE_MISSED = [
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
    ("granitemoehybrid", "mamba_conv_bias", None),
    ("bamba", "mamba_conv_bias", None),
    ("falcon", "multi_query", None),
    ("falcon", "num_ln_in_parallel_attn", 2),
    ("codegen", "head_dim", 24),
    ("exaone4", "attention_bias", True),
    ("deepseek_v3", "moe_layer_freq", 2),
    ("deepseek_v3", "n_routed_experts", 0),
    ("deepseek_v4", "intermediate_size", 72),
    ("deepseek_v4", "n_shared_experts", 2),
    ("deepseek_v4", "o_groups", 9),
    ("llama", "intermediate_size", 0),
    ("mpt", "expansion_ratio", 2),
    ("helium", "head_dim", 64),
    ("kimi_k25", "projection_hidden_size", 576),
    ("glm4_moe_lite", "head_dim", 24),
    ("solar_open", "attention_bias", True),
    ("stablelm", "head_dim", 24),
    ("yolos", "patch_size", 17),
    ("sam", "tie_word_embeddings", False),
    ("mt5", "is_gated_act", None),
    ("hy_v3", "num_shared_experts", 0),
    ("qwen2_moe", "shared_expert_intermediate_size", 0),
]


@pytest.mark.parametrize(("kind", "key", "value"), ONCE_MISSED)
def test_a_key_that_was_missed_once(kind, key, value):
    assert difference((usual(kind) or {}) | {key: value}) is None


def test_experts_up_to_a_layer_that_is_null_go_on_to_the_last():
    """As ERNIE's converted checkpoints say it, whose class refuses it."""
    config = usual("ernie4_5_moe") or {}
    ends = [read_model({**config, "moe_layer_end_index": end}).parameters for end in (None, -1)]
    assert ends[0] == ends[1]


@pytest.mark.slow
@pytest.mark.parametrize("kind", kinds())
def test_keys_of_every_type_that_is_read(kind):
    config = usual(kind)
    if config is None:
        return  # a part of a model, or a type that transformers lacks
    assert difference(config) is None
    for key, other, changed in list(variants(config))[len(kind) % EVERY :: EVERY]:
        assert difference(changed) is None, (key, other)
