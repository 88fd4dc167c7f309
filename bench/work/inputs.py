"""What goes into a step: lengths with their defaults, and batches of random tokens and images.

Tokens are uniform over the vocabulary, images normal: the time of a step doesn't depend on what
they say (a mixture of experts routes random tokens about evenly). Labels follow each family's
pre-training: the next token, 15% of masked tokens, a target of a quarter of the source's length
(T5's 512 to 114), a class, seven boxes an image (COCO's mean is 7.3), the text of each image of a
batch, the noise in an image. Whisper hears 30 s of sound whatever was said, in frames of 10 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from modelworth.bench.models import vision_language
from modelworth.bench.models.families import FAMILIES, segments
from modelworth.bench.models.zoo import (
    USUAL_PIXELS,
    Blueprint,
    image_tokens,
    longest_sequence,
)
from modelworth.bench.work import diffusion
from modelworth.data.errors import InputError
from modelworth.data.measurement import Workload
from modelworth.data.words import TRAINING, Family, Unit

MASKED_SHARE = 0.15
BOXES_PER_IMAGE = 7
FIRST_TOKEN = 10  # below are padding and the like, which some models treat apart

AUDIO_POSITION_S = 0.02
"""Of sound in a position of Whisper's encoder, two frames (Radford et al., arXiv:2212.04356)."""
WRITTEN_TOKENS = 32
"""Of a sound, unless a workload says how many."""
IMAGE_INPUTS = ("pixel_values", "image_grid_thw")
"""What a vision-language model is given beside tokens."""

Batch = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose inputs are wanted, for what, and where; without a generator drawn by torch's own."""

    blueprint: Blueprint
    config: Any
    workload: Workload
    device: torch.device
    generator: torch.Generator | None = None


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of one sequence; 0 where a family has none.

    Attributes:
        prompt: tokens before the step, those of images included; an encoder-decoder's source.
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
    prompt, new = workload.prompt_tokens, workload.new_tokens or 0
    if blueprint.family == "speech":
        return _heard(config, new or WRITTEN_TOKENS)
    if "prompt_tokens" not in FAMILIES[blueprint.family].sizes:
        return Lengths()
    if blueprint.family == "image-text":
        prompt = prompt or longest_sequence(config)
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


def _heard(config: Any, new: int) -> Lengths:
    """Positions of a sound, and of what is written of it."""
    if new > config.max_target_positions:
        allowed = f"at most {config.max_target_positions}, the positions of its decoder"
        raise InputError("workload.new_tokens", new, allowed)
    return Lengths(config.max_source_positions, new, new)


def work_of(blueprint: Blueprint, config: Any, workload: Workload) -> tuple[Unit, float]:
    """The natural unit of a workload, and how many a step does on one data-parallel rank."""
    size = lengths(blueprint, config, workload)
    batch = workload.batch
    if workload.kind in TRAINING:
        batch *= workload.gradient_accumulation
    if blueprint.family == "diffusion" and workload.kind == "forward":
        return "denoising_steps", batch
    if blueprint.family in ("vision", "detector", "image-text", "diffusion"):
        return "images", batch
    if blueprint.family == "speech" and workload.kind != "decode":
        return "audio_seconds", batch * size.prompt * AUDIO_POSITION_S
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


def forward_batch(asked: Asked) -> Batch:
    """Inputs of one forward pass of a whole batch."""
    batch = source_batch(asked)
    if asked.blueprint.family in ("encoder-decoder", "speech"):
        size = lengths(asked.blueprint, asked.config, asked.workload)
        batch["decoder_input_ids"] = _tokens(asked, size.new)
    return batch


def source_batch(asked: Asked) -> Batch:
    """What a whole batch is given: a prompt, a source, images, sound."""
    return SOURCES[asked.blueprint.family](asked)


def training_batch(asked: Asked) -> Batch:
    """Inputs and labels of one micro-batch."""
    batch, images = forward_batch(asked), asked.workload.batch
    family, config = asked.blueprint.family, asked.config
    if family == "encoder":
        ids = batch["input_ids"]
        kept = _uniform(asked, ids.shape) > MASKED_SHARE
        return {**batch, "labels": ids.masked_fill(kept, -100)}
    if "decoder_input_ids" in batch:
        return {**batch, "labels": batch.pop("decoder_input_ids")}
    if family == "diffusion":
        return diffusion.noised(batch, asked.generator)
    if family == "image-text":
        return batch  # which text is whose image's follows from their order
    if family == "vision":
        shape: tuple[int, ...] = (images,)
        if segments(asked.blueprint.config):
            shape += tuple(batch["pixel_values"].shape[-2:])
        return {**batch, "labels": _classes(asked, shape)}
    if family == "detector":
        shape = (images, BOXES_PER_IMAGE)
        # centre and size of each box as shares of the image, all inside it
        boxes = 0.25 + 0.25 * _uniform(asked, (*shape, 4))
        return {**batch, "classes": _classes(asked, shape), "boxes": boxes}
    labels = batch["input_ids"]
    if family == "vision-language":
        labels = labels.masked_fill(labels == config.image_token_id, -100)
    return {**batch, "labels": labels}


def _text(asked: Asked) -> Batch:
    """A prompt, or a source, for every sequence."""
    size = lengths(asked.blueprint, asked.config, asked.workload)
    return {"input_ids": _tokens(asked, size.prompt)}


def _tokens(asked: Asked, length: int) -> torch.Tensor:
    """Random token ids."""
    top = asked.config.get_text_config(decoder=True).vocab_size
    shape = (asked.workload.batch, length)
    return torch.randint(FIRST_TOKEN, top, shape, device=asked.device, generator=asked.generator)


def _sound(asked: Asked) -> Batch:
    """Random spectrograms of the length that the encoder takes."""
    config = asked.config
    if config.model_type != "whisper":
        raise InputError("model_type", config.model_type, "whisper, of models that hear")
    shape = (asked.workload.batch, config.num_mel_bins, 2 * config.max_source_positions)
    return {"input_features": _normal(asked, shape)}


def _text_with_image(asked: Asked) -> Batch:
    """An image for each sequence, and a prompt that begins with the places of it.

    A decode step meets tokens only.
    """
    text = _text(asked)
    if asked.workload.kind == "decode":
        return text
    pixels = asked.workload.image_pixels
    places = vision_language.image_positions(asked.blueprint, pixels)
    ids = text["input_ids"]
    if ids.shape[1] <= places:
        allowed = f"more than {places}, the tokens of its image"
        raise InputError("workload.prompt_tokens", ids.shape[1], allowed)
    reserved = asked.config.image_token_id
    ids[ids == reserved] = FIRST_TOKEN
    ids[:, :places] = reserved
    given = asked.config, asked.workload.batch, pixels, asked.device, asked.generator
    return {**text, **vision_language.image_inputs(*given)}


def _classes(asked: Asked, shape: tuple[int, ...]) -> torch.Tensor:
    """Random class labels."""
    top, device = asked.config.num_labels, asked.device
    return torch.randint(0, top, shape, device=device, generator=asked.generator)


def _uniform(asked: Asked, shape: tuple[int, ...]) -> torch.Tensor:
    """Uniform numbers between 0 and 1."""
    return torch.rand(shape, device=asked.device, generator=asked.generator)


def _normal(asked: Asked, shape: tuple[int, ...]) -> torch.Tensor:
    """Standard normal numbers."""
    return torch.randn(shape, device=asked.device, generator=asked.generator)


def _images(asked: Asked) -> Batch:
    """Random images of the model's size, or square ones of the workload's."""
    vision = getattr(asked.config, "vision_config", None) or asked.config
    stated = getattr(vision, "image_size", None) or USUAL_PIXELS
    height, width = stated if isinstance(stated, list | tuple) else (stated, stated)
    if asked.workload.image_pixels is not None:
        height = width = asked.workload.image_pixels
        patch = getattr(vision, "patch_size", None)
        if isinstance(patch, int) and height % patch:
            raise InputError("workload.image_pixels", height, f"a multiple of the patch, {patch}")
    channels = getattr(vision, "num_channels", 3)
    shape = (asked.workload.batch, channels, height, width)
    return {"pixel_values": _normal(asked, shape)}


def in_format(batch: Batch, dtype: torch.dtype) -> Batch:
    """Images and sound in a number format; tokens as they are."""
    return {
        key: value.to(dtype) if value.is_floating_point() else value for key, value in batch.items()
    }


def _denoised(asked: Asked) -> Batch:
    """Latent images, noise levels and conditions."""
    given = asked.config, asked.workload.batch, asked.device, asked.generator
    return diffusion.inputs(*given, asked.workload.image_pixels)


SOURCES: dict[Family, Callable[[Asked], Batch]] = {
    **dict.fromkeys(("decoder", "image-decoder", "encoder", "encoder-decoder"), _text),
    **dict.fromkeys(("vision", "detector"), _images),
    "speech": _sound,
    "image-text": lambda asked: {**_text(asked), **_images(asked)},
    "vision-language": _text_with_image,
    "diffusion": _denoised,
}
"""What each family is given."""


def options(blueprint: Blueprint, config: Any, batch: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Arguments of the forward pass beside the tensors."""
    if "decode" in FAMILIES[blueprint.family].kinds:
        # Without a cache transformers looks into the positions, which the meta device can't show.
        return {"use_cache": next(iter(batch.values())).is_meta}
    if blueprint.family == "vision":
        stated = getattr(config, "image_size", None)  # none: it takes any
        resized = stated is not None and batch["pixel_values"].shape[-1] != stated
        return {"interpolate_pos_encoding": True} if resized else {}
    return {}
