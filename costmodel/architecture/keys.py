"""Reading sizes from a config.json: the first of several spellings, checked.

A size that is absent or null is unknown; one that isn't a whole number above 0 is refused with its
key, so that a damaged config never becomes a model of another size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelworth.data.errors import InputError

Config = Mapping[str, Any]
MOST_LAYERS = 1_000
"""The deepest Transformer that is known has as many (Wang et al. 2022, arXiv:2203.00555)."""
LARGEST = 1_000_000_000
"""No size of a model is larger."""


class NotReadError(InputError):
    """What reading a config doesn't know, and building its class does."""

    def __init__(self, where: str, found: object, known: str | None = None) -> None:
        other = "built: modelworth inspect FILE"
        super().__init__(where, found, f"{known}, or {other}" if known else other)


def optional(config: Config, *keys: str) -> int | None:
    """The first of `keys` that is set, as a whole number; None if none is.

    Raises:
        InputError: if it isn't a whole number of 0 or more.
    """
    for key in keys:
        value = config.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise InputError(f"config: {key}", value, "a whole number of 0 or more")
        if value > LARGEST:
            raise InputError(f"config: {key}", _shown(value), f"at most {LARGEST:,}")
        return value
    return None


def _shown(value: int) -> str:
    """A number too large to be one, by its digits."""
    digits = len(str(value)) if value.bit_length() < 10_000 else value.bit_length() // 3
    return f"{value:,}" if digits < 25 else f"a number of {digits:,} digits"


def whole(config: Config, *keys: str) -> int:
    """The first of `keys` that is set, as a whole number above 0.

    Raises:
        InputError: if none is set or it isn't such a number.
    """
    value = optional(config, *keys)
    if not value:
        found = "nothing" if value is None else value
        raise InputError(f"config: {' or '.join(keys)}", found, "a whole number above 0")
    return value


def sized(config: Config, *keys: str) -> int | None:
    """The first of `keys` that is set, as a whole number above 0; None if none is.

    Raises:
        InputError: if it isn't such a number.
    """
    return None if optional(config, *keys) is None else whole(config, *keys)


def listed(config: Config, key: str) -> list[Any] | None:
    """The list at `key`; None where it is absent.

    Raises:
        InputError: if it isn't a list.
    """
    value = config.get(key)
    if value is None:
        return None
    if not isinstance(value, list | tuple):
        raise InputError(f"config: {key}", value, "a list")
    return list(value)


def word(config: Config, *keys: str, default: str) -> str:
    """The first of `keys` that is set, as a word.

    Raises:
        InputError: if it isn't text.
    """
    for key in keys:
        value = config.get(key)
        if value is None:
            continue
        if not isinstance(value, str):
            raise InputError(f"config: {key}", value, "a word")
        return value or default
    return default


def head_width(hidden: int, heads: int) -> int:
    """Width of a head that isn't stated: its share of the hidden size.

    Raises:
        InputError: if that is less than 1.
    """
    if heads > hidden:
        raise InputError("config: attention heads", heads, f"at most the hidden size, {hidden}")
    return hidden // heads


def layer_count(config: Config, *keys: str) -> int:
    """Layers of a stack.

    Raises:
        InputError: if there are none, or more than any model has.
    """
    layers = whole(config, *keys)
    if layers > MOST_LAYERS:
        raise InputError(f"config: {' or '.join(keys)}", layers, f"at most {MOST_LAYERS:,}")
    return layers


def switch(config: Config, key: str | None, default: bool) -> bool:
    """Whether `key` is on; `default` where it is absent. Null is off, as for the classes.

    Raises:
        InputError: if it is neither true nor false.
    """
    value = config.get(key, default) if key is not None else default
    if value is not None and not isinstance(value, bool):
        raise InputError(f"config: {key}", value, "true or false")
    return bool(value)
