"""A model's config.json from disk, with the quantisation that stands in a file beside it.

NVIDIA's checkpoints keep theirs in `hf_quant_config.json`; a file X_config.json has
X_hf_quant_config.json beside it. Files are small: one that isn't is refused before it is read.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from modelworth.data.errors import InputError
from modelworth.data.foreign_file import is_folder
from modelworth.data.json_reader import read_json_file

LARGEST_BYTES = 20_000_000
"""Of a config.json; the longest known takes 60 kB."""
SIZES = re.compile(
    r"(vocab|hidden|intermediate)_size|num_(hidden_layers|(attention|key_value)_heads)|"
    r"n_(embd|layer|head)|d_(model|ff|kv)"
)
"""Keys that every class of transformers reads as a size."""
LARGEST_SIZE = 10**9
MOST_LEVELS = 10
"""Of a config; the deepest known, a tower's rotary settings in a model of several parts, has 7."""
BESIDE = "hf_quant_config.json"
MARK = "modelworth_architecture"
"""Of a description, whose value is its form."""


def read_model_file(path: str | Path) -> dict[str, Any]:
    """The dictionary in a config.json, in a folder's config.json, or in a saved description.

    Raises:
        InputError: if there is no such file, or it isn't JSON that describes a model.
    """
    path = Path(path)
    if is_folder(path):
        path = path / "config.json"
    config = _dictionary(path)
    typed = config.get("model_type") or config.get("_class_name")
    if not isinstance(typed, str) and MARK not in config:
        raise InputError(str(path), "no model_type", "a config.json that states its model_type")
    if MARK not in config and _levels(config) > MOST_LEVELS:
        allowed = f"a model with parts in at most {MOST_LEVELS} levels"
        raise InputError(str(path), f"{_levels(config)} levels", allowed)
    classes = config.get("architectures") or []
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise InputError(f"{path}: architectures", classes, "a list of names")
    for key, size in config.items():
        whole = isinstance(size, int) and not isinstance(size, bool) and 0 <= size <= LARGEST_SIZE
        if SIZES.fullmatch(key) and isinstance(size, int | float) and not whole:
            allowed = f"a whole number from 0 to {LARGEST_SIZE:,}"
            raise InputError(f"{path}: {key}", size, allowed)
    if words := _quantization(path):
        own = config.setdefault("quantization_config", words)
        if isinstance(own, dict) and "kv_cache_quant_algo" in words:
            own.setdefault("kv_cache_quant_algo", words["kv_cache_quant_algo"])
    return config


def _levels(found: object) -> int:
    """How deep dictionaries stand in each other."""
    return 1 + max(map(_levels, found.values()), default=0) if isinstance(found, dict) else 0


def _quantization(path: Path) -> dict[str, Any] | None:
    """What the file beside a config says of quantisation."""
    beside = path.with_name(path.name.removesuffix("config.json") + BESIDE)
    if not path.name.endswith("config.json") or not beside.is_file():
        return None
    inner = _dictionary(beside).get("quantization")
    if not isinstance(inner, dict):
        raise InputError(str(beside), "no quantization", "a dictionary at quantization")
    return inner


def _dictionary(path: Path) -> dict[str, Any]:
    """The JSON object in a file."""
    allowed = "a config.json of transformers"
    found = read_json_file(path, allowed=allowed, max_bytes=LARGEST_BYTES)
    if not isinstance(found, dict):
        raise InputError(str(path), type(found).__name__, allowed)
    return found
