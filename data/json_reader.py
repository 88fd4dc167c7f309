"""Reads JSON that somebody else wrote: plain data within bounds, or one clear line.

Refused are keys given twice, infinities and NaN, whole numbers beyond 2^53 (which other programs
would round), texts that aren't plain, deep nesting, and more bytes or values than a file of its
kind has.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any, Final

from modelworth.data.errors import InputError
from modelworth.data.foreign_file import MOST_BYTES, read_text
from modelworth.data.plain_text import check_text

MAX_DEPTH: Final = 64
LARGEST_WHOLE: Final = 2**53
MAX_DIGITS: Final = 40


def read_json_file(
    path: Path, *, allowed: str = "a readable JSON file", max_bytes: int = MOST_BYTES
) -> Any:
    """The content of a JSON file; a byte-order mark is no part of it.

    Raises:
        InputError: if it can't be read, is too large, or isn't plain JSON.
    """
    return read_json(read_text(path, allowed, max_bytes), path.name)


def read_json(text: str, name: str) -> Any:
    """The data that a text holds; `name` is what to call it in errors.

    Raises:
        InputError: if it isn't JSON, or more than plain data within bounds.
    """
    try:
        found = json.loads(
            text, parse_constant=_not_a_number, parse_int=_whole, object_pairs_hook=_once
        )
    except _OutOfBoundsError as error:
        raise InputError(name, str(error), "finite numbers, whole ones up to 2^53") from error
    except RecursionError as error:
        raise InputError(name, "nested too deep", f"at most {MAX_DEPTH} levels") from error
    except ValueError as error:
        raise InputError(name, str(error), "readable JSON") from error
    check_plain(found, name)
    return found


class _OutOfBoundsError(ValueError):
    """A number that plain data don't hold."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; which of two values under one key counts, differs by program."""
    found = dict(pairs)
    if len(found) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the key {twice} twice")
    return found


def _not_a_number(text: str) -> Any:
    raise _OutOfBoundsError(text)


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS or abs(int(text)) > LARGEST_WHOLE:
        raise _OutOfBoundsError(text if len(text) <= MAX_DIGITS else f"{text[:MAX_DIGITS]}…")
    return int(text)


def check_plain(found: Any, name: str, path: str = "", depth: int = 0) -> None:
    """Refuse what isn't plain data within bounds, whoever made it.

    Raises:
        InputError: with the path of the fault.
    """
    where = f"{name}: {path}" if path else name
    if depth > MAX_DEPTH:
        raise InputError(where, f"{depth} levels", f"at most {MAX_DEPTH} levels")
    if isinstance(found, str):
        check_text(found, where)
    elif isinstance(found, float) and not math.isfinite(found):
        raise InputError(where, str(found), "a finite number")
    elif isinstance(found, int) and abs(found) > LARGEST_WHOLE:
        raise InputError(where, "a larger whole number", "at most 2^53")
    elif isinstance(found, dict):
        for key, value in found.items():
            check_text(key, where)
            check_plain(value, name, f"{path}.{key}" if path else key, depth + 1)
    elif isinstance(found, list | tuple):
        for place, value in enumerate(found):
            check_plain(value, name, f"{path}[{place}]", depth + 1)
