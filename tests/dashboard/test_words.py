"""Figures and messages as readers of each language expect them."""

from __future__ import annotations

import ast
import string
from datetime import date
from pathlib import Path

import pytest

from modelworth.costmodel.business.indicators import INDICATORS
from modelworth.costmodel.business.lines import load_lines
from modelworth.costmodel.scenario.drivers import load_drivers
from modelworth.report.words import LANGUAGES, SCALED, Words, best_language, catalogue, unit_key

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("sections", "formats", "files.py")
SOURCES = [
    path
    for room in ("dashboard", "report")
    for path in (ROOT / room).rglob("*.py")
    if path.relative_to(ROOT / "report" if room == "report" else ROOT).parts[0] not in DOCUMENTS
]
OWN_WORDS = ("share", "s", *SCALED)
ENGLISH, CHINESE = Words("en"), Words("zh_CN", "CNY", 0.14)


@pytest.mark.parametrize(
    ("usd", "english", "yuan"),
    [
        (0.0, "$0", "¥0"),
        (0.06, "$0.06", "¥0.429"),
        (12.345, "$12.30", "¥88.20"),
        (1_270_000, "$1.27M", "¥907万"),
        (-177_800_000, "-$178M", "-¥12.7亿"),
        (999_960, "$1M", "¥714万"),
    ],
)
def test_money_is_written_as_the_language_does(usd, english, yuan):
    assert ENGLISH.money(usd) == english
    assert CHINESE.money(usd) == yuan


@pytest.mark.parametrize(
    ("number", "unit", "shown"),
    [
        (0.62, "share", "62%"),
        (0.0612, "share", "6.1%"),
        (-0.3, "share", "-30%"),
        (0.0012, "s", "1.2 ms"),
        (3e-7, "s", "300 ns"),
        (80 * 2**30, "bytes", "80 GiB"),
        (989e12, "FLOP/s", "989 TFLOP/s"),
        (2.5, "usd/GPU hour", "$2.50 per GPU-hour"),
        (2.5, "usd_per_gpu_hour", "$2.50 per GPU-hour"),
        (None, "usd", "unknown"),
        (float("nan"), "share", "unknown"),
    ],
)
def test_a_quantity_is_written_with_its_unit(number, unit, shown):
    assert ENGLISH.value(number, unit) == shown


def test_chinese_counts_in_ten_thousands():
    assert CHINESE.number(12_345) == "1.23万"
    assert CHINESE.number(1.27e9) == "12.7亿"


def test_a_date_is_written_by_locale():
    assert ENGLISH.day(date(2026, 11, 24)) == "Nov 24, 2026"
    assert CHINESE.day(date(2026, 11, 24)) == "2026年11月24日"


@pytest.mark.parametrize(
    ("wish", "got"), [("zh-Hans-CN", "zh_CN"), ("zh", "zh_CN"), ("de-DE", "en"), (None, "en")]
)
def test_the_nearest_language_is_chosen(wish, got):
    assert best_language(wish) == got


def test_both_catalogues_hold_the_same_keys_with_the_same_places_for_values():
    english, chinese = catalogue("en"), catalogue("zh_CN")
    assert set(english) == set(chinese)
    for key, text in english.items():
        assert _places(text) == _places(chinese[key]), key


def test_no_message_is_empty_or_left_untranslated():
    english, chinese = catalogue("en"), catalogue("zh_CN")
    assert [key for key in english if not english[key] or not chinese[key]] == []
    same = [
        key
        for key, text in english.items()
        if text == chinese[key] and any(len(word) > 3 for word in _plain_words(text))
    ]
    assert same == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_driver_line_and_indicator_has_a_name_and_a_unit(language):
    messages, drivers = catalogue(language), load_drivers()
    named = [*drivers.values(), *load_lines(), *INDICATORS.values()]
    assert {item.key for item in named if f"name.{item.key}" not in messages} == set()
    units = {unit_key(item.unit) for item in named} - set(OWN_WORDS)
    assert {unit for unit in units if f"unit.{unit}" not in messages} == set()
    choices = {choice for driver in drivers.values() for choice in driver.choices}
    assert {choice for choice in choices if f"choice.{choice}" not in messages} == set()


def test_every_message_that_the_code_asks_for_is_there():
    missing = {key for key in _asked() if key not in catalogue("en")}
    assert missing == set()


def test_no_message_is_unused():
    prefixes = _prefixes()
    kept = _strings() | {f"name.{key}" for key in _keys_of_the_model()}
    unused = [
        key
        for key in catalogue("en")
        if key not in kept
        and not key.startswith(("report.", *prefixes))
        and not any(key.startswith(asked + ".") for asked in _blocks())
    ]
    assert unused == []


def _keys_of_the_model() -> list[str]:
    return [item.key for item in (*load_drivers().values(), *load_lines(), *INDICATORS.values())]


def _strings() -> set[str]:
    """Every text constant in the dashboard's sources."""
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


def _asked() -> set[str]:
    """Keys given as they are to t() or say()."""
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _name(node.func) in ("t", "say") and node.args:
                found |= {
                    inner.value
                    for inner in ast.walk(node.args[0])
                    if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
                    and isinstance(node.args[0], ast.Constant | ast.IfExp)
                }  # fmt: skip
    return found


def _prefixes() -> tuple[str, ...]:
    """Beginnings of keys that are put together: f"basis.{…}" and "column.{}"."""
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            first = node.values[0] if isinstance(node, ast.JoinedStr) and node.values else None
            if isinstance(first, ast.Constant) and str(first.value).endswith("."):
                found.add(str(first.value))
    found |= {text[:-2] for text in _strings() if text.endswith(".{}")}
    return tuple(found)


def _blocks() -> set[str]:
    """Keys that stand for a title and a text: heading("money"), empty("measurements.nothing")."""
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _name(node.func) in ("heading", "empty", "choice"):
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    found.add(str(first.value))
    return found


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _plain_words(text: str) -> list[str]:
    """Lower-case words outside the places for values."""
    said = "".join(part for part, *_ in string.Formatter().parse(text))
    return [word for word in said.split() if word.islower()]


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
