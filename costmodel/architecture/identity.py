"""Who a model is: by what its config says, never by the name of a file.

Two configs are one model where arithmetic sees the same parts, whatever they are called and however
their weights are stored. A record without a config is known by its model's name in the catalogue,
without owner and variant, else by an exact count of its weights (`llama 8B Q4_K - Medium`, of
8,030,261,312); where the catalogue knows neither, by its whole name.
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

SAME_COUNT: Final = 1e-5
"""Two counts of one model's weights differ by no more (factors of positions, of norms)."""
VARIANTS: Final = re.compile(
    r"[-.](instruct|chat|it|hf|base|fp8|fp4|nvfp4|awq|gptq|int8|int4|i?q\d\w*|bf16|f16|gguf)"
    r"([-._].*)?$"
)


def architecture_of(model: Model, catalog: Catalog) -> Architecture | None:
    """By a record's own config, its model's name, or its count of weights; None: none says it."""
    if model.config:
        return _read(json.dumps(model.config, sort_keys=True), model.name)
    plain = VARIANTS.sub("", model.name.split("/")[-1].casefold())
    for name in (model.name, plain, plain.removeprefix("meta-")):
        with suppress(InputError):
            if entry := catalog.find_model(name):
                return _read(json.dumps(entry.config, sort_keys=True), entry.name)
    return _counted(model.parameters_total, catalog) if model.parameters_total else None


def _counted(weights: int, catalog: Catalog) -> Architecture | None:
    """The catalogue's model of so many weights, where there is but one.

    GGUF files of Llama 3.1 and later have a factor for each pair of a head's dimensions, too.
    """
    near = {}
    for entry in catalog.models:
        found = _read(json.dumps(entry.config, sort_keys=True), entry.name)
        if found is None or abs(found.parameters - weights) > SAME_COUNT * weights:
            continue
        scaled = bool(entry.config.get("rope_scaling"))
        exact = weights == found.parameters or (scaled and weights > found.parameters)
        near[content(found)] = (exact and scaled == (weights > found.parameters), found)
    best = [found for exact, found in near.values() if exact] or [one for _, one in near.values()]
    return best[0] if len(best) == 1 else None


def identity(model: Model, catalog: Catalog) -> str:
    """The same text for the same model, and only for it."""
    architecture = architecture_of(model, catalog)
    return f"name {model.name.casefold()}" if architecture is None else content(architecture)


def identifier(catalog: Catalog) -> Callable[[Model], str]:
    """`identity` for many records: each name and config is looked up once."""

    @cache
    def found(name: str, config: str, weights: int | None) -> str:
        model = Model(
            name=name, family="decoder", config=json.loads(config), parameters_total=weights
        )
        return identity(model, catalog)

    return lambda model: found(
        model.name, json.dumps(model.config, sort_keys=True), model.parameters_total
    )


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
