"""Transformers that denoise images are read as diffusers builds and runs them."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from modelworth.costmodel.architecture.read import read_model  # noqa: E402
from modelworth.costmodel.architecture.work import forward_flops  # noqa: E402
from modelworth.data.errors import InputError  # noqa: E402

DUAL = {"qk_norm": "rms_norm", "num_attention_heads": 6, "caption_projection_dim": 384}
FEW = {"num_layers": 1, "num_single_layers": 2, "num_attention_heads": 6}
CASES = [
    ("FluxTransformer2DModel", {}),
    ("FluxTransformer2DModel", {"guidance_embeds": True, "out_channels": 16, **FEW}),
    ("FluxTransformer2DModel", {**FEW, "num_attention_heads": 4}),
    ("SD3Transformer2DModel", {}),
    ("SD3Transformer2DModel", {"num_layers": 4, "dual_attention_layers": [0, 1], **DUAL}),
    ("SD3Transformer2DModel", {"num_layers": 2, "dual_attention_layers": [1], **DUAL}),
    ("DiTTransformer2DModel", {}),
    ("DiTTransformer2DModel", {"num_layers": 3, "patch_size": 4, "attention_bias": False}),
    ("DiTTransformer2DModel", {"num_layers": 2, "out_channels": 8, "num_embeds_ada_norm": 10}),
]


def given(model, kind):
    """One item: an image's latents, a step's time, a text or a class."""
    config = model.config
    if kind.startswith("Flux"):
        return {
            "hidden_states": torch.zeros(1, 4096, config.in_channels),
            "encoder_hidden_states": torch.zeros(1, 512, config.joint_attention_dim),
            "pooled_projections": torch.zeros(1, config.pooled_projection_dim),
            "timestep": torch.zeros(1),
            "guidance": torch.zeros(1) if config.guidance_embeds else None,
            "img_ids": torch.zeros(4096, 3),
            "txt_ids": torch.zeros(512, 3),
        }
    image = torch.zeros(1, config.in_channels, config.sample_size, config.sample_size)
    if kind.startswith("SD3"):
        return {
            "hidden_states": image,
            "encoder_hidden_states": torch.zeros(1, 333, config.joint_attention_dim),
            "pooled_projections": torch.zeros(1, config.pooled_projection_dim),
            "timestep": torch.zeros(1),
        }
    whole = torch.zeros(1, dtype=torch.long)
    return {"hidden_states": image, "timestep": whole, "class_labels": whole}


@pytest.mark.parametrize(("kind", "stated"), CASES, ids=range(len(CASES)))
def test_parameters_and_flops_are_those_of_the_built_class(kind, stated):
    read = read_model({"_class_name": kind, **stated})
    with torch.device("meta"), torch.no_grad():
        model = getattr(diffusers, kind)(**stated)
        assert read.parameters == sum(weight.numel() for weight in model.parameters())
        if not stated:
            return  # so many layers take long to count
        with FlopCounterMode(display=False) as counter:
            model(**given(model, kind))
    assert forward_flops(read, 1) == pytest.approx(counter.get_total_flops(), rel=0.01)


@pytest.mark.parametrize(
    "config",
    [
        {"_class_name": "UNet2DConditionModel"},
        {"_class_name": "FluxTransformer2DModel", "num_layers": -1},
        {"_class_name": "SD3Transformer2DModel", "qk_norm": "layer_norm"},
        {"_class_name": "SD3Transformer2DModel", "num_attention_heads": 7},
        {"_class_name": "DiTTransformer2DModel", "patch_size": "2"},
        {"_class_name": ["DiTTransformer2DModel"]},
    ],
    ids=range(6),
)
def test_what_is_none_of_them_is_refused(config):
    with pytest.raises(InputError):
        read_model(config)
