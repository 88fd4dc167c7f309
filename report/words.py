"""Words and numbers for readers: messages from the catalogues, figures by locale and unit.

Messages are named by keys (`verdict.title`), so that a text changes without touching code; the
gettext catalogues in `locale/` are read as they are, every domain of a language into one table.
Inside the project a quantity is SI, a share a fraction and money USD; here, and only here, it
becomes "1.2 ms", "62%" or "¥12.7亿". An unknown quantity is said to be unknown.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, lru_cache
from pathlib import Path

from babel.core import Locale
from babel.dates import format_date
from babel.numbers import format_compact_currency, format_compact_decimal, format_decimal

LOCALES = Path(__file__).parent / "locale"
LANGUAGES = {"en": "English", "zh_CN": "简体中文"}
SCALES = {"en": (1e12, 1e9, 1e6, 1e3), "zh_CN": (1e12, 1e8, 1e4)}
TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
BYTES = ((2.0**40, "TiB"), (2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"))
RATES = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"))
LEAST_PERCENT = 0.005
SCALED = {
    "bytes": "B",
    "flops": "FLOP",
    "flop_per_s": "FLOP/s",
    "flops_per_s": "FLOP/s",
    "bytes_per_s": "B/s",
}


@cache
def catalogue(language: str) -> dict[str, str]:
    """Every message of a language, from all its domains."""
    messages: dict[str, str] = {}
    for path in sorted((LOCALES / language / "LC_MESSAGES").glob("*.po")):
        messages |= _messages(path.read_text("utf-8"))
    return messages


def _messages(text: str) -> dict[str, str]:
    """What a catalogue holds: our own files, so without plurals, contexts or obsolete entries."""
    messages: dict[str, str] = {}
    key, parts = "", [""]
    for line in [*text.splitlines(), 'msgid ""']:
        if line.startswith("msgid "):
            messages[key] = json.loads(f'"{"".join(parts)}"')
            parts = [line[len('msgid "') : -1]]
        elif line.startswith("msgstr "):
            key = json.loads(f'"{"".join(parts)}"')
            parts = [line[len('msgstr "') : -1]]
        elif line.startswith('"'):
            parts.append(line[1:-1])
    return {key: message for key, message in messages.items() if key}


def best_language(wanted: str | None) -> str:
    """The language we have that is nearest to a browser's or system's wish, English otherwise."""
    return "zh_CN" if (wanted or "").lower().replace("_", "-").startswith("zh") else "en"


@dataclass(frozen=True, slots=True)
class Words:
    """One reader's language and currency.

    Attributes:
        currency: ISO 4217 code in which money is shown.
        usd_per_currency: what one unit of it is worth; money comes in as USD.
    """

    language: str = "en"
    currency: str = "USD"
    usd_per_currency: float = 1.0

    def t(self, key: str, **values: object) -> str:
        """The message of `key` with `values` put in; the key itself where there is none."""
        text = catalogue(self.language).get(key, key)
        return text.format(**values) if values else text

    def name(self, key: str) -> str:
        """What a key of the analysis (indicator, line, driver) is called."""
        text = catalogue(self.language).get(f"name.{key}")
        return text or key.rsplit(".", 1)[-1].replace("_", " ")

    def value(self, number: float | None, unit: str) -> str:
        """A quantity as a reader wants it: three digits, its unit, compact."""
        return _value(self, number, unit)

    def range(self, low: float | None, high: float | None, unit: str) -> str:
        """Two quantities, as "low to high", their unit said once; nothing where one is unknown."""
        if low is None or high is None:
            return ""
        follows = self._pattern(unit_key(unit)).startswith("{value}")
        first = self.bare(low, unit) if follows else self.value(low, unit)
        return self.t("range", low=first, high=self.value(high, unit))

    def bare(self, number: float | None, unit: str) -> str:
        """A quantity without the words of its unit, for places where `unit_tail` stands beside."""
        if number is None or not math.isfinite(number):
            return self.t("unknown")
        key = unit_key(unit)
        if key in ("share", "s", "months") or key in SCALED:
            return self.value(number, unit)
        return self.money(number) if key.startswith("usd") else self.number(number)

    def unit_tail(self, unit: str) -> str:
        """The words that `bare` leaves out."""
        key = unit_key(unit)
        if key in ("share", "s", "months") or key in SCALED:
            return ""
        return self._pattern(key).format(value="").strip()

    def bare_range(self, low: float | None, high: float | None, unit: str) -> str:
        """Two quantities without the words of their unit."""
        if low is None or high is None:
            return ""
        return self.t("range", low=self.bare(low, unit), high=self.bare(high, unit))

    def unit(self, unit: str) -> str:
        """The unit alone, for axes and column heads."""
        unit = unit_key(unit)
        if unit in ("share", "s"):
            return {"share": "%", "s": self.t("unit.seconds")}[unit]
        if unit in SCALED:
            return SCALED[unit]
        shown = self.currency if unit.startswith("usd") else ""
        return self._pattern(unit).format(value=shown).strip()

    def money(self, usd: float) -> str:
        """An amount of USD in the reader's currency: compact from a thousand on."""
        amount = _three_digits(usd / self.usd_per_currency)
        size = abs(amount)
        if size >= SCALES[self.language][-1]:
            digits = _decimals(size / self._scale(size))
            return format_compact_currency(
                amount, self.currency, locale=self.language, fraction_digits=digits
            )
        symbol = self._symbol()
        sign = "-" if amount < 0 else ""
        return f"{sign}{symbol}{self._plain(size, least=2 if 0 < size < 100 else 0)}"

    def number(self, number: float) -> str:
        """A number with three digits: 2.5M, 0.034, 1,250."""
        rounded = _three_digits(number)
        size = abs(rounded)
        if size < 1e4:
            return self._plain(rounded)
        digits = _decimals(size / self._scale(size))
        text = format_compact_decimal(rounded, locale=self.language, fraction_digits=digits)
        return str(text)

    def percent(self, share: float) -> str:
        """A share as a percentage, with a digit after the point below ten."""
        percent = share * 100
        size = abs(percent)
        if 0 < size < LEAST_PERCENT:
            return f"<{LEAST_PERCENT}%"
        if 99.95 <= percent < 100:
            return ">99.9%"
        digits = 0 if size >= 100 or size == 0 or 10 <= size < 99.5 else 1 if size >= 0.1 else 2
        return format_decimal(percent, format=_format(digits), locale=self.language) + "%"

    def day(self, moment: date | datetime) -> str:
        """A date."""
        return format_date(moment, format="medium", locale=self.language)

    def _pattern(self, unit: str) -> str:
        text = catalogue(self.language).get(f"unit.{unit}")
        return text or "{value} " + unit.removeprefix("usd_").replace("_", " ")

    def _scale(self, size: float) -> float:
        return next((scale for scale in SCALES[self.language] if size >= scale), 1.0)

    def _symbol(self) -> str:
        symbols = Locale.parse(self.language).currency_symbols
        return str(symbols.get(self.currency, self.currency))

    def _plain(self, number: float, least: int = 0) -> str:
        size = abs(number)
        digits = least if size == 0 else max(_decimals(size), least)
        text = format_decimal(number, format=_format(digits, least), locale=self.language)
        return str(text)


@lru_cache(maxsize=20_000)
def _value(words: Words, number: float | None, unit: str) -> str:
    """Kept, because a chart and a slider ask for the same quantities again and again."""
    if number is None or not math.isfinite(number):
        return words.t("unknown")
    unit = unit_key(unit)
    if unit == "share":
        return words.percent(number)
    if unit == "s":
        return _scaled(number, TIMES, words)
    if unit in SCALED:
        scale = BYTES if unit == "bytes" else RATES
        return _scaled(number, scale, words, SCALED[unit])
    if unit.startswith("usd"):
        return words._pattern(unit).format(value=words.money(number))
    if unit == "trials":  # counted, so every digit
        return words._pattern(unit).format(value=f"{number:,.0f}")
    return words._pattern(unit).format(value=words.number(number))


def unit_key(unit: str) -> str:
    """One spelling for both ways of writing a unit: usd/GPU hour is usd_per_gpu_hour."""
    return unit.replace("/", "_per_").replace(" ", "_").lower()


def _scaled(
    number: float, steps: tuple[tuple[float, str], ...], words: Words, suffix: str = ""
) -> str:
    """The number in the largest unit that it fills; below the smallest step, as it is."""
    size = abs(number)
    step, prefix = next(
        ((step, prefix) for step, prefix in steps if size >= step),
        steps[-1] if steps is TIMES and number else (1.0, "s" if steps is TIMES else ""),
    )
    symbol = prefix if steps in (TIMES, BYTES) and prefix else prefix + suffix
    return f"{words.number(number / step)} {symbol}"


def _three_digits(number: float) -> float:
    return float(f"{number:.3g}")


def _decimals(size: float) -> int:
    """Digits after the point that make three in all, at most six."""
    if size == 0:
        return 0
    return min(6, max(0, 2 - math.floor(math.log10(size))))


def _format(digits: int, least: int = 0) -> str:
    """A pattern of Unicode's number formats with `least` to `digits` decimals."""
    decimals = "0" * least + "#" * (digits - least)
    return "#,##0" + (f".{decimals}" if decimals else "")
