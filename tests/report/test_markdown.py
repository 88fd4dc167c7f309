"""The Markdown: tables and pictures, and nothing that data could turn into markup."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from modelworth.report.formats.md import escaped, render
from modelworth.report.sections.blocks import clean
from modelworth.report.sections.content import SECTIONS, compose
from tests.report.conftest import DAY
from tests.report.hostility import HOSTILE
from tests.report.sample import hostile

PLAIN = ["indicators", "predictions", "warnings", "assumptions", "reproduce"]  # no charts
PARSER = MarkdownIt("commonmark").enable("table")


def _tokens(text: str):
    for token in PARSER.parse(text):
        yield token
        yield from token.children or ()


def test_sections_tables_and_charts(small):
    document = compose(small, "en", DAY)
    files = render(document)
    text = files.pop("report.md").decode()
    heads = [
        token.content for token in _tokens(text) if token.type == "inline" and token.level == 1
    ]
    assert {part.title for part in (*document.pages, *document.sections)} <= set(heads)
    assert sum(token.type == "table_open" for token in _tokens(text)) >= 12
    pictures = {t.attrs["src"] for t in _tokens(text) if t.type == "image"}
    assert pictures == set(files)
    for content in files.values():
        assert ET.fromstring(content).tag.endswith("svg")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_makes_no_markup(text):
    text = render(compose(hostile(text), "en", DAY, PLAIN))["report.md"].decode()
    html = {token.content.strip() for token in _tokens(text) if "html" in token.type}
    assert html <= {"</a>"} | {f'<a id="{section}">' for section in SECTIONS}
    links = [token.attrs["href"] for token in _tokens(text) if token.type == "link_open"]
    assert links == [f"#{section}" for section in PLAIN]
    assert not [token for token in _tokens(text) if token.type == "image"]


def test_hostile_text_stays_text_in_charts():
    text = "".join(HOSTILE[key] for key in ("script", "closing", "path"))
    files = render(compose(hostile(text), "en", DAY, ["measurements"]))
    assert set(files) == {"report.md", "report_charts/throughput.svg"}
    root = ET.fromstring(files["report_charts/throughput.svg"])
    assert not [part for part in root.iter() if part.tag.endswith("script")]


@example("0.")
@example("12) - 3")
@given(st.text(min_size=1, max_size=80))
def test_any_text_survives_as_it_is(text):
    shown = clean(text)
    if not shown:
        return
    tokens = list(_tokens(f"before {escaped(shown)} after"))
    inner = "".join(t.content for t in tokens if t.type in ("text", "text_special"))
    assert inner == f"before {shown} after"
