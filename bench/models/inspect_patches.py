"""Items for parts that don't take a plain image or sound: patches with their grid, frames, states.

Each argument that a class can't do without has a shape that follows from its config, or from the
width that its first products take. Grids keep their numbers, since shapes hang on them.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import torch

SIDE = 24
"""Patches of an image's side: every merge and window that a config names divides it."""
STEPS = 64
SECONDS = 3
RATE = 16_000
SQUARE = SIDE * SIDE
GRIDS: dict[str, torch.Tensor] = {
    "grid_thw": torch.tensor([[1, SIDE, SIDE]]),
    "image_grid_thw": torch.tensor([[1, SIDE, SIDE]]),
    "merge_sizes": torch.tensor([2]),
    "spatial_shapes": torch.tensor([[SIDE, SIDE]]),
    "target_sizes": torch.tensor([[SIDE, SIDE]], dtype=torch.int32),
    "pixel_position_ids": torch.cartesian_prod(*2 * [torch.arange(SIDE)])[None],
}


def asked(model: Any) -> list[str]:
    """Arguments that a pass can't do without."""
    found = inspect.signature(model.forward).parameters.values()
    plain = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return [each.name for each in found if each.default is each.empty and each.kind is plain]


def patch_inputs(model: Any) -> Iterator[dict[str, Any]]:
    """An image as patches beside its grid, in each of the shapes that towers want it in."""
    takes = inspect.signature(model.forward).parameters
    given: dict[str, Any] = {name: grid for name, grid in GRIDS.items() if name in takes}
    if not given:
        return
    if "pixel_attention_mask" in takes:
        given["pixel_attention_mask"] = torch.ones(1, SQUARE, dtype=torch.bool)
    holder = "hidden_states" if "hidden_states" in takes else "pixel_values"
    for shape in _patches(model.config):
        yield {**given, holder: empty(*shape)}


def _patches(config: Any) -> Iterator[tuple[int, ...]]:
    """Shapes of an image in patches: rows of numbers, or small images."""
    config = getattr(config, "vision_config", None) or config
    side = first_of(config, "patch_size", default=16)
    depth = first_of(config, "temporal_patch_size", "patch_temporal", default=1)
    channels = first_of(config, "in_channels", "num_channels", default=3)
    row, merge = channels * side**2, first_of(config, "spatial_merge_size", default=2)
    yield from ((SQUARE, row * depth), (SQUARE, row), (1, SQUARE, row))
    yield from ((SQUARE, channels, side, side), (1, SQUARE, channels, side, side))
    yield (SQUARE, side * merge, side * merge, channels)
    yield (1, channels, side, side * SQUARE)
    yield (1, SQUARE, row * depth)


def sequence_inputs(model: Any, usual: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Vectors for each argument that is missing, as wide as the model's first products."""
    missing = [name for name in asked(model) if name not in usual]
    for wide in dict.fromkeys(_widths(model)):
        for shape in ((1, STEPS, wide), (1, wide, STEPS)):
            made = {}
            for name in missing:
                mask = name.endswith("mask")
                made[name] = torch.ones(1, STEPS, dtype=torch.bool) if mask else empty(*shape)
            if "input_features" in usual or "input_features" in made:
                made["input_features"] = empty(*shape)
            yield {**usual, **made}


def sound_inputs(usual: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A sound as a wave with channels, of a length that every stride divides."""
    for shape in ((1, 1, SECONDS * RATE), (1, SECONDS * RATE)):
        yield {**usual, "input_values": empty(*shape)}


def _widths(model: Any) -> Iterator[int]:
    """Numbers that the model's first products take, and its own width."""
    found = 0
    for module in model.modules():
        width = getattr(module, "in_features", None) or getattr(module, "in_channels", None)
        if isinstance(width, int) and width > 1 and found < 3:
            found += 1
            yield width
    yield first_of(model.config, "hidden_size", "d_model", default=64)


def first_channels(model: Any) -> int:
    """Channels that the model's first convolution over images takes."""
    found = (one.in_channels for one in model.modules() if isinstance(one, torch.nn.Conv2d))
    return next(found, 3)


def first_of(config: Any, *names: str, default: int) -> int:
    """The first of several settings that is a whole number above 0."""
    for name in names:
        value = getattr(config, name, None)
        if isinstance(value, list | tuple) and value:
            value = value[0]
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return default


def empty(*shape: int) -> torch.Tensor:
    """Numbers without storage."""
    return torch.zeros(*shape, dtype=torch.float32, device="meta")
