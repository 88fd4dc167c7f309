"""Models that a user described and kept: a file each, beside the store, found by name or by path.

`modelworth inspect MODEL --save NAME` writes NAME.json to the folder of MODELWORTH_MODELS, or to
modelworth_models in this folder. A description holds its own sizes, source and date under `kept`,
so that the catalogue lists it without reading its parts.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from modelworth.data.drafts import write_whole
from modelworth.data.errors import InputError
from modelworth.data.foreign_file import unreadable
from modelworth.data.model_files import MARK, read_model_file

KEPT = "kept"
FOLDER = "modelworth_models"
NAME = re.compile(r"[\w][\w.\-]{0,99}")
BY_NAME_ALONE = "MODELWORTH_MODELS_BY_NAME"
"""Set where anybody may name a model: no file is opened by its path then."""
AGAIN = "a description that `modelworth inspect MODEL --save` wrote"


def is_path(name: str) -> bool:
    """Whether a model is named by its file."""
    return name.endswith(".json")


def kept_path(name: str) -> Path:
    """Where the description of that name is, or would be.

    Raises:
        InputError: if no file can be called so.
    """
    if is_path(name):
        return Path(name)
    if not NAME.fullmatch(name):
        allowed = "a name of letters, digits, dots and dashes, or a .json file"
        raise InputError("model", name, allowed)
    return Path(os.environ.get("MODELWORTH_MODELS") or FOLDER) / f"{name.casefold()}.json"


def kept_names() -> tuple[str, ...]:
    """The models that are kept, in order."""
    folder = Path(os.environ.get("MODELWORTH_MODELS") or FOLDER)
    return tuple(sorted(each.stem for each in folder.glob("*.json")))


def kept_row(name: str) -> dict[str, Any] | None:
    """The catalogue's row of a model that is kept; None where there is none of that name.

    Raises:
        InputError: if a file is named that is no kept description.
    """
    if not is_path(name) and not NAME.fullmatch(name):
        return None
    if is_path(name) and os.environ.get(BY_NAME_ALONE):
        raise InputError("model", name, "a model's name: pages open no file that a plan names")
    path = kept_path(name)
    if not is_path(name) and not path.is_file():
        return None
    config = read_model_file(path)
    said = config.get(KEPT)
    if MARK not in config or not isinstance(said, dict):
        raise InputError(str(path), "sizes that aren't counted", AGAIN)
    return {"name": path.stem, "family": config.get("family"), "config": config, **said}


def keep(description: dict[str, Any], name: str, said: dict[str, Any]) -> Path:
    """Writes a description under a name or to a .json file; `said`: its sizes, source, date.

    Raises:
        InputError: if it can't be written.
    """
    path = kept_path(name)
    try:
        if not is_path(name):
            path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unreadable(path, error, "a file to write") from error
    write_whole(path, json.dumps({**description, KEPT: said}, indent=1) + "\n")
    return path
