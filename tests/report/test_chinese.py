"""Chinese documents are Chinese: what is left of English are names, units and code."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

import modelworth.data
from modelworth.costmodel.analysis import Analysis
from modelworth.costmodel.scenario import scenario
from modelworth.costmodel.scenario.drivers import load_drivers
from modelworth.report import said
from modelworth.report.formats import xlsx
from modelworth.report.sections.blocks import mapped
from modelworth.report.sections.content import compose
from modelworth.report.words import Words
from tests.report.conftest import DAY

ZH = Words("zh_CN")
TABLES = Path(modelworth.data.__file__).parent
SCENARIOS = tuple(scenario.shipped())
#: keys and paths, commands, addresses and versions of models, titles of papers and books
_CODE = re.compile(
    r"`[^`]*`|《[^》]*》|\d{4}, [^(；]*\(arXiv:[^)]*\)|arXiv:\S+|\S*[_@/\\]\S*|[\w-]+\.[\w.-]+"
)
_WORD = re.compile(r"(?<![A-Za-z0-9-])[a-z]{2,}(?![A-Za-z0-9-])")
#: functions of formulas, names that their owners write small, and the form of a citation
NAMES = frozenset(
    {"ln", "cos", "exp", "sqrt", "pi", "gamma", "mod", "et", "al", "epsilon", "sigma", "kg", "ms"}
    | {"genai", "openai", "openrouter", "anthropic", "verda", "aiconfigurator", "schnell", "team"}
    | {"modelworth", "codecarbon"}
    | {"annuity", "peak"}  # in formulas
)


def leaks(text: str) -> list[str]:
    """English words in a Chinese text."""
    return [word for word in _WORD.findall(_CODE.sub(" ", text)) if word not in NAMES]


def _texts(analysis: Analysis) -> Iterator[str]:
    """What the documents say, but for the names of their parts and of the scenario."""
    found: list[str] = []
    document = compose(analysis, "zh_CN", DAY)
    parts = tuple(part for part in document.sections if part.key != "reproduce")
    mapped((document.cards, document.pages, parts), lambda text: found.append(text) or text)
    yield from (text for text in found if not re.fullmatch(r"[a-z_]*", text))
    yield from (said.source(ZH, use.source) for use in analysis.drivers.values())
    yield from (said.source(ZH, use.source) for use in analysis.lines.values())
    yield from (said.source(ZH, use.note) for use in analysis.predictions)
    yield from (said.finding(ZH, one) for one in analysis.findings)


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_english_is_left_in_a_chinese_document(shipped, name):
    found = {text: leaks(text.replace(name, "")) for text in _texts(shipped[name])}
    assert not {text: words for text, words in found.items() if words}


@pytest.mark.parametrize("name", ["drivers", "lines", "options", "accelerators", "carbon", "rents",
                                  "electricity", "purchase_prices", "correlations",
                                  "models/index", "models/described"])  # fmt: skip
def test_every_source_that_a_plan_may_show_is_said_in_chinese(name):
    """Whatever devices, models, prices and options a plan names: not only the shipped ones'."""
    with (TABLES / f"{name}.csv").open(encoding="utf-8") as file:
        sources = {row["source"] for row in csv.DictReader(file)}
    found = {text: leaks(said.source(ZH, text)) for text in sources}
    assert sources
    assert not {text: words for text, words in found.items() if words}


@pytest.mark.parametrize(
    "text",
    [
        "the hourly profile", "16 runs of modelworth study, on AMD EPYC",
        "measurement 12ab, llama-3.1-8b on NVIDIA H100", "measurement 12ab: 500 of 700 W",
        "64 cores at 0.04 USD an hour: market scan", "400 W (NVIDIA H20 datasheet); judgement",
        "measured server, llama-3.1-8b on 2 × NVIDIA H100, fp8: 3.2 requests/s with 8 in flight "
        "(measurement 12ab)",
    ],
)  # fmt: skip
def test_sources_that_are_made_for_a_plan_are_said_in_chinese(text):
    assert not leaks(said.source(ZH, text))


def test_a_leak_would_be_found():
    assert leaks("来源：judgement by the plan") == ["judgement", "by", "the", "plan"]
    assert leaks("`capacity.model` 与 Llama 3.1 的 ln(x)，arXiv:2401.1") == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["medical_vision", "chat_api_startup"])
def test_no_english_is_left_in_a_chinese_workbook(shipped, name):
    book = openpyxl.load_workbook(io.BytesIO(xlsx.render(shipped[name], "zh_CN", DAY)))
    cells = (cell.value for sheet in book for row in sheet.iter_rows() for cell in row)
    texts = {text for text in cells if isinstance(text, str) and not text.startswith("=")}
    choices = (word for row in load_drivers().values() for word in row.choices)
    codes = {*shipped[name].lines, *choices, *shipped[name].provenance.versions}
    found = {text: set(leaks(text.replace(name, ""))) - codes for text in texts}
    assert not {text: words for text, words in found.items() if words and name not in text}
