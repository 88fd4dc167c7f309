"""What a vision-language model sees: an image in the form that its tower takes, and its tokens.

Most towers take a square image (LLaVA, Gemma 3, PaliGemma); those of Qwen-VL's kin take patches
laid out flat, with the grid that they come from.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from modelworth.bench.models import zoo
from modelworth.data.errors import InputError


def image_inputs(
    config: Any,
    batch: int,
    pixels: int | None,
    device: torch.device,
    generator: torch.Generator | None = None,
) -> dict[str, torch.Tensor]:
    """A random square image a sequence.

    Raises:
        InputError: if the pixels don't make whole patches.
    """
    vision = config.vision_config
    side = pixels or getattr(vision, "image_size", None) or zoo.USUAL_PIXELS
    channels = getattr(vision, "num_channels", None) or getattr(vision, "in_channels", 3)
    step = vision.patch_size * getattr(vision, "spatial_merge_size", 1)
    if side % step:
        raise InputError("workload.image_pixels", side, f"a multiple of {step}")
    shape: tuple[int, ...] = (batch, channels, side, side)
    if not _flat(vision):
        return {"pixel_values": torch.randn(shape, device=device, generator=generator)}
    across = side // vision.patch_size
    shape = (batch * across**2, channels * vision.temporal_patch_size * vision.patch_size**2)
    return {
        "pixel_values": torch.randn(shape, device=device, generator=generator),
        "image_grid_thw": torch.tensor([[1, across, across]] * batch, device=device),
    }


def _flat(vision: Any) -> bool:
    """Whether a tower takes patches laid out flat."""
    return hasattr(vision, "temporal_patch_size") and hasattr(vision, "spatial_merge_size")


def image_positions(blueprint: zoo.Blueprint, pixels: int | None) -> int:
    """Tokens that one image takes in a prompt, by the shapes that go through the tower."""
    return _image_positions(blueprint.key, pixels)


@cache
def _image_positions(key: str, pixels: int | None) -> int:
    blueprint = zoo.Blueprint.of_key(key)
    config = zoo.transformers_config(blueprint)
    vision = config.vision_config
    if _flat(vision):
        grid = image_inputs(config, 1, pixels, torch.device("cpu"))["image_grid_thw"]
        return int(grid.prod()) // vision.spatial_merge_size**2
    model: Any = zoo.build(blueprint, "meta", torch.bfloat16, "eager")
    image = image_inputs(config, 1, pixels, torch.device("meta"))["pixel_values"]
    try:
        seen = model.get_image_features(pixel_values=image.to(torch.bfloat16)).pooler_output
    except (TypeError, ValueError, RuntimeError, AttributeError) as error:
        reason = str(error).splitlines()[0][:120]
        allowed = f"a type that takes a square image, as LLaVA, or Qwen-VL's patches ({reason})"
        raise InputError(f"{blueprint.name}: model_type", config.model_type, allowed) from error
    parts = [seen] if isinstance(seen, torch.Tensor) else list(seen)
    return sum(part.shape[:-1].numel() for part in parts)
