"""A model's config.json from disk, with the quantisation that stands in a file beside it.

NVIDIA's checkpoints keep theirs in `hf_quant_config.json`; a file X_config.json has
X_hf_quant_config.json beside it. Files are small: one that isn't is refused before it is read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from modelworth.data.errors import InputError

LARGEST_BYTES = 20_000_000
"""Of a config.json; the longest known takes 60 kB."""
BESIDE = "hf_quant_config.json"
MARK = "modelworth_architecture"
"""Of a description, whose value is its form."""


def read_model_file(path: str | Path) -> dict[str, Any]:
    """The dictionary in a config.json, in a folder's config.json, or in a saved description.

    Raises:
        InputError: if there is no such file, or it isn't JSON that describes a model.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "config.json"
    config = _dictionary(path)
    typed = config.get("model_type") or config.get("_class_name")
    if not isinstance(typed, str) and MARK not in config:
        raise InputError(str(path), "no model_type", "a config.json that states its model_type")
    if words := _quantization(path):
        own = config.setdefault("quantization_config", words)
        if isinstance(own, dict) and "kv_cache_quant_algo" in words:
            own.setdefault("kv_cache_quant_algo", words["kv_cache_quant_algo"])
    return config


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
    allowed = "a readable config.json of transformers"
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise InputError(str(path), f"{path.stat().st_size:,} bytes", allowed)
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(str(path), str(error) or type(error).__name__, allowed) from error
    if not isinstance(found, dict):
        raise InputError(str(path), type(found).__name__, allowed)
    return found
