"""The defaults that a type's own config class has, for reading a config without transformers.

`python -m docs.model_type_defaults` writes `data/model_type_defaults.json`: for each
model type of transformers, the keys that say something of size, other names for them, and keys
without a default that it knows or asks for all the same. Values that a class works out from others
aren't here: reading works them out the same way. `data/model_type_values.json` says what kinds of
value the class's fields take, and the types of its parts.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, is_typeddict

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
    unset -= {*(aliases.keys() - {each.name for each in dataclasses.fields(kind)}), *found}
    unset -= {*(key for key in unset if IGNORED.search(key) and not KEPT.search(key))}
    return {"defaults": found, "names": aliases, "unset": sorted(unset)}


def values_of(model_type: str) -> dict[str, Any]:
    """Kinds of value of a type, with the keys that take them, and its parts by their types."""
    from transformers import PreTrainedConfig
    from transformers.activations import ACT2FN
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    kind = CONFIG_MAPPING[model_type]
    common = {each.name for each in dataclasses.fields(PreTrainedConfig)}
    taken: dict[str, list[str]] = defaultdict(list)
    for each in dataclasses.fields(kind):
        said = taken_by(each.type)
        acts = "act" in each.name and isinstance(each.default, str) and each.default in ACT2FN
        if said == "s" and acts:
            said = "a"
        if said and each.name not in common:
            taken[said].append(each.name)
    parts = {key: getattr(part, "model_type", "") for key, part in (kind.sub_configs or {}).items()}
    return {
        "taken": dict(sorted(taken.items())),
        "parts": {key: named for key, named in parts.items() if named},
    }


def taken_by(annotation: Any) -> str:
    """The kinds of value that a field takes, a letter each, as `plausible` reads them.

    Empty: any, or an object of a class.
    """
    outer, inner = get_origin(annotation), get_args(annotation)
    if outer in (Union, UnionType):
        said = [taken_by(each) for each in inner]
        return "".join(sorted(set("".join(said)))) if all(said) else ""
    if outer is Annotated:
        return taken_by(inner[0])
    if outer is Literal:
        return "".join(sorted({LETTERS.get(type(each), "") for each in inner}))
    if outer in (list, tuple, Sequence):
        return "I" if set(inner) <= {int, ...} else "l"
    return "d" if outer is dict or is_typeddict(annotation) else LETTERS.get(annotation, "")


LETTERS: dict[Any, str] = {
    **{int: "i", float: "f", bool: "b", str: "s"},
    **{NoneType: "n", list: "l", tuple: "l", dict: "d"},
}


def main() -> None:
    """Writes the files anew."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    known = sorted(CONFIG_MAPPING_NAMES)
    made = {kind: defaults_of(kind) for kind in known}
    _write("defaults", {kind: found for kind, found in made.items() if found["defaults"]})
    _write("values", {kind: values_of(kind) for kind in known})


def _write(name: str, table: dict[str, dict[str, Any]]) -> None:
    """Writes a table, a type a line."""
    target = Path(__file__).resolve().parents[1] / "data" / f"model_type_{name}.json"
    lines = [f" {json.dumps(kind)}: {json.dumps(found)}" for kind, found in table.items()]
    target.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main()
