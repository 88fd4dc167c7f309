"""Reading a config gives what its built class has: parameters, FLOPs by a counter, cache."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from modelworth.bench.models.inspect import inspected  # noqa: E402
from modelworth.costmodel.architecture.keys import NotReadError  # noqa: E402
from modelworth.costmodel.architecture.read import read_model  # noqa: E402
from modelworth.costmodel.architecture.work import forward_flops, kv_cache_bytes  # noqa: E402
from modelworth.verbs.inspect import described  # noqa: E402

LAYERS = 5
TEXT = {
    "hidden_size": 64,
    "num_hidden_layers": LAYERS,
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
ENCODER = {key: value for key, value in TEXT.items() if key != "num_key_value_heads"}
ENCODER |= {"cls_token_id": 3, "sep_token_id": 4, "num_hidden_layers": 3}
UNTIED = {"tie_word_embeddings": False}
BART = {
    "d_model": 64,
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 96,
    "decoder_ffn_dim": 80,
    "vocab_size": 128,
    "max_position_embeddings": 1024,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "pad_token_id": 1,
    "decoder_start_token_id": 2,
    "forced_eos_token_id": 2,
}
QUIET = {"suppress_tokens": None, "begin_suppress_tokens": None, "max_target_positions": 1024}
SEEN = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "image_size": 28,
    "patch_size": 14,
}


def seeing(text: str, tower: str, **more: Any) -> dict[str, Any]:
    """A model that also sees."""
    return {
        "text_config": TEXT | {"model_type": text, "num_hidden_layers": 3},
        "vision_config": SEEN | {"model_type": tower},
        "image_token_index": 5,
        **more,
    }


ROUTED = TEXT | {"num_experts_per_tok": 2, "moe_intermediate_size": 32, "head_dim": 16}
NEAR = {"sliding_window": 64}
PATCHED = SEEN | {"num_hidden_layers": 3, "image_size": 56}


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
    *(
        (kind, ENCODER)
        for kind in ("data2vec-text", "electra", "megatron-bert", "mpnet", "nomic_bert")
    ),
    *((kind, ENCODER | UNTIED) for kind in ("bert", "electra", "nomic_bert")),
    ("electra", ENCODER | {"embedding_size": 64, "type_vocab_size": 0}),
    ("ernie", ENCODER | {"use_task_id": True}),
    ("modernbert", ENCODER),
    (
        "modernbert",
        ENCODER
        | UNTIED
        | {"norm_bias": True, "attention_bias": True, "mlp_bias": True, "decoder_bias": False},
    ),
    *((kind, BART) for kind in ("plbart", "mbart", "pegasus", "blenderbot", "marian", "m2m_100")),
    ("mbart", BART | UNTIED),
    ("whisper", BART | QUIET | {"max_source_positions": 256}),
    ("whisper", BART | QUIET | {"max_source_positions": 256, "num_mel_bins": 40}),
    ("llava", seeing("llama", "clip_vision_model")),
    (
        "llava",
        seeing(
            "qwen2",
            "siglip_vision_model",
            multimodal_projector_bias=False,
            vision_feature_layer=[-2, -1],
            tie_word_embeddings=True,
        ),
    ),
    ("llava_next", seeing("mistral", "clip_vision_model")),
    ("paligemma", seeing("gemma", "siglip_vision_model")),
    ("gemma3", seeing("gemma3_text", "siglip_vision_model")),
    ("hunyuan_v1_moe", ROUTED | {"num_experts": 4, "moe_topk": 2, "attention_bias": True}),
    ("hunyuan_v1_moe", ROUTED | {"num_experts": 4, "moe_topk": [2] * LAYERS}),
    ("exaone_moe", ROUTED | NEAR | {"num_experts": 4, "first_k_dense_replace": 2}),
    ("phimoe", ROUTED | NEAR | {"num_local_experts": 4, "lm_head_bias": True}),
    ("flex_olmo", ROUTED | {"num_experts": 4}),
    ("mellum", ROUTED | NEAR | {"num_experts": 4}),
    ("ministral3", TEXT | NEAR | {"head_dim": 32}),
    ("vaultgemma", TEXT | NEAR | {"head_dim": 32}),
    ("internlm3", TEXT | {"head_dim": 32, "qkv_bias": True, "bias": True}),
    ("solar_open", ROUTED | {"n_routed_experts": 4, "n_shared_experts": 1, "head_dim": 16}),
    *((kind, PATCHED) for kind in ("vit_msn", "beit", "data2vec-vision", "dinov3_vit")),
    ("beit", PATCHED | {"use_relative_position_bias": True, "use_mask_token": True}),
    ("beit", PATCHED | {"use_absolute_position_embeddings": True}),
    ("dinov3_vit", PATCHED | {"num_register_tokens": 4, "use_gated_mlp": True, "key_bias": True}),
]


def test_what_only_building_knows_is_built(tmp_path):
    """Layers that choose among experts differently: reading refuses, and `inspect` goes on."""
    few = TEXT | {"model_type": "hunyuan_v1_moe", "num_experts": 4, "head_dim": 16}
    config = few | {"moe_topk": [1, *[2] * (LAYERS - 1)]}
    with pytest.raises(NotReadError, match=r"moe_topk.*\n.*inspect FILE"):
        read_model(config)
    made, how = described(config, "layers")
    assert how == "built"
    twice, once = (
        read_model(inspected(few | {"moe_topk": used}, "all").description).active_parameters
        for used in (2, 1)
    )
    assert made.active_parameters == twice - (twice - once) // LAYERS


@pytest.mark.parametrize(
    ("kind", "config"), CONFIGS, ids=[f"{kind}-{place}" for place, (kind, _) in enumerate(CONFIGS)]
)
def test_read_as_built(kind, config):
    read = read_model({**config, "model_type": kind})
    built = read_model(inspected({**config, "model_type": kind}, kind).description)
    assert read.parameters == built.parameters
    assert read.active_parameters == built.active_parameters
    tokens, source = (None, 0) if read.patches else (768, 256)
    counted = forward_flops(built, 1, tokens, source)
    assert forward_flops(read, 1, tokens, source) == pytest.approx(counted, rel=0.01)
    if read.generates:
        kept = kv_cache_bytes(built, 1, 900, 2, source)
        assert kv_cache_bytes(read, 1, 900, 2, source) == pytest.approx(kept, rel=0.02)
