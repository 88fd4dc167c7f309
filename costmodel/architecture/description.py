"""An architecture as a JSON object and back: what `modelworth inspect --save` keeps.

A description is the fields of an `Architecture` under their own names, with a mark of its form. It
is read with the same care as a config: an unknown field, a missing one or one of another type is
refused by its path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, fields, is_dataclass
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from modelworth.costmodel.architecture.structure import Architecture
from modelworth.data.errors import InputError
from modelworth.data.kept_models import KEPT
from modelworth.data.model_files import MARK

FORM = 1
LARGEST = 10**18
SIGNED = ".token_flops"
"""Below 0 where a layer sees fewer tokens than the model."""


def describe(architecture: Architecture) -> dict[str, Any]:
    """The description of an architecture; fields that equal their default are left out."""
    return {MARK: FORM, **_bare(asdict(architecture), Architecture)}


def is_description(config: Mapping[str, Any]) -> bool:
    """Whether a dictionary is a description rather than a config."""
    return MARK in config


def described(description: Mapping[str, Any]) -> Architecture:
    """The architecture that a description says.

    Raises:
        InputError: if it is of another form, or a field is missing, unknown or wrong.
    """
    if description.get(MARK) != FORM:
        raise InputError(MARK, description.get(MARK), f"{FORM}, the form this version reads")
    rest = {key: value for key, value in description.items() if key not in (MARK, KEPT)}
    made: Architecture = _made(rest, Architecture, "description")
    if not made.blocks:
        raise InputError("description.blocks", "none", "the layers of a model")
    return made


def _bare(found: dict[str, Any], kind: type) -> dict[str, Any]:
    """A record without what equals its defaults."""
    hints = get_type_hints(kind)
    kept = {}
    for each in fields(kind):
        value = found[each.name]
        if each.default is not MISSING and value == each.default and each.name != "at":
            continue
        if value in ((), [], None):
            continue
        kept[each.name] = _bare_value(value, hints[each.name])
    return kept


def _bare_value(value: Any, hint: Any) -> Any:
    """A value of a record without what equals defaults inside it."""
    inner = _record(hint)
    if isinstance(value, dict) and inner is not None:
        return _bare(value, inner)
    if isinstance(value, tuple):
        (item, *_rest) = get_args(hint) or (Any,)
        return [_bare_value(each, item) for each in value]
    return value


def _record(hint: Any) -> Any:
    """The dataclass that a hint names, alone or as a choice; None: none."""
    choices = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return next((each for each in choices if is_dataclass(each)), None)


def _made(found: Any, kind: Any, where: str) -> Any:
    """A record of `kind` from a dictionary."""
    if not isinstance(found, Mapping):
        raise InputError(where, found, "an object")
    hints = get_type_hints(kind)
    known = {each.name: each for each in fields(kind)}
    for key in found:
        if key not in known:
            raise InputError(f"{where}.{key}", found[key], f"one of {', '.join(known)}")
    values = {}
    for name, each in known.items():
        if name in found:
            values[name] = _value(found[name], hints[name], f"{where}.{name}")
        elif _required(each):
            raise InputError(f"{where}.{name}", "nothing", "given")
    return kind(**values)


def _required(each: Field[Any]) -> bool:
    """Whether a field has no default."""
    return each.default is MISSING and each.default_factory is MISSING


def _value(found: Any, hint: Any, where: str) -> Any:
    """A value of a field, checked against its type."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        if found is None and NoneType in args:
            return None
        return _value(found, next(each for each in args if each is not NoneType), where)
    if origin is Literal:
        if found not in args:
            raise InputError(where, found, f"one of {', '.join(map(str, args))}")
        return found
    if origin is tuple:
        return _items(found, args, where)
    if is_dataclass(hint):
        return _made(found, hint, where)
    if hint is float and isinstance(found, int) and not isinstance(found, bool):
        found = float(found)
    if not isinstance(found, hint) or (hint is int and isinstance(found, bool)):
        raise InputError(where, found, f"of type {hint.__name__}")
    least = -LARGEST if where.endswith(SIGNED) else 0
    if hint in (int, float) and not (isfinite(found) and least <= found <= LARGEST):
        raise InputError(where, found, "a number of 0 or more")
    return found


def _items(found: Any, args: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    """A list of equal things, or of as many as the type says."""
    if not isinstance(found, list | tuple):
        raise InputError(where, found, "a list")
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(_value(each, args[0], f"{where}[{i}]") for i, each in enumerate(found))
    if len(found) != len(args):
        raise InputError(where, f"{len(found)} items", f"{len(args)} items")
    return tuple(_value(each, args[i], f"{where}[{i}]") for i, each in enumerate(found))
