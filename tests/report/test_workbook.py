"""The workbook, recalculated by other engines, says what the model says; no text breaks it."""

from __future__ import annotations

import io
import math
import zlib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import formualizer
import numpy as np
import openpyxl
import pytest

from modelworth.costmodel.analysis import Analysis, Figure
from modelworth.costmodel.evaluate import assumptions, evaluate
from modelworth.costmodel.scenario import scenario
from modelworth.costmodel.scenario.drivers import load_drivers
from modelworth.report.formats.sheets.sheet import is_money
from modelworth.report.formats.xlsx import ORDER, render
from modelworth.report.sections.in_use import in_use
from modelworth.report.words import LANGUAGES, Words
from tests.report import office, sample
from tests.report.conftest import DAY
from tests.report.hostility import FEW

FIRST_MONTH, KEY = 4, 3  # columns, counted from 1
SCENARIOS = scenario.shipped()
Cells = dict[str, Any]


def _recalculated(content: bytes) -> Any:
    """The workbook as a spreadsheet engine computes it anew."""
    made = formualizer.recalculate_xlsx_bytes(content)
    assert made["summary"]["total_errors"] == 0, made["summary"]
    assert made["summary"]["unknown_functions"] == []
    return openpyxl.load_workbook(io.BytesIO(made["bytes"]), data_only=True)


def _loaded(content: bytes, *, values: bool) -> Any:
    return openpyxl.load_workbook(io.BytesIO(content), data_only=values)


def _rows(book: Any, *names: str) -> dict[str, list[Any]]:
    """Line → its months, from all sheets of lines."""
    found = {}
    for name in names or ("Demand", "Capacity", "Revenue", "Costs", "Cash flow"):
        for row in book[name].iter_rows(min_row=5, values_only=True):
            if row[KEY - 1] and isinstance(row[KEY - 1], str):
                found[row[KEY - 1]] = list(row[FIRST_MONTH - 1 :])
    return found


def _indicators(book: Any, column: int = 2) -> dict[str, Any]:
    """Indicator → what its live cell shows."""
    rows = book["Indicators"].iter_rows(min_row=5, values_only=True)
    return {row[8]: row[column - 1] for row in rows if row[8]}


def _assert_same(cells: dict[str, Any], analysis: Analysis, tolerance: float) -> None:
    for key, figure in analysis.indicators.items():
        if figure.base is None or (key == "irr_per_year" and _may_be_several(cells, analysis)):
            assert isinstance(cells[key], str), (key, cells[key])
        else:
            assert cells[key] == pytest.approx(figure.base, rel=tolerance, abs=tolerance), key


def _may_be_several(cells: dict[str, Any], analysis: Analysis) -> bool:
    """Whether a changed workbook can't know that a rate of return is the only one, and says so."""
    flows = [flow for flow in analysis.series["net_cash_usd"].base if flow]
    changes = sum(before * after < 0 for before, after in pairwise(flows))
    return cells["irr_per_year"] == "n/a" and changes > 1


def _assert_all_same(book: Any, analysis: Analysis, tolerance: float) -> None:
    """Every indicator, and every month of every line."""
    _assert_same(_indicators(book), analysis, tolerance)
    rows = _rows(book)
    for key, series in analysis.series.items():
        found = [math.nan if value == "n/a" else value for value in rows[key]]
        wanted = pytest.approx(list(series.base), rel=tolerance, abs=tolerance, nan_ok=True)
        assert found == wanted, key


def _set(content: bytes, changes: dict[str, float | str]) -> bytes:
    """The workbook with some named inputs changed, as a person would."""
    book = _loaded(content, values=False)
    for key, value in changes.items():
        sheet, cell = next(iter(book.defined_names[key].destinations))
        book[sheet][cell].value = value
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


@pytest.fixture(scope="module")
def small_book(small) -> bytes:
    return render(small, "en", DAY)


@pytest.fixture(scope="module")
def base_book(base) -> bytes:
    return render(base, "en", DAY)


@pytest.mark.parametrize(
    "changed", [{}, {"price": 0.05}, {"lag": 5, "growth": 0.9}, {"requests": 1e6, "per_gpu": 7e3}]
)
def test_recalculated_lines_are_those_worked_out_by_hand(small_book, changed):
    content = _set(small_book, {f"sample.{key}": value for key, value in changed.items()})
    book = _recalculated(content)
    rows = _rows(book)
    for key, expected in sample.values(**changed).items():
        if math.isfinite(expected[0]):
            assert rows[key][: sample.MONTHS + 1] == pytest.approx(expected, rel=1e-9), key
        else:
            assert set(rows[key][: sample.MONTHS + 1]) == {"n/a"}


def test_recalculated_base_is_the_analysis(base, base_book):
    _assert_all_same(_recalculated(base_book), base, 1e-9)


def test_changed_inputs_give_what_evaluate_gives(base_book):
    changes = {
        "demand.requests_per_month": 3.3e7,
        "revenue.api.price_usd_per_million_output_tokens": 19.0,
        "company.tax_rate_share": 0.31,
    }
    given = scenario.with_overrides(scenario.load("base"), changes)
    _assert_same(
        _indicators(_recalculated(_set(base_book, changes))), evaluate(given, trials=0), 1e-9
    )


@pytest.mark.parametrize(
    ("rate", "name"),
    [
        (-0.31, "absurd"),
        (-0.2, "deep loss"),
        (0.004, "nearly nothing"),
        (0.19, "steep"),
        (9.0, "wild"),
    ],
)
def test_a_rate_of_return_is_found_wherever_it_lies(small, rate, name):
    """One payment and its return after ten months: the rate is known by construction."""
    flows = [0.0] * (sample.MONTHS + 1)
    flows[0], flows[10] = -1000.0, 1000.0 * (1 + rate) ** 10
    text = f"where(month == 0, -1000, where(month == 10, {flows[10]!r}, 0))"
    line = replace(small.lines["net_cash_usd"], formula=text)
    figure = Figure("irr_per_year", "share", (1 + rate) ** 12 - 1, line="net_cash_usd")
    given = replace(
        small,
        lines={"net_cash_usd": line},
        series={"net_cash_usd": replace(small.series["net_cash_usd"], base=tuple(flows))},
        indicators={"irr_per_year": figure},
    )
    book = _recalculated(render(given, "en", DAY))
    yearly = (1 + rate) ** 12 - 1
    shown = _indicators(book)["irr_per_year"]
    if yearly <= 10:
        assert shown == pytest.approx(yearly, rel=1e-9), name
    else:
        assert shown == "not meaningful", name


def test_several_rates_of_return_are_none(small):
    """Rates of 0, 100 and 200% a month: the classic flow that no program should answer."""
    text = "where(month == 0, -1000, where(month == 1, 6000, where(month == 2, -11000, 6000)))"
    text = f"where(month > 3, 0, {text})"
    flows = (-1000.0, 6000.0, -11000.0, 6000.0, *[0.0] * (sample.MONTHS - 3))
    given = replace(
        small,
        lines={"net_cash_usd": replace(small.lines["net_cash_usd"], formula=text)},
        series={"net_cash_usd": replace(small.series["net_cash_usd"], base=flows)},
        indicators={"irr_per_year": Figure("irr_per_year", "share", None, status="several")},
    )
    assert _indicators(_recalculated(render(given, "en", DAY)))["irr_per_year"] == "n/a"


def test_the_cases_switch_the_inputs_that_matter(small):
    """Low and high set the tornado's drivers to their worse and better ends, all at once."""
    content = render(small, "en", DAY)
    for case, given in (("Low", (0.015, 900)), ("High", (0.03, 350))):
        book = _recalculated(_set(content, {"plan.case": case}))
        expected = sample.values(price=given[0], rent=given[1])["npv_usd"][0]
        assert _indicators(book)["npv_usd"] == pytest.approx(expected, rel=1e-9)
        told = book["Summary"]["B7"].value
        assert told == ("earns money" if expected > 0 else "loses money")


def test_the_summary_shows_live_what_the_indicators_show(base, base_book):
    changes = {"demand.requests_per_month": 2.1e7, "company.tax_rate_share": 0.2}
    book = _recalculated(_set(base_book, changes))
    rows = book["Summary"].iter_rows(min_row=10, max_row=14, values_only=True)
    shown = {row[0]: row[1] for row in rows}
    found = _indicators(book)
    for key in ("npv_usd", "peak_funding_usd", "gross_margin_second_year_share"):
        assert shown[Words().name(key)] == pytest.approx(found[key])


def test_years_are_the_sums_of_their_months(base, base_book):
    book = _recalculated(base_book)
    rows = {row[0]: row[2:] for row in book["By year"].iter_rows(min_row=5, values_only=True)}
    for key in ("revenue_usd", "net_profit_usd", "net_cash_usd"):
        months = base.series[key].base
        years = [sum(months[first : first + 12]) for first in range(1, len(months), 12)]
        expected = [months[0], *years, sum(months)]
        shown = [value for value in rows[Words().name(key)] if value is not None]
        assert shown == pytest.approx(expected, rel=1e-9, abs=1e-6), key


def test_what_the_plan_does_not_use_is_folded(base, base_book):
    sheet = _loaded(base_book, values=False)["Inputs"]
    folded = {row for row, shape in sheet.row_dimensions.items() if shape.hidden}
    keys = {sheet.cell(row, 9).value: row in folded for row in range(5, sheet.max_row + 1)}
    assert keys["demand.requests_per_month"] is False
    assert 100 < len(folded) < len(base.drivers)


@pytest.mark.slow
def test_words_and_switches_can_be_changed(base_book):
    given = scenario.with_overrides(
        scenario.load("base"),
        {"compute.serving": "owned", "company.loss_carry_forward": False,
         "compute.depreciation": "declining"},
    )  # fmt: skip
    changes = {"compute.serving": "owned", "company.loss_carry_forward": 0,
               "compute.depreciation": "declining"}  # fmt: skip
    _assert_same(
        _indicators(_recalculated(_set(base_book, changes))), evaluate(given, trials=0), 1e-9
    )


def test_stored_values_are_those_of_the_formulas(base_book):
    stored, live = _loaded(base_book, values=True), _recalculated(base_book)
    for sheet in stored:
        for row in sheet.iter_rows():
            for cell in row:
                again = live[sheet.title][cell.coordinate].value
                if isinstance(cell.value, int | float):
                    assert again == pytest.approx(cell.value, rel=1e-9, abs=1e-6), cell
                else:
                    assert again == cell.value, cell


def test_only_inputs_are_constants(base_book):
    """Every month of every line is a formula, and no formula carries a figure of its own."""
    book = _loaded(base_book, values=False)
    for name in ("Demand", "Capacity", "Revenue", "Costs", "Cash flow"):
        for row in book[name].iter_rows(min_row=5, min_col=KEY):
            if row[0].value:
                assert all(str(cell.value).startswith("=") for cell in row[1:]), row[0].value
    for row in book["Indicators"].iter_rows(min_row=5, max_col=2):
        assert row[1].value is None or str(row[1].value).startswith("="), row[0].value


def test_every_driver_is_a_named_cell_with_unit_and_source(base, base_book):
    book = _loaded(base_book, values=False)
    for key, use in base.drivers.items():
        if use.unit and use.by_month is None and key in book.defined_names:
            sheet, cell = next(iter(book.defined_names[key].destinations))
            row = book[sheet][cell.replace("$", "")].row
            assert book[sheet].cell(row, 9).value == key
            assert book[sheet].cell(row, 12).value
    single = {key for key in base.drivers if load_drivers()[key].kind != "monthly"}
    assert set(book.defined_names) >= single


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_sheets_charts_and_print_set_up(small, language):
    book = _loaded(render(small, language, DAY), values=False)
    assert len(book.sheetnames) == len(ORDER)
    for sheet in book:
        assert sheet.page_setup.paperSize == 9
        portrait = sheet.title == book.sheetnames[0]
        assert sheet.page_setup.orientation == ("portrait" if portrait else "landscape")
    assert book.active.title == book.sheetnames[0]
    assert sum(len(sheet._charts) for sheet in book) >= 3


@pytest.mark.slow
def test_money_stands_in_the_currency_asked_and_follows_its_rate(base):
    """Every sheet of another currency holds the USD workbook's amounts over the rate."""
    dollars = _recalculated(render(base, "en", DAY))
    content = render(replace(base, currency="CNY", usd_per_currency=0.14), "en", DAY)
    at_other_rate = _set(content, {"currency.usd_per_unit": 0.2})
    for rate, book in ((0.14, _recalculated(content)), (0.2, _recalculated(at_other_rate))):
        for key, line in base.lines.items():
            over = rate if line.unit.startswith("usd") else 1.0
            usd, own = (_rows(one)[key] for one in (dollars, book))
            for one, other in zip(own, usd, strict=True):
                if isinstance(other, int | float):
                    assert one == pytest.approx(other / over, rel=1e-6, abs=1e-6), key
    rows = {row[8]: row for row in book["Indicators"].iter_rows(min_row=5, values_only=True)}
    assert rows["npv_usd"][2] == "CNY"
    assert rows["npv_usd"][7] == pytest.approx(base.indicators["npv_usd"].base / 0.14)


@pytest.mark.slow
def test_no_dollar_is_left_in_a_workbook_of_another_currency(base):
    book = _loaded(render(replace(base, currency="CNY", usd_per_currency=0.14), "zh_CN", DAY),
                   values=False)  # fmt: skip
    units = {cell.value for sheet in book for row in sheet.iter_rows(min_col=2, max_col=3)
             for cell in row if isinstance(cell.value, str) and "USD" in cell.value}  # fmt: skip
    assert units == {"USD/CNY"}


@pytest.mark.parametrize("name", ["chat_api_startup", "enterprise_on_premises", "medical_vision"])
def test_the_model_is_homogeneous_in_money(name):
    """Prices and amounts times seven: every amount is, and nothing else moves."""
    plan = scenario.load(name)
    basis = assumptions(plan, {})
    known = basis.model.completed(basis.values)
    money = {key: is_money(basis.model.drivers[key].unit) for key in known}
    times = {key: 7 * np.asarray(value) if money[key] else value for key, value in known.items()}
    one, other = (basis.model.run(values, basis.model.formulas) for values in (known, times))
    for key, formula in basis.model.formulas.items():
        wanted = one[key] * (7 if is_money(formula.line.unit) else 1)
        assert other[key] == pytest.approx(wanted, rel=1e-6, abs=1e-4, nan_ok=True), key


def test_the_checks_hold(base_book):
    book = _recalculated(base_book)
    results = [row[4] for row in book["Checks"].iter_rows(min_row=5, values_only=True) if row[4]]
    assert len(results) >= 6
    assert set(results) == {"holds", "as exported"}


@pytest.mark.parametrize("text", FEW.values(), ids=FEW)
def test_hostile_text_stays_text(text):
    content = render(sample.hostile(text), "en", DAY)
    book = _loaded(content, values=False)
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                formula = cell.data_type == "f"
                assert not (formula and ("cmd" in cell.value or "HYPERLINK" in cell.value)), cell
                assert cell.hyperlink is None
    _recalculated(content)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_of_a_workbook_is_in_the_catalogue(small, language):
    book = _loaded(render(small, language, DAY), values=False)
    words = [str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not [word for word in words if word.startswith(("report.", "name.", "unit.", "kind."))]


def test_the_same_inputs_give_the_same_bytes(small):
    assert render(small, "zh_CN", DAY) == render(small, "zh_CN", DAY)


@pytest.mark.slow
@pytest.mark.skipif(office.PROGRAM is None, reason="LibreOffice is not installed")
@pytest.mark.parametrize("name", SCENARIOS)
def test_libreoffice_agrees_from_scratch_and_after_a_change(name: str, tmp_path: Path):
    """Every indicator, every scenario; then the same after changing five inputs in the file."""
    given = scenario.load(name)
    analysis = evaluate(given, trials=0)
    path = tmp_path / "report.xlsx"
    path.write_bytes(render(analysis, "en", DAY))
    book = openpyxl.load_workbook(office.convert(path, tmp_path, "xlsx"), data_only=True)
    _assert_all_same(book, analysis, 1e-6)
    _assert_no_error(book)
    changes = _five(analysis, name)
    path.write_bytes(_set(path.read_bytes(), changes))
    book = openpyxl.load_workbook(office.convert(path, tmp_path, "xlsx"), data_only=True)
    pinned = {**_as_exported(analysis), **changes}
    changed = evaluate(scenario.with_overrides(given, pinned), trials=0)
    _assert_all_same(book, changed, 1e-6)
    _assert_no_error(book)


def _as_exported(analysis: Analysis) -> dict[str, float]:
    """Rates that were predicted or measured: a workbook holds them, a new run seeks them anew."""
    bases = ("measured", "interpolated", "extrapolated")
    return {key: use.value for key, use in analysis.drivers.items()
            if use.basis in bases and not use.changed}  # fmt: skip


def _five(analysis: Analysis, seed: str) -> dict[str, float]:
    """Five inputs that the plan uses, drawn at random, each up to a quarter higher or lower."""
    rows, draw = load_drivers(), np.random.default_rng(zlib.crc32(seed.encode()))
    used = in_use(analysis).drivers
    known = sorted(
        key for key, use in analysis.drivers.items()
        if key in used and use.value and rows[key].kind == "number"
        and not key.startswith(("simulation.", "verdict."))
    )  # fmt: skip
    changes = {}
    for key in draw.choice(known, 5, replace=False).tolist():
        value = analysis.drivers[key].value * draw.uniform(0.8, 1.25)
        low, high = rows[key].minimum, rows[key].maximum
        value = value if low is None else max(low, value)
        changes[key] = value if high is None else min(high, value)
    return changes


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_five_random_changes_give_what_evaluate_gives(name):
    given = scenario.load(name)
    analysis = evaluate(given, trials=0)
    content = render(analysis, "en", DAY)
    _assert_all_same(_recalculated(content), analysis, 1e-6)
    changes = _five(analysis, name)
    pinned = {**_as_exported(analysis), **changes}
    changed = evaluate(scenario.with_overrides(given, pinned), trials=0)
    _assert_all_same(_recalculated(_set(content, changes)), changed, 1e-6)


def _assert_no_error(book: Any) -> None:
    errors = [
        cell.coordinate
        for sheet in book
        for row in sheet.iter_rows()
        for cell in row
        if cell.data_type == "e"
    ]
    assert not errors
