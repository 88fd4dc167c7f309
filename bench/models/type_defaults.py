"""The defaults that a type's own config class has, for reading a config without transformers.

`python -m modelworth.bench.models.type_defaults` writes `data/model_type_defaults.json`: for each
model type of transformers, the keys that say something of size, other names for them, and keys
without a default that it knows or asks for all the same. Values that a class works out from others
aren't here: reading works them out the same way.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from pathlib import Path
from typing import Any

IGNORED = re.compile(
    r"dropout|token|(^|_)init|_eps|epsilon|coef|theta|rope|use_cache|id2label|label2id|pad_|scal|"
    r"jitter|_act$|temperature|clamp|floor|dtype|problem_type|pretraining_tp|router_bias|softcap"
)
KEPT = re.compile(r"head_dim|activation|num_detection|num_register|use_mask|layer_scale_init")
ASKED = re.compile(r"(?:kwargs\.(?:pop|get)|getattr)\((?:(?:self\.)?config, )?\"(\w+)\"")
ASSIGNED = re.compile(r"self\.([a-z]\w+) = ")
"""Keys that a class takes though it has no field for them."""


def defaults_of(model_type: str) -> dict[str, Any]:
    """Keys of a type with their defaults, and other names by the name they stand for."""
    from transformers import PreTrainedConfig
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    kind = CONFIG_MAPPING[model_type]
    module = Path(inspect.getfile(kind))
    unset = {key for file in module.parent.glob("*.py") for key in ASKED.findall(file.read_text())}
    unset |= set(ASSIGNED.findall(module.read_text()))
    common = {each.name for each in dataclasses.fields(PreTrainedConfig)}
    found: dict[str, Any] = {}
    for each in dataclasses.fields(kind):
        if each.name in common and each.name not in ("tie_word_embeddings", "is_encoder_decoder"):
            continue
        if IGNORED.search(each.name) and not KEPT.search(each.name):
            continue
        value = each.default
        if value is dataclasses.MISSING:
            value = each.default_factory() if callable(each.default_factory) else None
        if isinstance(value, tuple):
            value = list(value)
        if value is None or not isinstance(value, bool | int | float | str | list | dict):
            unset.add(each.name)
            continue
        found[each.name] = value
    aliases = {k: v for k, v in (getattr(kind, "attribute_map", None) or {}).items() if k != v}
    unset -= {*found, *(key for key in unset if IGNORED.search(key) and not KEPT.search(key))}
    return {"defaults": found, "names": aliases, "unset": sorted(unset)}


def main() -> None:
    """Writes the file anew."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    known = sorted(CONFIG_MAPPING_NAMES)
    target = Path(__file__).resolve().parents[2] / "data" / "model_type_defaults.json"
    lines = []
    for kind in known:
        found = defaults_of(kind)
        if found["defaults"]:
            lines.append(f" {json.dumps(kind)}: {json.dumps(found)}")
    target.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main()
