"""A brand's file: what it may hold, and that what it may not is said."""

from __future__ import annotations

from datetime import date

import pytest

from modelworth.data.errors import InputError
from modelworth.report.brand import UNBRANDED, load_brand
from modelworth.report.formats import html, pdf
from modelworth.report.sections.content import compose
from tests.report.conftest import DAY


@pytest.mark.parametrize(("name", "currency"), [("northlight", "EUR"), ("qinghe", "CNY")])
def test_the_samples_are_whole(name, currency):
    brand = load_brand(name)
    assert brand.currency == currency
    assert brand.logo
    assert brand.logo.startswith(b"\x89PNG")
    assert brand.author
    assert load_brand("qinghe").day == date(2026, 12, 1)


def test_an_empty_file_changes_nothing(tmp_path):
    path = tmp_path / "empty.toml"
    path.write_text("")
    assert load_brand(str(path)) == UNBRANDED


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("colour = '#ffffff'", "colour"),
        ("primary = 'blue'", "primary"),
        ("series = ['#000000']", "series"),
        ("currency = 'EUR'", "usd_per_currency"),
        ("currency = 'XXY'\nusd_per_currency = 1.0", "ISO 4217"),
        ("currency = 'EUR'\nusd_per_currency = 0.0", "usd_per_currency"),
        ("logo = 'none.png'", "PNG"),
        ("organisation = 3", "organisation"),
        ("no toml", "TOML"),
    ],
)
def test_what_it_may_not_hold_is_said(tmp_path, text, told):
    path = tmp_path / "brand.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=told):
        load_brand(str(path))


def test_a_file_that_isnt_there_names_the_samples():
    with pytest.raises(InputError, match="northlight, qinghe"):
        load_brand("nobody.toml")


def test_documents_carry_it(small):
    document = compose(small, "en", DAY, brand=load_brand("northlight"))
    page = html.render(document).decode()
    assert "Northlight Software" in page
    assert "data:image/png" in page
    assert "#0b3d5c" in page
    assert "€" in page
    assert "$" not in "".join(card.value for card in document.cards)
    assert pdf.render(document, DAY, "letter").startswith(b"%PDF")
