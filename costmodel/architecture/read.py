"""Which architecture a dictionary describes: a transformers config, or a description made before.

A type that no reader knows is refused: reading never guesses. `modelworth inspect` builds such a
model with transformers and describes it; the description is read here like any config.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from modelworth.costmodel.architecture import (
    families_layered,
    families_multimodal,
    families_other,
    families_recurrent,
    families_sparse,
)
from modelworth.costmodel.architecture.defaults import completed
from modelworth.costmodel.architecture.families import read_decoder
from modelworth.costmodel.architecture.keys import Config, optional
from modelworth.costmodel.architecture.quantization import scheme_of
from modelworth.costmodel.architecture.storage import stored
from modelworth.costmodel.architecture.structure import Architecture, Stored
from modelworth.costmodel.architecture.traits import TRAITS
from modelworth.data.errors import InputError

READERS: dict[str, Callable[[Config, str], Architecture]] = {
    **dict.fromkeys(TRAITS, read_decoder),
    **families_other.READERS,
    **families_sparse.READERS,
    **families_recurrent.READERS,
    **families_layered.READERS,
}
SAME = {"kimi_k2": "deepseek_v3"}
"""Types of checkpoints with code of their own whose config and layers are another type's."""
MOST_PARAMETERS = 10**15
"""No model has more: a config that says so is damaged."""
LONGEST_KEYS = ("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx", "seq_length")


def known_types() -> tuple[str, ...]:
    """Every model type that reading knows, parts of multimodal ones included."""
    towers = families_multimodal.TOWERS | families_multimodal.TEXT_ONLY
    parts = [part for part, _ in towers.values()]
    return (*READERS, *SAME, *families_multimodal.TEXT_TYPES, *parts)


def read_model(config: Mapping[str, Any], name: str | None = None) -> Architecture:
    """The architecture that a config.json or a description says.

    Raises:
        InputError: if a size is missing or wrong, or the kind of model isn't known.
    """
    if not isinstance(config, Mapping):
        raise InputError("config", type(config).__name__, "the dictionary of a config.json")
    kind = config.get("model_type")
    if not isinstance(kind, str):
        raise InputError("config: model_type", kind, "a name such as llama")
    if kind in families_multimodal.TEXT_TYPES and "text_config" in config:
        read = families_multimodal.read_multimodal(config, name or kind, _part)
    else:
        read = _whole(config, kind, name or kind)
    if read.parameters > MOST_PARAMETERS:
        raise InputError("config", f"{read.parameters:.2g} parameters", "the sizes of a model")
    scheme = scheme_of(config)
    held = None if scheme is None else stored(read, scheme)
    return replace(
        read, model_type=kind, longest=_longest(config), stored=held, note=_note(read, held)
    )


def _note(read: Architecture, held: Stored | None) -> str | None:
    """What isn't counted, and how the weights are stored, for people."""
    said = [
        f"{name} of {parameters / 1e9:.3g} B parameters isn't counted"
        for name, parameters in read.uncounted
    ]
    if held is not None and held.precision != "bf16":
        said.append(f"stored in {held.method}, {held.weights_bytes / 1e9:,.1f} GB")
    return "; ".join(filter(None, (read.note, *said))) or None


def _whole(config: Config, kind: str, name: str) -> Architecture:
    """A model of one part."""
    same = SAME.get(kind, kind)
    if same not in READERS:
        raise InputError(
            "config: model_type",
            f"{kind}, which reading doesn't know",
            "a type in docs/models.md; `modelworth inspect FILE` builds and counts any other",
        )
    return READERS[same](completed({**config, "model_type": same}), name)


def _part(config: Config, name: str) -> Architecture:
    """The decoder of a model that also sees, whose config leaves out its defaults."""
    kind = str(config["model_type"])
    same = SAME.get(kind, kind)
    if same not in READERS:
        raise InputError(
            "config: text_config.model_type",
            f"{kind}, which reading doesn't know",
            "a type in docs/models.md; `modelworth inspect FILE` builds and counts any other",
        )
    return READERS[same](completed({**config, "model_type": same}, nested=True), name)


def _longest(config: Config) -> int | None:
    """Positions the model was made for."""
    inner = config.get("text_config")
    words = {**(inner if isinstance(inner, Mapping) else {}), **config}
    return optional(words, *LONGEST_KEYS) or None
