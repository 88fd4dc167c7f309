"""The fields of a scenario that aren't drivers: its words, horizon, currency and hardware."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

import numpy as np

from modelworth.data.errors import InputError
from modelworth.data.words import SHORT, Precision

MONTHS: Final = (1, 120)
"""The shortest and the longest horizon."""
LANGUAGES: Final = ("en", "zh_CN")
PROSE: Final = ("name", "question", "finding")
HARDWARE: Final = ("model", "accelerator", "precision", "provider", "engine")
SPELLED: Final = {
    spelling: name
    for name in get_args(Precision)
    if name != "tf32"
    for spelling in (name, SHORT[name])
}
"""As people spell a precision → its name."""
HOURLY: Final = "demand.hourly_load"
PEAK: Final = "demand.peak_over_average"
LARGEST: Final = 1e30
_WRITTEN = re.compile(r"([-+]?(?:\d{1,3}(?:[, ]\d{3})+|\d+)(?:\.\d+)?) ?([a-z%千万百亿]*)")
_TIMES: Final = {
    "": 1.0, "%": 0.01, "千": 1e3, "k": 1e3, "thousand": 1e3, "万": 1e4, "百万": 1e6, "m": 1e6,
    "million": 1e6, "千万": 1e7, "亿": 1e8, "b": 1e9, "bn": 1e9, "billion": 1e9,
}  # fmt: skip
_KEY_OF_TEXT = re.compile(r"^[a-z][a-z0-9_]*$")


@dataclass(frozen=True, slots=True)
class Hardware:
    """What serves the model; each None where the scenario leaves it open."""

    model: str | None = None
    accelerator: str | None = None
    precision: str | None = None
    provider: str | None = None
    engine: str | None = None


def number(
    where: str, found: Any, allowed: str, low: float = -LARGEST, high: float = LARGEST
) -> float:
    """A number from `low` to `high`, which `allowed` says in words.

    Raises:
        InputError: if it is none, or beyond them.
    """
    if not isinstance(found, int | float) or isinstance(found, bool):
        meant = _meant(found)
        hint = f": write {meant:.15g}" if meant is not None and low <= meant <= high else ""
        raise InputError(where, "nothing" if found is None else found, allowed + hint)
    if not low <= found <= high:
        raise InputError(where, found if abs(found) < 1e40 else f"{found!r:.40}", allowed)
    return float(found)


def _meant(found: Any) -> float | None:
    """What somebody meant who wrote 3,000,000, 300万 or 10%; None where it is no number."""
    plain = unicodedata.normalize("NFKC", found).strip().lower() if isinstance(found, str) else ""
    match = _WRITTEN.fullmatch(plain)
    if match is None or match[2] not in _TIMES:
        return None
    return float(re.sub("[, ]", "", match[1])) * _TIMES[match[2]]


def text(where: str, found: Any) -> dict[str, dict[str, str]]:
    """Language → key → sentence."""
    if not isinstance(found, Mapping):
        raise InputError(where, found, f"a mapping with {', '.join(LANGUAGES)}")
    texts: dict[str, dict[str, str]] = {}
    for language, prose in found.items():
        below = f"{where}.{language}"
        if language not in LANGUAGES:
            raise InputError(below, language, f"one of {', '.join(LANGUAGES)}")
        if not isinstance(prose, Mapping):
            raise InputError(below, prose, f"a mapping with {', '.join(PROSE)}")
        for key, sentence in prose.items():
            if not isinstance(sentence, str) or not _KEY_OF_TEXT.match(str(key)):
                raise InputError(f"{below}.{key}", sentence, "text under a plain key")
        texts[language] = {str(key): sentence for key, sentence in prose.items()}
    return texts


def months(where: str, found: Any) -> int:
    """Months of the horizon."""
    allowed = f"a whole number of months from {MONTHS[0]} to {MONTHS[1]}"
    number(where, found, allowed, *MONTHS)
    if not isinstance(found, int):
        raise InputError(where, found, allowed)
    return found


def start(where: str, found: Any) -> str:
    """The month before opening, as YYYY-MM."""
    if not isinstance(found, str) or not re.fullmatch(r"(19|20)[0-9]{2}-(0[1-9]|1[0-2])", found):
        allowed = "a month as YYYY-MM, from 1900-01 to 2099-12"
        raise InputError(where, "nothing" if found is None else found, allowed)
    return found


def currency(where: str, found: Any) -> str:
    """The code of the currency in which figures are shown."""
    from babel.core import get_global

    if not isinstance(found, str) or found not in get_global("all_currencies"):
        raise InputError(where, found, "a code of ISO 4217, such as USD or CNY")
    return found


def rate(where: str, document: Mapping[str, Any]) -> float:
    """USD for one unit of the currency."""
    allowed = "a number from 1e-9 to 1e9 (USD for 1 of the currency)"
    found = number(where, document.get("usd_per_currency", 1.0), allowed, 1e-9, 1e9)
    usd = document.get("currency", "USD") == "USD"
    if usd and found != 1:
        raise InputError(where, found, "1 for USD")
    if not usd and "usd_per_currency" not in document:
        raise InputError(
            where, "missing", advice="state how many dollars one unit of the currency is worth"
        )
    return found


def hardware(where: str, found: Mapping[str, Any]) -> Hardware:
    """What serves the model, of the keys that stand among the drivers of capacity."""
    if not isinstance(found, Mapping):
        raise InputError(where, found, "a mapping from keys to values")
    for key in HARDWARE:
        if found.get(key) is not None and not isinstance(found[key], str):
            raise InputError(f"{where}.{key}", found[key], "text")
    precision = found.get("precision")
    if precision is not None and precision not in SPELLED:
        allowed = f"one of {', '.join(SPELLED)}"
        raise InputError(f"{where}.precision", precision, allowed)
    said = {key: found.get(key) for key in HARDWARE}
    return Hardware(**said | {"precision": SPELLED.get(precision)})


def peak_over_average(where: str, found: Any) -> float:
    """Busiest hour over mean hour of a day's profile, in whatever unit it is given."""
    if not isinstance(found, list | tuple) or len(found) != 24:
        raise InputError(where, found, "24 numbers, the load of each hour of a day")
    for hour, load in enumerate(found):
        number(f"{where}[{hour}]", load, "a number, 0 or more", 0.0)
    mean = sum(found) / 24
    if mean == 0:
        raise InputError(where, "24 times 0", "load in at least one hour")
    return float(max(found) / mean)


def between(where: str, points: Mapping[Any, Any]) -> list[float]:
    """Every month's value from those of some months, on straight lines between them."""
    allowed = f"months from 1 to {MONTHS[1]} and their numbers, such as {{1: 1.70, 6: 2.35}}"
    known = {}
    for month, value in points.items():
        whole = int(month) if str(month).isdecimal() else 0
        if not 1 <= whole <= MONTHS[1]:
            raise InputError(f"{where}.{month}", value, allowed)
        known[whole] = number(f"{where}.{month}", value, allowed)
    months = sorted(known)
    return [
        float(np.interp(at, months, [known[one] for one in months]))
        for at in range(1, months[-1] + 1)
    ]


def actuals(where: str, found: Any) -> dict[str, tuple[float | None, ...]]:
    """Line → what it came to in each month of operation, None where it isn't known."""
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise InputError(where, found, "a mapping from lines to values by month")
    table = {}
    for line, values in found.items():
        below = f"{where}.{line}"
        if not isinstance(values, list) or not 1 <= len(values) <= MONTHS[1]:
            allowed = f"a list of 1 to {MONTHS[1]} numbers, the first for the first month"
            raise InputError(below, values, allowed)
        allowed = "a number, or null where unknown"
        table[str(line)] = tuple(
            None if value is None else number(f"{below}[{place}]", value, allowed)
            for place, value in enumerate(values)
        )
    return table
