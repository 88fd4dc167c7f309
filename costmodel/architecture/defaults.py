"""A config with what it leaves out: the defaults of its type's own class in transformers.

`data/model_type_defaults.json` is made from those classes. A part of a config (the text or vision
part of a multimodal one) is stored without what equals its defaults, so there every size may be
left out; the config of a whole model states its sizes, and is refused without them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from modelworth.costmodel.architecture.keys import Config
from modelworth.data.errors import InputError

SAME = {"kimi_k2": "deepseek_v3"}
"""Types of checkpoints with code of their own whose config and layers are another type's."""
STATED = (
    *("hidden_size", "d_model", "n_embd", "dim"),
    *("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    *("num_attention_heads", "n_head", "n_heads", "num_heads"),
    *("vocab_size", "intermediate_size", "ffn_dim", "d_ff", "hidden_dim"),
)
"""Sizes that the config of a whole model must state."""


@cache
def _table(name: str = "defaults") -> dict[str, dict[str, Any]]:
    """Defaults, other names of keys, and keys without a default, by type."""
    source = files("modelworth.data") / f"model_type_{name}.json"
    table: dict[str, dict[str, Any]] = json.loads(source.read_text("utf-8"))
    return table


@cache
def taken_by(kind: str) -> Mapping[str, str]:
    """The kinds of value that each key of a type takes, a letter each; other names included.

    i, f, b, s, n, d: whole number, number, switch, word, null, dictionary; l: list, I: of whole
    numbers; a: an activation.
    """
    names = _table().get(kind, {}).get("names", {})
    said = _table("values").get(kind, {}).get("taken", {})
    own = {key: letters for letters, keys in said.items() for key in keys}
    return own | {other: own[real] for other, real in names.items() if real in own}


def parts_of(kind: str) -> Mapping[str, str]:
    """The parts of a type's config, each with the type that it is by default."""
    found: Mapping[str, str] = _table("values").get(kind, {}).get("parts", {})
    return found


@cache
def defaults_of(kind: str) -> Mapping[str, Any]:
    """What a type's class has where its config says nothing; empty: the type isn't known."""
    found: Mapping[str, Any] = _table().get(kind, {}).get("defaults", {})
    return found


def named_types() -> frozenset[str]:
    """Every type of the transformers that the table was made with."""
    return frozenset(_table())


@cache
def _sizes() -> frozenset[str]:
    """Keys that say something of size in the config of any type."""
    known = _table().values()
    return frozenset(key for each in known for key in (*each["defaults"], *each["unset"]))


@cache
def _foreign(kind: str) -> frozenset[str]:
    """Those that say nothing in a type's own."""
    known = _table()[kind]
    names = known["names"]
    own = {*known["defaults"], *known["unset"], *names, *names.values(), *COMMON}
    return _sizes() - own


def completed(config: Config, *, nested: bool = False) -> dict[str, Any]:
    """The config with its type's defaults, each key under the name that its class has.

    A key that other types' classes know and this one's doesn't is left out, as its class leaves it.

    Raises:
        InputError: if a whole model's config leaves out a size, or one is true or false.
    """
    kind = str(config.get("model_type"))
    known = _table().get(kind)
    if known is None:
        return dict(config)
    given = {key: value for key, value in config.items() if key not in _foreign(kind)}
    defaults, unset = known["defaults"], known["unset"]
    for other, real in known["names"].items():
        if other not in defaults and other not in unset:
            if other in given:
                given[real] = given.pop(other)  # which its class takes last
        elif real in given:
            given[other] = given[real]
    if not nested:
        for key in STATED:
            if key in defaults and given.get(key) is None and key not in NOT_STATED.get(kind, ()):
                raise InputError(f"config: {key}", "nothing", "a whole number above 0")
    _require_numbers(given, defaults)
    return {**defaults, **given}


def _require_numbers(given: Config, defaults: Config) -> None:
    """Refuse true or false where a class counts."""
    for key, value in given.items():
        if isinstance(value, bool) and type(defaults.get(key)) is int and defaults[key] > 1:
            raise InputError(f"config: {key}", value, "a whole number")


COMMON = (
    *("model_type", "architectures", "num_labels", "id2label", "tie_word_embeddings"),
    *("per_layer_config", "text_config", "vision_config", "audio_config"),
)
"""Keys that every class takes, and parts, which are refused where they don't belong."""
NOT_STATED: dict[str, tuple[str, ...]] = {
    "beit": ("vocab_size",),
    "mamba": ("num_attention_heads", "intermediate_size"),
    "mamba2": ("num_attention_heads", "intermediate_size", "num_heads"),
    "segformer": ("num_attention_heads",),
    "nemotron_h": ("num_hidden_layers", "intermediate_size"),
}
"""Sizes that a type's configs needn't state."""
