"""Inputs that nearly are what a reader expects: a good one, changed in a few places.

Each input is named by its reader and a number, from which it can be made again. Every change has a
generator of its own, so that an input that fails is made smaller by leaving changes out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np

NUMBERS: tuple[object, ...] = (
    0, -1, 1, 2**31, 2**53, 2**63, 2**64, -(2**63), 10**30, 10**400, 1e308, -1e308, 1e-308, 5e-324,
    float("inf"), float("-inf"), float("nan"), 0.1, -0.0, True, False, None,
)  # fmt: skip
TEXTS = (
    "", " ", "\0", "\x1b[2J\x1b]0;owned\a", "\ud800", "\u202eabc", "é" * 300, "x" * 30_000, "\n\n",
    "=cmd|' /C calc'!A0", "../../etc/passwd", "<script>1</script>", "{{7*7}}", "%s%n", "null",
    "nan", "1e999", "0x10", "١٢", "−5", "9" * 5000, "2026-02-30", "0001-01-01T00:00:00+14:00",
    "\U0010ffff",
)  # fmt: skip


def mutate_data(data: Any, changes: Sequence[np.random.Generator]) -> Any:
    """Plain data with a few values, keys or lists changed."""
    found = deepcopy(data)
    for rng in changes:
        holder, key = _place(found, rng)
        if holder is None:
            return _nasty(rng)
        _change(holder, key, rng)
    return found


def _place(data: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    """A random container inside the data and a key of it."""
    holder, key, inner = None, None, data
    while isinstance(inner, dict | list) and inner:
        holder = inner
        keys = list(inner) if isinstance(inner, dict) else range(len(inner))
        key = keys[int(rng.integers(len(keys)))]
        inner = holder[key]
        if rng.random() < 0.2:
            break
    return holder, key


def _change(holder: Any, key: Any, rng: np.random.Generator) -> None:
    kind = int(rng.integers(7))
    if kind <= 2:
        holder[key] = _nasty(rng)
    elif kind == 3:
        del holder[key]
    elif kind == 4 and isinstance(holder, dict):
        holder[_text(rng)[:400]] = holder.pop(key)
    elif kind == 5:
        holder[key] = [holder[key]] * int(rng.integers(1, 50))
    else:
        for _ in range(int(rng.choice([1, 5, 100]))):
            holder[key] = [holder[key]]


def _nasty(rng: np.random.Generator) -> Any:
    if rng.random() < 0.6:
        return NUMBERS[int(rng.integers(len(NUMBERS)))]
    return _text(rng) if rng.random() < 0.8 else ({} if rng.random() < 0.5 else [])


def _text(rng: np.random.Generator) -> str:
    return TEXTS[int(rng.integers(len(TEXTS)))]


def mutate_bytes(content: bytes, changes: Sequence[np.random.Generator]) -> bytes:
    """Bytes with stretches changed, repeated, cut or put in."""
    found = bytearray(content)
    for rng in changes:
        start = int(rng.integers(len(found) + 1))
        stop = min(len(found), start + int(rng.integers(1, 40)))
        kind = int(rng.integers(5))
        if kind == 0 and start < len(found):
            found[start] = int(rng.integers(256))
        elif kind == 1:
            del found[start:stop]
        elif kind == 2:
            found[start:start] = found[start:stop] * int(rng.choice([2, 10, 200]))
        elif kind == 3:
            found[start:start] = _text(rng).encode("utf-8", "surrogatepass")
        else:
            found[start:stop] = str(NUMBERS[int(rng.integers(len(NUMBERS)))]).encode()
    return bytes(found)


def as_json(data: Any) -> bytes:
    """JSON as loosely as Python writes it: NaN and lone surrogates included."""
    return json.dumps(data).encode("utf-8", "surrogatepass")
