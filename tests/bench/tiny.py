"""Configs of every family so small that a step takes milliseconds."""

from __future__ import annotations

SHAPE = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}
GPT2 = {"vocab_size": 64, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512}
ENCODER = {**SHAPE, "num_key_value_heads": 4, "type_vocab_size": 1}
VISION = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 32,
    "patch_size": 8,
    "num_channels": 3,
    "num_labels": 10,
}
DECODERS = {
    "gpt2": {**GPT2, "architectures": ["GPT2LMHeadModel"]},
    "llama": {**SHAPE, "architectures": ["LlamaForCausalLM"]},
    "mixtral": {
        **SHAPE,
        "architectures": ["MixtralForCausalLM"],
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
        "sliding_window": None,
    },
}
T5 = {
    "model_type": "t5",
    "architectures": ["T5ForConditionalGeneration"],
    "is_encoder_decoder": True,
    "vocab_size": 64,
    "d_model": 32,
    "d_ff": 64,
    "d_kv": 8,
    "num_layers": 2,
    "num_decoder_layers": 2,
    "num_heads": 4,
    "decoder_start_token_id": 0,
    "pad_token_id": 0,
}
CONFIGS = {
    **{kind: {**config, "model_type": kind} for kind, config in DECODERS.items()},
    "bert": {**ENCODER, "model_type": "bert", "architectures": ["BertForMaskedLM"]},
    "roberta": {**ENCODER, "model_type": "roberta", "architectures": ["RobertaForMaskedLM"]},
    "t5": T5,
    "image": {
        **DECODERS["gpt2"],
        "model_type": "gpt2",
        "n_positions": 20,
        "image_tokens": 16,
    },
    "vit": {**VISION, "model_type": "vit", "architectures": ["ViTForImageClassification"]},
    "yolos": {
        **VISION,
        "model_type": "yolos",
        "architectures": ["YolosForObjectDetection"],
        "image_size": [32, 32],
        "num_detection_tokens": 12,
        "use_mid_position_embeddings": False,
    },
}
TEXT = ("gpt2", "llama", "mixtral", "bert", "roberta", "t5")
"""Those that must be told how many tokens a sequence has."""
