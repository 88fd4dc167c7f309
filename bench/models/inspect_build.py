"""Any model of transformers without its weights: the class that a config names, on the meta device.

No code that comes with a checkpoint is ever run: `auto_map` is dropped before anything is built, so
a type that transformers doesn't know can't be built here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, is_dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from modelworth.data.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

ORDER = (
    *("SEQ_TO_SEQ_CAUSAL_LM", "SPEECH_SEQ_2_SEQ", "OBJECT_DETECTION", "MASKED_LM", "CAUSAL_LM"),
    *("IMAGE_TEXT_TO_TEXT", "MULTIMODAL_LM", "ZERO_SHOT_IMAGE_CLASSIFICATION"),
    *("IMAGE_CLASSIFICATION", "CTC", "AUDIO_CLASSIFICATION", "SEMANTIC_SEGMENTATION"),
    *("UNIVERSAL_SEGMENTATION", "DEPTH_ESTIMATION", "VIDEO_CLASSIFICATION"),
    *("TIME_SERIES_PREDICTION", "TEXT_TO_WAVEFORM", "KEYPOINT_DETECTION", "PRETRAINING"),
)
"""Tasks whose class stands for a type that names none, the first that has it."""
DROPPED = (
    *("auto_map", "quantization_config", "compression_config", "_name_or_path"),
    *("dtype", "torch_dtype", "label2id"),
)
SIZES = (
    *("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads"),
    *("d_model", "n_layer", "n_embd", "n_head", "num_experts", "n_routed_experts"),
    *("num_local_experts", "num_experts_per_tok"),
)
"""Keys that decide a model's size: a class that doesn't read one would be built by its defaults."""
EXACT = 2**53
"""Whole numbers below are numbers with a point without loss, as files may write them."""
SAME = {"kimi_k2": "deepseek_v3"}
"""Types whose layers are another type's, by their checkpoints' own code."""


class LacksLibraryError(InputError):
    """A class that needs a library which isn't installed, such as timm."""


@dataclass(frozen=True)
class Built:
    """A model on the meta device, its settings, and the name of its class."""

    model: PreTrainedModel
    settings: PreTrainedConfig
    class_name: str


def build_bare(config: Mapping[str, Any], name: str) -> Built:
    """The model that a config describes, without storage.

    Raises:
        InputError: if transformers has no such type or refuses the config.
    """
    import torch
    import transformers

    with quiet():
        settings = _settings(config, name)
        class_name = _class_name(config, str(settings.model_type))
        kind = getattr(transformers, class_name, None)
        if kind is None:
            raise InputError(name, class_name, "a class of the installed transformers")
        causal = class_name.endswith(("ForCausalLM", "LMHeadModel"))
        given = settings.get_text_config() if causal and _wants_text(kind, settings) else settings
        model = _instance(kind, given, name, torch.device("meta"))
        with _forgiving():
            model.set_experts_implementation("batched_mm")
    return Built(model.eval().requires_grad_(False).to("meta"), given, class_name)


def _settings(config: Mapping[str, Any], name: str) -> PreTrainedConfig:
    """The config as transformers' own object."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    kind = str(config.get("model_type"))
    kind = SAME.get(kind, kind)
    if kind not in CONFIG_MAPPING:
        near = get_close_matches(kind, list(CONFIG_MAPPING), n=3, cutoff=0.6)
        known = f", such as {', '.join(near)}" if near else ""
        needs = "; its own code isn't run here" if "auto_map" in config else ""
        allowed = f"a type that the installed transformers builds{known}{needs}"
        raise InputError(f"{name}: model_type", kind, allowed)
    stated = _pointed(_plain(config), CONFIG_MAPPING[kind])
    stated.pop("model_type")
    try:
        settings = CONFIG_MAPPING[kind].from_dict(stated)
    except Exception as error:
        raise _refused(name, error) from error
    _check_read(settings, stated, name)
    return settings


def _check_read(settings: PreTrainedConfig, stated: Mapping[str, Any], name: str) -> None:
    """Refuses sizes that neither the type's config class nor one of its parts takes."""
    kind = type(settings)
    own = _own_keys(kind)
    parts = {key: getattr(settings, key, None) for key in kind.sub_configs or ()}
    read = [value for key, value in vars(settings).items() if key in own]
    unread = [
        key
        for key in SIZES
        if key not in own
        and isinstance(stated.get(key), int)
        and stated[key] > 1
        and stated[key] not in read
        and all(getattr(part, key, None) != stated[key] for part in parts.values())
    ]
    if unread:
        where = " or ".join(parts) or "its own names"
        raise InputError(
            f"{name}: {unread[0]}",
            stated[unread[0]],
            f"given as {kind.__name__} reads it (in {where}); what it doesn't read it would fill "
            f"with defaults. Not read: {', '.join(unread)}",
        )


def _own_keys(kind: type[PreTrainedConfig]) -> set[str]:
    """Keys that a config class takes, under any name, or works out from others."""
    from huggingface_hub.errors import StrictDataclassError

    own = {each.name for each in fields(kind)} | set(kind.attribute_map or ()) | set(dir(kind))
    with suppress(ValueError, StrictDataclassError):  # a type whose parts must be given
        own |= set(vars(kind()))
    return own


def _pointed(stated: dict[str, Any], kind: Any) -> dict[str, Any]:
    """A config with its whole numbers as numbers with a point, where its classes want such."""
    points = {each.name for each in fields(kind) if each.type in (float, float | None)}
    parts = kind.sub_configs or {}
    found = {}
    for key, value in stated.items():
        if key in points and type(value) is int and abs(value) < EXACT:
            value = float(value)
        elif isinstance(value, dict) and is_dataclass(parts.get(key)):
            value = _pointed(value, parts[key])
        found[key] = value
    return found


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config without what names code or how weights are stored, in its parts too."""
    return {
        key: _plain(value) if isinstance(value, Mapping) and key.endswith("_config") else value
        for key, value in config.items()
        if key not in DROPPED
    }


def _class_name(config: Mapping[str, Any], kind: str) -> str:
    """The class that the config names; of a text model in a multimodal one, the causal class."""
    import transformers
    from transformers.models.auto import modeling_auto as auto

    causal = _first(auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(kind))
    named = [each for each in config.get("architectures") or () if isinstance(each, str)]
    named = [each for each in named if hasattr(transformers, each)]
    if named and not ("text_config" in config and causal):
        return str(named[0])
    if "text_config" in config and causal:
        return causal
    for task in ORDER:
        mapping = getattr(auto, f"MODEL_FOR_{task}_MAPPING_NAMES", {})
        if found := _first(mapping.get(kind)):
            return found
    if found := _first(auto.MODEL_MAPPING_NAMES.get(kind)):
        return found
    raise InputError(
        "model_type", kind, "a type that transformers has a model for, not a part alone"
    )


def _first(found: Any) -> str | None:
    """The first name of a mapping's entry."""
    return found[0] if isinstance(found, list | tuple) else found


def _wants_text(kind: Any, settings: Any) -> bool:
    """Whether a causal class takes the text part of a multimodal config."""
    try:
        text = settings.get_text_config()
    except ValueError:  # several parts that write
        return False
    return text is not settings and isinstance(text, kind.config_class)


def _instance(kind: Any, settings: Any, name: str, device: Any) -> Any:
    """The model by its class, with attention that a counter sees through."""
    import torch

    from modelworth.bench.models.inspect_values import BUILT_WITH, Literals, Values

    for attention in ("eager", None):
        values = Values()
        try:
            with device, Literals(values), values:
                choices = {} if attention is None else {"attn_implementation": attention}
                model = kind._from_config(settings, dtype=torch.float32, **choices)
                BUILT_WITH[model] = values
                return model
        except Exception as error:
            if attention is None:
                raise _refused(name, error) from error
    raise AssertionError("unreachable")


def _refused(name: str, error: Exception) -> InputError:
    """What transformers says against a config, in one line."""
    said = re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__
    kind = LacksLibraryError if isinstance(error, ImportError) else InputError
    return kind(name, said[:160], "a config that transformers builds")


@contextmanager
def _forgiving() -> Iterator[None]:
    """Lets a model without experts refuse an implementation of them."""
    try:
        yield
    except (ValueError, AttributeError, NotImplementedError, KeyError):
        return


@contextmanager
def quiet() -> Iterator[None]:
    """Without warnings, advice and progress bars of transformers."""
    import warnings

    from transformers.utils import logging

    shown = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(shown)
