"""The document that all formats draw says what the analysis says."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelworth import report
from modelworth.data.errors import InputError
from modelworth.report.sections.blocks import Graphic, Table, clean, mapped
from modelworth.report.sections.content import SECTIONS, compose
from modelworth.report.sections.context import Context
from modelworth.report.sections.formula_words import in_words
from modelworth.report.words import LANGUAGES, Words, catalogue
from tests.report.conftest import DAY
from tests.report.hostility import HOSTILE
from tests.report.sample import hostile, values

ROOM = Path(report.__file__).parent


def _texts(piece: object) -> list[str]:
    found: list[str] = []

    def note(text: str) -> str:
        found.append(text)
        return text

    mapped(piece, note)
    return found


@pytest.mark.parametrize(
    ("formula", "told"),
    [
        ("revenue_usd / max(gpus, 1e-12)", "[Revenue] ÷ [GPUs]"),
        (
            "max(revenue_usd, 0) / max(gpus + 1, 1e-9)",
            "the largest of ([Revenue]; 0) ÷ ([GPUs] + 1)",
        ),
        ("2 * where(month > 1, gpus, 0)", "2 × (if month > 1: [GPUs], else 0)"),
    ],
)
def test_a_formula_is_said_with_its_brackets_and_without_its_guards(base, formula, told):
    assert in_words(Context(base, Words("en")), formula) == told


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_section_has_something_to_say_in_words(small, base, language):
    for analysis in (small, base):
        document = compose(analysis, language, DAY)
        assert ("summary", *(section.key for section in document.sections)) == SECTIONS
        assert len(document.pages) == 6
        assert all(section.blocks for section in document.sections)
        assert not [text for text in _texts(document) if text.startswith("report.")]
        assert all(page.title and page.so_what for page in document.pages)


def test_the_figures_are_the_analysis(small):
    document = compose(small, "en", DAY)
    table = next(b for b in document.section("indicators").blocks if isinstance(b, Table))
    npv = next(row for row in table.rows if row[0] == document.cards[0].name)
    assert values()["npv_usd"][0] == pytest.approx(-20445, abs=1)
    assert npv[2:6] == ("−$20.4K", "−$29.4K", "−$20.4K", "−$8.45K")
    assert "62% of trials" in document.pages[0].title
    assert "loses $20.4K" in document.pages[0].title
    assert any("$0.0234" in cell for row in document.pages[0].main.rows for cell in row)


def test_charts_carry_the_series(small):
    document = compose(small, "en", DAY)
    cash = next(chart for chart in document.charts() if chart.key == "cash")
    assert cash.y_title == "USD thousand"
    expected = [value / 1000 for value in values()["cash_balance_usd"]]
    assert cash.lines[0].y == pytest.approx(expected, rel=1e-5)


def test_a_total_is_shown_as_the_terms_of_its_formula(small):
    document = compose(small, "en", DAY)
    costs = next(chart for chart in document.charts() if chart.key == "costs")
    found = values()
    sums = sorted(sum(found[key]) / 1000 for key in ("rent_usd", "staff_usd", "setup_usd"))
    assert sorted(costs.series[0].values) == pytest.approx(sums)


def test_sections_can_be_chosen_in_the_documents_own_order(small):
    document = compose(small, "en", DAY, ["options", "summary"])
    assert [section.key for section in document.sections] == ["options"]
    assert document.with_pages
    assert not compose(small, "en", DAY, ["options"]).shown_pages()


def test_an_unknown_section_or_language_is_refused(small):
    with pytest.raises(InputError, match="sections"):
        compose(small, "en", DAY, ["summry"])
    with pytest.raises(InputError, match="zh_CN"):
        compose(small, "de", DAY)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_outside_text_comes_in_printable_and_short(text):
    for shown in _texts(compose(hostile(text), "en", DAY)):
        assert len(shown) <= 2200
        assert not re.search(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown)


@given(st.text(), st.integers(min_value=1, max_value=60))
def test_clean_text_is_one_short_encodable_line(text, longest):
    shown = clean(text, longest)
    assert len(shown) <= longest
    assert shown == clean(shown, longest)
    shown.encode()
    assert "\n" not in shown


def test_both_languages_have_the_same_messages_with_the_same_gaps():
    english, chinese = (catalogue(language) for language in ("en", "zh_CN"))
    own = {key for key in english if key.startswith("report.")}
    assert own == {key for key in chinese if key.startswith("report.")}
    for key in own:
        gaps = [
            {name for _, name, _, _ in string.Formatter().parse(words[key]) if name}
            for words in (english, chinese)
        ]
        assert gaps[0] == gaps[1], key


def test_every_message_is_used():
    """A message's last part, or all of it, stands as a string in the room's code."""
    code = [ast.walk(ast.parse(path.read_text())) for path in ROOM.rglob("*.py")]
    said = {
        node.value for walk in code for node in walk
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }  # fmt: skip
    templates = "".join(
        path.read_text() for path in (ROOM / "formats" / "templates").glob("report.*")
    )
    for key in (key for key in catalogue("en") if key.startswith("report.")):
        short = key.removeprefix("report.")
        group, _, last = short.partition(".")
        known = short in said or key in said or key in templates or last in said
        family = any(text in (f"{group}.", f"report.{group}.") for text in said)
        assert known or family, key


def test_every_graphic_says_how_to_read_it(small):
    document = compose(small, "en", DAY)
    blocks = [block for page in document.pages for block in (page.main, *page.more)]
    blocks += [block for section in document.sections for block in section.blocks]
    graphics = [block for block in blocks if isinstance(block, Graphic)]
    assert len(graphics) >= 7
    assert all(graphic.reading.endswith(".") for graphic in graphics)


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("where(month > 0, 2, 3) * month", "(if month > 0: 2, else 3) × month"),
        ("month * where(month > 0, 2, 3)", "month × (if month > 0: 2, else 3)"),
        ("where(month > 0, where(month > 1, 2, 3), 4)",
         "if month > 0: (if month > 1: 2, else 3), else 4"),
        ("where(month > 0, 2, where(month > 1, 3, 4))",
         "if month > 0: 2, else if month > 1: 3, else 4"),
        ("total(month + 1) / 2", "((month + 1), summed over all months) ÷ 2"),
        ("max(month + 1, 2) * 3", "the largest of (month + 1; 2) × 3"),
    ],
)  # fmt: skip
def test_a_formula_in_words_keeps_what_belongs_together(base, formula, said):
    """As written by hand: whoever types it again gets the same figure."""
    from modelworth.report.sections.context import Context
    from modelworth.report.sections.formula_words import in_words

    assert in_words(Context(base, Words("en")), formula) == said
