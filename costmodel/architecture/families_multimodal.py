"""Models that also see: a decoder of another family, and a tower before it.

Counted is what transformers' class for the type builds. Where that is the text class alone (Llama
4, Qwen3.5), the tower is named as not counted, with its parameters where they are known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from modelworth.costmodel.architecture.defaults import completed
from modelworth.costmodel.architecture.keys import Config, NotReadError, listed, optional, whole
from modelworth.costmodel.architecture.structure import Architecture, Tower
from modelworth.costmodel.architecture.tabled import read_tower
from modelworth.data.errors import InputError

Decoder = Callable[[Config, str], Architecture]

TOWERS = {
    "qwen3_vl": "qwen3_vl_vision",
    "qwen3_vl_moe": "qwen3_vl_moe_vision",
    "qwen2_vl": "qwen2_vl_vision",
    "qwen2_5_vl": "qwen2_5_vl_vision",
    "kimi_k25": "kimi_k25_vision",
    "gemma4": "gemma4_vision",
    "gemma3": "siglip_vision_model",
    "llava": "clip_vision_model",
    "llava_next": "clip_vision_model",
    "paligemma": "siglip_vision_model",
    "internvl": "internvl_vision",
    "gemma3n": "gemma3n_vision",
}
"""Types whose class builds decoder and tower: the tower's own type."""

TEXT_ONLY = {
    "qwen3_5": "qwen3_5_vision",
    "qwen3_5_moe": "qwen3_5_moe_vision",
    "llama4": "llama4_vision_model",
}
"""Types whose causal class builds the decoder alone."""

TEXT_TYPES = {
    "qwen3_vl": "qwen3_vl_text",
    "qwen3_vl_moe": "qwen3_vl_moe_text",
    "qwen2_vl": "qwen2_vl_text",
    "qwen2_5_vl": "qwen2_5_vl_text",
    "kimi_k25": "deepseek_v3",
    "gemma4": "gemma4_text",
    "gemma3": "gemma3_text",
    "llava": "llama",
    "llava_next": "llama",
    "paligemma": "gemma",
    "internvl": "qwen2",
    "gemma3n": "gemma3n_text",
    "qwen3_5": "qwen3_5_text",
    "qwen3_5_moe": "qwen3_5_moe_text",
    "llama4": "llama4_text",
}
"""The decoder's type where its part of the config doesn't say."""

FLAT = ("qwen2_vl", "qwen2_5_vl")
"""Types whose published configs state the decoder's sizes beside the tower's part."""

EITHER_TIES = ("llava", "qwen2_vl", "qwen2_5_vl")
"""Types whose head is tied where the whole or the decoder's part says so."""

EITHER = ("clip_vision_model", "siglip_vision_model")
"""Towers that are one another's in place of the usual."""

TILED = {"internvl_vision": 4, "gemma3n_vision": 1}
"""Towers that turn an image of their own size into 256 tokens, by the patches joined in one."""

ABSENT = {("gemma4", 5376): 575_741_232, ("minimax_m3", 6144): 865_567_232}
"""Parameters of the tower of a published checkpoint whose config leaves it out, by type and width:
Gemma 4 31B by its other config's, MiniMax M3 by transformers' class (both built)."""

HEARS = {"gemma4": "audio_config"}
"""Types that may also have a tower for sound, which reading doesn't know."""
SOUND = {"gemma3n": "gemma3n_audio"}
"""Types with a tower for sound that it knows."""


def read_multimodal(config: Config, name: str, decoder: Decoder) -> Architecture:
    """The decoder by its own reader, with its tower counted or named as not counted.

    Raises:
        InputError: if a part is missing or isn't known.
    """
    kind = config["model_type"]
    config = parted(config)
    if (sound := HEARS.get(kind)) and config.get(sound):
        raise InputError(f"config: {sound}", "a tower for sound", "built: modelworth inspect")
    read = decoder(_text(config, kind), name)
    seeing = TOWERS.get(kind) or TEXT_ONLY[kind]
    given = config.get("vision_config")
    left_out = given is None and kind in TEXT_ONLY
    if left_out:
        given = {"out_hidden_size": read.hidden}
    if given is None and kind == "gemma4":
        return with_absent(read, kind)
    if not isinstance(given, Mapping):
        raise InputError("config: vision_config", given, "a dictionary")
    if seeing in EITHER and (other := given.get("model_type", seeing)) != seeing:
        if other not in EITHER:
            raise NotReadError("config: vision_config.model_type", other)
        seeing = other
    words = completed({**given, "model_type": seeing}, nested=True) | {"whole": config}
    seen = read_tower(words, read.hidden)
    if kind in TEXT_ONLY:
        named = f"{seen.name}, left out here, by its class's defaults" if left_out else seen.name
        return replace(read, uncounted=(*read.uncounted, (named, seen.parameters)))
    built = [_tower(config, words, seen)]
    if heard := SOUND.get(kind):
        given = config.get("audio_config") or {}
        words = completed({**given, "model_type": heard}, nested=True) | {"whole": config}
        built.append(Tower("audio tower", read_tower(words, read.hidden)))
    return replace(read, towers=tuple(built))


def parted(config: Config) -> Config:
    """A config with the decoder's sizes in a part of their own."""
    if config.get("model_type") not in FLAT or "text_config" in config:
        return config
    kept = {key: value for key, value in config.items() if not key.endswith("_config")}
    kept.pop("model_type")
    return {**config, "text_config": kept}


def with_absent(read: Architecture, kind: str) -> Architecture:
    """The architecture, with the tower that its config leaves out named as not counted."""
    missing = ABSENT.get((kind, read.hidden))
    if missing is None:
        return replace(read, model_type=kind)
    named = ("vision tower, which this config leaves out", missing)
    return replace(read, model_type=kind, uncounted=(*read.uncounted, named))


def _tower(config: Config, seen: Config, built: Architecture) -> Tower:
    """A tower with the tokens that the decoder gets for an image, where they are known."""
    if seen["model_type"] in TILED:
        each = optional(config, "vision_soft_tokens_per_image", "image_seq_length") or 256
        return Tower(built.name, built, each, merged=TILED[seen["model_type"]])
    patch = whole(seen, "patch_size")
    merge = listed(seen, "merge_kernel_size") if "merge_kernel_size" in seen else None
    side = merge[0] if merge else optional(seen, "spatial_merge_size", "pooling_kernel_size")
    if seen["model_type"] not in EITHER:
        tokens = optional(config, "vision_soft_tokens_per_image")
        tokens = tokens or optional(seen, "default_output_length")
        free = None if tokens or not side else patch * side
        return Tower(built.name, built, tokens, free, (side or 1) ** 2)
    if config["model_type"] == "llava_next":
        return Tower(built.name, built)  # as many tiles as an image's shape asks for
    patches = (whole(seen, "image_size") // patch) ** 2
    usual = 256 if config["model_type"] == "gemma3" else patches
    tokens = whole({"mm_tokens_per_image": usual, **config}, "mm_tokens_per_image")
    return Tower(built.name, built, tokens, merged=max(1, patches // tokens))


def _text(config: Config, kind: str) -> dict[str, Any]:
    """The decoder's part of the config."""
    text = config.get("text_config")
    if not isinstance(text, Mapping):
        raise InputError("config: text_config", text, "a dictionary")
    merged = {"model_type": TEXT_TYPES[kind], **text}
    if kind in TOWERS:  # its class ties by its own word; a text class by the text's
        tied = completed(config, nested=True).get("tie_word_embeddings")
        if kind in EITHER_TIES:
            tied = tied or text.get("tie_word_embeddings")
        merged["tie_word_embeddings"] = tied
    if merged["model_type"] == kind:
        merged["model_type"] = TEXT_TYPES[kind]
    return merged
