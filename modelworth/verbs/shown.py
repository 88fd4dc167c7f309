"""Numbers as verbs print them in a terminal."""

from __future__ import annotations


def figure(value: float | None) -> str:
    """A number with four digits."""
    return "—" if value is None else _digits(value, 4)


def duration(seconds: float) -> str:
    """Seconds, or milliseconds where they are few."""
    return f"{figure(seconds)} s" if abs(seconds) >= 1 else f"{seconds * 1e3:,.4g} ms"


def count(number: float, units: tuple[str, ...] = ("T", "B", "M", "k")) -> str:
    """A large number with the unit that people read."""
    for size, unit in zip((1e12, 1e9, 1e6, 1e3), units, strict=True):
        if number >= 0.9995 * size:
            return f"{_digits(number / size, 3)} {unit}"
    return _digits(number, 3)


def _digits(number: float, digits: int) -> str:
    """So many digits, or all before the point; never as a power of ten above them."""
    whole = abs(number) >= 10**digits - 0.5
    return f"{number:,.0f}" if whole else f"{number:,.{digits}g}"
