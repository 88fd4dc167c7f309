"""Every deck and every PDF as a reader gets it: text large enough, and none beyond its page.

Measured from the rendered PDF: glyphs' sizes with their transformations, words' edges by poppler.
The Office files open in the libraries that write such files and in LibreOffice, which draws them;
that is no check against the schema of ECMA-376, of which there is no copy here.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterator
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
NAMES = {"a4": (595.3, 841.9), "letter": (612.0, 792.0)}


def _sizes(path: Path, pages: int) -> Iterator[tuple[float, str]]:
    """Size and text of each piece on the first pages, however it is turned."""
    found: list[tuple[float, str]] = []

    def note(text, current, matrix, font, size):
        if text.strip():
            scale = math.hypot(current[2], current[3]) * math.hypot(matrix[2], matrix[3])
            found.append((size * scale, text))

    for page in pypdf.PdfReader(path).pages[:pages]:
        page.extract_text(visitor_text=note)
    yield from found


def _fits(path: Path, least_pt: float, pages: int = 6) -> None:
    small = [(size, text) for size, text in _sizes(path, pages) if size < least_pt - ROUNDING_PT]
    assert not small, (path.name, small[:3])
    beyond = [word for word in printed.right_edges(path) if word[1] > word[2]]
    assert not beyond, (path.name, beyond[:3])


@pytest.mark.slow
@pytest.mark.skipif(office.PROGRAM is None, reason="LibreOffice is not installed")
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_slide_has_small_text_or_text_beyond_its_edge(shipped, tmp_path, language):
    for name, analysis in shipped.items():
        path = tmp_path / f"{name}.pptx"
        path.write_bytes(pptx.render(compose(analysis, language, DAY), DAY))
        made = office.convert(path, tmp_path, "pdf")
        assert len(pypdf.PdfReader(made).pages) == 6
        _fits(made, LEAST_SLIDE_PT)


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_has_small_text_or_text_beyond_its_edge(shipped, tmp_path, language):
    for number, (name, analysis) in enumerate(shipped.items()):
        paper = tuple(NAMES)[number % len(NAMES)]
        path = tmp_path / f"{name}.pdf"
        path.write_bytes(pdf.render(compose(analysis, language, DAY, ["summary"]), DAY, paper))
        read = pypdf.PdfReader(path)
        assert len(read.pages) == 6
        size = (float(read.pages[0].mediabox.width), float(read.pages[0].mediabox.height))
        assert size == pytest.approx(NAMES[paper], abs=0.5)
        _fits(path, LEAST_PAGE_PT)


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
