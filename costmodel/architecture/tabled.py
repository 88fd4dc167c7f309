"""Types whose parts a table of formulas says: `data/model_formulas.toml`, a section a type.

A formula's names are the config's keys with their class's defaults, what the section's `let` works
out, and `built`, the class. A size that isn't a whole number above 0 is refused, and so is
what a formula can't work out. A layer with `tokens` is of an item of a fixed size (an image, a
second of sound): then the item counts as one token, and `pairs`, `flops` are those of the item.
A section with `patches` is of an image that becomes so many tokens, and `extra` beside them.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from itertools import accumulate
from types import CodeType
from typing import Any, NoReturn

from modelworth.costmodel.architecture.decoder_parts import gathered
from modelworth.costmodel.architecture.defaults import completed
from modelworth.costmodel.architecture.heads import labels_of, named_class, refused
from modelworth.costmodel.architecture.keys import (
    LARGEST,
    MOST_LAYERS,
    Config,
    NotReadError,
    whole,
    word,
)
from modelworth.costmodel.architecture.structure import (
    Architecture,
    Attention,
    Block,
    FeedForward,
    Head,
    Patches,
)
from modelworth.data.errors import InputError

FUNCTIONS = {
    **{each.__name__: each for each in (sum, len, range, min, max, int, float, abs, round)},
    **{each.__name__: each for each in (zip, enumerate, list, set, any, all, isinstance, str)},
    "accumulate": accumulate,
}
ITEM = "FLOPs of one item of the config's own size"


@cache
def _table() -> dict[str, dict[str, Any]]:
    """The sections, those that are like another filled from it."""
    text = (files("modelworth.data") / "model_formulas.toml").read_text("utf-8")
    table: dict[str, dict[str, Any]] = tomllib.loads(text)
    for section in table.values():
        if like := table.get(section.get("like", "")):
            section.update(_filled(section, like))
    return table


def _filled(own: dict[str, Any], like: dict[str, Any]) -> dict[str, Any]:
    """A section with what it lacks of another."""
    both = {key: _filled(own[key], like[key]) for key in own if isinstance(like.get(key), dict)}
    return {**like, **own, **both}


def tabled_types() -> tuple[str, ...]:
    """The whole models that the table says."""
    return tuple(kind for kind, section in _table().items() if not section.get("tower"))


@cache
def _compiled(formula: str) -> CodeType:
    """A formula of the package's own table."""
    return compile(f"({formula})", "model_formulas.toml", "eval")


def _times(_: object, __: object) -> NoReturn:
    """What a config says in words or lists, times a size, would take gigabytes."""
    raise TypeError("words or a list times a number")


class _Word(str):
    """A word of a config."""

    __mul__ = __rmul__ = _times


class _List(list[Any]):
    """A list of a config."""

    __mul__ = __rmul__ = _times


class Words(dict[str, Any]):
    """What formulas may name: functions, values worked out before, and the config's keys."""

    def __init__(self, config: Config, section: Mapping[str, Any], **known: Any) -> None:
        super().__init__(__builtins__={}, **FUNCTIONS, **known)
        self.config, self.section = config, section

    def __missing__(self, key: str) -> Any:
        if key in self.section.get("let", {}):
            self[key] = self.of(self.section["let"][key])
            return self[key]
        value, absent = self.config.get(key), self.section.get("absent", {})
        if key in absent and (key not in self.config or (value is None and self._may(key, "null"))):
            return self.of(absent[key])
        if isinstance(value, Mapping) and key.endswith("_config"):
            return _part_of(value, self.section)
        _require_usable(key, value, zero=self._may(key, "zero"))
        if isinstance(value, str):
            return _Word(value)
        return _List(value) if isinstance(value, list) else value

    def __getattr__(self, key: str) -> Any:
        return self[key]

    def _may(self, key: str, what: str) -> bool:
        """Whether a key is among those that may be null or 0."""
        return key in self.section.get(what, ())

    def of(self, formula: Any) -> Any:
        """What a formula comes to.

        Raises:
            InputError: if it can't be worked out.
        """
        if not isinstance(formula, str):
            return formula
        try:
            return eval(_compiled(formula), self)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            shown = f"sizes by which {formula[:60]} can't be worked out ({error})"
            raise InputError("config", shown, "the sizes of a model") from error

    def number(self, formulas: Mapping[str, Any], key: str, default: int | None = 0) -> Any:
        """A whole number of 0 or more by its formula, or the default."""
        found = self.of(formulas[key]) if key in formulas else default
        if found is None:
            return None
        whole_number = isinstance(found, int | float) and math.isfinite(found) and found >= 0
        if not whole_number or found != int(found):
            raise InputError(f"config: {key}", found, "sizes that make a whole number of 0 or more")
        return int(found)


def _part_of(config: Config, section: Mapping[str, Any]) -> Words:
    """The names of a part of the config, or of the whole that it is a part of."""
    return Words(completed(config, nested=True), {**section, "let": {}})


def _require_usable(key: str, value: Any, *, zero: bool) -> None:
    """Refuses what is no size, switch, word or list of them."""
    if isinstance(value, list | tuple) and len(value) <= MOST_LAYERS:
        for each in value:
            _require_usable(key, each, zero=True)
    elif isinstance(value, float) and any(
        each in key for each in ("ratio", "factor", "prob", "init_value")
    ):
        if not 0 <= value < 1000:
            raise InputError(f"config: {key}", value, "a number of 0 or more")
    elif isinstance(value, int) and not isinstance(value, bool):
        most = MOST_LAYERS if key.endswith("layers") else LARGEST
        if not (-1 if zero else 1) <= value <= most:
            whole({key: value}, key)
            raise InputError(f"config: {key}", value, f"at most {most:,}")
    elif not isinstance(value, bool | str):
        raise InputError(f"config: {key}", value, "a whole number above 0")


def _words(config: Config, section: Mapping[str, Any], **known: Any) -> Words:
    """The names of a section's formulas, with the parts of the config that it has."""
    parts: dict[str, Any] = {}
    for key, kind in section.get("parts", {}).items():
        given, earlier = config.get(key) or {}, config.get(f"{key}_dict")
        if not isinstance(given, Mapping):
            raise InputError(f"config: {key}", given, "a dictionary")
        if (given.get("model_type") or kind) != kind:
            raise NotReadError(f"config: {key}", given, f"of type {kind}")
        if isinstance(earlier, Mapping):
            given = {**given, **completed({**earlier, "model_type": kind}, nested=True)}
        part = {**given, "model_type": kind}
        parts[key.removesuffix("_config")] = _part_of(part, section)
    words = Words(config, section, **parts, **known)
    for refusal in section.get("refuse", ()):
        if words.of(refusal):
            raise NotReadError("config", f"sizes for which {refusal}")
    return words


def read_tower(config: Config, text_hidden: int) -> Architecture:
    """A tower with what joins it to a decoder of that width; `whole` is the model's config."""
    section = _table()[config["model_type"]]
    taken = config["whole"].get("vision_feature_layer")
    features = len(taken) if isinstance(taken, list | tuple) else 1
    whole = _part_of(config["whole"], section)
    known = {"text_hidden": text_hidden, "features": features or 1, "whole": whole}
    return read_tabled(config, "vision tower", **known)


def read_tabled(config: Config, name: str, **known: Any) -> Architecture:
    """A model by the formulas of its type.

    Raises:
        InputError: if a size is wrong, or the config names a class that the section doesn't know.
    """
    section = _table()[config["model_type"]]
    prefix, heads = section["class"], section["heads"]
    usual = f"{prefix}{section.get('alone', next(iter(heads)))}"
    text = known or section.get("family") == "decoder"  # a part, or a head that comes later
    named = usual if text else named_class(config) or usual
    built = named.removeprefix(prefix)
    alone = section.get("alone", built)
    if built not in heads or built != alone or not named.startswith(prefix):
        raise refused(named, " or ".join(f"{prefix}{each}" for each in heads))
    words = _words(config, section, built=built, labels=labels_of(config, 2), **known)
    layers = [block for each in section["layers"] for block in _blocks(words, each)]
    hidden = words.number(section, "hidden")
    fixed, patches = any("tokens" in each for each in section["layers"]), None
    if fixed or "patches" in section:
        sizes = (words.number(section, key) for key in ("patches", "extra", "patch"))
        patches = Patches(1, 0, 0) if fixed else Patches(*sizes)
    return Architecture(
        name=name,
        family=heads[built].get("family", section.get("family", "encoder")),
        hidden=hidden,
        vocab=words.number(section, "vocab"),
        blocks=gathered(layers),
        embedding_parameters=words.number(section, "embedding"),
        head=_head(words, heads[built]),
        final_norms=words.number(section, "norms"),
        patches=patches,
        note=section.get("note", ITEM) if fixed else None,
    )


def _head(words: Words, formulas: Mapping[str, Any]) -> Head:
    """The head of a class."""
    return Head(
        words.number(formulas, "products"),
        words.number(formulas, "outputs", 1),
        words.number(formulas, "shared"),
        words.number(formulas, "vectors"),
        words.number(formulas, "positions", None),
    )


def _blocks(words: Words, formulas: Mapping[str, Any]) -> list[Block]:
    """The blocks that a table of formulas says: one, or one for each `i` of a list."""
    made = []
    for place in words.of(formulas.get("each", "[0]")):
        words["i"] = place
        if count := words.number(formulas, "count", 1):
            if count > MOST_LAYERS:
                raise InputError("config: layers", count, f"at most {MOST_LAYERS:,}")
            made.append(_block(words, formulas, count))
    return made


def _block(words: Words, formulas: Mapping[str, Any], count: int) -> Block:
    """Equal layers."""

    def number(key: str, default: int | None = 0) -> Any:
        return words.number(formulas, key, default)

    hidden, heads = number("hidden"), number("heads")
    width, products, network = number("width"), number("products"), number("network")
    mixer = Attention(
        hidden,
        heads,
        number("kv_heads", heads),
        width,
        number("value", width),
        number("window", None),
        causal=bool(number("causal")),
        vectors=number("vectors"),
        kind=formulas.get("kind", "attention" if products else "none"),
        products=products,
        pair=number("pair", None),
        cached=number("cached", None),
        state=number("state"),
        token_flops=number("flops") - 2 * number("unused"),
        sequence_flops=number("sequence_flops"),
    )
    if "tokens" in formulas:
        flops = number("tokens") * 2 * (products + network) + number("flops")
        flops += number("pairs") * mixer.pair_flops - 2 * (products + network)
        mixer = replace(mixer, pair=0, token_flops=flops)
    gated = bool(number("gated"))
    inner = number("inner", network // ((2 + gated) * hidden))
    keys = ("hidden_act", "activation_function", "activation")
    said = words.of(formulas.get("activation", "None"))
    activation = said or word(words.config, *keys, default="gelu")
    feed_forward = FeedForward(
        hidden, inner, gated, activation=activation, vectors=number("biases"), network=network
    )
    return Block(
        count,
        mixer,
        feed_forward,
        number("norms"),
        formulas.get("norm", "layer"),
        number("norm_count", 2),
        cross=replace(mixer, causal=False, products=None) if number("cross") else None,
        stack=words.of(formulas.get("stack", "'decoder'")),
        residual=number("residual"),
    )
