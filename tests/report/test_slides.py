"""The presentation: six slides, native charts, and no text beyond its box or under 12 points."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ImageFont
from pptx import Presentation
from pptx.enum.shapes import MSO_SHAPE_TYPE
from pptx.util import Emu

from modelworth.report.brand import load_brand
from modelworth.report.formats.pptx import render
from modelworth.report.sections.content import compose
from modelworth.report.text_fit import fitted, height_in, lines
from tests.report import sample
from tests.report.conftest import DAY
from tests.report.hostility import FEW
from tests.report.sample import hostile

WIDE_FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
BOLD_FONT = WIDE_FONT.with_name("DejaVuSans-Bold.ttf")


def _deck(content: bytes) -> Any:
    return Presentation(io.BytesIO(content))


@pytest.fixture(scope="module")
def decks(small, base) -> dict[str, list[bytes]]:
    """Both analyses in both languages."""
    return {
        language: [render(compose(analysis, language, DAY), DAY) for analysis in (small, base)]
        for language in ("en", "zh_CN")
    }


def _shapes(deck: Any) -> list[Any]:
    return [shape for slide in deck.slides for shape in slide.shapes]


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_slides_titles_and_native_charts(decks, language):
    for content in decks[language]:
        deck = _deck(content)
        assert len(deck.slides) == 6
        assert all(slide.shapes.title.text_frame.text for slide in deck.slides)
        charts = [shape.chart for shape in _shapes(deck) if shape.has_chart]
        assert len(charts) >= 2
        for chart in charts:
            assert chart.part.chart_workbook.xlsx_part is not None
            assert next(iter(chart.plots[0].series)).values


def test_the_bridge_leads_from_revenue_to_npv(small, decks):
    """Stacked bars: each starts where the one before ends, and the last stands on zero at NPV."""
    deck = _deck(decks["en"][0])
    chart = next(shape.chart for shape in _shapes(deck) if shape.has_chart)
    rows = [list(series.values)[::-1] for series in chart.plots[0].series]
    ends = [
        (blank + down if down or blank < 0 else blank, blank + up if up or blank > 0 else blank)
        for blank, up, down in zip(*rows, strict=True)
    ]
    npv = sample.values()["npv_usd"][0] / 1000
    revenue = sum(sample.values()["revenue_usd"]) / 1000
    assert max(ends[0]) == pytest.approx(revenue, rel=1e-5)
    assert min(ends[-1]) == pytest.approx(npv, rel=1e-5)
    for one, other in pairwise(ends[:-1]):
        assert set(np.round(one, 6)) & set(np.round(other, 6))


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_everything_stays_on_the_slide(decks, language):
    for content in decks[language]:
        deck = _deck(content)
        for shape in _shapes(deck):
            assert shape.left >= 0
            assert shape.top >= 0
            assert shape.left + shape.width <= deck.slide_width
            assert shape.top + shape.height <= deck.slide_height


def test_no_text_is_under_twelve_points(decks):
    for language in decks:
        for content in decks[language]:
            for size in _sizes(_deck(content)):
                assert size >= 12


def _sizes(deck: Any) -> Iterator[float]:
    """Every size that a run on a slide or in a chart is given."""
    for shape in _shapes(deck):
        cells = [cell.text_frame for cell in shape.table.iter_cells()] if shape.has_table else []
        frames = [*cells, *([shape.text_frame] if shape.has_text_frame else [])]
        for frame in frames:
            for paragraph in frame.paragraphs:
                assert not cells or paragraph.runs, "an empty cell would be 18 points tall"
                yield from (run.font.size.pt for run in paragraph.runs)
        if shape.has_chart:
            for node in shape.chart._chartSpace.iter("{*}defRPr", "{*}rPr"):
                if node.get("sz"):
                    yield int(node.get("sz")) / 100


@pytest.mark.skipif(not WIDE_FONT.exists(), reason="needs DejaVu Sans, put in Arial's place")
def test_texts_fit_their_boxes_in_a_real_font(decks):
    """Widths from the font itself; our own estimate isn't asked."""
    for content in decks["en"]:
        for shape in _shapes(_deck(content)):
            if shape.has_text_frame and shape.text_frame.text:
                run = shape.text_frame.paragraphs[0].runs[0]
                font = ImageFont.truetype(BOLD_FONT if run.font.bold else WIDE_FONT, 100)
                room = Emu(shape.width).inches - 0.2
                taken = _real_height_in(font, run.text, room, run.font.size.pt)
                assert taken <= Emu(shape.height).inches, run.text


def _real_height_in(font: Any, text: str, width_in: float, size_pt: float) -> float:
    room, used, taken = width_in * 72 / size_pt * 100, 0.0, 1
    for word in text.split(" "):
        need = font.getlength(word + " ")
        if used + font.getlength(word) > room and used:
            used, taken = 0.0, taken + 1
        used += need
    return taken * size_pt * 1.17 / 72


def test_fitting_takes_the_largest_size_then_shortens():
    assert fitted("short", 3.0, 1.0, (20, 10)) == ("short", 20)
    text, size = fitted("word " * 400, 3.0, 1.0, (20, 10))
    assert size == 10
    assert text.endswith("…")
    assert height_in(text, 3.0, 10) <= 1.0
    assert lines("汉" * 40, 72 / 72 * 10, 72) == 4


@pytest.mark.parametrize("text", FEW.values(), ids=FEW)
def test_hostile_text_is_carried_safely(text):
    content = render(compose(hostile(text), "en", DAY), DAY, appendix=True)
    deck = _deck(content)
    for shape in _shapes(deck):
        if shape.has_text_frame:
            for paragraph in shape.text_frame.paragraphs:
                assert not [run for run in paragraph.runs if run.hyperlink.address]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert not [name for name in archive.namelist() if ".." in name or name.startswith("/")]


def test_the_same_inputs_give_the_same_bytes(small, decks):
    assert render(compose(small, "en", DAY), DAY) == decks["en"][0]


def test_one_slide_and_an_appendix_on_demand(small):
    document = compose(small, "en", DAY)
    assert len(_deck(render(document.answer(), DAY)).slides) == 1
    assert len(_deck(render(document, DAY, appendix=True)).slides) > 10


def test_a_brand_gives_its_logo_and_colours(small):
    document = compose(small, "en", DAY, brand=load_brand("northlight"))
    for slide in _deck(render(document, DAY)).slides:
        assert any(shape.shape_type == MSO_SHAPE_TYPE.PICTURE for shape in slide.shapes)
        shade = slide.shapes.title.text_frame.paragraphs[0].runs[0].font.color.rgb
        assert str(shade) == "0B3D5C"
