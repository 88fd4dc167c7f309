"""Numbers as people type them, in the reader's currency and in percent, and as the plan keeps them.

A typed number may carry %, a currency sign, thousands separators, or a word of size (k, M, B, 万,
亿); what it means is said by the driver it is typed for.
"""

from __future__ import annotations

import re

from modelworth.costmodel.scenario.drivers import Driver
from modelworth.data.errors import InputError
from modelworth.report.words import Words, unit_key

SIZES = {"": 1.0, "k": 1e3, "K": 1e3, "m": 1e6, "M": 1e6, "B": 1e9, "b": 1e9, "bn": 1e9, "T": 1e12,
         "万": 1e4, "亿": 1e8}  # fmt: skip
NUMBER = re.compile(r"^([-+]?[\d.]+(?:e[-+]?\d+)?)\s*(%|[A-Za-z万亿]{0,2})$", re.IGNORECASE)
CLUTTER = re.compile(r"[$¥€£,，_\s]|US")


def scale(unit: str, words: Words) -> float:
    """What a quantity is multiplied by on screen: shares come in percent, money in its currency."""
    key = unit_key(unit)
    if key == "share":
        return 100.0
    return 1.0 / words.usd_per_currency if key.startswith("usd") else 1.0


def shown(value: float, unit: str, words: Words) -> float:
    """A number as a field shows it, without stray digits."""
    return float(f"{value * scale(unit, words):.12g}")


def kept(value: float, unit: str, words: Words) -> float:
    """A number of a field as the plan keeps it."""
    return float(f"{value / scale(unit, words):.12g}")


def written(value: float | None, driver: Driver, words: Words) -> str:
    """A driver's value as text that `read` takes back."""
    if value is None:
        return ""
    if driver.kind == "choice":
        return words.t(f"choice.{driver.word(value)}")
    if driver.kind == "switch":
        return words.t("choice.true" if value else "choice.false")
    number = shown(value, driver.unit, words)
    text = f"{number:,.10g}" if abs(number) < 1e15 else f"{number:.10g}"
    return f"{text}%" if unit_key(driver.unit) == "share" else text


def read(text: str, driver: Driver, words: Words) -> float | str | bool:
    """What somebody typed for a driver, as a scenario holds it.

    Raises:
        InputError: if it isn't a number, or none of the words that are allowed.
    """
    typed = text.strip()
    if driver.kind == "choice":
        return _word(typed, {words.t(f"choice.{one}"): one for one in driver.choices}, driver)
    if driver.kind == "switch":
        return _word(typed, {words.t("choice.true"): True, words.t("choice.false"): False}, driver)
    found = NUMBER.match(CLUTTER.sub("", typed))
    if found is None or (found[2] not in SIZES and found[2] != "%"):
        raise InputError(words.name(driver.key), text[:60], driver.allowed)
    try:
        number = float(found[1])
    except ValueError as error:
        raise InputError(words.name(driver.key), text[:60], driver.allowed) from error
    if found[2] == "%":
        return float(f"{number / 100:.12g}")
    value = kept(number * SIZES[found[2]], driver.unit, words)
    return int(value) if driver.kind == "integer" and value == int(value) else value


def _word(typed: str, allowed: dict[str, str | bool], driver: Driver) -> str | bool:
    """One of the words, by its name on screen or by its own."""
    for name, value in allowed.items():
        if typed.casefold() in (name.casefold(), str(value).casefold()):
            return value
    raise InputError(driver.key, typed[:60], f"one of {', '.join(allowed)}")
