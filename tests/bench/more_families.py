"""Tiny configs of families whose layers, caches or attention are unlike those of the ladders."""

from __future__ import annotations

from tests.bench.tiny import ENCODER, SHAPE

MIXER = {"vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 4}
LINEAR = {
    "linear_num_value_heads": 4,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
STATEFUL = {
    "mamba": MIXER,
    "mamba2": {**MIXER, "num_heads": 8, "head_dim": 8, "n_groups": 1},
    "jamba": {
        **SHAPE,
        "num_experts": 1,
        "num_experts_per_tok": 1,
        "attn_layer_period": 2,
        "attn_layer_offset": 1,
        "mamba_d_state": 4,
        "use_mamba_kernels": False,
    },
    "lfm2": {**SHAPE, "layer_types": ["conv", "full_attention"]},
    "falcon_h1": {
        **SHAPE,
        "mamba_d_ssm": 32,
        "mamba_n_heads": 4,
        "mamba_d_head": 8,
        "mamba_d_state": 4,
    },
    "qwen3_next": {
        **SHAPE,
        **LINEAR,
        **EXPERTS,
        "head_dim": 8,
        "shared_expert_intermediate_size": 16,
        "layer_types": ["linear_attention", "full_attention"],
    },
}
"""Decoders with layers that keep a state instead of keys and values."""
SWIN = {
    "model_type": "swin",
    "architectures": ["SwinForImageClassification"],
    "image_size": 32,
    "patch_size": 2,
    "embed_dim": 8,
    "depths": [1, 1],
    "num_heads": [2, 2],
    "window_size": 4,
}
SEGFORMER = {
    "model_type": "segformer",
    "architectures": ["SegformerForSemanticSegmentation"],
    "num_encoder_blocks": 2,
    "depths": [1, 1],
    "sr_ratios": [2, 1],
    "hidden_sizes": [8, 16],
    "patch_sizes": [7, 3],
    "strides": [4, 2],
    "num_attention_heads": [1, 2],
    "mlp_ratios": [2, 2],
    "decoder_hidden_size": 16,
}
CONVNEXT = {
    "model_type": "convnext",
    "architectures": ["ConvNextForImageClassification"],
    "hidden_sizes": [8, 16],
    "depths": [1, 1],
    "num_stages": 2,
    "image_size": 32,
}
SEEING = {"swin": SWIN, "segformer": SEGFORMER, "convnext": CONVNEXT}
UNFUSED = {
    "gemma2": {**SHAPE, "head_dim": 8, "sliding_window": 8},
    "bloom": {"vocab_size": 64, "hidden_size": 32, "n_layer": 2, "n_head": 4},
    "mamba": MIXER,
    "deberta": ENCODER,
    "deberta-v2": ENCODER,
}
"""Types that transformers gives no fused attention."""
