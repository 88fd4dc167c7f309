"""The architecture that a person names: a model of the catalogue, a config.json, or its folder."""

from __future__ import annotations

from pathlib import Path

from modelworth.costmodel.architecture.read import read_model
from modelworth.costmodel.architecture.structure import Architecture
from modelworth.data.catalog import Catalog
from modelworth.data.foreign_file import is_folder
from modelworth.data.model_files import read_model_file


def named(model: str, catalog: Catalog) -> Architecture:
    """A shipped model, or one by its file.

    Raises:
        InputError: if there is none, or its config can't be read.
    """
    path = Path(model)
    if path.suffix != ".json" and not is_folder(path):
        entry = catalog.model(model)
        return read_model(entry.config, entry.name)
    folder = path if is_folder(path) else path.parent
    name = path.stem if path.stem != "config" and folder != path else folder.resolve().name
    return read_model(read_model_file(path), name)
