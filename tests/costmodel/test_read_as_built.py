"""Reading a config gives what its built class has: parameters, FLOPs by a counter, cache."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from modelworth.bench.models.inspect import inspect_model  # noqa: E402
from modelworth.costmodel.architecture.read import read_model  # noqa: E402
from modelworth.costmodel.architecture.work import forward_flops, kv_cache_bytes  # noqa: E402

TEXT = {
    "hidden_size": 64,
    "num_hidden_layers": 5,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 96,
    "vocab_size": 128,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 2,
    "max_position_embeddings": 1024,
}
STATES = {"mamba_n_heads": 8, "mamba_d_state": 16, "mamba_n_groups": 2}
EXPERTS = {"moe_num_experts": 4, "moe_k": 2, "moe_intermediate_size": 32}
BIASED = {"attention_bias": True, "mlp_bias": True, "mamba_proj_bias": True}
TIED = {"tie_word_embeddings": True}
TURNS = ["mamba", "mamba", "attention", "mamba", "attention"]
CONFIGS: list[tuple[str, dict[str, Any]]] = [
    ("bamba", TEXT | STATES | {"attn_layer_indices": [1, 3]}),
    ("bamba", TEXT | STATES | BIASED | TIED | {"attn_layer_indices": [2]}),
    (
        "granitemoehybrid",
        TEXT
        | STATES
        | {"layer_types": TURNS, "num_local_experts": 4, "shared_intermediate_size": 40},
    ),
    (
        "granitemoehybrid",
        TEXT
        | STATES
        | TIED
        | {"layer_types": TURNS, "num_local_experts": 0, "num_experts_per_tok": 0}
        | {"shared_intermediate_size": 40},
    ),
    ("falcon_h1", TEXT | STATES | {"mamba_d_ssm": 96}),
    (
        "falcon_h1",
        TEXT
        | STATES
        | BIASED
        | {"mamba_d_ssm": None, "mamba_rms_norm": True, "projectors_bias": True},
    ),
    ("lfm2", TEXT | {"full_attn_idxs": [1, 3], "block_multiple_of": 16}),
    (
        "lfm2",
        TEXT
        | {"layer_types": ["conv", "full_attention", "conv", "conv", "full_attention"]}
        | {"block_auto_adjust_ff_dim": False, "conv_bias": True, "tie_word_embeddings": False},
    ),
    ("ernie4_5_moe", TEXT | EXPERTS),
    (
        "ernie4_5_moe",
        TEXT
        | EXPERTS
        | {"moe_layer_interval": 2, "moe_layer_end_index": 3, "moe_num_shared_experts": 1}
        | {"tie_word_embeddings": False},
    ),
]


@pytest.mark.parametrize(
    ("kind", "config"), CONFIGS, ids=[f"{kind}-{place}" for place, (kind, _) in enumerate(CONFIGS)]
)
def test_read_as_built(kind, config):
    read = read_model({**config, "model_type": kind})
    built = read_model(inspect_model({**config, "model_type": kind}, kind))
    assert read.parameters == built.parameters
    assert read.active_parameters == built.active_parameters
    tokens, source = (None, 0) if read.patches else (768, 256)
    counted = forward_flops(built, 1, tokens, source)
    assert forward_flops(read, 1, tokens, source) == pytest.approx(counted, rel=0.01)
    if read.generates:
        kept = kv_cache_bytes(built, 1, 900, 2, source)
        assert kv_cache_bytes(read, 1, 900, 2, source) == pytest.approx(kept, rel=0.02)
