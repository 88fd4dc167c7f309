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
TOWER = {**{key: SHAPE[key] for key in SHAPE if "key_value" not in key}, "num_hidden_layers": 2}
TEXT = {**TOWER, "max_position_embeddings": 16}
IMAGE = {**TOWER, "image_size": 32, "patch_size": 8}
MORE_DECODERS = {
    "whisper": {
        "model_type": "whisper",
        "architectures": ["WhisperForConditionalGeneration"],
        "is_encoder_decoder": True,
        "vocab_size": 64,
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        "num_mel_bins": 8,
        "max_source_positions": 20,
        "max_target_positions": 64,
        "decoder_start_token_id": 1,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
    },
    "llava": {
        "model_type": "llava",
        "image_token_index": 9,
        "vision_feature_layer": -2,
        "vision_config": {"model_type": "clip_vision_model", **IMAGE},
        "text_config": {"model_type": "llama", **SHAPE, "bos_token_id": 1, "eos_token_id": 2},
    },
}
"""Decoders that hear or see first."""
QWEN_VL = {
    "model_type": "qwen2_5_vl",
    "image_token_id": 9,
    "video_token_id": 8,
    "vision_start_token_id": 7,
    "vision_end_token_id": 6,
    "vision_config": {
        "depth": 2,
        "hidden_size": 32,
        "num_heads": 4,
        "patch_size": 4,
        "intermediate_size": 64,
        "out_hidden_size": 32,
        "fullatt_block_indexes": [1],
        "window_size": 16,
    },
    "text_config": {
        **SHAPE,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4},
    },
}
"""Its tower takes patches laid out flat, and looks at their grid on the host."""
_PATCHES = {"depth": 2, "hidden_size": 32, "num_heads": 4, "patch_size": 4}
_TEXT = {**QWEN_VL["text_config"], "head_dim": 8}
QWENS = {
    "qwen2_5_vl": QWEN_VL,
    "qwen2_vl": {
        **QWEN_VL,
        "model_type": "qwen2_vl",
        "vision_config": {**_PATCHES, "embed_dim": 32, "mlp_ratio": 2},
    },
    "qwen3_vl": {
        **QWEN_VL,
        "model_type": "qwen3_vl",
        "text_config": _TEXT,
        "vision_config": {
            **_PATCHES,
            "intermediate_size": 64,
            "out_hidden_size": 32,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0],
        },
    },
    "glm4v": {
        **QWEN_VL,
        "model_type": "glm4v",
        "image_start_token_id": 7,
        "image_end_token_id": 6,
        "text_config": {**_TEXT, "rope_parameters": {
            "rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4,
            "partial_rotary_factor": 1.0}},
        "vision_config": {**_PATCHES, "intermediate_size": 64, "out_hidden_size": 32,
                          "image_size": 32},
    },
}  # fmt: skip
"""Three generations: windows of attention, then none, then positions that are interpolated; and
GLM-4V, which reckons with the grid as a tensor."""
CLIP = {
    "model_type": "clip",
    "architectures": ["CLIPModel"],
    "projection_dim": 16,
    "text_config": {**TEXT, "eos_token_id": 63, "bos_token_id": 1, "pad_token_id": 0},
    "vision_config": IMAGE,
}
SIGLIP = {
    "model_type": "siglip",
    "architectures": ["SiglipModel"],
    "text_config": {**TEXT, "eos_token_id": 2, "bos_token_id": 1, "pad_token_id": 0},
    "vision_config": IMAGE,
}
RT_DETR = {
    "model_type": "rt_detr",
    "architectures": ["RTDetrForObjectDetection"],
    "backbone_config": {
        "model_type": "rt_detr_resnet",
        "embedding_size": 8,
        "hidden_sizes": [8, 16, 24, 32],
        "depths": [1, 1, 1, 1],
        "layer_type": "basic",
        "out_features": ["stage2", "stage3", "stage4"],
    },
    "encoder_hidden_dim": 32,
    "encoder_in_channels": [16, 24, 32],
    "encoder_ffn_dim": 64,
    "encoder_attention_heads": 4,
    "d_model": 32,
    "decoder_in_channels": [32, 32, 32],
    "decoder_ffn_dim": 64,
    "decoder_layers": 2,
    "decoder_attention_heads": 4,
    "num_queries": 12,
    "num_labels": 10,
}
DIT = {
    "_class_name": "DiTTransformer2DModel",
    "num_attention_heads": 4,
    "attention_head_dim": 8,
    "in_channels": 4,
    "out_channels": 8,
    "num_layers": 2,
    "sample_size": 8,
    "patch_size": 2,
    "num_embeds_ada_norm": 10,
}
SD3 = {
    "_class_name": "SD3Transformer2DModel",
    "sample_size": 8,
    "patch_size": 2,
    "in_channels": 4,
    "out_channels": 4,
    "num_layers": 2,
    "attention_head_dim": 8,
    "num_attention_heads": 4,
    "joint_attention_dim": 16,
    "caption_projection_dim": 32,
    "pooled_projection_dim": 16,
    "pos_embed_max_size": 8,
}
FLUX = {
    "_class_name": "FluxTransformer2DModel",
    "in_channels": 16,
    "num_layers": 1,
    "num_single_layers": 1,
    "attention_head_dim": 16,
    "num_attention_heads": 2,
    "joint_attention_dim": 16,
    "pooled_projection_dim": 16,
    "guidance_embeds": True,
    "axes_dims_rope": [4, 6, 6],
}
DIFFUSION = {"dit": DIT, "sd3": SD3, "flux": FLUX}
