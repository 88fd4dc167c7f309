"""The presentation: seven to ten slides, native charts, and no text beyond its box."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pypdf
import pytest
from PIL import ImageFont
from pptx import Presentation
from pptx.util import Emu

from modelworth.report.formats.pptx import render
from modelworth.report.formats.slides.text_fit import fitted, height_in, lines
from tests.report import office
from tests.report.conftest import DAY
from tests.report.hostility import FEW
from tests.report.sample import hostile

LIBERATION = Path("/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf")


def _deck(content: bytes) -> Any:
    return Presentation(io.BytesIO(content))


@pytest.fixture(scope="module")
def decks(small, base) -> dict[str, list[bytes]]:
    """Both analyses in both languages."""
    return {
        language: [render(analysis, language, DAY) for analysis in (small, base)]
        for language in ("en", "zh_CN")
    }


def _shapes(deck: Any) -> list[Any]:
    return [shape for slide in deck.slides for shape in slide.shapes]


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_slides_titles_and_native_charts(decks, language):
    for content in decks[language]:
        deck = _deck(content)
        assert 7 <= len(deck.slides) <= 10
        assert all(slide.shapes.title.text_frame.text for slide in deck.slides)
        charts = [shape.chart for shape in _shapes(deck) if shape.has_chart]
        assert len(charts) >= 4
        for chart in charts:
            assert chart.part.chart_workbook.xlsx_part is not None
            assert next(iter(chart.plots[0].series)).values


def test_a_chart_holds_the_figures(small, decks):
    deck = _deck(decks["en"][0])
    chart = next(shape.chart for shape in _shapes(deck) if shape.has_chart)
    expected = [value / 1000 for value in small.series["cash_balance_usd"].base]
    assert list(chart.plots[0].series[0].values) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_everything_stays_on_the_slide(decks, language):
    for content in decks[language]:
        deck = _deck(content)
        for shape in _shapes(deck):
            assert shape.left >= 0
            assert shape.top >= 0
            assert shape.left + shape.width <= deck.slide_width
            assert shape.top + shape.height <= deck.slide_height


def test_no_cell_is_empty_as_programs_make_those_18_points_tall(decks):
    tables = [shape.table for shape in _shapes(_deck(decks["en"][1])) if shape.has_table]
    assert len(tables) >= 4
    for table in tables:
        for cell in table.iter_cells():
            (paragraph,) = cell.text_frame.paragraphs
            assert all(run.text and run.font.size.pt >= 9 for run in paragraph.runs)
            assert paragraph.runs


@pytest.mark.skipif(not LIBERATION.exists(), reason="needs Liberation Sans, of Arial's widths")
def test_texts_fit_their_boxes_in_a_real_font(decks):
    """Widths from the font itself; our own estimate isn't asked."""
    for content in decks["en"]:
        for shape in _shapes(_deck(content)):
            if shape.has_text_frame and shape.text_frame.text:
                run = shape.text_frame.paragraphs[0].runs[0]
                taken = _real_height_in(run.text, Emu(shape.width).inches - 0.2, run.font.size.pt)
                assert taken <= Emu(shape.height).inches, run.text


def _real_height_in(text: str, width_in: float, size_pt: float) -> float:
    font = ImageFont.truetype(LIBERATION, 100)
    room, used, taken = width_in * 72 / size_pt * 100, 0.0, 1
    for word in text.split(" "):
        need = font.getlength(word + " ")
        if used + font.getlength(word) > room and used:
            used, taken = 0.0, taken + 1
        used += need
    return taken * size_pt * 1.15 / 72


def test_fitting_takes_the_largest_size_then_shortens():
    assert fitted("short", 3.0, 1.0, (20, 10)) == ("short", 20)
    text, size = fitted("word " * 400, 3.0, 1.0, (20, 10))
    assert size == 10
    assert text.endswith("…")
    assert height_in(text, 3.0, 10) <= 1.0
    assert lines("汉" * 40, 72 / 72 * 10, 72) == 4


@pytest.mark.parametrize("text", FEW.values(), ids=FEW)
def test_hostile_text_is_carried_safely(text):
    content = render(hostile(text), "en", DAY)
    deck = _deck(content)
    for shape in _shapes(deck):
        if shape.has_text_frame:
            for paragraph in shape.text_frame.paragraphs:
                assert not [run for run in paragraph.runs if run.hyperlink.address]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert not [name for name in archive.namelist() if ".." in name or name.startswith("/")]


def test_the_same_inputs_give_the_same_bytes(small, decks):
    assert render(small, "en", DAY) == decks["en"][0]


@pytest.mark.slow
@pytest.mark.skipif(office.PROGRAM is None, reason="LibreOffice is not installed")
@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_libreoffice_opens_it(small, tmp_path, language):
    path = tmp_path / "report.pptx"
    path.write_bytes(render(small, language, DAY))
    pages = pypdf.PdfReader(office.convert(path, tmp_path, "pdf")).pages
    assert len(pages) == len(_deck(path.read_bytes()).slides)
