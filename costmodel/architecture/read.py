"""Which architecture a dictionary describes: a transformers config, or a description made before.

A type that no reader knows is refused: reading never guesses. `modelworth inspect` builds such a
model with transformers and describes it; the description is read here like any config.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from modelworth.costmodel.architecture import (
    families_diffusion,
    families_hybrid,
    families_layered,
    families_multimodal,
    families_recurrent,
    families_sparse,
)
from modelworth.costmodel.architecture.defaults import SAME, completed
from modelworth.costmodel.architecture.description import described, is_description
from modelworth.costmodel.architecture.families import read_decoder
from modelworth.costmodel.architecture.heads import with_head
from modelworth.costmodel.architecture.keys import Config, optional
from modelworth.costmodel.architecture.plausible import require_divided
from modelworth.costmodel.architecture.quantization import scheme_of
from modelworth.costmodel.architecture.storage import stored, stored_as_listed
from modelworth.costmodel.architecture.structure import Architecture, Stored
from modelworth.costmodel.architecture.tabled import read_tabled, tabled_types
from modelworth.costmodel.architecture.traits import TRAITS
from modelworth.data.errors import InputError

READERS: dict[str, Callable[[Config, str], Architecture]] = {
    **dict.fromkeys(TRAITS, read_decoder),
    **families_sparse.READERS,
    **families_recurrent.READERS,
    **families_layered.READERS,
    **families_hybrid.READERS,
    **families_diffusion.READERS,
    **dict.fromkeys(tabled_types(), read_tabled),
}
PREDICTING = (
    *("deepseek_v3", "deepseek_v32", "deepseek_v4", "deepseek_ref", "kimi_k2", "kimi_k25"),
    *("glm4_moe", "glm_moe_dsa"),
)
"""Types whose checkpoints hold prediction layers in DeepSeek's form."""
PARTS = {
    **{"qwen3_vl_text": "qwen3_vl", "qwen3_vl_moe_text": "qwen3_vl_moe"},
    **{"qwen2_vl_text": "qwen2_vl", "qwen2_5_vl_text": "qwen2_5_vl"},
}
"""Decoders whose own class has no head: parts of a model, by its type."""
RELATIVE = ("t5", "mt5", "umt5")
"""Types whose positions are distances: any length goes."""
MOST_PARAMETERS = 10**14
"""No model has more: a config that says so is damaged."""
LONGEST_KEYS = ("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx", "seq_length")


def known_types() -> tuple[str, ...]:
    """Every model type that reading knows, parts of multimodal ones included."""
    towers = families_multimodal.TOWERS | families_multimodal.TEXT_ONLY
    return (*READERS, *SAME, *families_multimodal.TEXT_TYPES, *towers.values())


def knows(config: Mapping[str, Any]) -> bool:
    """Whether reading knows a config's type, so that it needn't be built."""
    kind = config.get("model_type")
    if is_description(config) or not isinstance(kind, str):
        return True  # whoever reads it says what is missing; diffusers' are read or not at all
    if _sees(config, kind):
        return True
    return kind not in PARTS and SAME.get(kind, kind) in READERS


def _sees(config: Config, kind: str) -> bool:
    """Whether a config is of a decoder with a tower."""
    parts = "text_config" in config or kind in families_multimodal.FLAT
    return kind in families_multimodal.TEXT_TYPES and parts


def with_storage(architecture: Architecture, config: Mapping[str, Any]) -> Architecture:
    """The architecture with the bits that a config says its weights are stored in."""
    words = config.get("quantization_config")
    if isinstance(words, Mapping) and words.get("quant_method") == "gguf":
        held = stored_as_listed(architecture, words)
        return replace(architecture, stored=held, note=_note(architecture, held))
    scheme = scheme_of(config)
    if scheme is None:
        return architecture
    held = stored(architecture, scheme)
    return replace(architecture, stored=held, note=_note(architecture, held))


def read_model(config: Mapping[str, Any], name: str | None = None) -> Architecture:
    """The architecture that a config.json or a description says.

    Raises:
        InputError: if a size is missing or wrong, or the kind of model isn't known.
    """
    if not isinstance(config, Mapping):
        raise InputError("config", type(config).__name__, "the dictionary of a config.json")
    if is_description(config):
        made = described(config)
        return made if name is None else replace(made, name=name)
    kind = config.get("model_type") or config.get("_class_name")
    if "_class_name" in config and str(kind) not in families_diffusion.READERS:
        allowed = f"{', '.join(families_diffusion.READERS)}: no other of diffusers is counted"
        raise InputError("config: _class_name", kind, allowed)
    if not isinstance(kind, str):
        raise InputError("config: model_type", kind, "a name such as llama")
    if _sees(config, kind):
        read = families_multimodal.read_multimodal(config, name or kind, _part)
    else:
        read = families_multimodal.with_absent(_whole(config, kind, name or kind), kind)
    if read.parameters > MOST_PARAMETERS:
        raise InputError("config", f"{read.parameters:.2g} parameters", "the sizes of a model")
    read = _with_prediction(replace(read, model_type=kind, longest=_longest(config)), config)
    read = replace(read, note=_note(read, None))
    return with_storage(read, config)


def _note(read: Architecture, held: Stored | None) -> str | None:
    """What isn't counted, and how the weights are stored, for people."""
    said = []
    if held is None:
        said = [
            f"not counted: {name} ({parameters / 1e9:.3g} B parameters)"
            for name, parameters in read.uncounted
        ]
    elif held.precision != "bf16":
        said.append(f"stored in {held.method}, {held.weights_bytes / 1e9:,.1f} GB")
    return "; ".join(filter(None, (read.note, *said))) or None


def _whole(config: Config, kind: str, name: str) -> Architecture:
    """A model of one part."""
    if kind in PARTS:
        raise InputError("config: model_type", kind, f"{PARTS[kind]}, the model it is a part of")
    same = _known(kind, "config: model_type")
    return with_head(_read(config, same, name), config)


def _known(kind: str, where: str) -> str:
    """The type by whose rules a type is read.

    Raises:
        InputError: if reading doesn't know it: what to do instead.
    """
    same = SAME.get(kind, kind)
    if same not in READERS:
        raise InputError(
            where,
            f"{kind}, which reading doesn't know",
            "a type in docs/models.md; `modelworth inspect FILE` builds and counts any other",
        )
    return same


def _part(config: Config, name: str) -> Architecture:
    """The decoder of a model that also sees, whose config leaves out its defaults."""
    same = _known(str(config["model_type"]), "config: text_config.model_type")
    return _read(config, same, name, nested=True)


def _read(config: Config, kind: str, name: str, *, nested: bool = False) -> Architecture:
    """A config by the rules of a type, with its class's defaults."""
    words = completed({**config, "model_type": kind}, nested=nested)
    require_divided(words)
    return READERS[kind](words, name)


def _with_prediction(read: Architecture, config: Config) -> Architecture:
    """The architecture with the prediction layers that DeepSeek and its like train with.

    Each is a layer like the last one, after one product that joins two widths into one and two
    norms. Source: DeepSeek-V3 technical report, section 2.2; embedding and head are the model's.
    """
    inner = config.get("text_config")
    words = inner if isinstance(inner, Mapping) else config
    count = optional(words, "num_nextn_predict_layers") or 0
    if not count or read.model_type not in PREDICTING:
        return read
    last, hidden = read.blocks[-1], read.hidden
    layer = replace(
        last,
        count=count,
        at=(),
        residual=last.residual + 2 * hidden**2,
        norms=last.norms + 2 * hidden,
    )
    named = ("prediction layers", count * layer.parameters)
    return replace(read, prediction_layers=(layer,), uncounted=(*read.uncounted, named))


def _longest(config: Config) -> int | None:
    """Positions the model was made for."""
    if config.get("model_type") in RELATIVE:
        return None
    inner = config.get("text_config")
    words = {**(inner if isinstance(inner, Mapping) else {}), **config}
    return optional(words, *LONGEST_KEYS) or None
