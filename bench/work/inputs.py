"""What goes into a step: lengths with their defaults, and batches of random tokens and images.

Tokens are uniform over the vocabulary, images normal: the time of a step doesn't depend on what
they say (a mixture of experts routes random tokens about evenly). Labels follow each family's
pre-training: the next token, 15% of masked tokens, a target of a quarter of the source's length
(T5's 512 to 114), a class, seven boxes an image (COCO's mean is 7.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from modelworth.bench.models.zoo import (
    USUAL_PIXELS,
    Blueprint,
    image_tokens,
    longest_sequence,
    segments,
)
from modelworth.data.errors import InputError
from modelworth.data.measurement import Workload
from modelworth.data.words import TRAINING, Unit

MASKED_SHARE = 0.15
BOXES_PER_IMAGE = 7
FIRST_TOKEN = 10  # below are padding and the like, which some models treat apart

Batch = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of one sequence; 0 where a family has none.

    Attributes:
        prompt: tokens before the step; an encoder-decoder's source.
        new: tokens generated, or an encoder-decoder's target.
        context: tokens the decoder holds when a decode step starts.
    """

    prompt: int = 0
    new: int = 0
    context: int = 0


def lengths(blueprint: Blueprint, config: Any, workload: Workload) -> Lengths:
    """The lengths of a workload, defaults filled in.

    Raises:
        InputError: if one is missing or longer than the model's positions reach.
    """
    if blueprint.family in ("vision", "detector"):
        return Lengths()
    prompt, new = workload.prompt_tokens, workload.new_tokens or 0
    if blueprint.family == "image-decoder":
        image = image_tokens(blueprint.config)
        if workload.kind == "generate":
            prompt, new = prompt or config.n_positions - image, new or image
        prompt = prompt or config.n_positions
    if prompt is None:
        raise InputError("workload.prompt_tokens", "nothing", f"stated for a {blueprint.family}")
    if blueprint.family == "encoder-decoder":
        target = new if new > 1 else max(1, prompt // 4)
        return Lengths(prompt, target, target)
    if workload.kind == "generate" and new < 2:
        raise InputError("workload.new_tokens", workload.new_tokens, "2 or more to generate")
    written = {"generate": new, "decode": 1}.get(workload.kind, 0)
    limit = longest_sequence(config)
    if limit is not None and prompt + written > limit:
        raise InputError(
            "workload.prompt_tokens",
            f"{prompt} + {written} new" if written else prompt,
            f"at most {limit} together, the positions of {blueprint.name}",
        )
    return Lengths(prompt, new, prompt)


def work_of(blueprint: Blueprint, config: Any, workload: Workload) -> tuple[Unit, int]:
    """The natural unit of a workload, and how many a step does on one data-parallel rank."""
    size = lengths(blueprint, config, workload)
    batch = workload.batch
    if workload.kind in TRAINING:
        batch *= workload.gradient_accumulation
    if blueprint.family in ("vision", "detector"):
        return "images", batch
    if blueprint.family == "image-decoder" and _whole_image(config, workload, size):
        return "images", batch
    if workload.kind == "forward" and blueprint.family in ("encoder", "encoder-decoder"):
        return "sequences", batch
    if workload.kind == "decode":
        return "tokens", batch
    if workload.kind == "generate":
        return "tokens", batch * size.new
    both = workload.kind != "prefill" and blueprint.family == "encoder-decoder"
    return "tokens", batch * (size.prompt + (size.new if both else 0))


def _whole_image(config: Any, workload: Workload, size: Lengths) -> bool:
    """Whether a step of an image decoder makes, or learns from, whole images."""
    if workload.kind == "generate":
        return size.new == config.image_tokens
    return workload.kind in TRAINING and size.prompt == config.n_positions


def forward_batch(
    blueprint: Blueprint,
    config: Any,
    workload: Workload,
    device: torch.device,
    generator: torch.Generator | None = None,
) -> Batch:
    """Inputs of one forward pass of a whole batch."""
    if blueprint.family in ("vision", "detector"):
        return _images(config, workload, device, generator)
    size = lengths(blueprint, config, workload)
    batch = {"input_ids": _tokens(config, workload.batch, size.prompt, device, generator)}
    if blueprint.family == "encoder-decoder":
        target = _tokens(config, workload.batch, size.new, device, generator)
        batch["decoder_input_ids"] = target
    return batch


def training_batch(
    blueprint: Blueprint,
    config: Any,
    workload: Workload,
    device: torch.device,
    generator: torch.Generator,
) -> Batch:
    """Inputs and labels of one micro-batch."""
    batch = forward_batch(blueprint, config, workload, device, generator)
    if blueprint.family == "encoder":
        ids = batch["input_ids"]
        kept = _uniform(ids.shape, device, generator) > MASKED_SHARE
        return {**batch, "labels": ids.masked_fill(kept, -100)}
    if blueprint.family == "encoder-decoder":
        return {"input_ids": batch["input_ids"], "labels": batch["decoder_input_ids"]}
    if blueprint.family == "vision":
        shape = (workload.batch,)
        if segments(blueprint):
            shape += tuple(batch["pixel_values"].shape[-2:])
        return {**batch, "labels": _classes(config, shape, device, generator)}
    if blueprint.family == "detector":
        shape = (workload.batch, BOXES_PER_IMAGE)
        # centre and size of each box as shares of the image, all inside it
        boxes = 0.25 + 0.25 * _uniform((*shape, 4), device, generator)
        return {**batch, "classes": _classes(config, shape, device, generator), "boxes": boxes}
    return {**batch, "labels": batch["input_ids"]}


def _tokens(
    config: Any, batch: int, length: int, device: torch.device, generator: torch.Generator | None
) -> torch.Tensor:
    """Random token ids."""
    top = config.get_text_config().vocab_size
    shape = (batch, length)
    return torch.randint(FIRST_TOKEN, top, shape, device=device, generator=generator)


def _classes(
    config: Any, shape: tuple[int, ...], device: torch.device, generator: torch.Generator
) -> torch.Tensor:
    """Random class labels."""
    return torch.randint(0, config.num_labels, shape, device=device, generator=generator)


def _uniform(
    shape: tuple[int, ...], device: torch.device, generator: torch.Generator
) -> torch.Tensor:
    """Uniform numbers between 0 and 1."""
    return torch.rand(shape, device=device, generator=generator)


def _images(
    config: Any, workload: Workload, device: torch.device, generator: torch.Generator | None
) -> Batch:
    """Random images of the model's size, or square ones of the workload's."""
    stated = getattr(config, "image_size", None) or USUAL_PIXELS
    height, width = stated if isinstance(stated, list | tuple) else (stated, stated)
    if workload.image_pixels is not None:
        height = width = workload.image_pixels
        patch = getattr(config, "patch_size", None)
        if isinstance(patch, int) and height % patch:
            raise InputError("workload.image_pixels", height, f"a multiple of the patch, {patch}")
    shape = (workload.batch, config.num_channels, height, width)
    return {"pixel_values": torch.randn(shape, device=device, generator=generator)}


def options(blueprint: Blueprint, config: Any, batch: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Arguments of the forward pass beside the tensors."""
    if blueprint.family in ("decoder", "image-decoder"):
        # Without a cache transformers looks into the positions, which the meta device can't show.
        return {"use_cache": batch["input_ids"].is_meta}
    if blueprint.family == "encoder-decoder":
        return {"use_cache": False}
    if blueprint.family == "vision":
        stated = getattr(config, "image_size", None)  # none: it takes any
        resized = stated is not None and batch["pixel_values"].shape[-1] != stated
        return {"interpolate_pos_encoding": True} if resized else {}
    return {}
