"""What to give a model of any kind, so that it runs once on the meta device.

Tokens, or an image or a sound of the config's own size. Nothing is computed there: only shapes go
through.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import torch

from modelworth.bench.models.inspect_patches import (
    asked,
    first_channels,
    patch_inputs,
    sequence_inputs,
    sound_inputs,
)

META = torch.device("meta")
STEPPING = re.compile(
    r"^(Falcon|Jamba|Zamba)?Mamba(Mamba)?(Mixer|Block)$|^JambaMambaMixer$|Rwkv|xLSTM|RecurrentGemma|"
    r"ZambaMambaMixer|Lru|SelectiveScan"
)
SECONDS_OF_SOUND = 1
SAMPLES_PER_S = 16_000
FRAMES = 3000
"""Of Whisper's spectrogram of 30 s."""
PARTS = ("text_config", "audio_config", "encoder_config", "audio_encoder_config")
SIDES = (448, 1024, 1536)
"""Pixels of images for classes that refuse the usual size."""
FRAMES_OF_VIDEO = 16
TEXT_BESIDE = 77
"""Tokens of the longest text of CLIP."""
BINS = ("num_mel_bins", "feature_size", "input_feat_per_channel", "n_mels")


def takes(model: Any, name: str) -> bool:
    """Whether the model's forward pass has a parameter of this name."""
    return name in inspect.signature(model.forward).parameters


def reads_tokens(model: Any) -> bool:
    """Whether the model can be given tokens alone, as many as one likes."""
    named = model.main_input_name == "input_ids"
    return named and takes(model, "input_ids") and not _sees_too(model)


def _sees_too(model: Any) -> bool:
    """Whether a pass needs an image or a sound beside the tokens, as CLIP's does."""
    kind = type(model).__name__
    dual = not model.can_generate() and takes(model, "pixel_values") and takes(model, "input_ids")
    return dual and not kind.endswith("ForMaskedLM")


def steps_by_token(model: Any) -> bool:
    """Whether a recurrence runs token by token where no kernel is at hand: Mamba 1 and its like."""
    return any(STEPPING.search(type(module).__name__) for module in model.modules())


def tokens(count: int) -> torch.Tensor:
    """One sequence of that many tokens."""
    return torch.zeros(1, count, dtype=torch.long, device=META)


def token_inputs(model: Any, count: int, source: int) -> dict[str, Any]:
    """Tokens for a decoder, an encoder, or for an encoder (`source`) and a decoder (`count`)."""
    given = {"input_ids": tokens(count)}
    if model.config.is_encoder_decoder and takes(model, "decoder_input_ids"):
        given = {"input_ids": tokens(source), "decoder_input_ids": tokens(count)}
    if takes(model, "bbox") and model.config.is_encoder_decoder:
        given["bbox"] = _zeros(1, source, 4)
    if takes(model, "lang_ids"):
        given["lang_ids"] = torch.zeros(1, dtype=torch.long)
    return given


def fixed_inputs(model: Any) -> dict[str, Any]:
    """One item of the config's own size: an image, a sound, a text beside them."""
    given: dict[str, Any] = {}
    config = model.config
    if takes(model, "pixel_values"):
        given["pixel_values"] = _image(config)
    if takes(model, "input_features"):
        bins = _of(config, *BINS, default=80)
        frames = 2 * _of(config, "max_source_positions", default=FRAMES // 2)
        given["input_features"] = _zeros(1, bins, frames)
        if not takes(model, "decoder_input_ids") or config.model_type in ("speech_to_text",):
            given["input_features"] = _zeros(1, frames, bins)
    if takes(model, "input_values") and "pixel_values" not in given:
        frames, bins = (_of(config, name, default=0) for name in ("max_length", "num_mel_bins"))
        spectrum = frames > SAMPLES_PER_S // 100 and bins > 0
        shape = (frames, bins) if spectrum else (SECONDS_OF_SOUND * SAMPLES_PER_S,)
        given["input_values"] = _zeros(1, *shape)
    if takes(model, "bbox") and "input_ids" not in given:
        given["input_ids"] = tokens(64)
    if takes(model, "bbox"):
        given["bbox"] = torch.zeros(1, 64, 4, dtype=torch.long, device=META)
    if takes(model, "input_ids") and not model.config.is_encoder_decoder:
        longest = min(
            _of(part, "max_position_embeddings", default=64)
            for part in (config, read_setting(config, "text_config") or config)
        )
        most = TEXT_BESIDE if "bbox" not in given else 64
        given["input_ids"] = tokens(max(1, min(most, longest)))
    if takes(model, "decoder_input_ids"):
        given["decoder_input_ids"] = tokens(1)
    return given


def item_inputs(model: Any) -> Iterator[dict[str, Any]]:
    """One item in the shapes that classes want it in, the usual one first."""
    usual = {**fixed_inputs(model), **_required(model)}
    if all(name in usual for name in asked(model)):
        yield usual
    yield from patch_inputs(model)
    if "pixel_values" in usual:
        image = usual["pixel_values"].shape[1:]
        for shape in ((1, 1, *image), (1, 2, *image), (1, 1, 1, *image)):
            yield {**usual, "pixel_values": _zeros(*shape)}
        for side in SIDES:
            yield {**usual, "pixel_values": _zeros(1, *image[:-2], side, side)}
        yield {**usual, "pixel_values": _zeros(1, first_channels(model), *image[-2:])}
    if "input_values" in usual:
        yield {**usual, "input_values": _zeros(1, 1, *usual["input_values"].shape[1:])}
        yield from sound_inputs(usual)
    if "input_features" in usual:
        yield from _sounds(model, usual)
    if "past_values" in usual:
        yield {**usual, "past_values": _zeros(*usual["past_values"].shape[:2])}
    if "input_features" in usual or any(name not in usual for name in asked(model)):
        yield from sequence_inputs(model, usual)
    if "input_ids" in usual and len(usual) > 1:
        yield {"input_ids": usual["input_ids"]}


def _sounds(model: Any, usual: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A spectrogram by frames or by bins, with a mask or without, of other bins than usual."""
    masked = "input_features_mask" if takes(model, "input_features_mask") else "attention_mask"
    first, second = usual["input_features"].shape[1:]
    frames = max(first, second)
    for bins in dict.fromkeys((min(first, second), 128, 80)):
        for shape in ((frames, bins), (bins, frames), (1, frames, bins)):
            given = {**usual, "input_features": _zeros(1, *shape)}
            yield given
            if takes(model, masked):
                yield {**given, masked: torch.ones(1, frames, dtype=torch.bool)}


def _required(model: Any) -> dict[str, Any]:
    """What a class asks for beside images and sound, where its shape follows from the config."""
    config, needs = model.config, asked(model)
    hidden = _of(config, "hidden_size", default=1)
    series = _of(config, "context_length", default=512)
    channels = _of(config, "num_input_channels", default=1)
    shapes = {
        "query_embeds": (1, _of(config, "num_query_tokens", default=32), hidden),
        "past_values": (1, series, channels),
        "pixel_values_videos": _video(config),
        "state": (1, _of(config, "max_state_dim", default=32)),
    }
    found = {name: _zeros(*shape) for name, shape in shapes.items() if name in needs}
    longest = _of(config, "max_position_embeddings", "task_seq_len", default=64)
    for name in ("input_ids", "qformer_input_ids", "task_inputs"):
        if name in needs:
            found[name] = tokens(longest if name == "task_inputs" else min(longest, 64))
    if takes(model, "visual_feats"):
        wide = _of(config, "visual_feat_dim", default=1)
        found |= {"visual_feats": _zeros(1, 36, wide), "visual_pos": _zeros(1, 36, 4)}
    if takes(model, "returns_to_go"):
        for name, size in (("states", "state_dim"), ("actions", "act_dim"), ("returns_to_go", "")):
            found[name] = _zeros(1, 20, _of(config, size, default=1))
        found["timesteps"] = tokens(20)
    if takes(model, "prompt_masks"):
        found |= dict.fromkeys(("prompt_pixel_values", "prompt_masks"), _image(config))
    return found


def _image(config: Any) -> torch.Tensor:
    """An image of the config's own size, or of 224 × 224."""
    vision = read_setting(config, "vision_config") or config
    inner = read_setting(vision, "backbone_config")
    sizes = (read_setting(one, "image_size") for one in (vision, config, inner))
    size = next((each for each in sizes if each), 224)
    if isinstance(size, dict):
        size = (size.get("height", 224), size.get("width", 224))
    tall, wide = (size, size) if isinstance(size, int) else tuple(size)[-2:]
    channels = _of(vision, "num_channels", "in_channels", "in_chans", default=3)
    frames = _of(vision, "num_frames", default=0)
    shape = (1, frames, channels, tall, wide) if frames else (1, channels, tall, wide)
    return _zeros(*shape)


def _video(config: Any) -> tuple[int, ...]:
    """The shape of a film of images of the config's own size."""
    shape = tuple(_image(config).shape)
    return shape if len(shape) == 5 else (1, FRAMES_OF_VIDEO, *shape[1:])


def _of(config: Any, *names: str, default: int) -> int:
    """The first of several settings that is a whole number above 0."""
    inner = [read_setting(config, part) for part in PARTS]
    for holder in (config, *(part for part in inner if part is not None)):
        for name in names:
            value = read_setting(holder, name)
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
    return default


def read_setting(settings: Any, name: str) -> Any:
    """A setting; None where there is none, or each layer has its own."""
    try:
        return getattr(settings, name, None)
    except (AttributeError, ValueError, RuntimeError):
        return None


def _zeros(*shape: int) -> torch.Tensor:
    return torch.zeros(*shape, dtype=torch.float32, device=META)
