"""Who a model is: by what its config says, never by the name of a file.

Two configs are one model where arithmetic sees the same parts, whatever they are called and however
their weights are stored. A record without a config is known by its model's name in the catalogue,
without owner and variant; where the catalogue doesn't know it either, by its whole name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache, lru_cache
from typing import Final

from modelworth.costmodel.architecture.read import read_model
from modelworth.costmodel.architecture.structure import Architecture
from modelworth.data.catalog import Catalog
from modelworth.data.errors import InputError
from modelworth.data.measurement import Model

VARIANTS: Final = re.compile(r"-(instruct|chat|it|hf|base|fp8|fp4|nvfp4|awq|gptq|int8|int4).*$")


def architecture_of(model: Model, catalog: Catalog) -> Architecture | None:
    """By a record's own config, else by its model's name; None where neither says it."""
    if model.config:
        return _read(json.dumps(model.config, sort_keys=True), model.name)
    plain = VARIANTS.sub("", model.name.split("/")[-1].casefold())
    for name in (model.name, plain, plain.removeprefix("meta-")):
        with suppress(InputError):
            if entry := catalog.find_model(name):
                return _read(json.dumps(entry.config, sort_keys=True), entry.name)
    return None


def identity(model: Model, catalog: Catalog) -> str:
    """The same text for the same model, and only for it."""
    architecture = architecture_of(model, catalog)
    return f"name {model.name.casefold()}" if architecture is None else content(architecture)


def identifier(catalog: Catalog) -> Callable[[Model], str]:
    """`identity` for many records: each name and config is looked up once."""

    @cache
    def found(name: str, config: str) -> str:
        return identity(Model(name=name, family="decoder", config=json.loads(config)), catalog)

    return lambda model: found(model.name, json.dumps(model.config, sort_keys=True))


def named_identity(name: str, catalog: Catalog) -> str:
    """The identity of the model that a scenario names."""
    return identity(Model(name=name, family="decoder"), catalog)


@lru_cache(maxsize=1024)
def _read(config: str, name: str) -> Architecture | None:
    """None where the config is of a kind that isn't known."""
    try:
        return read_model(json.loads(config), name)
    except InputError:
        return None


@lru_cache(maxsize=1024)
def content(architecture: Architecture) -> str:
    """What arithmetic sees of a model, whatever it is called."""
    return repr(replace(architecture, name="", note=None, stored=None, model_type=None))
