"""Diffusion transformers of diffusers: built from their config.json with random weights.

The part is optional: without diffusers a config of one is refused in a line. Weights are drawn
where the model is built, by torch's own rules; what a step costs doesn't depend on them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

import torch

from modelworth.data.errors import InputError

CLASSES = ("DiTTransformer2DModel", "SD3Transformer2DModel", "FluxTransformer2DModel")
"""Those whose inputs `bench.work.diffusion` knows."""


def build(config: Mapping[str, Any], device: torch.device | str, dtype: torch.dtype | None) -> Any:
    """The denoising transformer that a config describes.

    Raises:
        InputError: if diffusers isn't installed, or it is another class, or its config is refused.
    """
    name = str(config.get("_class_name"))
    if name not in CLASSES:
        raise InputError("_class_name", name, f"one of {', '.join(CLASSES)}")
    if importlib.util.find_spec("diffusers") is None:
        advice = "pip install 'modelworth[diffusion]'"
        raise InputError("diffusers", "not installed", advice=advice)
    import diffusers

    stated = {key: value for key, value in config.items() if key != "model_type"}
    try:
        with torch.device(device):
            model = getattr(diffusers, name).from_config(stated)
    except (ValueError, TypeError, NotImplementedError, AttributeError) as error:
        allowed = f"given a config that fits it ({str(error)[:200]})"
        raise InputError("_class_name", name, allowed) from error
    for module in model.modules():
        if hasattr(module, "dropout_prob"):  # of classes, which DiT forgets one time in ten
            module.dropout_prob = 0.0
    return torch.nn.Module.to(model, dtype=dtype).eval()  # diffusers' own warns of nothing
