"""Numbers as verbs print them in a terminal."""

from __future__ import annotations


def figure(value: float | None) -> str:
    """A number with four digits."""
    return "—" if value is None else f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def duration(seconds: float) -> str:
    """Seconds, or milliseconds where they are few."""
    return f"{figure(seconds)} s" if abs(seconds) >= 1 else f"{seconds * 1e3:,.4g} ms"


def count(number: float, units: tuple[str, ...] = ("T", "B", "M", "k")) -> str:
    """A large number with the unit that people read."""
    for size, unit in zip((1e12, 1e9, 1e6, 1e3), units, strict=True):
        if number >= size:
            return f"{number / size:,.3g} {unit}"
    return f"{number:,.3g}"
