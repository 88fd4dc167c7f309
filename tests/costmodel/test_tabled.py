"""Types that a table of formulas says: parameters and FLOPs of the built class, and refusals."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from modelworth.bench.models.inspect import inspected
from modelworth.costmodel.architecture.read import read_model
from modelworth.costmodel.architecture.tabled import tabled_types
from modelworth.costmodel.architecture.work import forward_flops, kv_cache_bytes
from modelworth.data.errors import InputError
from tests.costmodel.perturbed import difference, usual

WORDS = {"hidden_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4, "vocab_size": 300}
WORDS |= {"intermediate_size": 160, "max_position_embeddings": 128, "pad_token_id": 0}
CHAIN = {key: size for key, size in WORDS.items() if key[:3] not in ("num", "max")}
CHAIN["num_hidden_layers"] = 3
SEEN = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 64}
SEEN |= {"intermediate_size": 96, "patch_size": 16}
TEXT = {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "vocab_size": 200}
TEXT |= {"intermediate_size": 80, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
BOTH = {"text_config": TEXT, "vision_config": SEEN}
APART = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]}
STAGES = {"embed_dim": 24, "depths": [2, 1, 2], "num_heads": [2, 3, 4], "image_size": 96}
PYRAMID = {"num_attention_heads": [1, 2, 5, 8], "depths": [1, 2, 1, 2]}
SOUND = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 20}
SOUND |= {"intermediate_size": 96, "conv_dim": [32, 24], "conv_kernel": [10, 4]}
SOUND |= {"conv_stride": [8, 8], "num_conv_pos_embeddings": 15}
NEST = WORDS | {"vocab_size_per_layer_input": 40, "hidden_size_per_layer_input": 16}
NEST |= {"num_key_value_heads": 2, "head_dim": 16, "laurel_rank": 8, "num_hidden_layers": 6}
NEST |= {"sliding_window": 32, "num_kv_shared_layers": 2}
NEST["layer_types"] = ["sliding_attention", "full_attention"] * 3
SPACES = WORDS | {"layers_block_type": ["mamba", "hybrid", "mamba", "hybrid", "hybrid"]}
SPACES |= {
    "num_hidden_layers": 5,
    "max_position_embeddings": 1024,
    "n_mamba_heads": 4,
    "mamba_d_state": 16,
}
PARTED = SEEN | {"image_size": 160, "window_size": 4, "global_attn_indexes": [1], "mlp_dim": 200}
PARTED |= {"output_channels": 64, "num_pos_feats": 32, "use_rel_pos": False, "qkv_bias": False}
ASKS = {"hidden_size": 64, "mask_input_channels": 8, "image_size": 160}
MASKS = {"hidden_size": 64, "mlp_dim": 100, "num_multimask_outputs": 2, "iou_head_depth": 4}
CUT = {"vision_config": PARTED, "prompt_encoder_config": ASKS, "mask_decoder_config": MASKS}
NET = {"hidden_sizes": [32, 64, 64], "depths": [1, 2, 1], "embedding_size": 24}
NEXT = {"hidden_sizes": [24, 40, 48], "num_stages": 3, "depths": [2, 1, 3], "image_size": 100}
BACKBONE = {"model_type": "resnet", "depths": [1, 2, 1, 1], "out_features": ["stage4"]}
CASES: list[tuple[str, str | None, dict[str, Any]]] = [
    ("albert", None, WORDS | {"embedding_size": 32, "num_hidden_groups": 3, "inner_group_num": 2}),
    ("albert", "AlbertForSequenceClassification", WORDS | {"num_labels": 7}),
    ("deberta-v2", None, WORDS | APART | {"position_buckets": 16, "norm_rel_ebd": "layer_norm"}),
    ("deberta-v2", None, WORDS | APART | {"conv_kernel_size": 3, "share_att_key": True}),
    (
        "deberta-v2",
        "DebertaV2Model",
        WORDS | {"type_vocab_size": 2, "position_biased_input": False},
    ),
    ("deberta", None, WORDS | APART | {"talking_head": True, "legacy": False}),
    ("clip", None, BOTH | {"projection_dim": 40}),
    ("clip", "CLIPForImageClassification", BOTH | {"num_labels": 9}),
    ("siglip", None, {"text_config": TEXT | {"projection_size": 64}, "vision_config": SEEN}),
    (
        "siglip",
        "SiglipForImageClassification",
        {"vision_config": SEEN | {"vision_use_head": False}},
    ),
    ("swin", None, STAGES | {"window_size": 5, "mlp_ratio": 2.5}),
    ("swin", "SwinModel", STAGES | {"use_absolute_embeddings": True, "image_size": 112}),
    ("swinv2", None, STAGES | {"window_size": 8, "pretrained_window_sizes": [0, 0, 0]}),
    ("segformer", None, PYRAMID | {"hidden_sizes": [16, 32, 40, 64], "sr_ratios": [4, 2, 1, 1]}),
    ("segformer", "SegformerForSemanticSegmentation", PYRAMID | {"decoder_hidden_size": 48}),
    ("wav2vec2", None, SOUND | {"num_feat_extract_layers": 2}),
    ("hubert", None, SOUND | {"feat_extract_norm": "layer", "conv_bias": True}),
    ("rwkv", None, CHAIN | {"attention_hidden_size": 64, "context_length": 64}),
    ("zamba2", None, SPACES | {"num_mem_blocks": 2, "adapter_rank": 8}),
    ("zamba2", None, SPACES | {"use_shared_attention_adapter": True, "add_bias_linear": True}),
    ("gemma3n_text", None, NEST | {"intermediate_size": [64, 96, 64, 96, 128, 64]}),
    ("gemma3n_text", None, NEST | {"attention_bias": True, "tie_word_embeddings": False}),
    ("resnet", None, NET | {"downsample_in_bottleneck": True, "num_labels": 7}),
    ("resnet", "ResNetModel", NET | {"layer_type": "basic", "downsample_in_first_stage": True}),
    ("convnext", None, NEXT | {"patch_size": 3, "layer_scale_init_value": 0.0}),
    ("convnextv2", "ConvNextV2Model", NEXT),
    ("sam", None, CUT),
    (
        "detr",
        None,
        {"d_model": 64, "use_timm_backbone": False, "backbone_config": BACKBONE, "num_queries": 30},
    ),
    (
        "internvl",
        None,
        {
            "text_config": TEXT | {"model_type": "qwen2", "num_key_value_heads": 2},
            "vision_config": SEEN | {"use_qk_norm": True, "attention_bias": True},
        },
    ),
]


@pytest.mark.parametrize(
    ("kind", "named", "sizes"), CASES, ids=[f"{case[0]}-{i}" for i, case in enumerate(CASES)]
)
def test_read_as_built(kind, named, sizes):
    config = {"model_type": kind, **sizes} | ({"architectures": [named]} if named else {})
    found = inspected(config, kind)
    read, built = read_model(config), read_model(found.description)
    assert read.parameters == built.parameters
    assert read.generates == built.generates
    tokens = None if built.patches is not None else found.tokens
    assert found.flops
    assert forward_flops(read, 1, tokens, found.source) == pytest.approx(found.flops, rel=0.01)
    if read.generates and kind != "rwkv":  # whose state its class doesn't give back as a cache
        assert kv_cache_bytes(read, 1, 900) == pytest.approx(
            kv_cache_bytes(built, 1, 900), rel=0.02
        )


@pytest.mark.parametrize("kind", tabled_types())
def test_every_section_is_its_class_by_its_defaults(kind):
    config = usual(kind) or {"model_type": "detr", "d_model": 256}  # whose default needs timm
    assert read_model(config).parameters
    assert difference(config) is None


def test_a_state_of_rwkv_is_five_numbers_for_each_width():
    read = read_model({"model_type": "rwkv", **WORDS})
    assert kv_cache_bytes(read, 1, 10) == kv_cache_bytes(read, 1, 10_000) == 5 * 96 * 3 * 2


def test_resnet_50_and_convnext_tiny_of_a_thousand_labels_are_as_published():
    """25,557,032 (torchvision's ResNet50_Weights) and 28,589,128 (its ConvNeXt_Tiny_Weights)."""
    assert read_model({"model_type": "resnet", "num_labels": 1000}).parameters == 25_557_032
    assert read_model({"model_type": "convnext", "num_labels": 1000}).parameters == 28_589_128


def test_detr_on_a_backbone_of_timm_is_what_was_built_with_it():
    """DetrForObjectDetection by its defaults, counted with timm 1.0.31; 91 labels, as published."""
    read = read_model({"model_type": "detr", "d_model": 256, "backbone": "resnet50"})
    assert read.parameters == 41_501_895
    larger = {"backbone": "resnet101", "num_labels": 91, "backbone_config": None}
    read = read_model({"model_type": "detr", "d_model": 256, **larger})
    assert read.parameters == 41_501_895 + 89 * 257 + 42_394_816 - 23_454_912


def test_gemma_3n_with_its_towers_is_what_was_built_with_timm():
    """Gemma3nForConditionalGeneration by its defaults, counted with timm 1.0.31."""
    parts = {f"{part}_config": {} for part in ("text", "vision", "audio")}
    read = read_model({"model_type": "gemma3n", **parts})
    assert read.parameters == 7_818_517_072
    with pytest.raises(InputError):
        read_model({"model_type": "gemma3n", **parts, "audio_config": {"hidden_size": 768}})


def test_a_config_of_clip_with_its_parts_twice_is_read_as_its_class_reads_it():
    config = {"model_type": "clip", **BOTH, "text_config_dict": {"hidden_size": 64}}
    built = read_model(inspected(config, "clip", passes=False).description)
    assert read_model(config).parameters == built.parameters


@pytest.mark.parametrize(
    "wrong",
    [
        {"hidden_size": "96"},
        {"hidden_size": 10**30},
        {"num_hidden_groups": -1},
        {"inner_group_num": [1]},
        {"vocab_size": None},
        {"num_attention_heads": 5},
        {"num_hidden_layers": 10**6},
        {"architectures": ["AlbertForMultipleChoice"]},
        {"embedding_size": {"a": 1}},
    ],
    ids=str,
)
def test_a_damaged_config_is_refused(wrong):
    with pytest.raises(InputError):
        read_model({"model_type": "albert", **WORDS, **wrong})
