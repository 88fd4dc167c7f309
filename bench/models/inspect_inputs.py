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
    if model.config.is_encoder_decoder and takes(model, "decoder_input_ids"):
        return {"input_ids": tokens(source), "decoder_input_ids": tokens(count)}
    return {"input_ids": tokens(count)}


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
        given["input_ids"] = tokens(max(1, min(64, longest)))
    if takes(model, "decoder_input_ids"):
        given["decoder_input_ids"] = tokens(1)
    return given


def item_inputs(model: Any) -> Iterator[dict[str, Any]]:
    """One item in the shapes that classes want it in, the usual one first."""
    usual = {**fixed_inputs(model), **_required(model)}
    yield usual
    for name, shapes in (
        ("pixel_values", ((1, 1), (1, 2), (1, 1, 1))),
        ("input_values", ((1, 1),)),
    ):
        if name in usual:
            for front in shapes:
                yield {**usual, name: _zeros(*front, *usual[name].shape[1:])}
    if "input_features" in usual:
        yield from _sounds(model, usual)


def _sounds(model: Any, usual: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A spectrogram by frames or by bins, with a mask or without, of other bins than usual."""
    masked = "input_features_mask" if takes(model, "input_features_mask") else "attention_mask"
    first, second = usual["input_features"].shape[1:]
    frames = max(first, second)
    for bins in dict.fromkeys((min(first, second), 128, 80)):
        for shape in ((frames, bins), (bins, frames)):
            given = {**usual, "input_features": _zeros(1, *shape)}
            yield given
            if takes(model, masked):
                yield {**given, masked: torch.ones(1, shape[0], dtype=torch.bool, device=META)}


def _required(model: Any) -> dict[str, Any]:
    """What a class asks for beside images and sound, where its shape follows from the config."""
    hidden = _of(model.config, "hidden_size", default=1)
    series = _of(model.config, "context_length", default=512)
    channels = _of(model.config, "num_input_channels", default=1)
    known = {
        "query_embeds": (1, _of(model.config, "num_query_tokens", default=32), hidden),
        "past_values": (1, series, channels),
    }
    found = {name: _zeros(*shape) for name, shape in known.items() if _asks(model, name)}
    for name in ("input_ids", "qformer_input_ids"):
        if _asks(model, name):
            found[name] = tokens(64)
    return found


def _asks(model: Any, name: str) -> bool:
    """Whether a pass can't do without an argument."""
    found = inspect.signature(model.forward).parameters.get(name)
    return found is not None and found.default is inspect.Parameter.empty


def _image(config: Any) -> torch.Tensor:
    """An image of the config's own size, or of 224 × 224."""
    vision = getattr(config, "vision_config", None) or config
    size = getattr(vision, "image_size", None) or getattr(config, "image_size", None) or 224
    if isinstance(size, dict):
        size = (size.get("height", 224), size.get("width", 224))
    tall, wide = (size, size) if isinstance(size, int) else tuple(size)[-2:]
    channels = _of(vision, "num_channels", "in_channels", "in_chans", default=3)
    frames = _of(vision, "num_frames", default=0)
    shape = (1, frames, channels, tall, wide) if frames else (1, channels, tall, wide)
    return _zeros(*shape)


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
