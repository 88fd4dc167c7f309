"""The PDF: whole, searchable, with its fonts, and without a single empty box."""

from __future__ import annotations

import io
import re

import pypdf
import pytest
import typst

from modelworth.data.errors import ModelworthError
from modelworth.report.formats import fonts, pdf
from modelworth.report.formats.fonts import Typeface, typeface
from modelworth.report.sections.blocks import Document, Paragraph, Section
from modelworth.report.sections.content import compose
from modelworth.report.words import Words
from tests.report.conftest import DAY
from tests.report.hostility import FEW, HOSTILE
from tests.report.sample import hostile

PLAIN = ["indicators", "predictions", "warnings", "assumptions", "reproduce"]  # no charts
A4_POINTS = (595.3, 841.9)
CHINESE = any(family in fonts.installed() for family in fonts.CHINESE)
needs_chinese = pytest.mark.skipif(not CHINESE, reason="needs a Chinese font: fonts-noto-cjk")


def _read(content: bytes) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(content))


def _text(content: bytes) -> str:
    text = "".join(page.extract_text() for page in _read(content).pages)
    return text.replace("\u200b", "").replace("\n", " ")


@pytest.mark.parametrize("language", ["en", pytest.param("zh_CN", marks=needs_chinese)])
def test_pages_contents_numbers_and_fonts(small, language):
    document = compose(small, language, DAY)
    content = pdf.render(document, DAY)
    read = _read(content)
    for page in read.pages:
        assert (float(page.mediabox.width), float(page.mediabox.height)) == pytest.approx(
            A4_POINTS, abs=0.5
        )
    assert read.metadata.title == document.title
    heads = [entry.title for entry in read.outline if not isinstance(entry, list)]
    assert [head.replace("\u200b", "") for head in heads[:6]] == [
        page.title for page in document.pages
    ]
    assert [entry.title for entry in read.outline[-1]] == [part.title for part in document.sections]
    text = re.sub(r"\s", "", _text(content))
    assert document.cards[0].value in text
    last = len(read.pages)
    expected = Words(language).t("report.page", page=last, pages=last)
    assert text.endswith(re.sub(r"\s", "", expected))
    assert _embedded(read)


def _embedded(read: pypdf.PdfReader) -> bool:
    """Whether every font on every page carries its program."""
    found = []
    for page in read.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            inner = font.get_object().get("/DescendantFonts", [font])[0].get_object()
            descriptor = inner["/FontDescriptor"].get_object()
            found.append(any(key.startswith("/FontFile") for key in descriptor))
    return bool(found) and all(found)


def test_charts_are_vectors(small):
    read = _read(pdf.render(compose(small, "en", DAY, ["summary", "options"]), DAY))
    assert not [image for page in read.pages for image in page.images]


def test_the_same_inputs_give_the_same_bytes(small):
    document = compose(small, "en", DAY, ["summary", "reproduce"])
    assert pdf.render(document, DAY) == pdf.render(document, DAY)


@pytest.mark.parametrize("text", FEW.values(), ids=FEW)
@needs_chinese
def test_hostile_text_stays_text(text):
    document = compose(hostile(text), "en", DAY, PLAIN)
    content = pdf.render(document, DAY)
    assert b"/JavaScript" not in content
    assert b"/Launch" not in content
    assert "root:" not in _text(content)
    if text == HOSTILE["typst"]:
        assert '#read("/etc/passwd")' in _text(content)


def test_a_character_without_a_glyph_is_written_as_its_number():
    face = Typeface(("Libertinus Serif",), frozenset())
    assert face.printable("a 💩 b") == "a [U+1F4A9] b"


def test_chinese_without_a_font_names_the_package(small, monkeypatch):
    monkeypatch.setattr(fonts, "installed", lambda: {})
    with pytest.raises(ModelworthError, match="apt-get install fonts-noto-cjk"):
        typeface("zh_CN")
    with pytest.raises(ModelworthError, match="fonts-noto-cjk"):
        typeface("en").printable("划算吗")
    assert pdf.render(compose(small, "en", DAY, ["indicators"]), DAY)


def test_what_libertinus_is_said_to_show_it_shows():
    """The typesetter itself is asked: PDF/A refuses a character without a glyph."""
    carried = "".join(
        character for character in map(chr, range(0x20, 0x2300)) if fonts._CARRIED.match(character)
    )
    assert len(carried) > 400
    source = f"#set text(font: {_quoted(fonts.LATIN)}, fallback: false)\n#{_quoted(carried)}"
    compiler = typst.Compiler(source.encode(), font_paths=[], ignore_system_fonts=True)
    made, warnings = compiler.compile_with_warnings(format="pdf", pdf_standards="a-2u", timestamp=0)
    assert made
    assert not warnings


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def test_a_warning_of_the_typesetter_fails_the_document(small, monkeypatch):
    face = Typeface(("No Such Font", "Libertinus Serif"), frozenset())
    monkeypatch.setattr(pdf, "typeface", lambda language: face)
    with pytest.raises(ModelworthError, match="typesetter warns"):
        pdf.render(compose(small, "en", DAY, ["indicators"]), DAY)


def test_long_words_may_break():
    shown = Typeface(("Libertinus Serif",), frozenset()).printable("a" * 100)
    assert max(map(len, shown.split("\u200b"))) <= 24
    assert shown.replace("\u200b", "") == "a" * 100


def test_an_empty_document_is_still_a_document():
    empty = Document("en", "T", "today", "", "depends", "It depends", (), (), ())
    assert pdf.render(empty, DAY)
    section = Section("s", "S", (Paragraph("x"),))
    one = Document("en", "T", "today", "q", "viable", "v", (), (), (section,))
    assert "x" in _text(pdf.render(one, DAY))
