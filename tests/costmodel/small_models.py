"""Small models of every family, as configs that transformers builds in milliseconds."""

from __future__ import annotations

import json
from typing import Any

WIDTHS = {
    "hidden_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "vocab_size": 128,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 2,
}
GROUPED = WIDTHS | {"num_key_value_heads": 2}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
LATENT = {
    "num_key_value_heads": 4,
    "moe_intermediate_size": 32,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "n_shared_experts": 1,
    "first_k_dense_replace": 1,
    "kv_lora_rank": 16,
    "q_lora_rank": 24,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 16,
    "v_head_dim": 16,
    "n_group": 1,
    "topk_group": 1,
}
GPT = {
    "n_embd": 64,
    "n_layer": 3,
    "n_head": 4,
    "vocab_size": 128,
    "n_positions": 64,
    "bos_token_id": 0,
    "eos_token_id": 1,
}
COMPRESSING = {key: value for key, value in WIDTHS.items() if key != "intermediate_size"} | {
    "num_hidden_layers": 5,
    "moe_intermediate_size": 32,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "head_dim": 16,
    "q_lora_rank": 24,
    "o_groups": 2,
    "o_lora_rank": 8,
    "index_n_heads": 2,
    "index_head_dim": 16,
    "sliding_window": 16,
    "compress_ratios": [0, 4, 128, 4, 0],
}
STATES = {
    "head_dim": 16,
    "mamba_num_heads": 8,
    "mamba_head_dim": 16,
    "n_groups": 2,
    "ssm_state_size": 12,
}
DELTA = {
    "head_dim": 16,
    "linear_num_value_heads": 4,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 16,
    "linear_value_head_dim": 24,
    "shared_expert_intermediate_size": 40,
}
SEEING = {
    "text_config": GROUPED | {"head_dim": 16, "model_type": "qwen3_vl_text"},
    "vision_config": {
        "hidden_size": 32,
        "depth": 2,
        "num_heads": 2,
        "intermediate_size": 48,
        "out_hidden_size": 64,
        "deepstack_visual_indexes": [0],
    },
}
T5 = {"d_model": 64, "d_kv": 16, "d_ff": 96, "num_layers": 3, "num_heads": 4, "vocab_size": 128}
BART = {
    "d_model": 64,
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 96,
    "decoder_ffn_dim": 80,
    "vocab_size": 128,
    "max_position_embeddings": 64,
}
IMAGE = {
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "image_size": 32,
    "patch_size": 8,
    "num_labels": 10,
}

# name: (model_type, the class that transformers builds, config)
FAMILIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "llama": ("llama", "LlamaForCausalLM", GROUPED),
    "llama-biased": (
        "llama",
        "LlamaForCausalLM",
        GROUPED | {"attention_bias": True, "mlp_bias": True, "head_dim": 32},
    ),
    "llama-tied": ("llama", "LlamaForCausalLM", WIDTHS | {"tie_word_embeddings": True}),
    "mistral": ("mistral", "MistralForCausalLM", GROUPED | {"sliding_window": 16}),
    "mixtral": (
        "mixtral",
        "MixtralForCausalLM",
        GROUPED | {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": None},
    ),
    "qwen2": (
        "qwen2",
        "Qwen2ForCausalLM",
        GROUPED | {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 2},
    ),
    "qwen2-moe": (
        "qwen2_moe",
        "Qwen2MoeForCausalLM",
        GROUPED | EXPERTS | {"shared_expert_intermediate_size": 48, "decoder_sparse_step": 2},
    ),
    "qwen3": ("qwen3", "Qwen3ForCausalLM", GROUPED | {"head_dim": 32}),
    "qwen3-moe": ("qwen3_moe", "Qwen3MoeForCausalLM", GROUPED | EXPERTS | {"mlp_only_layers": [1]}),
    "smollm3": ("smollm3", "SmolLM3ForCausalLM", GROUPED),
    "gemma": ("gemma", "GemmaForCausalLM", GROUPED | {"head_dim": 32}),
    "gemma2": ("gemma2", "Gemma2ForCausalLM", GROUPED | {"head_dim": 32, "sliding_window": 8}),
    "gemma3": (
        "gemma3_text",
        "Gemma3ForCausalLM",
        GROUPED | {"head_dim": 32, "sliding_window": 8, "num_hidden_layers": 7},
    ),
    "olmo": ("olmo", "OlmoForCausalLM", GROUPED),
    "olmo2": ("olmo2", "Olmo2ForCausalLM", GROUPED),
    "olmoe": (
        "olmoe",
        "OlmoeForCausalLM",
        GROUPED | {"num_experts": 4, "num_experts_per_tok": 2},
    ),
    "glm4": ("glm4", "Glm4ForCausalLM", GROUPED | {"head_dim": 16, "attention_bias": True}),
    "cohere": ("cohere", "CohereForCausalLM", GROUPED | {"use_qk_norm": True}),
    "cohere2": ("cohere2", "Cohere2ForCausalLM", GROUPED),
    "arcee": ("arcee", "ArceeForCausalLM", GROUPED),
    "exaone4": ("exaone4", "Exaone4ForCausalLM", GROUPED),
    "glm": ("glm", "GlmForCausalLM", GROUPED | {"head_dim": 16}),
    "glm4-moe": (
        "glm4_moe",
        "Glm4MoeForCausalLM",
        GROUPED
        | {
            "head_dim": 16,
            "moe_intermediate_size": 32,
            "n_routed_experts": 4,
            "num_experts_per_tok": 2,
            "n_shared_experts": 1,
            "first_k_dense_replace": 1,
        },
    ),
    "dots1": (
        "dots1",
        "Dots1ForCausalLM",
        GROUPED
        | {
            "moe_intermediate_size": 32,
            "n_routed_experts": 4,
            "num_experts_per_tok": 2,
            "n_shared_experts": 1,
            "first_k_dense_replace": 1,
        },
    ),
    "ernie4": ("ernie4_5", "Ernie4_5ForCausalLM", GROUPED | {"head_dim": 16}),
    "granite-moe": (
        "granitemoe",
        "GraniteMoeForCausalLM",
        GROUPED | {"num_local_experts": 4, "num_experts_per_tok": 2},
    ),
    "helium": ("helium", "HeliumForCausalLM", GROUPED | {"head_dim": 16}),
    "hunyuan": ("hunyuan_v1_dense", "HunYuanDenseV1ForCausalLM", GROUPED | {"head_dim": 16}),
    "ministral": (
        "ministral",
        "MinistralForCausalLM",
        GROUPED | {"sliding_window": 8, "head_dim": 16},
    ),
    "nemotron": ("nemotron", "NemotronForCausalLM", GROUPED),
    "olmo3": ("olmo3", "Olmo3ForCausalLM", GROUPED | {"sliding_window": 8}),
    "seed-oss": ("seed_oss", "SeedOssForCausalLM", GROUPED | {"head_dim": 16}),
    "granite": ("granite", "GraniteForCausalLM", GROUPED),
    "phi": ("phi", "PhiForCausalLM", WIDTHS),
    "phi3": ("phi3", "Phi3ForCausalLM", GROUPED),
    "stablelm": ("stablelm", "StableLmForCausalLM", GROUPED | {"use_qkv_bias": True}),
    "starcoder2": ("starcoder2", "Starcoder2ForCausalLM", GROUPED),
    "gpt-oss": (
        "gpt_oss",
        "GptOssForCausalLM",
        GROUPED
        | {"head_dim": 16, "num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 8},
    ),
    "gpt2": ("gpt2", "GPT2LMHeadModel", GPT),
    "gpt-neox": ("gpt_neox", "GPTNeoXForCausalLM", WIDTHS),
    "gptj": ("gptj", "GPTJForCausalLM", GPT | {"rotary_dim": 8}),
    "opt": (
        "opt",
        "OPTForCausalLM",
        {
            "hidden_size": 64,
            "word_embed_proj_dim": 64,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "ffn_dim": 96,
            "vocab_size": 128,
            "max_position_embeddings": 64,
        },
    ),
    "bloom": (
        "bloom",
        "BloomForCausalLM",
        {"hidden_size": 64, "n_layer": 3, "n_head": 4, "vocab_size": 128},
    ),
    "falcon": (
        "falcon",
        "FalconForCausalLM",
        {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "vocab_size": 128},
    ),
    "falcon-new": (
        "falcon",
        "FalconForCausalLM",
        {
            "hidden_size": 64,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "num_kv_heads": 2,
            "vocab_size": 128,
            "new_decoder_architecture": True,
            "bias": True,
        },
    ),
    "mpt": (
        "mpt",
        "MptForCausalLM",
        {"d_model": 64, "n_layers": 3, "n_heads": 4, "vocab_size": 128, "expansion_ratio": 4},
    ),
    "deepseek-v2": (
        "deepseek_v2",
        "DeepseekV2ForCausalLM",
        WIDTHS | LATENT | {"q_lora_rank": None},
    ),
    "deepseek-v3": ("deepseek_v3", "DeepseekV3ForCausalLM", WIDTHS | LATENT),
    "bert": ("bert", "BertForMaskedLM", WIDTHS | {"max_position_embeddings": 64}),
    "bert-classifier": (
        "bert",
        "BertForSequenceClassification",
        WIDTHS | {"max_position_embeddings": 64, "num_labels": 3},
    ),
    "bert-bare": ("bert", "BertModel", WIDTHS | {"max_position_embeddings": 64}),
    "roberta": ("roberta", "RobertaForMaskedLM", WIDTHS | {"max_position_embeddings": 64}),
    "distilbert": (
        "distilbert",
        "DistilBertForMaskedLM",
        {
            "dim": 64,
            "n_layers": 3,
            "n_heads": 4,
            "hidden_dim": 96,
            "vocab_size": 128,
            "max_position_embeddings": 64,
        },
    ),
    "deepseek_v32": (
        "deepseek_v32",
        "DeepseekV32ForCausalLM",
        WIDTHS | LATENT | {"index_topk": 8, "index_n_heads": 2, "index_head_dim": 16},
    ),
    "glm_moe_dsa": (
        "glm_moe_dsa",
        "GlmMoeDsaForCausalLM",
        WIDTHS | LATENT | {"index_topk": 8, "index_n_heads": 2, "index_head_dim": 16},
    ),
    "deepseek_v4": ("deepseek_v4", "DeepseekV4ForCausalLM", COMPRESSING),
    "minimax_m2": (
        "minimax_m2",
        "MiniMaxM2ForCausalLM",
        GROUPED | {"num_local_experts": 4, "num_experts_per_tok": 2},
    ),
    "minimax_m3_vl_text": (
        "minimax_m3_vl_text",
        "MiniMaxM3VLForCausalLM",
        GROUPED
        | {
            "head_dim": 16,
            "num_local_experts": 4,
            "dense_intermediate_size": 80,
            "shared_intermediate_size": 48,
            "mlp_layer_types": ["dense", "sparse", "sparse", "sparse"],
            "layer_types": ["full_attention", *["minimax_m3_sparse"] * 3],
        },
    ),
    "llama4_text": (
        "llama4_text",
        "Llama4ForCausalLM",
        GROUPED
        | {"intermediate_size_mlp": 112, "num_local_experts": 4, "interleave_moe_layer_step": 2},
    ),
    "nemotron_h": (
        "nemotron_h",
        "NemotronHForCausalLM",
        GROUPED
        | STATES
        | {
            "layers_block_type": ["mamba", "moe", "attention", "mlp"],
            "n_routed_experts": 4,
            "moe_intermediate_size": 24,
            "moe_shared_expert_intermediate_size": 40,
            "moe_latent_size": 16,
        },
    ),
    "mamba": (
        "mamba",
        "MambaForCausalLM",
        {"hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 128, "state_size": 8},
    ),
    "mamba2": (
        "mamba2",
        "Mamba2ForCausalLM",
        {
            "hidden_size": 64,
            "num_hidden_layers": 2,
            "vocab_size": 128,
            "num_heads": 8,
            "head_dim": 16,
            "n_groups": 2,
            "state_size": 8,
        },
    ),
    "jamba": (
        "jamba",
        "JambaForCausalLM",
        GROUPED
        | {
            "num_hidden_layers": 8,
            "num_experts": 4,
            "attn_layer_period": 4,
            "attn_layer_offset": 1,
        },
    ),
    "codegen": ("codegen", "CodeGenForCausalLM", GPT | {"rotary_dim": 8}),
    "gpt_bigcode": ("gpt_bigcode", "GPTBigCodeForCausalLM", GPT),
    "granitemoeshared": (
        "granitemoeshared",
        "GraniteMoeSharedForCausalLM",
        GROUPED
        | {"num_local_experts": 4, "num_experts_per_tok": 2, "shared_intermediate_size": 48},
    ),
    "qwen3_next": ("qwen3_next", "Qwen3NextForCausalLM", GROUPED | DELTA | EXPERTS),
    "qwen3_5_text": ("qwen3_5_text", "Qwen3_5ForCausalLM", GROUPED | DELTA),
    "qwen3_5_moe_text": ("qwen3_5_moe_text", "Qwen3_5MoeForCausalLM", GROUPED | DELTA | EXPERTS),
    "gemma4_text": (
        "gemma4_text",
        "Gemma4ForCausalLM",
        GROUPED
        | {
            "num_hidden_layers": 12,
            "head_dim": 16,
            "global_head_dim": 32,
            "num_global_key_value_heads": 1,
            "attention_k_eq_v": True,
            "hidden_size_per_layer_input": 8,
            "vocab_size_per_layer_input": 96,
            "enable_moe_block": True,
            "num_experts": 4,
            "top_k_experts": 2,
            "moe_intermediate_size": 24,
        },
    ),
    "qwen3_vl": ("qwen3_vl", "Qwen3VLForConditionalGeneration", SEEING),
    "kimi_k25": (
        "kimi_k25",
        "Kimi_K25ForConditionalGeneration",
        {
            "text_config": WIDTHS | LATENT | {"model_type": "deepseek_v3"},
            "vision_config": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2},
            "projection_hidden_size": 32,
        },
    ),
    "t5": ("t5", "T5ForConditionalGeneration", T5 | {"num_decoder_layers": 2}),
    "mt5": ("mt5", "MT5ForConditionalGeneration", T5 | {"feed_forward_proj": "gated-gelu"}),
    "bart": ("bart", "BartForConditionalGeneration", BART),
    "vit": ("vit", "ViTForImageClassification", IMAGE),
    "deit": ("deit", "DeiTForImageClassification", IMAGE),
    "yolos": (
        "yolos",
        "YolosForObjectDetection",
        IMAGE | {"image_size": [32, 48], "num_detection_tokens": 10},
    ),
}


def short_config(name: str) -> dict[str, Any]:
    """The config as a person would write it."""
    kind, built, config = FAMILIES[name]
    return config | {"model_type": kind, "architectures": [built]}


def build(name: str, **changes: Any):
    """The model on the device that torch's context says, and its config."""
    import transformers

    kind, built, config = FAMILIES[name]
    settings = transformers.AutoConfig.for_model(kind, **config)
    for key, value in changes.items():
        setattr(settings, key, value)
    return getattr(transformers, built)(settings), settings


def saved_config(name: str, settings) -> dict[str, Any]:
    """The config as transformers saves it, with everything that equals a default left in."""
    plain = json.loads(json.dumps(settings.to_dict(), default=str))
    return plain | {"architectures": [FAMILIES[name][1]]}


VISION_SIZES = {
    "tiny": (192, 12, 3, 768),
    "small": (384, 12, 6, 1536),
    "base": (768, 12, 12, 3072),
    "large": (1024, 24, 16, 4096),
    "so400m": (1152, 27, 16, 4304),
    "huge": (1280, 32, 16, 5120),
    "giant": (1408, 40, 16, 6144),
    "gigantic": (1664, 48, 16, 8192),
}
"""Width, layers, heads and feed-forward width of the Vision Transformer's named sizes. Sources:
Dosovitskiy et al. 2020, Touvron et al. 2020, Zhai et al. 2021 (arXiv:2106.04560), timm."""


def vision_config(size: str, patch: int, image_size: int) -> dict[str, Any]:
    """A Vision Transformer by the name of its size, of 1,000 labels."""
    hidden, layers, heads, width = VISION_SIZES[size]
    return {
        "model_type": "vit",
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": width,
        "patch_size": patch,
        "image_size": image_size,
        "num_labels": 1000,
    }
